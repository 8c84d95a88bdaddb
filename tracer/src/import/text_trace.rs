//! The text trace (`.std`) of `docs/formats.md` §1, a superset of the STD format of the RAPID trace tools.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, Read};

use super::Error;
use crate::analysis::context::Context;
use crate::analysis::event::{Event, Frame, Hold, LockKey, LockKind, LockName, Mode, Step, TaskKey, TaskName};
use crate::analysis::model::Model;
use crate::analysis::snapshot::{Capture, Snapshot, UNANALYSED};

/// Bytes of a line that are read at most.
const MAX_LINE: u64 = 64 * 1024;

/// One line, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line<'a> {
    thread: &'a str,
    op: Op,
    arg: &'a str,
    location: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Request(Mode),
    Acquire(Mode),
    Try(Mode),
    Release(Mode),
    Fail,
    Downgrade,
    Init,
    Free,
    /// Read and counted; what it means for the order of things is not looked at yet.
    Unanalysed(&'static str),
    /// Memory access.
    Ignored,
}

impl Op {
    fn parse(name: &str) -> Option<Self> {
        use Mode::{Exclusive, Shared, SharedRecursive};
        Some(match name {
            "req" => Self::Request(Exclusive),
            "rreq" => Self::Request(Shared),
            "rrreq" => Self::Request(SharedRecursive),
            "acq" => Self::Acquire(Exclusive),
            "racq" => Self::Acquire(Shared),
            "rracq" => Self::Acquire(SharedRecursive),
            "try" => Self::Try(Exclusive),
            "rtry" => Self::Try(Shared),
            "rel" => Self::Release(Exclusive),
            "rrel" => Self::Release(Shared),
            "rrrel" => Self::Release(SharedRecursive),
            "fail" => Self::Fail,
            "downgrade" => Self::Downgrade,
            "init" => Self::Init,
            "free" => Self::Free,
            "fork" => Self::Unanalysed("fork"),
            "join" => Self::Unanalysed("join"),
            "queue" => Self::Unanalysed("queue"),
            "begin" => Self::Unanalysed("begin"),
            "end" => Self::Unanalysed("end"),
            "flush" => Self::Unanalysed("flush"),
            "wait" => Self::Unanalysed("wait"),
            "wake" | "notify" => Self::Unanalysed("wake"),
            "r" | "w" => Self::Ignored,
            _ => return None,
        })
    }

    /// Whether a cycle could close through it that is not found yet. Without `fork` and `join` a verdict is only too severe.
    fn hides_cycles(op: &str) -> bool {
        !matches!(op, "fork" | "join")
    }
}

fn parse(line: &str) -> Result<Line<'_>, String> {
    const FORM: &str = "not of the form THREAD|OP(ARG)|LOCATION";
    let mut fields = line.splitn(3, '|');
    let (Some(thread), Some(call), Some(location)) = (fields.next(), fields.next(), fields.next()) else {
        return Err(FORM.to_string());
    };
    if thread.trim().is_empty() || thread.contains(['(', ')']) {
        return Err("no proper thread name".to_string());
    }
    let (name, rest) = call.split_once('(').ok_or(FORM)?;
    let arg = rest.strip_suffix(')').ok_or(FORM)?;
    if arg.trim().is_empty() || arg.contains(['(', ')']) {
        return Err("no proper name in the parentheses".to_string());
    }
    let op = Op::parse(name).ok_or_else(|| format!("no such operation: {name}"))?;
    if op.names_lock()
        && let Some((class, instance)) = arg.split_once('#')
        && (class.trim().is_empty() || instance.is_empty())
    {
        return Err("no proper lock name: it is CLASS or CLASS#INSTANCE".to_string());
    }
    Ok(Line {
        thread,
        op,
        arg,
        location,
    })
}

impl Op {
    fn names_lock(self) -> bool {
        !matches!(self, Self::Unanalysed(_) | Self::Ignored)
    }
}

/// Reads a whole trace.
///
/// # Errors
/// At the first line that cannot be read or is not as the format wants it.
pub fn read(name: &str, mut input: impl BufRead) -> Result<Snapshot, Error> {
    let mut trace = Trace::default();
    let mut buffer = Vec::new();
    for number in 1u64.. {
        buffer.clear();
        let fail = |message: String, text: Option<String>| Error {
            file: name.to_string(),
            line: Some(number),
            message,
            text,
        };
        let read = (&mut input).take(MAX_LINE).read_until(b'\n', &mut buffer);
        let length = read.map_err(|error| fail(error.to_string(), None))?;
        if length == 0 {
            break;
        }
        let text = || Some(String::from_utf8_lossy(&buffer).trim_end().to_string());
        if length as u64 == MAX_LINE && !buffer.ends_with(b"\n") {
            return Err(fail(format!("longer than {MAX_LINE} bytes"), text()));
        }
        let line = std::str::from_utf8(&buffer).map_err(|_| fail("not UTF-8".to_string(), text()))?;
        let line = line.trim_end_matches(['\n', '\r']);
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        trace.apply(parse(line).map_err(|message| fail(message, text()))?);
    }
    Ok(trace.snapshot())
}

/// A trace as far as it was read.
#[derive(Default)]
struct Trace {
    model: Model,
    tasks: HashMap<String, TaskKey>,
    locks: HashMap<String, LockKey>,
    unanalysed: BTreeMap<&'static str, u64>,
    events: u64,
}

impl Trace {
    fn apply(&mut self, line: Line<'_>) {
        self.events += 1;
        let task = self.task(line.thread);
        let hold = |lock, mode, trylock| Hold {
            lock,
            mode,
            trylock,
            stack: if line.location.is_empty() {
                Vec::new()
            } else {
                vec![Frame::Text(line.location.to_string())]
            },
        };
        let step = match line.op {
            Op::Request(mode) => Step::Request(hold(self.lock(line.arg), mode, false)),
            Op::Acquire(mode) => Step::Acquire(hold(self.lock(line.arg), mode, false)),
            Op::Try(mode) => Step::Acquire(hold(self.lock(line.arg), mode, true)),
            Op::Release(mode) => Step::Release(hold(self.lock(line.arg), mode, false)),
            Op::Fail => Step::Fail(self.lock(line.arg)),
            Op::Downgrade => Step::Downgrade(self.lock(line.arg)),
            Op::Init => Step::Init(hold(self.lock(line.arg), Mode::Exclusive, false)),
            Op::Free => {
                let lock = self.lock(line.arg);
                self.model.apply(Event::Free(lock));
                return self.name(lock, line.arg);
            }
            Op::Unanalysed(op) => {
                *self.unanalysed.entry(op).or_default() += 1;
                return;
            }
            Op::Ignored => return,
        };
        let initialised = if let Step::Init(hold) = &step {
            Some(hold.lock)
        } else {
            None
        };
        // A trace has no clock: its n-th event is at n ns.
        self.model.apply(Event::Step(task, Box::new(step), self.events));
        if let Some(lock) = initialised {
            self.name(lock, line.arg);
        }
    }

    fn task(&mut self, name: &str) -> TaskKey {
        if let Some(&key) = self.tasks.get(name) {
            return key;
        }
        let key = TaskKey(self.tasks.len() as u64 + 1);
        self.tasks.insert(name.to_string(), key);
        self.model.apply(Event::Task(
            key,
            TaskName {
                pid: None,
                comm: name.to_string(),
            },
        ));
        key
    }

    fn lock(&mut self, name: &str) -> LockKey {
        if let Some(&key) = self.locks.get(name) {
            return key;
        }
        let key = LockKey(self.locks.len() as u64 + 1);
        self.locks.insert(name.to_string(), key);
        self.name(key, name);
        key
    }

    fn name(&mut self, key: LockKey, name: &str) {
        let class = name.split_once('#').map_or(name, |(class, _)| class).to_string();
        let name = LockName {
            class,
            name: name.to_string(),
            label: None,
        };
        self.model.apply(Event::Lock(key, LockKind::Unknown, name));
    }

    fn snapshot(&self) -> Snapshot {
        let counters = self
            .unanalysed
            .iter()
            .map(|(op, &count)| (format!("{UNANALYSED}{op}"), count))
            .collect();
        let complete = !self.unanalysed.keys().any(|op| Op::hides_cycles(op));
        let capture = Capture {
            backend: "text-trace".to_string(),
            complete,
            counters,
            ..Capture::default()
        };
        self.model.snapshot(&Context {
            capture,
            ..Context::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_apart() {
        let line = parse("kworker/u8:1|rracq(&devlink->lock#a)|cleanup_net+0x1c|2").expect("a line");
        assert_eq!(line.thread, "kworker/u8:1");
        assert_eq!(line.op, Op::Acquire(Mode::SharedRecursive));
        assert_eq!(line.arg, "&devlink->lock#a");
        assert_eq!(line.location, "cleanup_net+0x1c|2");
        assert_eq!(parse("T1|rel(A)|").expect("a line").location, "");
    }

    #[test]
    fn every_operation_is_read() {
        let names = "req acq rel rreq racq rrel rrreq rracq rrrel try rtry fail downgrade init free fork join queue begin end flush \
                     wait wake notify r w";
        for name in names.split_whitespace() {
            assert!(parse(&format!("T1|{name}(x)|1")).is_ok(), "{name}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for line in [
            "T1",
            "T1|acq(A)",
            "|acq(A)|1",
            "T1|acq()|1",
            "T1|acq|1",
            "T1|acq(A|1",
            "T1|acq A)|1",
            "T1|lock(A)|1",
            "T1|ACQ(A)|1",
            "T1|acq((A))|1",
            "T(1|acq(A)|1",
            "T1|acq(#a)|1",
            "T1|acq(A#)|1",
            "T1|acq(A) |1",
            "T1| acq(A)|1",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn errors_name_file_line_and_text() {
        let input = "# head\n\nT1|acq(A)|1\nT1|grab(B)|2\n";
        let error = read("x.std", input.as_bytes()).expect_err("must be refused");
        assert_eq!(error.to_string(), "x.std:4: no such operation: grab: `T1|grab(B)|2`");
        let error = read("x.std", &b"T1|acq(\xff)|1\n"[..]).expect_err("must be refused");
        assert_eq!(error.line, Some(1));
        let long = format!("T1|acq({})|1\n", "x".repeat(70_000));
        let error = read("x.std", long.as_bytes()).expect_err("must be refused");
        assert!(error.to_string().contains("longer than 65536 bytes"));
    }

    #[test]
    fn what_is_not_analysed_is_counted_and_said() {
        let snapshot = read("x.std", &b"T1|flush(W)|1\nT1|flush(W)|2\nT1|r(V)|3\n"[..]).expect("a trace");
        assert_eq!(snapshot.capture.counters.get("unanalysed_flush"), Some(&2));
        assert!(!snapshot.capture.complete);
        let snapshot = read("x.std", &b"T1|fork(12)|1\r\nT1|join(12)|2"[..]).expect("a trace");
        assert!(snapshot.capture.complete);
    }
}
