//! Modules: user space reads the kernel's symbols again when one is loaded; when one is unloaded, its locks are gone.

use tracer_common::{
    probe::ProbeIndex,
    wire::{Kind, Module},
};

use crate::{call::Call, generation, kernel::read_string, ring::send, setting::offset};

/// A module's code is about to run for the first time.
#[inline(always)]
pub fn module<C: Call>(context: &C, probe: ProbeIndex) {
    tell(context, probe, Kind::MODULE);
}

/// None of it will run again.
#[inline(always)]
pub fn module_free<C: Call>(context: &C, probe: ProbeIndex) {
    generation::unload();
    tell(context, probe, Kind::MODULE_FREE);
}

#[inline(always)]
fn tell<C: Call>(context: &C, probe: ProbeIndex, kind: Kind) {
    let module = context.argument(0);
    send::<Module>(kind, probe, |record| {
        // SAFETY: the ring gives a place for exactly this type.
        unsafe {
            (*record).name[0] = 0;
            if offset!(module_name) >= 0 {
                read_string(
                    module.wrapping_add(offset!(module_name) as u64),
                    &raw mut (*record).name,
                );
            }
        }
    });
}
