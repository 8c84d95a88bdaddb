//! A document without what says whose machine it is of: names of tasks and network devices, network namespaces, the command. Lock
//! classes, functions, devlink handles and fingerprints stay: they are what a finding is about.

mod pseudonym;

use crate::analysis::snapshot::{Finding, Snapshot};
use pseudonym::Pseudonyms;

/// What stands for a word of the command, of which none is shown.
const HIDDEN: &str = "(hidden)";

/// The same document with pseudonyms: `task-1`, `netdev-1`, `device-1`; network namespaces are numbered from 1.
#[must_use]
pub fn redact(snapshot: &Snapshot) -> Snapshot {
    let mut out = snapshot.clone();
    let mut names = Pseudonyms::default();
    // What refers to names only by text comes after all that has them.
    objects(&mut out, &mut names);
    tasks(&mut out, &mut names);
    let names = names;
    texts(&mut out, &names);
    // Of a module that was built in somebody's folder.
    for place in out.sources.iter_mut().flat_map(|source| &mut source.places) {
        if place.file.starts_with('/')
            && let Some((_, name)) = place.file.rsplit_once('/')
        {
            place.file = name.to_string();
        }
    }
    if out.capture.command.is_some() {
        out.capture.command = Some(vec![HIDDEN.to_string()]);
    }
    // `profile net, comm NAME`: what was selected by the user names what is hidden.
    if let Some(selection) = &mut out.capture.selection
        && let Some((profile, _)) = selection.split_once(", ")
    {
        *selection = format!("{profile}, {HIDDEN}");
    }
    out
}

fn objects(out: &mut Snapshot, names: &mut Pseudonyms) {
    // An end of a thread is called as its task: that is a name of a task.
    for lock in out.locks.iter_mut().filter(|lock| lock.kind != "thread") {
        lock.name = names.lock(&lock.name, lock.label.as_deref());
        lock.label = lock.label.as_ref().map(|label| names.label(label));
    }
    for window in &mut out.windows {
        for netns in [&mut window.netns_from, &mut window.netns_to].into_iter().flatten() {
            *netns = names.netns(*netns);
        }
    }
}

fn tasks(out: &mut Snapshot, names: &mut Pseudonyms) {
    let evidence = out
        .dependencies
        .iter_mut()
        .flat_map(|dependency| &mut dependency.evidence);
    let evidence = evidence.map(|evidence| &mut evidence.task);
    let windows = out.windows.iter_mut().map(|window| &mut window.task);
    let notifiers = out.notifiers.iter_mut().map(|notifier| &mut notifier.task);
    let findings = out.findings.iter_mut();
    let findings = findings.chain(out.suppressed.iter_mut().map(|suppressed| &mut suppressed.finding));
    let sides = findings
        .flat_map(|finding| &mut finding.scenario)
        .map(|side| &mut side.task);
    for task in evidence.chain(windows).chain(notifiers).chain(sides) {
        *task = names.task(task);
    }
    for wait in out.waits.iter_mut().chain(&mut out.waited) {
        let holders = wait.holders.iter_mut().map(|holder| &mut holder.task);
        for task in std::iter::once(&mut wait.task).chain(&mut wait.on).chain(holders) {
            *task = names.task(task);
        }
    }
}

fn texts(out: &mut Snapshot, names: &Pseudonyms) {
    for dependency in &mut out.dependencies {
        for evidence in &mut dependency.evidence {
            evidence.origin = evidence.origin.as_ref().map(|text| origin(text, names));
        }
    }
    let findings = out.findings.iter_mut();
    for finding in findings.chain(out.suppressed.iter_mut().map(|suppressed| &mut suppressed.finding)) {
        self::finding(finding, names);
    }
    for choice in out.breaks.iter_mut().flat_map(|set| &mut set.choices) {
        for without in &mut choice.without {
            *without = names.text(without);
        }
    }
    for lock in &mut out.locks {
        if lock.kind == "thread" {
            (lock.name, lock.class) = (names.text(&lock.name), names.text(&lock.class));
        }
    }
}

fn finding(finding: &mut Finding, names: &Pseudonyms) {
    finding.title = names.text(&finding.title);
    finding.reason = names.text(&finding.reason);
    for lock in &mut finding.locks {
        *lock = names.text(lock);
    }
    for side in &mut finding.scenario {
        side.origin = side.origin.as_ref().map(|text| origin(text, names));
        for step in &mut side.steps {
            step.lock = names.text(&step.lock);
        }
    }
}

/// Why a task was in the kernel, without the names that only stand here: the queue of a work item, and the object whose file was written.
fn origin(text: &str, names: &Pseudonyms) -> String {
    let text = without_word(text, "work item ", " on ");
    names.text(&hide_folder(&text))
}

/// Takes out the word behind `mark`, where `mark` stands behind `after`.
fn without_word(text: &str, after: &str, mark: &str) -> String {
    let Some((before, rest)) = text.split_once(after) else {
        return text.to_string();
    };
    match rest.split_once(mark) {
        Some((function, queue)) if !function.contains(", ") => {
            let end = queue.find(", ").unwrap_or(queue.len());
            format!("{before}{after}{function}{}", queue.get(end..).unwrap_or_default())
        }
        _ => text.to_string(),
    }
}

/// `write to eth0/mtu` is `write to (hidden)/mtu`.
fn hide_folder(text: &str) -> String {
    let Some((before, rest)) = text.split_once("write to ") else {
        return text.to_string();
    };
    match rest.split_once('/') {
        Some((_, name)) => format!("{before}write to {HIDDEN}/{name}"),
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_lose_queues_and_folders() {
        let names = Pseudonyms::default();
        for (text, expected) in [
            (
                "netns teardown, in work item cleanup_net on netns",
                "netns teardown, in work item cleanup_net",
            ),
            ("work item f on wg-kex-wg0, in x", "work item f, in x"),
            ("work item f", "work item f"),
            ("write to eth0/mtu", "write to (hidden)/mtu"),
            (
                "rtnetlink RTM_NEWLINK (rtnl_newlink)",
                "rtnetlink RTM_NEWLINK (rtnl_newlink)",
            ),
        ] {
            assert_eq!(origin(text, &names), expected);
        }
    }
}
