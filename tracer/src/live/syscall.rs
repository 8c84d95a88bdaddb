//! The system call `bpf(2)`, for what aya 0.14 does not know.

use std::{
    io,
    os::fd::{FromRawFd as _, OwnedFd, RawFd},
};

use aya_obj::generated::{bpf_attr, bpf_cmd};

/// Attributes with nothing in them.
pub(super) fn attr() -> bpf_attr {
    // SAFETY: integers only.
    unsafe { std::mem::zeroed() }
}

/// Calls the kernel with a command that gives a file descriptor.
pub(super) fn fd_of(command: bpf_cmd, attr: &mut bpf_attr) -> io::Result<OwnedFd> {
    let fd = call(command, attr)?;
    // SAFETY: a new one, which is nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Calls the kernel.
pub(super) fn call(command: bpf_cmd, attr: &mut bpf_attr) -> io::Result<RawFd> {
    // SAFETY: what the attributes point to is alive in the caller.
    let answer = unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut *attr, size_of::<bpf_attr>()) };
    match RawFd::try_from(answer) {
        Ok(answer) if answer >= 0 => Ok(answer),
        _ => Err(io::Error::last_os_error()),
    }
}
