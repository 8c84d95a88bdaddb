//! What happened to the trace: what the session said while it ran, what was lost, reloads, findings.

use std::collections::BTreeMap;

use crate::analysis::snapshot::{Capture, Snapshot};
use crate::report::phrase;
use crate::tui::list::seconds;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When, in ns since the start; none before the trace began.
    pub time_ns: Option<u64>,
    /// What.
    pub text: String,
    /// How severe that is, by the name of a severity.
    pub severity: Option<String>,
}

impl Line {
    /// A line of something that is as it should be.
    pub fn new(time_ns: Option<u64>, text: impl Into<String>) -> Self {
        Self {
            time_ns,
            text: text.into(),
            severity: None,
        }
    }

    fn severe(mut self, severity: &str) -> Self {
        self.severity = Some(severity.to_owned());
        self
    }
}

/// What of the losses was told.
#[derive(Debug, Default)]
pub struct Losses {
    told: BTreeMap<String, u64>,
}

impl Losses {
    /// Lines for what was lost since this was last asked.
    pub fn new_lines(&mut self, capture: &Capture) -> Vec<Line> {
        let mut lines = Vec::new();
        for (counter, &count) in &capture.lost {
            let told = self.told.entry(counter.clone()).or_default();
            if count > *told {
                let text = format!(
                    "lost: {} {} more, {count} in all",
                    counter.replace('_', " "),
                    count - *told
                );
                lines.push(Line::new(capture.duration_ns, text).severe("error"));
                *told = count;
            }
        }
        lines
    }
}

/// All lines, in the order of time: those that were said, and what the snapshot tells.
pub(super) fn lines(snapshot: &Snapshot, said: &[Line]) -> Vec<Line> {
    let mut lines = begin(snapshot);
    let windows = snapshot.windows.iter().flat_map(|window| {
        let what = format!("{} {} ({})", window.kind, window.handle, window.action);
        let who = phrase::task(&window.task, window.pid);
        let begin = Line::new(Some(window.start_ns), format!("{what} begins: {who}"));
        let end = window.end_ns.map(|end| {
            let took = seconds(end.saturating_sub(window.start_ns));
            match window.result {
                None | Some(0) => Line::new(Some(end), format!("{what} ends after {took}")),
                Some(error) => {
                    Line::new(Some(end), format!("{what} fails with {error} after {took}")).severe("warning")
                }
            }
        });
        [Some(begin), end].into_iter().flatten()
    });
    lines.extend(windows);
    lines.extend(snapshot.findings.iter().map(|finding| {
        let verdict = finding.verdict.as_deref().unwrap_or(&finding.kind);
        let text = format!("{}: {verdict}: {}", finding.severity.to_uppercase(), finding.title);
        Line::new(Some(finding.first_ns), text).severe(&finding.severity)
    }));
    lines.extend(said.iter().cloned());
    // What the session has said of losses has their times.
    if said.is_empty() {
        lines.extend(Losses::default().new_lines(&snapshot.capture));
        lines.extend(places(&snapshot.capture));
    }
    if let Some(status) = snapshot.capture.command_status {
        lines.push(Line::new(
            snapshot.capture.duration_ns,
            format!("the command ended with status {status}"),
        ));
    }
    lines.sort_by_key(|line| line.time_ns);
    lines
}

/// How it was captured.
fn begin(snapshot: &Snapshot) -> Vec<Line> {
    let capture = &snapshot.capture;
    let mut lines = vec![Line::new(None, format!("kernel: {}", phrase::kernel(&snapshot.kernel)))];
    let mut tell = |what: &str, text: Option<String>| {
        lines.extend(text.map(|text| Line::new(None, format!("{what}: {text}"))));
    };
    tell("started", capture.started.clone());
    tell("command", capture.command.as_ref().map(|words| words.join(" ")));
    tell("selection", capture.selection.clone());
    let attached = &capture.probes.attached;
    let count = |probes: &[String]| (!probes.is_empty()).then(|| format!("{}: {}", probes.len(), probes.join(", ")));
    tell("attached", count(attached));
    tell("missing", count(&capture.probes.missing));
    lines
}

/// Where something was lost.
fn places(capture: &Capture) -> Vec<Line> {
    let lost = capture
        .places
        .iter()
        .filter(|place| capture.lost.contains_key(&place.counter));
    lost.map(|place| {
        let probe = place.probe.as_deref().unwrap_or("?");
        let cpu = place.cpu.map_or_else(String::new, |cpu| format!(" on CPU {cpu}"));
        let text = format!(
            "lost: {} {} in {probe}{cpu}",
            place.counter.replace('_', " "),
            place.count
        );
        Line::new(capture.duration_ns, text).severe("error")
    })
    .collect()
}
