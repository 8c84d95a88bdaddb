//! The program's rings, as tokio sees them.

use std::{io, os::fd::AsRawFd};

use tokio::io::unix::AsyncFd;

/// Lets tokio watch a ring; must be called within a runtime.
///
/// # Errors
/// When the descriptor cannot be registered.
pub fn watch<T: AsRawFd>(ring: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: the rings of this module's callers own their descriptor and keep it until they are dropped.
    Ok(unsafe { AsyncFd::register(ring)? })
}
