//! What only the kernel that is traced can tell: what its code and its memory say of a lock.
//!
//! Memory is not recorded. What is asked of it is little, and always the same for the same records, so the answers are noted in their order, and told
//! again in that order when a recording is read.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use tracer_common::offset::Offsets;

use super::label;
use crate::names::{
    site::{Site, Sites},
    slab::Slabs,
    symbol::Symbols,
    types::Member,
};

/// An answer; none where the kernel does not tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Which member is taken at a place.
    Site(Option<Site>),
    /// The name of the device that a mutex is of.
    Device(Option<String>),
    /// What a lock belongs to.
    Owner(Option<String>),
    /// The slab cache that its memory is of.
    Slab(Option<String>),
}

/// Who answers.
#[derive(Default)]
pub enum Kernel {
    /// Nobody: its code is not read.
    #[default]
    Silent,
    /// The kernel itself, while it runs.
    Read(Box<Reading>),
    /// A recording, with what the kernel answered then.
    Told(VecDeque<Answer>),
}

/// The kernel as it is read.
pub struct Reading {
    sites: Sites,
    offsets: Offsets,
    /// Asked for once.
    slabs: Option<Option<Slabs>>,
    /// Answers since they were last taken, where they are noted.
    noted: Option<Vec<Answer>>,
}

impl Reading {
    /// `sites` tell locks by the code that takes them, `offsets` where things are; `notes` are taken of the answers where these are recorded.
    pub fn new(sites: Sites, offsets: Offsets, notes: bool) -> Self {
        Self {
            sites,
            offsets,
            slabs: None,
            noted: notes.then(Vec::new),
        }
    }

    fn slab(&mut self, lock: u64, symbols: &Symbols) -> Option<String> {
        let memory = self.sites.memory();
        let types = self.sites.types()?;
        let slabs = self.slabs.get_or_insert_with(|| Slabs::new(types, memory, symbols));
        slabs.as_ref()?.describe(lock, memory)
    }
}

impl Kernel {
    /// Answers that came since they were last taken.
    pub fn noted(&mut self) -> Vec<Answer> {
        match self {
            Self::Read(reading) => reading.noted.as_mut().map(std::mem::take).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// The lock that is taken at `stack`: return addresses, innermost first.
    pub(super) fn site(&mut self, stack: &[u64], functions: &[u64], symbols: &Symbols) -> Option<Site> {
        self.ask(
            |reading| symbols.unnoted(|symbols| reading.sites.site(stack, functions, symbols)),
            Answer::Site,
            |answer| match answer {
                Answer::Site(site) => Some(site),
                _ => None,
            },
        )
    }

    /// The name of the device whose mutex it is.
    pub(super) fn device(&mut self, lock: u64, symbols: &Symbols) -> Option<String> {
        let read = |reading: &mut Reading| {
            symbols.unnoted(|symbols| label::device(lock, &reading.offsets, reading.sites.memory(), symbols))
        };
        self.ask(read, Answer::Device, |answer| match answer {
            Answer::Device(name) => Some(name),
            _ => None,
        })
    }

    /// The network device, namespace or device that a lock is a member of.
    pub(super) fn owner(&mut self, member: &Member, lock: u64) -> Option<String> {
        self.ask(
            |reading| label::owner(member, lock, &reading.offsets, reading.sites.memory()),
            Answer::Owner,
            |answer| match answer {
                Answer::Owner(owner) => Some(owner),
                _ => None,
            },
        )
    }

    /// The slab cache that a lock's memory is of, and where in an object it is.
    pub(super) fn slab(&mut self, lock: u64, symbols: &Symbols) -> Option<String> {
        self.ask(
            |reading| symbols.unnoted(|symbols| reading.slab(lock, symbols)),
            Answer::Slab,
            |answer| match answer {
                Answer::Slab(slab) => Some(slab),
                _ => None,
            },
        )
    }

    /// What was at a module's addresses is gone.
    pub(super) fn forget_module(&mut self, module: &str, symbols: &Symbols) {
        if let Self::Read(reading) = self {
            symbols.unnoted(|symbols| reading.sites.forget_module(module, symbols));
        }
    }

    fn ask<T: Clone>(
        &mut self,
        read: impl FnOnce(&mut Reading) -> Option<T>,
        answer: impl FnOnce(Option<T>) -> Answer,
        told: impl FnOnce(Answer) -> Option<Option<T>>,
    ) -> Option<T> {
        match self {
            Self::Silent => None,
            Self::Read(reading) => {
                let found = read(reading);
                if let Some(noted) = &mut reading.noted {
                    noted.push(answer(found.clone()));
                }
                found
            }
            // An answer to another question is none to this one: something of the recording is lost, and what follows belongs elsewhere, too.
            Self::Told(answers) => {
                let found = told(answers.pop_front()?);
                if found.is_none() {
                    answers.clear();
                }
                found?
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slab(name: &str) -> Answer {
        Answer::Slab(Some(name.to_owned()))
    }

    #[test]
    fn what_was_answered_is_told_in_its_order() {
        let symbols = Symbols::default();
        let answers = [
            slab("kmalloc-64+0x8"),
            Answer::Device(None),
            Answer::Device(Some("eth0".to_owned())),
        ];
        let mut kernel = Kernel::Told(answers.into());
        assert_eq!(kernel.slab(1, &symbols).as_deref(), Some("kmalloc-64+0x8"));
        assert_eq!(kernel.device(2, &symbols), None);
        assert_eq!(kernel.device(3, &symbols).as_deref(), Some("eth0"));
        assert_eq!(kernel.device(4, &symbols), None, "no more answers");
    }

    #[test]
    fn an_answer_to_another_question_is_none() {
        let symbols = Symbols::default();
        let mut kernel = Kernel::Told([slab("kmalloc-64+0x8"), Answer::Device(Some("eth0".to_owned()))].into());
        assert_eq!(kernel.device(1, &symbols), None);
        assert_eq!(
            kernel.device(1, &symbols),
            None,
            "what comes after it belongs elsewhere"
        );
        assert_eq!(Kernel::Silent.slab(1, &symbols), None);
    }
}
