//! What people call a lock: by its symbol, by the devlink instance or device it belongs to, else by the function that takes it.

use std::collections::{HashMap, HashSet};

use tracer_common::{
    offset::{ABSENT, Offsets},
    wire::{self, Slot, info},
};

use super::record::text;
use crate::{
    analysis::event::{Event, Frame, LockKey, LockKind, LockName},
    names::symbol::Symbols,
};

/// Functions that take a lock on behalf of their caller: they tell nothing about the lock.
const LOCK_FUNCTIONS: &[&str] = &["devl_lock", "mutex_lock", "mutex_lock_io"];

/// Class of the lock that `device_lock()` takes.
const DEVICE_CLASS: &str = "&dev->mutex";

/// Names locks as they turn up.
pub(super) struct Naming {
    offsets: Offsets,
    /// Handles of the devlink instances, by address.
    handles: HashMap<u64, String>,
    /// Locks that have a name that will not get better.
    named: HashSet<u64>,
}

impl Naming {
    pub(super) fn new(offsets: Offsets) -> Self {
        Self {
            offsets,
            handles: HashMap::new(),
            named: HashSet::new(),
        }
    }

    /// The handle of an instance: `BUS/DEV`.
    pub(super) fn handle(&self, devlink: u64) -> String {
        self.handles
            .get(&devlink)
            .cloned()
            .unwrap_or_else(|| "unknown".to_owned())
    }

    /// An instance tells its name: its own lock and its device's get it.
    pub(super) fn devlink(&mut self, devlink: &wire::Devlink, events: &mut Vec<Event>) {
        let handle = format!("{}/{}", text(&devlink.bus), text(&devlink.name));
        self.member(
            devlink.devlink,
            self.offsets.devlink_lock,
            "&devlink->lock",
            format!("devlink {handle}"),
            events,
        );
        self.member(
            devlink.device,
            self.offsets.device_mutex,
            DEVICE_CLASS,
            format!("device {handle}"),
            events,
        );
        self.handles.insert(devlink.devlink, handle);
    }

    /// An instance is gone, and its lock with it.
    pub(super) fn devlink_free(&mut self, devlink: u64, events: &mut Vec<Event>) {
        self.handles.remove(&devlink);
        if self.offsets.devlink_lock != ABSENT {
            let lock = devlink.wrapping_add_signed(self.offsets.devlink_lock);
            self.named.remove(&lock);
            events.push(Event::Free(LockKey(lock)));
        }
    }

    fn member(&mut self, object: u64, offset: i64, class: &str, owner: String, events: &mut Vec<Event>) {
        if offset != ABSENT {
            let lock = object.wrapping_add_signed(offset);
            self.tell(lock, LockKind::Mutex, class, Some(owner), events);
        }
    }

    /// Tells a name that will not get better: that of the object it belongs to, else that of its class.
    fn tell(&mut self, lock: u64, kind: LockKind, class: &str, owner: Option<String>, events: &mut Vec<Event>) {
        self.named.insert(lock);
        let name = LockName {
            class: class.to_owned(),
            name: owner.clone().unwrap_or_else(|| class.to_owned()),
            label: owner,
        };
        events.push(Event::Lock(LockKey(lock), kind, name));
    }

    /// Names a lock that is requested.
    pub(super) fn requested(
        &mut self,
        chain: &wire::Chain,
        stack: &[Frame],
        symbols: &Symbols,
        events: &mut Vec<Event>,
    ) {
        if self.named.contains(&chain.lock) || self.symbol(chain.lock, chain.info, symbols, events) {
            return;
        }
        let device = text(&chain.device);
        if !device.is_empty() {
            let owner = Some(format!("device {device}"));
            self.tell(chain.lock, LockKind::Mutex, DEVICE_CLASS, owner, events);
            return;
        }
        self.by_taker(chain.lock, chain.info, stack, symbols, events);
    }

    /// Names a lock that is held, if no request has named it before.
    pub(super) fn held(&mut self, slot: &Slot, stack: &[Frame], symbols: &Symbols, events: &mut Vec<Event>) {
        if !self.named.contains(&slot.lock) && !self.symbol(slot.lock, slot.info, symbols, events) {
            self.by_taker(slot.lock, slot.info, stack, symbols, events);
        }
    }

    /// By the symbol at its address: `rtnl_mutex`.
    fn symbol(&mut self, lock: u64, bits: u64, symbols: &Symbols, events: &mut Vec<Event>) -> bool {
        let Some((symbol, _)) = symbols.data(lock) else {
            return false;
        };
        self.tell(lock, kind(bits), symbol, None, events);
        true
    }

    /// By the function that takes it: `mutex in seq_read_iter`. The report numbers locks of one name.
    fn by_taker(&mut self, lock: u64, bits: u64, stack: &[Frame], symbols: &Symbols, events: &mut Vec<Event>) {
        let Some(function) = taker(stack, symbols) else { return };
        let what = if bits & info::RWSEM != 0 { "rwsem" } else { "mutex" };
        self.tell(lock, kind(bits), &format!("{what} in {function}"), None, events);
    }
}

fn kind(bits: u64) -> LockKind {
    if bits & info::RWSEM != 0 {
        LockKind::Rwsem
    } else {
        LockKind::Mutex
    }
}

/// The function that called the lock function, which is the innermost frame.
fn taker<'a>(stack: &'a [Frame], symbols: &'a Symbols) -> Option<&'a str> {
    stack
        .iter()
        .skip(1)
        .filter_map(|frame| match frame {
            Frame::Address(address) => symbols.function(*address),
            Frame::Text(text) => Some(text.as_str()),
        })
        .find(|function| !LOCK_FUNCTIONS.contains(function))
}
