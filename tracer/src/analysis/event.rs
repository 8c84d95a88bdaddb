//! What a source tells the analysis: integers and names, never kernel access.
//!
//! Live tracing, import and tests all speak these events, so that the same events give the same findings wherever they come from.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A lock as its source names it: the address in a live trace, an interned name in a text trace.
/// One key can be several locks in a row: see [`Event::Init`] and [`Event::Free`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LockKey(pub u64);

/// A task as its source names it: the `task_struct` in a live trace (never reused while it is traced), an interned name in a text trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskKey(pub u64);

/// A chain as its source names it: equal keys are the same held locks, request and call path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChainKey(pub u64);

/// A reload window, numbered by its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WindowKey(pub u64);

/// What was waited for at a place, as its source names it: equal keys are the same lock, mode and call path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DurationKey(pub u64);

/// A stack as its source names it: told once by [`Event::Stack`], meant by every [`Step`] that has it. 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StackKey(pub u64);

/// How a lock is held or requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// Mutex, rwsem for write.
    Exclusive,
    /// Rwsem for read: waits while a writer is queued.
    Shared,
    /// A reader that queued writers do not stop (SRCU, rwlock in interrupts).
    SharedRecursive,
}

/// What sort of lock it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LockKind {
    /// `struct mutex`
    Mutex,
    /// `struct rw_semaphore`
    Rwsem,
    /// `struct percpu_rw_semaphore`: its readers are seen only when they wait.
    PercpuRwsem,
    /// `struct semaphore`: whoever wants to gives it back.
    Semaphore,
    /// `struct rt_mutex`
    RtMutex,
    /// `struct ww_mutex` taken with an acquire context: backs off instead of blocking another of its kind.
    WwMutex,
    /// A work item: held by who runs it, requested by who flushes it.
    Work,
    /// A queue of work items, likewise: held by each who runs an item of it.
    Queue,
    /// `struct srcu_struct`: held by its readers, requested by who waits for them.
    Srcu,
    /// A node of kernfs: held by who uses it, requested by who removes it.
    Kernfs,
    /// `struct completion`: owed by who will complete it, requested by who waits for it.
    Completion,
    /// A thread that somebody waits for: owed by the thread itself, requested by who joins it.
    Thread,
    /// Something that a task waits for and nobody is known to do: references of a network device that have to go.
    Event,
    /// The source does not tell.
    Unknown,
}

impl LockKind {
    /// No lock, but something that has to happen first: a dependency that ends in it is a wait edge.
    pub fn is_wait(self) -> bool {
        matches!(
            self,
            Self::Work | Self::Queue | Self::Srcu | Self::Kernfs | Self::Completion | Self::Thread | Self::Event
        )
    }
}

/// What a lock's name rests on, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NamedBy {
    /// The symbol of the variable that it is.
    Symbol,
    /// The object that it is part of told its name.
    Object,
    /// The class that lockdep has it in, on a kernel with lockdep.
    Lockdep,
    /// The name it was initialised with: the text of the expression, as lockdep has it.
    Init,
    /// The member of a structure that the code at the place where it was taken leads to: `&devlink->lock`, with the structure's name.
    Site,
    /// The function that takes it. Two roles of one function look like one then, and one role in two functions like two.
    Taker,
    /// The slab cache that its memory is of, and where in an object it is.
    Slab,
}

/// What people call a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockName {
    /// The role: `rtnl_mutex`, `&devlink->lock`.
    pub class: String,
    /// The object: `rtnl_mutex`, `devlink netdevsim/netdevsim10`. Unique among the locks of a trace where the source can tell them apart.
    pub name: String,
    /// The object the lock belongs to, if it belongs to one: `devlink pci/0000:00:09.0`.
    pub label: Option<String>,
    /// What the name rests on, where the source tells.
    pub named_by: Option<NamedBy>,
}

/// What people call a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskName {
    /// Thread id, where the source has one.
    pub pid: Option<u32>,
    /// Command name; a worker's with its work: `kworker/u8:1: netns cleanup_net`.
    pub comm: String,
}

/// One stack frame, innermost first in a stack.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Frame {
    /// A return address in kernel text, symbolised when it is shown.
    Address(u64),
    /// What the source says: a line number, a function.
    Text(Arc<str>),
}

/// One lock of a held stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The lock.
    pub lock: LockKey,
    /// How it is held now: after `downgrade_write` that is shared.
    pub mode: Mode,
    /// Taken by a trylock.
    pub trylock: bool,
    /// Where it was taken; empty when the source cannot tell.
    pub stack: Arc<[Frame]>,
}

/// A held stack plus the lock that was requested on top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Identity for [`Event::Again`].
    pub key: ChainKey,
    /// Who requested.
    pub task: TaskKey,
    /// Locks held at the request, in order of acquisition. Already verified: stale holds are gone.
    pub held: Vec<Hold>,
    /// The lock requested, how, and from where.
    pub request: Hold,
    /// When, in ns since the start of the capture.
    pub time_ns: u64,
    /// The reload window it happened in.
    pub window: Option<WindowKey>,
    /// Why the task was in the kernel, beside the window: `rtnetlink RTM_NEWLINK (rtnl_newlink)`.
    pub origin: Option<String>,
}

/// Chains with other locks that were not told, because one that was told stands for them: it is on the same call path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Others {
    /// The one that was told.
    pub chain: ChainKey,
    /// How many there were so far.
    pub count: u64,
    /// What it tells of them.
    pub known: Known,
}

/// What is known of chains that were not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Their dependencies, by class.
    ByClass,
    /// That all of them are left out.
    LeftOut,
    /// Nothing.
    Nothing,
}

/// A devlink reload begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowBegin {
    /// Identity.
    pub key: WindowKey,
    /// Who reloads.
    pub task: TaskKey,
    /// `BUS/DEV`
    pub handle: String,
    /// `driver_reinit`, `fw_activate`.
    pub action: String,
    /// `no_reset` where the reload is limited to that.
    pub limit: Option<String>,
    /// Inode numbers of the network namespaces: the instance is in and goes to.
    pub netns_from: Option<u32>,
    /// See `netns_from`.
    pub netns_to: Option<u32>,
    /// When, in ns since the start of the capture.
    pub time_ns: u64,
}

/// A notifier is registered or unregistered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifierChange {
    /// Who does it.
    pub task: TaskKey,
    /// The kernel function called: `unregister_netdevice_notifier`.
    pub function: String,
    /// The chain: its symbol, and whose it is.
    pub chain: Option<String>,
    /// The callback's symbol or address.
    pub callback: Frame,
    /// Locks held, in order of acquisition.
    pub held: Vec<Hold>,
    /// Where from.
    pub stack: Vec<Frame>,
    /// When, in ns since the start of the capture.
    pub time_ns: u64,
    /// The reload window it happened in.
    pub window: Option<WindowKey>,
}

/// A task that holds or requests locks and does not get on, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stalled {
    /// Who.
    pub task: TaskKey,
    /// Locks held, in order of acquisition. Already verified.
    pub held: Vec<Hold>,
    /// The lock that it waits for; none when it sleeps for another reason.
    pub waits: Option<Hold>,
    /// Who has that lock, where the lock itself tells.
    pub owner: Option<TaskKey>,
    /// Since when, in ns since the start of the capture: it may have been there for some time by then.
    pub since_ns: u64,
    /// Where it is, innermost first; empty when that is not known.
    pub stack: Arc<[Frame]>,
    /// The reload window that it is in.
    pub window: Option<WindowKey>,
    /// Why it is in the kernel, beside the window.
    pub origin: Option<String>,
}

/// How often something took how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Durations {
    /// How often.
    pub count: u64,
    /// In all, in ns.
    pub total_ns: u64,
    /// The longest, in ns.
    pub max_ns: u64,
}

impl Durations {
    /// All of both.
    pub(crate) fn add(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.total_ns = self.total_ns.saturating_add(other.total_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
    }
}

impl From<[u64; 3]> for Durations {
    /// The numbers in the order of the fields.
    fn from([count, total_ns, max_ns]: [u64; 3]) -> Self {
        Self {
            count,
            total_ns,
            max_ns,
        }
    }
}

/// What a task does in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Asks for it; may block.
    Request(LockKey, Mode),
    /// Gets it; without a request before it, both at once.
    Acquire(LockKey, Mode),
    /// Gets it by a trylock.
    Try(LockKey, Mode),
    /// Gives it back; the stack is that of the release.
    Release(LockKey, Mode),
    /// The pending request is given up: nothing is held.
    Fail(LockKey),
    /// Held exclusive becomes held shared.
    Downgrade(LockKey),
    /// Initialises it: the key is a new lock from here on, and nobody may hold the old one.
    Init(LockKey),
    /// Starts a thread.
    Fork(TaskKey),
    /// Waits until a thread has ended.
    Join(TaskKey),
    /// Queues a work item.
    Queue(LockKey),
    /// Begins to run a work item.
    Begin(LockKey),
    /// Has run it.
    End(LockKey),
    /// Waits until a work item, if queued or running, has ended.
    Flush(LockKey),
    /// Waits for a completion.
    Wait(LockKey),
    /// Completes it.
    Wake(LockKey),
}

/// One step of a task, for sources that tell them one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Who.
    pub task: TaskKey,
    /// What.
    pub op: Op,
    /// Where.
    pub stack: StackKey,
    /// When, in ns since the start of the capture.
    pub time_ns: u64,
}

/// What a source tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// What a task is called; the last word counts.
    Task(TaskKey, TaskName),
    /// What a lock is called; the last word counts.
    Lock(LockKey, LockKind, LockName),
    /// The key is a new lock from here on, without a name until the next [`Event::Lock`].
    Init(LockKey),
    /// The lock is gone; its key, when seen again, is another lock.
    Free(LockKey),
    /// A chain never seen before.
    Chain(Box<Chain>),
    /// A task other than its first went along a known chain.
    Again(ChainKey, TaskKey),
    /// How often a chain has been seen in all.
    Count(ChainKey, u64),
    /// How many chains a chain has stood for in all.
    Others(Others),
    /// What a stack is.
    Stack(StackKey, Vec<Frame>),
    /// One step of a task: becomes chains through its held stack.
    Step(Step),
    /// A devlink reload begins.
    WindowBegin(Box<WindowBegin>),
    /// It ends: return value (0 or a negative errno) and time in ns.
    WindowEnd(WindowKey, i32, u64),
    /// A notifier is registered or unregistered.
    Notifier(Box<NotifierChange>),
    /// A task does not get on: this is what it holds, and nothing else, until it moves.
    Stalled(Box<Stalled>),
    /// It is elsewhere, or gone: what it holds is not known any more. When, in ns since the start of the capture.
    Moved(TaskKey, u64),
    /// This lock has to be waited for here.
    Contended(DurationKey, Hold),
    /// How long that was in all so far.
    Waited(DurationKey, Durations),
    /// How long a lock was held in all so far.
    HeldFor(LockKey, Durations),
    /// How long a lock was held in all: another one begins at its address, of which nothing else may be told.
    HeldUntil(LockKey, Durations),
    /// Somebody waits for the end of this task: all that it requests has to happen before.
    Owes(TaskKey, LockKey),
}
