//! The kernel's symbols on their way: reading them takes as long as making the maps, and only what is hooked needs them.

use std::{io, sync::mpsc, thread};

use tracer_common::probe::{MAX_PROBES, PROBES};

use super::{LiveError, kernel};
use crate::names::symbol::Symbols;

/// What is made of them by the thread that reads them, and the rest, which the hooks do not wait for.
pub type Then = Box<dyn FnOnce(&Symbols) -> Rest + Send>;

/// Work for a thread of its own.
pub type Rest = Box<dyn FnOnce() + Send>;

/// Nothing of that.
pub fn nothing() -> Then {
    Box::new(|_| Box::new(|| ()))
}

/// What the programs know by its address: each probe's function, in the order of the table, and the type of devices; 0 when unknown.
pub(super) type Addresses = [u64; MAX_PROBES + 1];

/// The kobject type that tells a `struct device` from any other memory (`drivers/base/core.c`).
const DEVICE_TYPE: &str = "device_ktype";

/// Symbols that a thread reads.
pub struct Reading {
    coming: mpsc::Receiver<Result<Known, LiveError>>,
    known: Option<Known>,
}

struct Known {
    symbols: Symbols,
    addresses: Addresses,
    rest: Option<Rest>,
}

impl Known {
    fn of(symbols: Symbols, then: Then) -> Self {
        let mut names: Vec<_> = PROBES.iter().map(|probe| probe.function).collect();
        names.push(DEVICE_TYPE);
        let mut found = symbols.addresses(&names);
        let mut addresses = [0; MAX_PROBES + 1];
        addresses[MAX_PROBES] = found.pop().unwrap_or(0);
        addresses[..found.len()].copy_from_slice(&found);
        let rest = Some(then(&symbols));
        Self {
            symbols,
            addresses,
            rest,
        }
    }
}

impl Reading {
    /// Begins to read.
    ///
    /// # Errors
    /// When there can be no thread.
    pub(super) fn begin(then: Then) -> Result<Self, LiveError> {
        let (sender, coming) = mpsc::channel();
        let read = move || {
            let mut known = kernel::symbols().map(|symbols| Known::of(symbols, then));
            let rest = known.as_mut().ok().and_then(|known| known.rest.take_if(|_| kernel::preempts()));
            // Whoever began it may have failed meanwhile.
            let _ = sender.send(known);
            if let Some(rest) = rest {
                rest();
            }
        };
        start("tracer-symbols", read)?;
        Ok(Self { coming, known: None })
    }

    /// Waits for the addresses.
    ///
    /// # Errors
    /// When the symbols cannot be read.
    pub(super) fn addresses(&mut self) -> Result<Addresses, LiveError> {
        let known = self.known()?;
        let addresses = known.addresses;
        self.known = Some(known);
        Ok(addresses)
    }

    /// Waits for the symbols. The rest is done from here on: the CPUs had enough to do until the hooks were there. Only where the kernel preempts tasks in its own code it is done by then, because
    /// each task that is preempted in a program makes the runtime skip that program for others.
    ///
    /// # Errors
    /// When they cannot be read, or there can be no thread.
    pub fn symbols(mut self) -> Result<Symbols, LiveError> {
        let Known { symbols, rest, .. } = self.known()?;
        if let Some(rest) = rest {
            start("tracer-names", rest)?;
        }
        Ok(symbols)
    }

    fn known(&mut self) -> Result<Known, LiveError> {
        match self.known.take() {
            Some(known) => Ok(known),
            None => self.coming.recv().unwrap_or_else(|error| {
                Err(LiveError::System {
                    what: "reading symbols",
                    source: io::Error::other(error),
                })
            }),
        }
    }
}

fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), LiveError> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.map(drop).map_err(|source| LiveError::System {
        what: "starting a thread",
        source,
    })
}
