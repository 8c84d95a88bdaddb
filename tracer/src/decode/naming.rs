//! What people call a lock: by its symbol, by the devlink instance or device it belongs to, by the name it was initialised with, by the member that
//! the place where it is taken tells, else by the function that takes it. On a kernel with lockdep its class is the one that lockdep has it in.

mod caller;
mod devlink;
mod kind;
mod wait;

use std::collections::HashMap;

use tracer_common::{
    offset::Offsets,
    wire::{self, info},
};

use super::{frame, kernel::Kernel, record::text};
use crate::{
    analysis::event::{Event, Frame, LockKey, LockKind, LockName, NamedBy},
    names::{site::Site, symbol::Symbols, types::Member},
};
use caller::Callers;
use wait::has_own_name;

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
    /// Those that came lately.
    pub(super) new_names: Vec<(u64, String)>,
    /// Locks that are variables of a module, by its name.
    of_modules: HashMap<String, Vec<u64>>,
    /// Members that the text of the kernel does not tell the initial name of.
    members: HashMap<String, KnownMember>,
    /// Kind and label of the locks that are named by where they were taken.
    by_member: HashMap<u64, (LockKind, Option<String>)>,
    /// What is taken at each place.
    callers: Callers,
}

/// A member of a structure.
#[derive(Default)]
struct KnownMember {
    /// What one of them was seen to be initialised with.
    init: Option<String>,
    /// Those that were named before that.
    locks: Vec<u64>,
}

/// A lock as it turns up.
pub(super) struct Seen<'a> {
    pub(super) lock: u64,
    /// Bits of [`info`].
    pub(super) info: u64,
    /// Address of the name that it was initialised with, or 0.
    pub(super) init_name: u64,
    /// The name of the device that it belongs to, or what the kernel calls what is waited for, where the kernel side has told; else empty.
    pub(super) device: &'a str,
    /// Where it was taken.
    pub(super) stack: &'a [Frame],
    /// What that tells.
    pub(super) site: Option<&'a Site>,
}

impl Naming {
    pub(super) fn new(offsets: Offsets) -> Self {
        Self {
            offsets,
            handles: HashMap::new(),
            named: HashMap::new(),
            init_names: HashMap::new(),
            new_names: Vec::new(),
            of_modules: HashMap::new(),
            members: HashMap::new(),
            by_member: HashMap::new(),
            callers: Callers::default(),
        }
    }

    /// Tells a name: that of the object it belongs to, else that of its class.
    #[allow(clippy::too_many_arguments, reason = "the parts of one event")]
    fn tell(
        &mut self,
        lock: u64,
        kind: LockKind,
        class: &str,
        name: Option<String>,
        label: Option<String>,
        named_by: NamedBy,
        events: &mut Vec<Event>,
    ) {
        if named_by == NamedBy::Site {
            self.by_member.insert(lock, (kind, label.clone()));
        }
        let name = LockName {
            class: class.to_owned(),
            name: name.unwrap_or_else(|| class.to_owned()),
            label,
            named_by: Some(named_by),
        };
        events.push(Event::Lock(LockKey(lock), kind, name.clone()));
        self.named.insert(lock, Named { kind, name, key: 0 });
    }

    /// Names a lock, unless it has a name.
    pub(super) fn name(&mut self, seen: &Seen<'_>, kernel: &mut Kernel, symbols: &Symbols, events: &mut Vec<Event>) {
        self.meet(seen.lock, kind::of(seen.info).0, events);
        if !self.named.contains_key(&seen.lock) {
            self.name_first(seen, kernel, symbols, events);
        }
        self.classify(seen.lock, seen.init_name, events);
    }

    /// Something of a kind is at an address. No lock is where something else that is waited for begins, so memory that was of another sort is another
    /// object from here on.
    fn meet(&mut self, lock: u64, kind: LockKind, events: &mut Vec<Event>) {
        let is_another = |known: LockKind| known != kind && (known.is_wait() || kind.is_wait());
        if self.named.get(&lock).is_some_and(|named| is_another(named.kind)) {
            self.initialised(lock, events);
        }
    }

    fn name_first(&mut self, seen: &Seen<'_>, kernel: &mut Kernel, symbols: &Symbols, events: &mut Vec<Event>) {
        if has_own_name(seen.info) {
            self.by_own_name(seen, events);
            return;
        }
        let variable = symbols.data(seen.lock).map(|(name, module)| (name, 0, module));
        let variable = variable.or_else(|| symbols.inside(seen.lock));
        if let Some((_, _, Some(module))) = variable {
            self.of_modules.entry(module.to_owned()).or_default().push(seen.lock);
        }
        let of_module = variable.and_then(|(_, _, module)| Some(format!("module {}", module?)));
        let kind = kind::of(seen.info).0;
        if let Some((name, 0, _)) = variable {
            self.tell(seen.lock, kind, name, None, of_module, NamedBy::Symbol, events);
            return;
        }
        if let Some(device) = self.device(seen, kernel, symbols) {
            let owner = Some(format!("device {device}"));
            self.tell(
                seen.lock,
                kind,
                DEVICE_CLASS,
                owner.clone(),
                owner,
                NamedBy::Object,
                events,
            );
            return;
        }
        let member = seen
            .site
            .map(|site| &site.member)
            .filter(|member| !member.holders.is_empty());
        let owner = member.and_then(|member| kernel.owner(member, seen.lock));
        let label = owner.clone().or(of_module);
        if let Some(class) = self.class_by_init(seen, events) {
            let by = if self.offsets.has_lockdep() {
                NamedBy::Lockdep
            } else {
                NamedBy::Init
            };
            self.tell(seen.lock, kind, &class, named(&class, owner), label, by, events);
            self.learn(seen, &class, events);
        } else if let Some(class) = variable.and_then(|variable| member_of(variable, member)) {
            self.tell(seen.lock, kind, &class, None, label, NamedBy::Symbol, events);
        } else if let Some(site) = seen.site {
            let class = self.class_by_site(seen, site);
            self.tell(
                seen.lock,
                kind,
                &class,
                named(&class, owner),
                label,
                NamedBy::Site,
                events,
            );
            self.learn(seen, &class, events);
        } else {
            self.by_taker(seen, kernel, symbols, events);
        }
    }

    /// A lock has a class at the place where it is taken: so have the others that are taken there.
    fn learn(&mut self, seen: &Seen<'_>, class: &str, events: &mut Vec<Event>) {
        for lock in self.callers.learn(seen, class) {
            // Whether it is another lock meanwhile is seen by its name.
            let taken = self
                .named
                .get(&lock)
                .filter(|named| named.name.named_by == Some(NamedBy::Taker));
            if let Some((kind, label)) = taken.map(|named| (named.kind, named.name.label.clone())) {
                self.tell(lock, kind, class, None, label, NamedBy::Taker, events);
            }
        }
    }

    /// By the function that takes it: as the others that are taken at the same place, else `mutex in seq_read_iter`. The report numbers locks of one name. Without a stack, by
    /// where it is in memory.
    fn by_taker(&mut self, seen: &Seen<'_>, kernel: &mut Kernel, symbols: &Symbols, events: &mut Vec<Event>) {
        let (kind, what) = kind::of(seen.info);
        let slab = kernel.slab(seen.lock, symbols);
        if let Some(class) = self.callers.class(seen) {
            self.tell(seen.lock, kind, &class, None, slab, NamedBy::Taker, events);
        } else if let Some(function) = taker(seen.stack, symbols) {
            let class = format!("{what} in {function}");
            self.tell(seen.lock, kind, &class, None, slab, NamedBy::Taker, events);
        } else if let Some(slab) = slab {
            let class = format!("{what} in {slab}");
            self.tell(seen.lock, kind, &class, None, Some(slab), NamedBy::Slab, events);
        }
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

    /// The name of the device whose mutex it is.
    fn device(&self, seen: &Seen<'_>, kernel: &mut Kernel, symbols: &Symbols) -> Option<String> {
        if !seen.device.is_empty() {
            return Some(seen.device.to_owned());
        }
        (seen.info & info::KIND == info::MUTEX).then(|| kernel.device(seen.lock, symbols))?
    }

    /// The name that it was initialised with: `&devlink->lock`. Other locks that are the same member get it too.
    fn class_by_init(&mut self, seen: &Seen<'_>, events: &mut Vec<Event>) -> Option<String> {
        let class = self.init_names.get(&seen.init_name)?.clone();
        if let Some(site) = seen.site.filter(|site| site.init.is_none()) {
            let member = member_class(&site.member);
            let known = self.members.entry(member).or_default();
            if known.init.is_none() {
                known.init = Some(class.clone());
                for lock in std::mem::take(&mut known.locks) {
                    self.rename(lock, &class, events);
                }
            }
        }
        Some(class)
    }

    /// The member that it is where it was taken: by the name that such members are initialised with, else by that of the structure.
    fn class_by_site(&mut self, seen: &Seen<'_>, site: &Site) -> String {
        let member = member_class(&site.member);
        if site.init.is_some() || member == DEVICE_CLASS {
            return site.init.clone().unwrap_or(member);
        }
        let known = self.members.entry(member.clone()).or_default();
        known.init.clone().unwrap_or_else(|| {
            known.locks.push(seen.lock);
            member
        })
    }

    fn rename(&mut self, lock: u64, class: &str, events: &mut Vec<Event>) {
        if let Some((kind, label)) = self.by_member.remove(&lock) {
            let owner = label.clone().filter(|label| !label.starts_with("module "));
            self.tell(lock, kind, class, named(class, owner), label, NamedBy::Site, events);
        }
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
        self.new_names.push((name.address, words.clone()));
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
        self.forget(lock);
        events.push(Event::Init(LockKey(lock)));
    }

    /// What a lock is called is asked for again.
    pub(super) fn forget(&mut self, lock: u64) {
        self.named.remove(&lock);
        self.by_member.remove(&lock);
    }

    /// A module is gone, and its variables and the names in it.
    pub(super) fn module_free(&mut self, module: &str, symbols: &Symbols, events: &mut Vec<Event>) {
        for lock in self.of_modules.remove(module).unwrap_or_default() {
            self.forget(lock);
            events.push(Event::Free(LockKey(lock)));
        }
        self.init_names
            .retain(|&address, _| symbols.module_near(address) != Some(module));
    }
}

/// The name of a lock that belongs to an object: `rtnl_mutex` of which namespace.
fn named(class: &str, owner: Option<String>) -> Option<String> {
    owner.map(|owner| format!("{class} of {owner}"))
}

/// A member of a variable: `init_mm.mmap_lock`; without a type, `init_mm+0x78`.
fn member_of((name, offset, _): (&str, u64, Option<&str>), member: Option<&Member>) -> Option<String> {
    match member {
        None => Some(format!("{name}+{offset:#x}")),
        Some(member) => match member.holders.as_slice() {
            [(_, own)] if *own == offset => Some(format!("{name}.{}", member.path)),
            [(_, own), ..] if *own == offset => Some(format!("{name}+{offset:#x}")),
            // An element of an array, or a member of what has no type here: all of these are one class.
            _ => None,
        },
    }
}

/// The class that a member is. lockdep names it by the expression of its initialisation, whose variable only the source tells: `&dev->mutex`.
fn member_class(member: &Member) -> String {
    match (member.structure.as_str(), member.path.as_str()) {
        ("device", "mutex") => DEVICE_CLASS.to_owned(),
        (structure, path) => format!("&{structure}->{path}"),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn member(holders: &[(&str, u64)]) -> Member {
        Member {
            structure: holders.last().map(|(name, _)| (*name).to_owned()).unwrap_or_default(),
            path: "mmap_lock".to_owned(),
            holders: holders.iter().map(|(name, at)| ((*name).to_owned(), *at)).collect(),
        }
    }

    #[test]
    fn a_member_of_a_variable_is_called_after_it_when_the_offset_is_right() {
        let variable = ("init_mm", 0x78, None);
        let told = |holders: &[(&str, u64)]| member_of(variable, Some(&member(holders)));
        assert_eq!(told(&[("mm_struct", 0x78)]).as_deref(), Some("init_mm.mmap_lock"));
        assert_eq!(
            told(&[("outer", 0x78), ("mm_struct", 0x8)]).as_deref(),
            Some("init_mm+0x78")
        );
        assert_eq!(told(&[("mm_struct", 0x8)]), None, "an element of an array");
        assert_eq!(member_of(variable, None).as_deref(), Some("init_mm+0x78"));
    }

    #[test]
    fn memory_that_was_a_lock_is_another_object_when_it_is_waited_for() {
        let mut naming = Naming::new(Offsets::NONE);
        let symbols = Symbols::parse("");
        let mut called = |info, device| {
            let seen = Seen {
                lock: 0x5000,
                info,
                init_name: 0,
                device,
                stack: &[],
                site: Some(&Site {
                    member: member(&[("mm_struct", 0x78)]),
                    init: None,
                    frames: 2,
                }),
            };
            let mut events = Vec::new();
            naming.name(&seen, &mut Kernel::Silent, &symbols, &mut events);
            let told = |event| match event {
                Event::Lock(_, kind, name) => format!("{kind:?} {}", name.class),
                Event::Init(LockKey(lock)) => format!("another at {lock:#x}"),
                other => unreachable!("{other:?}"),
            };
            events.into_iter().map(told).collect::<Vec<_>>()
        };
        assert_eq!(called(info::RWSEM, ""), ["Rwsem &mm_struct->mmap_lock"]);
        assert_eq!(called(info::RWSEM, ""), [""; 0], "the same");
        assert_eq!(
            called(info::KERNFS, "uevent"),
            ["another at 0x5000", "Kernfs kn->active uevent"]
        );
        assert_eq!(
            called(info::RWSEM, ""),
            ["another at 0x5000", "Rwsem &mm_struct->mmap_lock"]
        );
    }

    #[test]
    fn a_ww_mutex_that_is_taken_without_a_context_is_the_same_lock() {
        let mut naming = Naming::new(Offsets::NONE);
        let mut events = Vec::new();
        naming.tell(
            0x5000,
            LockKind::WwMutex,
            "&obj->lock",
            None,
            None,
            NamedBy::Init,
            &mut events,
        );
        naming.meet(0x5000, LockKind::Mutex, &mut events);
        naming.meet(0x6000, LockKind::Mutex, &mut events);
        assert!(naming.named.contains_key(&0x5000));
        assert!(!naming.named.contains_key(&0x6000));
        assert_eq!(events.len(), 1, "{events:?}");
    }

    /// What locks are called after they were seen one after the other: address, address of the initial name, whether the site tells.
    fn called(symbols: &str, seen: &[(u64, u64, bool)]) -> Vec<(u64, String, Option<NamedBy>, Option<String>)> {
        let mut naming = Naming::new(Offsets::NONE);
        naming.init_names.insert(0x100, "&mm->mmap_lock".to_owned());
        let (symbols, mut events) = (Symbols::parse(symbols), Vec::new());
        let site = Site {
            member: member(&[("mm_struct", 0x78)]),
            init: None,
            frames: 2,
        };
        for &(lock, init_name, has_site) in seen {
            let seen = Seen {
                lock,
                info: info::RWSEM,
                init_name,
                device: "",
                stack: &[],
                site: has_site.then_some(&site),
            };
            naming.name(&seen, &mut Kernel::Silent, &symbols, &mut events);
        }
        events
            .into_iter()
            .map(|event| match event {
                Event::Lock(LockKey(lock), _, name) => (lock, name.class, name.named_by, name.label),
                other => unreachable!("{other:?}"),
            })
            .collect()
    }

    fn told(
        lock: u64,
        class: &str,
        by: NamedBy,
        label: Option<&str>,
    ) -> (u64, String, Option<NamedBy>, Option<String>) {
        (lock, class.to_owned(), Some(by), label.map(str::to_owned))
    }

    #[test]
    fn the_same_member_has_one_class_however_its_locks_were_named() {
        let events = called("", &[(0x5000, 0, true), (0x6000, 0x100, true), (0x7000, 0, true)]);
        assert_eq!(
            events,
            [
                told(0x5000, "&mm_struct->mmap_lock", NamedBy::Site, None),
                told(0x5000, "&mm->mmap_lock", NamedBy::Site, None),
                told(0x6000, "&mm->mmap_lock", NamedBy::Init, None),
                told(0x7000, "&mm->mmap_lock", NamedBy::Site, None),
            ]
        );
        assert_eq!(called("", &[(0x5000, 0, false)]), [], "nothing tells");
    }

    #[test]
    fn a_variable_of_a_module_is_labelled_with_it() {
        let symbols = "1000 b intf_mutex\t[dlock]\n1020 b state\t[dlock]\n2000 b end\t[dlock]\n";
        assert_eq!(
            called(symbols, &[(0x1000, 0, true), (0x1020 + 0x78, 0, true)]),
            [
                told(0x1000, "intf_mutex", NamedBy::Symbol, Some("module dlock")),
                told(0x1098, "state.mmap_lock", NamedBy::Symbol, Some("module dlock")),
            ]
        );
    }
}
