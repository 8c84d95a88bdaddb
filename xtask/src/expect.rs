//! Judging a JSON report against what a scenario expects.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::scenario::Scenario;

/// A finding that must (or may) be there. Keys that are not given match anything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Kernels that this is about; all of the scenario's when empty.
    #[serde(default)]
    pub kernels: Vec<String>,
    kind: Option<OneOf>,
    verdict: Option<OneOf>,
    level: Option<OneOf>,
    severity: Option<OneOf>,
    /// The names of all locks, in order.
    locks: Option<Vec<String>>,
    /// Each of these texts is part of some lock's name.
    #[serde(default)]
    locks_include: Vec<String>,
    /// Each of these texts is part of the finding's scenario.
    #[serde(default)]
    scenario_mentions: Vec<String>,
    /// Each of these texts is part of the finding, of its dependencies or of the report's windows.
    #[serde(default)]
    evidence_mentions: Vec<String>,
    /// How many findings match; at least one when not given.
    count: Option<usize>,
}

/// A value or a list of them: any will do.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum OneOf {
    One(String),
    Many(Vec<String>),
}

impl OneOf {
    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::One(one) => value == one.as_str(),
            Self::Many(many) => many.iter().any(|one| value == one.as_str()),
        }
    }
}

/// Findings that must not be there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forbid {
    /// Kernels that this is about; all of the scenario's when empty.
    #[serde(default)]
    pub kernels: Vec<String>,
    /// This severity and anything above.
    severity: Severity,
    /// Only findings with one of these texts in a lock's name; all findings when empty.
    #[serde(default)]
    locks_any: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, PartialOrd)]
#[serde(rename_all = "lowercase")]
enum Severity {
    Note,
    Warning,
    Error,
    Critical,
}

/// Everything that is wrong with a report; empty when it is as expected.
pub fn judge(scenario: &Scenario, report: &Value) -> Vec<String> {
    let mut wrong = malformed(report);
    if !wrong.is_empty() {
        return wrong;
    }
    let findings = list(report, "findings");
    for expect in &scenario.expect {
        let found = findings
            .iter()
            .filter(|finding| expect.matches(finding, report))
            .count();
        match expect.count {
            Some(count) if found != count => {
                wrong.push(format!("{found} findings instead of {count} match {}", expect.show()))
            }
            None if found == 0 => wrong.push(format!("no finding matches {}", expect.show())),
            _ => {}
        }
    }
    let excused = |finding: &Value| {
        scenario
            .expect
            .iter()
            .chain(&scenario.allow)
            .any(|expect| expect.matches(finding, report))
    };
    for finding in findings.iter().filter(|finding| !excused(finding)) {
        if scenario.forbid.iter().any(|forbid| forbid.matches(finding)) {
            wrong.push(format!("not expected: {}", describe(finding)));
        }
    }
    for window in &scenario.window {
        if !list(report, "windows")
            .iter()
            .any(|candidate| agrees(candidate, window))
        {
            wrong.push(format!("no window matches {}", Value::from(window.clone())));
        }
    }
    if !agrees(&report["capture"], &scenario.capture) {
        let mut capture = report["capture"].clone();
        if let Some(fields) = capture.as_object_mut() {
            fields.retain(|key, _| scenario.capture.contains_key(key));
        }
        wrong.push(format!(
            "capture is {capture}, not {}",
            Value::from(scenario.capture.clone())
        ));
    }
    for (name, least) in &scenario.at_least {
        let count = list(report, name).len();
        if least.as_u64().is_none_or(|least| (count as u64) < least) {
            wrong.push(format!("{count} {name} in the report, expected at least {least}"));
        }
    }
    wrong
}

impl Expect {
    fn matches(&self, finding: &Value, report: &Value) -> bool {
        let field =
            |wanted: &Option<OneOf>, name: &str| wanted.as_ref().is_none_or(|wanted| wanted.holds(&finding[name]));
        let names = names(finding);
        field(&self.kind, "kind")
            && field(&self.verdict, "verdict")
            && field(&self.level, "level")
            && field(&self.severity, "severity")
            && self.locks.as_ref().is_none_or(|locks| names == *locks)
            && self
                .locks_include
                .iter()
                .all(|text| names.iter().any(|name| name.contains(text.as_str())))
            && mentions(&[&finding["scenario"]], &self.scenario_mentions)
            && mentions(&evidence(finding, report), &self.evidence_mentions)
    }

    fn show(&self) -> String {
        let mut parts = Vec::new();
        let fields = [
            ("kind", &self.kind),
            ("verdict", &self.verdict),
            ("level", &self.level),
            ("severity", &self.severity),
        ];
        for (name, value) in fields {
            match value {
                Some(OneOf::One(one)) => parts.push(format!("{name} {one}")),
                Some(OneOf::Many(many)) => parts.push(format!("{name} {}", many.join("|"))),
                None => {}
            }
        }
        if let Some(locks) = &self.locks {
            parts.push(format!("locks {locks:?}"));
        }
        let texts = [
            ("locks with", &self.locks_include),
            ("scenario with", &self.scenario_mentions),
            ("evidence with", &self.evidence_mentions),
        ];
        parts.extend(
            texts
                .iter()
                .filter(|(_, texts)| !texts.is_empty())
                .map(|(name, texts)| format!("{name} {texts:?}")),
        );
        parts.join(", ")
    }
}

impl Forbid {
    fn matches(&self, finding: &Value) -> bool {
        // An unknown severity counts as the highest: nothing is excused by a typing error.
        let severity = Severity::deserialize(&finding["severity"]).unwrap_or(Severity::Critical);
        let concerned = self.locks_any.is_empty()
            || names(finding)
                .iter()
                .any(|name| self.locks_any.iter().any(|text| name.contains(text.as_str())));
        severity >= self.severity && concerned
    }
}

fn malformed(report: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    if !report["schema_version"]
        .as_str()
        .is_some_and(|version| version.starts_with("1."))
    {
        wrong.push(format!(
            "malformed report: schema_version is {}",
            report["schema_version"]
        ));
    }
    for name in ["locks", "dependencies", "windows", "findings"] {
        if !report[name].is_array() {
            wrong.push(format!("malformed report: {name} is not a list"));
        }
    }
    wrong
}

fn list<'a>(report: &'a Value, name: &str) -> &'a [Value] {
    report[name].as_array().map_or(&[], Vec::as_slice)
}

fn names(finding: &Value) -> Vec<String> {
    list(finding, "locks")
        .iter()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}

/// The finding, its dependencies and the report's windows.
fn evidence<'a>(finding: &'a Value, report: &'a Value) -> Vec<&'a Value> {
    let ids = list(finding, "dependencies");
    let dependencies = list(report, "dependencies")
        .iter()
        .filter(|dependency| ids.contains(&dependency["id"]));
    std::iter::once(finding)
        .chain(dependencies)
        .chain(list(report, "windows"))
        .collect()
}

fn mentions(values: &[&Value], texts: &[String]) -> bool {
    texts
        .iter()
        .all(|text| values.iter().any(|value| value.to_string().contains(text.as_str())))
}

/// Whether every given key has the given value.
fn agrees(value: &Value, wanted: &Map<String, Value>) -> bool {
    wanted.iter().all(|(key, wanted)| match wanted {
        Value::Object(wanted) => agrees(&value[key], wanted),
        wanted => value[key] == *wanted,
    })
}

fn describe(finding: &Value) -> String {
    let text = |name: &str| finding[name].as_str().unwrap_or("?").to_owned();
    format!(
        "{} {} {} at {} level over {:?}",
        text("severity"),
        text("kind"),
        text("verdict"),
        text("level"),
        names(finding)
    )
}

#[cfg(test)]
#[path = "expect_tests.rs"]
mod tests;
