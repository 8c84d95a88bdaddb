//! The text trace (`.std`) of `docs/formats.md` §1, a superset of the STD format of the RAPID trace tools.

use std::collections::HashMap;
use std::io::{BufRead, Read};

use super::Error;
use crate::analysis::context::Context;
use crate::analysis::event::{Event, Frame, LockKey, LockKind, LockName, Mode, Op, StackKey, Step, TaskKey, TaskName};
use crate::analysis::model::Model;
use crate::analysis::snapshot::Capture;

/// Bytes of a line that are read at most.
const MAX_LINE: u64 = 64 * 1024;

/// One line, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line<'a> {
    thread: &'a str,
    op: Word,
    arg: &'a str,
    location: &'a str,
}

/// The word for an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Request(Mode),
    Acquire(Mode),
    Try(Mode),
    Release(Mode),
    Fail,
    Downgrade,
    Init,
    Free,
    Fork,
    Join,
    Queue,
    Begin,
    End,
    Flush,
    Wait,
    Wake,
    /// Memory access.
    Ignored,
}

/// Name spaces are apart: `wait(11)` is the condition that goes with lock 11.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Space {
    Lock,
    Work,
    Completion,
    Thread,
    Memory,
}

impl Word {
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
            "fork" => Self::Fork,
            "join" => Self::Join,
            "queue" => Self::Queue,
            "begin" => Self::Begin,
            "end" => Self::End,
            "flush" => Self::Flush,
            "wait" => Self::Wait,
            "wake" | "notify" => Self::Wake,
            "r" | "w" => Self::Ignored,
            _ => return None,
        })
    }

    fn space(self) -> Space {
        match self {
            Self::Fork | Self::Join => Space::Thread,
            Self::Queue | Self::Begin | Self::End | Self::Flush => Space::Work,
            Self::Wait | Self::Wake => Space::Completion,
            Self::Ignored => Space::Memory,
            _ => Space::Lock,
        }
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
    let op = Word::parse(name).ok_or_else(|| format!("no such operation: {name}"))?;
    if op.space() == Space::Lock
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

/// Reads a whole trace.
///
/// # Errors
/// At the first line that cannot be read or is not as the format wants it.
pub fn read(name: &str, mut input: impl BufRead) -> Result<(Model, Context), Error> {
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
    let capture = Capture {
        backend: "text-trace".to_string(),
        complete: true,
        ..Capture::default()
    };
    let context = Context {
        capture,
        ..Context::default()
    };
    Ok((trace.model, context))
}

/// A trace as far as it was read.
#[derive(Default)]
struct Trace {
    model: Model,
    tasks: HashMap<String, TaskKey>,
    /// In each name space.
    keys: HashMap<String, Vec<(Space, LockKey)>>,
    locks: u64,
    stacks: HashMap<String, StackKey>,
    events: u64,
}

impl Trace {
    fn apply(&mut self, line: Line<'_>) {
        self.events += 1;
        let task = self.task(line.thread);
        let key = |trace: &mut Self| trace.key(line.op.space(), line.arg);
        let op = match line.op {
            Word::Request(mode) => Op::Request(key(self), mode),
            Word::Acquire(mode) => Op::Acquire(key(self), mode),
            Word::Try(mode) => Op::Try(key(self), mode),
            Word::Release(mode) => Op::Release(key(self), mode),
            Word::Fail => Op::Fail(key(self)),
            Word::Downgrade => Op::Downgrade(key(self)),
            Word::Init => Op::Init(key(self)),
            Word::Free => {
                let lock = key(self);
                self.model.apply(Event::Free(lock));
                return self.name(lock, Space::Lock, line.arg);
            }
            Word::Fork => Op::Fork(self.thread(line.arg)),
            Word::Join => Op::Join(self.thread(line.arg)),
            Word::Queue => Op::Queue(key(self)),
            Word::Begin => Op::Begin(key(self)),
            Word::End => Op::End(key(self)),
            Word::Flush => Op::Flush(key(self)),
            Word::Wait => Op::Wait(key(self)),
            Word::Wake => Op::Wake(key(self)),
            Word::Ignored => return,
        };
        let stack = self.stack(line.location);
        // A trace has no clock: its n-th event is at n ns.
        let time_ns = self.events;
        self.model.apply(Event::Step(Step {
            task,
            op,
            stack,
            time_ns,
        }));
        if let Op::Init(lock) = op {
            self.name(lock, Space::Lock, line.arg);
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

    /// The thread that another one names: `12` is the one that writes as `T12`.
    fn thread(&mut self, name: &str) -> TaskKey {
        if !self.tasks.contains_key(name) && name.bytes().all(|digit| digit.is_ascii_digit()) {
            return self.task(&format!("T{name}"));
        }
        self.task(name)
    }

    fn stack(&mut self, location: &str) -> StackKey {
        if location.is_empty() {
            return StackKey::default();
        }
        if let Some(&key) = self.stacks.get(location) {
            return key;
        }
        let key = StackKey(self.stacks.len() as u64 + 1);
        self.stacks.insert(location.to_string(), key);
        self.model.apply(Event::Stack(key, vec![Frame::Text(location.into())]));
        key
    }

    fn key(&mut self, space: Space, name: &str) -> LockKey {
        let known = self.keys.get(name).into_iter().flatten();
        if let Some(&(_, key)) = known.into_iter().find(|(known, _)| *known == space) {
            return key;
        }
        self.locks += 1;
        let key = LockKey(self.locks);
        self.keys.entry(name.to_string()).or_default().push((space, key));
        self.name(key, space, name);
        key
    }

    fn name(&mut self, key: LockKey, space: Space, name: &str) {
        let class = name.split_once('#').map_or(name, |(class, _)| class).to_string();
        let kind = match space {
            Space::Work => LockKind::Work,
            Space::Completion => LockKind::Completion,
            Space::Lock | Space::Thread | Space::Memory => LockKind::Unknown,
        };
        let name = LockName {
            class,
            name: name.to_string(),
            label: None,
            named_by: None,
        };
        self.model.apply(Event::Lock(key, kind, name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_apart() {
        let line = parse("kworker/u8:1|rracq(&devlink->lock#a)|cleanup_net+0x1c|2").expect("a line");
        assert_eq!(line.thread, "kworker/u8:1");
        assert_eq!(line.op, Word::Acquire(Mode::SharedRecursive));
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
}
