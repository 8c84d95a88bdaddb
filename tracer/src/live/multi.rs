//! Hooks one program to many functions: see `tracer_common::multi`.
//!
//! aya 0.14 knows neither `kprobe.multi` nor `kprobe.session`. So the programs for them, which are an object of their own, are made ready by its parser with the maps of the other object,
//! and loaded and hooked by the system call.

use std::{
    collections::BTreeMap,
    io, iter,
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd},
};

use aya::{Ebpf, maps::Map, util::nr_cpus};
use aya_obj::{
    Function, Object, Program,
    btf::BtfFeatures,
    generated::{
        bpf_attach_type::BPF_TRACE_KPROBE_MULTI, bpf_cmd, bpf_link_info, bpf_prog_info,
        bpf_prog_type::BPF_PROG_TYPE_KPROBE,
    },
};
use tracer_common::multi::{Member, Multi};

use super::{
    error::chain,
    kernel,
    syscall::{attr, call, fd_of},
};

/// `BPF_TRACE_KPROBE_SESSION` (include/uapi/linux/bpf.h, 6.10).
const SESSION: u32 = 56;

/// The first kernel that remembers with each task where its calls return (kernel/trace/fprobe.c). Before it there is room for twice as many calls as there are CPUs, for each of a hook's
/// functions: tasks that wait for a lock would soon fill it, and nothing of the next be seen.
const RETURNS_KNOWN_SINCE: (u16, u16) = (6, 14);

/// Calls under way that there is to be room for.
const CALLS: usize = 4096;

/// What is told of a program that is refused.
const LOG_BYTES: usize = 64 << 10;

/// The programs, ready to be loaded.
pub(super) struct Programs {
    btf: OwnedFd,
    programs: BTreeMap<String, (Program, Function)>,
}

/// A program that is hooked.
pub(super) struct Hooked {
    pub(super) multi: &'static Multi,
    pub(super) program: OwnedFd,
    link: OwnedFd,
}

/// The maps of an object, by their names.
pub(super) fn maps(ebpf: &Ebpf) -> Vec<(String, RawFd)> {
    let fd = |map: &Map| match map {
        Map::Array(map)
        | Map::HashMap(map)
        | Map::LruHashMap(map)
        | Map::PerCpuArray(map)
        | Map::PerCpuHashMap(map)
        | Map::RingBuf(map) => Some(map.fd().as_fd().as_raw_fd()),
        _ => None,
    };
    let maps = ebpf.maps().filter_map(|(name, map)| Some((name.to_owned(), fd(map)?)));
    maps.collect()
}

impl Programs {
    /// Makes the programs of an object ready, whose maps are there.
    ///
    /// # Errors
    /// Why that is not possible, in words.
    pub(super) fn new(object: &[u8], maps: &[(String, RawFd)]) -> Result<Self, String> {
        let mut object = Object::parse(object).map_err(|error| chain(&error))?;
        // Any kernel that has these hooks has all of that.
        let features = BtfFeatures::new(true, true, true, true, true, true, true, true);
        let types = object
            .fixup_and_sanitize_btf(&features)
            .map_err(|error| chain(&error))?;
        let types = types.ok_or("the eBPF object has no types")?;
        let btf = load_types(&types.to_bytes()).map_err(|error| format!("its types: {error}"))?;
        let descriptions = std::mem::take(&mut object.maps);
        let maps = maps
            .iter()
            .filter_map(|(name, fd)| Some((name.as_str(), *fd, descriptions.get(name)?)));
        let sections = object.functions.keys().map(|(section, _)| *section).collect();
        object.relocate_maps(maps, &sections).map_err(|error| chain(&error))?;
        object.relocate_calls(&sections).map_err(|error| chain(&error))?;
        let mut functions = object.functions;
        let programs = object.programs.into_iter().filter_map(|(name, program)| {
            let function = functions.remove(&program.function_key())?;
            Some((name, (program, function)))
        });
        Ok(Self {
            btf,
            programs: programs.collect(),
        })
    }

    /// Loads one of them.
    ///
    /// # Errors
    /// Why it is refused, in words.
    pub(super) fn load(&self, multi: &Multi) -> Result<OwnedFd, String> {
        let (program, function) = self.programs.get(multi.program).ok_or("it is not in the eBPF object")?;
        let functions = function.func_info.func_info_bytes();
        let mut attr = attr();
        // SAFETY: the part of the union that this command takes; all of it is zero.
        let load = unsafe { &mut attr.__bindgen_anon_3 };
        for (to, from) in load.prog_name.iter_mut().zip(multi.program.as_bytes()) {
            *to = from.cast_signed();
        }
        load.prog_type = BPF_PROG_TYPE_KPROBE as u32;
        load.expected_attach_type = attach_type(multi);
        load.insns = function.instructions.as_ptr() as u64;
        load.insn_cnt = function.instructions.len() as u32;
        load.license = program.license.as_ptr() as u64;
        load.prog_btf_fd = self.btf.as_raw_fd().cast_unsigned();
        load.func_info = functions.as_ptr() as u64;
        load.func_info_cnt = function.func_info.len() as u32;
        load.func_info_rec_size = function.func_info_rec_size as u32;
        let refusal = match fd_of(bpf_cmd::BPF_PROG_LOAD, &mut attr) {
            Ok(program) => return Ok(program),
            Err(refusal) => refusal,
        };
        let mut log = vec![0; LOG_BYTES];
        // SAFETY: as above.
        let load = unsafe { &mut attr.__bindgen_anon_3 };
        load.log_level = 1;
        load.log_buf = log.as_mut_ptr() as u64;
        load.log_size = LOG_BYTES as u32;
        fd_of(bpf_cmd::BPF_PROG_LOAD, &mut attr).map_err(|_| {
            let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
            format!("{refusal}: {}", String::from_utf8_lossy(&log[..end]))
        })
    }
}

/// Hooks a program to functions, each with its address.
///
/// # Errors
/// What the kernel says.
pub(super) fn hook(multi: &'static Multi, program: OwnedFd, functions: &[(Member, u64)]) -> io::Result<Hooked> {
    // A function that stands there twice is hooked once, and has room for twice as many calls.
    let times = if multi.is_session && kernel::release() < RETURNS_KNOWN_SINCE {
        let cpus = nr_cpus().map_err(|(_, error)| error)?;
        CALLS.div_ceil(2 * cpus * functions.len().max(1))
    } else {
        1
    };
    let functions = || iter::repeat_n(functions, times).flatten();
    let addresses: Vec<u64> = functions().map(|(_, address)| *address).collect();
    let cookies: Vec<u64> = functions().map(|(member, _)| member.cookie()).collect();
    let mut attr = attr();
    attr.link_create.attach_type = attach_type(multi);
    attr.link_create.__bindgen_anon_1.prog_fd = program.as_raw_fd().cast_unsigned();
    // SAFETY: as in `load`.
    let many = unsafe { &mut attr.link_create.__bindgen_anon_3.kprobe_multi };
    many.cnt = addresses.len() as u32;
    many.addrs = addresses.as_ptr() as u64;
    many.cookies = cookies.as_ptr() as u64;
    let link = fd_of(bpf_cmd::BPF_LINK_CREATE, &mut attr)?;
    Ok(Hooked { multi, program, link })
}

/// How many instructions the verifier looked at for a program.
pub(super) fn verified_instructions(program: BorrowedFd<'_>) -> Option<u32> {
    // SAFETY: integers only.
    let mut info: bpf_prog_info = unsafe { std::mem::zeroed() };
    describe(program, &mut info)?;
    (info.verified_insns > 0).then_some(info.verified_insns)
}

/// How many calls a hook has missed before its program came to run: where a function is called from the kernel's own tracing, and where more tasks are within
/// such functions than there is room to remember where they return (`fprobe_init_rethook()` in kernel/trace/fprobe.c, 6.12).
pub(super) fn missed(link: BorrowedFd<'_>) -> Option<u64> {
    // SAFETY: integers only.
    let mut info: bpf_link_info = unsafe { std::mem::zeroed() };
    describe(link, &mut info)?;
    // SAFETY: what the kernel fills in for such a hook.
    Some(unsafe { info.__bindgen_anon_1.kprobe_multi.missed })
}

impl Hooked {
    /// The hook itself.
    pub(super) fn link(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }
}

/// Has the kernel fill in what it tells of a program or a hook.
fn describe<T>(what: BorrowedFd<'_>, info: &mut T) -> Option<()> {
    let mut attr = attr();
    attr.info.bpf_fd = what.as_raw_fd().cast_unsigned();
    attr.info.info_len = size_of::<T>() as u32;
    attr.info.info = &raw mut *info as u64;
    call(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, &mut attr).ok().map(|_| ())
}

fn attach_type(multi: &Multi) -> u32 {
    if multi.is_session {
        SESSION
    } else {
        BPF_TRACE_KPROBE_MULTI as u32
    }
}

fn load_types(types: &[u8]) -> io::Result<OwnedFd> {
    let mut attr = attr();
    // SAFETY: as in `load`.
    let load = unsafe { &mut attr.__bindgen_anon_7 };
    load.btf = types.as_ptr() as u64;
    load.btf_size = types.len() as u32;
    fd_of(bpf_cmd::BPF_BTF_LOAD, &mut attr)
}
