//! Locks as lockdep is told of them, by its own tracepoints: on a kernel that has it, every way to take and to give back a lock passes there, and so does
//! what gives up waiting.

use aya_ebpf::programs::BtfTracePointContext;
use tracer_common::{probe::ProbeIndex, wire::info};

use crate::{
    call::Call,
    chain,
    kernel::{peek, read},
    setting::offset,
};

/// `LD_WAIT_SPIN` (`include/linux/lockdep_types.h`): whoever takes a lock of this type or one below does not sleep. Those above are numbered by configuration.
const WAIT_SPIN: u8 = 2;

/// `lock_acquire(map, subclass, trylock, read, check, nest_lock, ip)`: a lock is requested, or a trylock got it.
#[inline(always)]
pub fn acquire(context: &BtfTracePointContext, probe: ProbeIndex) {
    let Some((lock, kind)) = lock(context.argument(0)) else {
        return;
    };
    let mut info = kind;
    // `__mutex_lock_common()` nests a ww_mutex in its acquire context, which is no lock.
    let nest = context.argument(5);
    if kind == info::MUTEX && nest != 0 && self::lock(nest).is_none() {
        info = info::WW_MUTEX;
    }
    if context.argument(2) as i32 != 0 {
        info |= info::TRYLOCK;
    }
    if context.argument(3) as i32 != 0 {
        info |= info::SHARED;
    }
    chain::acquire_lock(context, lock, probe, info);
}

/// `lock_release(map, ip)`: it is given back, or was not got.
#[inline(always)]
pub fn release(context: &BtfTracePointContext, probe: ProbeIndex) {
    if let Some((lock, kind)) = lock(context.argument(0)) {
        chain::release_lock(context, lock, probe, kind);
    }
}

/// The mutex or rwsem that a `struct lockdep_map` is in, and which of the two.
///
/// Only the lock itself tells: `CONFIG_DEBUG_MUTEXES` and `CONFIG_DEBUG_RWSEMS`, which lockdep selects (`lib/Kconfig.debug`), keep its own address in it.
#[inline(always)]
fn lock(map: u64) -> Option<(u64, u64)> {
    if read::<u8>(map, offset!(dep_map_wait_type))? <= WAIT_SPIN {
        return None;
    }
    let mutex = map.wrapping_sub(offset!(mutex_dep_map) as u64);
    if peek(mutex, offset!(mutex_magic)) == Some(mutex) {
        return Some((mutex, info::MUTEX));
    }
    let rwsem = map.wrapping_sub(offset!(rwsem_dep_map) as u64);
    (peek(rwsem, offset!(rwsem_magic)) == Some(rwsem)).then_some((rwsem, info::RWSEM))
}
