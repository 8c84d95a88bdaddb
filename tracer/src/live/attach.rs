//! Loads the program and hooks every function of the table that this kernel has.

use std::{
    fs,
    os::fd::{AsFd as _, AsRawFd as _},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use aya::{
    Btf, Ebpf, EbpfLoader,
    maps::{HashMap, MapData, PerCpuArray, RingBuf},
    programs::{Program, ProgramError},
};
use tracer_common::{
    offset::Offsets,
    probe::{Hook, MAX_PROBES, PROBES, Probe, Purpose},
    wire::Counter,
};

use super::{LiveError, btf, kernel};
use crate::{analysis::snapshot::CountedAt, names::symbol::Symbols};

/// How long detaching may keep the user waiting; the kernel does the rest when the process ends.
pub const DETACH_LIMIT: Duration = Duration::from_secs(10);

/// A function that is not hooked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The row of the table.
    pub program: &'static str,
    /// The function.
    pub function: &'static str,
    /// Why not.
    pub reason: String,
    /// It is one of other kernels: nothing is missed.
    pub is_foreign: bool,
}

/// A link that detaches when it is dropped.
type Link = Box<dyn Send>;

/// What is hooked and what is not.
#[derive(Default)]
struct Hooks {
    attached: Vec<(&'static Probe, Link)>,
    missing: Vec<Missing>,
}

/// The program in the kernel, hooked. Dropping it detaches.
pub struct Attached {
    ebpf: Ebpf,
    /// Offsets that the program was given.
    pub offsets: Offsets,
    /// Address of each probe's function, in the order of the table; 0 when unknown.
    pub functions: Vec<u64>,
    hooks: Hooks,
    /// Releases of locks that were taken before all hooks were there: their taking could not be seen, so they tell nothing.
    released_before: Vec<CountedAt>,
    counters: PerCpuArray<MapData, u64>,
    chains: HashMap<MapData, u64, [u64; 3]>,
}

/// The eBPF object, built from `tracer-ebpf` by the build script.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tracer"));

/// Loads and attaches. `log` is the level of the program's debug log: 0 is off, 4 is debug.
///
/// # Errors
/// When the kernel does not let itself be traced. A function that this kernel does not have is not an error but [`Attached::missing`].
pub fn attach(symbols: &Symbols, log: u8) -> Result<Attached, LiveError> {
    kernel::check()?;
    let types = btf::Types::read()?;
    let offsets = types.offsets();
    let offset_values: Vec<i64> = offsets.entries().map(|(_, _, offset)| offset).collect();
    let mut functions = vec![0; MAX_PROBES];
    for (address, probe) in functions.iter_mut().zip(PROBES) {
        *address = symbols.address(probe.function).unwrap_or(0);
    }
    let btf = types.for_attaching()?;
    let mut ebpf = EbpfLoader::new()
        .btf(Some(&btf))
        .override_global("OFFSETS", &offset_values[..], true)
        .override_global("FUNCTIONS", &functions[..], true)
        .override_global("PROOFS", &offsets.proofs()[..], true)
        .override_global("DEP_MAPS", &offsets.dep_maps()[..], true)
        .override_global("LOCKDEP", &u32::from(offsets.has_lockdep()), true)
        .override_global("DEVICE_KTYPE", &symbols.address("device_ktype").unwrap_or(0), true)
        .override_global("TRACER", &std::process::id(), true)
        .override_global(aya_log::LEVEL, &log, false)
        .load(OBJECT)
        .map_err(|error| LiveError::Load { reason: chain(&error) })?;
    let counters = map(&mut ebpf, "COUNTERS")?;
    let counters = PerCpuArray::try_from(counters).map_err(|error| LiveError::Load { reason: chain(&error) })?;
    let chains = map(&mut ebpf, "CHAINS")?;
    let chains = HashMap::try_from(chains).map_err(|error| LiveError::Load { reason: chain(&error) })?;
    let hooks = hook_all(&mut ebpf, &btf, &types, offsets.has_lockdep())?;
    Ok(Attached {
        ebpf,
        offsets,
        functions,
        hooks,
        released_before: places(&counters, |counter| counter == Counter::UnmatchedRelease),
        counters,
        chains,
    })
}

/// Hooks what takes locks last: what is then taken is sure to be seen released.
fn hook_all(ebpf: &mut Ebpf, btf: &Btf, types: &btf::Types, lockdep: bool) -> Result<Hooks, LiveError> {
    let mut hooks = Hooks::default();
    let release = kernel::release();
    let last = PROBES.iter().filter(|probe| probe.acquires());
    for probe in PROBES.iter().filter(|probe| !probe.acquires()).chain(last) {
        let is_foreign = !probe.kernels.include(release, lockdep);
        if let Err(reason) = types.check(probe) {
            if is_needed(probe) && !is_foreign {
                return Err(LiveError::NoHook {
                    function: probe.function,
                    reason,
                });
            }
            hooks.missing.push(Missing {
                program: probe.program,
                function: probe.function,
                reason,
                is_foreign,
            });
            continue;
        }
        let program = ebpf.program_mut(probe.program).ok_or_else(|| LiveError::Object {
            name: probe.program.to_owned(),
        })?;
        match hook(program, probe, btf) {
            Ok(link) => hooks.attached.push((probe, link)),
            Err(error) if is_needed(probe) => {
                return Err(LiveError::NoHook {
                    function: probe.function,
                    reason: why(&error),
                });
            }
            Err(error) => hooks.missing.push(Missing {
                program: probe.program,
                function: probe.function,
                reason: why(&error),
                is_foreign,
            }),
        }
    }
    Ok(hooks)
}

/// Without these there is nothing to see; everything else is a gap that is told.
fn is_needed(probe: &Probe) -> bool {
    const NEEDED: &[&str] = &[
        "mutex_lock",
        "mutex_lock_nested",
        "mutex_unlock",
        "down_read",
        "up_read",
        "down_write",
        "up_write",
    ];
    probe.purpose == Purpose::Task || NEEDED.contains(&probe.program)
}

fn why(error: &ProgramError) -> String {
    match error {
        ProgramError::Btf(aya::BtfError::UnknownBtfTypeName { .. }) => "not on this kernel".to_owned(),
        other => chain(other),
    }
}

fn hook(program: &mut Program, probe: &Probe, btf: &Btf) -> Result<Link, ProgramError> {
    // The types of programs have these in common, but no trait for them.
    macro_rules! link {
        ($program:ident) => {{
            $program.load(probe.function, btf)?;
            let link = $program.attach()?;
            Box::new($program.take_link(link)?)
        }};
    }
    Ok(match (probe.hook, program) {
        (Hook::Entry, Program::FEntry(program)) => link!(program),
        (Hook::Exit, Program::FExit(program)) => link!(program),
        (Hook::Tracepoint, Program::BtfTracePoint(program)) => link!(program),
        _ => return Err(ProgramError::UnexpectedProgramType),
    })
}

fn map(ebpf: &mut Ebpf, name: &str) -> Result<aya::maps::Map, LiveError> {
    ebpf.take_map(name)
        .ok_or_else(|| LiveError::Object { name: name.to_owned() })
}

/// An error with all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    // Where the verifier was not asked, there is nothing behind this.
    text.trim_end().trim_end_matches(". Verifier output:").to_owned()
}

/// A counter, summed over probes and CPUs.
fn sum(counters: &PerCpuArray<MapData, u64>, counter: Counter) -> u64 {
    (0..=MAX_PROBES)
        .filter_map(|row| counters.get(&cell(row, counter), 0).ok())
        .flat_map(|values| values.iter().copied().collect::<Vec<_>>())
        .sum()
}

/// Where counters were counted.
fn places(counters: &PerCpuArray<MapData, u64>, wanted: impl Fn(Counter) -> bool) -> Vec<CountedAt> {
    let mut places = Vec::new();
    for &(counter, name, _) in Counter::ALL.iter().filter(|(counter, _, _)| wanted(*counter)) {
        for row in (0..PROBES.len()).chain([MAX_PROBES]) {
            let Ok(values) = counters.get(&cell(row, counter), 0) else {
                continue;
            };
            for (cpu, &count) in (0..).zip(values.iter()).filter(|(_, count)| **count > 0) {
                places.push(CountedAt {
                    counter: name.to_owned(),
                    probe: PROBES.get(row).map(|probe| probe.program.to_owned()),
                    cpu: Some(cpu),
                    count,
                });
            }
        }
    }
    places
}

/// Where a counter of a probe is; the last row is for what no probe is known of.
fn cell(row: usize, counter: Counter) -> u32 {
    (row * Counter::ALL.len()) as u32 + counter as u32
}

impl Attached {
    /// Probes that are attached.
    pub fn attached(&self) -> impl Iterator<Item = &'static Probe> {
        self.hooks.attached.iter().map(|(probe, _)| *probe)
    }

    /// And those that are not.
    pub fn missing(&self) -> &[Missing] {
        &self.hooks.missing
    }

    /// The ring of records. There is one: a second call fails.
    pub fn ring(&mut self) -> Result<RingBuf<MapData>, LiveError> {
        RingBuf::try_from(map(&mut self.ebpf, "RING")?).map_err(|error| LiveError::Load { reason: chain(&error) })
    }

    /// Starts to pass the program's debug log on to `log`.
    pub fn logger(&mut self) -> Option<aya_log::EbpfLogger<&'static dyn log::Log>> {
        aya_log::EbpfLogger::init(&mut self.ebpf).ok()
    }

    /// The program's counters, summed over the CPUs, in the order of [`Counter::ALL`].
    pub fn counters(&self) -> Vec<u64> {
        let before = |counter| {
            if counter == Counter::UnmatchedRelease {
                self.released_before.iter().map(|place| place.count).sum()
            } else {
                0
            }
        };
        Counter::ALL
            .iter()
            .map(|&(counter, _, _)| sum(&self.counters, counter).saturating_sub(before(counter)))
            .collect()
    }

    /// Where the counters were counted: only those above zero, without the records sent.
    pub fn places(&self) -> Vec<CountedAt> {
        let mut places = places(&self.counters, |counter| counter != Counter::Sent);
        for place in &mut places {
            let same = |before: &&CountedAt| {
                (&before.counter, &before.probe, before.cpu) == (&place.counter, &place.probe, place.cpu)
            };
            let before = self.released_before.iter().find(same).map_or(0, |before| before.count);
            place.count = place.count.saturating_sub(before);
        }
        places.retain(|place| place.count > 0);
        places
    }

    /// Every chain with how often it was seen.
    pub fn chain_counts(&self) -> impl Iterator<Item = (u64, u64)> {
        self.chains
            .iter()
            .filter_map(|entry| entry.ok().map(|(key, [count, _, _])| (key, count)))
    }

    /// How often the BPF runtime skipped a program because it was running already on that CPU, by program; only those above zero.
    ///
    /// From 5.12 on, the kernel tells it in `/proc/self/fdinfo` (`kernel/bpf/syscall.c`, `bpf_prog_show_fdinfo()`); 5.10 does not skip.
    pub fn misses(&self) -> Vec<(&'static str, u64)> {
        self.attached()
            .filter_map(|probe| {
                let program = self.ebpf.program(probe.program)?;
                let fd = program.fd().ok()?.as_fd().as_raw_fd();
                let info = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).ok()?;
                let line = info.lines().find_map(|line| line.strip_prefix("recursion_misses:"))?;
                let misses = line.trim().parse().ok()?;
                (misses > 0).then_some((probe.program, misses))
            })
            .collect()
    }

    /// Detaches everything. Each hook waits for RCU, one after another, when it is left to the end of the process; side by side it takes
    /// a fraction of that. Gives up waiting after `limit`: the kernel then does the rest when the process ends.
    pub fn detach(self, limit: Duration) {
        let (sender, receiver) = mpsc::channel();
        let count = self.hooks.attached.len();
        for (_, link) in self.hooks.attached {
            let sender = sender.clone();
            thread::spawn(move || {
                drop(link);
                // The receiver may have given up waiting.
                let _ = sender.send(());
            });
        }
        let end = Instant::now() + limit;
        for _ in 0..count {
            if receiver
                .recv_timeout(end.saturating_duration_since(Instant::now()))
                .is_err()
            {
                break;
            }
        }
    }
}
