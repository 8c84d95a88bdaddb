//! The table of probes: one row per eBPF program, generated code on both sides.
//!
//! Adding a probe is adding a row: the program is generated from it, user space attaches it, `tracer check` lists it.

/// When a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// At the function's entry.
    Entry,
    /// When it returns.
    Exit,
    /// At a tracepoint with typed arguments.
    Tracepoint,
}

/// What a probe is there for, and so what goes blind without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Lock operations: nothing works without them.
    Lock,
    /// Devlink reload windows and names.
    Devlink,
    /// Registration of netdevice notifiers.
    Notifier,
    /// A task is gone: its held stack is freed.
    Task,
    /// A module is loaded: its symbols are there from now on.
    Module,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    /// Name of the eBPF program.
    pub program: &'static str,
    /// Kernel function or tracepoint.
    pub function: &'static str,
    /// When it runs.
    pub hook: Hook,
    /// What it is for.
    pub purpose: Purpose,
    /// What the program does, as in the table: `request`, `release`, ...
    pub action: &'static str,
}

impl Probe {
    /// Whether the program adds to held stacks. These are attached last: what is taken is then sure to be seen released.
    pub fn acquires(&self) -> bool {
        matches!(self.action, "request" | "trylock")
    }
}

/// Calls `$callback!` with every row. `action` is the macro of `tracer-ebpf` that makes the program.
///
/// Prototypes are those of 5.10 to 7.2; all lock functions take the lock as their first argument.
#[macro_export]
macro_rules! probes {
    ($callback:ident) => {
        $callback! {
            // kernel/locking/mutex.c
            request   mutex_lock = Entry "mutex_lock" Lock (MUTEX);
            request   mutex_lock_io = Entry "mutex_lock_io" Lock (MUTEX);
            request   mutex_lock_interruptible = Entry "mutex_lock_interruptible" Lock (MUTEX);
            failed    mutex_lock_interruptible_exit = Exit "mutex_lock_interruptible" Lock (MUTEX);
            request   mutex_lock_killable = Entry "mutex_lock_killable" Lock (MUTEX);
            failed    mutex_lock_killable_exit = Exit "mutex_lock_killable" Lock (MUTEX);
            trylock   mutex_trylock = Exit "mutex_trylock" Lock (MUTEX);
            release   mutex_unlock = Entry "mutex_unlock" Lock (MUTEX);
            // kernel/locking/rwsem.c
            request   down_read = Entry "down_read" Lock (RWSEM | SHARED);
            request   down_read_interruptible = Entry "down_read_interruptible" Lock (RWSEM | SHARED);
            failed    down_read_interruptible_exit = Exit "down_read_interruptible" Lock (RWSEM | SHARED);
            request   down_read_killable = Entry "down_read_killable" Lock (RWSEM | SHARED);
            failed    down_read_killable_exit = Exit "down_read_killable" Lock (RWSEM | SHARED);
            trylock   down_read_trylock = Exit "down_read_trylock" Lock (RWSEM | SHARED);
            release   up_read = Entry "up_read" Lock (RWSEM | SHARED);
            request   down_write = Entry "down_write" Lock (RWSEM);
            request   down_write_killable = Entry "down_write_killable" Lock (RWSEM);
            failed    down_write_killable_exit = Exit "down_write_killable" Lock (RWSEM);
            trylock   down_write_trylock = Exit "down_write_trylock" Lock (RWSEM);
            release   up_write = Entry "up_write" Lock (RWSEM);
            downgrade downgrade_write = Entry "downgrade_write" Lock (RWSEM);
            // net/devlink: devlink_reload(devlink, dest_net, action, limit, actions_performed, extack)
            window_begin devlink_reload = Entry "devlink_reload" Devlink ();
            window_end   devlink_reload_exit = Exit "devlink_reload" Devlink ();
            devlink   devl_lock = Entry "devl_lock" Devlink ();
            devlink_free devlink_free = Entry "devlink_free" Devlink ();
            // net/core/dev.c: the notifier_block is argument 0, or 1 behind the namespace or device
            notifier  register_netdevice_notifier = Entry "register_netdevice_notifier" Notifier (0);
            notifier  unregister_netdevice_notifier = Entry "unregister_netdevice_notifier" Notifier (0);
            notifier  register_netdevice_notifier_net = Entry "register_netdevice_notifier_net" Notifier (1);
            notifier  unregister_netdevice_notifier_net = Entry "unregister_netdevice_notifier_net" Notifier (1);
            notifier  register_netdevice_notifier_dev_net = Entry "register_netdevice_notifier_dev_net" Notifier (1);
            notifier  unregister_netdevice_notifier_dev_net = Entry "unregister_netdevice_notifier_dev_net" Notifier (1);
            // kernel/module/main.c: its symbols are in kallsyms by then, and none of its code has run
            module    do_init_module = Entry "do_init_module" Module ();
            // kernel/fork.c, delayed_put_task_struct(): the last that is heard of a task_struct
            task_free sched_process_free = Tracepoint "sched_process_free" Task ();
        }
    };
}

macro_rules! table {
    ($($action:ident $program:ident = $hook:ident $function:literal $purpose:ident ($($argument:tt)*);)+) => {
        /// Every probe, in the order of [`probes!`](crate::probes).
        pub const PROBES: &[Probe] = &[$(
            Probe { program: stringify!($program), function: $function, hook: Hook::$hook, purpose: Purpose::$purpose, action: stringify!($action) },
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

/// The most rows that the program's table of function addresses can hold.
pub const MAX_PROBES: usize = 64;

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
