//! Hooks the functions of the table: loads a program for each, and attaches it.
//!
//! Loading is the verifier's work, which several CPUs share; attaching changes the kernel's text, one function at a time. It comes afterwards: the kernel needs its lock of the text for each program
//! that it makes machine code of, too. Where the kernel can do that, functions that are called seldom are hooked together, by one program (`multi.rs`).

use std::{
    collections::BTreeMap,
    os::fd::OwnedFd,
    sync::{LazyLock, Mutex, PoisonError, mpsc},
    thread,
};

use aya::{
    Btf, Ebpf,
    programs::{KProbe, Program, ProgramError},
};
use tracer_common::{
    multi::{Member, Multi},
    probe::{Hook, PROBES, Probe, Purpose},
};

use super::{Backend, LiveError, Start, Types, error::chain, multi};

/// A function that is not hooked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Its program.
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
pub(super) struct Hooks {
    pub(super) attached: Vec<(&'static Probe, Link)>,
    /// With the names of the programs, where stand-ins are wanted.
    pub(super) stand_ins: Vec<(&'static Probe, &'static str, Link)>,
    /// Programs that are hooked to many of the attached functions.
    pub(super) multis: Vec<multi::Hooked>,
    pub(super) missing: Vec<Missing>,
}

/// What is hooked by what.
pub(super) struct Plan<'a> {
    pub(super) backend: Backend,
    pub(super) types: &'a Types,
    /// `(6, 12)`.
    pub(super) release: (u16, u16),
    /// The kernel has lockdep.
    pub(super) lockdep: bool,
    pub(super) with_stand_ins: bool,
    /// Function hooks are switched off (`kernel.ftrace_enabled`): the kernel takes them, never calls them, and ftrace gives up for good when they are taken away again.
    pub(super) hooks_are_off: bool,
    /// Makes the programs for many functions ready, where they are wanted.
    pub(super) multi: Option<&'a (dyn Fn() -> Result<multi::Programs, String> + Sync)>,
}

/// A program of the table, and why it cannot be used where it cannot.
struct One<'a> {
    probe: &'static Probe,
    name: &'static str,
    program: &'a mut Program,
    outcome: Result<(), String>,
}

/// A program for many functions of the table.
struct Many {
    multi: &'static Multi,
    probes: Vec<&'static Probe>,
    program: Result<OwnedFd, String>,
}

/// What is loaded at once.
enum Load<'a> {
    One(One<'a>),
    Many(Many),
    /// There is nothing to load, for this reason.
    None(&'static Probe, &'static str, String),
}

impl Plan<'_> {
    /// Loads everything that the backend uses and this kernel has.
    ///
    /// # Errors
    /// When the object is not as expected.
    pub(super) fn load<'a>(&'a self, ebpf: &'a mut Ebpf, start: &mut Start<'_>) -> Result<Loaded<'a>, LiveError> {
        let mut programs: BTreeMap<String, &mut Program> = ebpf
            .programs_mut()
            .map(|(name, program)| (name.to_owned(), program))
            .collect();
        let loads = self.loads(&mut programs)?;
        let entered = entered(programs.remove(ENTERED))?;
        start.part("programs");
        let of = loads.len();
        let multis = LazyLock::new(|| self.multi.map_or_else(|| Err("not wanted".to_owned()), |multi| multi()));
        let load = |load: &mut Load<'_>| match load {
            Load::One(one) => one.load(self.types.for_attaching()),
            Load::Many(many) => many.load(multis.as_ref()),
            Load::None(..) => {}
        };
        Ok(Loaded {
            plan: self,
            loads: load_all(loads, Load::takes_long, &load, |done| start.done(done, of)),
            entered,
            hooks: Hooks::default(),
        })
    }

    /// Whether a program can be used here; why not otherwise.
    fn check(&self, probe: &Probe) -> Result<(), String> {
        if probe.kernels.are_before(self.release) {
            return Err("another function takes its place on this kernel".to_owned());
        }
        if self.hooks_are_off && matches!(probe.hook, Hook::Entry | Hook::Exit) {
            return Err("function hooks are switched off: `sysctl kernel.ftrace_enabled=1`".to_owned());
        }
        self.types.check(probe)
    }

    /// What has to be loaded, in the order in which it is hooked.
    fn loads<'a>(&self, programs: &mut BTreeMap<String, &'a mut Program>) -> Result<Vec<Load<'a>>, LiveError> {
        let mut loads: Vec<Load<'a>> = Vec::new();
        for (probe, name) in wanted(self.backend, self.with_stand_ins) {
            if let Err(reason) = self.check(probe) {
                loads.push(Load::None(probe, name, reason));
                continue;
            }
            let Some(multi) = Multi::of(probe).filter(|_| self.multi.is_some()) else {
                let program = programs.remove(name);
                loads.push(Load::One(One {
                    probe,
                    name,
                    program: program.ok_or_else(|| LiveError::Object { name: name.to_owned() })?,
                    outcome: Ok(()),
                }));
                continue;
            };
            // No task is preempted in a program for many functions, so nothing has to stand in for it.
            if name != probe.program {
                continue;
            }
            let same = loads.iter_mut().find_map(|load| match load {
                Load::Many(many) if many.multi == multi => Some(&mut many.probes),
                _ => None,
            });
            match same {
                Some(probes) => probes.push(probe),
                None => loads.push(Load::Many(Many {
                    multi,
                    probes: vec![probe],
                    program: Err(String::new()),
                })),
            }
        }
        Ok(loads)
    }
}

impl Load<'_> {
    fn takes_long(&self) -> bool {
        matches!(self, Self::Many(_))
    }
}

impl One<'_> {
    fn load(&mut self, btf: &Btf) {
        self.outcome = load_one(self.program, self.probe, btf).map_err(|error| chain(&error));
    }
}

impl Many {
    fn load(&mut self, programs: Result<&multi::Programs, &String>) {
        self.program = programs
            .map_err(Clone::clone)
            .and_then(|programs| programs.load(self.multi));
    }
}

/// What is loaded, to be hooked.
pub(super) struct Loaded<'a> {
    plan: &'a Plan<'a>,
    loads: Vec<Load<'a>>,
    entered: Option<&'a mut KProbe>,
    hooks: Hooks,
}

impl Loaded<'_> {
    /// Hooks it, one after another. `functions` has the address of each probe's function, in the order of the table; 0 when unknown.
    ///
    /// # Errors
    /// When something is missing without which there is nothing to see.
    pub(super) fn hook(mut self, functions: &[u64], start: &mut Start<'_>) -> Result<Hooks, LiveError> {
        start.part("hooks");
        let of = self.loads.len();
        for (done, load) in std::mem::take(&mut self.loads).into_iter().enumerate() {
            start.done(done, of);
            match load {
                Load::One(one) => self.one(one)?,
                Load::Many(many) => self.many(many, functions)?,
                Load::None(probe, name, reason) => self.missing(probe, name, reason)?,
            }
        }
        Ok(self.hooks)
    }

    fn one(&mut self, one: One<'_>) -> Result<(), LiveError> {
        let One {
            probe,
            name,
            program,
            outcome,
        } = one;
        let hooked =
            outcome.and_then(|()| attach(program, probe, self.entered.as_deref_mut()).map_err(|error| chain(&error)));
        match hooked {
            Ok(link) if name != probe.program => self.hooks.stand_ins.push((probe, name, link)),
            Ok(link) => self.hooks.attached.push((probe, link)),
            Err(reason) => self.missing(probe, name, reason)?,
        }
        Ok(())
    }

    /// A program that cannot be used: an error when nothing can be seen without it.
    fn missing(&mut self, probe: &'static Probe, name: &'static str, reason: String) -> Result<(), LiveError> {
        let Plan {
            backend,
            release,
            lockdep,
            ..
        } = *self.plan;
        // Without lockdep there is nothing that its backend could see.
        let is_foreign = !matches!(probe.purpose, Purpose::Lockdep | Purpose::Contention)
            && !probe.kernels.include(release, lockdep);
        if backend.needs(probe) && !is_foreign && name == probe.program {
            return Err(not_hooked(backend, probe.function, reason));
        }
        self.hooks.missing.push(Missing {
            program: name,
            function: probe.function,
            reason,
            is_foreign,
        });
        Ok(())
    }

    fn many(&mut self, many: Many, functions: &[u64]) -> Result<(), LiveError> {
        let Many { multi, probes, program } = many;
        let is_wanted = |member: &Member| probes.iter().any(|probe| probe.program == PROBES[member.entry].program);
        let members: Option<Vec<_>> = multi
            .members()
            .filter(is_wanted)
            .map(|member| with_address(member, functions))
            .collect();
        let hooked = program.and_then(|program| {
            let members = members.ok_or("the address of a function is not known")?;
            multi::hook(multi, program, &members).map_err(|error| error.to_string())
        });
        let hooked = hooked.map_err(|reason| LiveError::NotMany {
            program: multi.program,
            reason,
        })?;
        self.hooks.multis.push(hooked);
        let attached = probes.iter().map(|probe| (*probe, Box::new(()) as Link));
        self.hooks.attached.extend(attached);
        Ok(())
    }
}

fn with_address(member: Member, functions: &[u64]) -> Option<(Member, u64)> {
    let address = functions.get(member.entry).copied();
    address.filter(|address| *address != 0).map(|address| (member, address))
}

/// Why there is nothing to see. That the verifier has looked at instructions (`print_verification_stats()` in kernel/bpf/verifier.c) tells its refusal from
/// what a policy forbids and what the kernel lacks.
fn not_hooked(backend: Backend, function: &'static str, reason: String) -> LiveError {
    if reason.lines().any(|line| line.starts_with("processed ")) {
        return LiveError::Refused { function, reason };
    }
    LiveError::NoHook {
        backend,
        function,
        reason,
    }
}

/// The programs that a backend uses and their names, in the order in which they are hooked: what forgets tasks comes first, so that nothing that is remembered of one
/// outlives it; what takes locks comes last, so that what is then taken is sure to be seen released. Stand-ins come before the first program: what is hooked last runs first (`__bpf_trampoline_link_prog()` in kernel/bpf/trampoline.c).
fn wanted(backend: Backend, with_stand_ins: bool) -> impl Iterator<Item = (&'static Probe, &'static str)> {
    let used = move || PROBES.iter().filter(move |probe| backend.uses(probe));
    let stand_ins = move |probe: &'static Probe| if with_stand_ins { probe.stand_ins() } else { &[] };
    let at = move |turn: u8| used().filter(move |probe| turn_of(probe) == turn);
    (0..=2).flat_map(at).flat_map(move |probe| {
        let names = stand_ins(probe).iter().rev().copied();
        names.chain([probe.program]).map(move |name| (probe, name))
    })
}

/// When a program is hooked: at first, then, or last.
fn turn_of(probe: &Probe) -> u8 {
    match probe.purpose {
        Purpose::Task => 0,
        _ if probe.acquires() => 2,
        _ => 1,
    }
}

/// Loads all of it, on all CPUs, and gives it in its order. What takes long comes first, so that all CPUs come to an end at about the same time. `tell` hears how much is done.
fn load_all<T: Send>(
    loads: Vec<T>,
    takes_long: impl Fn(&T) -> bool,
    load: &(impl Fn(&mut T) + Sync),
    mut tell: impl FnMut(usize),
) -> Vec<T> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (long, short): (Vec<_>, Vec<_>) = loads.into_iter().enumerate().partition(|(_, load)| takes_long(load));
    let queue = Mutex::new(long.into_iter().chain(short));
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let (sender, loaded) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..threads {
            let (next, sender) = (&next, sender.clone());
            scope.spawn(move || {
                while let Some((place, mut item)) = next() {
                    load(&mut item);
                    // Whoever takes it waits until the last thread is through.
                    let _ = sender.send((place, item));
                }
            });
        }
        drop(sender);
        let mut items = BTreeMap::new();
        for (place, item) in loaded {
            tell(items.len());
            items.insert(place, item);
        }
        items.into_values().collect()
    })
}

/// The program of the backend `kprobe` that notes calls: see `tracer-ebpf/src/call/probed.rs`.
const ENTERED: &str = "entered";

fn entered(program: Option<&mut Program>) -> Result<Option<&mut KProbe>, LiveError> {
    let Some(Program::KProbe(program)) = program else {
        return Ok(None);
    };
    program
        .load()
        .map_err(|error| LiveError::Load { reason: chain(&error) })?;
    Ok(Some(program))
}

fn load_one(program: &mut Program, probe: &Probe, btf: &Btf) -> Result<(), ProgramError> {
    match (probe.hook, program) {
        (Hook::Entry, Program::FEntry(program)) => program.load(probe.function, btf),
        (Hook::Exit, Program::FExit(program)) => program.load(probe.function, btf),
        (Hook::Tracepoint, Program::BtfTracePoint(program)) => program.load(probe.function, btf),
        (Hook::Iterator, Program::Iter(program)) => program.load(probe.function, btf),
        (Hook::Entry | Hook::Exit, Program::KProbe(program)) => program.load(),
        _ => Err(ProgramError::UnexpectedProgramType),
    }
}

fn attach(program: &mut Program, probe: &Probe, entered: Option<&mut KProbe>) -> Result<Link, ProgramError> {
    // The types of programs have these in common, but no trait for them.
    macro_rules! link {
        ($program:ident $($at:expr)*) => {{
            let link = $program.attach($($at),*)?;
            $program.take_link(link)?
        }};
    }
    Ok(match program {
        Program::FEntry(program) => Box::new(link!(program)),
        Program::FExit(program) => Box::new(link!(program)),
        Program::BtfTracePoint(program) => Box::new(link!(program)),
        Program::KProbe(program) => {
            let link = link!(program probe.function 0);
            match entered {
                // The probe that is there last runs first: this one has to see the return address before that of the return takes its place.
                Some(entered) if probe.hook == Hook::Exit && probe.purpose == Purpose::Lock => {
                    Box::new((link, link!(entered probe.function 0)))
                }
                _ => Box::new(link),
            }
        }
        // It runs when it is asked to.
        Program::Iter(_) => Box::new(()),
        _ => return Err(ProgramError::UnexpectedProgramType),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_loaded_and_stays_in_its_order() {
        let mut told = Vec::new();
        let is_long = |number: &u32| *number > 90;
        let loaded = load_all((0..100).collect(), is_long, &|number| *number *= 2, |done| {
            told.push(done)
        });
        assert_eq!(loaded, (0..100).map(|number| number * 2).collect::<Vec<_>>());
        assert_eq!(told, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn what_forgets_comes_before_what_remembers_and_what_takes_comes_last() {
        let order: Vec<_> = wanted(Backend::Fentry, true).map(|(_, name)| name).collect();
        let place = |name| order.iter().position(|known| *known == name).unwrap();
        assert_eq!(place("sched_process_free"), 0);
        assert!(place("__percpu_down_read") < place("mutex_lock"));
        assert!(place("up_write") < place("down_write"));
        assert!(place("mutex_lock_stand_in") < place("mutex_lock"));
        assert_eq!(
            order.len(),
            wanted(Backend::Fentry, false).count() + order.iter().filter(|name| name.ends_with("_stand_in")).count()
        );
    }

    #[test]
    fn a_refusal_of_the_verifier_is_no_policy() {
        let refused = "Invalid argument (os error 22). Verifier output: 0: R1=ctx()\nR1 pointer arithmetic\nprocessed 5 insns (limit 1000000)";
        let of = |reason: &str| not_hooked(Backend::Fentry, "mutex_lock", reason.to_owned());
        assert!(matches!(of(refused), LiveError::Refused { .. }));
        assert!(matches!(
            of("Operation not permitted (os error 1)"),
            LiveError::NoHook { .. }
        ));
    }
}
