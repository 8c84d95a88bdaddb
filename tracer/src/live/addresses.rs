//! Where the functions are that the programs know by their address.
//!
//! To read all symbols takes a fifth of a start, and only names need them. So the kernel is asked for each function, where it finds one without going through all of them
//! (`kallsyms_lookup_name()` in kernel/kallsyms.c, from 6.2 on): by a small program, because a process cannot ask.

use std::{
    collections::BTreeMap,
    io,
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd},
};

use aya_obj::generated::{bpf_cmd, bpf_func_id::BPF_FUNC_kallsyms_lookup_name, bpf_prog_type::BPF_PROG_TYPE_SYSCALL};
use tracer_common::probe::{MAX_PROBES, PROBES, Probe};

use super::{
    kernel,
    syscall::{attr, call, fd_of},
};
use crate::names::symbol::Symbols;

/// What the programs know by its address: each probe's function, in the order of the table, and the type of devices; 0 when unknown.
pub(super) type Addresses = [u64; MAX_PROBES + 1];

/// The kobject type that tells a `struct device` from any other memory (`drivers/base/core.c`).
const DEVICE_TYPE: &str = "device_ktype";

/// The first kernel that finds a symbol quickly.
const FOUND_QUICKLY_SINCE: (u16, u16) = (6, 2);

/// Room for a name and the zero behind it.
const NAME_LEN: usize = 64;

/// `BPF_F_SLEEPABLE` (include/uapi/linux/bpf.h): programs that are called have to be.
const SLEEPABLE: u32 = 1 << 4;

/// `ENOENT`, as the program gives it back.
const NOT_FOUND: i32 = -libc::ENOENT;

/// What the program gets: a name that ends with a zero. It leaves the address in place of its beginning.
#[repr(C, align(8))]
struct Question([u8; NAME_LEN]);

/// Whether this kernel can be asked.
pub(super) fn can_be_asked() -> bool {
    kernel::release() >= FOUND_QUICKLY_SINCE
}

/// Asks for the functions of the probes that are `wanted`.
///
/// # Errors
/// When the kernel does not tell.
pub(super) fn ask(wanted: impl Fn(&Probe) -> bool) -> io::Result<Addresses> {
    let program = load()?;
    let mut known = BTreeMap::new();
    let mut address = |name: &'static str| {
        if let Some(&address) = known.get(name) {
            return Ok(address);
        }
        let address = ask_for(program.as_fd(), name)?;
        known.insert(name, address);
        Ok::<_, io::Error>(address)
    };
    let mut addresses = [0; MAX_PROBES + 1];
    for (place, probe) in addresses.iter_mut().zip(PROBES).filter(|(_, probe)| wanted(probe)) {
        *place = address(probe.function)?;
    }
    addresses[MAX_PROBES] = address(DEVICE_TYPE)?;
    Ok(addresses)
}

/// Looks them up among all symbols.
pub(super) fn of(symbols: &Symbols) -> Addresses {
    let mut names: Vec<_> = PROBES.iter().map(|probe| probe.function).collect();
    names.push(DEVICE_TYPE);
    let mut found = symbols.addresses(&names);
    let mut addresses = [0; MAX_PROBES + 1];
    addresses[MAX_PROBES] = found.pop().unwrap_or(0);
    addresses[..found.len()].copy_from_slice(&found);
    addresses
}

fn ask_for(program: BorrowedFd<'_>, name: &str) -> io::Result<u64> {
    let mut question = Question([0; NAME_LEN]);
    // One that is longer is no function of the table.
    if name.len() >= NAME_LEN {
        return Ok(0);
    }
    question.0[..name.len()].copy_from_slice(name.as_bytes());
    let mut attr = attr();
    attr.test.prog_fd = program.as_raw_fd().cast_unsigned();
    attr.test.ctx_in = &raw mut question as u64;
    attr.test.ctx_size_in = NAME_LEN as u32;
    call(bpf_cmd::BPF_PROG_TEST_RUN, &mut attr)?;
    // SAFETY: what the kernel has filled in.
    match unsafe { attr.test.retval }.cast_signed() {
        0 => {
            let [address, ..] = question.0.as_chunks().0 else {
                return Ok(0);
            };
            Ok(u64::from_ne_bytes(*address))
        }
        NOT_FOUND => Ok(0),
        error => Err(io::Error::from_raw_os_error(-error)),
    }
}

fn load() -> io::Result<OwnedFd> {
    let program = program();
    let mut attr = attr();
    // SAFETY: the part of the union that this command takes; all of it is zero.
    let load = unsafe { &mut attr.__bindgen_anon_3 };
    load.prog_type = BPF_PROG_TYPE_SYSCALL as u32;
    load.prog_flags = SLEEPABLE;
    load.insns = program.as_ptr() as u64;
    load.insn_cnt = program.len() as u32;
    load.license = c"GPL".as_ptr() as u64;
    fd_of(bpf_cmd::BPF_PROG_LOAD, &mut attr)
}

/// Copies the name from its context to the stack, because the helper takes none from there, has it looked up, and puts the address where the name was.
fn program() -> Vec<u64> {
    /// Where the name and the address are on the stack.
    const NAME: i16 = -(NAME_LEN as i16);
    const ADDRESS: i16 = NAME - 8;
    // include/uapi/linux/bpf_common.h and bpf.h
    const LOAD: u8 = 0x79;
    const STORE: u8 = 0x7b;
    const STORE_NUMBER: u8 = 0x7a;
    const MOVE: u8 = 0xbf;
    const MOVE_NUMBER: u8 = 0xb7;
    const ADD_NUMBER: u8 = 0x07;
    const CALL: u8 = 0x85;
    const JUMP_UNLESS: u8 = 0x55;
    const EXIT: u8 = 0x95;
    let words = (0..NAME_LEN as i16 / 8).map(|word| 8 * word);
    let copy = words.flat_map(|at| [op(LOAD, 2, 6, at, 0), op(STORE, 10, 2, NAME + at, 0)]);
    let mut program = vec![op(MOVE, 6, 1, 0, 0), op(STORE_NUMBER, 10, 0, ADDRESS, 0)];
    program.extend(copy);
    program.extend([
        op(MOVE, 1, 10, 0, 0),
        op(ADD_NUMBER, 1, 0, 0, i32::from(NAME)),
        op(MOVE_NUMBER, 2, 0, 0, NAME_LEN as i32),
        op(MOVE_NUMBER, 3, 0, 0, 0),
        op(MOVE, 4, 10, 0, 0),
        op(ADD_NUMBER, 4, 0, 0, i32::from(ADDRESS)),
        op(CALL, 0, 0, 0, BPF_FUNC_kallsyms_lookup_name as i32),
        op(JUMP_UNLESS, 0, 0, 2, 0),
        op(LOAD, 1, 10, ADDRESS, 0),
        op(STORE, 6, 1, 0, 0),
        op(EXIT, 0, 0, 0, 0),
    ]);
    program
}

/// One instruction (`struct bpf_insn`).
fn op(code: u8, to: u8, from: u8, offset: i16, number: i32) -> u64 {
    let [low, high] = offset.to_le_bytes();
    let [a, b, c, d] = number.to_le_bytes();
    u64::from_le_bytes([code, to | from << 4, low, high, a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_functions_have_room() {
        assert!(PROBES.iter().all(|probe| probe.function.len() < NAME_LEN));
    }

    #[test]
    fn what_is_no_symbol_has_no_address() {
        let symbols = Symbols::parse("ffffffff81000000 T mutex_lock\nffffffff82000000 d device_ktype\n");
        let addresses = of(&symbols);
        let place = PROBES.iter().position(|probe| probe.function == "mutex_lock").unwrap();
        assert_eq!(addresses[place], 0xffff_ffff_8100_0000);
        assert_eq!(addresses[MAX_PROBES], 0xffff_ffff_8200_0000);
        assert!(
            PROBES
                .iter()
                .zip(addresses)
                .all(|(probe, address)| (address != 0) == (probe.function == "mutex_lock"))
        );
    }
}
