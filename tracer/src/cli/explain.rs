//! `tracer explain WORD`: what a word of a report means, where it comes from, and what to do.

use std::path::{Path, PathBuf};

use clap::Args;

use super::common::{self, Color};
use super::failure::{Failure, Status};
use super::report::hide_addresses;
use crate::analysis::snapshot::{Finding, Snapshot};
use crate::explain::{self, Entry};
use crate::import;
use crate::report::style::Style;
use crate::report::{explanation, text};

/// Arguments of `explain`.
#[derive(Args, Debug)]
#[command(after_help = "Without a word, all words are listed. The texts are those of docs/explain.md.")]
pub struct ExplainArgs {
    /// A kind of finding, a verdict, a severity, a counter; or the fingerprint or number of a finding in FILE
    #[arg(value_name = "WORD")]
    word: Option<String>,
    /// The report that has the finding: any file that `tracer report` reads; `-` is standard input
    #[arg(value_name = "FILE", requires = "word")]
    file: Option<PathBuf>,
    /// Use colours
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    color: Color,
}

pub(super) fn execute(args: &ExplainArgs) -> Result<Status, Failure> {
    let style = Style {
        color: args.color.on_stdout(),
    };
    let text = match (&args.word, &args.file) {
        (None, _) => explanation::list(explain::entries(), style),
        (Some(word), Some(file)) => finding(word, file, style)?,
        (Some(word), None) => explanation::render(&word_of(word)?, style),
    };
    common::page(&text, None)?;
    Ok(Status::Clean)
}

fn word_of(word: &str) -> Result<Vec<Entry>, Failure> {
    let found = explain::find(word);
    if !found.is_empty() {
        return Ok(found);
    }
    if is_fingerprint(word) {
        return Err(Failure::usage(format!("{word} is the fingerprint of a finding"))
            .hint(format!("name the report that has it: tracer explain {word} FILE")));
    }
    let failure = Failure::usage(format!("no word of a report: {}", word.escape_debug()));
    let similar = explain::similar(word, explain::entries().map(|entry| entry.name));
    Err(failure.hint(if similar.is_empty() {
        "`tracer explain` lists all words".to_string()
    } else {
        format!("did you mean {}?", similar.join(", "))
    }))
}

fn is_fingerprint(word: &str) -> bool {
    word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// One finding of a file, and the words that it has.
fn finding(word: &str, file: &Path, style: Style) -> Result<String, Failure> {
    let mut snapshot = import::load(file)?.judge(false, &[]).map_err(Failure::usage)?;
    hide_addresses(&mut snapshot);
    let number = word
        .trim_start_matches('#')
        .parse::<u32>()
        .ok()
        .filter(|_| !is_fingerprint(word));
    let is_meant = |finding: &&Finding| {
        number == Some(finding.id)
            || finding.fingerprint == word
            || (number.is_none() && finding.fingerprint.starts_with(word))
    };
    let Some(meant) = snapshot.findings.iter().find(is_meant).cloned() else {
        let failure = Failure::usage(format!("{}: no finding {}", file.display(), word.escape_debug()));
        return Err(failure.hint(known(&snapshot)));
    };
    let words = [
        meant.kind.as_str(),
        meant.verdict.as_deref().unwrap_or_default(),
        meant.level.as_str(),
    ];
    let words: Vec<_> = words.into_iter().flat_map(explain::find).collect();
    let mut seen = std::collections::BTreeSet::new();
    let words: Vec<_> = words
        .into_iter()
        .filter(|entry| seen.insert((entry.group, entry.name)))
        .collect();
    Ok(text::one(&snapshot, &meant, style) + "\n" + &explanation::render(&words, style))
}

fn known(snapshot: &Snapshot) -> String {
    let known: Vec<_> = snapshot
        .findings
        .iter()
        .map(|finding| format!("{} (#{})", finding.fingerprint, finding.id))
        .collect();
    if known.is_empty() {
        "it has no findings".to_string()
    } else {
        format!("it has {}", known.join(", "))
    }
}
