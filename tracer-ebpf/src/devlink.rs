//! Devlink: what an instance is called, and when it reloads.

use aya_ebpf::{bindings::BPF_NOEXIST, macros::map, maps::HashMap};
use aya_log_ebpf::debug;
use tracer_common::{
    counter::Counter,
    probe::ProbeIndex,
    wire::{Devlink, DevlinkFree, Kind, WindowBegin, WindowEnd},
};

use crate::{
    call::{Call, Returned},
    count::count,
    kernel::{read, read_string},
    ring::send,
    setting::offset,
    task::{current, is_own},
    tasks::{held, known},
    work,
};

/// Instances whose name was sent, by the address of their `struct devlink`.
#[map]
static DEVLINKS: HashMap<u64, u64> = HashMap::with_max_entries(4096, 0);

/// Names an instance when its lock is taken for the first time.
#[inline(always)]
pub fn devlink<C: Call>(context: &C, probe: ProbeIndex) {
    if !is_own() {
        name(context.argument(0), probe);
    }
}

#[inline(always)]
fn name(devlink: u64, probe: ProbeIndex) {
    // SAFETY: the value is not used.
    if unsafe { DEVLINKS.get(devlink) }.is_some() {
        return;
    }
    let Some(device) = read::<u64>(devlink, offset!(devlink_dev)) else {
        return;
    };
    let bus = read::<u64>(device, offset!(device_bus)).and_then(|bus| read::<u64>(bus, offset!(bus_name)));
    let sent = send::<Devlink>(Kind::DEVLINK, probe, |record| {
        // SAFETY: the ring gives a place for exactly this type.
        unsafe {
            (*record).devlink = devlink;
            (*record).device = device;
            read_string(bus.unwrap_or(0), &raw mut (*record).bus);
            read_string(read(device, offset!(device_name)).unwrap_or(0), &raw mut (*record).name);
        }
    });
    if sent && DEVLINKS.insert(devlink, 1, u64::from(BPF_NOEXIST)).is_err() {
        count(Counter::DevlinksFull);
    }
}

/// Forgets an instance: its memory may become another one.
#[inline(always)]
pub fn devlink_free<C: Call>(context: &C, probe: ProbeIndex) {
    let devlink = context.argument(0);
    let _ = DEVLINKS.remove(devlink);
    // SAFETY: the ring gives a place for exactly this type.
    send::<DevlinkFree>(Kind::DEVLINK_FREE, probe, |record| unsafe {
        (*record).devlink = devlink
    });
}

/// Inode number of a network namespace, 0 when it cannot be told.
#[inline(always)]
pub fn netns(net: u64) -> u32 {
    read(net, offset!(net_inum)).unwrap_or(0)
}

/// A reload begins: `devlink_reload(devlink, dest_net, action, limit, ...)`. Every chain until its end is a chain of this window.
#[inline(always)]
pub fn window_begin<C: Call>(context: &C, probe: ProbeIndex) {
    let devlink = context.argument(0);
    name(devlink, probe);
    let Some(held) = held(probe) else { return };
    let (to, action) = (context.argument(1), context.argument(2) as u32);
    let sent = send::<WindowBegin>(Kind::WINDOW_BEGIN, probe, |record| {
        // SAFETY: the ring gives a place for exactly this type; `held` is the task's own.
        unsafe {
            (*record).window = (*record).header.time_ns;
            (*record).devlink = devlink;
            (*record).netns_from = read::<u64>(devlink, offset!(devlink_net)).map_or(0, netns);
            (*record).netns_to = if to == 0 { 0 } else { netns(to) };
            (*record).action = action;
            (*record).limit = context.argument(3) as u32;
            (*record).work = work::of(current(), &raw mut (*record).desc);
            (*held).window = (*record).header.time_ns;
        }
    });
    if sent {
        // Reloads of one kind share their chains, so that the thousandth reload sends nothing: which action, and whether it changes netns.
        // SAFETY: the task's own held stack.
        unsafe { (*held).window_kind = 1 + u64::from(action) * 2 + u64::from(to != 0) };
    }
    debug!(context, "devlink reload begins: action {}", action);
}

/// The reload ends.
#[inline(always)]
pub fn window_end<C: Returned>(context: &C, probe: ProbeIndex) {
    let Some(held) = known() else { return };
    // SAFETY: the task's own held stack.
    let window = unsafe {
        let window = (*held).window;
        (*held).window = 0;
        (*held).window_kind = 0;
        window
    };
    let result = i64::from(context.result(probe) as i32);
    if window != 0 {
        send::<WindowEnd>(Kind::WINDOW_END, probe, |record| {
            // SAFETY: the ring gives a place for exactly this type.
            unsafe {
                (*record).window = window;
                (*record).result = result;
            }
        });
    }
    debug!(context, "devlink reload ends: {}", result);
}
