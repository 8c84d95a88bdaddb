//! What was traced, how, and what was lost.

use super::Options;
use crate::analysis::snapshot::{Break, Capture, Choice, Kernel, Notifier, Snapshot, Suppressed, Wait, Window};
use crate::report::phrase::{held, lock_name, task, time};
use crate::report::wrap::wrap;

/// How much there is in the whole document, of which the text is an excerpt.
pub(super) struct Totals {
    /// Findings by severity, the most severe first.
    findings: [(&'static str, usize); 4],
    all_findings: usize,
    locks: usize,
    dependencies: usize,
}

impl Totals {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let of = |severity| {
            let findings = snapshot.findings.iter();
            findings.filter(|finding| finding.severity == severity).count()
        };
        Self {
            findings: ["critical", "error", "warning", "note"].map(|severity| (severity, of(severity))),
            all_findings: snapshot.findings.len(),
            locks: snapshot.locks.len(),
            dependencies: snapshot.dependencies.len(),
        }
    }
}

/// Everything below the findings.
pub(super) fn render(snapshot: &Snapshot, totals: &Totals, options: Options) -> String {
    let mut out = format!("{}\n", options.style.heading(&counts(totals)));
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
    let windows: Vec<_> = snapshot.windows.iter().map(window).collect();
    section(&mut out, options, "Reload windows", &windows);
    let notifiers: Vec<_> = snapshot
        .notifiers
        .iter()
        .map(|change| notifier(snapshot, change))
        .collect();
    section(&mut out, options, "Notifiers", &notifiers);
    let waits: Vec<_> = snapshot.waits.iter().map(|waiting| wait(snapshot, waiting)).collect();
    section(&mut out, options, "Waiting at the end", &waits);
    section(&mut out, options, "Capture", &capture(snapshot, totals));
    out
}

fn section(out: &mut String, options: Options, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    out.push_str(&format!("\n{}\n", options.style.heading(title)));
    for line in lines {
        out.push_str(&wrap("  ", "      ", line));
    }
}

fn counts(totals: &Totals) -> String {
    let total = totals.findings;
    if total.iter().all(|(_, count)| *count == 0) {
        return "No findings.".to_string();
    }
    let plural = |severity, count| if count > 1 && severity != "critical" { "s" } else { "" };
    let present = total.iter().filter(|(_, count)| *count > 0);
    let parts: Vec<_> = present
        .map(|&(severity, count)| format!("{count} {severity}{}", plural(severity, count)))
        .collect();
    format!("Findings: {}", parts.join(", "))
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

fn window(window: &Window) -> String {
    let netns = match (window.netns_from, window.netns_to) {
        (Some(from), Some(to)) if from != to => format!(", netns {from} -> {to}"),
        (Some(from), _) => format!(", netns {from}"),
        _ => String::new(),
    };
    let end = match (window.end_ns, window.result) {
        (Some(end), Some(0)) => format!("took {}", time(end.saturating_sub(window.start_ns))),
        (Some(end), Some(error)) => format!(
            "failed with {error} after {}",
            time(end.saturating_sub(window.start_ns))
        ),
        _ => "not ended".to_string(),
    };
    let who = task(&window.task, window.pid);
    format!(
        "{} {} {} ({}){netns}: {who}, {end}",
        time(window.start_ns),
        window.kind,
        window.handle,
        window.action
    )
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

fn wait(snapshot: &Snapshot, waiting: &Wait) -> String {
    let who = task(&waiting.task, waiting.pid);
    let what = lock_name(snapshot, waiting.lock);
    let on = if waiting.on.is_empty() {
        "nobody that was seen".to_string()
    } else {
        waiting.on.join(", ")
    };
    let place = waiting
        .stack
        .first()
        .map(|frame| format!(" at {frame}"))
        .unwrap_or_default();
    let deadlock = match (waiting.finding, waiting.in_circle) {
        (Some(finding), true) => format!(": deadlock #{finding}"),
        (Some(finding), false) => format!(": stuck behind deadlock #{finding}"),
        (None, _) => String::new(),
    };
    let since = if snapshot.capture.duration_ns.is_some() {
        format!(" since {}", time(waiting.since_ns))
    } else {
        String::new()
    };
    format!(
        "{who} waits for {what} ({}){place}{since}, held by {on}{deadlock}",
        waiting.mode
    )
}

fn capture(snapshot: &Snapshot, totals: &Totals) -> Vec<String> {
    let capture = &snapshot.capture;
    let mut lines = vec![
        format!("kernel: {}", kernel(&snapshot.kernel)),
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
    lines.push(lost(capture));
    lines
}

fn kernel(kernel: &Kernel) -> String {
    let parts = [&kernel.release, &kernel.version, &kernel.machine];
    let known: Vec<_> = parts.into_iter().flatten().map(String::as_str).collect();
    if known.is_empty() {
        "not known".to_string()
    } else {
        known.join(" ")
    }
}

fn list<'a>(counters: impl Iterator<Item = (&'a str, &'a u64)>) -> Option<String> {
    let parts: Vec<_> = counters
        .map(|(name, count)| format!("{} {count}", name.replace('_', " ")))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn counters(capture: &Capture) -> String {
    let counted = list(capture.counters.iter().map(|(name, count)| (name.as_str(), count)));
    format!("counted: {}", counted.unwrap_or_else(|| "nothing".to_string()))
}

fn lost(capture: &Capture) -> String {
    let lost = capture
        .lost
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(name, count)| (name.as_str(), count));
    let complete = if capture.complete {
        ""
    } else {
        "; the capture is incomplete, findings may be missing"
    };
    format!(
        "lost: {}{complete}",
        list(lost).unwrap_or_else(|| "nothing".to_string())
    )
}
