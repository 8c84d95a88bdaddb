//! How many instructions the verifier looks at for each program, recorded in `lab/verified.toml`: a rise is noticed when it is made.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{place, progress};

/// How much more than recorded passes, in percent.
const MARGIN: u64 = 10;

const HEADER: &str = "\
# Instructions that the verifier looks at, by kernel and program. A test fails when one rises by more than 10 %.
# Written by `cargo xtask lab run smoke --record`.

";

/// What `tracer check --json` says, as far as it is needed.
#[derive(Deserialize)]
struct Check {
    kernel: Release,
    hooked: Vec<Hooked>,
}

#[derive(Deserialize)]
struct Release {
    release: String,
}

#[derive(Deserialize)]
struct Hooked {
    program: String,
    multi: Option<String>,
    verified_instructions: Option<u64>,
}

/// Instructions by program.
type Programs = BTreeMap<String, u64>;

/// Holds what a guest's `check.json` tells against the record; gives what is wrong. Kernels before 5.16 tell nothing.
pub fn judge(checked: &Path) -> Vec<String> {
    let compared = read(checked).and_then(|(series, now)| {
        let recorded = recorded()?;
        match recorded.get(&series) {
            Some(before) => return Ok(rises(&series, before, &now)),
            None if now.is_empty() => {}
            None => progress::say("verified", &format!("nothing is recorded for linux {series}")),
        }
        Ok(Vec::new())
    });
    compared.unwrap_or_else(|error| vec![format!("{error:#}")])
}

/// Writes what guests' `check.json` tell into the record, in place of what it says about their kernels.
pub fn record(checked: &[PathBuf]) -> Result<()> {
    let mut recorded = recorded()?;
    for file in checked {
        let (series, now) = read(file)?;
        if !now.is_empty() {
            progress::say("record", &format!("{} programs on linux {series}", now.len()));
            recorded.insert(series, now);
        }
    }
    fs::write(place::verified(), HEADER.to_owned() + &toml::to_string(&recorded)?).context("cannot write the record")
}

fn recorded() -> Result<BTreeMap<String, Programs>> {
    let place = place::verified();
    let text = fs::read_to_string(&place).with_context(|| format!("cannot read {}", place.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is malformed", place.display()))
}

/// The kernel's series and what it tells.
fn read(checked: &Path) -> Result<(String, Programs)> {
    let text = fs::read(checked).with_context(|| format!("cannot read {}", checked.display()))?;
    let check: Check = serde_json::from_slice(&text).with_context(|| format!("{} is no check", checked.display()))?;
    let series = check
        .kernel
        .release
        .splitn(3, '.')
        .take(2)
        .collect::<Vec<_>>()
        .join(".");
    let told = check.hooked.into_iter();
    let programs =
        told.filter_map(|hooked| Some((hooked.multi.unwrap_or(hooked.program), hooked.verified_instructions?)));
    Ok((series, programs.collect()))
}

fn rises(series: &str, before: &Programs, now: &Programs) -> Vec<String> {
    let wrong = now.iter().filter_map(|(program, &now)| match before.get(program) {
        Some(&before) if now * 100 > before * (100 + MARGIN) => Some(format!(
            "the verifier of linux {series} looks at {now} instructions of {program}, {before} before"
        )),
        Some(_) => None,
        None => Some(format!(
            "no verified instructions of {program} are recorded for linux {series}: `cargo xtask lab run smoke --record` does it"
        )),
    });
    wrong.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs(all: &[(&str, u64)]) -> Programs {
        all.iter()
            .map(|(program, count)| ((*program).to_owned(), *count))
            .collect()
    }

    #[test]
    fn a_rise_above_a_tenth_is_told_with_program_kernel_before_and_after() {
        let before = programs(&[("mutex_lock", 1000), ("mutex_unlock", 1000), ("gone", 1)]);
        let now = programs(&[("mutex_lock", 1100), ("mutex_unlock", 1101)]);
        assert_eq!(
            rises("6.12", &before, &now),
            ["the verifier of linux 6.12 looks at 1101 instructions of mutex_unlock, 1000 before"]
        );
    }

    #[test]
    fn a_program_without_a_record_is_told() {
        let wrong = rises("6.12", &programs(&[]), &programs(&[("new", 5)]));
        assert!(wrong[0].contains("of new are recorded for linux 6.12"), "{wrong:?}");
    }

    #[test]
    fn a_check_tells_series_and_programs() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("check.json");
        let text = r#"{"kernel":{"release":"6.1.0-50-amd64"},"hooked":[
            {"program":"a","multi":null,"verified_instructions":7},{"program":"c","multi":"m","verified_instructions":9},{"program":"b","verified_instructions":null}]}"#;
        fs::write(&file, text).expect("a file");
        let (series, told) = read(&file).expect("a check");
        assert_eq!((series.as_str(), told), ("6.1", programs(&[("a", 7), ("m", 9)])));
    }

    #[test]
    fn the_record_in_the_repository_is_well_formed() {
        assert!(recorded().is_ok());
    }
}
