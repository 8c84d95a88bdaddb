//! Damaged debug information can make blazesym panic. That costs its lines, and nothing else.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

#[cfg(panic = "abort")]
compile_error!("a panic over a damaged debug file has to unwind, or it ends the trace and its report");

thread_local! {
    static IS_CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Calls what may panic, and is told nothing of it. None when it did: everything that it had changed is to be left alone then.
pub(super) fn contain<T>(work: impl FnOnce() -> T) -> Option<T> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let say = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_CONTAINED.get() {
                say(panic);
            }
        }));
    });
    IS_CONTAINED.set(true);
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    IS_CONTAINED.set(false);
    done.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_no_result() {
        assert_eq!(contain(|| 1), Some(1));
        assert_eq!(contain(|| [1][std::hint::black_box(1)]), None);
        assert!(!IS_CONTAINED.get());
    }
}
