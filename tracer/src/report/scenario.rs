//! lockdep's "Possible unsafe locking scenario", with one column per task and every lock.

use super::wrap::{cut, wrap_to};
use crate::analysis::snapshot::{Finding, Mode, ScenarioStep, Side};

/// Narrower columns show no names any more.
const MIN_COLUMN: usize = 24;

/// The scenario: columns while they fit into `width`, else one task below the other.
pub(crate) fn render(finding: &Finding, width: usize) -> String {
    let sides = &finding.scenario;
    let (head, end) = match finding.verdict.as_deref() {
        Some("needs-writer") => ("Possible unsafe locking scenario:", "DEADLOCK once a writer is queued"),
        None => ("The order that breaks the rule:", "RULE BROKEN"),
        Some("guarded" | "ordered" | "single-task") => {
            ("Unsafe locking scenario, if nothing prevented it:", "prevented")
        }
        _ => ("Possible unsafe locking scenario:", "DEADLOCK"),
    };
    let mut out = format!("  {head}\n\n");
    let column = (width - 2) / sides.len().max(1);
    let widest = sides
        .iter()
        .flat_map(|side| &side.steps)
        .map(|step| call(step).chars().count())
        .max();
    let fits = column >= MIN_COLUMN && widest.unwrap_or_default() + 2 <= column;
    if sides.len() == 1 || fits {
        columns(&mut out, sides, column.min(width / 2));
    } else {
        out.push_str(&stacked(sides, width));
    }
    out.push_str(&format!("\n   *** {end} ***\n"));
    out
}

/// `lock(X);` as lockdep writes it: `rlock` is shared, `lock` exclusive; `flush(W);` waits for what another task's `run(W);` does.
fn call(step: &ScenarioStep) -> String {
    let shared = if step.mode == Mode::Shared { "r" } else { "" };
    format!("{shared}{}({});", step.op, step.lock)
}

fn columns(out: &mut String, sides: &[Side], column: usize) {
    let line = |cells: Vec<String>| {
        let cells = cells.into_iter().map(|cell| format!("{cell:<column$}"));
        format!("  {}\n", cells.collect::<String>().trim_end())
    };
    let heads: Vec<_> = sides
        .iter()
        .map(|side| cut(&side.task, column.saturating_sub(2)))
        .collect();
    let rules = heads.iter().map(|head| "-".repeat(head.chars().count())).collect();
    out.push_str(&line(heads));
    out.push_str(&line(rules));
    // All take what they hold, one task after the other; then all wait.
    for (holds, waits) in [(true, false), (false, true)] {
        for (position, side) in sides.iter().enumerate() {
            for step in side
                .steps
                .iter()
                .filter(|step| if step.state == "waits" { waits } else { holds })
            {
                let mut cells = vec![String::new(); position];
                cells.push(call(step));
                out.push_str(&line(cells));
            }
        }
    }
}

/// One line a task: what all of them take, then what all of them wait for.
fn stacked(sides: &[Side], width: usize) -> String {
    let mut out = String::new();
    for (state, text) in [("held", "takes"), ("waits", "then waits for")] {
        for side in sides {
            let steps: Vec<_> = side.steps.iter().filter(|step| step.state == state).map(call).collect();
            let first = format!("  {} {text} ", side.task);
            out.push_str(&wrap_to(width, &first, "      ", &steps.join(" ")));
        }
    }
    out
}
