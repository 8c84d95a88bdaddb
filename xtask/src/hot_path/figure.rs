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
    /// Records that the tracer sent for the module's thread while it did everything once.
    pub sent_once: u64,
    /// And while it did it eleven times.
    pub sent_often: u64,
}

/// What is read of a report.
#[derive(Deserialize)]
struct Report {
    capture: Capture,
}

#[derive(Deserialize)]
struct Capture {
    places: Vec<Place>,
}

#[derive(Deserialize)]
struct Place {
    counter: String,
    probe: Option<String>,
    count: u64,
}

/// The probes that pairs go through. Others send records of the whole system: every initialisation of a lock is one.
const TIMED: [&str; 4] = ["mutex_lock", "mutex_unlock", "down_read", "up_read"];

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
        figures.sent_once = sent(&stock.join("once.json"))?;
        figures.sent_often = sent(&stock.join("often.json"))?;
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

fn sent(report: &Path) -> Result<u64> {
    let text = fs::read(report).with_context(|| format!("cannot read {}", report.display()))?;
    let report: Report = serde_json::from_slice(&text).with_context(|| format!("{} is no report", report.display()))?;
    let places = report.capture.places.iter();
    let sent = places.filter(|place| {
        let probe = place.probe.as_deref().unwrap_or_default();
        place.counter == "records_sent" && TIMED.contains(&probe)
    });
    Ok(sent.map(|place| place.count).sum())
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

    #[test]
    fn records_of_the_timed_probes_are_read_from_the_report() {
        let directory = tempfile::tempdir().expect("a directory");
        let report = directory.path().join("report.json");
        let text = r#"{"capture":{"places":[
            {"counter":"records_sent","probe":"mutex_lock","cpu":0,"count":3},
            {"counter":"records_sent","probe":"mutex_lock","cpu":1,"count":4},
            {"counter":"unmatched_release","probe":"mutex_lock","cpu":1,"count":100},
            {"counter":"records_sent","probe":"mutex_init","cpu":1,"count":200},
            {"counter":"records_sent","probe":null,"cpu":1,"count":300}]}}"#;
        fs::write(&report, text).expect("a file");
        assert_eq!(sent(&report).expect("a report"), 7);
        fs::write(&report, "{}").expect("a file");
        assert!(sent(&report).is_err());
    }
}
