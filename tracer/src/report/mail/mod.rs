//! A report as the text of a mail to a list: what, on which kernel, by which commands, why, and the stacks without their common ends.

mod trim;

use std::sync::Arc;

use super::phrase::{self, counted, held, lock_name, task};
use super::totals::Totals;
use super::wrap::{cut, wrap_items_to, wrap_to};
use super::{clean, excerpt, scenario, source};
use crate::analysis::snapshot::{Finding, Side, Snapshot};

/// Columns of a mail: room for the marks of those who quote it.
const WIDTH: usize = 75;

/// The mail, its subject first; with `notes`, with findings that cannot deadlock.
pub fn render(snapshot: &Snapshot, notes: bool) -> String {
    let shown = excerpt::shown(snapshot, notes);
    let excerpt = excerpt::of(snapshot, &shown);
    let excerpt = &*clean::printable(&excerpt);
    let mut out = format!("{}\n\n", cut(&format!("Subject: {}", subject(excerpt)), WIDTH));
    out.push_str(&head(excerpt, &Totals::of(snapshot)));
    for finding in &excerpt.findings {
        out.push('\n');
        out.push_str(&self::finding(excerpt, finding));
    }
    out.push_str(&foot(excerpt));
    out
}

fn subject(snapshot: &Snapshot) -> String {
    let Some(first) = snapshot.findings.first() else {
        let kernel = snapshot.kernel.release.as_deref().unwrap_or("this workload");
        return format!("no lock-order findings on {kernel}");
    };
    let verdict = first.verdict.as_deref().filter(|verdict| *verdict != first.kind);
    let verdict = verdict.map(|verdict| format!("{verdict} ")).unwrap_or_default();
    let more = match snapshot.findings.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    format!("{verdict}{} of {}{more}", first.kind, corners(first).join(" and "))
}

/// The locks that the sides of a finding start from.
fn corners(finding: &Finding) -> Vec<&str> {
    let sides = finding.scenario.iter().filter_map(|side| side.steps.first());
    let corners: Vec<_> = sides.map(|step| step.lock.as_str()).collect();
    if corners.is_empty() {
        finding.locks.iter().map(String::as_str).collect()
    } else {
        corners
    }
}

fn head(snapshot: &Snapshot, totals: &Totals) -> String {
    let item = |name: &str, text: &str| wrap_to(WIDTH, &format!("{name:<10}"), "          ", text);
    let mut out = item("Kernel:", &phrase::kernel(&snapshot.kernel));
    if let Some(command) = &snapshot.capture.command {
        out.push_str(&item("Command:", &shell(command)));
    }
    for window in &snapshot.windows {
        out.push_str(&item("Reload:", &phrase::window(window)));
    }
    let tool = &snapshot.tool;
    let how = format!("{} {}, backend {}", tool.name, tool.version, snapshot.capture.backend);
    out.push_str(&item("Seen by:", &how));
    if !snapshot.capture.complete {
        out.push_str(&item(
            "Lost:",
            phrase::lost(&snapshot.capture).trim_start_matches("lost: "),
        ));
    }
    let hidden = totals.all_findings - snapshot.findings.len();
    let hidden = if hidden > 0 {
        format!(" ({} not shown)", counted(hidden, "note"))
    } else {
        String::new()
    };
    out.push_str(&format!("\n{}{hidden}\n", totals.counts()));
    out
}

/// A command as a shell takes it.
fn shell(command: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,@%+".contains(c);
    let quoted = command.iter().map(|word| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

fn finding(snapshot: &Snapshot, finding: &Finding) -> String {
    let mut out = wrap_to(WIDTH, &format!("{}. ", finding.id), "   ", &finding.title);
    out.push_str(&format!("{}\n\n", "-".repeat(WIDTH)));
    let verdict = finding.verdict.as_deref().unwrap_or(&finding.kind);
    let what = format!("{verdict} ({}, {} level)", finding.severity, finding.level);
    out.push_str(&wrap_to(WIDTH, "Verdict:  ", "          ", &what));
    out.push_str(&wrap_to(WIDTH, "Why:      ", "          ", &finding.reason));
    out.push_str(&format!("Same bug: {}\n", finding.fingerprint));
    if !finding.scenario.is_empty() {
        out.push('\n');
        out.push_str(&scenario::render(finding, WIDTH));
    }
    for side in &finding.scenario {
        out.push('\n');
        out.push_str(&self::side(snapshot, side));
    }
    out
}

fn side(snapshot: &Snapshot, side: &Side) -> String {
    let mut dependencies = snapshot.dependencies.iter();
    let dependency = dependencies.find(|dependency| dependency.id == side.dependency);
    let evidence = dependency.and_then(|dependency| dependency.evidence.get(side.evidence as usize));
    let (Some(dependency), Some(evidence)) = (dependency, evidence) else {
        return String::new();
    };
    let mut out = wrap_to(WIDTH, "", "  ", &format!("{} holds:", task(&side.task, side.pid)));
    out.push_str(&wrap_items_to(WIDTH, "  ", " -> ", &held(snapshot, &evidence.held)));
    if let Some(origin) = &side.origin {
        out.push_str(&wrap_to(WIDTH, "  in: ", "      ", origin));
    }
    let (from, to) = (lock_name(snapshot, dependency.from), lock_name(snapshot, dependency.to));
    out.push_str(&stack(snapshot, &format!("{from} was taken at:"), &evidence.from_stack));
    out.push_str(&stack(snapshot, &format!("{to} is requested at:"), &evidence.to_stack));
    out
}

fn stack(snapshot: &Snapshot, title: &str, frames: &[Arc<str>]) -> String {
    if frames.is_empty() {
        return String::new();
    }
    let (shown, left_out) = trim::trim(frames);
    let mut out = wrap_to(WIDTH, "  ", "    ", title);
    out.extend(shown.iter().map(|frame| source::frame(snapshot, WIDTH, "    ", frame)));
    if let Some(last) = left_out.last() {
        let last = last.split('+').next().unwrap_or(last);
        let frames = counted(left_out.len(), "more frame");
        out.push_str(&format!("    [{frames} up to {last}]\n"));
    }
    out
}

fn foot(snapshot: &Snapshot) -> String {
    let tool = &snapshot.tool;
    let again = match &snapshot.capture.command {
        Some(command) => format!("tracer run --json report.json -- {}", shell(command)),
        None if snapshot.capture.started.is_some() => "tracer run --json report.json".to_string(),
        None => "tracer report --format json FILE".to_string(),
    };
    format!(
        "\n-- \n{} {}; all locks, dependencies and whole stacks:\n  {again}\n",
        tool.name, tool.version
    )
}
