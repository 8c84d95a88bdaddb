//! What of a document the page has: all of it, but of dependencies in no finding only the first situations.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use crate::analysis::snapshot::{Dependency, Snapshot};

/// Situations of a dependency that no finding shows: a page with all of them can be too large for a browser.
const MAX_EVIDENCE: usize = 3;

/// The document of the page as JSON that can stand inside of a page.
pub(super) fn of(snapshot: &Snapshot) -> Result<String, serde_json::Error> {
    let sides = snapshot.findings.iter().flat_map(|finding| &finding.scenario);
    let shown: BTreeSet<_> = sides.map(|side| (side.dependency, side.evidence)).collect();
    let dependencies = snapshot.dependencies.iter().map(|of| dependency(of, &shown));
    let dependencies = dependencies.collect::<Result<Vec<_>, _>>()?;
    let page = Page {
        tool: json!(snapshot.tool),
        kernel: json!(snapshot.kernel),
        capture: json!(snapshot.capture),
        locks: json!(snapshot.locks),
        dependencies,
        windows: json!(snapshot.windows),
        waits: json!(snapshot.all_waits().collect::<Vec<_>>()),
        contention: json!(snapshot.contention),
        findings: json!(snapshot.findings),
        sources: json!(snapshot.sources),
    };
    Ok(escape(&serde_json::to_string(&page)?))
}

#[derive(Serialize)]
struct Page {
    tool: Value,
    kernel: Value,
    capture: Value,
    locks: Value,
    dependencies: Vec<Value>,
    windows: Value,
    waits: Value,
    contention: Value,
    findings: Value,
    sources: Value,
}

/// With the number of each situation, those of all windows, and how many are left out.
fn dependency(of: &Dependency, shown: &BTreeSet<(u32, u32)>) -> Result<Value, serde_json::Error> {
    let windows: BTreeSet<_> = of.evidence.iter().filter_map(|evidence| evidence.window).collect();
    let numbered = (0u32..).zip(&of.evidence);
    let kept = numbered.filter(|&(number, _)| (number as usize) < MAX_EVIDENCE || shown.contains(&(of.id, number)));
    let mut evidence = Vec::new();
    for (number, situation) in kept {
        let mut situation = serde_json::to_value(situation)?;
        situation["number"] = number.into();
        evidence.push(situation);
    }
    let mut value = serde_json::to_value(Dependency {
        evidence: Vec::new(),
        ..of.clone()
    })?;
    value["more_evidence"] = (of.evidence.len() - evidence.len()).into();
    value["evidence"] = evidence.into();
    value["windows"] = json!(windows);
    Ok(value)
}

/// JSON inside of a `<script>`: nothing that ends the element, and no line separators that are none in JSON. All of these are only ever
/// in strings.
pub(super) fn escape(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            other => out.push(other),
        }
    }
    out
}
