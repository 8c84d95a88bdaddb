//! What was traced, how, and what was lost.

use super::{Options, waits};
use crate::analysis::snapshot::{Break, Capture, Choice, Notifier, Snapshot, Suppressed};
use crate::report::phrase::{self, held, task, time};
use crate::report::totals::Totals;
use crate::report::wrap::wrap;

/// Everything below the findings.
pub(super) fn render(snapshot: &Snapshot, totals: &Totals, options: Options) -> String {
    let mut out = format!("{}\n", options.style.heading(&totals.counts()));
    let notes = totals.all_findings - snapshot.findings.len();
    if notes > 0 {
        let (word, verb) = if notes == 1 { ("note", "it") } else { ("notes", "them") };
        out.push_str(&format!("{notes} {word} hidden; --notes shows {verb}\n"));
    }
    let allowed: Vec<_> = snapshot.suppressed.iter().map(allowed).collect();
    if options.allowed {
        section(&mut out, options, "Allowed", &allowed);
    } else if !allowed.is_empty() {
        let them = if allowed.len() == 1 { "it" } else { "them" };
        out.push_str(&format!("{} allowed by rules; --allowed shows {them}\n", allowed.len()));
    }
    section(&mut out, options, "Breaks", &breaks(snapshot));
    let windows: Vec<_> = snapshot.windows.iter().map(phrase::window).collect();
    section(&mut out, options, "Reload windows", &windows);
    let notifiers: Vec<_> = snapshot
        .notifiers
        .iter()
        .map(|change| notifier(snapshot, change))
        .collect();
    section(&mut out, options, "Notifiers", &notifiers);
    waits::render(&mut out, snapshot, options);
    section(&mut out, options, "Capture", &capture(snapshot, totals));
    out
}

pub(super) fn section(out: &mut String, options: Options, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    out.push_str(&format!("\n{}\n", options.style.heading(title)));
    for line in lines {
        out.push_str(&wrap("  ", "      ", line));
    }
}

fn allowed(allowed: &Suppressed) -> String {
    let finding = &allowed.finding;
    let verdict = finding.verdict.as_deref().unwrap_or(&finding.kind);
    let severity = finding.severity.to_uppercase();
    format!(
        "{severity}: {verdict}: {}; fingerprint {}; allowed by \"{}\": {}",
        finding.title, finding.fingerprint, allowed.entry, allowed.reason
    )
}

/// What would break the cycles, a line per choice: `#1, #2: gone without A@f and B@g`.
fn breaks(snapshot: &Snapshot) -> Vec<String> {
    snapshot.breaks.iter().flat_map(break_lines).collect()
}

fn break_lines(set: &Break) -> Vec<String> {
    let findings: Vec<_> = set.findings.iter().map(|id| format!("#{id}")).collect();
    let findings = findings.join(", ");
    if set.choices.is_empty() {
        return vec![format!("{findings}: nothing was found that breaks them all")];
    }
    let without = |choice: &Choice| choice.without.join(" and ");
    let few = if set.exact { "" } else { ", perhaps not the fewest" };
    let first = |number: usize| if number == 0 { "gone without" } else { "or without" };
    let lines = set.choices.iter().enumerate();
    lines
        .map(|(number, choice)| format!("{findings}: {} {}{few}", first(number), without(choice)))
        .collect()
}

fn notifier(snapshot: &Snapshot, change: &Notifier) -> String {
    let who = task(&change.task, change.pid);
    let locks = if change.held.is_empty() {
        "nothing".to_string()
    } else {
        held(snapshot, &change.held).join(", ")
    };
    format!(
        "{} {}({}): {who}, holding {locks}",
        time(change.time_ns),
        change.function,
        change.callback
    )
}

fn capture(snapshot: &Snapshot, totals: &Totals) -> Vec<String> {
    let capture = &snapshot.capture;
    let mut lines = vec![
        format!("kernel: {}", phrase::kernel(&snapshot.kernel)),
        format!("backend: {}", capture.backend),
    ];
    if let Some(command) = &capture.command {
        let status = capture
            .command_status
            .map_or_else(|| "not ended".to_string(), |status| format!("exit {status}"));
        lines.push(format!("command: {} ({status})", command.join(" ")));
    }
    lines.extend(
        capture
            .selection
            .as_deref()
            .map(|selection| format!("traced: {selection}")),
    );
    let started = capture.started.as_deref().map(|started| format!("started: {started}"));
    lines.extend(started);
    lines.extend(
        capture
            .duration_ns
            .map(|duration| format!("duration: {}", time(duration))),
    );
    let (attached, missing) = (capture.probes.attached.len(), capture.probes.missing.len());
    if attached + missing > 0 {
        let names = if missing > 0 {
            format!(" ({})", capture.probes.missing.join(", "))
        } else {
            String::new()
        };
        lines.push(format!("probes: {attached} attached, {missing} missing{names}"));
    }
    let (locks, dependencies) = (totals.locks, totals.dependencies);
    lines.push(format!("graph: {locks} locks, {dependencies} dependencies"));
    lines.push(counters(capture));
    lines.push(phrase::lost(capture));
    lines
}

fn counters(capture: &Capture) -> String {
    let counted = phrase::counters(capture.counters.iter().map(|(name, count)| (name.as_str(), count)));
    format!("counted: {}", counted.unwrap_or_else(|| "nothing".to_string()))
}
