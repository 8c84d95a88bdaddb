//! What is no lock, and goes by a name of its own or by what it does.

use tracer_common::wire::info;

use super::{Naming, Seen, kind};
use crate::{
    analysis::event::{Event, LockKind, NamedBy},
    names::symbol::Symbols,
};

/// Whether the kernel has a name for each of its kind.
pub(super) fn has_own_name(bits: u64) -> bool {
    matches!(bits & info::KIND, info::QUEUE | info::THREAD | info::KERNFS)
}

impl Naming {
    /// By what the kernel calls it.
    pub(super) fn by_own_name(&mut self, seen: &Seen<'_>, events: &mut Vec<Event>) {
        let (kind, what) = kind::of(seen.info);
        let name = Some(seen.device).filter(|name| !name.is_empty());
        let name = name.or_else(|| self.init_names.get(&seen.init_name).map(String::as_str));
        if let Some(name) = name {
            let class = format!("{what} {name}");
            self.tell(seen.lock, kind, &class, None, None, NamedBy::Object, events);
        }
    }

    /// A work item is called after what it does.
    pub(in crate::decode) fn work(&mut self, work: u64, function: u64, symbols: &Symbols, events: &mut Vec<Event>) {
        self.meet(work, LockKind::Work, events);
        if !self.named.contains_key(&work) {
            let class = format!("work {}", symbols.function(function).unwrap_or("unknown"));
            self.tell(work, LockKind::Work, &class, None, None, NamedBy::Object, events);
        }
    }
}
