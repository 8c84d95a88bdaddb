//! The model as a document sees it: locks numbered and named, stacks as text.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::concurrency::Budget;
use super::context::{Addresses, Context};
use super::event::{Frame, LockKind};
use super::fingerprint;
use super::graph::{Evidence, OrderGraph};
use super::held::Taken;
use super::lock::LockId;
use super::model::Model;
use super::snapshot;
use super::stack::StackId;
use super::task::TaskRef;

/// Class of locks that the source has no name for.
const UNNAMED_CLASS: &str = "lock";

/// A model together with what it takes to show it.
pub(crate) struct View<'a> {
    pub(crate) model: &'a Model,
    pub(crate) context: &'a Context,
    /// What the searches for other orders of the trace may still cost.
    pub(crate) budget: Budget,
    graph: Cow<'a, OrderGraph>,
    locks: Vec<Named<'a>>,
    /// The number of each lock; 0 is none.
    numbers: Vec<u32>,
    classes: Vec<&'a str>,
    /// Addresses as text: the same are in stack after stack.
    described: RefCell<FxHashMap<u64, Arc<str>>>,
}

struct Named<'a> {
    id: LockId,
    number: u32,
    name: Cow<'a, str>,
    /// Index into the classes.
    class: u32,
}

/// Classes by number.
#[derive(Default)]
struct Classes<'a> {
    names: Vec<&'a str>,
    known: FxHashMap<&'a str, u32>,
}

impl<'a> Classes<'a> {
    /// A class that no other lock is in, whatever it is called.
    fn add_single(&mut self, name: &'a str) -> u32 {
        self.names.push(name);
        u32::try_from(self.names.len() - 1).unwrap_or(u32::MAX)
    }

    fn add(&mut self, name: &'a str) -> u32 {
        if let Some(&number) = self.known.get(name) {
            return number;
        }
        let number = self.add_single(name);
        self.known.insert(name, number);
        number
    }
}

impl<'a> View<'a> {
    /// Numbers and names every lock that the document mentions.
    pub(crate) fn new(model: &'a Model, context: &'a Context) -> Self {
        Self::of(model, context, Cow::Borrowed(&model.graph))
    }

    fn of(model: &'a Model, context: &'a Context, graph: Cow<'a, OrderGraph>) -> Self {
        let mut locks = Vec::new();
        let mut numbers = Vec::new();
        let mut classes = Classes::default();
        for (number, id) in (1u32..).zip(mentioned(model, &graph)) {
            let told = model.locks.get(id).and_then(|lock| lock.name.as_ref());
            let name = told.map_or_else(|| format!("lock-{number}").into(), |told| told.name.as_str().into());
            let class = match told {
                // The only instance of its class: when it is born again, that is another class.
                Some(told) if context.addresses == Addresses::Absent && told.name == told.class => {
                    classes.add_single(&told.class)
                }
                Some(told) => classes.add(&told.class),
                None => classes.add_single(UNNAMED_CLASS),
            };
            numbers.resize(id.index(), 0);
            numbers.push(number);
            locks.push(Named {
                id,
                number,
                name,
                class,
            });
        }
        // A text trace's names stay as they are written; a kernel's are often those of the class.
        if context.addresses != Addresses::Absent {
            let mut uses: FxHashMap<Cow<'_, str>, u32> = FxHashMap::default();
            for named in &mut locks {
                let uses = uses.entry(named.name.clone()).or_default();
                *uses += 1;
                if *uses > 1 {
                    named.name = format!("{} #{uses}", named.name).into();
                }
            }
        }
        Self {
            model,
            context,
            budget: Budget::default(),
            graph,
            locks,
            numbers,
            classes: classes.names,
            described: RefCell::default(),
        }
    }

    /// The same model with another order graph.
    pub(crate) fn with(&self, graph: OrderGraph) -> Self {
        Self::of(self.model, self.context, Cow::Owned(graph))
    }

    /// The order graph.
    pub(crate) fn graph(&self) -> &OrderGraph {
        &self.graph
    }

    /// The lock's number in the document; 0 is none.
    pub(crate) fn number(&self, lock: LockId) -> u32 {
        self.numbers.get(lock.index()).copied().unwrap_or(0)
    }

    fn named(&self, lock: LockId) -> Option<&Named<'a>> {
        let place = usize::try_from(self.number(lock)).ok()?.checked_sub(1)?;
        self.locks.get(place)
    }

    /// What people call the lock.
    pub(crate) fn name(&self, lock: LockId) -> &str {
        self.named(lock).map_or("", |named| &named.name)
    }

    /// What people call a lock that the document need not mention.
    pub(crate) fn any_name(&self, lock: LockId) -> &str {
        let told = self.model.locks.get(lock).and_then(|lock| lock.name.as_ref());
        told.map_or_else(|| self.name(lock), |told| &told.name)
    }

    /// Its class.
    pub(crate) fn class(&self, lock: LockId) -> &'a str {
        self.class_name(self.class_number(lock))
    }

    /// The number of its class.
    pub(crate) fn class_number(&self, lock: LockId) -> u32 {
        self.named(lock).map_or(u32::MAX, |named| named.class)
    }

    /// The class with a number.
    pub(crate) fn class_name(&self, class: u32) -> &'a str {
        self.classes.get(class as usize).copied().unwrap_or_default()
    }

    /// How many classes and how many locks there are.
    pub(crate) fn sizes(&self) -> (usize, usize) {
        (self.classes.len(), self.locks.len())
    }

    /// All locks of the document.
    pub(crate) fn locks(&self) -> Vec<snapshot::Lock> {
        let waited = self.model.durations.waited_by_lock();
        let lock = |named: &Named<'_>| snapshot::Lock {
            waited: waited.get(&named.id).copied().filter(|waited| waited.count > 0),
            held_for: self.model.durations.held.get(&named.id).copied(),
            ..self.lock(named)
        };
        self.locks.iter().map(lock).collect()
    }

    fn lock(&self, named: &Named<'_>) -> snapshot::Lock {
        let lock = self.model.locks.get(named.id);
        let kind = match lock.map_or(LockKind::Unknown, |lock| lock.kind) {
            LockKind::Mutex => "mutex",
            LockKind::Rwsem => "rwsem",
            LockKind::WwMutex => "ww_mutex",
            LockKind::PercpuRwsem => "percpu_rwsem",
            LockKind::Semaphore => "semaphore",
            LockKind::RtMutex => "rt_mutex",
            LockKind::Work => "work",
            LockKind::Queue => "workqueue",
            LockKind::Srcu => "srcu",
            LockKind::Kernfs => "kernfs",
            LockKind::Completion => "completion",
            LockKind::Event => "event",
            LockKind::Thread => "thread",
            LockKind::Unknown => "unknown",
        };
        let address = match self.context.addresses {
            Addresses::Absent => None,
            Addresses::Pseudonym => Some(format!("lock-{}", named.number)),
            Addresses::Raw => lock.map(|lock| format!("{:#018x}", lock.key.0)),
        };
        snapshot::Lock {
            id: named.number,
            name: named.name.to_string(),
            class: self.class_name(named.class).to_string(),
            kind: kind.to_string(),
            label: lock
                .and_then(|lock| lock.name.as_ref())
                .and_then(|name| name.label.clone()),
            address,
            named_by: lock.and_then(|lock| lock.name.as_ref()).and_then(|name| name.named_by),
            waited: None,
            held_for: None,
        }
    }

    /// One frame as text.
    pub(crate) fn frame(&self, frame: &Frame) -> Arc<str> {
        match frame {
            Frame::Address(address) => {
                let mut described = self.described.borrow_mut();
                let text = described.entry(*address);
                Arc::clone(text.or_insert_with(|| self.context.symbols.describe(*address).into()))
            }
            Frame::Text(text) => Arc::clone(text),
        }
    }

    /// A stack as text, innermost frame first.
    pub(crate) fn stack(&self, stack: StackId) -> Vec<Arc<str>> {
        self.frames(self.model.stacks.frames(stack))
    }

    /// Frames as text.
    pub(crate) fn frames(&self, frames: &[Frame]) -> Vec<Arc<str>> {
        frames.iter().map(|frame| self.frame(frame)).collect()
    }

    /// The function that took the lock: the innermost one that is no locking primitive.
    pub(crate) fn function(&self, stack: StackId) -> Option<&'a str> {
        let model = self.model;
        model.stacks.frames(stack).iter().find_map(|frame| match frame {
            Frame::Address(address) => self.context.symbols.function(*address).and_then(fingerprint::function),
            Frame::Text(text) => fingerprint::function(text),
        })
    }

    /// A task's name and thread id.
    pub(crate) fn task(&self, task: TaskRef) -> (String, Option<u32>) {
        let name = self.model.tasks.get(task);
        (name.comm, name.pid)
    }

    /// A held stack.
    pub(crate) fn held(&self, held: &[Taken]) -> Vec<snapshot::Held> {
        held.iter()
            .map(|taken| snapshot::Held {
                lock: self.number(taken.lock),
                mode: taken.mode.into(),
                trylock: taken.trylock,
            })
            .collect()
    }

    /// Why the task was in the kernel: the reload window, and what else the source told.
    pub(crate) fn origin(&self, evidence: &Evidence) -> Option<String> {
        let beside = self.graph.situation(evidence).and_then(|known| known.origin.as_deref());
        match (self.window(evidence), beside) {
            (Some(window), Some(beside)) => Some([window.as_str(), snapshot::BESIDE_WINDOW, beside].concat()),
            (window, beside) => window.or(beside.map(str::to_owned)),
        }
    }

    /// The reload window's handle, action, limit and namespaces.
    fn window(&self, evidence: &Evidence) -> Option<String> {
        let window = self.graph.window(evidence)?;
        let window = &self.model.windows.get(&window)?.begin;
        let mut origin = format!("devlink reload {} ({})", window.handle, window.action);
        if let Some(limit) = &window.limit {
            origin.push_str(&format!(" limit {limit}"));
        }
        if let (Some(from), Some(to)) = (window.netns_from, window.netns_to)
            && from != to
        {
            origin.push_str(&format!(" netns {from} -> {to}"));
        }
        Some(origin)
    }
}

/// Every lock that the document mentions, in order.
fn mentioned(model: &Model, graph: &OrderGraph) -> impl Iterator<Item = LockId> {
    // Locks and situations are numbered without gaps.
    let mut locks = Marks::default();
    let mut situations = Marks::default();
    for dependency in graph.dependencies() {
        locks.mark(dependency.edge.from);
        locks.mark(dependency.edge.to);
        for evidence in &dependency.evidence {
            // One situation proves a dependency for each lock that it holds.
            if situations.set(evidence.situation as usize) {
                let held = graph.situation(evidence).into_iter().flat_map(|known| &known.held);
                held.for_each(|taken| locks.mark(taken.lock));
            }
        }
    }
    let notifiers = model.notifiers.iter().flat_map(|(_, held)| held);
    notifiers.for_each(|taken| locks.mark(taken.lock));
    model.breaches.keys().for_each(|&(_, lock, _)| locks.mark(lock));
    for (task, waiting) in model.held.all_waiting() {
        locks.mark(waiting.request.lock);
        model.held.of(task).iter().for_each(|taken| locks.mark(taken.lock));
    }
    // Those that are waited for and do not wait themselves may be told, too.
    for task in model.held.all_placed() {
        model.held.of(task).iter().for_each(|taken| locks.mark(taken.lock));
    }
    for waited in &model.waited {
        locks.mark(waited.waiting.request.lock);
        let held = waited.on.iter().flat_map(|blocker| &blocker.held);
        held.for_each(|taken| locks.mark(taken.lock));
    }
    let contended = model.durations.waited.values();
    let contended = contended.filter(|place| place.durations.count > 0);
    contended.for_each(|place| locks.mark(place.request.lock));
    let marks = locks.0.into_iter().enumerate();
    marks.filter(|&(_, marked)| marked).map(|(index, _)| LockId::new(index))
}

/// Small numbers that were met.
#[derive(Default)]
struct Marks(Vec<bool>);

impl Marks {
    /// Marks a number; tells whether it was not yet.
    fn set(&mut self, number: usize) -> bool {
        if self.0.len() <= number {
            self.0.resize(number + 1, false);
        }
        let mark = self.0.get_mut(number);
        mark.is_some_and(|mark| !std::mem::replace(mark, true))
    }

    fn mark(&mut self, lock: LockId) {
        self.set(lock.index());
    }
}
