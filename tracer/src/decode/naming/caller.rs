//! What is taken at one place: one instruction takes locks of one class, unless it is in a function that is given them.

use std::collections::HashMap;

use tracer_common::wire::info;

use super::Seen;
use crate::analysis::event::Frame;

/// Frames of a stack that tell the place: the lock function's own, and its caller's.
const PLACE_FRAMES: usize = 2;

/// The places where locks were taken, each with the kind of lock.
#[derive(Default)]
pub(super) struct Callers(HashMap<(Frame, u64), Caller>);

#[derive(Default)]
struct Caller {
    /// The class of those that have one for another reason than this place.
    class: Option<String>,
    /// Not all of these are of one class.
    is_mixed: bool,
    /// Locks that were taken here before a class was known.
    locks: Vec<u64>,
}

impl Callers {
    /// A lock that is taken here is of this class: the locks that are of it, too, which was not known.
    pub(super) fn learn(&mut self, seen: &Seen<'_>, class: &str) -> Vec<u64> {
        // What tells the lock is in a caller of this function, which is given it.
        let is_given = seen.site.is_some_and(|site| site.frames > PLACE_FRAMES);
        let Some(caller) = self.at(seen) else { return Vec::new() };
        let known = caller.class.get_or_insert_with(|| class.to_owned());
        caller.is_mixed |= is_given || known != class;
        let locks = std::mem::take(&mut caller.locks);
        if caller.is_mixed { Vec::new() } else { locks }
    }

    /// The class of what is taken here, if all that is known is of one; else the lock is remembered until it is.
    pub(super) fn class(&mut self, seen: &Seen<'_>) -> Option<String> {
        let caller = self.at(seen)?;
        if caller.class.is_none() {
            caller.locks.push(seen.lock);
        }
        caller.class.clone().filter(|_| !caller.is_mixed)
    }

    /// The place behind the call of the lock function, which is the innermost frame.
    fn at(&mut self, seen: &Seen<'_>) -> Option<&mut Caller> {
        let caller = seen.stack.get(PLACE_FRAMES - 1)?.clone();
        Some(self.0.entry((caller, seen.info & info::KIND)).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{site::Site, types::Member};

    fn seen(lock: u64, stack: &[Frame]) -> Seen<'_> {
        Seen {
            lock,
            info: info::RWSEM,
            init_name: 0,
            device: "",
            stack,
            site: None,
        }
    }

    const HERE: [Frame; 2] = [Frame::Address(0x1000), Frame::Address(0x2000)];
    const THERE: [Frame; 2] = [Frame::Address(0x1000), Frame::Address(0x3000)];

    #[test]
    fn what_is_taken_at_one_place_is_of_one_class() {
        let mut callers = Callers::default();
        assert_eq!(callers.class(&seen(1, &HERE)), None);
        assert_eq!(
            callers.learn(&seen(2, &THERE), "&mm->mmap_lock"),
            [0; 0],
            "another place"
        );
        assert_eq!(callers.learn(&seen(2, &HERE), "&inode->i_rwsem"), [1]);
        assert_eq!(callers.learn(&seen(3, &HERE), "&inode->i_rwsem"), [0; 0], "once");
        assert_eq!(callers.class(&seen(4, &HERE)).as_deref(), Some("&inode->i_rwsem"));
        let other_kind = Seen {
            info: info::MUTEX,
            ..seen(4, &HERE)
        };
        assert_eq!(callers.class(&other_kind), None);
    }

    #[test]
    fn a_place_that_takes_what_it_is_given_tells_nothing() {
        let mut callers = Callers::default();
        callers.learn(&seen(1, &HERE), "&inode->i_rwsem");
        callers.learn(&seen(2, &HERE), "&mm->mmap_lock");
        assert_eq!(callers.class(&seen(3, &HERE)), None);
        assert_eq!(callers.class(&seen(3, &[])), None, "no stack");
        assert_eq!(callers.class(&seen(4, &THERE)), None);
        let site = Site {
            member: Member {
                structure: "inode".to_owned(),
                path: "i_rwsem".to_owned(),
                holders: Vec::new(),
            },
            init: None,
            frames: 3,
        };
        let by_its_caller = Seen {
            site: Some(&site),
            ..seen(5, &THERE)
        };
        assert_eq!(callers.learn(&by_its_caller, "&inode->i_rwsem"), [0; 0]);
        assert_eq!(callers.class(&seen(6, &THERE)), None);
    }
}
