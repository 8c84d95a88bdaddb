//! What people call a lock: by its symbol, by the devlink instance or device it belongs to, by the name it was initialised with, else by the
//! function that takes it. On a kernel with lockdep its class is the one that lockdep has it in.

use std::collections::HashMap;

use tracer_common::{
    offset::{ABSENT, Offsets},
    wire::{self, Slot, contention, info},
};

use super::{frame, record::text};
use crate::{
    analysis::event::{Event, Frame, LockKey, LockKind, LockName, NamedBy},
    names::symbol::Symbols,
};

/// Functions that take a lock on behalf of their caller: they tell nothing about the lock.
const LOCK_FUNCTIONS: &[&str] = &["devl_lock", "mutex_lock", "mutex_lock_io"];

/// Class of the lock that `device_lock()` takes.
const DEVICE_CLASS: &str = "&dev->mutex";

/// What a lock was called.
struct Named {
    kind: LockKind,
    name: LockName,
    /// Key of the class that lockdep has it in, else 0.
    key: u64,
}

/// Names locks as they turn up.
pub(super) struct Naming {
    offsets: Offsets,
    /// Handles of the devlink instances, by address.
    handles: HashMap<u64, String>,
    /// Locks that have a name that will not get better, and the key of their class.
    named: HashMap<u64, Named>,
    /// Names that locks are initialised with, by their address; classes of lockdep by their key.
    init_names: HashMap<u64, String>,
    /// Locks that are variables of a module, by its name.
    of_modules: HashMap<String, Vec<u64>>,
}

impl Naming {
    pub(super) fn new(offsets: Offsets) -> Self {
        Self {
            offsets,
            handles: HashMap::new(),
            named: HashMap::new(),
            init_names: HashMap::new(),
            of_modules: HashMap::new(),
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
            self.tell(lock, LockKind::Mutex, class, Some(owner), NamedBy::Object, events);
        }
    }

    /// Tells a name that will not get better: that of the object it belongs to, else that of its class.
    fn tell(
        &mut self,
        lock: u64,
        kind: LockKind,
        class: &str,
        owner: Option<String>,
        named_by: NamedBy,
        events: &mut Vec<Event>,
    ) {
        let name = LockName {
            class: class.to_owned(),
            name: owner.clone().unwrap_or_else(|| class.to_owned()),
            label: owner,
            named_by: Some(named_by),
        };
        events.push(Event::Lock(LockKey(lock), kind, name.clone()));
        self.named.insert(lock, Named { kind, name, key: 0 });
    }

    /// Names a lock that is requested.
    pub(super) fn requested(
        &mut self,
        chain: &wire::Chain,
        stack: &[Frame],
        symbols: &Symbols,
        events: &mut Vec<Event>,
    ) {
        if !self.named.contains_key(&chain.lock) && !self.symbol(chain.lock, chain.info, symbols, events) {
            let device = text(&chain.device);
            if !device.is_empty() {
                let owner = Some(format!("device {device}"));
                let kind = LockKind::Mutex;
                self.tell(chain.lock, kind, DEVICE_CLASS, owner, NamedBy::Object, events);
            } else if !self.by_init(chain.lock, chain.info, chain.name, events) {
                self.by_taker(chain.lock, chain.info, stack, symbols, events);
            }
        }
        self.classify(chain.lock, chain.name, events);
    }

    /// Names a lock that somebody waits for.
    pub(super) fn blocked(
        &mut self,
        lock: u64,
        flags: u64,
        stack: &[Frame],
        symbols: &Symbols,
        events: &mut Vec<Event>,
    ) {
        let bits = if contention::is_mutex(flags) {
            info::MUTEX
        } else {
            info::RWSEM
        };
        if !self.named.contains_key(&lock) && !self.symbol(lock, bits, symbols, events) {
            self.by_taker(lock, bits, stack, symbols, events);
        }
    }

    /// Names a lock that is held, if no request has named it before.
    pub(super) fn held(&mut self, slot: &Slot, name: u64, stack: &[Frame], symbols: &Symbols, events: &mut Vec<Event>) {
        if !self.named.contains_key(&slot.lock)
            && !self.symbol(slot.lock, slot.info, symbols, events)
            && !self.by_init(slot.lock, slot.info, name, events)
        {
            self.by_taker(slot.lock, slot.info, stack, symbols, events);
        }
        self.classify(slot.lock, name, events);
    }

    /// Tells the class that lockdep has a lock in, when it is another than was told: the key can change after initialisation
    /// (`lockdep_set_class()`), and its name be numbered.
    fn classify(&mut self, lock: u64, key: u64, events: &mut Vec<Event>) {
        if !self.offsets.has_lockdep() {
            return;
        }
        let (Some(class), Some(named)) = (self.init_names.get(&key), self.named.get_mut(&lock)) else {
            return;
        };
        named.key = key;
        if named.name.class != *class {
            // What had no name but its class goes by the new one.
            if named.name.label.is_none() && named.name.named_by != Some(NamedBy::Symbol) {
                named.name.name.clone_from(class);
                named.name.named_by = Some(NamedBy::Lockdep);
            }
            named.name.class.clone_from(class);
            events.push(Event::Lock(LockKey(lock), named.kind, named.name.clone()));
        }
    }

    /// By the symbol at its address: `rtnl_mutex`.
    fn symbol(&mut self, lock: u64, bits: u64, symbols: &Symbols, events: &mut Vec<Event>) -> bool {
        let Some((symbol, module)) = symbols.data(lock) else {
            return false;
        };
        if let Some(module) = module {
            self.of_modules.entry(module.to_owned()).or_default().push(lock);
        }
        self.tell(lock, kind(bits).0, symbol, None, NamedBy::Symbol, events);
        true
    }

    /// By the function that takes it: `mutex in seq_read_iter`. The report numbers locks of one name.
    fn by_taker(&mut self, lock: u64, bits: u64, stack: &[Frame], symbols: &Symbols, events: &mut Vec<Event>) {
        let Some(function) = taker(stack, symbols) else { return };
        let (kind, what) = kind(bits);
        self.tell(
            lock,
            kind,
            &format!("{what} in {function}"),
            None,
            NamedBy::Taker,
            events,
        );
    }

    /// By the name that it was initialised with, or that of its class: `&devlink->lock`.
    fn by_init(&mut self, lock: u64, bits: u64, name: u64, events: &mut Vec<Event>) -> bool {
        let Some(class) = self.init_names.get(&name).cloned() else {
            return false;
        };
        let by = if self.offsets.has_lockdep() {
            NamedBy::Lockdep
        } else {
            NamedBy::Init
        };
        self.tell(lock, kind(bits).0, &class, None, by, events);
        true
    }

    /// The kernel has a name for locks at this address, or of this class.
    pub(super) fn init_name(&mut self, name: &wire::InitName, events: &mut Vec<Event>) {
        let mut words = text(&name.name);
        if words.is_empty() {
            return;
        }
        // As `print_lockdep_cache()` and `/proc/lockdep` have it.
        if name.version > 1 {
            words = format!("{words}#{}", name.version);
        }
        self.init_names.insert(name.address, words);
        let of_class = self.named.iter().filter(|(_, named)| named.key == name.address);
        let mut of_class: Vec<u64> = of_class.map(|(&lock, _)| lock).collect();
        // The same records give the same events.
        of_class.sort_unstable();
        for lock in of_class {
            self.classify(lock, name.address, events);
        }
    }

    /// The memory of a lock is another one from here on.
    pub(super) fn initialised(&mut self, lock: u64, events: &mut Vec<Event>) {
        self.named.remove(&lock);
        events.push(Event::Init(LockKey(lock)));
    }

    /// A module is gone, and its variables and the names in it.
    pub(super) fn module_free(&mut self, module: &str, symbols: &Symbols, events: &mut Vec<Event>) {
        for lock in self.of_modules.remove(module).unwrap_or_default() {
            self.named.remove(&lock);
            events.push(Event::Free(LockKey(lock)));
        }
        self.init_names
            .retain(|&address, _| symbols.module_near(address) != Some(module));
    }
}

/// What a lock is, and the word for it in a name.
fn kind(bits: u64) -> (LockKind, &'static str) {
    match bits & info::KIND {
        info::MUTEX => (LockKind::Mutex, "mutex"),
        info::RWSEM => (LockKind::Rwsem, "rwsem"),
        info::WW_MUTEX => (LockKind::WwMutex, "ww_mutex"),
        info::PERCPU_RWSEM => (LockKind::PercpuRwsem, "percpu_rwsem"),
        info::SEMAPHORE => (LockKind::Semaphore, "semaphore"),
        info::RT_MUTEX => (LockKind::RtMutex, "rt_mutex"),
        _ => (LockKind::Unknown, "lock"),
    }
}

/// The function that called the lock function, which is the innermost frame.
fn taker<'a>(stack: &'a [Frame], symbols: &'a Symbols) -> Option<&'a str> {
    stack
        .iter()
        .skip(1)
        .filter_map(|taken| frame::function(taken, symbols))
        .find(|function| !LOCK_FUNCTIONS.contains(function))
}
