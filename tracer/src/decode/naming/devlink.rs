//! Devlink instances: their handles, and the locks that are called after them.

use tracer_common::{offset::ABSENT, wire};

use super::{DEVICE_CLASS, Naming};
use crate::{
    analysis::event::{Event, LockKey, LockKind, NamedBy},
    decode::record::text,
};

impl Naming {
    /// The handle of an instance: `BUS/DEV`.
    pub(in crate::decode) fn handle(&self, devlink: u64) -> String {
        self.handles
            .get(&devlink)
            .cloned()
            .unwrap_or_else(|| "unknown".to_owned())
    }

    /// An instance tells its name: its own lock and its device's get it.
    pub(in crate::decode) fn devlink(&mut self, devlink: &wire::Devlink, events: &mut Vec<Event>) {
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
    pub(in crate::decode) fn devlink_free(&mut self, devlink: u64, events: &mut Vec<Event>) {
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
            let name = Some(owner.clone());
            self.meet(lock, LockKind::Mutex, events);
            self.tell(lock, LockKind::Mutex, class, name, Some(owner), NamedBy::Object, events);
        }
    }
}
