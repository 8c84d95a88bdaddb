//! The lab: boots a stock kernel, runs one scenario in it and judges what came back.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::{
    batch::{self, Job},
    build, cache,
    failure::usage,
    guest_files, hot_path,
    initramfs::Initramfs,
    kernel::{self, Kernel},
    kvm, module, on_host, place, process, progress,
    qemu::{End, Guest},
    scenario::{self, Scenario},
    setup, source,
    verdict::{self, Returned},
    verified,
};

/// The guest gives up this many seconds before the host does, to send what it has.
const HEAD_START: u64 = 15;

/// Prints the scenarios.
pub fn list() -> Result<()> {
    for scenario in scenario::all(&place::scenarios())? {
        println!(
            "{:20} {:20} {}",
            scenario.name,
            scenario.kernels.join(" "),
            scenario.about
        );
    }
    Ok(())
}

/// How `lab run` was called.
#[derive(Default)]
pub struct Options<'a> {
    /// The kernel, `all`, or none for the scenario's own list.
    pub kernel: Option<&'a str>,
    /// Where results go instead of `target/lab`.
    pub keep: Option<&'a Path>,
    /// Record the verified instructions instead of judging them.
    pub record: bool,
    /// Judge what the last run left, without running.
    pub again: bool,
    /// Show the console.
    pub verbose: bool,
    /// How many guests run at once; as many as processors by default.
    pub jobs: Option<usize>,
}

/// Runs scenarios by name, each on the kernels asked for. True when all passed.
pub fn run(names: &[String], options: &Options<'_>) -> Result<bool> {
    let scenarios = scenario::select(&place::scenarios(), names)?;
    if let Some(name) = options.kernel.filter(|name| *name != "all") {
        kernel::find(name)?;
    }
    setup::ensure(&setup::LAB)?;
    let tracer = tracer_binary()?;
    let jobs = batch::jobs(&scenarios, |scenario| kernels(scenario, options.kernel));
    let mut good = Ok(true);
    batch::run(&jobs, &tracer, options, |job, result| match (result, &mut good) {
        (Ok(passed), Ok(good)) => *good &= passed,
        // The first error ends this with its exit status, when the others have run.
        (Err(error), Ok(_)) => good = Err(error.context(job.to_string())),
        (Err(error), Err(_)) => eprintln!("error: {job}: {error:#}"),
        (Ok(_), Err(_)) => {}
    });
    if options.record && matches!(good, Ok(true)) {
        let told = jobs.iter().filter(|job| job.scenario.verified);
        let checked: Vec<_> = told.map(|job| results(job, options).join("check.json")).collect();
        verified::record(&checked)?;
    }
    good
}

fn kernels(scenario: &Scenario, asked: Option<&str>) -> Vec<String> {
    match asked {
        Some("all") => kernel::ALL.iter().map(|series| series.name.to_owned()).collect(),
        Some(name) => vec![name.to_owned()],
        None => scenario.kernels.clone(),
    }
}

/// Runs one scenario on one kernel and prints its verdict line. True when it passed.
pub fn run_one(job: &Job<'_>, tracer: &Path, options: &Options<'_>) -> Result<bool> {
    let kernel = kernel::fetch(kernel::find(&job.kernel)?)?;
    let mut scenario = job.scenario.on(&job.kernel);
    scenario.verified &= !options.record;
    let results = results(job, options);
    if !options.again {
        return run_on(&scenario, &kernel, tracer, &results, options.verbose);
    }
    let console = fs::read(results.join("console.log"))
        .with_context(|| format!("no run of {job} to judge again in {}", results.display()))?;
    let returned = Returned {
        end: End::Itself,
        console: String::from_utf8_lossy(&console).into_owned(),
        files: Ok(()),
        dir: &results,
    };
    let wrong = verdict::judge(&scenario, &returned);
    Ok(tell(&job.to_string(), &wrong, &results))
}

/// Where the results of a job go.
fn results(job: &Job<'_>, options: &Options<'_>) -> PathBuf {
    let results = options
        .keep
        .map_or_else(|| place::target().join("lab"), Path::to_path_buf);
    results.join(format!("{}-{}", job.scenario.name, job.kernel))
}

/// Runs one scenario on a kernel that is there, keeps what comes back in `results` and prints its verdict line. True when it passed.
pub fn run_on(scenario: &Scenario, kernel: &Kernel, tracer: &Path, results: &Path, verbose: bool) -> Result<bool> {
    if results.exists() {
        fs::remove_dir_all(results)?;
    }
    fs::create_dir_all(results)?;
    let console = results.join("console.log");
    let work = cache::scratch("guest")?;
    let packed = work.path().join("initramfs");
    prepare(kernel, scenario, tracer)?.pack(&packed)?;
    let disk = work.path().join("disk");
    guest_files::prepare(&disk)?;
    let accelerator = kvm::accelerator(kernel)?;
    progress::say(
        "boot",
        &format!("linux {} for {}", kernel.resolved.release, scenario.name),
    );
    let guest = Guest {
        image: kernel.image(),
        initramfs: &packed,
        memory: scenario.memory,
        boot: &scenario.boot,
        accelerator,
        disk: Some(&disk),
    };
    let start = Instant::now();
    let end = guest.run(
        &console,
        Duration::from_secs(scenario.timeout),
        &scenario.tolerate,
        verbose,
    )?;
    let seconds = start.elapsed().as_secs_f64();
    let files = guest_files::unpack(&disk, results);
    let text = String::from_utf8_lossy(&fs::read(&console)?).into_owned();
    let mut wrong = verdict::judge(
        scenario,
        &Returned {
            end,
            console: text,
            files,
            dir: results,
        },
    );
    if wrong.is_empty()
        && let Err(error) = on_host::run(scenario, kernel, tracer, results)
    {
        wrong.push(format!("{error:#}"));
    }
    let what = format!("{} on {} in {seconds:.1} s", scenario.name, kernel.resolved.short());
    Ok(tell(&what, &wrong, results))
}

/// Prints the verdict on a run. True when nothing is wrong.
fn tell(what: &str, wrong: &[String], results: &Path) -> bool {
    // In one piece: other guests may end at the same time.
    if wrong.is_empty() {
        println!("PASS {what}");
    } else {
        println!(
            "FAIL {what}: {}\n     files and console log: {}{}",
            wrong.join("\n     "),
            results.display(),
            last_words(results)
        );
    }
    wrong.is_empty()
}

/// The ends of what a guest said and showed last, for whoever has nothing but the output of this.
fn last_words(results: &Path) -> String {
    const LINES: usize = 20;
    let mut words = String::new();
    for name in ["console.log", "screen-last.txt"] {
        let text = fs::read(results.join(name)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines.iter().skip(lines.len().saturating_sub(LINES));
        words.extend(last.map(|line| format!("\n     {name}: {line}")));
    }
    words
}

fn prepare<'a>(kernel: &'a Kernel, scenario: &Scenario, tracer: &Path) -> Result<Initramfs<'a>> {
    let initramfs = userland(kernel, tracer, &scenario.modules)?;
    if scenario.debug_files {
        initramfs.add_debug_files(&debug_files(&scenario.modules, kernel)?)?;
    }
    if scenario.rivals {
        hot_path::add_rivals(&initramfs)?;
    }
    if scenario.terminal {
        initramfs.add_terminal()?;
    }
    if scenario.selftests {
        initramfs.add_selftests(&source::selftests(kernel)?)?;
    }
    let limit = scenario.timeout.saturating_sub(HEAD_START).max(5);
    let args: Vec<_> = scenario.args.iter().map(|arg| quote(arg)).collect();
    initramfs.add_file(
        "lab/config",
        &format!("MODE=scenario\nLIMIT={limit}\nARGS=({})\n", args.join(" ")),
    )?;
    let parts = [
        ("setup", &scenario.setup),
        ("run", &scenario.run),
        ("interrupt", &scenario.interrupt),
        ("after", &scenario.after),
    ];
    for (name, script) in parts {
        let script = if script.is_empty() {
            String::new()
        } else {
            format!(". /lab/lib.sh\n{script}\n")
        };
        initramfs.add_file(&format!("lab/{name}.sh"), &script)?;
    }
    Ok(initramfs)
}

/// Userland, tracer and modules.
fn userland<'a>(kernel: &'a Kernel, tracer: &Path, modules: &[String]) -> Result<Initramfs<'a>> {
    let initramfs = Initramfs::new(kernel)?;
    // Most of the binary is debug information, which nobody reads in the guest.
    let stripped = tempfile::NamedTempFile::new()?;
    let strip = process::run(Command::new("strip").arg("-o").arg(stripped.path()).arg(tracer));
    initramfs.add_program(if strip.is_ok() { stripped.path() } else { tracer }, "usr/bin/tracer")?;
    let (mut built, mut stock) = (Vec::new(), Vec::new());
    for name in modules {
        match built_module(name, kernel) {
            Some(files) => built.extend(files?),
            None => stock.push(name.clone()),
        }
    }
    initramfs.add_modules(&stock, &built)?;
    Ok(initramfs)
}

/// The files of a module that the lab builds itself; none when the kernel's packages have it.
pub fn built_module(name: &str, kernel: &Kernel) -> Option<Result<Vec<PathBuf>>> {
    match name {
        "dlock" | "hotpath" => Some(module::build(&place::module(), kernel)),
        "netdevsim" => Some(source::netdevsim(kernel).and_then(|source| module::build(&source, kernel))),
        _ => None,
    }
}

/// The modules that the lab builds, with their debug information.
pub fn debug_files(modules: &[String], kernel: &Kernel) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for built in modules.iter().filter_map(|name| built_module(name, kernel)) {
        files.extend(built?.iter().map(|file| module::with_debug_information(file)));
    }
    Ok(files)
}

/// Boots a kernel with the lab's modules for a person.
pub fn shell(name: &str) -> Result<()> {
    let series = kernel::find(name)?;
    setup::ensure(&setup::LAB)?;
    let kernel = kernel::fetch(series)?;
    let initramfs = userland(&kernel, &tracer_binary()?, &["dlock".to_owned()])?;
    initramfs.add_file("lab/config", "MODE=shell\n")?;
    let work = cache::scratch("guest")?;
    let packed = work.path().join("initramfs");
    initramfs.pack(&packed)?;
    let accelerator = kvm::accelerator(&kernel)?;
    progress::say("boot", &format!("linux {}; Ctrl-A x ends it", kernel.resolved.release));
    Guest {
        image: kernel.image(),
        initramfs: &packed,
        memory: 1024,
        boot: "",
        accelerator,
        disk: None,
    }
    .interactive()
}

/// The tracer that goes into the guest: `$TRACER_BIN`, else what `cargo xtask build` built.
pub fn tracer_binary() -> Result<PathBuf> {
    let chosen = std::env::var_os("TRACER_BIN")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from);
    if let Some(chosen) = &chosen
        && !chosen.is_file()
    {
        return Err(usage(format!(
            "TRACER_BIN names {}, which is no file",
            chosen.display()
        )));
    }
    let tracer = chosen.map_or_else(build::tracer, Ok)?;
    fs::canonicalize(&tracer).with_context(|| format!("cannot read {}", tracer.display()))
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Why a guest did not end by itself.
pub fn killed(end: &End) -> Option<String> {
    match end {
        End::Itself => None,
        End::Killed(reason) => Some(format!("killed: {reason}")),
    }
}
