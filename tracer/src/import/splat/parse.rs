//! A splat, from its first line to its backtrace: `print_circular_bug()` and `print_deadlock_bug()` of the kernel's lockdep.c.

use std::io::BufRead;

use super::super::Error;
use super::line::{self, Class, LockLine, StackLine};
use super::log::{Log, LogLine};
use super::other;

/// Lines between `stack backtrace:` and its first frame: the CPU, the machine, the work item, registers.
const MAX_BACKTRACE_HEAD: usize = 40;

/// What lockdep found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// "possible circular locking dependency detected"
    Circular,
    /// "possible recursive locking detected"
    Recursive,
}

impl Kind {
    /// The kind of splat that begins in this line.
    pub(super) fn of(text: &str) -> Option<Self> {
        // `WARNING: what` since 4.13, `[ INFO: what ]` before.
        let bare = text
            .strip_prefix("WARNING: ")
            .or_else(|| text.strip_prefix("[ INFO: ")?.strip_suffix(" ]"))?;
        match bare {
            "possible circular locking dependency detected" => Some(Self::Circular),
            "possible recursive locking detected" => Some(Self::Recursive),
            _ => None,
        }
    }
}

/// One lock of a chain, and the path on which it was acquired while the one before it was held.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) class: Class,
    /// Innermost first.
    pub(super) stack: Vec<String>,
}

/// A splat.
#[derive(Debug)]
pub(super) struct Splat {
    /// `uname -r`
    pub(super) release: Option<String>,
    /// The task that tried: its name and thread id.
    pub(super) task: (String, u32),
    /// The work item that it ran: `netns cleanup_net`.
    pub(super) work: Option<String>,
    /// What it wants, and where.
    pub(super) wanted: LockLine,
    /// What it holds that stands against that.
    pub(super) against: LockLine,
    /// The chain by number, #0 first; none in a recursion.
    pub(super) chain: Vec<Entry>,
    /// Calls of the scenario: `(rlock, CLASS)`.
    pub(super) calls: Vec<(String, String)>,
    /// All that it holds, in order of acquisition.
    pub(super) held: Vec<LockLine>,
    /// Where it is.
    pub(super) backtrace: Vec<String>,
    /// Lines of others that stood in between.
    pub(super) skipped: u64,
}

/// Reads the splat that begins in `first`.
///
/// # Errors
/// When a part of it is missing or mangled.
pub(super) fn splat<R: BufRead>(kind: Kind, first: LogLine, log: &mut Log<'_, R>) -> Result<Splat, Error> {
    let mut parser = Parser { log, first, skipped: 0 };
    let (release, task) = parser.head()?;
    let wanted = parser.lock()?;
    parser.until("but task is already holding lock:", |text| {
        text.starts_with("but task is already holding lock:").then_some(())
    })?;
    let against = parser.lock()?;
    let chain = match kind {
        Kind::Circular => parser.chain(&wanted, &against)?,
        Kind::Recursive => Vec::new(),
    };
    let (calls, count) = parser.scenario(&task)?;
    let held = parser.held(count)?;
    let (work, backtrace) = parser.backtrace()?;
    let (comm, pid) = line::task(&task).ok_or_else(|| parser.missing("the name of a task"))?;
    if kind == Kind::Recursive && backtrace.is_empty() {
        return Err(parser.missing("stack backtrace"));
    }
    Ok(Splat {
        release,
        task: (comm.to_string(), pid),
        work,
        wanted,
        against,
        chain,
        calls,
        held,
        backtrace,
        skipped: parser.skipped,
    })
}

struct Parser<'a, 'b, R> {
    log: &'a mut Log<'b, R>,
    first: LogLine,
    skipped: u64,
}

impl<R: BufRead> Parser<'_, '_, R> {
    /// The next line of the same writer that is not empty; none at the end, or when another splat begins.
    fn next(&mut self) -> Result<Option<LogLine>, Error> {
        loop {
            match self.log.peek()? {
                None => return Ok(None),
                Some(line) if Kind::of(&line.text).is_some() => return Ok(None),
                Some(_) => {}
            }
            let next = self.log.next()?.filter(|line| self.is_ours(line));
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    fn is_ours(&self, line: &LogLine) -> bool {
        let other = line.caller.is_some() && self.first.caller.is_some() && line.caller != self.first.caller;
        !other && !line.text.is_empty()
    }

    /// An error at the first line: this part does not come.
    fn missing(&self, what: &str) -> Error {
        let message = format!("this splat of lockdep is not whole: there is no `{what}` in it");
        self.log.error(&self.first, message)
    }

    /// Goes on to the line that `matches`, which is called `what` when it does not come.
    fn until<T>(&mut self, what: &str, matches: impl Fn(&str) -> Option<T>) -> Result<T, Error> {
        while let Some(line) = self.next()? {
            if let Some(found) = matches(&line.text) {
                return Ok(found);
            }
        }
        Err(self.missing(what))
    }

    /// The kernel's release, and the task: `6.12.117 #1 Not tainted`, `COMM/PID is trying to acquire lock:`.
    fn head(&mut self) -> Result<(Option<String>, String), Error> {
        const TRIES: &str = " is trying to acquire lock:";
        let mut release = None;
        while let Some(line) = self.next()? {
            if let Some(task) = line.text.strip_suffix(TRIES) {
                return Ok((release, task.to_string()));
            }
            let word = line.text.split(' ').next().unwrap_or_default();
            if release.is_none() && word.starts_with(|first: char| first.is_ascii_digit()) {
                release = Some(word.to_string());
            }
        }
        Err(self.missing("is trying to acquire lock:"))
    }

    /// The next line is a lock.
    fn lock(&mut self) -> Result<LockLine, Error> {
        let line = self.next()?.ok_or_else(|| self.missing("(CLASS){USAGE}, at: PLACE"))?;
        let refused = || {
            self.log.error(
                &line,
                "not a lock as lockdep writes it: ADDRESS (CLASS){USAGE}, at: PLACE",
            )
        };
        line::lock(&line.text).ok_or_else(refused)
    }

    /// The chain, which stands there in reverse order, #0 last.
    fn chain(&mut self, wanted: &LockLine, against: &LockLine) -> Result<Vec<Entry>, Error> {
        const END: &str = "other info that might help us debug this:";
        self.until("the existing dependency chain (in reverse order) is:", |text| {
            text.starts_with("the existing dependency chain").then_some(())
        })?;
        let mut chain: Vec<(LogLine, usize, Entry)> = Vec::new();
        loop {
            let line = self.next()?.ok_or_else(|| self.missing(END))?;
            if line.text.starts_with(END) {
                break;
            }
            if line.text.starts_with("->") {
                let refused = || {
                    self.log
                        .error(&line, "not an entry as lockdep writes it: -> #1 (CLASS){USAGE}:")
                };
                let (number, class) = line::entry(&line.text).ok_or_else(refused)?;
                chain.push((
                    line,
                    number,
                    Entry {
                        class,
                        stack: Vec::new(),
                    },
                ));
                continue;
            }
            match (line::frame(&line.text), chain.last_mut()) {
                (StackLine::Frame(frame), Some((_, _, entry))) => entry.stack.push(frame),
                (StackLine::Broken, Some(_)) => return Err(self.log.error(&line, "not a whole line of a stack")),
                (StackLine::Nothing, _) => {}
                (StackLine::Other, _) | (_, None) => self.skipped += 1,
            }
        }
        self.checked(chain, wanted, against)
    }

    /// Every entry is there, has a stack, and the ends are the two locks that the splat is about.
    fn checked(
        &self,
        chain: Vec<(LogLine, usize, Entry)>,
        wanted: &LockLine,
        against: &LockLine,
    ) -> Result<Vec<Entry>, Error> {
        // At least #1 and #0, which is the last.
        let longest = chain.len().max(2);
        let mut entries = Vec::with_capacity(longest);
        for ((line, number, entry), expected) in chain.into_iter().rev().zip(0..longest) {
            if number != expected {
                return Err(self
                    .log
                    .error(&line, format!("the chain has no entry #{expected} behind this one")));
            }
            if entry.stack.is_empty() {
                return Err(self.log.error(&line, "this entry has no stack"));
            }
            entries.push(entry);
        }
        if entries.len() < longest {
            return Err(self.missing(&format!("-> #{}", entries.len())));
        }
        // Some classes print more about an object (`lock_set_print_fn()`), which the chain does not have.
        let is = |lock: &LockLine, entry: Option<&Entry>| {
            entry.is_some_and(|entry| lock.class.name.starts_with(&entry.class.name))
        };
        if !is(wanted, entries.first()) || !is(against, entries.last()) {
            let message = "the chain of this splat does not end with the lock that is wanted and the one that is held";
            return Err(self.log.error(&self.first, message));
        }
        Ok(entries)
    }

    /// The calls of the scenario, and how many locks the task holds.
    fn scenario(&mut self, task: &str) -> Result<(Vec<(String, String)>, usize), Error> {
        let mut calls = Vec::new();
        while let Some(line) = self.next()? {
            if let Some((call, class)) = line::call(&line.text) {
                calls.push((call.to_string(), class.to_string()));
            }
            if let Some((count, holder)) = line::held_by(&line.text)
                && holder == task
            {
                return Ok((calls, count));
            }
        }
        Err(self.missing(&format!("locks held by {task}:")))
    }

    fn held(&mut self, count: usize) -> Result<Vec<LockLine>, Error> {
        let mut held = Vec::new();
        for number in 0..count {
            let line = self.next()?.ok_or_else(|| self.missing(&format!("#{number}: ")))?;
            let refused = || {
                self.log.error(
                    &line,
                    format!("not held lock #{number} of {count} as lockdep writes it"),
                )
            };
            let (_, lock) = line::held(&line.text)
                .filter(|&(found, _)| found == number)
                .ok_or_else(refused)?;
            // Its class was freed while the splat was written.
            if lock != "<RELEASED>" {
                held.push(line::lock(lock).ok_or_else(refused)?);
            }
        }
        Ok(held)
    }

    /// The work item and the stack of the task. What is behind the splat stays to be read.
    fn backtrace(&mut self) -> Result<(Option<String>, Vec<String>), Error> {
        let mut work = None;
        let mut stack = Vec::new();
        let (mut before, mut begun) = (0, false);
        while let Some(line) = self.log.peek()?.cloned() {
            if Kind::of(&line.text).is_some() || other::report(&line.text).is_some() {
                break;
            }
            if self.is_ours(&line) {
                match line::frame(&line.text) {
                    StackLine::Frame(frame) => stack.push(frame),
                    StackLine::Nothing => {}
                    StackLine::Broken if begun && line.text.contains("+0x") => {
                        return Err(self.log.error(&line, "not a whole line of a stack"));
                    }
                    _ if begun || before == MAX_BACKTRACE_HEAD => break,
                    _ => before += 1,
                }
                begun |= matches!(line::frame(&line.text), StackLine::Frame(_) | StackLine::Nothing);
                work = work.or_else(|| line.text.strip_prefix("Workqueue: ").map(str::to_string));
            }
            self.log.next()?;
        }
        Ok((work, stack))
    }
}
