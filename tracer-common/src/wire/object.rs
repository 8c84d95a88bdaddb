//! What there is in the kernel and what it is called: devlink instances and their reloads, notifiers, modules, locks.

use bytemuck::{Pod, Zeroable};

use super::{BUS_LEN, DESC_LEN, DEVICE_LEN, Header, LOCK_NAME_LEN, MODULE_LEN, NETDEV_LEN, Situation};

/// A devlink instance and what it is called.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Devlink {
    /// Kind [`Kind::DEVLINK`](super::Kind::DEVLINK).
    pub header: Header,
    /// Address of the `struct devlink`.
    pub devlink: u64,
    /// Address of its `struct device`.
    pub device: u64,
    /// Name of the device's bus.
    pub bus: [u8; BUS_LEN],
    /// Name of the device.
    pub name: [u8; DEVICE_LEN],
}

/// A devlink instance is freed.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct DevlinkFree {
    /// Kind [`Kind::DEVLINK_FREE`](super::Kind::DEVLINK_FREE).
    pub header: Header,
    /// Address of the `struct devlink`.
    pub devlink: u64,
}

/// A devlink reload begins.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct WindowBegin {
    /// Kind [`Kind::WINDOW_BEGIN`](super::Kind::WINDOW_BEGIN).
    pub header: Header,
    /// Identity.
    pub window: u64,
    /// Address of the `struct devlink`.
    pub devlink: u64,
    /// Inode number of the network namespace that the instance is in, or 0.
    pub netns_from: u32,
    /// Of the one that it goes to, or 0 when it stays.
    pub netns_to: u32,
    /// `enum devlink_reload_action`
    pub action: u32,
    /// `enum devlink_reload_limit`
    pub limit: u32,
    /// Function of the work item that the task runs, or 0.
    pub work: u64,
    /// The queue of that work item.
    pub desc: [u8; DESC_LEN],
}

/// A devlink reload ends.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct WindowEnd {
    /// Kind [`Kind::WINDOW_END`](super::Kind::WINDOW_END).
    pub header: Header,
    /// Identity.
    pub window: u64,
    /// Return value: 0 or a negative errno.
    pub result: i64,
}

/// A notifier is registered or unregistered.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Notifier {
    /// Kind [`Kind::NOTIFIER`](super::Kind::NOTIFIER).
    pub header: Header,
    /// Address of the callback.
    pub callback: u64,
    /// Address of the chain's head, 0 where the function does not get it.
    pub chain: u64,
    /// Inode number of the network namespace that the chain belongs to, or 0.
    pub netns: u64,
    /// Name of the network device that it belongs to, or empty.
    pub netdev: [u8; NETDEV_LEN],
    /// Where, and what is held; see there for what follows.
    pub situation: Situation,
}

/// A module comes or goes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Module {
    /// Kind [`Kind::MODULE`](super::Kind::MODULE) or [`Kind::MODULE_FREE`](super::Kind::MODULE_FREE).
    pub header: Header,
    /// Its name.
    pub name: [u8; MODULE_LEN],
}

/// A lock that was seen before is initialised.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct LockInit {
    /// Kind [`Kind::LOCK_INIT`](super::Kind::LOCK_INIT).
    pub header: Header,
    /// Its address.
    pub lock: u64,
    /// Not 0 when the task that does it holds the lock.
    pub held: u64,
    /// Which of the locks that were at this address begins, as in [`Slot::generation`](super::Slot::generation).
    pub generation: u64,
}

/// A name that locks have: the one they were initialised with, or on a kernel with lockdep that of their class.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct InitName {
    /// Kind [`Kind::INIT_NAME`](super::Kind::INIT_NAME).
    pub header: Header,
    /// What it goes by: its address in the kernel, on a kernel with lockdep the key of the class.
    pub address: u64,
    /// Which of the classes of this name it is, from 1 on; 0 without lockdep, and before lockdep has numbered it.
    pub version: u64,
    /// The name: the text of the expression, `&devlink->lock`.
    pub name: [u8; LOCK_NAME_LEN],
}
