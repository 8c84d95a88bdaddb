//! The lines of a splat, as lockdep.c of 6.12 prints them.

use super::circle::{Circle, Entry};
use crate::analysis::snapshot::Mode;
use crate::report::clean;
use crate::report::wrap::WIDTH;

/// Where the columns of a scenario begin: `print_circular_lock_scenario()` has two of them.
const COLUMNS: [usize; 2] = [2, 31];

/// Columns behind the second one.
const COLUMN: usize = 24;

/// The least of them: `CPU10` and a space.
const NARROW: usize = 6;

/// One splat.
pub(super) fn render(circle: &Circle<'_>) -> String {
    if circle.parts.len() == 1 {
        recursive(circle)
    } else {
        circular(circle)
    }
}

/// `print_circular_bug()`
fn circular(circle: &Circle<'_>) -> String {
    let chain = chain(circle);
    let mut out = head(circle, "possible circular locking dependency detected", 54);
    out.push_str("\nwhich lock already depends on the new lock.\n\n");
    out.push_str("\nthe existing dependency chain (in reverse order) is:\n");
    for (number, entry) in chain.iter().enumerate().rev() {
        out.push_str(&format!("\n-> #{number} {}:\n", class(entry)));
        out.extend(entry.stack.iter().map(|frame| format!("       {frame}\n")));
    }
    out.push_str("\nother info that might help us debug this:\n\n");
    if chain.len() > 2 {
        let names: Vec<_> = chain.iter().map(|entry| entry.name.as_str()).collect();
        out.push_str(&format!("Chain exists of:\n  {}\n\n", names.join(" --> ")));
    }
    out.push_str(&columns(circle));
    out.push_str("\n *** DEADLOCK ***\n\n");
    out.push_str(&held(circle));
    out.push_str(&backtrace(circle));
    out
}

/// `print_deadlock_bug()`
fn recursive(circle: &Circle<'_>) -> String {
    let mut out = head(circle, "possible recursive locking detected", 44);
    out.push_str("\nother info that might help us debug this:\n");
    out.push_str(&columns(circle));
    out.push_str("\n *** DEADLOCK ***\n\n May be due to missing lock nesting notation\n\n");
    out.push_str(&held(circle));
    out.push_str(&backtrace(circle));
    out
}

/// The locks around the circle: #0 is wanted, each other one was requested while the one before it was held.
fn chain<'a>(circle: &'a Circle<'_>) -> Vec<&'a Entry> {
    let Some((trying, others)) = circle.parts.split_first() else {
        return Vec::new();
    };
    let wanted = trying.locks.last().into_iter();
    let others = others.iter().flat_map(|part| part.locks.iter().skip(1));
    let inner = trying.locks.len().saturating_sub(2);
    wanted
        .chain(others)
        .chain(trying.locks.iter().skip(1).take(inner))
        .collect()
}

fn head(circle: &Circle<'_>, what: &str, width: usize) -> String {
    let mut out = format!("{}\nWARNING: {what}\n", "=".repeat(width));
    if let Some(kernel) = kernel(circle) {
        out.push_str(&format!("{kernel}\n"));
    }
    let locks = circle.parts.first().map(|part| &part.locks[..]);
    let (against, wanted) = match locks {
        // In a recursion what it holds of the circle is the lock itself, whatever it took in between.
        Some([first, .., wanted]) if circle.parts.len() == 1 => (first, wanted),
        Some([.., against, wanted]) => (against, wanted),
        _ => return out,
    };
    out.push_str(&format!(
        "{}\n{} is trying to acquire lock:\n",
        "-".repeat(width),
        task(circle)
    ));
    out.push_str(&lock(wanted));
    out.push_str("\nbut task is already holding lock:\n");
    out.push_str(&lock(against));
    out
}

/// `print_kernel_ident()`, without what taints it.
fn kernel(circle: &Circle<'_>) -> Option<String> {
    let kernel = &circle.snapshot.kernel;
    let build = kernel.version.as_deref().and_then(|version| version.split(' ').next());
    let known: Vec<_> = [kernel.release.as_deref(), build].into_iter().flatten().collect();
    kernel
        .release
        .as_ref()
        .map(|_| clean::text(&known.join(" ")).into_owned())
}

/// A worker's name, and the work item that it runs.
fn worker(task: &str) -> (&str, Option<&str>) {
    match task.split_once(": ").filter(|_| task.starts_with("kworker/")) {
        Some((comm, work)) => (comm, Some(work)),
        None => (task, None),
    }
}

/// `COMM/PID`; 0 where the source tells no thread id.
fn task(circle: &Circle<'_>) -> String {
    circle.sides.first().map_or_else(String::new, |side| {
        format!("{}/{}", worker(&side.task).0, side.pid.unwrap_or_default())
    })
}

/// `print_lock_name()`. lockdep's types of waiting are those of locks that sleep.
fn class(entry: &Entry) -> String {
    format!("({}){{{}}}-{{3:3}}", entry.name, entry.usage)
}

/// `print_lock()`
fn lock(entry: &Entry) -> String {
    format!("{} {}, at: {}\n", entry.address, class(entry), entry.place)
}

/// `print_circular_lock_scenario()` and `print_deadlock_scenario()`, with every lock and a column for every task. Each call has a line of its
/// own, so columns can be narrower than what is in them.
fn columns(circle: &Circle<'_>) -> String {
    let calls = circle.parts.iter().flat_map(|part| &part.locks).map(call);
    let longest = calls.map(|call| call.chars().count()).max().unwrap_or_default();
    let more = circle.parts.len().saturating_sub(COLUMNS.len());
    let room = WIDTH.saturating_sub(longest + COLUMNS[1]);
    let column = room.checked_div(more).unwrap_or(COLUMN).clamp(NARROW, COLUMN);
    let begin = |number: usize| {
        COLUMNS
            .get(number)
            .copied()
            .unwrap_or(COLUMNS[1] + number.saturating_sub(1) * column)
    };
    let line = |number: usize, entry: &Entry| format!("{}{}\n", " ".repeat(begin(number)), call(entry));
    let mut lines = Vec::new();
    for (number, part) in circle.parts.iter().enumerate() {
        let held = part.locks.len().saturating_sub(1);
        lines.extend(part.locks.iter().take(held).map(|entry| line(number, entry)));
    }
    // The task that tries comes last.
    let waits = circle.parts.iter().enumerate();
    let waits = waits.clone().skip(1).chain(waits.take(1));
    lines.extend(waits.filter_map(|(number, part)| Some(line(number, part.locks.last()?))));
    let mut out = " Possible unsafe locking scenario:\n\n".to_string();
    for (text, fill) in [("CPU", true), ("----", false)] {
        let mut line = String::new();
        for number in 0..circle.parts.len() {
            let column = if number == 0 { 7 } else { begin(number) };
            let name = if fill {
                format!("{text}{number}")
            } else {
                text.to_string()
            };
            line = format!("{line:<column$}{name}");
        }
        out.push_str(&format!("{line}\n"));
    }
    out + &lines.concat()
}

/// `lock(CLASS);`
fn call(entry: &Entry) -> String {
    let shared = if entry.mode == Mode::Shared { "r" } else { "" };
    format!("{shared}lock({});", entry.name)
}

/// `lockdep_print_held_locks()`
fn held(circle: &Circle<'_>) -> String {
    let (count, task) = (circle.held.len(), task(circle));
    let plural = if count == 1 { "" } else { "s" };
    let mut out = format!("{count} lock{plural} held by {task}:\n");
    for (number, entry) in circle.held.iter().enumerate() {
        out.push_str(&format!(" #{number}: {}", lock(entry)));
    }
    out
}

/// `dump_stack()`, without what is not known of the machine.
fn backtrace(circle: &Circle<'_>) -> String {
    let mut out = "\nstack backtrace:\n".to_string();
    let Some((side, wanted)) = circle
        .sides
        .first()
        .zip(circle.parts.first().and_then(|part| part.locks.last()))
    else {
        return out;
    };
    let (comm, work) = worker(&side.task);
    let kernel = kernel(circle).map(|kernel| format!(" {kernel}")).unwrap_or_default();
    out.push_str(&format!("PID: {} Comm: {comm}{kernel}\n", side.pid.unwrap_or_default()));
    if let Some(work) = work {
        out.push_str(&format!("Workqueue: {work}\n"));
    }
    out.push_str("Call Trace:\n <TASK>\n");
    out.extend(wanted.stack.iter().map(|frame| format!(" {frame}\n")));
    out.push_str(" </TASK>\n");
    out
}
