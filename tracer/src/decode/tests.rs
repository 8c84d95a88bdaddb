//! Golden bytes: every record is written byte by byte at the offsets that the object uses, and decoded.

use tracer_common::{
    probe::ProbeIndex,
    wire::{BUS_LEN, COMM_LEN, DESC_LEN, LOCK_NAME_LEN, MODULE_LEN, NETDEV_LEN, ORIGIN_LEN},
};

use super::*;
use crate::analysis::event::{Durations, LockName, NamedBy};

pub(crate) const TASK: u64 = 0xffff_8880_0000_1000;
const OFFSETS: Offsets = Offsets {
    mutex_owner: 0,
    rwsem_owner: 8,
    rwsem_count: 0,
    devlink_lock: 0x28,
    device_mutex: 0x90,
    ..Offsets::NONE
};
const SYMBOLS: &str = "\
ffffffff81000000 T mutex_lock
ffffffff81000100 T down_read
ffffffff81000200 T cleanup_net
ffffffff81000300 T devlink_reload
ffffffff81000400 T handle_softirqs
ffffffff81000500 T netdev_run_todo
ffffffff81000600 T end_of_text
ffffffff82000000 D pernet_ops_rwsem
ffffffff82000100 D end_of_data
";
const PERNET: u64 = 0xffff_ffff_8200_0000;
const DEVLINK: u64 = 0xffff_8880_0000_2000;
const INIT_NAME: u64 = 0xffff_ffff_8230_0000;
const DEVICE: u64 = 0xffff_8880_0000_3000;

/// The first lock that a task took.
const FIRST: u64 = 1 << info::SEQUENCE_SHIFT;

/// A record under construction.
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Bytes {
    /// A record with its header: kind, probe, time, task, pid, tgid, comm.
    pub(crate) fn new(kind: u32, probe: ProbeIndex, comm: &str) -> Self {
        let mut bytes = Self(Vec::new());
        bytes
            .number32(kind)
            .number32(probe as u32)
            .number(1_500)
            .number(TASK)
            .number32(7)
            .number32(7);
        bytes.text(comm, COMM_LEN);
        assert_eq!(bytes.0.len(), 48);
        bytes
    }

    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn number32(&mut self, number: u32) -> &mut Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    pub(crate) fn text(&mut self, text: &str, length: usize) -> &mut Self {
        let end = self.0.len() + length;
        self.0.extend(text.as_bytes());
        self.0.resize(end, 0);
        self
    }

    /// Window, work, queue, held locks (lock, chain, bits; what proves them), and return addresses.
    fn situation(&mut self, work: u64, held: &[([u64; 3], [u64; 2])], stack: &[u64]) -> &mut Self {
        self.number(0).number(work).text("netns", DESC_LEN);
        // No origin and no system call.
        self.number(0).text("", 2 * ORIGIN_LEN).number(u64::MAX).number(0);
        self.number(held.len() as u64).number(8 * stack.len() as u64);
        for (slot, proof) in held {
            // Behind the bits: the generation, and the name that the lock was initialised with.
            for word in slot.iter().chain(&[0, 0]).chain(proof) {
                self.number(*word);
            }
        }
        for address in stack {
            self.number(*address);
        }
        self
    }
}

fn decoder() -> Decoder {
    let mut functions = vec![0; PROBES.len()];
    functions[ProbeIndex::mutex_lock as usize] = 0xffff_ffff_8100_0000;
    functions[ProbeIndex::down_read as usize] = 0xffff_ffff_8100_0100;
    functions[ProbeIndex::devlink_reload as usize] = 0xffff_ffff_8100_0300;
    Decoder::new(OFFSETS, functions, 1_000, Kernel::Silent)
}

fn decode(decoder: &mut Decoder, bytes: &Bytes) -> Vec<Event> {
    let mut events = Vec::new();
    decoder
        .decode(&Record::new(&bytes.0), &Symbols::parse(SYMBOLS), &mut events)
        .unwrap();
    events
}

/// A chain: `request` on top of `held`, from the given stack.
pub(crate) fn chain(probe: ProbeIndex, request: [u64; 2], held: &[([u64; 3], [u64; 2])], stack: &[u64]) -> Bytes {
    let mut bytes = Bytes::new(1, probe, "kworker/u8:1");
    bytes.number(0x77).number(request[0]).number(request[1]);
    bytes.number(0).number(INIT_NAME).text("", 64);
    bytes.situation(0xffff_ffff_8100_0200, held, stack);
    bytes
}

fn only_chain(events: &[Event]) -> &Chain {
    let mut chains = events.iter().filter_map(|event| match event {
        Event::Chain(chain) => Some(chain.as_ref()),
        _ => None,
    });
    let chain = chains.next().unwrap();
    assert!(chains.next().is_none());
    chain
}

#[test]
fn a_chain_tells_task_names_holds_and_stack() {
    let held = ([PERNET, 0x11, FIRST | info::RWSEM | info::SHARED], [0x100, TASK | 1]);
    // The program and its trampoline stand before the hooked function.
    let stack = [
        0xffff_ffff_c000_0000,
        0xffff_ffff_c000_1000,
        0xffff_ffff_8100_0009,
        0xffff_ffff_8100_0240,
    ];
    let events = decode(
        &mut decoder(),
        &chain(ProbeIndex::mutex_lock, [DEVLINK, info::MUTEX], &[held], &stack),
    );
    assert!(events.contains(&Event::Task(
        TaskKey(TASK >> 6 << 22 | 7),
        TaskName {
            pid: Some(7),
            comm: "kworker/u8:1: netns cleanup_net".to_owned()
        }
    )));
    let chain = only_chain(&events);
    assert_eq!((chain.key, chain.time_ns, chain.window), (ChainKey(0x77), 500, None));
    assert_eq!(
        (chain.request.lock, chain.request.mode),
        (LockKey(DEVLINK), Mode::Exclusive)
    );
    assert_eq!(
        *chain.request.stack,
        [Frame::Address(stack[2]), Frame::Address(stack[3])]
    );
    assert_eq!(
        (chain.held[0].lock, chain.held[0].mode),
        (LockKey(PERNET), Mode::Shared)
    );
    let names: Vec<_> = events.iter().filter_map(named).collect();
    assert_eq!(names, ["pernet_ops_rwsem", "mutex in cleanup_net"]);
}

fn named(event: &Event) -> Option<&str> {
    match event {
        Event::Lock(_, _, LockName { name, .. }) => Some(name),
        _ => None,
    }
}

#[test]
fn a_hold_that_the_lock_denies_is_dropped_and_counted() {
    let denied = ([PERNET, 0x11, FIRST | info::RWSEM], [1, TASK + 0x40]);
    let mut decoder = decoder();
    let events = decode(
        &mut decoder,
        &chain(ProbeIndex::mutex_lock, [DEVLINK, info::MUTEX], &[denied], &[]),
    );
    assert!(only_chain(&events).held.is_empty());
    assert_eq!(decoder.counters().get("holds_not_believed"), Some(&1));
}

#[test]
fn a_shared_hold_is_believed_as_long_as_no_release_was_missed() {
    let held = |epoch: u64| {
        let bits = FIRST | epoch << info::EPOCH_SHIFT | info::RWSEM | info::SHARED;
        // Another task reads, too.
        ([PERNET, 0x11, bits], [0x100, (TASK + 0x40) | 1])
    };
    let request = |epoch: u64| chain(ProbeIndex::mutex_lock, [DEVLINK, info::MUTEX], &[held(epoch)], &[]);
    let mut decoder = decoder();
    assert!(Record::new(&request(0).0).needs_missed());
    assert_eq!(only_chain(&decode(&mut decoder, &request(0))).held.len(), 1);
    assert_eq!(
        decoder.missed(Missed {
            releases: 2,
            is_settled: true,
            epochs: 1
        }),
        Some(1)
    );
    assert!(only_chain(&decode(&mut decoder, &request(0))).held.is_empty());
    assert_eq!(decoder.asked(), [ChainKey(0x77)]);
    assert_eq!(only_chain(&decode(&mut decoder, &request(1))).held.len(), 1);
    assert!(decoder.asked().is_empty());
    // A chain is not told for ever.
    for _ in 0..9 {
        decode(&mut decoder, &request(0));
    }
    assert_eq!(decoder.asked().len(), 2);
    let mutex = ([DEVLINK, 0x11, FIRST | info::MUTEX], [TASK, 0]);
    let named = chain(ProbeIndex::mutex_lock, [PERNET, info::MUTEX], &[mutex], &[]);
    assert!(!Record::new(&named.0).needs_missed());
}

#[test]
fn a_lost_initialisation_makes_another_lock() {
    let mut decoder = decoder();
    let request = |generation: u64| {
        let mut bytes = Bytes::new(1, ProbeIndex::mutex_lock, "ip");
        bytes.number(0x77).number(DEVLINK).number(info::MUTEX);
        bytes.number(generation).number(0).text("", 64).situation(0, &[], &[]);
        bytes
    };
    decode(&mut decoder, &request(1));
    let events = decode(&mut decoder, &request(1));
    assert!(!events.contains(&Event::Init(LockKey(DEVLINK))));
    let events = decode(&mut decoder, &request(3));
    assert!(events.contains(&Event::Init(LockKey(DEVLINK))));
    assert_eq!(decoder.counters().get("initialisations_lost"), Some(&1));
}

#[test]
fn holds_are_in_order_of_acquisition_whatever_their_slots() {
    let slot = |lock: u64, number: u64| ([lock, 0, number << info::SEQUENCE_SHIFT | info::MUTEX], [TASK, 0]);
    let held = [slot(0xc0, 3), ([0; 3], [0; 2]), slot(0xa0, 1), slot(0xb0, 2)];
    let events = decode(
        &mut decoder(),
        &chain(ProbeIndex::mutex_lock, [DEVLINK, info::MUTEX], &held, &[]),
    );
    let locks: Vec<_> = only_chain(&events).held.iter().map(|hold| hold.lock.0).collect();
    assert_eq!(locks, [0xa0, 0xb0, 0xc0]);
}

#[test]
fn trampolines_within_a_stack_are_left_out() {
    let stack = [
        0xffff_ffff_8100_0009,
        0xffff_ffff_8100_0350, // in devlink_reload
        0xffff_ffff_c000_2000, // its trampoline
        0xffff_ffff_8100_0309, // and the call into that
        0xffff_ffff_8100_0240,
    ];
    let events = decode(
        &mut decoder(),
        &chain(ProbeIndex::mutex_lock, [DEVLINK, info::MUTEX], &[], &stack),
    );
    let kept = [stack[0], stack[1], stack[4]].map(Frame::Address);
    assert_eq!(*only_chain(&events).request.stack, kept);
}

#[test]
fn a_function_that_jumps_into_its_trampoline_is_put_back() {
    const BPF: &str =
        "ffffffffc0000000 t bpf_prog_c35e_mutex_lock\t[bpf]\nffffffffc0001000 t bpf_trampoline_64425\t[bpf]\n";
    let symbols = Symbols::parse(&format!("{SYMBOLS}{BPF}"));
    let stack = [
        0xffff_ffff_c000_0010,
        0xffff_ffff_c000_1010,
        0xffff_ffff_8100_0240,
        0xffff_ffff_c000_1020,
        0xffff_ffff_8100_0350,
    ];
    let mut events = Vec::new();
    let request = chain(ProbeIndex::mutex_lock, [DEVLINK, info::MUTEX], &[], &stack);
    decoder()
        .decode(&Record::new(&request.0), &symbols, &mut events)
        .unwrap();
    let kept = [0xffff_ffff_8100_0000, stack[2], stack[4]].map(Frame::Address);
    assert_eq!(*only_chain(&events).request.stack, kept);
}

#[test]
fn a_reload_has_the_handle_that_the_instance_told() {
    let mut decoder = decoder();
    let mut name = Bytes::new(6, ProbeIndex::devl_lock, "devlink");
    name.number(DEVLINK)
        .number(DEVICE)
        .text("pci", BUS_LEN)
        .text("0000:00:09.0", 64);
    let names: Vec<_> = decode(&mut decoder, &name)
        .iter()
        .filter_map(named)
        .map(str::to_owned)
        .collect();
    assert_eq!(names, ["devlink pci/0000:00:09.0", "device pci/0000:00:09.0"]);

    let mut begin = Bytes::new(3, ProbeIndex::devlink_reload, "devlink");
    begin
        .number(9)
        .number(DEVLINK)
        .number32(4_026_531_840)
        .number32(0)
        .number32(1)
        .number32(0);
    begin.number(0).text("", DESC_LEN);
    let events = decode(&mut decoder, &begin);
    let Some(Event::WindowBegin(window)) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(
        (window.handle.as_str(), window.action.as_str()),
        ("pci/0000:00:09.0", "driver_reinit")
    );
    assert_eq!((window.netns_from, window.netns_to), (Some(4_026_531_840), None));

    let mut end = Bytes::new(4, ProbeIndex::devlink_reload_exit, "devlink");
    end.number(9).number((-95_i64) as u64);
    assert_eq!(decode(&mut decoder, &end), [Event::WindowEnd(WindowKey(9), -95, 500)]);

    let mut free = Bytes::new(7, ProbeIndex::devlink_free, "devlink");
    free.number(DEVLINK);
    assert_eq!(decode(&mut decoder, &free), [Event::Free(LockKey(DEVLINK + 0x28))]);
}

#[test]
fn a_notifier_tells_its_function_and_callback() {
    let mut bytes = Bytes::new(5, ProbeIndex::unregister_netdevice_notifier, "devlink");
    bytes
        .number(0xffff_ffff_8100_0200)
        .number(0)
        .number(4_026_531_840)
        .text("", NETDEV_LEN);
    bytes.situation(0, &[], &[]);
    let events = decode(&mut decoder(), &bytes);
    let Some(Event::Notifier(change)) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(change.function, "unregister_netdevice_notifier");
    assert_eq!(change.callback, Frame::Address(0xffff_ffff_8100_0200));
    assert_eq!(change.chain.as_deref(), Some("netdev_chain of netns 4026531840"));
}

#[test]
fn a_name_given_at_initialisation_is_the_class_until_the_lock_is_another() {
    let mut decoder = decoder();
    let mut name = Bytes::new(11, ProbeIndex::__mutex_init, "modprobe");
    name.number(INIT_NAME)
        .number(0)
        .text("&priv->state_lock", LOCK_NAME_LEN);
    assert!(decode(&mut decoder, &name).is_empty());
    let request = chain(ProbeIndex::mutex_lock, [DEVLINK, info::MUTEX], &[], &[]);
    let names = |events: &[Event]| events.iter().filter_map(named).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(names(&decode(&mut decoder, &request)), ["&priv->state_lock"]);
    assert!(names(&decode(&mut decoder, &request)).is_empty(), "told once");
    let mut init = Bytes::new(10, ProbeIndex::__mutex_init, "modprobe");
    init.number(DEVLINK).number(0).number(0);
    assert_eq!(decode(&mut decoder, &init), [Event::Init(LockKey(DEVLINK))]);
    assert_eq!(names(&decode(&mut decoder, &request)), ["&priv->state_lock"]);
}

#[test]
fn on_a_lockdep_kernel_the_class_is_that_of_lockdep_once_it_is_numbered() {
    let with_lockdep = Offsets {
        mutex_dep_map: 0x20,
        ..OFFSETS
    };
    let mut decoder = Decoder::new(with_lockdep, vec![0; PROBES.len()], 1_000, Kernel::Silent);
    let class = |version: u64| {
        let mut name = Bytes::new(11, ProbeIndex::mutex_lock_nested, "ip");
        name.number(INIT_NAME)
            .number(version)
            .text("&priv->lock", LOCK_NAME_LEN);
        name
    };
    let told = |events: &[Event]| {
        let mut names = events.iter().filter_map(|event| match event {
            Event::Lock(_, _, name) => Some((name.class.clone(), name.name.clone(), name.named_by)),
            _ => None,
        });
        names.next_back()
    };
    let of = |class: &str, name: &str, by: NamedBy| Some((class.to_owned(), name.to_owned(), Some(by)));
    decode(&mut decoder, &class(0));
    let request = |lock: u64| chain(ProbeIndex::mutex_lock_nested, [lock, info::MUTEX], &[], &[]);
    let events = decode(&mut decoder, &request(DEVLINK));
    assert_eq!(told(&events), of("&priv->lock", "&priv->lock", NamedBy::Lockdep));
    // A variable keeps its name, and is in lockdep's class all the same.
    let events = decode(&mut decoder, &request(PERNET));
    assert_eq!(told(&events), of("&priv->lock", "pernet_ops_rwsem", NamedBy::Symbol));
    let events = decode(&mut decoder, &class(2));
    assert_eq!(events.len(), 2, "both are told again");
    assert_eq!(told(&events), of("&priv->lock#2", "pernet_ops_rwsem", NamedBy::Symbol));
    let events = decode(&mut decoder, &request(DEVLINK));
    assert_eq!(told(&events), None, "nothing new");
}

#[test]
fn a_module_takes_its_locks_with_it() {
    const SYMBOLS: &str = "ffffffffc0000080 b intf_mutex\t[mlx5_core]\nffffffffc0000100 b end\t[mlx5_core]\n";
    let symbols = Symbols::parse(SYMBOLS);
    let mut decoder = decoder();
    let lock = 0xffff_ffff_c000_0080;
    let mut events = Vec::new();
    let request = chain(ProbeIndex::mutex_lock, [lock, info::MUTEX], &[], &[]);
    decoder.decode(&Record::new(&request.0), &symbols, &mut events).unwrap();
    let mut free = Bytes::new(9, ProbeIndex::free_module, "rmmod");
    free.text("mlx5_core", MODULE_LEN);
    events.clear();
    decoder.decode(&Record::new(&free.0), &symbols, &mut events).unwrap();
    assert_eq!(events, [Event::Free(LockKey(lock))]);
}

#[test]
fn a_second_task_is_told_under_the_chain_it_took() {
    let mut bytes = Bytes::new(2, ProbeIndex::mutex_lock, "ip");
    bytes.number(0x77);
    assert_eq!(
        decode(&mut decoder(), &bytes).last(),
        Some(&Event::Again(ChainKey(0x77), TaskKey(TASK >> 6 << 22 | 7)))
    );
}

#[test]
fn what_is_cut_short_or_unknown_is_an_error() {
    let mut decoder = decoder();
    let mut try_decode = |bytes: &[u8]| decoder.decode(&Record::new(bytes), &Symbols::default(), &mut Vec::new());
    assert_eq!(
        try_decode(&[1, 0]),
        Err(DecodeError::Short {
            kind: 0,
            found: 2,
            wanted: 48
        })
    );
    assert_eq!(
        try_decode(&Bytes::new(2, ProbeIndex::mutex_lock, "ip").0),
        Err(DecodeError::Short {
            kind: 2,
            found: 48,
            wanted: 56
        })
    );
    assert_eq!(
        try_decode(&Bytes::new(99, ProbeIndex::mutex_lock, "ip").0),
        Err(DecodeError::Kind(99))
    );
    let mut probe = Bytes::new(2, ProbeIndex::mutex_lock, "ip");
    probe.0[4] = 0xff;
    assert_eq!(try_decode(&probe.0), Err(DecodeError::Probe(0xff)));
}

#[test]
fn a_module_announces_symbols_and_nothing_else_does() {
    let announces = |bytes: &[u8]| Record::new(bytes).announces_symbols(0);
    let mut module = Bytes::new(8, ProbeIndex::do_init_module, "modprobe");
    assert!(announces(&module.text("dlock", MODULE_LEN).0));
    assert!(!announces(&Bytes::new(2, ProbeIndex::mutex_lock, "modprobe").0));
    assert!(!announces(&[8]));
    let time_ns = u64::from_le_bytes(module.0[8..16].try_into().unwrap());
    assert!(Record::new(&module.0).announces_symbols(time_ns - 1));
    assert!(
        !Record::new(&module.0).announces_symbols(time_ns),
        "they were read since"
    );
}

#[test]
fn counters_are_split_into_losses_and_counts() {
    let at = |counter: Counter, cpu, count| CountedAt {
        counter: counter.name().to_owned(),
        probe: Some("mutex_lock".to_owned()),
        cpu: Some(cpu),
        count,
    };
    let values = [
        at(Counter::Sent, 0, 2),
        at(Counter::Sent, 1, 3),
        at(Counter::RingFull, 0, 2),
    ];
    let (lost, counted) = split_counters(&values);
    assert_eq!(lost, BTreeMap::from([("ring_full".to_owned(), 2)]));
    assert_eq!(counted, BTreeMap::from([("records_sent".to_owned(), 5)]));
}

/// A task that waits: who, how, the owner word, thread id.
fn blocked(waiter: u64, flags: u64, owner: u64, pid: u64) -> Bytes {
    let mut bytes = Bytes::new(12, ProbeIndex::look_at_waiting, "cat");
    bytes
        .number(waiter)
        .number(PERNET)
        .number(flags)
        .number(owner)
        .number(1_400);
    bytes.number32(0).number32(1).number(pid);
    bytes.text("kworker", COMM_LEN).number(8);
    stack_of(&mut bytes);
    bytes
}

fn stack_of(bytes: &mut Bytes) {
    for index in 0..wire::BLOCKED_DEPTH {
        bytes.number(if index == 0 { 0xffff_ffff_8100_0210 } else { 0 });
    }
}

/// What is told of tasks that do not get on: who, how many locks it has, whether it waits, for whom.
fn told_of_tasks(events: &[Event]) -> Vec<(TaskKey, usize, bool, Option<TaskKey>)> {
    let stalled = events.iter().filter_map(|event| match event {
        Event::Stalled(stalled) => Some(stalled),
        _ => None,
    });
    stalled
        .map(|stalled| (stalled.task, stalled.held.len(), stalled.waits.is_some(), stalled.owner))
        .collect()
}

#[test]
fn a_task_that_waits_for_itself_holds_and_requests_until_it_goes_on() {
    const WRITE: u64 = 4;
    let mut decoder = decoder();
    // A reader took it last: the task itself.
    let events = decode(&mut decoder, &blocked(TASK, WRITE, TASK | 1, 7));
    let task = record::task_of(TASK, 7);
    let stalled = only_stalled(&events);
    assert_eq!(
        (stalled.held[0].lock, stalled.held[0].mode),
        (LockKey(PERNET), Mode::Shared)
    );
    assert_eq!(stalled.waits.as_ref().map(|hold| hold.mode), Some(Mode::Exclusive));
    assert_eq!((stalled.task, stalled.owner), (task, Some(task)));
    assert!(events.iter().any(
        |event| matches!(event, Event::Task(key, name) if *key == task && name.comm == "kworker" && name.pid == Some(7))
    ));
    let mut over = Bytes::new(13, ProbeIndex::contention_end, "kworker");
    over.number(TASK).number(PERNET);
    let events = decode(&mut decoder, &over);
    assert!(matches!(events[..], [Event::Moved(moved, _)] if moved == task));
    assert!(decode(&mut decoder, &over).is_empty(), "it is told once");
}

#[test]
fn each_task_of_a_circle_is_told_with_what_the_others_say_of_it() {
    const MUTEX: u64 = 32;
    let other = TASK + 0x4000;
    let (one, two) = (record::task_of(TASK, 7), record::task_of(other, 8));
    let mut decoder = decoder();
    let first = decode(&mut decoder, &blocked(TASK, MUTEX, other | 1, 7));
    assert_eq!(
        told_of_tasks(&first),
        [(one, 0, true, None)],
        "the other is not known yet"
    );
    let second = decode(&mut decoder, &blocked(other, MUTEX, TASK, 8));
    assert_eq!(
        told_of_tasks(&second),
        [
            (two, 1, true, Some(one)),
            (one, 1, true, Some(two)),
            (one, 1, true, Some(two))
        ]
    );
}

#[test]
fn who_has_a_lock_is_told_with_where_it_is_until_nobody_waits_for_it() {
    const MUTEX: u64 = 32;
    let other = TASK + 0x4000;
    let (one, two) = (record::task_of(TASK, 7), record::task_of(other, 8));
    let mut decoder = decoder();
    decode(&mut decoder, &blocked(TASK, MUTEX, other, 7));
    let mut holder = Bytes::new(17, ProbeIndex::look_at_waiting, "holder");
    holder.0[16..24].copy_from_slice(&other.to_le_bytes());
    holder.0[24..28].copy_from_slice(&8_u32.to_le_bytes());
    holder.number(8);
    stack_of(&mut holder);
    let events = decode(&mut decoder, &holder);
    assert_eq!(
        told_of_tasks(&events),
        [(two, 1, false, None), (one, 0, true, Some(two))]
    );
    assert_eq!(only_stalled(&events).stack.len(), 1);
    let mut over = Bytes::new(13, ProbeIndex::contention_end, "kworker");
    over.number(TASK).number(PERNET);
    let events = decode(&mut decoder, &over);
    let moved: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Moved(task, _) => Some(*task),
            _ => None,
        })
        .collect();
    assert_eq!(moved, [one, two]);
}

#[test]
fn where_a_lock_is_waited_for_is_told_by_its_chain_or_by_a_stack() {
    let contended = |chain: u64, bytes: u64| {
        let mut contended = Bytes::new(18, ProbeIndex::got, "devlink");
        contended.number(77).number(PERNET).number(2).number(0);
        contended.number(chain).number(bytes);
        stack_of(&mut contended);
        contended
    };
    let place = |events: &[Event]| {
        let contended = events.iter().find_map(|event| match event {
            Event::Contended(key, hold) => Some((key.0, hold.clone())),
            _ => None,
        });
        contended.unwrap()
    };
    let mut decoder = decoder();
    let (key, by_stack) = place(&decode(&mut decoder, &contended(0, 8)));
    assert_eq!((key, by_stack.lock, by_stack.stack.len()), (77, LockKey(PERNET), 1));
    let stack = [0xffff_ffff_8100_0009, 0xffff_ffff_8100_0240];
    decode(
        &mut decoder,
        &chain(ProbeIndex::mutex_lock, [PERNET, info::RWSEM], &[], &stack),
    );
    let (_, by_chain) = place(&decode(&mut decoder, &contended(0x77, 0)));
    assert_eq!(by_chain.stack.len(), 2);
}

/// A task that does not get on, from where it sleeps; what it waits for that is no lock: object, bits, chain.
fn stalled(held: &[([u64; 3], [u64; 2])], waits: [u64; 3], stack: &[u64]) -> Bytes {
    let mut bytes = Bytes::new(14, ProbeIndex::look, "devlink");
    bytes.number(1_400);
    waits.iter().for_each(|&word| {
        bytes.number(word);
    });
    bytes.text("", 64).situation(0, held, stack);
    bytes
}

fn only_stalled(events: &[Event]) -> &crate::analysis::event::Stalled {
    let stalled = events.iter().find_map(|event| match event {
        Event::Stalled(stalled) => Some(stalled.as_ref()),
        _ => None,
    });
    stalled.unwrap()
}

/// Where a mutex is requested in [`DEVLINK`]'s chain.
const CALLER: u64 = 0xffff_ffff_8100_0340;

#[test]
fn another_lock_begins_where_the_times_of_one_are_told() {
    let mut bytes = Bytes::new(19, ProbeIndex::__mutex_init, "bash");
    for number in [DEVLINK, 2, 70, 40] {
        bytes.number(number);
    }
    let events = decode(&mut decoder(), &bytes);
    let durations = Durations {
        count: 2,
        total_ns: 70,
        max_ns: 40,
    };
    assert_eq!(events, [Event::HeldUntil(LockKey(DEVLINK), durations)]);
}

fn decoder_with_a_chain() -> Decoder {
    let mut decoder = decoder();
    let requested = chain(
        ProbeIndex::mutex_lock,
        [DEVLINK, info::MUTEX],
        &[],
        &[0xffff_ffff_8100_0009, CALLER],
    );
    decode(&mut decoder, &requested);
    decoder
}

#[test]
fn a_task_that_sleeps_where_it_requested_a_lock_waits_for_it() {
    let other = TASK + 0x4000;
    let mut decoder = decoder_with_a_chain();
    let held = [
        ([PERNET, 0x11, FIRST | info::RWSEM], [1, TASK]),
        ([DEVLINK, 0x77, (2 * FIRST) | info::MUTEX], [other, 0]),
    ];
    let events = decode(&mut decoder, &stalled(&held, [0; 3], &[CALLER, CALLER + 0x20]));
    let told = only_stalled(&events);
    let waits = told.waits.as_ref().unwrap();
    assert_eq!((waits.lock, waits.mode), (LockKey(DEVLINK), Mode::Exclusive));
    assert_eq!(waits.stack.first(), Some(&Frame::Address(0xffff_ffff_8100_0009)));
    let held: Vec<_> = told.held.iter().map(|hold| hold.lock).collect();
    assert_eq!((held, told.since_ns), (vec![LockKey(PERNET)], 400));
    let mut moved = Bytes::new(15, ProbeIndex::look, "tracer");
    moved.number(TASK).number(7);
    assert_eq!(
        decode(&mut decoder, &moved),
        [Event::Moved(record::task_of(TASK, 7), 500)]
    );
}

#[test]
fn a_task_that_sleeps_elsewhere_holds_what_it_got() {
    let mut decoder = decoder_with_a_chain();
    let mine = [([DEVLINK, 0x77, FIRST | info::MUTEX], [TASK, 0])];
    let events = decode(&mut decoder, &stalled(&mine, [0; 3], &[CALLER + 0x40]));
    let told = only_stalled(&events);
    assert_eq!((told.held.len(), told.waits.is_none()), (1, true));
    // The owner word names it: it has got it, wherever it sleeps now.
    let events = decode(&mut decoder, &stalled(&mine, [0; 3], &[CALLER]));
    assert!(only_stalled(&events).waits.is_none());
    // Unless that is what it took before.
    let twice = [
        ([DEVLINK, 0x77, FIRST | info::MUTEX], [TASK, 0]),
        ([DEVLINK, 0x77, (2 * FIRST) | info::MUTEX], [TASK, 0]),
    ];
    let events = decode(&mut decoder, &stalled(&twice, [0; 3], &[CALLER]));
    let told = only_stalled(&events);
    assert_eq!((told.held.len(), told.waits.is_some()), (1, true));
}

#[test]
fn what_only_the_stack_tells_is_waited_for_where_it_is_called() {
    let mut decoder = decoder_with_a_chain();
    let mine = [([DEVLINK, 0x77, FIRST | info::MUTEX], [TASK, 0])];
    let events = decode(
        &mut decoder,
        &stalled(&mine, [0; 3], &[CALLER + 0x40, 0xffff_ffff_8100_0510, CALLER + 0x60]),
    );
    let told = only_stalled(&events);
    let waits = told.waits.as_ref().unwrap();
    assert_eq!((told.held.len(), told.stack.len(), waits.stack.len()), (1, 3, 2));
    assert!(events.iter().any(|event| matches!(
        event,
        Event::Lock(lock, crate::analysis::event::LockKind::Event, name) if *lock == waits.lock && name.name == "netdev_run_todo"
    )));
}

#[test]
fn a_worker_holds_what_it_runs_and_a_work_item_that_does_something_else_is_another() {
    const WORK: u64 = 0xffff_8880_0000_5000;
    const CLEANUP: u64 = 0xffff_ffff_8100_0200;
    let run = |function: u64| {
        let mut bytes = Bytes::new(1, ProbeIndex::mutex_lock, "kworker/u8:1");
        bytes.number(0x78).number(DEVLINK).number(info::MUTEX);
        bytes.number(0).number(INIT_NAME).text("", 64);
        bytes.number(0).number(CLEANUP).text("netns", DESC_LEN);
        bytes.number(0).text("", 2 * ORIGIN_LEN).number(u64::MAX).number(0);
        bytes.number(2).number(0);
        for (lock, bits, generation) in [
            (0xffff_8880_0000_6000, FIRST | info::QUEUE | info::SHARED, 0),
            (WORK, (2 * FIRST) | info::WORK, function),
        ] {
            for word in [lock, 0, bits, generation, 0, 0, 0] {
                bytes.number(word);
            }
        }
        bytes
    };
    let mut decoder = decoder();
    let events = decode(&mut decoder, &run(CLEANUP));
    let names: Vec<_> = events.iter().filter_map(named).collect();
    assert_eq!(names[..2], ["workqueue netns", "work cleanup_net"]);
    let modes: Vec<_> = only_chain(&events).held.iter().map(|hold| hold.mode).collect();
    assert_eq!(modes, [Mode::Shared, Mode::Exclusive]);
    // It is not what the worker runs: its end was missed.
    let events = decode(&mut decoder, &run(CLEANUP + 0x100));
    assert_eq!(only_chain(&events).held.len(), 1);
}

#[test]
fn who_completes_something_needed_what_it_holds_and_what_it_requested_since() {
    const DONE: u64 = 0xffff_ffff_8200_0000;
    let mut bytes = Bytes::new(16, ProbeIndex::complete, "kworker/u8:1");
    bytes.number(DONE).number(info::COMPLETION);
    let requests = [
        (DEVLINK, 0x77, info::MUTEX),
        (DEVICE, 0x12, info::MUTEX | info::TRYLOCK),
        (0xffff_8880_0000_5000, 0x13, info::WORK),
    ];
    for index in 0..wire::RECENT {
        let (lock, chain, bits) = requests.get(index).copied().unwrap_or_default();
        for word in [lock, chain, bits, 0, 5] {
            bytes.number(word);
        }
    }
    let held = [([PERNET, 0x11, FIRST | info::RWSEM], [1, TASK])];
    bytes.situation(0, &held, &[CALLER]);
    let mut decoder = decoder_with_a_chain();
    let events = decode(&mut decoder, &bytes);
    let chains: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Chain(chain) => Some((chain.held[0].lock, chain.request.lock, chain.request.trylock)),
            _ => None,
        })
        .collect();
    let done = LockKey(DONE);
    assert_eq!(
        chains,
        [
            (done, LockKey(PERNET), false),
            (done, LockKey(DEVLINK), false),
            (done, LockKey(DEVICE), true)
        ]
    );
    // What an interrupt completes, whoever it interrupts, needed nothing of that.
    let mut interrupted = Bytes(bytes.0.clone());
    interrupted.0.truncate(interrupted.0.len() - 8);
    interrupted.number(0xffff_ffff_8100_0430);
    assert!(
        !decode(&mut decoder, &interrupted)
            .iter()
            .any(|event| matches!(event, Event::Chain(_)))
    );
}

#[test]
fn a_thread_that_is_stopped_goes_by_its_id_too() {
    let thread = TASK + 0x8000;
    let stop = |pid: u64| {
        let mut bytes = Bytes::new(1, ProbeIndex::kthread_stop, "rmmod");
        bytes.number(0x79).number(thread).number(info::THREAD);
        bytes.number(pid).number(0).text("dlock", 64);
        let held = [([DEVLINK, 0x77, FIRST | info::MUTEX], [TASK, 0])];
        bytes.situation(0, &held, &[CALLER]);
        bytes
    };
    let mut decoder = decoder_with_a_chain();
    let requested = |events: &[Event]| only_chain(events).request.lock;
    let first = decode(&mut decoder, &stop(8));
    let second = decode(&mut decoder, &stop(9));
    assert_ne!(requested(&first), requested(&second));
    let task = record::task_of(thread, 8);
    assert_eq!(first.last(), Some(&Event::Owes(task, LockKey(task.0))));
    assert!(first.iter().filter_map(named).any(|name| name == "kthread dlock"));
}
