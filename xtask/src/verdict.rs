//! The verdict on one run: how the guest ended, what its parts returned, what its report says.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Result;
use serde_json::Value;

use crate::{expect, lab::killed, qemu::End, scenario::Scenario, verified};

/// What came back from a guest.
pub struct Returned<'a> {
    /// How it ended.
    pub end: End,
    /// Everything on its console.
    pub console: String,
    /// Whether its files arrived.
    pub files: Result<()>,
    /// Where they are.
    pub dir: &'a Path,
}

/// Everything that is wrong with a run, the cause first; empty when it is as expected.
pub fn judge(scenario: &Scenario, returned: &Returned<'_>) -> Vec<String> {
    let mut wrong: Vec<String> = killed(&returned.end).into_iter().collect();
    if returned.console.lines().any(|line| line.starts_with("lab: late")) {
        wrong.push("the scenario did not end in time; the console log shows the blocked tasks".to_owned());
    }
    wrong.extend(statuses(scenario, &returned.console));
    let splat = |line: &&str| {
        (line.contains("WARNING: ") && line.contains(" at "))
            && !scenario.tolerate.iter().any(|text| line.contains(text.as_str()))
    };
    wrong.extend(
        returned
            .console
            .lines()
            .find(splat)
            .map(|line| format!("kernel warning: {}", line.trim())),
    );
    if let Err(error) = &returned.files {
        // The guest says so when there is too much to send.
        let why = returned
            .console
            .lines()
            .find_map(|line| line.trim().strip_prefix("lab: /out "));
        wrong.push(why.map_or_else(|| error.to_string(), |why| format!("{error}: /out {why}")));
        return wrong;
    }
    match fs::read_to_string(returned.dir.join("report.json")) {
        Err(_) => wrong.push("no report".to_owned()),
        Ok(text) => match serde_json::from_str::<Value>(&text) {
            Err(error) => wrong.push(format!("malformed report: {error}")),
            Ok(report) => wrong.extend(expect::judge(scenario, &report)),
        },
    }
    if scenario.verified {
        wrong.extend(verified::judge(&returned.dir.join("check.json")));
    }
    wrong.extend(late(
        scenario,
        &fs::read_to_string(returned.dir.join("times")).unwrap_or_default(),
    ));
    wrong
}

fn statuses(scenario: &Scenario, console: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut expected = vec![("setup", 0), ("run", scenario.status), ("after", 0)];
    if !scenario.interrupt.is_empty() {
        expected.insert(1, ("interrupt", 0));
    }
    for (part, expected) in expected {
        let prefix = format!("lab: status {part} ");
        let status = console
            .lines()
            .find_map(|line| line.trim().strip_prefix(&prefix)?.parse::<i32>().ok());
        match status {
            Some(status) if status == expected => {}
            Some(status) if part == "run" => wrong.push(format!("tracer ended with {status}, expected {expected}")),
            Some(status) => wrong.push(format!("{part} ended with {status}")),
            None => {
                wrong.push(format!("{part} did not end"));
                break;
            }
        }
    }
    wrong
}

fn late(scenario: &Scenario, times: &str) -> Vec<String> {
    let times: BTreeMap<&str, f64> = times
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(name, time)| Some((name, time.parse().ok()?)))
        .collect();
    let check = |limit: &crate::scenario::Within| {
        let (Some(from), Some(to)) = (times.get(limit.from.as_str()), times.get(limit.to.as_str())) else {
            return Some(format!("no time was noted for {} or {}", limit.from, limit.to));
        };
        let passed = to - from;
        (passed > limit.seconds).then(|| {
            format!(
                "{passed:.2} s from {} to {}, limit {} s",
                limit.from, limit.to, limit.seconds
            )
        })
    };
    scenario.within.iter().filter_map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "lab: status setup 0\r\nlab: status run 1\r\nlab: status after 0\r\n";

    fn scenario(more: &str) -> Scenario {
        Scenario::parse("s", &format!("about = 'a'\nrun = 'true'\nstatus = 1\n{more}")).unwrap()
    }

    fn returned(dir: &Path, console: &str) -> Vec<String> {
        judge(
            &scenario(""),
            &Returned {
                end: End::Itself,
                console: console.to_owned(),
                files: Ok(()),
                dir,
            },
        )
    }

    #[test]
    fn a_report_must_be_there_and_whole() {
        let dir = tempfile::tempdir().unwrap();
        let report = dir.path().join("report.json");
        assert_eq!(returned(dir.path(), GOOD), ["no report"]);
        fs::write(&report, "{").unwrap();
        assert!(returned(dir.path(), GOOD)[0].starts_with("malformed"));
        let empty = r#"{"schema_version":"1.0","locks":[],"dependencies":[],"windows":[],"findings":[]}"#;
        fs::write(&report, empty).unwrap();
        assert_eq!(returned(dir.path(), GOOD), Vec::<String>::new());
        let splat = format!("{GOOD}[ 3.1] WARNING: CPU: 0 PID: 1 at kernel/bpf/core.c:5\n");
        assert!(returned(dir.path(), &splat)[0].starts_with("kernel warning"));
    }

    #[test]
    fn every_part_must_end_as_expected() {
        let scenario = scenario("");
        assert_eq!(statuses(&scenario, GOOD), Vec::<String>::new());
        assert_eq!(
            statuses(&scenario, "lab: status setup 0\nlab: status run 0\nlab: status after 0"),
            ["tracer ended with 0, expected 1"]
        );
        assert_eq!(statuses(&scenario, "lab: status setup 0\n"), ["run did not end"]);
        assert_eq!(
            statuses(&scenario, "lab: status setup 7\n"),
            ["setup ended with 7", "run did not end"]
        );
    }

    #[test]
    fn times_are_held_against_their_limit() {
        let scenario = scenario("[[within]]\nfrom='hang'\nto='report'\nseconds=2.0");
        assert_eq!(late(&scenario, "hang 10.5\nreport 11.9\n"), Vec::<String>::new());
        assert_eq!(late(&scenario, "hang 10.5\nreport 12.9\n").len(), 1);
        assert_eq!(late(&scenario, "hang 10.5\n").len(), 1);
    }
}
