//! Detaching without keeping the user waiting.
//!
//! A hook is gone when the last process that has it open is. From 6.0 to 6.18 that takes the kernel a grace period of RCU tasks for each, one after another
//! (`unregister_ftrace_direct()` in kernel/trace/ftrace.c): 10 s for all of them, whoever waits. So a process of its own has them open a little longer than this one.

use std::{
    fs::File,
    io::{self, PipeWriter},
    os::fd::{AsRawFd as _, RawFd},
    process,
};

/// What this process has open is closed by another one, once this is dropped; until then it stays open there.
pub(super) struct HandedOver {
    /// Its other end tells when it is closed.
    _held: PipeWriter,
}

/// Starts the process that closes what this one has open now.
///
/// # Errors
/// When there can be none: then whoever closes the hooks waits for them.
pub(super) fn hand_over() -> io::Result<HandedOver> {
    let (reader, held) = io::pipe()?;
    let null = File::options().read(true).write(true).open("/dev/null")?;
    // SAFETY: the child calls nothing but what may be called after a fork of a process with threads (signal-safety(7)).
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => close_after(reader.as_raw_fd(), held.as_raw_fd(), null.as_raw_fd()),
        _ => Ok(HandedOver { _held: held }),
    }
}

/// Ends this process, and with it what it has open, once the other one has closed its end of the pipe.
fn close_after(reader: RawFd, held: RawFd, null: RawFd) -> ! {
    let mut byte = 0_u8;
    // SAFETY: file descriptors that this process has; one byte to write into.
    unsafe {
        // Whoever reads the other's output is not to wait for this one, Ctrl-C is not for it, and no file system is in use by it.
        for stream in 0..3 {
            libc::dup2(null, stream);
        }
        libc::setsid();
        libc::chdir(c"/".as_ptr());
        libc::close(held);
        libc::read(reader, (&raw mut byte).cast(), 1);
        libc::_exit(0)
    }
}

/// Drops hooks, in another process where that is possible.
pub(super) fn detach(hooks: impl Sized) {
    let handed_over = hand_over();
    drop(hooks);
    if let Err(error) = handed_over {
        log::debug!("detached by process {}: {error}", process::id());
    }
}
