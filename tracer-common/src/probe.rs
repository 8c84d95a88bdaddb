//! The table of probes: one row per eBPF program, generated code on both sides.
//!
//! Adding a probe is adding a row: the program is generated from it, user space attaches it, `tracer check` lists it.

use crate::wire;

/// When a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// At the function's entry.
    Entry,
    /// When it returns.
    Exit,
    /// At a tracepoint with typed arguments.
    Tracepoint,
    /// For each of the kernel's objects of one sort, whenever user space asks (`kernel/bpf/bpf_iter.c`).
    Iterator,
}

/// What a probe is there for, and so what goes blind without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Lock operations: nothing works without them.
    Lock,
    /// What is waited for and is no lock: work items, completions, threads, SRCU, kernfs.
    Wait,
    /// Initialisation of locks: their names, and that memory became another lock.
    Init,
    /// Devlink reload windows and names.
    Devlink,
    /// Registration of notifiers.
    Notifier,
    /// Why a task is in the kernel: netlink messages, writes to sysfs and procfs.
    Origin,
    /// Lock operations as lockdep is told of them, in place of [`Lock`](Self::Lock).
    Lockdep,
    /// Who waits for whom, where functions cannot be hooked.
    Contention,
    /// How long locks are waited for.
    Duration,
    /// A task is gone, and its held stack is freed; or a new one is made, which may have the stack of another before it.
    Task,
    /// Tasks that do not get on: who waits for whom right now.
    Stall,
    /// A module comes or goes, and its symbols and locks with it.
    Module,
}

/// Which kernels have the function. Where one has it not although this says so, something cannot be seen, and `tracer check` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernels {
    /// All of them.
    Any,
    /// Those without lockdep (`CONFIG_DEBUG_LOCK_ALLOC`).
    Stock,
    /// Those with it.
    Lockdep,
    /// From this release on.
    Since(u16, u16),
    /// Up to before this release.
    Before(u16, u16),
    /// Those without lockdep, up to before this release.
    StockBefore(u16, u16),
    /// Those without lockdep, from this release on.
    StockSince(u16, u16),
    /// Those with it, up to before this release.
    LockdepBefore(u16, u16),
    /// Those with it, from this release on.
    LockdepSince(u16, u16),
}

impl Kernels {
    /// Whether a kernel of this release (`(6, 12)`), with or without lockdep, is one of them.
    pub fn include(self, release: (u16, u16), lockdep: bool) -> bool {
        match self {
            Self::Any => true,
            Self::Stock => !lockdep,
            Self::Lockdep => lockdep,
            Self::Since(major, minor) => release >= (major, minor),
            Self::Before(major, minor) => release < (major, minor),
            Self::StockBefore(major, minor) => !lockdep && release < (major, minor),
            Self::StockSince(major, minor) => !lockdep && release >= (major, minor),
            Self::LockdepBefore(major, minor) => lockdep && release < (major, minor),
            Self::LockdepSince(major, minor) => lockdep && release >= (major, minor),
        }
    }

    /// Whether only kernels before this release are: in later ones another function has taken the place of theirs, also where that is still there.
    pub fn are_before(self, release: (u16, u16)) -> bool {
        match self {
            Self::Before(major, minor) | Self::StockBefore(major, minor) | Self::LockdepBefore(major, minor) => {
                release >= (major, minor)
            }
            _ => false,
        }
    }
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    /// Name of the eBPF program.
    pub program: &'static str,
    /// Names of those that do its work when it is skipped, as far as it [has](Self::stand_ins) some.
    pub stand_in_names: [&'static str; 2],
    /// Kernel function or tracepoint.
    pub function: &'static str,
    /// Prototypes that the program was written for, as C writes the type: `int (struct mutex *)`. A function of any other is not hooked.
    pub prototypes: &'static [&'static str],
    /// When it runs.
    pub hook: Hook,
    /// What it is for.
    pub purpose: Purpose,
    /// What the program does, as in the table: `request`, `release`, ...
    pub action: &'static str,
    /// Which kernels have the function.
    pub kernels: Kernels,
    /// For a function that takes or releases locks: which, as bits of [`wire::info`]; else 0.
    pub info: u64,
}

impl Probe {
    /// Whether the program adds to held stacks. These are attached last: what is taken is then sure to be seen released.
    pub fn acquires(&self) -> bool {
        matches!(
            self.action,
            "request"
                | "request_ww"
                | "trylock"
                | "trylock_ww"
                | "down_trylock"
                | "hold"
                | "work_begin"
                | "lockdep_acquire"
        )
    }

    /// The programs that do the work when this one is skipped: one for each of the functions that a kernel calls all the time, and one more where shared holds end, because
    /// nothing in a lock tells of those.
    pub fn stand_ins(&self) -> &[&'static str] {
        let kind = self.info & wire::info::KIND;
        let is_hot = matches!(self.action, "request" | "trylock" | "release" | "hold")
            && matches!(kind, wire::info::MUTEX | wire::info::RWSEM | wire::info::SRCU)
            && matches!(self.purpose, Purpose::Lock | Purpose::Wait);
        let ends_shared = self.action == "release" && self.info & wire::info::SHARED != 0;
        &self.stand_in_names[..usize::from(is_hot) + usize::from(is_hot && ends_shared)]
    }

    /// Whether the program takes from held stacks.
    pub fn releases(&self) -> bool {
        matches!(
            self.action,
            "release" | "failed" | "settle" | "work_end" | "put_file" | "leave_file"
        )
    }
}

/// Calls `$callback!` with every row. `action` is the macro of `tracer-ebpf` that makes the program.
///
/// All lock functions take the lock as their first argument. Prototypes are checked against the running kernel's BTF before a function is hooked.
#[macro_export]
macro_rules! probes {
    ($callback:ident) => {
        $callback! {
            // kernel/locking/mutex.c
            request mutex_lock = Entry "mutex_lock" ["void (struct mutex *)"] Lock (MUTEX) Stock();
            request mutex_lock_io = Entry "mutex_lock_io" ["void (struct mutex *)"] Lock (MUTEX) Stock();
            request mutex_lock_interruptible = Entry "mutex_lock_interruptible" ["int (struct mutex *)"] Lock (MUTEX) Stock();
            failed mutex_lock_interruptible_exit = Exit "mutex_lock_interruptible" ["int (struct mutex *)"] Lock (MUTEX) Stock();
            request mutex_lock_killable = Entry "mutex_lock_killable" ["int (struct mutex *)"] Lock (MUTEX) Stock();
            failed mutex_lock_killable_exit = Exit "mutex_lock_killable" ["int (struct mutex *)"] Lock (MUTEX) Stock();
            request mutex_lock_nested = Entry "mutex_lock_nested" ["void (struct mutex *, unsigned int)"] Lock (MUTEX) Lockdep();
            request mutex_lock_io_nested = Entry "mutex_lock_io_nested" ["void (struct mutex *, unsigned int)"] Lock (MUTEX) Lockdep();
            request mutex_lock_interruptible_nested = Entry "mutex_lock_interruptible_nested" ["int (struct mutex *, unsigned int)"] Lock (MUTEX) Lockdep();
            failed mutex_lock_interruptible_nested_exit = Exit "mutex_lock_interruptible_nested" ["int (struct mutex *, unsigned int)"] Lock (MUTEX) Lockdep();
            request mutex_lock_killable_nested = Entry "mutex_lock_killable_nested" ["int (struct mutex *, unsigned int)"] Lock (MUTEX) LockdepBefore (6, 16);
            failed mutex_lock_killable_nested_exit = Exit "mutex_lock_killable_nested" ["int (struct mutex *, unsigned int)"] Lock (MUTEX) LockdepBefore (6, 16);
            request _mutex_lock_killable = Entry "_mutex_lock_killable" ["int (struct mutex *, unsigned int, struct lockdep_map *)"] Lock (MUTEX) LockdepSince (6, 16);
            failed _mutex_lock_killable_exit = Exit "_mutex_lock_killable" ["int (struct mutex *, unsigned int, struct lockdep_map *)"] Lock (MUTEX) LockdepSince (6, 16);
            request _mutex_lock_nest_lock = Entry "_mutex_lock_nest_lock" ["void (struct mutex *, struct lockdep_map *)"] Lock (MUTEX) Lockdep();
            trylock mutex_trylock = Exit "mutex_trylock" ["int (struct mutex *)"] Lock (MUTEX) Any();
            trylock _mutex_trylock_nest_lock = Exit "_mutex_trylock_nest_lock" ["int (struct mutex *, struct lockdep_map *)"] Lock (MUTEX) LockdepSince (6, 16);
            release mutex_unlock = Entry "mutex_unlock" ["void (struct mutex *)"] Lock (MUTEX) Any();
            // kernel/locking/mutex.c: with an acquire context they back off
            request_ww ww_mutex_lock = Entry "ww_mutex_lock" ["int (struct ww_mutex *, struct ww_acquire_ctx *)"] Lock (WW_MUTEX) Any();
            failed ww_mutex_lock_exit = Exit "ww_mutex_lock" ["int (struct ww_mutex *, struct ww_acquire_ctx *)"] Lock (WW_MUTEX) Any();
            request_ww ww_mutex_lock_interruptible = Entry "ww_mutex_lock_interruptible" ["int (struct ww_mutex *, struct ww_acquire_ctx *)"] Lock (WW_MUTEX) Any();
            failed ww_mutex_lock_interruptible_exit = Exit "ww_mutex_lock_interruptible" ["int (struct ww_mutex *, struct ww_acquire_ctx *)"] Lock (WW_MUTEX) Any();
            trylock_ww ww_mutex_trylock = Exit "ww_mutex_trylock" ["int (struct ww_mutex *, struct ww_acquire_ctx *)"] Lock (WW_MUTEX) Since (5, 18);
            settle ww_mutex_unlock = Exit "ww_mutex_unlock" ["void (struct ww_mutex *)"] Lock (WW_MUTEX) Any();
            // kernel/locking/rwsem.c
            request down_read = Entry "down_read" ["void (struct rw_semaphore *)"] Lock (RWSEM | SHARED) Any();
            request down_read_interruptible = Entry "down_read_interruptible" ["int (struct rw_semaphore *)"] Lock (RWSEM | SHARED) Any();
            failed down_read_interruptible_exit = Exit "down_read_interruptible" ["int (struct rw_semaphore *)"] Lock (RWSEM | SHARED) Any();
            request down_read_killable = Entry "down_read_killable" ["int (struct rw_semaphore *)"] Lock (RWSEM | SHARED) Any();
            failed down_read_killable_exit = Exit "down_read_killable" ["int (struct rw_semaphore *)"] Lock (RWSEM | SHARED) Any();
            request down_read_nested = Entry "down_read_nested" ["void (struct rw_semaphore *, int)"] Lock (RWSEM | SHARED) Lockdep();
            request down_read_killable_nested = Entry "down_read_killable_nested" ["int (struct rw_semaphore *, int)"] Lock (RWSEM | SHARED) Lockdep();
            failed down_read_killable_nested_exit = Exit "down_read_killable_nested" ["int (struct rw_semaphore *, int)"] Lock (RWSEM | SHARED) Lockdep();
            request_only down_read_non_owner = Entry "down_read_non_owner" ["void (struct rw_semaphore *)"] Lock (RWSEM | SHARED) Lockdep();
            trylock down_read_trylock = Exit "down_read_trylock" ["int (struct rw_semaphore *)"] Lock (RWSEM | SHARED) Any();
            release up_read = Entry "up_read" ["void (struct rw_semaphore *)"] Lock (RWSEM | SHARED) Any();
            request down_write = Entry "down_write" ["void (struct rw_semaphore *)"] Lock (RWSEM) Any();
            request down_write_killable = Entry "down_write_killable" ["int (struct rw_semaphore *)"] Lock (RWSEM) Any();
            failed down_write_killable_exit = Exit "down_write_killable" ["int (struct rw_semaphore *)"] Lock (RWSEM) Any();
            request down_write_nested = Entry "down_write_nested" ["void (struct rw_semaphore *, int)"] Lock (RWSEM) Lockdep();
            request down_write_killable_nested = Entry "down_write_killable_nested" ["int (struct rw_semaphore *, int)"] Lock (RWSEM) Lockdep();
            failed down_write_killable_nested_exit = Exit "down_write_killable_nested" ["int (struct rw_semaphore *, int)"] Lock (RWSEM) Lockdep();
            request _down_write_nest_lock = Entry "_down_write_nest_lock" ["void (struct rw_semaphore *, struct lockdep_map *)"] Lock (RWSEM) Lockdep();
            trylock down_write_trylock = Exit "down_write_trylock" ["int (struct rw_semaphore *)"] Lock (RWSEM) Any();
            release up_write = Entry "up_write" ["void (struct rw_semaphore *)"] Lock (RWSEM) Any();
            downgrade downgrade_write = Entry "downgrade_write" ["void (struct rw_semaphore *)"] Lock (RWSEM) Any();
            // kernel/locking/percpu-rwsem.c: readers are inline and come here only when they wait; who holds it for read is not seen
            request percpu_down_write = Entry "percpu_down_write" ["void (struct percpu_rw_semaphore *)"] Lock (PERCPU_RWSEM) Any();
            release percpu_up_write = Entry "percpu_up_write" ["void (struct percpu_rw_semaphore *)"] Lock (PERCPU_RWSEM) Any();
            wait_read __percpu_down_read = Entry "__percpu_down_read" ["bool (struct percpu_rw_semaphore *, bool)" "bool (struct percpu_rw_semaphore *, bool, bool)"] Lock (PERCPU_RWSEM | SHARED) Any();
            // kernel/locking/semaphore.c: down_trylock() returns 0 when it got it
            request down = Entry "down" ["void (struct semaphore *)"] Lock (SEMAPHORE) Any();
            request down_interruptible = Entry "down_interruptible" ["int (struct semaphore *)"] Lock (SEMAPHORE) Any();
            failed down_interruptible_exit = Exit "down_interruptible" ["int (struct semaphore *)"] Lock (SEMAPHORE) Any();
            request down_killable = Entry "down_killable" ["int (struct semaphore *)"] Lock (SEMAPHORE) Any();
            failed down_killable_exit = Exit "down_killable" ["int (struct semaphore *)"] Lock (SEMAPHORE) Any();
            request down_timeout = Entry "down_timeout" ["int (struct semaphore *, long int)"] Lock (SEMAPHORE) Any();
            failed down_timeout_exit = Exit "down_timeout" ["int (struct semaphore *, long int)"] Lock (SEMAPHORE) Any();
            down_trylock down_trylock = Exit "down_trylock" ["int (struct semaphore *)"] Lock (SEMAPHORE) Any();
            release up = Entry "up" ["void (struct semaphore *)"] Lock (SEMAPHORE) Any();
            // kernel/locking/rtmutex_api.c
            request rt_mutex_lock = Entry "rt_mutex_lock" ["void (struct rt_mutex *)"] Lock (RT_MUTEX) Stock();
            request rt_mutex_lock_nested = Entry "rt_mutex_lock_nested" ["void (struct rt_mutex *, unsigned int)"] Lock (RT_MUTEX) Lockdep();
            request rt_mutex_lock_interruptible = Entry "rt_mutex_lock_interruptible" ["int (struct rt_mutex *)"] Lock (RT_MUTEX) Any();
            failed rt_mutex_lock_interruptible_exit = Exit "rt_mutex_lock_interruptible" ["int (struct rt_mutex *)"] Lock (RT_MUTEX) Any();
            request rt_mutex_lock_killable = Entry "rt_mutex_lock_killable" ["int (struct rt_mutex *)"] Lock (RT_MUTEX) Since (5, 16);
            failed rt_mutex_lock_killable_exit = Exit "rt_mutex_lock_killable" ["int (struct rt_mutex *)"] Lock (RT_MUTEX) Since (5, 16);
            trylock rt_mutex_trylock = Exit "rt_mutex_trylock" ["int (struct rt_mutex *)"] Lock (RT_MUTEX) Any();
            release rt_mutex_unlock = Entry "rt_mutex_unlock" ["void (struct rt_mutex *)"] Lock (RT_MUTEX) Any();
            // a lock begins; the name is the text of the expression that it was initialised by
            init __mutex_init = Entry "__mutex_init" ["void (struct mutex *, const char *, struct lock_class_key *)"] Init (MUTEX, true) Before (6, 19);
            init mutex_init_lockdep = Entry "mutex_init_lockdep" ["void (struct mutex *, const char *, struct lock_class_key *)"] Init (MUTEX, true) LockdepSince (6, 19);
            init mutex_init_generic = Entry "mutex_init_generic" ["void (struct mutex *)"] Init (MUTEX, false) StockSince (6, 19);
            init __init_rwsem = Entry "__init_rwsem" ["void (struct rw_semaphore *, const char *, struct lock_class_key *)"] Init (RWSEM, true) Any();
            init __percpu_init_rwsem = Entry "__percpu_init_rwsem" ["int (struct percpu_rw_semaphore *, const char *, struct lock_class_key *)"] Init (PERCPU_RWSEM, true) Any();
            init __rt_mutex_init = Entry "__rt_mutex_init" ["void (struct rt_mutex *, const char *, struct lock_class_key *)"] Init (RT_MUTEX, true) Any();
            init init_srcu_struct = Entry "init_srcu_struct" ["int (struct srcu_struct *)"] Init (SRCU, false) Stock();
            // net/devlink: devlink_reload(devlink, dest_net, action, limit, actions_performed, extack)
            window_begin devlink_reload = Entry "devlink_reload" ["int (struct devlink *, struct net *, enum devlink_reload_action, enum devlink_reload_limit, u32 *, struct netlink_ext_ack *)"] Devlink () Any();
            window_end devlink_reload_exit = Exit "devlink_reload" ["int (struct devlink *, struct net *, enum devlink_reload_action, enum devlink_reload_limit, u32 *, struct netlink_ext_ack *)"] Devlink () Any();
            devlink devl_lock = Entry "devl_lock" ["void (struct devlink *)"] Devlink () Since (5, 18);
            devlink_free devlink_free = Entry "devlink_free" ["void (struct devlink *)"] Devlink () Any();
            // net/core/dev.c: the notifier_block is argument 0, or 1 behind what the chain is of
            notifier register_netdevice_notifier = Entry "register_netdevice_notifier" ["int (struct notifier_block *)"] Notifier (Scope::None) Any();
            notifier register_netdevice_notifier_net = Entry "register_netdevice_notifier_net" ["int (struct net *, struct notifier_block *)"] Notifier (Scope::Netns) Any();
            notifier register_netdevice_notifier_dev_net = Entry "register_netdevice_notifier_dev_net" ["int (struct net_device *, struct notifier_block *, struct netdev_net_notifier *)"] Notifier (Scope::Netdev) Any();
            notifier unregister_netdevice_notifier = Entry "unregister_netdevice_notifier" ["int (struct notifier_block *)"] Notifier (Scope::None) Any();
            notifier unregister_netdevice_notifier_net = Entry "unregister_netdevice_notifier_net" ["int (struct net *, struct notifier_block *)"] Notifier (Scope::Netns) Any();
            notifier unregister_netdevice_notifier_dev_net = Entry "unregister_netdevice_notifier_dev_net" ["int (struct net_device *, struct notifier_block *, struct netdev_net_notifier *)"] Notifier (Scope::Netdev) Any();
            // net/core/fib_notifier.c, net/ipv4/nexthop.c
            notifier register_fib_notifier = Entry "register_fib_notifier" ["int (struct net *, struct notifier_block *, function *, struct netlink_ext_ack *)"] Notifier (Scope::Netns) Any();
            notifier unregister_fib_notifier = Entry "unregister_fib_notifier" ["int (struct net *, struct notifier_block *)"] Notifier (Scope::Netns) Any();
            notifier register_nexthop_notifier = Entry "register_nexthop_notifier" ["int (struct net *, struct notifier_block *)" "int (struct net *, struct notifier_block *, struct netlink_ext_ack *)"] Notifier (Scope::Netns) Any();
            notifier unregister_nexthop_notifier = Entry "unregister_nexthop_notifier" ["int (struct net *, struct notifier_block *)"] Notifier (Scope::Netns) Any();
            // kernel/notifier.c: all other chains, among them netevent, inetaddr, inet6addr and switchdev
            notifier blocking_notifier_chain_register = Entry "blocking_notifier_chain_register" ["int (struct blocking_notifier_head *, struct notifier_block *)"] Notifier (Scope::Chain) Any();
            notifier blocking_notifier_chain_unregister = Entry "blocking_notifier_chain_unregister" ["int (struct blocking_notifier_head *, struct notifier_block *)"] Notifier (Scope::Chain) Any();
            notifier raw_notifier_chain_register = Entry "raw_notifier_chain_register" ["int (struct raw_notifier_head *, struct notifier_block *)"] Notifier (Scope::Chain) Any();
            notifier raw_notifier_chain_unregister = Entry "raw_notifier_chain_unregister" ["int (struct raw_notifier_head *, struct notifier_block *)"] Notifier (Scope::Chain) Any();
            notifier atomic_notifier_chain_register = Entry "atomic_notifier_chain_register" ["int (struct atomic_notifier_head *, struct notifier_block *)"] Notifier (Scope::Chain) Any();
            notifier atomic_notifier_chain_unregister = Entry "atomic_notifier_chain_unregister" ["int (struct atomic_notifier_head *, struct notifier_block *)"] Notifier (Scope::Chain) Any();
            notifier srcu_notifier_chain_register = Entry "srcu_notifier_chain_register" ["int (struct srcu_notifier_head *, struct notifier_block *)"] Notifier (Scope::Chain) Any();
            notifier srcu_notifier_chain_unregister = Entry "srcu_notifier_chain_unregister" ["int (struct srcu_notifier_head *, struct notifier_block *)"] Notifier (Scope::Chain) Any();
            // why a task is in the kernel: net/netlink/genetlink.c, net/core/rtnetlink.c, fs/kernfs/file.c, fs/proc
            // a function of more than six arguments can be hooked from 6.7 on; before it, the family is known by the handler alone
            genl_message genl_rcv_msg = Entry "genl_rcv_msg" ["int (struct sk_buff *, struct nlmsghdr *, struct netlink_ext_ack *)"] Origin () Before (6, 7);
            genetlink genl_family_rcv_msg_doit = Entry "genl_family_rcv_msg_doit" ["int (const struct genl_family *, struct sk_buff *, struct nlmsghdr *, struct netlink_ext_ack *, const struct genl_ops *, int, struct net *)" "int (const struct genl_family *, struct sk_buff *, struct nlmsghdr *, struct netlink_ext_ack *, const struct genl_split_ops *, int, struct net *)"] Origin () Since (6, 7);
            genetlink genl_family_rcv_msg_dumpit = Entry "genl_family_rcv_msg_dumpit" ["int (const struct genl_family *, struct sk_buff *, struct nlmsghdr *, struct netlink_ext_ack *, const struct genl_ops *, int, struct net *)" "int (const struct genl_family *, struct sk_buff *, struct nlmsghdr *, struct netlink_ext_ack *, const struct genl_split_ops *, int, struct net *)"] Origin () Since (6, 7);
            rtnetlink rtnetlink_rcv_msg = Entry "rtnetlink_rcv_msg" ["int (struct sk_buff *, struct nlmsghdr *, struct netlink_ext_ack *)"] Origin () Any();
            write_file kernfs_fop_write_iter = Entry "kernfs_fop_write_iter" ["ssize_t (struct kiocb *, struct iov_iter *)"] Origin (true) Any();
            write_file proc_reg_write = Entry "proc_reg_write" ["ssize_t (struct file *, const char *, size_t, loff_t *)"] Origin (false) Any();
            write_file proc_sys_call_handler = Entry "proc_sys_call_handler" ["ssize_t (struct kiocb *, struct iov_iter *, int)"] Origin (true) Any();
            // kernel/module/main.c: its symbols are in kallsyms by then, and none of its code has run; and when all of it has
            module do_init_module = Entry "do_init_module" ["int (struct module *)"] Module () Any();
            module_free free_module = Entry "free_module" ["void (struct module *)"] Module () Any();
            // include/trace/events/lock.h: lockdep is told of a lock before it is waited for, and when it is given back
            lockdep_acquire lock_acquire = Tracepoint "lock_acquire" [] Lockdep () Lockdep();
            lockdep_release lock_release = Tracepoint "lock_release" [] Lockdep () Lockdep();
            // include/trace/events/lock.h: a task has to wait, and has waited
            contention_begin contention_begin = Tracepoint "contention_begin" [] Contention () Since (5, 19);
            contention_end contention_end = Tracepoint "contention_end" [] Contention () Since (5, 19);
            contended contended = Tracepoint "contention_begin" [] Duration () Since (5, 19);
            got got = Tracepoint "contention_end" [] Duration () Since (5, 19);
            // kernel/fork.c, delayed_put_task_struct(): the last that is heard of a task_struct
            task_free sched_process_free = Tracepoint "sched_process_free" [] Task () Any();
            // kernel/fork.c, copy_process(): a task is made, which does not run yet; of use where held stacks are found by the stack (tracer-ebpf/src/stack.rs)
            task_begin task_newtask = Tracepoint "task_newtask" [] Task () Since (6, 2);
            // kernel/bpf/task_iter.c: every task, a few times a second
            look look = Iterator "task" [] Stall () Any();
            look_at_waiting look_at_waiting = Iterator "task" [] Contention () Any();
            // include/trace/events/workqueue.h: an item runs on its queue
            work_begin workqueue_execute_start = Tracepoint "workqueue_execute_start" [] Wait (WORK) Any();
            work_end workqueue_execute_end = Tracepoint "workqueue_execute_end" [] Wait (WORK) Any();
            // kernel/workqueue.c: a delayed item begins with the item
            flush flush_work = Entry "flush_work" ["bool (struct work_struct *)"] Wait (WORK) Any();
            waited flush_work_exit = Exit "flush_work" ["bool (struct work_struct *)"] Wait (WORK) Any();
            flush flush_delayed_work = Entry "flush_delayed_work" ["bool (struct delayed_work *)"] Wait (WORK) Any();
            waited flush_delayed_work_exit = Exit "flush_delayed_work" ["bool (struct delayed_work *)"] Wait (WORK) Any();
            wait cancel_work_sync = Entry "cancel_work_sync" ["bool (struct work_struct *)"] Wait (WORK) Any();
            waited cancel_work_sync_exit = Exit "cancel_work_sync" ["bool (struct work_struct *)"] Wait (WORK) Any();
            wait cancel_delayed_work_sync = Entry "cancel_delayed_work_sync" ["bool (struct delayed_work *)"] Wait (WORK) Any();
            waited cancel_delayed_work_sync_exit = Exit "cancel_delayed_work_sync" ["bool (struct delayed_work *)"] Wait (WORK) Any();
            wait disable_work_sync = Entry "disable_work_sync" ["bool (struct work_struct *)"] Wait (WORK) Since (6, 10);
            waited disable_work_sync_exit = Exit "disable_work_sync" ["bool (struct work_struct *)"] Wait (WORK) Since (6, 10);
            wait disable_delayed_work_sync = Entry "disable_delayed_work_sync" ["bool (struct delayed_work *)"] Wait (WORK) Since (6, 10);
            waited disable_delayed_work_sync_exit = Exit "disable_delayed_work_sync" ["bool (struct delayed_work *)"] Wait (WORK) Since (6, 10);
            wait flush_workqueue = Entry "flush_workqueue" ["void (struct workqueue_struct *)"] Wait (QUEUE) Before (6, 0);
            waited flush_workqueue_exit = Exit "flush_workqueue" ["void (struct workqueue_struct *)"] Wait (QUEUE) Before (6, 0);
            wait __flush_workqueue = Entry "__flush_workqueue" ["void (struct workqueue_struct *)"] Wait (QUEUE) Since (6, 0);
            waited __flush_workqueue_exit = Exit "__flush_workqueue" ["void (struct workqueue_struct *)"] Wait (QUEUE) Since (6, 0);
            // kernel/sched/completion.c
            wait wait_for_completion = Entry "wait_for_completion" ["void (struct completion *)"] Wait (COMPLETION) Any();
            waited wait_for_completion_exit = Exit "wait_for_completion" ["void (struct completion *)"] Wait (COMPLETION) Any();
            wait wait_for_completion_timeout = Entry "wait_for_completion_timeout" ["long unsigned int (struct completion *, long unsigned int)"] Wait (COMPLETION) Any();
            waited_timed wait_for_completion_timeout_exit = Exit "wait_for_completion_timeout" ["long unsigned int (struct completion *, long unsigned int)"] Wait (COMPLETION) Any();
            wait wait_for_completion_interruptible = Entry "wait_for_completion_interruptible" ["int (struct completion *)"] Wait (COMPLETION) Any();
            waited_unless wait_for_completion_interruptible_exit = Exit "wait_for_completion_interruptible" ["int (struct completion *)"] Wait (COMPLETION) Any();
            wait wait_for_completion_interruptible_timeout = Entry "wait_for_completion_interruptible_timeout" ["long int (struct completion *, long unsigned int)"] Wait (COMPLETION) Any();
            waited_timed wait_for_completion_interruptible_timeout_exit = Exit "wait_for_completion_interruptible_timeout" ["long int (struct completion *, long unsigned int)"] Wait (COMPLETION) Any();
            wait wait_for_completion_killable = Entry "wait_for_completion_killable" ["int (struct completion *)"] Wait (COMPLETION) Any();
            waited_unless wait_for_completion_killable_exit = Exit "wait_for_completion_killable" ["int (struct completion *)"] Wait (COMPLETION) Any();
            wait wait_for_completion_killable_timeout = Entry "wait_for_completion_killable_timeout" ["long int (struct completion *, long unsigned int)"] Wait (COMPLETION) Any();
            waited_timed wait_for_completion_killable_timeout_exit = Exit "wait_for_completion_killable_timeout" ["long int (struct completion *, long unsigned int)"] Wait (COMPLETION) Any();
            wait wait_for_completion_io = Entry "wait_for_completion_io" ["void (struct completion *)"] Wait (COMPLETION) Any();
            waited wait_for_completion_io_exit = Exit "wait_for_completion_io" ["void (struct completion *)"] Wait (COMPLETION) Any();
            wait wait_for_completion_io_timeout = Entry "wait_for_completion_io_timeout" ["long unsigned int (struct completion *, long unsigned int)"] Wait (COMPLETION) Any();
            waited_timed wait_for_completion_io_timeout_exit = Exit "wait_for_completion_io_timeout" ["long unsigned int (struct completion *, long unsigned int)"] Wait (COMPLETION) Any();
            wait wait_for_completion_state = Entry "wait_for_completion_state" ["int (struct completion *, unsigned int)"] Wait (COMPLETION) Since (6, 0);
            waited_unless wait_for_completion_state_exit = Exit "wait_for_completion_state" ["int (struct completion *, unsigned int)"] Wait (COMPLETION) Since (6, 0);
            complete complete = Entry "complete" ["void (struct completion *)"] Wait (COMPLETION) Any();
            complete complete_all = Entry "complete_all" ["void (struct completion *)"] Wait (COMPLETION) Any();
            complete complete_on_current_cpu = Entry "complete_on_current_cpu" ["void (struct completion *)"] Wait (COMPLETION) Since (6, 6);
            // kernel/kthread.c
            wait kthread_stop = Entry "kthread_stop" ["int (struct task_struct *)"] Wait (THREAD) Any();
            waited kthread_stop_exit = Exit "kthread_stop" ["int (struct task_struct *)"] Wait (THREAD) Any();
            // kernel/rcu/srcutree.c
            hold __srcu_read_lock = Entry "__srcu_read_lock" ["int (struct srcu_struct *)"] Wait (SRCU | SHARED) Any();
            release __srcu_read_unlock = Entry "__srcu_read_unlock" ["void (struct srcu_struct *, int)"] Wait (SRCU | SHARED) Any();
            wait synchronize_srcu = Entry "synchronize_srcu" ["void (struct srcu_struct *)"] Wait (SRCU) Any();
            waited synchronize_srcu_exit = Exit "synchronize_srcu" ["void (struct srcu_struct *)"] Wait (SRCU) Any();
            wait synchronize_srcu_expedited = Entry "synchronize_srcu_expedited" ["void (struct srcu_struct *)"] Wait (SRCU) Any();
            waited synchronize_srcu_expedited_exit = Exit "synchronize_srcu_expedited" ["void (struct srcu_struct *)"] Wait (SRCU) Any();
            // fs/kernfs/file.c: a file of sysfs is read or written; fs/kernfs/dir.c: in that it is in use, until it is not any more, or is given up to be removed
            enter_file kernfs_fop_read_iter = Entry "kernfs_fop_read_iter" ["ssize_t (struct kiocb *, struct iov_iter *)"] Wait (KERNFS | SHARED) Any();
            leave_file kernfs_fop_read_iter_exit = Exit "kernfs_fop_read_iter" ["ssize_t (struct kiocb *, struct iov_iter *)"] Wait (KERNFS | SHARED) Any();
            enter_file kernfs_fop_write_iter_enter = Entry "kernfs_fop_write_iter" ["ssize_t (struct kiocb *, struct iov_iter *)"] Wait (KERNFS | SHARED) Any();
            leave_file kernfs_fop_write_iter_exit = Exit "kernfs_fop_write_iter" ["ssize_t (struct kiocb *, struct iov_iter *)"] Wait (KERNFS | SHARED) Any();
            use_file kernfs_get_active = Exit "kernfs_get_active" ["struct kernfs_node * (struct kernfs_node *)"] Wait (KERNFS | SHARED) Any();
            put_file kernfs_put_active = Entry "kernfs_put_active" ["void (struct kernfs_node *)"] Wait (KERNFS | SHARED) Any();
            put_file kernfs_break_active_protection = Entry "kernfs_break_active_protection" ["void (struct kernfs_node *)"] Wait (KERNFS | SHARED) Any();
            put_file kernfs_remove_self = Entry "kernfs_remove_self" ["bool (struct kernfs_node *)"] Wait (KERNFS | SHARED) Any();
            // fs/kernfs/dir.c: a node is removed once nobody uses it; where that function is inlined, the one that it calls next
            wait kernfs_drain = Entry "kernfs_drain" ["void (struct kernfs_node *)" "void (struct kernfs_node *, bool)"] Wait (KERNFS) Since (5, 16);
            waited kernfs_drain_exit = Exit "kernfs_drain" ["void (struct kernfs_node *)" "void (struct kernfs_node *, bool)"] Wait (KERNFS) Since (5, 16);
            wait kernfs_drain_open_files = Entry "kernfs_drain_open_files" ["void (struct kernfs_node *)"] Wait (KERNFS) Before (5, 16);
            waited kernfs_drain_open_files_exit = Exit "kernfs_drain_open_files" ["void (struct kernfs_node *)"] Wait (KERNFS) Before (5, 16);
        }
    };
}

macro_rules! kernels {
    ($kernels:ident ()) => { Kernels::$kernels };
    ($kernels:ident ($($number:literal),+)) => { Kernels::$kernels($($number),+) };
}

macro_rules! info {
    (Lock ($($info:tt)+)) => { $($info)+ };
    (Wait ($($info:tt)+)) => { $($info)+ };
    ($purpose:ident ($($argument:tt)*)) => { 0 };
}

macro_rules! table {
    ($($action:ident $program:ident = $hook:ident $function:literal [$($prototype:literal)*] $purpose:ident ($($argument:tt)*) $kernels:ident $release:tt;)+) => {
        /// Every probe, in the order of [`probes!`](crate::probes).
        pub const PROBES: &[Probe] = &[$(
            Probe {
                program: stringify!($program),
                stand_in_names: [concat!(stringify!($program), "_stand_in"), concat!(stringify!($program), "_second_stand_in")],
                function: $function,
                prototypes: &[$($prototype),*],
                hook: Hook::$hook,
                purpose: Purpose::$purpose,
                action: stringify!($action),
                kernels: kernels!($kernels $release),
                info: {
                    #[allow(unused_imports, reason = "a row names what it is about")]
                    use crate::wire::info::{
                        COMPLETION, KERNFS, MUTEX, PERCPU_RWSEM, QUEUE, RT_MUTEX, RWSEM, SEMAPHORE, SHARED, SRCU, THREAD, WORK, WW_MUTEX,
                    };
                    info!($purpose ($($argument)*))
                },
            },
        )+];

        /// Index of each probe in [`PROBES`], under the name of its program.
        #[allow(non_camel_case_types, missing_docs, reason = "named after the programs, which are named after kernel functions")]
        #[repr(u32)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ProbeIndex {
            $($program,)+
        }
    };
}

probes!(table);

/// The most rows that the program's tables can hold.
pub const MAX_PROBES: usize = 256;

const _: () = assert!(PROBES.len() <= MAX_PROBES);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_unique() {
        for (index, probe) in PROBES.iter().enumerate() {
            assert!(
                PROBES[..index].iter().all(|other| other.program != probe.program),
                "{} stands twice",
                probe.program
            );
        }
    }

    #[test]
    fn an_index_is_the_place_in_the_table() {
        assert_eq!(
            PROBES[ProbeIndex::devlink_reload_exit as usize].program,
            "devlink_reload_exit"
        );
        assert_eq!(PROBES[ProbeIndex::mutex_lock as usize].function, "mutex_lock");
    }

    #[test]
    fn every_function_has_a_prototype_with_the_lock_first() {
        for probe in PROBES
            .iter()
            .filter(|probe| matches!(probe.hook, Hook::Entry | Hook::Exit))
        {
            assert!(!probe.prototypes.is_empty(), "{}", probe.function);
            let first = |prototype: &str| prototype.contains(" (struct ") && prototype.ends_with(')');
            assert!(
                !matches!(probe.purpose, Purpose::Lock | Purpose::Init)
                    || probe.prototypes.iter().all(|text| first(text)),
                "{}",
                probe.function
            );
        }
    }

    #[test]
    fn a_kernel_is_known_by_its_release_and_by_lockdep() {
        assert!(Kernels::Any.include((5, 10), true));
        assert!(Kernels::Since(5, 18).include((6, 1), false) && !Kernels::Since(5, 18).include((5, 10), false));
        assert!(
            Kernels::LockdepBefore(6, 16).include((6, 12), true)
                && !Kernels::LockdepBefore(6, 16).include((6, 12), false)
        );
        assert!(
            Kernels::StockSince(6, 19).include((7, 2), false) && !Kernels::StockSince(6, 19).include((6, 12), false)
        );
    }

    #[test]
    fn a_kernel_may_be_too_new() {
        assert!(Kernels::Before(5, 16).are_before((5, 16)) && !Kernels::Before(5, 16).are_before((5, 15)));
        assert!(!Kernels::Since(5, 16).are_before((6, 12)) && !Kernels::Any.are_before((6, 12)));
    }

    #[test]
    fn what_can_fail_has_both_ends() {
        for probe in PROBES
            .iter()
            .filter(|probe| probe.hook == Hook::Exit && probe.program.ends_with("_exit"))
        {
            assert!(
                PROBES
                    .iter()
                    .any(|entry| entry.hook == Hook::Entry && entry.function == probe.function),
                "{} has no entry",
                probe.function
            );
        }
    }
}
