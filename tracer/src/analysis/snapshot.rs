//! The report as data: the document of `docs/formats.md`, in stable order.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::event::{self, Durations, NamedBy};

/// Version of the document's shape: minor for additions, major for anything else.
pub const SCHEMA_VERSION: &str = "1.6";

/// In [`Evidence::origin`]: between the reload window and what else is known of why the task was in the kernel.
pub(crate) const BESIDE_WINDOW: &str = "; by ";

/// Everything that is known at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Snapshot {
    /// `1.x`
    pub schema_version: String,
    /// Who wrote it.
    pub tool: Tool,
    /// Where it was seen; absent fields are null, never guessed.
    pub kernel: Kernel,
    /// How it was seen, and what was lost.
    pub capture: Capture,
    /// Every lock that is part of a dependency.
    pub locks: Vec<Lock>,
    /// Every held lock -> requested lock.
    pub dependencies: Vec<Dependency>,
    /// Devlink reloads.
    pub windows: Vec<Window>,
    /// Notifier registrations and unregistrations.
    pub notifiers: Vec<Notifier>,
    /// Tasks that wait at this moment.
    #[serde(default)]
    pub waits: Vec<Wait>,
    /// Waits of a second and more that are over, the first 1000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waited: Vec<Wait>,
    /// Where locks were waited for and how long, the longest in all first; the first 1000. Kernels before 5.19 do not tell: there it is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contention: Vec<Contention>,
    /// Cycles and violations, most severe first.
    pub findings: Vec<Finding>,
    /// What would break the cycles, one entry per connected set of them.
    #[serde(default)]
    pub breaks: Vec<Break>,
    /// Findings that an allow entry of a rule file takes out.
    #[serde(default)]
    pub suppressed: Vec<Suppressed>,
    /// Where frames of the stacks are in the kernel's source, by frame: with `--vmlinux`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
}

impl Snapshot {
    /// Waits that go on, and long ones that are over.
    pub fn all_waits(&self) -> impl Iterator<Item = &Wait> {
        self.waits.iter().chain(&self.waited)
    }
}

/// The program that wrote the document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// `tracer`
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The kernel that was traced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Kernel {
    /// `uname -r`
    pub release: Option<String>,
    /// `uname -v`
    pub version: Option<String>,
    /// `uname -m`
    pub machine: Option<String>,
    /// Whether it has BTF.
    pub btf: Option<bool>,
}

/// How the capture was made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Capture {
    /// `fentry`, `text-trace`, ...
    pub backend: String,
    /// The command that was run under the tracer.
    pub command: Option<Vec<String>>,
    /// What was traced: the profile, and what else was asked for.
    #[serde(default)]
    pub selection: Option<String>,
    /// Exit status of the command: 128 + n after signal n, null while it runs.
    pub command_status: Option<i32>,
    /// Wall clock at the start, RFC 3339 in UTC.
    pub started: Option<String>,
    /// Length in ns.
    pub duration_ns: Option<u64>,
    /// False when any loss can have hidden something.
    pub complete: bool,
    /// Kernel functions hooked and not.
    pub probes: Probes,
    /// What was dropped, missed or not believed, by counter; only those above zero.
    pub lost: std::collections::BTreeMap<String, u64>,
    /// What was counted that is no loss: events, chains, holds not believed.
    pub counters: std::collections::BTreeMap<String, u64>,
    /// Where in the kernel that was: by counter, probe and CPU.
    #[serde(default)]
    pub places: Vec<CountedAt>,
}

/// How often something was counted at one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CountedAt {
    /// The name in `lost` or `counters`.
    pub counter: String,
    /// The probe; none where it is not known.
    pub probe: Option<String>,
    /// The CPU; none where the kernel tells the sum only.
    pub cpu: Option<u32>,
    /// How often.
    pub count: u64,
}

/// Kernel functions hooked and not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Probes {
    /// Hooked.
    pub attached: Vec<String>,
    /// Not on this kernel, or refused.
    pub missing: Vec<String>,
}

/// A lock object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Lock {
    /// Number in this document.
    pub id: u32,
    /// The object as people call it.
    pub name: String,
    /// Its role.
    pub class: String,
    /// `mutex`, `rwsem`, `ww_mutex`, `percpu_rwsem`, `semaphore`, `rt_mutex`, `unknown`; `work`, `workqueue`, `srcu`, `kernfs`, `completion`, `thread`, `event` for what is waited for and no lock
    pub kind: String,
    /// The object it belongs to.
    pub label: Option<String>,
    /// A stable pseudonym (`lock-1`), or the address with `--raw-addresses`.
    pub address: Option<String>,
    /// What the name rests on, where the source tells.
    pub named_by: Option<NamedBy>,
    /// How often it had to be waited for, and how long; absent when it never had to, or where that cannot be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited: Option<Durations>,
    /// How often it was taken and given back, and how long it was held: with `--hold-times`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_for: Option<Durations>,
}

/// How a lock is held or requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// By one alone: a mutex, or a rwsem for writing.
    Exclusive,
    /// By many: a rwsem for reading.
    Shared,
}

impl Mode {
    /// As the document has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exclusive => "exclusive",
            Self::Shared => "shared",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<event::Mode> for Mode {
    fn from(mode: event::Mode) -> Self {
        match mode {
            event::Mode::Exclusive => Self::Exclusive,
            event::Mode::Shared | event::Mode::SharedRecursive => Self::Shared,
        }
    }
}

/// Held lock -> requested lock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Dependency {
    /// Number in this document.
    pub id: u32,
    /// Id of the held lock.
    pub from: u32,
    /// Id of the requested lock.
    pub to: u32,
    /// How `from` is held.
    pub from_mode: Mode,
    /// How `to` is requested.
    pub to_mode: Mode,
    /// `from` was taken by a trylock.
    pub trylock: bool,
    /// lockdep would record it too: nothing but trylocks were taken between the two.
    pub direct: bool,
    /// How often seen.
    pub count: u64,
    /// How many different tasks were seen (a lower bound where the source tells only the second).
    pub tasks: u64,
    /// First seen, ns since the start.
    pub first_ns: u64,
    /// Last seen new, ns since the start.
    pub last_ns: u64,
    /// What proves it, distinct situations in order of appearance.
    pub evidence: Vec<Evidence>,
}

/// One situation in which a dependency was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// `comm` of the task, a worker's with its work.
    pub task: String,
    /// Thread id.
    pub pid: Option<u32>,
    /// Whole held stack at the request, in order of acquisition.
    pub held: Vec<Held>,
    /// Where `from` was taken, innermost frame first.
    pub from_stack: Vec<Arc<str>>,
    /// Where `to` was requested, innermost frame first.
    pub to_stack: Vec<Arc<str>>,
    /// Why the task was in the kernel: a reload window's handle and action.
    pub origin: Option<String>,
    /// Index into `windows`.
    pub window: Option<u32>,
    /// When first, ns since the start.
    pub time_ns: u64,
}

/// A lock in a held stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Held {
    /// Id of the lock.
    pub lock: u32,
    /// How.
    pub mode: Mode,
    /// Taken by a trylock.
    pub trylock: bool,
}

/// From entry to exit of a devlink reload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// `devlink-reload`
    pub kind: String,
    /// `BUS/DEV`
    pub handle: String,
    /// `driver_reinit` or `fw_activate`
    pub action: String,
    /// `no_reset` where the reload is limited to that.
    pub limit: Option<String>,
    /// Network namespace it was in: `4026531840`.
    pub netns_from: Option<u32>,
    /// Network namespace it goes to.
    pub netns_to: Option<u32>,
    /// Begin, ns since the start.
    pub start_ns: u64,
    /// End; null while it runs (or hangs).
    pub end_ns: Option<u64>,
    /// 0 or a negative errno; null while it runs.
    pub result: Option<i32>,
    /// The task that reloads.
    pub task: String,
    /// Its thread id.
    pub pid: Option<u32>,
}

/// A notifier registered or unregistered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Notifier {
    /// The kernel function: `unregister_netdevice_notifier`.
    pub function: String,
    /// The chain: its symbol, and whose it is.
    pub chain: Option<String>,
    /// The callback.
    pub callback: String,
    /// The task.
    pub task: String,
    /// Its thread id.
    pub pid: Option<u32>,
    /// Locks held.
    pub held: Vec<Held>,
    /// Where from, innermost frame first.
    pub stack: Vec<Arc<str>>,
    /// Index into `windows`.
    pub window: Option<u32>,
    /// When, ns since the start.
    pub time_ns: u64,
}

/// A task that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Wait {
    /// The task.
    pub task: String,
    /// Its thread id.
    pub pid: Option<u32>,
    /// Id of the lock, or of what else it waits for.
    pub lock: u32,
    /// How.
    pub mode: Mode,
    /// Since when, ns since the start.
    pub since_ns: u64,
    /// Until when, where it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ns: Option<u64>,
    /// What it holds.
    pub held: Vec<Held>,
    /// Where it waits, innermost frame first.
    pub stack: Vec<Arc<str>>,
    /// Tasks that it waits for.
    pub on: Vec<String>,
    /// Where those of them are that do not wait themselves, as far as that is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<Holder>,
    /// It waits for itself, through others or directly; otherwise it is stuck behind such tasks or just waits.
    pub in_circle: bool,
    /// The deadlock that it is in or stuck behind.
    pub finding: Option<u32>,
}

impl Wait {
    /// How long it took, or has taken until now, in ns.
    pub fn took_ns(&self, now_ns: u64) -> u64 {
        self.until_ns.unwrap_or(now_ns).saturating_sub(self.since_ns)
    }

    /// Where it waits, in words: ` at mutex_lock+0x9/0x30`; nothing where that is not known.
    pub fn at(&self) -> String {
        let frame = self.stack.first();
        frame.map_or_else(String::new, |frame| format!(" at {frame}"))
    }

    /// Whom it waits for, in words, with where those are who do not wait themselves.
    pub fn held_by(&self) -> String {
        if self.on.is_empty() {
            return "nobody that was seen".to_owned();
        }
        let place = |task: &String| {
            let holder = self.holders.iter().find(|holder| holder.task == *task);
            let frame = holder.and_then(|holder| holder.stack.first());
            frame.map_or_else(|| task.clone(), |frame| format!("{task}, which is at {frame}"))
        };
        self.on.iter().map(place).collect::<Vec<_>>().join(", ")
    }
}

/// A task that another waits for and that does not wait itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Holder {
    /// The task.
    pub task: String,
    /// Its thread id.
    pub pid: Option<u32>,
    /// What it holds.
    pub held: Vec<Held>,
    /// Where it was when it was last seen to stay there, innermost frame first.
    pub stack: Vec<Arc<str>>,
}

/// A place where a lock was waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Contention {
    /// Id of the lock.
    pub lock: u32,
    /// How it was requested.
    pub mode: Mode,
    /// Where, innermost frame first.
    pub stack: Vec<Arc<str>>,
    /// How often and how long.
    pub waited: Durations,
}

/// A cycle (or rule violation) with a verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Number in this document, from 1.
    pub id: u32,
    /// `recursion`, `inversion`, ...
    pub kind: String,
    /// `certain`, `possible`, ...; null for kinds that are no cycle.
    pub verdict: Option<String>,
    /// `instance` or `class`
    pub level: String,
    /// `critical`, `error`, `warning`, `note`
    pub severity: String,
    /// One line.
    pub title: String,
    /// Names of the locks in the order of the cycle, the smallest first, each once.
    pub locks: Vec<String>,
    /// Ids of the dependencies that close it, one per side.
    pub dependencies: Vec<u32>,
    /// Why this verdict, in words.
    pub reason: String,
    /// Same bug, same fingerprint: from classes, modes and functions only.
    pub fingerprint: String,
    /// The schedule that deadlocks: one entry per task.
    pub scenario: Vec<Side>,
    /// First seen, ns since the start: for a cycle, when its last side was seen.
    pub first_ns: u64,
    /// How often: sets of lock objects with these names that close the same cycle, or breaches of the same rule.
    #[serde(default)]
    pub count: u64,
}

/// A connected set of cycles, and the fewest acquisitions whose removal leaves none of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Break {
    /// Ids of the findings.
    pub findings: Vec<u32>,
    /// Each of them breaks them all; what touches the least else comes first.
    pub choices: Vec<Choice>,
    /// No choice of fewer acquisitions exists; false where the search was given up.
    pub exact: bool,
}

/// What to take out, judged: no cycle at warning or above is left among these locks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Choice {
    /// As `--without` takes them: `lock@function`, or `A->B` where no function is known.
    pub without: Vec<String>,
    /// Ids of the dependencies of the findings that are gone with it.
    pub dependencies: Vec<u32>,
}

/// A finding that is known and allowed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Suppressed {
    /// What was found; its `id` is 0, because nothing refers to it.
    pub finding: Finding,
    /// Name of the allow entry.
    pub entry: String,
    /// Why it is allowed, as the entry says.
    pub reason: String,
}

/// Where a frame is in the kernel's source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// The frame, as stacks have it.
    pub frame: String,
    /// The functions that are inlined there, the innermost first, then the function of the frame itself.
    pub places: Vec<Place>,
}

/// A line of the kernel's source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// The function.
    pub function: String,
    /// The file, from the top of the kernel's source where that is known.
    pub file: String,
    /// The line in it: of the call, where something is inlined or called.
    pub line: u32,
}

/// What one task does in a scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Side {
    /// `comm` of the task, a worker's with its work.
    pub task: String,
    /// Thread id.
    pub pid: Option<u32>,
    /// Reload or other reason to be in the kernel.
    pub origin: Option<String>,
    /// In order; the last one waits.
    pub steps: Vec<ScenarioStep>,
    /// The dependency it shows.
    pub dependency: u32,
    /// Which of that dependency's evidence it shows.
    pub evidence: u32,
}

/// One step of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioStep {
    /// `lock` or `trylock`; `run`, `complete` and `flush`, `join`, `wait` for what is no lock
    pub op: String,
    /// Name of the lock.
    pub lock: String,
    /// How.
    pub mode: Mode,
    /// `held` or `waits`
    pub state: String,
}
