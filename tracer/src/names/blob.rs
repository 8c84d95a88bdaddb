//! BTF made by hand, for tests. Layout: `Documentation/bpf/btf.rst`.

use super::types::Types;

const INT: u32 = 1;
const POINTER: u32 = 2;
const ARRAY: u32 = 3;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const TYPEDEF: u32 = 8;
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;

/// Types in the making; each function gives the number of the type that it adds.
#[derive(Default)]
pub(crate) struct Blob {
    types: Vec<u32>,
    strings: Vec<u8>,
    count: u32,
    /// Length of the kernel's strings, when these are a module's types.
    before: u32,
}

impl Blob {
    /// Types of a module of the kernel that has these.
    pub(crate) fn behind(kernel: &Self) -> Self {
        Self {
            count: kernel.count,
            before: kernel.strings.len() as u32,
            ..Self::default()
        }
    }

    fn add(&mut self, name: &str, info: u32, size_or_type: u32, rest: &[u32]) -> u32 {
        let name = self.name(name);
        self.types.extend([name, info, size_or_type]);
        self.types.extend(rest);
        self.count += 1;
        self.count
    }

    fn name(&mut self, name: &str) -> u32 {
        if self.strings.is_empty() {
            self.strings.push(0);
        }
        if name.is_empty() {
            return 0;
        }
        let at = self.before + self.strings.len() as u32;
        self.strings.extend(name.bytes());
        self.strings.push(0);
        at
    }

    pub(crate) fn int(&mut self, name: &str) -> u32 {
        self.add(name, INT << 24, 8, &[64])
    }

    pub(crate) fn pointer(&mut self, to: u32) -> u32 {
        self.add("", POINTER << 24, to, &[])
    }

    pub(crate) fn typedef(&mut self, name: &str, of: u32) -> u32 {
        self.add(name, TYPEDEF << 24, of, &[])
    }

    pub(crate) fn array(&mut self, of: u32, index: u32, length: u32) -> u32 {
        self.add("", ARRAY << 24, 0, &[of, index, length])
    }

    /// Members are name, type and offset in bytes.
    pub(crate) fn structure(&mut self, name: &str, size: u32, members: &[(&str, u32, u32)]) -> u32 {
        self.compound(STRUCT, name, size, members)
    }

    pub(crate) fn union(&mut self, size: u32, members: &[(&str, u32, u32)]) -> u32 {
        self.compound(UNION, "", size, members)
    }

    fn compound(&mut self, kind: u32, name: &str, size: u32, members: &[(&str, u32, u32)]) -> u32 {
        let rest: Vec<u32> = members
            .iter()
            .flat_map(|&(name, id, offset)| [self.name(name), id, offset * 8])
            .collect();
        self.add(name, kind << 24 | members.len() as u32, size, &rest)
    }

    pub(crate) fn function(&mut self, name: &str, result: u32, arguments: &[u32]) -> u32 {
        let rest: Vec<u32> = arguments.iter().flat_map(|&id| [0, id]).collect();
        let prototype = self.add("", FUNC_PROTO << 24 | arguments.len() as u32, result, &rest);
        self.add(name, FUNC << 24 | 1, prototype, &[])
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let types: Vec<u8> = self.types.iter().flat_map(|number| number.to_le_bytes()).collect();
        let mut btf = vec![0x9f, 0xeb, 1, 0];
        for number in [24, 0, types.len(), types.len(), self.strings.len()] {
            btf.extend((number as u32).to_le_bytes());
        }
        btf.extend(types);
        btf.extend(&self.strings);
        btf
    }
}

/// `struct devlink` with its lock at 8 and a pointer to its device at 40; `struct device` with its mutex at 8 and another in its `power` at 48.
pub(crate) fn devlink() -> Types {
    let mut blob = Blob::default();
    let int = blob.int("long");
    let mutex = blob.structure("mutex", 32, &[("owner", int, 0)]);
    let inner = blob.structure("", 32, &[("lock", mutex, 0)]);
    let power = blob.structure("dev_pm_info", 40, &[("flags", int, 0), ("lock", mutex, 8)]);
    let locks = blob.array(mutex, int, 4);
    let device = blob.structure(
        "device",
        280,
        &[
            ("parent", int, 0),
            ("mutex", mutex, 8),
            ("power", power, 40),
            ("state", inner, 80),
            ("locks", locks, 112),
        ],
    );
    let to_device = blob.pointer(device);
    let device_t = blob.typedef("device_t", to_device);
    let to_mutex = blob.pointer(mutex);
    let either = blob.union(8, &[("device", to_device, 0), ("lock", to_mutex, 0)]);
    let devlink = blob.structure(
        "devlink",
        56,
        &[
            ("index", int, 0),
            ("lock", mutex, 8),
            ("dev", device_t, 40),
            ("", either, 48),
        ],
    );
    let to_devlink = blob.pointer(devlink);
    blob.function("devl_lock", 0, &[to_devlink]);
    blob.function("devlink_get", to_devlink, &[int, to_device]);
    blob.function("devlink_put", 0, &[to_devlink]);
    blob.function("by_value", 0, &[to_devlink, device, to_device]);
    blob.function("mutex_lock", 0, &[to_mutex]);
    blob.function("lock_it", 0, &[int, to_mutex]);
    blob.function("twice", 0, &[to_devlink]);
    blob.function("twice", 0, &[to_device]);
    Types::parse(blob.bytes()).unwrap()
}
