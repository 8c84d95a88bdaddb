//! Files of sysfs: one that is in use is not removed until it is not any more (fs/kernfs).

use aya_ebpf::{bindings::BPF_ANY, macros::map, maps::LruHashMap};
use tracer_common::{counter::Counter, probe::ProbeIndex, wire::info};

use crate::{
    call::{Call, Exit, Returned},
    chain::seen,
    count::count_at,
    epoch::epoch,
    held::{Held, Taken},
    init::name_as,
    kernel::read,
    setting::offset,
    tasks,
};

/// Nodes of kernfs that somebody used, with their numbers.
#[map]
static USED: LruHashMap<u64, u64> = LruHashMap::with_max_entries(8192, 0);

/// A file of sysfs is read or written: argument 0 is its `struct kiocb`.
#[inline(always)]
pub fn enter_file<C: Call>(context: &C, probe: ProbeIndex, _info: u64) {
    let Some(held) = tasks::traced(probe) else { return };
    put(held);
    let node = read(context.first(), offset!(kiocb_file))
        .and_then(|file: u64| read(file, offset!(file_private)))
        .and_then(|seq: u64| read(seq, offset!(seq_private)))
        .and_then(|open: u64| read(open, offset!(open_node)))
        .unwrap_or(0);
    held.file = [node, 0];
}

/// It is in use from here on: `kernfs_get_active(node)` gives the node.
#[inline(always)]
pub fn use_file(context: &Exit, probe: ProbeIndex, info: u64) {
    let Some(held) = tasks::known() else { return };
    // SAFETY: as in `enter_file`.
    let held = unsafe { &mut *held };
    let node = context.argument(0);
    if held.file != [node, 0] || context.result(probe) == 0 {
        return;
    }
    let number = held.launder(id(node));
    let _ = USED.insert(node, number, u64::from(BPF_ANY));
    name_as(node, name(node), probe);
    // Nobody waits for it.
    let info = info | info::TRYLOCK;
    let taken = seen(context, held, node, number, probe, info);
    if held.push(node, number, info, epoch(), taken) {
        held.file = [node; 2];
    } else {
        count_at(Counter::HeldOverflow, probe);
    }
}

/// It is not in use any more: argument 0 is the node.
#[inline(always)]
pub fn put_file<C: Call>(context: &C, _probe: ProbeIndex, _info: u64) {
    let Some(held) = tasks::known() else { return };
    // SAFETY: as in `enter_file`.
    let held = unsafe { &mut *held };
    let node = context.first();
    if held.file[1] == node {
        put(held);
    }
}

/// It was read or written.
#[inline(always)]
pub fn leave_file<C: Call>(_context: &C, _probe: ProbeIndex, _info: u64) {
    let Some(held) = tasks::known() else { return };
    // SAFETY: as in `enter_file`.
    let held = unsafe { &mut *held };
    put(held);
    held.file = [0; 2];
}

#[inline(always)]
fn put(held: &mut Held) {
    let [_, node] = held.file;
    if node == 0 {
        return;
    }
    held.file[1] = 0;
    if let Some(place) = held.find(node) {
        held.remove(place);
    }
}

/// Which of the nodes at an address it is.
#[inline(always)]
pub fn id(node: u64) -> u64 {
    read(node, offset!(kernfs_id)).unwrap_or(0)
}

/// Address of its name.
#[inline(always)]
pub fn name(node: u64) -> u64 {
    read(node, offset!(kernfs_name)).unwrap_or(0)
}

/// Whether a node was seen in use.
#[inline(always)]
pub fn was_used(node: u64, number: u64) -> bool {
    // SAFETY: a value of the map.
    USED.get_ptr(node).is_some_and(|known| unsafe { *known } == number)
}

/// A kernfs node is drained: what is held of its tree is given back for the time of the wait (`kernfs_drain()` in fs/kernfs/dir.c): the rwsem of the nodes, held for writing (5.16+), and
/// that of the superblocks, held for reading (in 7.2).
#[inline(always)]
pub fn drained<C: Call>(
    context: &C,
    held: &mut Held,
    object: u64,
    generation: u64,
    probe: ProbeIndex,
    info: u64,
) -> Taken {
    let newest = held.top.wrapping_sub(1);
    // Hidden or not: the verifier follows one path from here on.
    let nodes = hide(held, newest, info::RWSEM, 0);
    let supers = if nodes == 0 {
        0
    } else {
        hide(held, newest.wrapping_sub(1), info::RWSEM | info::SHARED, nodes)
    };
    let (nodes, supers) = (held.launder(nodes), held.launder(supers));
    let taken = seen(context, held, object, generation, probe, info);
    if supers != 0 {
        held.show(newest.wrapping_sub(1), supers);
    }
    if nodes != 0 {
        held.show(newest, nodes);
    }
    taken
}

/// More than a `struct kernfs_root` has.
const ROOT_BYTES: u64 = 512;

/// Hides the lock in a slot if it is of this kind and mode, and in the same object as another one, where there is one; gives it, or 0.
#[inline(always)]
fn hide(held: &mut Held, place: u64, kind: u64, other: u64) -> u64 {
    let slot = held.slot(place);
    let lock = slot.lock;
    let is_it = slot.info & (info::KIND | info::SHARED) == kind
        && (other == 0 || lock.wrapping_sub(other).wrapping_add(ROOT_BYTES) < 2 * ROOT_BYTES);
    if lock == 0 || !is_it {
        return 0;
    }
    held.hide(place);
    lock
}
