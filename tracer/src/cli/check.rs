//! `tracer check`: what can be traced on this machine, what is missing, and what cannot be seen here.

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;
use tracer_common::probe::Probe;

use super::{
    common::write,
    failure::{Failure, Status},
};
use crate::{
    analysis::snapshot::Kernel,
    live::{self, Attached, Backend, kernel},
    selection::{Selection, Wanted},
};

/// Arguments of `check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
    /// How to listen to the kernel: fentry, lockdep, kprobe, contention, or auto for the best that it grants
    #[arg(long, value_name = "BACKEND", default_value = "auto", value_parser = live::wanted)]
    backend: live::Wanted,
}

/// What `check` found.
#[derive(Debug, Serialize)]
struct Found {
    kernel: Kernel,
    backend: &'static str,
    /// Why it is no better one.
    second_best: Option<String>,
    hooked: Vec<Hooked>,
    missing: Vec<Missing>,
    /// Structure members that this kernel does not have: what needs them is switched off.
    absent: Vec<String>,
    /// What cannot be seen on this kernel, and what to do about it.
    unseen: Vec<String>,
}

/// A function that is hooked.
#[derive(Debug, Serialize)]
struct Hooked {
    program: &'static str,
    function: &'static str,
    hook: String,
    purpose: String,
    /// The program that runs in its place: one for many functions.
    multi: Option<&'static str>,
    /// It does the work of another program of that function when this one is skipped.
    is_stand_in: bool,
    /// Instructions that the verifier looked at; null before 5.16.
    verified_instructions: Option<u32>,
}

/// One that is not.
#[derive(Debug, Serialize)]
struct Missing {
    program: &'static str,
    function: &'static str,
    reason: String,
    /// No kernel of this release and configuration has it: nothing is missed.
    expected: bool,
}

pub(super) fn execute(args: &CheckArgs) -> Result<Status, Failure> {
    let mut silent = |_: &str| {};
    let mut start = live::Start::new(&mut silent);
    let (mut symbols, types) = live::read(live::nothing(), &mut start).map_err(Failure::unable)?;
    // As `run` does by default: what is not asked for is not in the programs.
    let usual = Selection::new(Wanted {
        profile: "net".to_owned(),
        ..Wanted::default()
    })
    .map_err(Failure::unable)?;
    let attached =
        live::attach(&mut symbols, &types, &usual.scope, args.backend, 0, &mut start).map_err(Failure::unable)?;
    let symbols = symbols.symbols().map_err(Failure::unable)?;
    let found = found(&attached, symbols.is_empty());
    let text = if args.json {
        serde_json::to_string_pretty(&found).map_err(Failure::unable)? + "\n"
    } else {
        table(&found)
    };
    write(&text, None)?;
    attached.detach();
    Ok(Status::Clean)
}

fn found(attached: &Attached, no_symbols: bool) -> Found {
    let lower = |word: &dyn std::fmt::Debug| format!("{word:?}").to_lowercase();
    let hooked = |probe: &Probe, program, is_stand_in| {
        let multi = attached.multi(probe);
        Hooked {
            program,
            function: probe.function,
            hook: lower(&probe.hook),
            purpose: lower(&probe.purpose),
            multi,
            is_stand_in,
            verified_instructions: attached.verified_instructions(multi.unwrap_or(program)),
        }
    };
    Found {
        kernel: kernel::facts(),
        backend: attached.backend.name(),
        second_best: attached.second_best.clone(),
        hooked: attached
            .attached()
            .map(|probe| hooked(probe, probe.program, false))
            .chain(attached.stand_ins().map(|(probe, name)| hooked(probe, name, true)))
            .collect(),
        missing: attached
            .missing()
            .iter()
            .map(|missing| Missing {
                program: missing.program,
                function: missing.function,
                reason: missing.reason.clone(),
                expected: missing.is_foreign,
            })
            .collect(),
        absent: attached
            .offsets
            .absent()
            .map(|(structure, member)| format!("{structure}.{member}"))
            .collect(),
        unseen: unseen(attached, no_symbols),
    }
}

fn unseen(attached: &Attached, no_symbols: bool) -> Vec<String> {
    let has = |program: &str| attached.attached().any(|probe| probe.program == program);
    if attached.backend == Backend::Contention {
        return vec![
            "the order of locks: only tasks that wait for each other are seen, when they do".to_owned(),
            "waits for a rwsem that is held shared: its owner word names the reader that took it last, who may have given it back".to_owned(),
            "waits for semaphores, rt_mutexes and percpu_rwsems: no owner word is read".to_owned(),
        ];
    }
    let mut unseen = vec![
        if attached.backend == Backend::Lockdep {
            "semaphores, rt_mutexes and percpu_rwsems: only mutexes, ww_mutexes and rwsems are seen".to_owned()
        } else {
            "readers of a percpu_rwsem: they are inline and seen only when they wait".to_owned()
        },
        "names given at initialisation, of locks that are older than the trace: start it before the driver is loaded"
            .to_owned(),
    ];
    if no_symbols {
        unseen.push(
            "symbols are hidden: set kernel.kptr_restrict to 1 or 0 to see names instead of `unknown`".to_owned(),
        );
    }
    if has("mutex_init_generic") {
        unseen.push(
            "names given at initialisation of a mutex: this kernel drops them; a lockdep kernel keeps them".to_owned(),
        );
    }
    if !has("devl_lock") {
        unseen.push("names of devlink instances before their first reload: this kernel has no devl_lock()".to_owned());
    }
    unseen
}

/// As text: one line each, the first word says what.
fn table(found: &Found) -> String {
    let mut text = format!(
        "kernel   {}\nbackend  {}\n",
        found.kernel.release.as_deref().unwrap_or("unknown"),
        found.backend
    );
    let mut line = |what: &str, about: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{what:<8} {about}");
    };
    if let Some(reason) = &found.second_best {
        line("refused", reason);
    }
    for hooked in &found.hooked {
        let which = match hooked.multi {
            Some(program) => format!(" (`{program}`)"),
            None if hooked.is_stand_in => " (stand-in)".to_owned(),
            None => String::new(),
        };
        line("hooked", &format!("{:<42} {}{which}", hooked.function, hooked.hook));
    }
    for missing in found.missing.iter().filter(|missing| !missing.expected) {
        line("missing", &format!("{:<42} {}", missing.function, missing.reason));
    }
    for member in &found.absent {
        line("absent", &format!("{member}: what needs it is switched off"));
    }
    for unseen in &found.unseen {
        line("unseen", unseen);
    }
    let expected = found.missing.iter().filter(|missing| missing.expected).count();
    line(
        "other",
        &format!("{expected} functions of other kernels: `tracer check --json` lists them"),
    );
    text
}
