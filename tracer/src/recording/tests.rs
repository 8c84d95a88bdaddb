//! A trace recorded and replayed, by this version and others.

mod damage;
mod full;

use std::{
    cell::RefCell,
    io::{self, Write},
    rc::Rc,
};

use tracer_common::{
    offset::Offsets,
    probe::{MAX_PROBES, ProbeIndex},
    wire::info,
};

use super::{
    frame::{HEAD, Head, Kind, PREFIX},
    *,
};
use crate::{
    analysis::{
        context::Addresses,
        snapshot::{Capture, CountedAt},
    },
    decode::{
        Record,
        kernel::{Answer, Kernel},
        tests::{self as records, Bytes},
    },
    names::symbol::Symbols,
    report::json,
    trace::{
        Noted, Trace,
        input::{Counted, Input},
        setup::Setup,
    },
};

const SYMBOLS: &str = "\
ffffffff81000000 T mutex_lock
ffffffff81000100 T down_read
ffffffff81000200 T cleanup_net
ffffffff81000300 T devlink_reload
ffffffff81000400 T unused
ffffffff81000500 T end_of_text
ffffffff82000000 D pernet_ops_rwsem
ffffffff82000100 D unused_data
";
const MODULE: &str = "ffffffffc0000000 t dlock_reload\t[dlock]\nffffffffc0000100 t end_of_module\t[dlock]\n";

fn setup() -> Setup {
    let mut functions = vec![0; MAX_PROBES];
    functions[ProbeIndex::mutex_lock as usize] = 0xffff_ffff_8100_0000;
    functions[ProbeIndex::down_read as usize] = 0xffff_ffff_8100_0100;
    Setup {
        kernel: Default::default(),
        capture: Capture {
            backend: "fentry".to_owned(),
            command: Some(vec!["true".to_owned()]),
            ..Capture::default()
        },
        offsets: Offsets {
            mutex_owner: 0,
            rwsem_owner: 8,
            rwsem_count: 0,
            ..Offsets::NONE
        },
        functions,
        start_ns: 1_000,
        only: Vec::new(),
        exclude: vec!["&excluded->*".to_owned()],
    }
}

pub(super) fn header() -> Header {
    Header::new(&setup())
}

/// A file that can be full.
#[derive(Clone, Default)]
struct Disk {
    bytes: Rc<RefCell<Vec<u8>>>,
    room: Rc<RefCell<Option<usize>>>,
    cannot_cut: bool,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut there = self.bytes.borrow_mut();
        let room = self
            .room
            .borrow()
            .map_or(bytes.len(), |room| room.saturating_sub(there.len()));
        if room == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let written = room.min(bytes.len());
        there.extend_from_slice(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Storage for Disk {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        if self.cannot_cut {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.bytes.borrow_mut().truncate(length as usize);
        Ok(())
    }

    fn sync(&mut self) {}
}

/// A live session as it were: a trace, and a recording of it.
struct Live {
    trace: Trace,
    writer: Writer<Disk>,
    notices: Vec<String>,
}

impl Live {
    fn new(disk: Disk) -> Self {
        Self::limited(disk, u64::MAX)
    }

    fn limited(disk: Disk, limit: u64) -> Self {
        let mut trace = Trace::new(&setup(), Addresses::Pseudonym, Kernel::Silent).unwrap();
        let mut writer = Writer::new(disk, &header(), limit).unwrap();
        let symbols = Symbols::parse(SYMBOLS).noting();
        writer.table(symbols.text_end());
        trace.read_symbols(symbols);
        Self {
            trace,
            writer,
            notices: Vec::new(),
        }
    }

    fn take(&mut self, input: &Input<'_>) {
        self.trace.take(input);
        let noted = self.trace.noted();
        let notice = self.writer.add(input, noted);
        self.notices.extend(notice.map(|notice| notice.to_string()));
    }

    fn flush(&mut self) {
        let notice = self.writer.flush();
        self.notices.extend(notice.map(|notice| notice.to_string()));
    }

    fn load_module(&mut self) {
        let symbols = Symbols::parse(&format!("{SYMBOLS}{MODULE}")).noting();
        self.writer.table(symbols.text_end());
        self.trace.read_symbols(symbols);
    }

    /// A chain: `lock` requested under `held`, from a function of the kernel and one of a module.
    fn chain(&mut self, key: u64, held: u64, lock: u64) {
        let hold = ([held, 0, 1 << info::SEQUENCE_SHIFT | info::MUTEX], [records::TASK, 0]);
        let stack = [
            0xffff_ffff_8100_0009,
            0xffff_ffff_8100_0240,
            0xffff_ffff_c000_0010 + key % 0x80,
        ];
        let mut bytes = records::chain(ProbeIndex::mutex_lock, [lock, info::MUTEX], &[hold], &stack);
        bytes.0[48..56].copy_from_slice(&key.to_le_bytes());
        self.take(&Input::Record(Record::new(&bytes.0)));
    }

    fn end(&mut self) {
        self.take(&Input::ChainCounts(vec![(1, 5), (2, 6), (9, 1)]));
        self.take(&Input::Others(vec![(1, 7)]));
        self.take(&Input::Ended(Some(3)));
        self.take(&Input::Counted(counted()));
        let notice = self.writer.finish();
        self.notices.extend(notice.map(|notice| notice.to_string()));
    }

    /// The report, as live.
    fn json(&mut self) -> String {
        json::render(&self.trace.snapshot()).unwrap()
    }
}

/// What the program and the session counted.
fn counted() -> Counted {
    let place = |(counter, count): (&str, u64)| CountedAt {
        counter: counter.to_owned(),
        probe: Some("mutex_lock".to_owned()),
        cpu: Some(1),
        count,
    };
    Counted {
        duration_ns: 5_000,
        places: [("stale_hold", 2), ("objects_by_class", 50)].map(place).into(),
        lost: [("symbols_not_read".to_owned(), 1)].into(),
    }
}

const LOCKS: [u64; 3] = [0xffff_8880_0000_2000, 0xffff_8880_0000_3000, 0xffff_8880_0000_4000];

/// A trace of everything, in several frames.
fn recorded() -> (Vec<u8>, String) {
    let disk = Disk::default();
    let mut live = Live::new(disk.clone());
    let mut name = Bytes::new(11, ProbeIndex::__mutex_init, "modprobe");
    name.number(0xffff_ffff_8230_0000)
        .number(0)
        .text("&priv->lock", tracer_common::wire::LOCK_NAME_LEN);
    live.take(&Input::Record(Record::new(&name.0)));
    live.chain(1, LOCKS[0], LOCKS[1]);
    live.flush();
    let missed = live.trace.missed(2, true);
    live.take(&Input::Missed(missed));
    live.chain(2, LOCKS[1], LOCKS[0]);
    live.take(&Input::Record(Record::new(b"no record")));
    live.load_module();
    live.chain(3, LOCKS[1], LOCKS[2]);
    live.flush();
    live.end();
    assert!(live.notices.is_empty(), "{:?}", live.notices);
    let bytes = disk.bytes.borrow().clone();
    (bytes, live.json())
}

fn replayed(bytes: &[u8]) -> (String, Inventory) {
    let Replay { mut trace, inventory } = replay(bytes).unwrap();
    (json::render(&trace.snapshot()).unwrap(), inventory)
}

#[test]
fn a_recording_replays_to_the_same_bytes() {
    let (bytes, live) = recorded();
    let (json, inventory) = replayed(&bytes);
    assert_eq!(json, live);
    assert!(
        json.contains("dlock_reload+0x13/0x100 [dlock]") && json.contains("cleanup_net+0x40/0x100"),
        "{json}"
    );
    assert!(json.contains("\"command_status\": 3") && json.contains("records_not_decoded"));
    assert!(inventory.is_whole() && inventory.ended && inventory.unknown == 0);
    assert_eq!((inventory.records, inventory.bytes), (5, bytes.len() as u64));
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains("unused"), "symbols that are not used are not in it");
}

/// Of a report: the chains that others stand for, as a loss and as none.
fn by_class(json: &str) -> (Option<u64>, Option<u64>) {
    let report: serde_json::Value = serde_json::from_str(json).unwrap();
    let capture = &report["capture"];
    let count = |counter: &serde_json::Value| counter.as_u64();
    (
        count(&capture["lost"]["objects_by_class"]),
        count(&capture["counters"]["objects_not_told"]),
    )
}

#[test]
fn what_others_stand_for_is_a_loss_where_a_cycle_may_be_hidden_or_nothing_is_told_of_it() {
    for (others, expected) in [
        // One that is on no cycle, one that may be, and 3 of paths that were forgotten.
        (Some(vec![(1, 40), (2, 7)]), (Some(7 + 3), Some(40))),
        (Some(vec![(1, 50)]), (None, Some(50))),
        // Versions before 1.1 did not tell.
        (None, (Some(50), None)),
    ] {
        let disk = Disk::default();
        let mut live = Live::new(disk.clone());
        live.chain(1, 0xffff_ffff_8200_0000, 0xffff_ffff_8200_0100);
        live.chain(2, LOCKS[0], LOCKS[1]);
        live.take(&Input::Counted(counted()));
        if let Some(others) = others {
            live.take(&Input::Others(others));
        }
        live.flush();
        let (json, _) = replayed(&disk.bytes.borrow());
        assert_eq!(by_class(&json), expected, "{json}");
        assert_eq!(by_class(&live.json()), expected);
    }
}

/// Where each frame ends.
fn ends(bytes: &[u8]) -> Vec<usize> {
    let mut ends = vec![PREFIX];
    let mut at = PREFIX;
    while let Some(head) = bytes.get(at..).and_then(<[u8]>::first_chunk).and_then(Head::read) {
        at += HEAD + head.length;
        ends.push(at);
    }
    assert_eq!(at, bytes.len());
    ends
}

#[test]
fn kinds_from_later_versions_are_skipped_and_counted() {
    let (bytes, live) = recorded();
    let mut more = bytes[..ends(&bytes)[2]].to_vec();
    frame::write(Kind(77), b"something new", &mut more).unwrap();
    more.extend_from_slice(&bytes[ends(&bytes)[2]..]);
    let (json, inventory) = replayed(&more);
    assert_eq!(inventory.unknown, 1);
    assert!(json.contains("\"recording_unknown\": 1"));
    let findings = |json: &str| json[json.find("\"locks\"").unwrap()..].to_owned();
    assert_eq!(findings(&json), findings(&live));
}

/// The same recording, of another version.
fn of_version(major: u16, minor: u16) -> Vec<u8> {
    let (mut bytes, _) = recorded();
    bytes[8..10].copy_from_slice(&major.to_le_bytes());
    bytes[10..12].copy_from_slice(&minor.to_le_bytes());
    let checksum = crc32fast::hash(&bytes[..12]);
    bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

#[test]
fn another_major_version_is_refused_and_a_newer_minor_one_is_not() {
    for (major, other) in [(2, "a newer one"), (0, "an older one")] {
        let error = replay(&of_version(major, 1)[..]).err().map(|error| error.to_string());
        let expected = format!("is a recording of format {major}.1, and this tracer reads 1.x: read it with {other}");
        assert_eq!(error, Some(expected));
    }
    assert!(replayed(&of_version(1, 99)).1.is_whole());
}

/// A recording with another header.
fn with_header(change: impl FnOnce(&mut Header)) -> Vec<u8> {
    let (bytes, _) = recorded();
    let mut header = header();
    change(&mut header);
    let mut changed = bytes[..PREFIX].to_vec();
    frame::write(Kind::HEADER, &serde_json::to_vec(&header).unwrap(), &mut changed).unwrap();
    changed.extend_from_slice(&bytes[ends(&bytes)[1]..]);
    changed
}

#[test]
fn records_of_another_shape_are_refused() {
    let error = replay(&with_header(|header| header.layout += 1)[..])
        .err()
        .map(|error| error.to_string());
    assert!(error.is_some_and(|error| error.contains("another shape")));
    let excluded = |header: &mut Header| header.exclude.push("*".to_owned());
    assert!(matches!(
        replay(&with_header(excluded)[..]),
        Err(RecordingError::Header(_))
    ));
}

#[test]
fn probes_go_by_their_names_and_not_by_their_numbers() {
    let (first, second) = (ProbeIndex::mutex_lock as usize, ProbeIndex::down_read as usize);
    let swapped = with_header(|header| header.probes.swap(first, second));
    let (json, _) = replayed(&swapped);
    assert!(json.contains("down_read"), "the records are of another function then");
    let (json, _) = replayed(&with_header(|header| header.probes[first].program = "gone".to_owned()));
    assert!(
        json.contains("\"records_not_decoded\": 4"),
        "of probes that there are not any more"
    );
}

#[test]
fn answers_of_the_kernel_come_before_their_record() {
    let disk = Disk::default();
    let mut writer = Writer::new(disk.clone(), &header(), u64::MAX).unwrap();
    let noted = Noted {
        symbols: Vec::new(),
        answers: vec![Answer::Slab(Some("kmalloc-64+0x8".to_owned()))],
    };
    writer.add(&Input::Record(Record::new(b"a record")), noted);
    writer.flush();
    let seen = RefCell::new(Vec::new());
    let see = |(): &mut (), input: &Input<'_>| seen.borrow_mut().push(format!("{input:?}"));
    replay::walk(&disk.bytes.borrow()[..], |_| Ok(()), see).unwrap();
    let seen = seen.into_inner();
    assert_eq!(seen[0], "Answers([Slab(Some(\"kmalloc-64+0x8\"))])");
    assert!(seen[1].starts_with("Record("));
}
