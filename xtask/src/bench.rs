//! Benchmarks: runs them, and sets their figures side by side.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{place, process, progress, toolchain::cargo};

/// The benchmarks of the analysis and of the TUI: `tracer/benches`.
const ENGINE: [&str; 7] = [
    "component",
    "replay",
    "recording",
    "snapshot",
    "drawing",
    "memory",
    "tui",
];
/// Those that are not criterion's.
const OWN: [&str; 2] = ["memory", "tui"];

/// What criterion keeps of a benchmark, in `benchmark.json`.
#[derive(Debug, Deserialize)]
struct Known {
    group_id: String,
    function_id: Option<String>,
    value_str: Option<String>,
    throughput: Option<Throughput>,
}

#[derive(Debug, Deserialize)]
struct Throughput {
    #[serde(rename = "Elements")]
    elements: Option<u64>,
}

/// And of its latest run, in `estimates.json`.
#[derive(Debug, Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Debug, Deserialize)]
struct Estimate {
    /// In ns.
    point_estimate: f64,
}

/// Time of one element in ns, by size.
type Sizes = BTreeMap<u64, f64>;

/// Runs the benchmarks of the analysis, the long ones too unless `short`. True when all of them ran.
pub fn engine(short: bool) -> Result<bool> {
    let kept = place::target().join("criterion");
    // Figures of another run are no comparison.
    if kept.exists() {
        fs::remove_dir_all(&kept).with_context(|| format!("cannot remove {}", kept.display()))?;
    }
    for bench in ENGINE {
        progress::say("bench", bench);
        let mut run = Command::new(cargo());
        run.args([
            "bench",
            "-p",
            "tracer",
            "--no-default-features",
            "--features",
            "tui",
            "--bench",
            bench,
        ])
        .current_dir(place::root());
        if !OWN.contains(&bench) {
            run.args(["--", "--noplot", "--measurement-time", "1"]);
        }
        if !short {
            run.env("TRACER_BENCH_LONG", "1");
        }
        process::show_output(&mut run)?;
    }
    let mut figures = BTreeMap::new();
    collect(&kept, &mut figures)?;
    print!("{}", table(&figures));
    Ok(!figures.is_empty())
}

/// Reads all that criterion has kept below a directory.
fn collect(directory: &Path, figures: &mut BTreeMap<(String, String), Sizes>) -> Result<()> {
    for entry in fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))? {
        let path = entry?.path();
        if !path.is_dir() {
            continue;
        }
        if path.file_name().is_some_and(|name| name == "new") {
            let known: Known = read(&path.join("benchmark.json"))?;
            let estimates: Estimates = read(&path.join("estimates.json"))?;
            let size = known.value_str.as_ref().and_then(|size| size.parse().ok()).unwrap_or(0);
            let elements = known.throughput.and_then(|throughput| throughput.elements).unwrap_or(1);
            #[expect(clippy::cast_precision_loss, reason = "fewer than 2^52")]
            let each = estimates.median.point_estimate / elements as f64;
            let key = (known.group_id, known.function_id.unwrap_or_default());
            figures.entry(key).or_default().insert(size, each);
        } else {
            collect(&path, figures)?;
        }
    }
    Ok(())
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not criterion's", path.display()))
}

/// One line a size: the time of one element, and how many times that of the size before it.
fn table(figures: &BTreeMap<(String, String), Sizes>) -> String {
    let mut table = format!(
        "{:<58} {:>9} {:>12} {:>10} {:>7}\n",
        "benchmark", "size", "ns each", "M each/s", "ratio"
    );
    for ((group, function), sizes) in figures {
        let mut before: Option<f64> = None;
        for (size, &each) in sizes {
            let ratio = before.map_or(String::new(), |before| format!("{:.2}", each / before));
            let name = format!("{group}/{function}");
            table.push_str(&format!(
                "{name:<58} {size:>9} {each:>12.1} {:>10.3} {ratio:>7}\n",
                1000.0 / each
            ));
            before = Some(each);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(directory: &Path, size: u64, nanoseconds: f64) {
        let new = directory.join(size.to_string()).join("new");
        fs::create_dir_all(&new).expect("a directory");
        let known =
            format!(r#"{{"group_id":"g","function_id":"f","value_str":"{size}","throughput":{{"Elements":10}}}}"#);
        fs::write(new.join("benchmark.json"), known).expect("a file");
        let estimates = format!(r#"{{"median":{{"point_estimate":{nanoseconds}}}}}"#);
        fs::write(new.join("estimates.json"), estimates).expect("a file");
    }

    #[test]
    fn figures_are_told_by_element_with_the_ratio_to_the_size_before() {
        let directory = tempfile::tempdir().expect("a directory");
        keep(directory.path(), 1000, 30_000.0);
        keep(directory.path(), 100, 20_000.0);
        let mut figures = BTreeMap::new();
        collect(directory.path(), &mut figures).expect("it is criterion's");
        let table = table(&figures);
        let lines: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["g/f", "100", "2000.0", "0.500"]);
        assert_eq!(lines[2], ["g/f", "1000", "3000.0", "0.333", "1.50"]);
    }

    #[test]
    fn what_is_not_criterions_is_an_error_with_its_path() {
        let directory = tempfile::tempdir().expect("a directory");
        keep(directory.path(), 100, 1.0);
        fs::write(directory.path().join("100/new/estimates.json"), "{}").expect("a file");
        let error = collect(directory.path(), &mut BTreeMap::new()).expect_err("no median");
        assert!(error.to_string().contains("estimates.json"), "{error}");
    }
}
