//! `/proc/lockdep` of the lab's own kernel (see `change.rs`): classes, and the dependencies between them.
//!
//! ```text
//! ffffffff826bd7d5 OPS:      29 FD:   12 BD:    3 +.+. SLEEP: rtnl_mutex
//!  -> [ffff8880d5c3bb51] &devlink->lock_key#2
//!     devl_lock+0x1c/0x20
//!  ~> [ffffffff82345678] &nsim_bus_dev->nsim_bus_reload_lock
//! ```

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result, bail};

/// A dependency: class held, class requested.
pub type Pair = (String, String);

/// What lockdep has of a dependency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// It was found with no other lock in between.
    pub direct: bool,
    /// Frames of the request at which it was found first: empty unless both ends sleep.
    pub place: Vec<String>,
}

/// What lockdep knows. A class is told apart by its name, which lockdep numbers where several have one.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    /// All classes by name; true for mutexes and rwsems.
    pub sleeping: BTreeMap<String, bool>,
    /// All dependencies.
    pub found: BTreeMap<Pair, Found>,
    /// What classes of a subclass are called without it.
    bases: HashMap<String, String>,
}

impl Classes {
    /// Adds what was known at another time: classes go with the module that they are from.
    pub fn merge(&mut self, other: Self) {
        self.sleeping.extend(other.sleeping);
        self.bases.extend(other.bases);
        for (pair, found) in other.found {
            self.add(pair, found);
        }
    }

    /// Only those dependencies that were not known before, or only with another lock in between.
    pub fn since(&self, before: &Self) -> Self {
        let is_new = |pair: &Pair, found: &Found| {
            let known = before.found.get(pair);
            known.is_none_or(|known| found.direct && !known.direct)
        };
        let mut new = self.clone();
        new.found.retain(|pair, found| is_new(pair, found));
        new
    }

    /// The same with the subclasses of a class taken together.
    pub fn without_subclasses(&self) -> Self {
        let base = |name: &String| self.bases.get(name).unwrap_or(name).clone();
        let mut folded = Self {
            sleeping: self
                .sleeping
                .iter()
                .map(|(name, &sleeps)| (base(name), sleeps))
                .collect(),
            ..Self::default()
        };
        for ((from, to), found) in &self.found {
            folded.add((base(from), base(to)), found.clone());
        }
        folded
    }

    fn add(&mut self, pair: Pair, found: Found) {
        let known = self.found.entry(pair).or_default();
        known.direct |= found.direct;
        if known.place.is_empty() {
            known.place = found.place;
        }
    }
}

/// Reads it.
///
/// # Errors
/// At the first line that is none of these.
pub fn parse(text: &str) -> Result<Classes> {
    let mut classes = Classes::default();
    let mut keys = HashMap::new();
    let mut from: Option<String> = None;
    let mut last: Option<Pair> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let at = || format!("line {number} of /proc/lockdep: `{line}`");
        let arrow = line.strip_prefix(" -> ").map(|rest| (rest, true));
        let arrow = arrow.or_else(|| line.strip_prefix(" ~> ").map(|rest| (rest, false)));
        if let Some((rest, direct)) = arrow {
            let (_, to) = rest.split_once("] ").with_context(at)?;
            let pair = (from.clone().with_context(at)?, to.to_owned());
            let place = Vec::new();
            classes.add(pair.clone(), Found { direct, place });
            last = Some(pair);
        } else if let Some(frame) = line.strip_prefix("    ") {
            if let Some(found) = last.as_ref().and_then(|last| classes.found.get_mut(last)) {
                found.place.push(frame.to_owned());
            }
        } else if !line.is_empty() && line != "all lock classes:" {
            let class = class(line).with_context(at)?;
            classes.sleeping.insert(class.name.to_owned(), class.sleeps);
            keys.insert(class.key, class.name.to_owned());
            from = Some(class.name.to_owned());
        }
    }
    for (&key, name) in &keys {
        if let Some((base, subclass)) = subclass(name) {
            let base = keys.get(&(key - subclass)).map_or(base, String::as_str);
            classes.bases.insert(name.clone(), base.to_owned());
        }
    }
    if classes.sleeping.values().any(|sleeps| *sleeps) {
        return Ok(classes);
    }
    bail!("/proc/lockdep names no mutex or rwsem: is this the lab's kernel?")
}

/// The name without the subclass, and the subclass. It is numbered apart from its class when it was taken first (`count_matching_names()`): a class is then
/// told by its key, which is as many bytes further as the subclass says (`register_lock_class()`).
fn subclass(name: &str) -> Option<(&str, u64)> {
    let (base, number) = name.rsplit_once('/')?;
    Some((base, number.parse().ok()?))
}

/// A line of a class.
struct Class<'a> {
    key: u64,
    name: &'a str,
    sleeps: bool,
}

/// `KEY OPS: 1 FD: 1 BD: 1 USAGE[ SLEEP]: NAME`.
fn class(line: &str) -> Option<Class<'_>> {
    let (key, mut rest) = line.split_once(' ')?;
    for field in ["OPS:", "FD:", "BD:"] {
        if let Some(value) = rest.trim_start().strip_prefix(field) {
            rest = value.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
        }
    }
    let (usage, name) = rest.split_once(": ")?;
    let usage = usage.trim();
    let sleeps = usage.ends_with("SLEEP");
    let usage = usage.trim_end_matches("SLEEP").trim();
    let is_usage = usage.bytes().all(|byte| b"+-?.".contains(&byte));
    is_usage.then_some(Class {
        key: u64::from_str_radix(key, 16).ok()?,
        name,
        sleeps,
    })
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
 -> [00000000d5c3bb60] (work_completion)(&(&x)->work)
 ~> [0000000012345678] &b->lock
    b+0x1/0x2

00000000d5c3bb60 FD:    1 BD:    1 ....: (work_completion)(&(&x)->work)

";

    fn pair(from: &str, to: &str) -> Pair {
        (from.to_owned(), to.to_owned())
    }

    #[test]
    fn classes_dependencies_and_places_are_read() {
        let classes = parse(TEXT).unwrap();
        assert!(classes.sleeping["rtnl_mutex"]);
        assert!(!classes.sleeping["(work_completion)(&(&x)->work)"]);
        let of = |to: &str| &classes.found[&pair("rtnl_mutex", to)];
        assert_eq!(
            (
                of("&devlink->lock_key#2").direct,
                of("&devlink->lock_key#2").place.len()
            ),
            (true, 2)
        );
        assert_eq!(
            of("&b->lock"),
            &Found {
                direct: false,
                place: vec!["b+0x1/0x2".to_owned()]
            }
        );
        assert_eq!(classes.found.len(), 3);
    }

    #[test]
    fn a_subclass_is_that_of_the_class_with_its_key() {
        let text = "\
1000 ++++ SLEEP: a#2
1001 ++++ SLEEP: a/1
 -> [1000] a#2
2002 ++++ SLEEP: b/2
 ~> [1001] a/1
";
        let classes = parse(text).unwrap().without_subclasses();
        assert_eq!(classes.sleeping.keys().collect::<Vec<_>>(), ["a#2", "b"]);
        assert!(classes.found[&pair("a#2", "a#2")].direct);
        assert!(!classes.found[&pair("b", "a#2")].direct);
    }

    #[test]
    fn what_was_known_at_another_time_is_added() {
        let mut classes = parse(TEXT).unwrap();
        classes.merge(parse("1 ++++ SLEEP: rtnl_mutex\n -> [2] &b->lock\n -> [3] gone\n").unwrap());
        let found = |to: &str| &classes.found[&pair("rtnl_mutex", to)];
        assert!(found("&b->lock").direct && found("gone").direct);
        assert_eq!(found("&b->lock").place, ["b+0x1/0x2"]);
    }

    #[test]
    fn what_was_known_before_is_not_new() {
        let (before, after) = (parse(TEXT).unwrap(), parse(&TEXT.replace("~>", "->")).unwrap());
        let new = after.since(&before);
        assert_eq!(new.found.keys().collect::<Vec<_>>(), [&pair("rtnl_mutex", "&b->lock")]);
        assert!(before.since(&after).found.is_empty());
    }

    #[test]
    fn other_text_is_refused_with_its_line() {
        let error = format!("{:#}", parse("all lock classes:\nhello\n").unwrap_err());
        assert!(error.contains("line 2") && error.contains("hello"), "{error}");
        assert!(parse(" -> [1] a\n").is_err(), "a dependency of nothing");
        assert!(parse("0 FD: 1 BD: 1 ....: a\n").is_err(), "a stock kernel's");
        assert!(parse("(____ptrval____) ++++ SLEEP: a\n").is_err(), "keys are hidden");
    }
}
