//! How long a recording of a million records takes to be read and reported. One number is one record.

use std::io;
use std::time::Duration;

use bytemuck::Zeroable;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tracer::analysis::context::Addresses;
use tracer::analysis::snapshot::{Capture, Kernel};
use tracer::decode::{Record, kernel};
use tracer::names::symbol::Symbols;
use tracer::recording::{Header, Storage, Writer, replay};
use tracer::trace::setup::Setup;
use tracer::trace::{Trace, input::Input};
use tracer_common::offset::Offsets;
use tracer_common::probe::{MAX_PROBES, ProbeIndex};
use tracer_common::wire::{self, Kind, info};

const RECORDS: u64 = 1_000_000;
/// Locks of a busy machine.
const LOCKS: u64 = 5_000;
/// Functions that are in stacks.
const FUNCTIONS: u64 = 4_000;
/// Frames of a stack.
const DEPTH: u64 = 20;
const TEXT: u64 = 0xffff_ffff_8100_0000;
const HEAP: u64 = 0xffff_8880_0000_0000;

/// What a recording is made of.
#[derive(Clone, Copy)]
struct Mix {
    name: &'static str,
    /// In so many records there is one chain never seen before; the others are a second task on it, and initialisations of locks.
    chain_in: u64,
}

/// Chains of a busy machine after some hours, and as many as the kernel side has room for.
const MIXES: [Mix; 2] = [
    Mix {
        name: "16,000 chains",
        chain_in: 64,
    },
    Mix {
        name: "125,000 chains",
        chain_in: 8,
    },
];

#[derive(Default)]
struct File(Vec<u8>);

impl io::Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Storage for &mut File {
    fn cut(&mut self, _length: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync(&mut self) {}
}

fn header(kind: Kind, number: u64) -> wire::Header {
    wire::Header {
        kind: kind.0,
        probe: ProbeIndex::mutex_lock as u32,
        time_ns: number * 1_000,
        task: HEAP + (number % 64) * 0x4000,
        pid: u32::try_from(number % 64).unwrap_or(0) + 100,
        tgid: 100,
        comm: *b"kworker/u8:1\0\0\0\0",
    }
}

/// A chain of one lock on another, which lie in order.
fn chain(number: u64) -> Vec<u8> {
    let lower = number * 7 % (LOCKS / 2);
    let upper = LOCKS / 2 + number * 13 % (LOCKS / 2);
    let lock = |index: u64| HEAP + (1 << 32) + index * 0x100;
    let mut chain = wire::Chain::zeroed();
    chain.header = header(Kind::CHAIN, number);
    chain.key = number;
    chain.lock = lock(upper);
    chain.info = info::MUTEX;
    chain.situation.syscall.number = u64::MAX;
    chain.situation.held = 1;
    chain.situation.stack_bytes = i64::try_from(DEPTH * 8).unwrap_or(0);
    let mut slot = wire::Slot::zeroed();
    slot.lock = lock(lower);
    slot.chain = number / 2;
    slot.info = info::MUTEX | 1 << info::SEQUENCE_SHIFT;
    slot.proof.words[0] = chain.header.task;
    let mut bytes = bytemuck::bytes_of(&chain).to_vec();
    bytes.extend_from_slice(bytemuck::bytes_of(&slot));
    bytes.extend_from_slice(&(TEXT + 9).to_le_bytes());
    for frame in 1..DEPTH {
        let function = number / (1 << frame) * 31 % (FUNCTIONS - 1) + 1;
        bytes.extend_from_slice(&(TEXT + function * 0x100 + 0x20).to_le_bytes());
    }
    bytes
}

fn record(number: u64, mix: Mix) -> Vec<u8> {
    if number.is_multiple_of(mix.chain_in) {
        return chain(number);
    }
    // The kernel side tells one more task of each chain, and no third.
    if number % mix.chain_in == 1 {
        let mut again = wire::Again::zeroed();
        again.header = header(Kind::AGAIN, number);
        again.key = number - 1;
        return bytemuck::bytes_of(&again).to_vec();
    }
    let mut init = wire::LockInit::zeroed();
    init.header = header(Kind::LOCK_INIT, number);
    init.lock = HEAP + (2 << 32) + number % LOCKS * 0x100;
    bytemuck::bytes_of(&init).to_vec()
}

fn setup() -> Setup {
    let mut functions = vec![0; MAX_PROBES];
    functions[ProbeIndex::mutex_lock as usize] = TEXT;
    Setup {
        kernel: Kernel::default(),
        capture: Capture::default(),
        offsets: Offsets {
            mutex_owner: 0,
            ..Offsets::NONE
        },
        functions,
        start_ns: 0,
        only: Vec::new(),
        exclude: Vec::new(),
    }
}

/// A recording as a live session makes it.
fn recording(mix: Mix) -> Vec<u8> {
    let mut file = File::default();
    let setup = setup();
    let kernel = kernel::Kernel::Silent;
    let (Ok(mut trace), Ok(mut writer)) = (
        Trace::new(&setup, Addresses::Pseudonym, kernel),
        Writer::new(&mut file, &Header::new(&setup), u64::MAX),
    ) else {
        unreachable!("nothing of this can fail");
    };
    let symbols: String = (0..FUNCTIONS + 1)
        .map(|number| format!("{:x} t function_{number}\n", TEXT + number * 0x100))
        .collect();
    trace.read_symbols(Symbols::parse(&symbols).noting());
    writer.table(0);
    for number in 0..RECORDS {
        let bytes = record(number, mix);
        let input = Input::Record(Record::new(&bytes));
        trace.take(&input);
        writer.add(&input, trace.noted());
    }
    writer.add(&Input::Ended(Some(0)), trace.noted());
    writer.finish();
    drop(writer);
    file.0
}

fn report(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recording");
    group.sample_size(10).warm_up_time(Duration::from_millis(100));
    group.throughput(Throughput::Elements(RECORDS));
    for mix in MIXES {
        let file = recording(mix);
        println!("{}: {} MiB", mix.name, file.len() >> 20);
        group.bench_function(BenchmarkId::new(format!("read, {}", mix.name), RECORDS), |bencher| {
            bencher.iter(|| replay(&file[..]).map(|replay| replay.inventory.records));
        });
        group.bench_function(
            BenchmarkId::new(format!("read and report, {}", mix.name), RECORDS),
            |bencher| {
                bencher.iter(|| replay(&file[..]).map(|mut replay| replay.trace.snapshot()));
            },
        );
    }
    group.finish();
}

criterion_group!(benches, report);
criterion_main!(benches);
