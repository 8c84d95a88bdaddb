//! `/proc/lockdep` of the lab's own kernel (see `change.rs`): classes, and the dependencies between them.
//!
//! ```text
//! 000000006c6bd7d5 OPS:      29 FD:   12 BD:    3 +.+. SLEEP: rtnl_mutex
//!  -> [00000000d5c3bb51] &devlink->lock_key#2
//!     devl_lock+0x1c/0x20
//!  ~> [0000000012345678] &nsim_bus_dev->nsim_bus_reload_lock
//! ```

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};

/// What lockdep knows at one time. A class is told apart by its name, which lockdep numbers where several have one.
#[derive(Debug, Default)]
pub struct Classes {
    /// All classes by name; true for mutexes and rwsems.
    pub sleeping: BTreeMap<String, bool>,
    /// All dependencies, and where each was found: empty unless both ends sleep.
    pub direct: BTreeMap<(String, String), Vec<String>>,
    /// Those that were only ever found with another lock held in between.
    pub distant: BTreeSet<(String, String)>,
}

/// Reads it.
///
/// # Errors
/// At the first line that is none of these.
pub fn parse(text: &str) -> Result<Classes> {
    let mut classes = Classes::default();
    let mut from: Option<String> = None;
    let mut last: Option<(String, String)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let at = || format!("line {number} of /proc/lockdep: `{line}`");
        let arrow = line.strip_prefix(" -> ").map(|rest| (rest, true));
        let arrow = arrow.or_else(|| line.strip_prefix(" ~> ").map(|rest| (rest, false)));
        if let Some((rest, is_direct)) = arrow {
            let (_, to) = rest.split_once("] ").with_context(at)?;
            let from = from.clone().with_context(at)?;
            let dependency = (from, to.to_owned());
            last = None;
            if is_direct {
                classes.direct.entry(dependency.clone()).or_default();
                last = Some(dependency);
            } else {
                classes.distant.insert(dependency);
            }
        } else if let Some(frame) = line.strip_prefix("    ") {
            if let Some(place) = last.as_ref().and_then(|last| classes.direct.get_mut(last)) {
                place.push(frame.to_owned());
            }
        } else if !line.is_empty() && line != "all lock classes:" {
            let (name, sleeps) = class(line).with_context(at)?;
            classes.sleeping.insert(name.to_owned(), sleeps);
            from = Some(name.to_owned());
        }
    }
    if classes.sleeping.values().any(|sleeps| *sleeps) {
        return Ok(classes);
    }
    bail!("/proc/lockdep names no mutex or rwsem: is this the lab's kernel?")
}

/// `KEY OPS: 1 FD: 1 BD: 1 USAGE[ SLEEP]: NAME`: the name, and whether it sleeps.
fn class(line: &str) -> Option<(&str, bool)> {
    let (_, mut rest) = line.split_once(' ')?;
    for field in ["OPS:", "FD:", "BD:"] {
        if let Some(value) = rest.trim_start().strip_prefix(field) {
            rest = value.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
        }
    }
    let (usage, name) = rest.split_once(": ")?;
    let usage = usage.trim();
    let sleeps = usage.ends_with("SLEEP");
    let usage = usage.trim_end_matches("SLEEP").trim();
    usage
        .bytes()
        .all(|byte| b"+-?.".contains(&byte))
        .then_some((name, sleeps))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
all lock classes:
000000006c6bd7d5 OPS:      29 FD:   12 BD:    3 +.+. SLEEP: rtnl_mutex
 -> [00000000d5c3bb51] &devlink->lock_key#2
    devl_lock+0x1c/0x20
    devlink_reload+0x1/0x2
 -> [00000000d5c3bb52] (work_completion)(&(&x)->work)
 ~> [0000000012345678] &b->lock

00000000d5c3bb52 FD:    1 BD:    1 ....: (work_completion)(&(&x)->work)

";

    #[test]
    fn classes_dependencies_and_places_are_read() {
        let classes = parse(TEXT).unwrap();
        assert!(classes.sleeping["rtnl_mutex"]);
        assert!(!classes.sleeping["(work_completion)(&(&x)->work)"]);
        let of = |to: &str| ("rtnl_mutex".to_owned(), to.to_owned());
        assert_eq!(classes.direct[&of("&devlink->lock_key#2")].len(), 2);
        assert_eq!(classes.direct.len(), 2);
        assert!(classes.distant.contains(&of("&b->lock")));
    }

    #[test]
    fn other_text_is_refused_with_its_line() {
        let error = format!("{:#}", parse("all lock classes:\nhello\n").unwrap_err());
        assert!(error.contains("line 2") && error.contains("hello"), "{error}");
        assert!(parse(" -> [1] a\n").is_err(), "a dependency of nothing");
        assert!(parse("0 FD: 1 BD: 1 ....: a\n").is_err(), "a stock kernel's");
    }
}
