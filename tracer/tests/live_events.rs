//! Events as a live source tells them: chains, windows, notifiers, names that change, addresses.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use support::lines;
use tracer::analysis::context::{Addresses, Context};
use tracer::analysis::event::{
    Chain, ChainKey, DurationKey, Durations, Event, Frame, Hold, LockKey, LockKind, LockName, Mode, NotifierChange,
    Stalled, TaskKey, TaskName, WindowBegin, WindowKey,
};
use tracer::analysis::model::Model;
use tracer::analysis::snapshot::{Capture, Kernel, Probes, Snapshot};
use tracer::names::symbol::Symbols;
use tracer::report::text;

const KALLSYMS: &str = "\
ffffffff81000000 t cleanup_net
ffffffff81001000 T unregister_netdevice_notifier
ffffffff81002000 t devlink_pernet_pre_exit
ffffffff81003000 T devl_lock
ffffffff81004000 T mutex_lock
ffffffff81005000 T down_write
ffffffff81006000 t worker_thread
ffffffff81007000 T devlink_nl_reload_doit
ffffffff81008000 t dlock_event\t[dlock]
ffffffff81009000 T __end
";
const PERNET: u64 = 0xffff_ffff_8200_0000;
const DEVICE: u64 = 0xffff_8880_0000_1000;
const DEVLINK: u64 = 0xffff_8880_0000_2000;

fn name(key: u64, kind: LockKind, class: &str, name: &str) -> Event {
    Event::Lock(
        LockKey(key),
        kind,
        LockName {
            class: class.to_string(),
            name: name.to_string(),
            label: None,
            named_by: None,
        },
    )
}

fn task(key: u64, pid: u32, comm: &str) -> Event {
    Event::Task(
        TaskKey(key),
        TaskName {
            pid: Some(pid),
            comm: comm.to_string(),
        },
    )
}

fn hold(lock: u64, mode: Mode, stack: &[u64]) -> Hold {
    let stack = stack.iter().map(|&address| Frame::Address(address)).collect();
    Hold {
        lock: LockKey(lock),
        mode,
        trylock: false,
        stack,
    }
}

fn chain(key: u64, task: u64, held: Vec<Hold>, request: Hold, time_ns: u64, window: Option<u64>) -> Event {
    let window = window.map(WindowKey);
    Event::Chain(Box::new(Chain {
        key: ChainKey(key),
        task: TaskKey(task),
        held,
        request,
        time_ns,
        window,
        origin: None,
    }))
}

fn window(key: u64, task: u64, to: u32, time_ns: u64) -> Event {
    Event::WindowBegin(Box::new(WindowBegin {
        key: WindowKey(key),
        task: TaskKey(task),
        handle: "dlock/dlock1".to_string(),
        limit: None,
        action: "driver_reinit".to_string(),
        netns_from: Some(4_026_531_840),
        netns_to: Some(to),
        time_ns,
    }))
}

/// The founding case on 6.12: a reload in a `devlink` task, then one in the netns worker.
fn founding() -> Vec<Event> {
    let reload = &[0xffff_ffff_8100_4010, 0xffff_ffff_8100_3010, 0xffff_ffff_8100_7020];
    let worker = &[0xffff_ffff_8100_3010, 0xffff_ffff_8100_2010, 0xffff_ffff_8100_6010];
    let unregister = &[0xffff_ffff_8100_5010, 0xffff_ffff_8100_1010, 0xffff_ffff_8100_7040];
    let device = || hold(DEVICE, Mode::Exclusive, reload);
    let devlink = || hold(DEVLINK, Mode::Exclusive, reload);
    let pernet = || hold(PERNET, Mode::Shared, &[0xffff_ffff_8100_0010, 0xffff_ffff_8100_6010]);
    vec![
        name(PERNET, LockKind::Rwsem, "pernet_ops_rwsem", "pernet_ops_rwsem"),
        name(DEVICE, LockKind::Mutex, "&dev->mutex", "device dlock1"),
        name(DEVLINK, LockKind::Mutex, "&devlink->lock", "devlink dlock/dlock1"),
        task(1, 321, "devlink"),
        window(1, 1, 4_026_531_840, 1_000_000),
        chain(
            1,
            1,
            vec![device()],
            hold(DEVLINK, Mode::Exclusive, reload),
            2_000_000,
            Some(1),
        ),
        chain(
            2,
            1,
            vec![device(), devlink()],
            hold(PERNET, Mode::Exclusive, unregister),
            3_000_000,
            Some(1),
        ),
        Event::Notifier(Box::new(NotifierChange {
            task: TaskKey(1),
            function: "unregister_netdevice_notifier".to_string(),
            chain: None,
            callback: Frame::Address(0xffff_ffff_8100_8000),
            held: vec![device(), devlink()],
            stack: vec![Frame::Address(0xffff_ffff_8100_7040)],
            time_ns: 3_100_000,
            window: Some(WindowKey(1)),
        })),
        Event::WindowEnd(WindowKey(1), 0, 9_000_000),
        task(2, 47, "kworker/u8:1: netns cleanup_net"),
        window(2, 2, 4_026_532_345, 2_000_000_000),
        chain(
            3,
            2,
            vec![pernet()],
            hold(DEVICE, Mode::Exclusive, worker),
            2_100_000_000,
            Some(2),
        ),
        chain(
            4,
            2,
            vec![pernet(), device()],
            hold(DEVLINK, Mode::Exclusive, worker),
            2_200_000_000,
            Some(2),
        ),
        Event::Count(ChainKey(3), 12),
        task(2, 47, "kworker/u8:1: events_unbound other_work"),
    ]
}

fn model(events: Vec<Event>) -> Model {
    let mut model = Model::new();
    events.into_iter().for_each(|event| model.apply(event));
    model
}

fn context(addresses: Addresses) -> Context {
    let capture = Capture {
        backend: "fentry".to_string(),
        command: Some(vec!["./devlink_reload_test.sh".to_string()]),
        command_status: Some(0),
        duration_ns: Some(3_000_000_000),
        complete: true,
        probes: Probes {
            attached: vec!["mutex_lock".to_string()],
            missing: vec!["down_read_killable".to_string()],
        },
        ..Capture::default()
    };
    let kernel = Kernel {
        release: Some("6.12.0".to_string()),
        btf: Some(true),
        ..Kernel::default()
    };
    Context {
        symbols: Symbols::parse(KALLSYMS),
        kernel,
        capture,
        addresses,
        ..Context::default()
    }
}

fn snapshot(events: Vec<Event>) -> Snapshot {
    model(events).snapshot(&context(Addresses::Pseudonym))
}

const FOUND: &str = "inversion possible error device dlock1 devlink dlock/dlock1 pernet_ops_rwsem";

#[test]
fn chains_make_the_same_findings_as_steps() {
    let snapshot = snapshot(founding());
    let guarded = "inversion guarded note devlink dlock/dlock1 pernet_ops_rwsem";
    assert_eq!(lines(&snapshot), [FOUND, guarded]);
    assert!(snapshot.capture.complete);
    let counted = snapshot
        .dependencies
        .iter()
        .find(|dependency| dependency.count == 12)
        .expect("the counted one");
    assert_eq!(
        (counted.tasks, counted.direct, counted.from_mode),
        (1, true, tracer::analysis::snapshot::Mode::Shared)
    );
    assert!(snapshot.dependencies.iter().any(|dependency| !dependency.direct));
}

#[test]
fn the_report_reads_like_lockdep() {
    insta::assert_snapshot!(text::render(&snapshot(founding()), text::Options::default()));
}

#[test]
fn a_task_is_called_as_it_was_at_the_time() {
    let snapshot = snapshot(founding());
    let tasks: Vec<_> = snapshot.findings[0]
        .scenario
        .iter()
        .map(|side| (side.task.as_str(), side.pid))
        .collect();
    assert_eq!(
        tasks,
        [("devlink", Some(321)), ("kworker/u8:1: netns cleanup_net", Some(47))]
    );
    assert_eq!(
        snapshot.findings[0].scenario[1].origin.as_deref(),
        Some("devlink reload dlock/dlock1 (driver_reinit) netns 4026531840 -> 4026532345")
    );
}

#[test]
fn another_task_on_a_known_chain_makes_two_tasks_of_one() {
    let mode = Mode::Exclusive;
    let one_task = || {
        vec![
            chain(1, 1, vec![hold(1, mode, &[])], hold(2, mode, &[]), 1, None),
            chain(2, 1, vec![hold(2, mode, &[])], hold(1, mode, &[]), 2, None),
        ]
    };
    assert_eq!(
        lines(&snapshot(one_task())),
        ["inversion single-task note lock-1 lock-2"]
    );
    let mut two_tasks = one_task();
    two_tasks.push(Event::Again(ChainKey(2), TaskKey(2)));
    assert_eq!(lines(&snapshot(two_tasks)), ["inversion possible error lock-1 lock-2"]);
    // The same chain found new on two CPUs is told twice.
    let mut twice = one_task();
    twice.push(chain(2, 2, vec![hold(2, mode, &[])], hold(1, mode, &[]), 2, None));
    assert_eq!(lines(&snapshot(twice)), ["inversion possible error lock-1 lock-2"]);
}

#[test]
fn another_task_is_not_put_into_the_window_of_the_first() {
    let mut events = founding();
    events.push(task(3, 400, "devlink"));
    events.push(Event::Again(ChainKey(2), TaskKey(3)));
    let snapshot = snapshot(events);
    let evidence = snapshot.dependencies.iter().flat_map(|dependency| &dependency.evidence);
    let (others, first): (Vec<_>, Vec<_>) = evidence.partition(|evidence| evidence.pid == Some(400));
    assert!(
        !others.is_empty()
            && others
                .iter()
                .all(|evidence| evidence.window.is_none() && evidence.origin.is_none())
    );
    assert!(
        first
            .iter()
            .all(|evidence| evidence.window.is_some() && evidence.origin.is_some())
    );
}

#[test]
fn no_address_is_shown_unless_asked_for() {
    for (addresses, shown) in [(Addresses::Pseudonym, false), (Addresses::Raw, true)] {
        let snapshot = model(founding()).snapshot(&context(addresses));
        let json = tracer::report::json::render(&snapshot).expect("JSON");
        let text = text::render(
            &snapshot,
            text::Options {
                notes: true,
                ..text::Options::default()
            },
        );
        assert_eq!(json.contains("0xffff8880"), shown);
        assert!(!text.contains("ffff8880") && !text.contains("ffffffff8"), "{text}");
    }
}

#[test]
fn locks_of_one_name_are_told_apart() {
    let mode = Mode::Exclusive;
    let mut events = vec![
        name(1, LockKind::Mutex, "&p->lock", "&p->lock"),
        name(2, LockKind::Mutex, "&p->lock", "&p->lock"),
        name(3, LockKind::Mutex, "rtnl_mutex", "rtnl_mutex"),
    ];
    events.push(chain(
        1,
        1,
        vec![hold(1, mode, &[]), hold(2, mode, &[])],
        hold(3, mode, &[]),
        1,
        None,
    ));
    let names: Vec<_> = snapshot(events).locks.into_iter().map(|lock| lock.name).collect();
    assert_eq!(names, ["&p->lock", "&p->lock #2", "rtnl_mutex"]);
}

#[test]
fn n10_wound_wait_mutexes_back_off() {
    let mode = Mode::Exclusive;
    let events = |kind| {
        vec![
            name(1, kind, "ww", "a"),
            name(2, kind, "ww", "b"),
            chain(1, 1, vec![hold(1, mode, &[])], hold(2, mode, &[]), 1, None),
            chain(2, 2, vec![hold(2, mode, &[])], hold(1, mode, &[]), 2, None),
            chain(3, 3, vec![hold(2, mode, &[])], hold(2, mode, &[]), 2, None),
        ]
    };
    assert_eq!(lines(&snapshot(events(LockKind::WwMutex))), [""; 0]);
    assert_eq!(
        lines(&snapshot(events(LockKind::Mutex))),
        ["recursion certain critical b", "inversion possible error a b"]
    );
}

#[test]
fn a_freed_address_is_another_lock() {
    let mode = Mode::Exclusive;
    let first = || chain(1, 1, vec![hold(1, mode, &[])], hold(2, mode, &[]), 1, None);
    let second = || chain(2, 2, vec![hold(2, mode, &[])], hold(1, mode, &[]), 2, None);
    assert_eq!(
        lines(&snapshot(vec![first(), Event::Free(LockKey(2)), second()])),
        [""; 0]
    );
    assert_eq!(
        lines(&snapshot(vec![first(), Event::Init(LockKey(2)), second()])),
        [""; 0]
    );
    // Initialised before it was ever used, it is still that one.
    let early = vec![
        name(2, LockKind::Mutex, "b", "b"),
        Event::Init(LockKey(2)),
        first(),
        second(),
    ];
    assert_eq!(lines(&snapshot(early)), ["inversion possible error b lock-2"]);
}

#[test]
fn what_does_not_fit_is_counted() {
    let events = vec![
        Event::Again(ChainKey(9), TaskKey(1)),
        Event::Count(ChainKey(9), 2),
        Event::WindowEnd(WindowKey(9), 0, 1),
    ];
    let snapshot = snapshot(events);
    assert_eq!(snapshot.capture.counters.get("unknown_chain"), Some(&2));
    assert_eq!(snapshot.capture.counters.get("unknown_window"), Some(&1));
}

#[test]
fn the_fingerprint_does_not_know_addresses_names_times_or_order() {
    let original = snapshot(founding()).findings[0].fingerprint.clone();
    // Another boot: other addresses, pids, instance names and times, and the worker first.
    let mut moved = founding();
    moved.rotate_left(9);
    for event in &mut moved {
        match event {
            Event::Lock(_, _, name) => name.name = name.name.replace("dlock1", "dlock7"),
            Event::Task(_, name) => name.pid = Some(9),
            Event::Chain(chain) => chain.time_ns += 77,
            _ => {}
        }
    }
    let snapshot = snapshot(moved);
    assert_eq!(snapshot.findings[0].fingerprint, original);
    assert_ne!(snapshot.findings[1].fingerprint, original);
}

/// A task that does not get on.
fn stalled(task: u64, held: Vec<Hold>, waits: Option<Hold>, owner: Option<u64>, since_ns: u64) -> Event {
    Event::Stalled(Box::new(Stalled {
        task: TaskKey(task),
        held,
        waits,
        owner: owner.map(TaskKey),
        since_ns,
        stack: [Frame::Text(format!("sleep_of_{task}").into())].into(),
        window: None,
        origin: None,
    }))
}

fn two_locks() -> Vec<Event> {
    vec![
        name(1, LockKind::Mutex, "a", "a"),
        name(2, LockKind::Mutex, "b", "b"),
        task(1, 11, "one"),
        task(2, 12, "two"),
    ]
}

#[test]
fn tasks_that_wait_for_each_other_are_a_deadlock_until_one_gets_on() {
    let mode = Mode::Exclusive;
    let mut events = two_locks();
    events.push(stalled(1, vec![hold(1, mode, &[])], Some(hold(2, mode, &[])), None, 5));
    assert_eq!(lines(&snapshot(events.clone())), [""; 0]);
    events.push(stalled(2, vec![hold(2, mode, &[])], Some(hold(1, mode, &[])), None, 9));
    let told = snapshot(events.clone());
    assert_eq!(lines(&told), ["deadlock deadlock critical a b"]);
    assert_eq!(told.waits.len(), 2);
    assert!(told.waits.iter().all(|wait| wait.in_circle && wait.finding == Some(1)));
    events.push(Event::Moved(TaskKey(1), 20));
    let told = snapshot(events);
    assert_eq!(lines(&told), ["inversion possible error a b"]);
    assert_eq!(
        (told.waits.len(), told.waited.len()),
        (1, 0),
        "a short wait is not kept"
    );
}

#[test]
fn who_polls_for_an_event_waits_on_and_who_waits_anew_does_not() {
    const SECOND: u64 = 1_000_000_000;
    let mode = Mode::Exclusive;
    let mut events = two_locks();
    events.push(name(3, LockKind::Event, "netdev_run_todo", "netdev_run_todo"));
    let polls = |at: u64, since_ns| stalled(1, vec![hold(1, mode, &[])], Some(hold(3, mode, &[at])), None, since_ns);
    for second in 1..4 {
        events.push(polls(0x10, second * SECOND));
        events.push(Event::Moved(TaskKey(1), (second + 1) * SECOND));
    }
    let told = snapshot(events.clone());
    let waited = |told: &Snapshot| {
        let times = told.waited.iter().map(|wait| (wait.since_ns, wait.until_ns));
        times.collect::<Vec<_>>()
    };
    assert_eq!(waited(&told), [(SECOND, Some(4 * SECOND))], "one wait");
    events.push(polls(0x10, 5 * SECOND));
    let told = snapshot(events.clone());
    assert_eq!((told.waits[0].since_ns, told.waited.len()), (SECOND, 0), "it goes on");
    events.push(Event::Moved(TaskKey(1), 6 * SECOND));
    // Elsewhere, and long after.
    for (at, since_ns) in [(0x20, 7 * SECOND), (0x20, 11 * SECOND)] {
        events.push(polls(at, since_ns));
        events.push(Event::Moved(TaskKey(1), since_ns + SECOND));
    }
    let told = snapshot(events);
    let since: Vec<_> = told.waited.iter().map(|wait| wait.since_ns / SECOND).collect();
    assert_eq!(since, [1, 7, 11]);
}

#[test]
fn who_has_a_lock_that_was_not_seen_taken_is_told_by_the_lock() {
    let mode = Mode::Exclusive;
    let mut events = two_locks();
    events.push(stalled(
        1,
        vec![hold(1, mode, &[])],
        Some(hold(2, mode, &[])),
        Some(2),
        5,
    ));
    let told = snapshot(events.clone());
    assert_eq!(told.waits[0].on, ["two"]);
    assert_eq!(told.waits[0].held_by(), "two", "where it is was not seen");
    events.push(Event::Moved(TaskKey(1), 3_000_000_005));
    let told = snapshot(events);
    assert_eq!(told.waited[0].until_ns, Some(3_000_000_005));
}

#[test]
fn where_the_holder_is_stays_known_when_the_wait_is_over() {
    let mode = Mode::Exclusive;
    let mut events = two_locks();
    events.push(stalled(1, vec![], Some(hold(2, mode, &[])), None, 5));
    events.push(stalled(2, vec![hold(2, mode, &[])], None, None, 7));
    let told = snapshot(events.clone());
    let holder = &told.waits[0].holders[0];
    assert_eq!(
        (&*holder.task, holder.held.len(), &*holder.stack[0]),
        ("two", 1, "sleep_of_2")
    );
    assert_eq!(told.waits[0].held_by(), "two, which is at sleep_of_2");
    // The holder is gone before the one that waited.
    events.push(Event::Moved(TaskKey(2), 3_000_000_004));
    events.push(Event::Moved(TaskKey(1), 3_000_000_005));
    let told = snapshot(events.clone());
    assert_eq!(told.waited[0].held_by(), "two, which is at sleep_of_2");
    assert_eq!(told.waited[0].holders.len(), 1);
    // One that waits itself has its own entry instead.
    events.push(stalled(1, vec![hold(1, mode, &[])], None, None, 4_000_000_000));
    events.push(stalled(2, vec![], Some(hold(1, mode, &[])), None, 4_000_000_000));
    events.push(stalled(
        1,
        vec![hold(1, mode, &[])],
        Some(hold(2, mode, &[])),
        None,
        5_000_000_000,
    ));
    let told = snapshot(events);
    let behind = told.waits.iter().find(|wait| wait.task == "two").expect("it waits");
    assert_eq!((behind.on.len(), behind.holders.len()), (1, 0));
}

#[test]
fn what_the_holder_of_a_wait_that_is_over_held_is_called_by_its_name() {
    let mode = Mode::Exclusive;
    let mut events = two_locks();
    events.push(name(3, LockKind::Mutex, "c", "c"));
    events.push(stalled(1, vec![], Some(hold(2, mode, &[])), None, 5));
    let held = vec![hold(2, mode, &[]), hold(3, mode, &[])];
    events.push(stalled(2, held, None, None, 7));
    events.push(Event::Moved(TaskKey(1), 3_000_000_005));
    let text = text::render(&snapshot(events), text::Options::default());
    let told = "two (pid 12), holding b (exclusive), c (exclusive), is at:";
    assert!(text.contains(told), "{text}");
}

#[test]
fn who_had_a_lock_that_is_gone_when_the_wait_is_over_stays_known() {
    let mode = Mode::Exclusive;
    let mut events = two_locks();
    events.push(stalled(1, vec![], Some(hold(2, mode, &[])), None, 5));
    events.push(stalled(2, vec![hold(2, mode, &[])], None, None, 7));
    events.push(Event::Init(LockKey(2)));
    events.push(Event::Moved(TaskKey(2), 3_000_000_004));
    events.push(Event::Moved(TaskKey(1), 3_000_000_005));
    assert_eq!(snapshot(events).waited[0].held_by(), "two, which is at sleep_of_2");
}

#[test]
fn a_lock_has_the_time_of_all_places_where_it_was_waited_for() {
    let durations = |count, total_ns, max_ns| Durations {
        count,
        total_ns,
        max_ns,
    };
    let mut events = two_locks();
    for (key, lock) in [(1, 1), (2, 1), (3, 2)] {
        events.push(Event::Contended(DurationKey(key), hold(lock, Mode::Exclusive, &[])));
    }
    assert!(snapshot(events.clone()).locks.is_empty(), "nothing was waited for yet");
    events.push(Event::Waited(DurationKey(1), durations(2, 9, 5)));
    events.push(Event::Waited(DurationKey(2), durations(1, 20, 20)));
    events.push(Event::HeldFor(LockKey(1), durations(7, 70, 10)));
    events.push(Event::HeldFor(LockKey(99), durations(7, 70, 10)));
    let told = snapshot(events);
    let lock = &told.locks[0];
    assert_eq!((lock.name.as_str(), told.locks.len()), ("a", 1));
    assert_eq!(lock.waited, Some(durations(3, 29, 20)));
    assert_eq!(lock.held_for, Some(durations(7, 70, 10)));
    let places: Vec<_> = told.contention.iter().map(|place| place.waited.total_ns).collect();
    assert_eq!(places, [20, 9], "the longest in all comes first");
}

#[test]
fn a_reader_behind_a_writer_that_waits_for_another_reader_is_in_the_circle() {
    let (shared, exclusive) = (Mode::Shared, Mode::Exclusive);
    let mut events = two_locks();
    events.push(name(3, LockKind::Rwsem, "r", "r"));
    events.push(task(3, 13, "three"));
    // One reads and waits for b; two has b and wants to read; three wants to write.
    events.push(stalled(
        1,
        vec![hold(3, shared, &[])],
        Some(hold(2, exclusive, &[])),
        None,
        5,
    ));
    events.push(stalled(
        2,
        vec![hold(2, exclusive, &[])],
        Some(hold(3, shared, &[])),
        None,
        5,
    ));
    assert!(
        !snapshot(events.clone()).waits.iter().any(|wait| wait.in_circle),
        "no writer is queued"
    );
    events.push(stalled(3, vec![], Some(hold(3, exclusive, &[])), None, 5));
    assert!(snapshot(events).waits.iter().filter(|wait| wait.in_circle).count() >= 2);
}

#[test]
fn what_a_thread_requests_has_to_happen_before_it_ends() {
    let mode = Mode::Exclusive;
    let stop = |lock: u64| chain(9, 2, vec![hold(lock, mode, &[])], hold(7, mode, &[]), 3, None);
    let events = |lock: u64| {
        let mut events = two_locks();
        events.push(name(7, LockKind::Thread, "kthread one", "kthread one"));
        // With nothing held: before it is stopped, and after.
        events.push(chain(1, 1, vec![], hold(1, mode, &[]), 1, None));
        events.extend([stop(lock), Event::Owes(TaskKey(1), LockKey(7))]);
        events
    };
    assert_eq!(
        lines(&snapshot(events(1))),
        ["wait-inversion possible error a kthread one"]
    );
    assert_eq!(lines(&snapshot(events(2))), [""; 0]);
    let mut later = events(2);
    later.push(chain(2, 1, vec![], hold(2, mode, &[]), 5, None));
    assert_eq!(lines(&snapshot(later)), ["wait-inversion possible error b kthread one"]);
}

#[test]
fn one_worker_that_runs_two_items_is_two_sides() {
    let mode = Mode::Exclusive;
    let mut events = two_locks();
    events.push(name(7, LockKind::Work, "work x", "work x"));
    events.push(name(8, LockKind::Work, "work y", "work y"));
    let run = |key: u64, work: u64, first: u64, then: u64| {
        let held = vec![hold(work, mode, &[]), hold(first, mode, &[])];
        chain(key, 1, held, hold(then, mode, &[]), key, None)
    };
    events.extend([run(1, 7, 1, 2), run(2, 8, 2, 1)]);
    assert_eq!(lines(&snapshot(events.clone())), ["inversion possible error a b"]);
    events.truncate(6);
    events.extend([run(1, 7, 1, 2), run(2, 7, 2, 1)]);
    assert_eq!(
        lines(&snapshot(events)),
        ["inversion single-task note a b"],
        "an item never runs twice at once"
    );
}
