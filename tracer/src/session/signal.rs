//! Signals: the first one ends the trace with its report, the second one ends the process.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end a trace.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for one.
    pub(super) async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// From here on a signal does what it does by default: it ends the process, and the kernel detaches.
pub(super) fn restore_default() {
    for number in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: sets a default action, which is always valid.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
}
