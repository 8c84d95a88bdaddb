//! What proves one side of a finding: the task, why it was in the kernel, what it held, and both stacks.

use std::sync::Arc;

use crate::analysis::snapshot::{Dependency, Evidence, Side, Snapshot};
use crate::report::phrase::{self, held, lock_name, task, time, times};
use crate::report::source;
use crate::report::wrap::{WIDTH, wrap, wrap_items};

/// One side.
pub(super) fn render(snapshot: &Snapshot, number: usize, side: &Side) -> String {
    let dependency = snapshot
        .dependencies
        .iter()
        .find(|dependency| dependency.id == side.dependency);
    let evidence = dependency.and_then(|dependency| dependency.evidence.get(side.evidence as usize));
    let (Some(dependency), Some(evidence)) = (dependency, evidence) else {
        return String::new();
    };
    let mut out = wrap(
        &format!("  #{number} "),
        "     ",
        &phrase::dependency(snapshot, dependency),
    );
    let clock = snapshot.capture.duration_ns.is_some();
    out.push_str(&wrap("     ", "       ", &who(dependency, evidence, side, clock)));
    if let Some(origin) = &side.origin {
        out.push_str(&wrap("     in: ", "         ", origin));
    }
    out.push_str("     holding:\n");
    out.push_str(&wrap_items("       ", " -> ", &held(snapshot, &evidence.held)));
    let from = lock_name(snapshot, dependency.from);
    let to = lock_name(snapshot, dependency.to);
    let from_title = format!("{from} was taken at:");
    let to_title = format!("{to} is requested at:");
    out.push_str(&trace(snapshot, "     ", &from_title, &evidence.from_stack));
    out.push_str(&trace(snapshot, "     ", &to_title, &evidence.to_stack));
    out
}

/// A source without a clock (a text trace) has no times to show.
fn who(dependency: &Dependency, evidence: &Evidence, side: &Side, clock: bool) -> String {
    let at = if clock {
        format!(" at {}", time(evidence.time_ns))
    } else {
        String::new()
    };
    format!("{}{at}; seen {}", task(&side.task, side.pid), times(dependency))
}

/// A stack under its title, which stands at this indent; nothing when it is empty.
pub(super) fn trace(snapshot: &Snapshot, indent: &str, title: &str, frames: &[Arc<str>]) -> String {
    if frames.is_empty() {
        return String::new();
    }
    let deeper = format!("{indent}  ");
    let mut out = wrap(indent, &deeper, title);
    for frame in frames {
        out.push_str(&source::frame(snapshot, WIDTH, &deeper, frame));
    }
    out
}
