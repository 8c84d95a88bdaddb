//! The text of `/proc/lockdep`: all classes of locks and the dependencies between them (`l_show()` of the kernel's lockdep_proc.c).
//!
//! ```text
//! all lock classes:
//! ffffffff82135298 FD:   12 BD:    3 ++++: pernet_ops_rwsem
//!  -> [ffffffff8213a2c0] rtnl_mutex
//! ```

use std::collections::HashMap;
use std::io::BufRead;

use super::Error;
use super::lines::{Line, Lines};
use super::lock_objects::LockObjects;
use super::splat::mode::is_only_read;
use crate::analysis::context::{Addresses, Context};
use crate::analysis::event::{Chain, ChainKey, Event, Hold, LockKey, Mode, TaskKey, TaskName};
use crate::analysis::model::Model;
use crate::analysis::snapshot::Capture;

/// The first line.
const HEAD: &str = "all lock classes:";

/// What the tasks are called: that lockdep does not tell them.
const TASK: &str = "unknown task";

/// A class, told apart from others of its name by its key where the kernel does not hide that.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Class {
    key: u64,
    name: String,
}

/// Reads the text of `/proc/lockdep`.
///
/// # Errors
/// At the first line that is not as the kernel writes it.
pub fn read(name: &str, input: impl BufRead) -> Result<(Model, Context), Error> {
    let mut model = Model::new();
    let context = fill(name, input, &mut model)?;
    Ok((model, context))
}

/// Tells a new model all dependencies of `/proc/lockdep`.
///
/// # Errors
/// As for [`read`].
pub fn fill(name: &str, input: impl BufRead, model: &mut Model) -> Result<Context, Error> {
    let text = parse(Lines::new(name, input))?;
    text.tell(model);
    let classes = u64::try_from(text.classes.len()).unwrap_or(u64::MAX);
    Ok(Context {
        capture: Capture {
            backend: "proc-lockdep".to_string(),
            complete: true,
            counters: [("classes".to_string(), classes)].into(),
            ..Capture::default()
        },
        // Keys are used to tell classes apart and then forgotten.
        addresses: Addresses::Absent,
        ..Context::default()
    })
}

/// The whole file.
#[derive(Debug, Default)]
struct Text {
    /// Those that have a line of their own, and whether each was only ever taken shared.
    classes: HashMap<Class, bool>,
    dependencies: Vec<(Class, Class)>,
}

/// Whether a file that begins with this line has classes in it.
pub(super) fn begins_with(line: &str) -> bool {
    is_head(line) || class(line).is_some()
}

/// Whether a line is the one before the first class.
pub(super) fn is_head(line: &str) -> bool {
    line.trim() == HEAD
}

fn parse<R: BufRead>(mut lines: Lines<'_, R>) -> Result<Text, Error> {
    let mut text = Text::default();
    let mut from: Option<Class> = None;
    // What a shell or a script wrote before the first line.
    let mut before: Option<Line> = None;
    while let Some(line) = lines.next()? {
        if is_head(&line.text) {
            before = None;
            continue;
        }
        if line.text.trim().is_empty() || before.is_some() {
            continue;
        }
        let fail = |message: &str| Error::line(lines.file, line.number, message, &line.text);
        if line.cut {
            return Err(fail("far too long for a class of locks"));
        }
        if let Some(dependency) = line.text.trim_start().strip_prefix("-> ") {
            let to = bracketed(dependency)
                .ok_or_else(|| fail("not a dependency as /proc/lockdep has it: -> [KEY] CLASS"))?;
            let from = from
                .clone()
                .ok_or_else(|| fail("a dependency without the class that it is of"))?;
            text.dependencies.push((from, to));
        } else if let Some((class, usage)) = class(&line.text) {
            text.classes.insert(class.clone(), is_only_read(usage));
            from = Some(class);
        } else if from.is_none() {
            before = Some(line);
        } else {
            return Err(fail(NO_CLASS));
        }
    }
    match before {
        Some(line) => Err(Error::line(lines.file, line.number, NO_CLASS, &line.text)),
        None => Ok(text),
    }
}

const NO_CLASS: &str = "not a class as /proc/lockdep has it: KEY FD: 1 BD: 1 +.+.: CLASS";

/// `KEY OPS: 1 FD: 1 BD: 1 USAGE: CLASS`, where `OPS:` is there with `CONFIG_DEBUG_LOCKDEP`, `FD:`, `BD:` and, since 5.17, the usage with
/// `CONFIG_PROVE_LOCKING`.
fn class(text: &str) -> Option<(Class, &str)> {
    let (key, mut rest) = key(text)?;
    for field in [" OPS:", " FD:", " BD:"] {
        if let Some(value) = rest.strip_prefix(field) {
            let value = value.trim_start();
            let end = value.bytes().take_while(u8::is_ascii_digit).count();
            rest = value.get(end..).filter(|_| end > 0)?;
        }
    }
    let (usage, name) = rest.split_once(": ")?;
    let usage = usage.trim_start();
    let known = usage.bytes().all(|byte| b"+-?.".contains(&byte));
    known.then(|| (Class::new(key, name), usage))
}

/// `[KEY] CLASS`
fn bracketed(text: &str) -> Option<Class> {
    let (key, rest) = key(text.strip_prefix('[')?)?;
    Some(Class::new(key, rest.strip_prefix("] ")?))
}

/// A key at the beginning: an address, hashed or zero where the kernel hides it.
fn key(text: &str) -> Option<(u64, &str)> {
    for hidden in ["(____ptrval____)", "(ptrval)", "(null)"] {
        if let Some(rest) = text.strip_prefix(hidden) {
            return Some((0, rest));
        }
    }
    let end = text.bytes().take_while(u8::is_ascii_hexdigit).count();
    let (digits, rest) = text.split_at_checked(end).filter(|_| end >= 8)?;
    Some((u64::from_str_radix(digits, 16).ok()?, rest))
}

impl Class {
    fn new(key: u64, name: &str) -> Self {
        let name = if name.trim().is_empty() { "unnamed" } else { name };
        Self {
            key,
            name: name.to_string(),
        }
    }
}

impl Text {
    /// Every dependency is of a task of its own: lockdep keeps no more of it.
    fn tell(&self, model: &mut Model) {
        let mut objects = Objects::default();
        for ((from, to), number) in self.dependencies.iter().zip(1u64..) {
            // A class that depends on itself is two locks of it.
            let hold = |lock, class: &Class| Hold {
                lock,
                mode: self.mode(class),
                trylock: false,
                stack: Default::default(),
            };
            let held = hold(objects.key(from, false), from);
            let request = hold(objects.key(to, from == to), to);
            let name = TaskName {
                pid: None,
                comm: TASK.to_string(),
            };
            model.apply(Event::Task(TaskKey(number), name));
            model.apply(Event::Chain(Box::new(Chain {
                key: ChainKey(number),
                task: TaskKey(number),
                held: vec![held],
                request,
                time_ns: number,
                window: None,
                origin: None,
            })));
        }
        objects.locks.tell(model);
    }

    /// Nothing tells the mode, unless nobody ever took it otherwise than shared.
    fn mode(&self, class: &Class) -> Mode {
        match self.classes.get(class) {
            Some(true) => Mode::Shared,
            _ => Mode::Exclusive,
        }
    }
}

/// Which locks the classes are: classes of one name are told apart by their keys.
#[derive(Default)]
struct Objects {
    locks: LockObjects,
    numbers: HashMap<(Class, bool), usize>,
    next: HashMap<String, usize>,
}

impl Objects {
    fn key(&mut self, class: &Class, second: bool) -> LockKey {
        let next = self.next.entry(class.name.clone()).or_default();
        let number = *self.numbers.entry((class.clone(), second)).or_insert(*next);
        *next = (*next).max(number + 1);
        self.locks.key(&class.name, number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
all lock classes:
ffffffff82135298 FD:   12 BD:    3 ++++: pernet_ops_rwsem
 -> [ffffffff8213a2c0] rtnl_mutex
 -> [ffffffff82000001] (work_completion)(&(&x->w)->work)

ffffffff8213a2c0 OPS:   12345 FD:   11 BD:    4 +.+.: rtnl_mutex
 -> [ffffffff82000002] a: b|c#2/1

ffffffff82000002 FD:    1 BD:    1 ....: a: b|c#2/1

";

    fn dependencies(text: &str) -> Vec<String> {
        let (model, context) = read("file", text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        let snapshot = model.snapshot(&context);
        let name = |id: u32| {
            snapshot
                .locks
                .iter()
                .find(|lock| lock.id == id)
                .map_or("?", |lock| &lock.name)
        };
        let line = |dependency: &crate::analysis::snapshot::Dependency| {
            format!(
                "{} {} -> {} {}",
                name(dependency.from),
                dependency.from_mode,
                name(dependency.to),
                dependency.to_mode
            )
        };
        snapshot.dependencies.iter().map(line).collect()
    }

    fn message(text: &str) -> String {
        read("file", text.as_bytes()).expect_err("must be refused").to_string()
    }

    #[test]
    fn every_dependency_is_there() {
        let expected = [
            "pernet_ops_rwsem exclusive -> rtnl_mutex exclusive",
            "pernet_ops_rwsem exclusive -> (work_completion)(&(&x->w)->work) exclusive",
            "rtnl_mutex exclusive -> a: b|c#2/1 exclusive",
        ];
        assert_eq!(dependencies(TEXT), expected);
        assert_eq!(
            dependencies(&format!("# cat /proc/lockdep\r\n{}", TEXT.replace('\n', "\r\n"))),
            expected
        );
    }

    #[test]
    fn hidden_keys_are_as_good_as_any() {
        let zero: String = TEXT
            .lines()
            .map(|line| {
                let hidden = line
                    .find("ffffffff82")
                    .map(|at| line.replacen(&line[at..at + 16], "0000000000000000", 1));
                hidden.unwrap_or_else(|| line.to_string()) + "\n"
            })
            .collect();
        assert!(!zero.contains("ffffffff"));
        assert_eq!(dependencies(&zero), dependencies(TEXT));
    }

    #[test]
    fn classes_of_one_name_are_told_apart_by_their_keys() {
        let text = "00000000000000a1 FD: 1 BD: 1 +.+.: x\n -> [00000000000000b1] y\n\n\
                    00000000000000a2 FD: 1 BD: 1 .+.+: x\n -> [00000000000000a1] x\n -> [00000000000000a2] x\n";
        let expected = [
            "x#1 exclusive -> y exclusive",
            "x#2 shared -> x#1 exclusive",
            "x#2 shared -> x#3 shared",
        ];
        assert_eq!(dependencies(text), expected);
    }

    #[test]
    fn without_prove_locking_there_are_only_classes() {
        assert!(dependencies("ffffffff82135298: pernet_ops_rwsem\nffffffff82135298 OPS:  1: b\n").is_empty());
        assert!(dependencies("all lock classes:\n").is_empty());
    }

    #[test]
    fn errors_tell_line_and_text() {
        let class = "ffffffff82135298 FD: 1 BD: 1 ++++: x\n";
        for (text, expected) in [
            (
                format!("{class} -> [ffffffff8213a2c0 rtnl_mutex\n"),
                "file:2: not a dependency as",
            ),
            (format!("{class} -> [x] rtnl_mutex\n"), "file:2: not a dependency as"),
            (
                format!("{class}ffffffff8213a2c0 FD: BD: 1 ++++: y\n"),
                "file:2: not a class as",
            ),
            (
                format!("{class}ffffffff8213a2c0 FD: 1 BD: 1 +x++: y\n"),
                "file:2: not a class as",
            ),
            (
                format!("{class}hello\n"),
                "file:2: not a class as /proc/lockdep has it: KEY FD: 1 BD: 1 +.+.: CLASS: `hello`",
            ),
            (format!("hello\n{class}"), "file:1: not a class as"),
            (
                format!("{HEAD}\n -> [ffffffff8213a2c0] y\n"),
                "file:2: a dependency without the class",
            ),
            (format!("{class}{}\n", "f".repeat(100_000)), "file:2: far too long"),
        ] {
            assert!(message(&text).starts_with(expected), "{}", message(&text));
        }
    }
}
