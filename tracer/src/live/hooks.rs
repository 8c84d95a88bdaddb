//! Hooks the functions of the table: loads a program for each, and attaches it.
//!
//! Loading is the verifier's work, which several CPUs share; attaching changes the kernel's text, one function at a time, while the next are loaded.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use aya::{
    Btf, Ebpf,
    programs::{KProbe, Program, ProgramError},
};
use tracer_common::probe::{Hook, PROBES, Probe, Purpose};

use super::{Backend, LiveError, Start, Types, error::chain, kernel};

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
    pub(super) missing: Vec<Missing>,
}

/// A program of the table, and why it cannot be used where it cannot.
struct Load<'a> {
    probe: &'static Probe,
    name: &'static str,
    program: &'a mut Program,
    outcome: Result<(), String>,
}

impl Hooks {
    /// Hooks everything that the backend uses and this kernel has.
    ///
    /// # Errors
    /// When something is missing without which there is nothing to see.
    pub(super) fn all(
        ebpf: &mut Ebpf,
        backend: Backend,
        btf: &Btf,
        types: &Types,
        lockdep: bool,
        with_stand_ins: bool,
        start: &mut Start<'_>,
    ) -> Result<Self, LiveError> {
        let mut programs: BTreeMap<String, &mut Program> = ebpf
            .programs_mut()
            .map(|(name, program)| (name.to_owned(), program))
            .collect();
        let mut loads = Vec::new();
        for (probe, name) in wanted(backend, with_stand_ins) {
            let program = programs
                .remove(name)
                .ok_or_else(|| LiveError::Object { name: name.to_owned() })?;
            loads.push(Load {
                probe,
                name,
                program,
                outcome: types.check(probe),
            });
        }
        let mut entered = entered(programs.remove(ENTERED))?;
        start.part("programs and hooks");
        let mut hooks = Self::default();
        let (release, of) = (kernel::release(), loads.len());
        thread::scope(|scope| {
            for (done, load) in load_all(scope, loads, btf).enumerate() {
                start.done(done, of);
                let Load {
                    probe,
                    name,
                    program,
                    outcome,
                } = load;
                let is_stand_in = name != probe.program;
                // Without lockdep there is nothing that its backend could see.
                let is_foreign = !matches!(probe.purpose, Purpose::Lockdep | Purpose::Contention)
                    && !probe.kernels.include(release, lockdep);
                let hooked = outcome
                    .and_then(|()| attach(program, probe, entered.as_deref_mut()).map_err(|error| chain(&error)));
                match hooked {
                    Ok(link) if is_stand_in => hooks.stand_ins.push((probe, name, link)),
                    Ok(link) => hooks.attached.push((probe, link)),
                    Err(reason) if backend.needs(probe) && !is_foreign && !is_stand_in => {
                        return Err(not_hooked(backend, probe.function, reason));
                    }
                    Err(reason) => hooks.missing.push(Missing {
                        program: name,
                        function: probe.function,
                        reason,
                        is_foreign,
                    }),
                }
            }
            Ok(hooks)
        })
    }
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

/// Loads the programs that can be used, on all CPUs, and gives them in their order, each when it is loaded. When nobody takes them any more, the
/// rest is not loaded.
fn load_all<'scope, 'a: 'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    loads: Vec<Load<'a>>,
    btf: &'scope Btf,
) -> impl Iterator<Item = Load<'a>> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let queue = Arc::new(Mutex::new(loads.into_iter().enumerate()));
    let (sender, loaded) = mpsc::channel();
    for _ in 0..threads {
        let (queue, sender) = (queue.clone(), sender.clone());
        let next = move || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        scope.spawn(move || {
            while let Some((place, mut load)) = next() {
                load.outcome = load
                    .outcome
                    .and_then(|()| load_one(load.program, load.probe, btf).map_err(|error| chain(&error)));
                if sender.send((place, load)).is_err() {
                    break;
                }
            }
        });
    }
    in_order(loaded)
}

/// What comes with a place, each place once, in the order of the places.
fn in_order<T>(items: impl IntoIterator<Item = (usize, T)>) -> impl Iterator<Item = T> {
    let (mut items, mut early) = (items.into_iter(), BTreeMap::new());
    (0..).map_while(move |next: usize| {
        while !early.contains_key(&next) {
            let (place, item) = items.next()?;
            early.insert(place, item);
        }
        early.remove(&next)
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
    fn what_comes_early_waits_for_its_place() {
        let came = [(2, 'c'), (0, 'a'), (3, 'd'), (1, 'b')];
        assert_eq!(in_order(came).collect::<String>(), "abcd");
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

    #[test]
    fn what_comes_behind_a_gap_is_not_given() {
        assert_eq!(in_order([(0, 'a'), (2, 'c')]).collect::<String>(), "a");
    }
}
