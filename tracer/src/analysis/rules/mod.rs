//! Order rules and allowed findings: a pass over a finished snapshot, whatever it comes from.
//!
//! [`RuleSet`] is what rule files say; [`apply`] adds a finding for every rule that is broken and takes out the findings that are allowed.
//! `docs/rules.md` tells what a file looks like.

mod allow;
mod check;
mod contradiction;
mod error;
mod file;
mod hang;
mod index;
pub(super) mod pattern;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::findings;
use super::snapshot::{Finding, Snapshot, Suppressed};
use allow::Allow;
use check::OrderRule;
pub use error::{Place, RuleError};
pub(crate) use file::KINDS;
#[cfg(test)]
pub(crate) use file::VERDICTS;
use index::Index;
use pattern::Pattern;

/// Bytes of a rule file that are read at most.
const MAX_BYTES: u64 = 1 << 20;

/// Order rules of all files together.
const MAX_RULES: usize = 1000;

/// Orders that the kernel's documentation states.
const NET: &str = include_str!("net.toml");

/// Rules and allow entries of any number of files.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    orders: Vec<OrderRule>,
    allows: Vec<Allow>,
    /// A wait that takes as long is a finding.
    pub hang_after: Option<Duration>,
}

/// An order rule as it is listed.
#[derive(Clone, Debug, Serialize)]
pub struct Order<'a> {
    /// Its name.
    pub name: &'a str,
    /// Names of the class that has to be taken first.
    pub before: Vec<String>,
    /// Names of the class that has to be taken later.
    pub after: Vec<String>,
    /// Why.
    pub reason: &'a str,
    /// Who says so.
    pub source: &'a str,
}

impl RuleSet {
    /// The order rules, in the order in which they were added.
    pub fn orders(&self) -> impl Iterator<Item = Order<'_>> {
        let names = |patterns: &[Pattern]| patterns.iter().map(ToString::to_string).collect();
        self.orders.iter().map(move |rule| Order {
            name: &rule.name,
            before: names(&rule.before),
            after: names(&rule.after),
            reason: &rule.reason,
            source: &rule.source,
        })
    }

    /// Adds the built-in rules.
    ///
    /// # Errors
    /// When they are broken, which a test rules out, or a rule that is there has the name of one of them.
    pub fn add_built_in(&mut self) -> Result<(), RuleError> {
        self.add("built-in net.toml", NET)
    }

    /// Adds what a file says.
    ///
    /// # Errors
    /// When it cannot be read, or as for [`RuleSet::add`].
    pub fn add_file(&mut self, path: &Path) -> Result<(), RuleError> {
        let name = path.display().to_string();
        let error = |line, message: String, hint: &str| {
            let file = name.clone();
            RuleError::new(Place { file, line }, message, hint)
        };
        let unread =
            |why: std::io::Error| error(None, why.to_string(), "--rules wants a file, or `none`: docs/rules.md");
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(unread)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unread)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(error(
                None,
                "larger than 1 MiB".to_string(),
                "a rule file is written by hand",
            ));
        }
        let text = str::from_utf8(&bytes).map_err(|not| {
            let good = bytes.iter().take(not.valid_up_to());
            let line = good.filter(|&&byte| byte == b'\n').count() + 1;
            error(
                Some(line),
                "not UTF-8".to_string(),
                "a rule file is TOML, which is UTF-8",
            )
        })?;
        self.add(&name, text)
    }

    /// Adds what a text says; errors call it by this name.
    ///
    /// # Errors
    /// When it is no rule file, or does not go with what is there: names that are there already, orders that contradict each other.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), RuleError> {
        let contents = file::parse(name, text)?;
        for order in &contents.orders {
            let there = self.orders.iter().find(|known| known.name == order.name);
            refuse_twice("rule", &order.name, &order.place, there.map(|known| &known.place))?;
        }
        let known: HashMap<_, _> = self.allows.iter().map(|allow| (&allow.name, &allow.place)).collect();
        for allow in &contents.allows {
            refuse_twice(
                "allow entry",
                &allow.name,
                &allow.place,
                known.get(&allow.name).copied(),
            )?;
        }
        self.orders.extend(contents.orders);
        self.allows.extend(contents.allows);
        if let Some(rule) = self.orders.get(MAX_RULES) {
            let message = format!("more than {MAX_RULES} order rules");
            return Err(RuleError::new(rule.place.clone(), message, "leave some of them out"));
        }
        contradiction::refuse(&self.orders)
    }

    /// Allow entries that allow nothing in this report: name, and where it stands.
    pub fn unused<'a>(&'a self, snapshot: &Snapshot) -> impl Iterator<Item = (&'a str, &'a Place)> {
        let used: BTreeSet<_> = snapshot
            .suppressed
            .iter()
            .map(|allowed| allowed.entry.clone())
            .collect();
        let unused = self.allows.iter().filter(move |allow| !used.contains(&allow.name));
        unused.map(|allow| (allow.name.as_str(), &allow.place))
    }
}

fn refuse_twice(what: &str, name: &str, place: &Place, there: Option<&Place>) -> Result<(), RuleError> {
    there.map_or(Ok(()), |there| {
        let message = format!("{what} \"{name}\" is in {there} already");
        Err(RuleError::new(place.clone(), message, "give one of them another name"))
    })
}

/// Checks the rules and takes out what is allowed. What a report that is read back already tells stays as it is: applying the same
/// rules again changes nothing.
pub fn apply(snapshot: &mut Snapshot, rules: &RuleSet) {
    let Snapshot {
        locks,
        dependencies,
        findings,
        suppressed,
        waits,
        waited,
        capture,
        breaks,
        ..
    } = snapshot;
    let index = Index::new(locks, dependencies);
    let told = findings.iter().chain(suppressed.iter().map(|allowed| &allowed.finding));
    let told: BTreeSet<_> = told
        .filter(|finding| [check::KIND, hang::KIND].contains(&finding.kind.as_str()))
        .map(|finding| finding.fingerprint.clone())
        .collect();
    let hangs = rules.hang_after.zip(capture.duration_ns);
    let hangs = hangs.map_or_else(Vec::new, |(after, now_ns)| {
        hang::find(&index, waits, waited, after, now_ns)
    });
    let broken = check::find(&index, &rules.orders).into_iter().chain(hangs);
    let broken: Vec<_> = broken.filter(|finding| !told.contains(&finding.fingerprint)).collect();
    if !broken.is_empty() {
        findings.extend(broken);
        findings::sort(findings);
    }
    take_out(findings, suppressed, &rules.allows, &index);
    let before: Vec<_> = findings.iter().map(|finding| finding.id).collect();
    findings::number(findings);
    let now = |id: u32| Some(findings.get(before.iter().position(|&known| known == id)?)?.id);
    for wait in waits.iter_mut() {
        wait.finding = wait.finding.and_then(now);
    }
    for set in breaks.iter_mut() {
        set.findings = set.findings.iter().filter_map(|&id| now(id)).collect();
    }
    breaks.retain(|set| !set.findings.is_empty());
    check::name_cycles(&index, findings);
}

/// Moves what is allowed from one list to the other, in its order.
fn take_out(findings: &mut Vec<Finding>, suppressed: &mut Vec<Suppressed>, allows: &[Allow], index: &Index<'_>) {
    for mut finding in std::mem::take(findings) {
        match allows.iter().find(|allow| allow.matches(&finding, index)) {
            None => findings.push(finding),
            Some(entry) => {
                check::forget_cycle(&mut finding);
                finding.id = 0;
                suppressed.push(Suppressed {
                    finding,
                    entry: entry.name.clone(),
                    reason: entry.reason.clone(),
                });
            }
        }
    }
}
