//! Questions to BTF: what a function takes, what a pointer leads to, which lock is at an offset.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::btf::{Raw, Type, kind};

/// Structures that are locks themselves: what is inside them is no member of anybody's.
const LOCKS: &[&str] = &[
    "mutex",
    "rw_semaphore",
    "ww_mutex",
    "percpu_rw_semaphore",
    "semaphore",
    "rt_mutex",
];

/// As deep as structures are nested, and far deeper.
const MAX_DEPTH: usize = 16;

/// A structure or union of a [`Types`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StructId(u32);

/// A lock that is a member.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Member {
    /// The innermost structure with a name that it is in, and the path from there.
    pub structure: String,
    /// `lock`, `power.lock`, `locks[]`.
    pub path: String,
    /// Every structure with a name that it is in, the outermost first, with the lock's offset in it in bytes. Empty when no type tells.
    pub holders: Vec<(String, u64)>,
}

impl Member {
    /// One of which only the name is known that it is initialised with.
    pub fn untyped(name: &str) -> Self {
        Self {
            structure: String::new(),
            path: name.to_owned(),
            holders: Vec::new(),
        }
    }
}

/// What a function takes and gives, as far as it is a pointer to a structure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prototype {
    /// By register, in the order of the System V ABI.
    pub arguments: Vec<Option<StructId>>,
    /// What it returns.
    pub result: Option<StructId>,
}

/// The types of the kernel, or of a module and the kernel.
#[derive(Clone)]
pub struct Types(Arc<Raw>);

impl Types {
    /// Of BTF, with all that makes questions cheap.
    ///
    /// # Errors
    /// When this is no BTF of the known layout.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, &'static str> {
        let raw = Raw::parse(bytes, &FxHashSet::default())?;
        raw.by_name();
        Ok(Self(Arc::new(raw)))
    }

    /// Those of a module, which refer to these; none when it is not split BTF of this kernel.
    pub fn of_module(&self, bytes: Vec<u8>) -> Option<Self> {
        self.0.of_module(bytes).ok().map(|raw| Self(Arc::new(raw)))
    }

    /// The structure of a name; none when there are several.
    pub fn structure(&self, name: &str) -> Option<StructId> {
        match self.0.numbers(name, kind::STRUCT).as_slice() {
            [only] => Some(StructId(*only)),
            _ => None,
        }
    }

    /// Size of a structure in bytes.
    pub fn size_of(&self, structure: StructId) -> Option<u64> {
        self.size(structure.0)
    }

    /// Offset of a member in bytes, those of anonymous structures included.
    pub fn offset(&self, structure: StructId, name: &str) -> Option<u64> {
        let (_, found) = self.plain(structure.0)?;
        self.0.members(found).find_map(|member| {
            let start = u64::from(member.bits / 8);
            match member.name {
                own if own == name => Some(start),
                "" => Some(start + self.offset(StructId(member.target), name)?),
                _ => None,
            }
        })
    }

    /// The prototype of a function; none when functions of that name differ in it.
    pub fn prototype(&self, function: &str) -> Option<Prototype> {
        let numbers = self.0.numbers(function, kind::FUNC);
        let mut prototypes = numbers
            .into_iter()
            .filter_map(|number| self.0.get(self.0.get(number)?.target))
            .filter(|found| found.kind == kind::FUNC_PROTO)
            .map(|found| self.registers(found));
        let first = prototypes.next()?;
        prototypes.all(|other| other == first).then_some(first)
    }

    fn registers(&self, prototype: Type) -> Prototype {
        let arguments = self
            .0
            .parameters(prototype)
            .map_while(|id| {
                // 0 stands for any number of arguments. A structure that is passed as such takes none, one or two registers: what is behind it is not known.
                match self.plain(id)? {
                    (_, found) if is_compound(found) => None,
                    (_, found) => Some(self.pointee(found)),
                }
            })
            .take(6)
            .collect();
        let result = self.plain(prototype.target).and_then(|(_, found)| self.pointee(found));
        Prototype { arguments, result }
    }

    /// A type without typedefs and qualifiers.
    fn plain(&self, mut id: u32) -> Option<(u32, Type)> {
        for _ in 0..MAX_DEPTH {
            let found = self.0.get(id)?;
            match found.kind {
                kind::TYPEDEF | kind::CONST | kind::VOLATILE | kind::RESTRICT | kind::TYPE_TAG => id = found.target,
                _ => return Some((id, found)),
            }
        }
        None
    }

    /// The structure that a pointer leads to.
    fn pointee(&self, pointer: Type) -> Option<StructId> {
        let (id, found) = self.plain((pointer.kind == kind::PTR).then_some(pointer.target)?)?;
        is_compound(found).then_some(StructId(id))
    }

    /// The structure that the pointer at an offset leads to; none when members of a union disagree.
    pub fn pointer_at(&self, structure: StructId, offset: u64) -> Option<StructId> {
        let mut found = Vec::new();
        self.pointers(structure.0, offset, MAX_DEPTH, &mut found);
        let first = *found.first()?;
        found.iter().all(|&other| other == first).then_some(first)
    }

    fn pointers(&self, id: u32, offset: u64, depth: usize, found: &mut Vec<StructId>) {
        let Some((_, plain)) = self.plain(id) else { return };
        if depth == 0 {
            return;
        }
        match plain.kind {
            kind::STRUCT | kind::UNION => {
                for (_, start, member) in self.members_at(plain, offset) {
                    self.pointers(member, offset - start, depth - 1, found);
                }
            }
            kind::ARRAY => {
                if let Some((element, size)) = self.element(plain) {
                    self.pointers(element, offset % size, depth - 1, found);
                }
            }
            _ if offset == 0 => found.extend(self.pointee(plain)),
            _ => {}
        }
    }

    /// The lock at an offset of a structure, exactly there; none when members of a union disagree, or nothing is there.
    pub fn lock_at(&self, structure: StructId, offset: u64) -> Option<Member> {
        let mut found = Vec::new();
        let mut way = Way::default();
        self.locks(structure.0, offset, "", &mut way, &mut found);
        let first = found.first()?;
        found.iter().all(|other| other == first).then(|| first.clone())
    }

    fn locks(&self, id: u32, offset: u64, name: &str, way: &mut Way, found: &mut Vec<Member>) {
        let Some((_, plain)) = self.plain(id) else { return };
        if way.depth == MAX_DEPTH {
            return;
        }
        match plain.kind {
            kind::STRUCT | kind::UNION => {
                let own = self.0.name(plain);
                if LOCKS.contains(&own) {
                    if offset == 0 && !way.holders.is_empty() {
                        found.push(way.member(name));
                    }
                    return;
                }
                let before = way.clone();
                way.enter(own, name, offset);
                for (name, start, member) in self.members_at(plain, offset) {
                    self.locks(member, offset - start, name, way, found);
                }
                *way = before;
            }
            kind::ARRAY => {
                if let Some((element, size)) = self.element(plain) {
                    way.depth += 1;
                    self.locks(element, offset % size, &format!("{name}[]"), way, found);
                    way.depth -= 1;
                }
            }
            _ => {}
        }
    }

    /// Members that an offset is in: name, offset and type. A union has several.
    fn members_at(&self, structure: Type, offset: u64) -> Vec<(&str, u64, u32)> {
        self.0
            .members(structure)
            .filter_map(|member| {
                let start = u64::from(member.bits / 8);
                let size = || self.size(member.target);
                (start <= offset && offset - start < size()?).then_some((member.name, start, member.target))
            })
            .collect()
    }

    fn element(&self, array: Type) -> Option<(u32, u64)> {
        let (id, _) = self.0.elements(array)?;
        self.size(id).filter(|&size| size > 0).map(|size| (id, size))
    }

    /// Size of a type in bytes; that of what is neither structure, array nor pointer does not matter here.
    fn size(&self, id: u32) -> Option<u64> {
        let (_, found) = self.plain(id)?;
        Some(match found.kind {
            kind::STRUCT | kind::UNION => u64::from(found.target),
            kind::ARRAY => {
                let (element, length) = self.0.elements(found)?;
                u64::from(length) * self.size(element)?
            }
            _ => 8,
        })
    }
}

fn is_compound(found: Type) -> bool {
    matches!(found.kind, kind::STRUCT | kind::UNION)
}

/// Where the search for a lock is.
#[derive(Clone, Debug, Default)]
struct Way {
    holders: Vec<(String, u64)>,
    path: Vec<String>,
    depth: usize,
}

impl Way {
    /// Into a structure, which is member `name` of the one before. One with a name of its own is where the path begins.
    fn enter(&mut self, own: &str, name: &str, offset: u64) {
        self.depth += 1;
        if own.is_empty() {
            if !name.is_empty() {
                self.path.push(name.to_owned());
            }
        } else {
            self.path.clear();
            self.holders.push((own.to_owned(), offset));
        }
    }

    fn member(&self, name: &str) -> Member {
        let mut path = self.path.clone();
        path.push(name.to_owned());
        Member {
            structure: self.holders.last().map(|(name, _)| name.clone()).unwrap_or_default(),
            path: path.join("."),
            holders: self.holders.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::blob::{Blob, devlink},
        *,
    };

    fn lock(structure: &str, offset: u64) -> Option<String> {
        let types = devlink();
        let member = types.lock_at(types.structure(structure)?, offset)?;
        Some(format!("{}->{}", member.structure, member.path))
    }

    #[test]
    fn a_lock_is_the_member_of_the_innermost_structure_with_a_name() {
        assert_eq!(lock("devlink", 8).as_deref(), Some("devlink->lock"));
        assert_eq!(lock("device", 8).as_deref(), Some("device->mutex"));
        assert_eq!(lock("device", 48).as_deref(), Some("dev_pm_info->lock"));
        assert_eq!(lock("device", 80).as_deref(), Some("device->state.lock"));
        assert_eq!(lock("device", 112 + 64).as_deref(), Some("device->locks[]"));
    }

    #[test]
    fn its_holders_are_told_from_the_outermost_on() {
        let types = devlink();
        let member = types.lock_at(types.structure("device").unwrap(), 48).unwrap();
        assert_eq!(
            member.holders,
            [("device".to_owned(), 48), ("dev_pm_info".to_owned(), 8)]
        );
    }

    #[test]
    fn what_is_no_lock_or_outside_is_none() {
        for (structure, offset) in [
            ("devlink", 0),
            ("devlink", 12),
            ("devlink", 56),
            ("device", 4096),
            ("mutex", 0),
        ] {
            assert_eq!(lock(structure, offset), None, "{structure}+{offset}");
        }
        assert_eq!(lock("no_such", 0), None);
    }

    #[test]
    fn offsets_of_members() {
        let types = devlink();
        let structure = types.structure("devlink").unwrap();
        assert_eq!(types.offset(structure, "dev"), Some(40));
        assert_eq!(types.offset(structure, "device"), Some(48), "in an anonymous union");
        assert_eq!(types.offset(structure, "no_such"), None);
        assert_eq!(types.size_of(structure), Some(56));
    }

    #[test]
    fn pointers_are_followed_through_typedefs_and_not_where_a_union_disagrees() {
        let types = devlink();
        let structure = types.structure("devlink").unwrap();
        assert_eq!(types.pointer_at(structure, 40), types.structure("device"));
        assert_eq!(types.pointer_at(structure, 48), None, "a device or a mutex");
        assert_eq!(types.pointer_at(structure, 0), None, "a number");
        assert_eq!(types.pointer_at(structure, 44), None, "half of a pointer");
    }

    #[test]
    fn prototypes_by_register() {
        let types = devlink();
        let get = types.prototype("devlink_get").unwrap();
        assert_eq!(get.arguments, [None, types.structure("device")]);
        assert_eq!(get.result, types.structure("devlink"));
        let by_value = types.prototype("by_value").unwrap();
        assert_eq!(
            by_value.arguments,
            [types.structure("devlink")],
            "what is behind a structure is not known"
        );
        assert_eq!(types.prototype("twice"), None, "two of one name");
        assert_eq!(types.prototype("no_such"), None);
    }

    #[test]
    fn a_module_has_types_of_its_own_and_those_of_the_kernel() {
        let mut kernel = Blob::default();
        let int = kernel.int("long");
        let mutex = kernel.structure("mutex", 32, &[("owner", int, 0)]);
        let device = kernel.structure("device", 40, &[("mutex", mutex, 8)]);
        let mut module = Blob::behind(&kernel);
        let to_device = module.pointer(device);
        let own = module.structure("dlock_dev", 48, &[("device", to_device, 0), ("state", mutex, 8)]);
        let to_own = module.pointer(own);
        module.function("dlock_load_one", 0, &[to_own]);
        let kernel = Types::parse(kernel.bytes()).unwrap();
        let module = kernel.of_module(module.bytes()).unwrap();
        let own = module.structure("dlock_dev").unwrap();
        let member = module.lock_at(own, 8).unwrap();
        assert_eq!(
            (member.structure.as_str(), member.path.as_str()),
            ("dlock_dev", "state")
        );
        assert_eq!(module.pointer_at(own, 0), module.structure("device"));
        assert_eq!(
            module.lock_at(module.structure("device").unwrap(), 8).unwrap().path,
            "mutex"
        );
        assert_eq!(module.prototype("dlock_load_one").unwrap().arguments, [Some(own)]);
        assert_eq!(kernel.structure("dlock_dev"), None);
        assert!(kernel.of_module(b"\x9f\xeb".to_vec()).is_none());
    }
}
