//! Differences that are known, each with its reason: `lab/lockdep/known.toml`.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{compare::function, proc_lockdep::Pair};
use crate::failure::usage;

/// One of them. What is not given matches anything; one of `from`, `to` and `function` has to be given.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Who alone has the dependency: `lockdep` or `tracer`.
    pub only: String,
    /// The class held; `*` at the end stands for any rest.
    pub from: Option<String>,
    /// The class requested, likewise.
    pub to: Option<String>,
    /// A function among the frames of the place.
    pub function: Option<String>,
    /// Why it is so, with the kernel's function and file.
    pub reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    known: Vec<Known>,
}

impl Known {
    /// Whether this is the reason that `only` one has a dependency.
    pub fn explains(&self, only: &str, (from, to): &Pair, place: &[String]) -> bool {
        let is_like = |pattern: &Option<String>, name: &str| match pattern.as_deref() {
            None => true,
            Some(pattern) => match pattern.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == pattern,
            },
        };
        let passes = |wanted: &String| place.iter().any(|frame| function(frame) == wanted);
        self.only == only
            && is_like(&self.from, from)
            && is_like(&self.to, to)
            && self.function.as_ref().is_none_or(passes)
    }
}

/// Reads the file.
///
/// # Errors
/// When it is malformed, or an entry says nothing of which difference it is about.
pub fn read(file: &Path) -> Result<Vec<Known>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    parse(&text).map_err(|error| usage(format!("{} is malformed: {error}", file.display())))
}

fn parse(text: &str) -> Result<Vec<Known>> {
    let file: File = toml::from_str(text)?;
    for (number, known) in (1..).zip(&file.known) {
        let says_nothing = known.from.is_none() && known.to.is_none() && known.function.is_none();
        if says_nothing || !["lockdep", "tracer"].contains(&known.only.as_str()) || known.reason.trim().is_empty() {
            anyhow::bail!(
                "entry {number} needs `only` (`lockdep` or `tracer`), a `reason`, and `from`, `to` or `function`"
            );
        }
    }
    Ok(file.known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_matches_by_class_and_place() {
        let known = &parse("[[known]]\nonly='lockdep'\nto='&sb->*'\nfunction='ksys_read'\nreason='r'").unwrap()[0];
        let pair = |to: &str| ("a".to_owned(), to.to_owned());
        let place = ["ksys_read+0x1/0x2".to_owned()];
        assert!(known.explains("lockdep", &pair("&sb->x"), &place));
        assert!(!known.explains("tracer", &pair("&sb->x"), &place));
        assert!(!known.explains("lockdep", &pair("b"), &place));
        assert!(!known.explains("lockdep", &pair("&sb->x"), &[]));
    }

    #[test]
    fn an_entry_that_explains_everything_is_refused() {
        assert!(parse("[[known]]\nonly='lockdep'\nreason='r'").is_err());
        assert!(parse("[[known]]\nonly='both'\nto='a'\nreason='r'").is_err());
        assert!(parse("[[known]]\nonly='tracer'\nto='a'").is_err());
    }
}
