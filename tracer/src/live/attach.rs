//! Loads the program and hooks every function of the table that this kernel has.

use std::{
    collections::BTreeMap,
    io,
    os::fd::AsFd as _,
    sync::atomic::{AtomicU64, Ordering},
};

use aya::{
    Ebpf, EbpfLoader, Pod,
    maps::{Array, HashMap, Map, MapData, MapError, RingBuf},
    programs::Program,
    util::nr_cpus,
};
use tracer_common::{
    counter::Cells,
    generation,
    multi::Multi,
    offset::Offsets,
    probe::{Hook, MAX_PROBES, Probe},
    scope::Scope,
    setting::{HELD_BYTES, Settings},
    wire::{KnownChain, MAX_DURATIONS, MAX_PATHS, MAX_WAITING, PLACES, info},
};

use super::{
    Backend, LiveError, Missing, Reading, Start, Then, Types, Wanted,
    addresses::Addresses,
    counters::Counters,
    detach,
    error::chain,
    hooks::{Hooks, Plan},
    kernel, memory_limit,
    misses::{Misses, Settling, Skipped},
    multi, object,
    shared::{self, Shared},
};
use crate::analysis::{
    event::{ChainKey, Durations},
    filter::Change,
    snapshot::CountedAt,
};

/// The section of the places for held stacks, where it is not a hash map.
const TASKS: &str = ".bss.tasks";

/// Words of a chain that is found without a search.
const KNOWN_WORDS: usize = size_of::<KnownChain>() / size_of::<u64>();

/// The program in the kernel, hooked. Dropping it detaches, and waits for the kernel.
pub struct Attached {
    ebpf: Ebpf,
    /// How the kernel is listened to.
    pub backend: Backend,
    /// Why not in a better way.
    pub second_best: Option<String>,
    /// Offsets that the program was given.
    pub offsets: Offsets,
    /// Address of each probe's function, in the order of the table; 0 when unknown.
    pub functions: Vec<u64>,
    hooks: Hooks,
    counters: Counters,
    chains: HashMap<MapData, u64, [u64; 3]>,
    shifted: HashMap<MapData, u64, [u64; 4]>,
    /// [`KnownChain`]s, by their places.
    known: Shared,
    paths: HashMap<MapData, u64, [u64; 5]>,
    waited: HashMap<MapData, u64, [u64; 3]>,
    held_for: HashMap<MapData, u64, [u64; 3]>,
    left_out: HashMap<MapData, u64, u64>,
    /// A mark for each cell of [`generation::cell`].
    may_be_left_out: Shared,
    names_left_out: HashMap<MapData, u64, u64>,
    epoch: Array<MapData, u64>,
    /// Releases that were skipped.
    releases: Misses,
    /// How many of these were before all hooks were there.
    releases_before: u64,
    /// How many there were when they were last counted, and since when.
    settling: Settling,
    /// That number was settled once.
    was_settled: bool,
    /// How often each program was skipped.
    skipped: Vec<Skipped>,
}

/// Reads what has to be known of this kernel before anything is loaded, its types; `then` is what its symbols are for, once they are read.
///
/// # Errors
/// When this process or this kernel cannot trace, or something cannot be read.
pub fn read(then: Then, start: &mut Start<'_>) -> Result<(Reading, Types), LiveError> {
    kernel::check()?;
    start.part("types");
    Ok((Reading::begin(then)?, Types::read()?))
}

/// Loads and attaches the best backend that this kernel grants, or the one that is `wanted`. `log` is the level of the program's debug log: 0 is off, 4 is debug.
///
/// # Errors
/// When the kernel does not let itself be traced. A function that this kernel does not have is not an error but [`Attached::missing`].
pub fn attach(
    symbols: &mut Reading,
    types: &Types,
    scope: &Scope,
    wanted: Wanted,
    log: u8,
    start: &mut Start<'_>,
) -> Result<Attached, LiveError> {
    let limit = memory_limit::Lifted::new();
    let mut attach =
        |backend| attach_by(backend, types, &mut *symbols, scope, log, start).map_err(|error| limit.explain(error));
    if let Some(backend) = wanted {
        return attach(backend);
    }
    attach(Backend::Fentry).or_else(|refusal| match refusal {
        LiveError::NoHook { .. } | LiveError::Refused { .. } | LiveError::HooksOff => {
            // What keeps the best backend away is what the user should hear of, should there be no second best.
            let second = [Backend::Lockdep, Backend::Kprobe, Backend::Contention];
            let Some(mut attached) = second.into_iter().find_map(|backend| attach(backend).ok()) else {
                return Err(refusal);
            };
            attached.second_best = Some(refusal.to_string());
            Ok(attached)
        }
        other => Err(other),
    })
}

fn attach_by(
    backend: Backend,
    types: &Types,
    symbols: &mut Reading,
    scope: &Scope,
    log: u8,
    start: &mut Start<'_>,
) -> Result<Attached, LiveError> {
    if object::wants_multi(backend, types) {
        match attach_with(true, backend, types, symbols, scope, log, start) {
            Err(error @ LiveError::NotMany { .. }) => log::debug!("{error}"),
            attached => return attached,
        }
    }
    attach_with(false, backend, types, symbols, scope, log, start)
}

/// With programs for many functions, or one for each.
fn attach_with(
    multi: bool,
    backend: Backend,
    types: &Types,
    symbols: &mut Reading,
    scope: &Scope,
    log: u8,
    start: &mut Start<'_>,
) -> Result<Attached, LiveError> {
    let hooks = kernel::check_hooks();
    let hooks_are_off = hooks.is_err();
    if backend.hooks_functions() {
        hooks?;
    }
    let offsets = types.offsets();
    let btf = types.for_attaching();
    start.part("object and maps");
    let places = object::places(backend);
    let possible_cpus = nr_cpus().map_err(|(what, source)| LiveError::Read {
        path: what.to_owned(),
        source,
    })?;
    let cpus = object::counted_cpus(possible_cpus);
    let with_stand_ins = object::wants_stand_ins(backend);
    let settings = Settings {
        offsets,
        scope: *scope,
        narrowed: scope.is_narrowed().into(),
        lockdep: offsets.has_lockdep().into(),
        tracer: std::process::id().into(),
        last_place: u64::from(places - 1),
        last_cpu: cpus as u64 - 1,
        words: types.cast_to().unwrap_or(0).into(),
        stand_ins: with_stand_ins.into(),
    };
    let mut ebpf = EbpfLoader::new()
        .btf(Some(btf))
        .override_global("PROOFS", &offsets.proofs()[..], true)
        .override_global("DEP_MAPS", &offsets.dep_maps()[..], true)
        .override_global(aya_log::LEVEL, &log, false)
        .map_max_entries("TASKS", places)
        .map_max_entries("HELD_FOR", if scope.hold_times == 0 { 1 } else { MAX_DURATIONS })
        .map_max_entries("WAITING", if backend == Backend::Contention { MAX_WAITING } else { 1 })
        .load(&object::object(backend, multi, types, &settings))
        .map_err(|error| LiveError::Load { reason: chain(&error) })?;
    let maps = multi::maps(&ebpf);
    if maps.iter().any(|(name, _)| name == TASKS) {
        shared::enlarge(&maps, TASKS, places as usize * HELD_BYTES)?;
    }
    let counted = Shared::new(&maps, ".bss.counted", cpus * size_of::<Cells>())?;
    let mut counters = Counters::new(counted, cpus, possible_cpus);
    let chains = map(&mut ebpf, "CHAINS")?;
    let shifted = map(&mut ebpf, "SHIFTED")?;
    let known = Shared::new(&maps, ".bss.known", PLACES * size_of::<KnownChain>())?;
    let paths = map(&mut ebpf, "PATHS")?;
    let waited = map(&mut ebpf, "WAITED")?;
    let held_for = map(&mut ebpf, "HELD_FOR")?;
    let may_be_left_out = Shared::new(&maps, ".bss.may_be_left_out", 1 << generation::BITS)?;
    let left_out = map(&mut ebpf, "LEFT_OUT")?;
    let names_left_out = map(&mut ebpf, "NAMES_LEFT_OUT")?;
    let epoch = map(&mut ebpf, ".data.epoch")?;
    let mut addresses: Array<_, Addresses> = map(&mut ebpf, ".data.addresses")?;
    let ready = || multi::Programs::new(&object::multi(types, &settings), &maps);
    let plan = Plan {
        backend,
        types,
        release: kernel::release(),
        lockdep: offsets.has_lockdep(),
        with_stand_ins,
        hooks_are_off,
        multi: multi.then_some(&ready),
    };
    let loaded = plan.load(&mut ebpf, start)?;
    start.part("addresses");
    let found = symbols.addresses(|probe| types.check(probe).is_ok())?;
    addresses
        .set(0, found, 0)
        .map_err(|error| LiveError::Load { reason: chain(&error) })?;
    let functions = found[..MAX_PROBES].to_vec();
    let hooks = loaded.hook(&functions, start)?;
    let releases = hooks.attached.iter().filter(|(probe, _)| is_proof(probe));
    let releases = Misses::open(releases.filter_map(|(probe, _)| ebpf.program(probe.program)));
    let multi_releases = |hooked: &&multi::Hooked| hooked.multi.members().any(|member| member.probes().any(is_proof));
    let releases = hooks.multis.iter().filter(multi_releases).fold(releases, Misses::and);
    let mut settling = Settling::new();
    let was_settled = hooks.stand_ins.is_empty() || settling.settle(&releases);
    let releases_before = releases.count();
    counters.begin();
    let skipped = Skipped::of(&hooks, &ebpf);
    Ok(Attached {
        ebpf,
        backend,
        second_best: None,
        offsets,
        functions,
        hooks,
        counters,
        chains,
        shifted,
        known,
        paths,
        waited,
        held_for,
        left_out,
        may_be_left_out,
        names_left_out,
        epoch,
        releases,
        releases_before,
        settling,
        was_settled,
        skipped,
    })
}

/// Whether a hold is believed only as long as no release was missed by this program: what names its task needs no such proof.
fn is_proof(probe: &Probe) -> bool {
    probe.releases() && !info::is_named(probe.info)
}

fn map<T: TryFrom<Map, Error = MapError>>(ebpf: &mut Ebpf, name: &str) -> Result<T, LiveError> {
    let map = ebpf
        .take_map(name)
        .ok_or_else(|| LiveError::Object { name: name.to_owned() })?;
    T::try_from(map).map_err(|error| LiveError::Load { reason: chain(&error) })
}

/// What is in a map with room for so many.
fn entries<V: Pod>(map: &HashMap<MapData, u64, V>, room: u32) -> BTreeMap<u64, V> {
    let known = map.iter().filter_map(Result::ok);
    // Where entries come and go while they are read, some come twice.
    known.take(2 * room as usize).collect()
}

impl Attached {
    /// Probes that are attached.
    pub fn attached(&self) -> impl Iterator<Item = &'static Probe> {
        self.hooks.attached.iter().map(|(probe, _)| *probe)
    }

    /// Those of them that have stand-ins here, with the name of each.
    pub fn stand_ins(&self) -> impl Iterator<Item = (&'static Probe, &'static str)> {
        self.hooks.stand_ins.iter().map(|(probe, name, _)| (*probe, *name))
    }

    /// And those that are not.
    pub fn missing(&self) -> &[Missing] {
        &self.hooks.missing
    }

    /// The name of the program that runs for a probe, where that is one for many functions.
    pub fn multi(&self, probe: &Probe) -> Option<&'static str> {
        let multi = Multi::of(probe)?;
        let is_hooked = self.hooks.multis.iter().any(|hooked| hooked.multi == multi);
        is_hooked.then_some(multi.program)
    }

    /// How many instructions the verifier looked at for a program; kernels before 5.16 do not tell.
    pub fn verified_instructions(&self, program: &str) -> Option<u32> {
        let multi = self.hooks.multis.iter().find(|hooked| hooked.multi.program == program);
        if let Some(multi) = multi {
            return multi::verified_instructions(multi.program.as_fd());
        }
        let info = match self.ebpf.program(program)? {
            Program::FEntry(program) => program.info(),
            Program::FExit(program) => program.info(),
            Program::BtfTracePoint(program) => program.info(),
            Program::KProbe(program) => program.info(),
            Program::Iter(program) => program.info(),
            _ => return None,
        };
        info.ok()?.verified_instruction_count()
    }

    /// The ring of records. There is one: a second call fails.
    pub fn ring(&mut self) -> Result<RingBuf<MapData>, LiveError> {
        map(&mut self.ebpf, "RING")
    }

    /// Starts to pass the program's debug log on to `log`.
    pub fn logger(&mut self) -> Option<aya_log::EbpfLogger<&'static dyn log::Log>> {
        aya_log::EbpfLogger::init(&mut self.ebpf).ok()
    }

    /// What the program counted, and where: only what is above zero.
    pub fn counted(&self) -> Vec<CountedAt> {
        self.counters.counted()
    }

    /// Lets the program leave out the locks that are initialised with a name from now on.
    pub fn leave_name_out(&mut self, name: u64) {
        // Without room for it, its locks are left out one by one.
        let _ = self.names_left_out.insert(name, 1, 0);
    }

    /// Lets the program leave locks out, or take them in again.
    pub fn leave_out(&mut self, changes: &[Change]) {
        for change in changes {
            // Without room for it, or when the program was faster, the lock goes on being told, and is left out here.
            let _ = match change {
                Change::Out(lock) => self.left_out.insert(lock.0, 1, 0),
                Change::In(lock) => self.left_out.remove(&lock.0),
            };
            // Last: the program looks it up from here on.
            if let Change::Out(lock) = change
                && let Some(mark) = self.may_be_left_out.bytes().get(generation::cell(lock.0) as usize)
            {
                mark.store(1, Ordering::Relaxed);
            }
        }
    }

    /// The chains that are found without a search, by their places: the words of a [`KnownChain`] each.
    fn known(&self) -> &[[AtomicU64; KNOWN_WORDS]] {
        self.known.words().as_chunks().0
    }

    /// Every chain with how often it was seen, at whatever depth of the stack and with or without a search.
    pub fn chain_counts(&self) -> BTreeMap<u64, u64> {
        let told = self.chains.iter().filter_map(Result::ok);
        let mut counts: BTreeMap<_, _> = told.map(|(key, [count, _, _])| (key, count)).collect();
        for (_, [count, _, _, chain]) in self.shifted.iter().filter_map(Result::ok) {
            *counts.entry(chain).or_default() += count;
        }
        for [key, chain, count, ..] in self.known() {
            if key.load(Ordering::Relaxed) != 0 {
                *counts.entry(chain.load(Ordering::Relaxed)).or_default() += count.load(Ordering::Relaxed);
            }
        }
        counts
    }

    /// Of each chain that stands for others which were not told: for how many so far. One whose path was forgotten is not in it.
    pub fn others(&self) -> BTreeMap<u64, u64> {
        let mut others = BTreeMap::new();
        for [_, chain, _, _, count] in entries(&self.paths, MAX_PATHS)
            .into_values()
            .filter(|[.., count]| *count > 0)
        {
            *others.entry(chain).or_default() += count;
        }
        others
    }

    /// How long locks were waited for, by the keys of the places, and how long they were held, by their addresses.
    pub fn durations(&self) -> [BTreeMap<u64, Durations>; 2] {
        [&self.waited, &self.held_for].map(|map| {
            let known = entries(map, MAX_DURATIONS).into_iter();
            known.map(|(key, words)| (key, words.into())).collect()
        })
    }

    /// Forgets chains that were sent: they are sent again when they are seen again.
    pub fn forget(&mut self, chains: &[ChainKey]) {
        for chain in chains {
            // The program may have been faster.
            let _ = self.chains.remove(&chain.0);
            if let Some([key, ..]) = self.known().get(KnownChain::place(chain.0))
                && key.load(Ordering::Relaxed) == chain.0
            {
                key.store(0, Ordering::Relaxed);
            }
        }
    }

    /// How many releases the BPF runtime has skipped so far without a stand-in's doing them, and whether that is settled: none was skipped for some time. What
    /// happens while this is read makes it one too many, never one too few.
    pub fn missed_releases(&mut self) -> (u64, bool) {
        let proofs = self.attached().filter(|probe| is_proof(probe));
        let done: u64 = proofs.map(|probe| self.counters.stood_in(probe)).sum();
        let skipped = self.releases.count();
        let is_settled = self.settling.is_settled(skipped) || self.hooks.stand_ins.is_empty();
        self.was_settled |= is_settled;
        if !self.was_settled {
            // What was under way when all began could make up for one that is missed.
            return (u64::MAX, false);
        }
        (
            skipped.wrapping_sub(self.releases_before).wrapping_sub(done),
            is_settled,
        )
    }

    /// Looks at all tasks: those that do not get on are told through the ring.
    ///
    /// # Errors
    /// When the kernel refuses, which it has no reason to.
    pub fn look_at_tasks(&mut self) -> io::Result<()> {
        let looks = self.hooks.attached.iter().map(|(probe, _)| probe);
        for probe in looks.filter(|probe| probe.hook == Hook::Iterator) {
            if let Some(Program::Iter(program)) = self.ebpf.program_mut(probe.program) {
                let link = program.attach().map_err(io::Error::other)?;
                let link = program.take_link(link).map_err(io::Error::other)?;
                // Nothing is written into it: reading runs the program.
                io::copy(&mut link.into_file().map_err(io::Error::other)?, &mut io::sink())?;
            }
        }
        Ok(())
    }

    /// Begins an epoch: the program marks what is taken from now on with it.
    ///
    /// # Errors
    /// When the kernel refuses, which it has no reason to.
    pub fn begin_epoch(&mut self, epoch: u64) -> Result<(), LiveError> {
        self.epoch
            .set(0, epoch, 0)
            .map_err(|error| LiveError::Load { reason: chain(&error) })
    }

    /// How often the BPF runtime skipped a program whose work no stand-in did, by program, since all hooks were there; only those above zero.
    pub fn misses(&self) -> Vec<(&'static str, u64)> {
        let missed = |skipped: &Skipped| {
            // Read before the misses: what happens in between is a loss until it is counted again.
            let stood_in = skipped.stood_in.map_or(0, |probe| self.counters.stood_in(probe));
            (skipped.program, skipped.count().saturating_sub(stood_in))
        };
        let missed = self.skipped.iter().map(missed);
        missed.filter(|(_, missed)| *missed > 0).collect()
    }

    /// Detaches everything. The kernel takes its time for that, but not this process's.
    pub fn detach(self) {
        detach::detach(self);
    }
}
