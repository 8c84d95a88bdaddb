//! The kernel's symbols on their way: reading them takes as long as making the maps, and only what is hooked needs them.

use std::{sync::mpsc, thread};

use tracer_common::probe::{MAX_PROBES, PROBES};

use super::{LiveError, kernel};
use crate::names::symbol::Symbols;

/// What is made of them by the thread that reads them: a part that needs them, and the rest, which nobody waits for.
pub type Then = Box<dyn FnOnce(&Symbols) -> Box<dyn FnOnce()> + Send>;

/// Nothing of that.
pub fn nothing() -> Then {
    Box::new(|_| Box::new(|| {}))
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
}

impl Known {
    fn of(symbols: Symbols) -> Self {
        let mut names: Vec<_> = PROBES.iter().map(|probe| probe.function).collect();
        names.push(DEVICE_TYPE);
        let mut found = symbols.addresses(&names);
        let mut addresses = [0; MAX_PROBES + 1];
        addresses[MAX_PROBES] = found.pop().unwrap_or(0);
        addresses[..found.len()].copy_from_slice(&found);
        Self { symbols, addresses }
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
            let known = kernel::symbols().map(Known::of);
            let rest = known.as_ref().ok().map(|known| then(&known.symbols));
            // Whoever began it may have failed meanwhile.
            let _ = sender.send(known);
            if let Some(rest) = rest {
                rest();
            }
        };
        thread::Builder::new()
            .name("tracer-symbols".to_owned())
            .spawn(read)
            .map_err(|source| LiveError::System {
                what: "starting a thread",
                source,
            })?;
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

    /// Waits for the symbols.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn symbols(mut self) -> Result<Symbols, LiveError> {
        Ok(self.known()?.symbols)
    }

    fn known(&mut self) -> Result<Known, LiveError> {
        match self.known.take() {
            Some(known) => Ok(known),
            // A thread that sends nothing has panicked, and said so.
            None => self.coming.recv().unwrap_or_else(|_| Ok(Known::of(Symbols::default()))),
        }
    }
}
