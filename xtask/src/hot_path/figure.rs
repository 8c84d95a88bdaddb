//! What the guests measured.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use serde::Deserialize;

/// Nanoseconds per pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// Of the best round.
    pub best: u64,
    /// Of the median round.
    pub median: u64,
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub struct Figures {
    /// By who watched, and by kind of pair.
    cells: BTreeMap<(String, String), Figure>,
    /// Of the module's thread alone, while it did everything once.
    pub once: Counted,
    /// And while it did it eleven times.
    pub often: Counted,
}

/// What a run of the tracer counted.
#[derive(Debug, Default, Deserialize)]
pub struct Counted {
    /// What is no loss, by name.
    counters: BTreeMap<String, u64>,
    /// And what is one.
    lost: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Report {
    capture: Counted,
}

/// The counter that knows nothing of tasks: the first use of the name of a lock in the whole system is a record, too.
const SENT: &str = "records_sent";

impl Counted {
    fn read(report: &Path) -> Result<Self> {
        let text = fs::read(report).with_context(|| format!("cannot read {}", report.display()))?;
        let report: Report =
            serde_json::from_slice(&text).with_context(|| format!("{} is no report", report.display()))?;
        Ok(report.capture)
    }

    /// Records sent in the whole system.
    pub fn sent(&self) -> u64 {
        self.get(SENT)
    }

    /// What the records told of the traced task.
    pub fn events(&self) -> u64 {
        self.get("events")
    }

    fn get(&self, name: &str) -> u64 {
        self.counters.get(name).copied().unwrap_or(0)
    }

    /// Whether all that concerns the traced task is the same: a record that told nothing or was lost has a counter of its own.
    pub fn is_like(&self, other: &Self) -> bool {
        let told = |counted: &Self| {
            let mut counters = counted.counters.clone();
            counters.remove(SENT);
            counters
        };
        told(self) == told(other) && self.lost == other.lost
    }
}

impl Figures {
    /// Reads what the guest with the stock kernel and the one with lockdep left.
    pub fn read(stock: &Path, lockdep: &Path) -> Result<Self> {
        let mut figures = Self::default();
        for results in [stock, lockdep] {
            let file = results.join("hot-path");
            let text = fs::read_to_string(&file)
                .with_context(|| format!("there are no figures of a run yet: cannot read {}", file.display()))?;
            figures.add(&text)?;
        }
        figures.once = Counted::read(&stock.join("once.json"))?;
        figures.often = Counted::read(&stock.join("often.json"))?;
        Ok(figures)
    }

    /// Adds lines of who, kind, best and median. Of what was measured twice, the lower counts: the guest was disturbed less.
    fn add(&mut self, text: &str) -> Result<()> {
        for line in text.lines() {
            let (key, figure) = parse(line).with_context(|| format!("not a figure: {line}"))?;
            let kept = self.cells.entry(key).or_insert(figure);
            kept.best = kept.best.min(figure.best);
            kept.median = kept.median.min(figure.median);
        }
        Ok(())
    }

    /// What was measured of `kind` while `who` watched.
    pub fn get(&self, who: &str, kind: &str) -> Result<Figure> {
        let key = (who.to_owned(), kind.to_owned());
        let figure = self.cells.get(&key).copied();
        figure.with_context(|| format!("{kind} was not measured under {who}"))
    }
}

fn parse(line: &str) -> Option<((String, String), Figure)> {
    let mut words = line.split_whitespace();
    let key = (words.next()?.to_owned(), words.next()?.to_owned());
    let (best, median) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some((key, Figure { best, median }))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Figures of these lines.
    pub fn figures(text: &str) -> Figures {
        let mut figures = Figures::default();
        figures.add(text).expect("they are figures");
        figures
    }

    #[test]
    fn of_two_figures_the_lower_counts() {
        let figures = figures("none mutex 140 160\nfloor mutex 900 950\nnone mutex 150 155\n");
        let none = figures.get("none", "mutex").expect("it is there");
        assert_eq!(none, Figure { best: 140, median: 155 });
    }

    #[test]
    fn what_was_not_measured_is_an_error_that_says_so() {
        let figures = figures("none mutex 140 160\n");
        let error = figures.get("tracer", "mutex").expect_err("it is not there");
        assert_eq!(error.to_string(), "mutex was not measured under tracer");
        let error = Figures::default().add("none mutex 140").expect_err("no median");
        assert_eq!(error.to_string(), "not a figure: none mutex 140");
    }

    /// What a report with these counters says.
    pub fn counted(counters: &str) -> Counted {
        let directory = tempfile::tempdir().expect("a directory");
        let report = directory.path().join("report.json");
        let text = format!(r#"{{"capture":{{"counters":{counters},"lost":{{}}}}}}"#);
        fs::write(&report, text).expect("a file");
        Counted::read(&report).expect("a report")
    }

    #[test]
    fn only_records_of_the_rest_of_the_system_make_no_difference() {
        let once = counted(r#"{"events":38,"records_sent":27}"#);
        assert_eq!((once.events(), once.sent()), (38, 27));
        assert!(once.is_like(&counted(r#"{"events":38,"records_sent":22}"#)));
        assert!(!once.is_like(&counted(r#"{"events":39,"records_sent":27}"#)));
        assert!(!once.is_like(&counted(r#"{"events":38,"records_sent":27,"unknown_chain":1}"#)));
    }
}
