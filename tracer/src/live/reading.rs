//! The kernel's symbols on their way, and what is made of them: names need them, which can wait until the hooks are there.

use std::{io, sync::mpsc, thread};

use tracer_common::probe::Probe;

use super::{
    LiveError,
    addresses::{self, Addresses},
    kernel,
};
use crate::names::symbol::Symbols;

/// What is made of them by the thread that reads them, and the rest, which nobody waits for.
pub type Then = Box<dyn FnOnce(&Symbols) -> Box<dyn FnOnce()> + Send>;

/// Nothing of that.
pub fn nothing() -> Then {
    Box::new(|_| Box::new(|| {}))
}

/// Symbols that are read.
pub enum Reading {
    /// They are not needed so far.
    Later(Then),
    /// A thread reads them. It ends once it has made of them what is to be made.
    Coming(mpsc::Receiver<Result<Symbols, LiveError>>),
    /// They are there.
    There(Box<Symbols>),
}

impl Reading {
    /// Begins to read, where the addresses of functions are not known without.
    ///
    /// # Errors
    /// When there can be no thread.
    pub(super) fn begin(then: Then) -> Result<Self, LiveError> {
        if addresses::can_be_asked() {
            return Ok(Self::Later(then));
        }
        read(then).map(Self::Coming)
    }

    /// The addresses of the functions of all probes that are `wanted`.
    ///
    /// # Errors
    /// When the symbols cannot be read.
    pub(super) fn addresses(&mut self, wanted: impl Fn(&Probe) -> bool) -> Result<Addresses, LiveError> {
        if matches!(self, Self::Later(_)) {
            match addresses::ask(wanted) {
                Ok(addresses) => return Ok(addresses),
                Err(error) => log::debug!("the kernel does not tell addresses of functions: {error}"),
            }
            // Those of the trampolines are missing here, so they are read again.
            return kernel::symbols().map(|symbols| addresses::of(&symbols));
        }
        let symbols = std::mem::replace(self, Self::Later(nothing())).symbols()?;
        let addresses = addresses::of(&symbols);
        *self = Self::There(Box::new(symbols));
        Ok(addresses)
    }

    /// The hooks are there: what was not needed so far is read from here on. Where the kernel preempts tasks in its own code, all is waited for: each task that is preempted in
    /// a program makes the runtime skip that program for others.
    ///
    /// # Errors
    /// When there can be no thread, or the symbols cannot be read.
    pub fn go_on(self) -> Result<Self, LiveError> {
        let mut reading = match self {
            Self::Later(then) => Self::Coming(read(then)?),
            begun => begun,
        };
        if kernel::preempts()
            && let Self::Coming(coming) = &reading
        {
            let symbols = receive(coming)?;
            // Nothing else is sent: this is the end of the thread.
            let _ = coming.recv();
            reading = Self::There(Box::new(symbols));
        }
        Ok(reading)
    }

    /// Waits for the symbols.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn symbols(self) -> Result<Symbols, LiveError> {
        match self {
            Self::Later(_) => kernel::symbols(),
            Self::Coming(coming) => receive(&coming),
            Self::There(symbols) => Ok(*symbols),
        }
    }
}

/// Starts the thread.
fn read(then: Then) -> Result<mpsc::Receiver<Result<Symbols, LiveError>>, LiveError> {
    let (sender, coming) = mpsc::channel();
    let read = move || {
        let symbols = kernel::symbols();
        let rest = symbols.as_ref().ok().map(then);
        // Whoever began it may have failed meanwhile.
        let _ = sender.send(symbols);
        if let Some(rest) = rest {
            rest();
        }
    };
    let thread = thread::Builder::new().name("tracer-symbols".to_owned()).spawn(read);
    thread.map(|_| coming).map_err(|source| LiveError::System {
        what: "starting a thread",
        source,
    })
}

fn receive(coming: &mpsc::Receiver<Result<Symbols, LiveError>>) -> Result<Symbols, LiveError> {
    coming.recv().unwrap_or_else(|error| {
        Err(LiveError::System {
            what: "reading symbols",
            source: io::Error::other(error),
        })
    })
}
