//! Offsets of kernel structure members, in bytes, as the program needs them.
//!
//! Rust eBPF has no CO-RE relocations: user space reads the running kernel's BTF and hands the table over before the program is loaded.

use bytemuck::{Pod, Zeroable};

use crate::wire::info;

/// The member is not in this kernel; what needs it is switched off.
pub const ABSENT: i64 = -1;

macro_rules! offsets {
    ($($(#[$doc:meta])* $field:ident: $structure:literal, $($member:literal)|+;)+) => {
        /// One offset per kernel member that the program reads; [`ABSENT`] where the kernel has none.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
        pub struct Offsets {
            $($(#[$doc])* pub $field: i64,)+
        }

        impl Offsets {
            /// Nothing known.
            pub const NONE: Self = Self { $($field: ABSENT,)+ };

            /// Looks every member up: `lookup(structure, member)` tells its offset in bytes.
            /// Where a member had several names over time, the first that exists counts.
            pub fn resolve(mut lookup: impl FnMut(&str, &str) -> Option<i64>) -> Self {
                Self {
                    $($field: None$(.or_else(|| lookup($structure, $member)))+.unwrap_or(ABSENT),)+
                }
            }

            /// Every entry with the structure and member it stands for.
            pub fn entries(&self) -> impl Iterator<Item = (&'static str, &'static str, i64)> {
                [$(($structure, [$($member),+][0], self.$field)),+].into_iter()
            }

            /// Structure and member of those that this kernel does not have although it should.
            pub fn absent(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
                let lockdep = self.has_lockdep();
                self.entries()
                    .filter(move |&(structure, member, offset)| offset == ABSENT && (lockdep || !is_of_lockdep(structure, member)))
                    .map(|(structure, member, _)| (structure, member))
            }
        }
    };
}

offsets! {
    /// Owner word: `task_struct` and three flag bits (`kernel/locking/mutex.c`); of the rt_mutex beneath it with PREEMPT_RT.
    mutex_owner: "mutex", "owner" | "rtmutex.owner";
    /// Owner word: `task_struct` and flag bits; bit 0: a reader took it last (`kernel/locking/rwsem.c`).
    rwsem_owner: "rw_semaphore", "owner";
    /// Count word: bit 0 writer, readers from bit 8 on (`kernel/locking/rwsem.c`, 5.3+).
    rwsem_count: "rw_semaphore", "count";
    /// Owner word of an rt_mutex: `task_struct` and one flag bit (`kernel/locking/rtmutex_common.h`).
    rt_mutex_owner: "rt_mutex", "rtmutex.owner" | "owner";
    /// Not 0 while a writer has it or waits for it (`kernel/locking/percpu-rwsem.c`).
    percpu_block: "percpu_rw_semaphore", "block";
    /// How many more can have a semaphore (`kernel/locking/semaphore.c`).
    semaphore_count: "semaphore", "count";
    /// Where the tasks that wait for a completion stand (`include/linux/swait.h`).
    completion_waiters: "completion", "wait.task_list";
    /// Such a place in that list.
    waiter_place: "swait_queue", "task_list";
    /// The task that stands there.
    waiter_task: "swait_queue", "task";
    /// Lowest address of a task's kernel stack.
    task_stack: "task_struct", "stack";
    /// What it does: 0 is running, or ready to.
    task_state: "task_struct", "__state" | "state";
    /// Its thread id.
    task_pid: "task_struct", "pid";
    /// Its process id.
    task_tgid: "task_struct", "tgid";
    /// Its name.
    task_comm: "task_struct", "comm";
    /// `struct kthread` of a kernel thread: `worker_private` since 5.17, `set_child_tid` before.
    task_kthread: "task_struct", "worker_private" | "set_child_tid";
    /// The address space of a process; 0 for kernel threads.
    task_mm: "task_struct", "mm";
    /// The lock of an address space.
    mm_mmap_lock: "mm_struct", "mmap_lock";
    /// The namespaces of a task; 0 while it ends.
    task_nsproxy: "task_struct", "nsproxy";
    /// Its network namespace.
    nsproxy_net: "nsproxy", "net_ns";
    /// `PF_WQ_WORKER` is in it.
    task_flags: "task_struct", "flags";
    /// A worker thread's `struct worker`.
    kthread_data: "kthread", "data";
    /// Function of the work item that a worker runs.
    worker_function: "worker", "current_func";
    /// Name of the queue that the item came from.
    worker_desc: "worker", "desc";
    /// The pool through which it came from its queue.
    worker_pool: "worker", "current_pwq";
    /// The queue of a pool.
    pool_queue: "pool_workqueue", "wq";
    /// What a queue is called.
    queue_name: "workqueue_struct", "name";
    /// `__WQ_ORDERED` is in it.
    queue_flags: "workqueue_struct", "flags";
    /// Bits that say where a work item is, and the pool that it is queued on.
    work_data: "work_struct", "data";
    /// What a work item does.
    work_function: "work_struct", "func";
    /// The name of a file of sysfs.
    kernfs_name: "kernfs_node", "name";
    /// Which of the nodes that were at this address one after the other.
    kernfs_id: "kernfs_node", "id";
    /// What an open file is to its file system: of sysfs a `struct seq_file`.
    file_private: "file", "private_data";
    /// What that is to kernfs: a `struct kernfs_open_file`.
    seq_private: "seq_file", "private";
    /// Its node.
    open_node: "kernfs_open_file", "kn";
    /// The instance's lock.
    devlink_lock: "devlink", "lock";
    /// The instance's network namespace.
    devlink_net: "devlink", "_net";
    /// The device that the instance belongs to.
    devlink_dev: "devlink", "dev";
    /// Inode number of a network namespace: `net.ns.inum`.
    net_inum: "net", "ns.inum";
    /// `device_lock()` takes it.
    device_mutex: "device", "mutex";
    /// The device's bus.
    device_bus: "device", "bus";
    /// The device's name once it is registered.
    device_name: "device", "kobj.name";
    /// Tells a device from any other memory: it is the address of `device_ktype` (`drivers/base/core.c`).
    device_type: "device", "kobj.ktype";
    /// The bus's name.
    bus_name: "bus_type", "name";
    /// The name of a network device.
    netdev_name: "net_device", "name";
    /// Name of a generic netlink family.
    genl_family_name: "genl_family", "name";
    /// The file that a `struct kiocb` is about.
    kiocb_file: "kiocb", "ki_filp";
    /// The directory entry of an open file.
    file_dentry: "file", "f_path.dentry";
    /// Its name.
    dentry_name: "dentry", "d_name.name";
    /// The directory that it is in.
    dentry_parent: "dentry", "d_parent";
    /// Name of a module.
    module_name: "module", "name";
    /// A notifier's callback.
    notifier_call: "notifier_block", "notifier_call";
    /// What lockdep knows of a mutex. Absent, like all below, on a kernel without lockdep (`CONFIG_DEBUG_LOCK_ALLOC`).
    mutex_dep_map: "mutex", "dep_map";
    /// The same of a rwsem.
    rwsem_dep_map: "rw_semaphore", "dep_map";
    /// The same of a percpu_rwsem.
    percpu_dep_map: "percpu_rw_semaphore", "dep_map";
    /// The same of an rt_mutex.
    rt_mutex_dep_map: "rt_mutex", "dep_map";
    /// What tells the class of a lock apart from all others (`include/linux/lockdep_types.h`, `struct lockdep_map`).
    dep_map_key: "lockdep_map", "key";
    /// Name of the class, which others may have too.
    dep_map_name: "lockdep_map", "name";
    /// The class itself, once a lock of it was taken.
    dep_map_class: "lockdep_map", "class_cache";
    /// Whether who takes a lock may sleep.
    dep_map_wait_type: "lockdep_map", "wait_type_inner";
    /// Its own address, by which a mutex is known (`CONFIG_DEBUG_MUTEXES`, which lockdep selects).
    mutex_magic: "mutex", "magic";
    /// The same of a rwsem (`CONFIG_DEBUG_RWSEMS`, likewise).
    rwsem_magic: "rw_semaphore", "magic";
    /// Which of the classes of one name it is, from 1 on (`kernel/locking/lockdep.c`, `count_matching_names()`).
    class_version: "lock_class", "name_version";
}

/// Whether only a kernel with lockdep has this.
fn is_of_lockdep(structure: &str, member: &str) -> bool {
    matches!(member, "dep_map" | "magic") || matches!(structure, "lockdep_map" | "lock_class")
}

/// As many kinds of lock as [`info::KIND`] can tell apart.
pub const KINDS: usize = info::KIND as usize + 1;

impl Offsets {
    /// By kind: where in a lock the words begin that tell who has it. Those of a rwsem are its first ones; 0 where the kernel has no such member.
    pub fn proofs(&self) -> [u64; KINDS] {
        let mut proofs = [0; KINDS];
        let known = [
            (info::MUTEX, self.mutex_owner),
            (info::WW_MUTEX, self.mutex_owner),
            (info::RT_MUTEX, self.rt_mutex_owner),
            (info::PERCPU_RWSEM, self.percpu_block),
            (info::SEMAPHORE, self.semaphore_count),
            // A queue says what it is called.
            (info::QUEUE, self.queue_name),
        ];
        for (kind, offset) in known {
            proofs[kind as usize] = offset.max(0) as u64;
        }
        proofs
    }

    /// By kind: where in a lock its `struct lockdep_map` is; 0 where there is none: it never stands first in a lock.
    pub fn dep_maps(&self) -> [u64; KINDS] {
        let mut places = [0; KINDS];
        let known = [
            (info::MUTEX, self.mutex_dep_map),
            (info::WW_MUTEX, self.mutex_dep_map),
            (info::RWSEM, self.rwsem_dep_map),
            (info::PERCPU_RWSEM, self.percpu_dep_map),
            (info::RT_MUTEX, self.rt_mutex_dep_map),
        ];
        for (kind, offset) in known {
            places[kind as usize] = offset.max(0) as u64;
        }
        places
    }

    /// Whether locks carry lockdep's map.
    pub fn has_lockdep(&self) -> bool {
        self.mutex_dep_map != ABSENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_name_counts_when_the_newer_one_is_absent() {
        let old = Offsets::resolve(|_, member| (member == "set_child_tid").then_some(40));
        assert_eq!(old.task_kthread, 40);
        assert_eq!(old.mutex_owner, ABSENT);
        assert!(old.absent().any(|absent| absent == ("mutex", "owner")));
        assert!(
            !old.absent()
                .any(|(structure, member)| (structure, member) == ("task_struct", "worker_private"))
        );
    }

    #[test]
    fn a_lock_has_a_map_of_lockdep_or_none() {
        let known = Offsets {
            mutex_dep_map: 40,
            ..Offsets::NONE
        };
        assert_eq!(known.dep_maps()[info::WW_MUTEX as usize], 40);
        assert_eq!(known.dep_maps()[info::RWSEM as usize], 0);
        assert!(known.has_lockdep() && !Offsets::NONE.has_lockdep());
        assert_eq!(Offsets::NONE.dep_maps(), [0; KINDS]);
        let misses = |offsets: &Offsets| offsets.absent().any(|absent| absent == ("lock_class", "name_version"));
        assert!(
            misses(&known) && !misses(&Offsets::NONE),
            "a stock kernel misses nothing of lockdep"
        );
    }

    #[test]
    fn the_newer_name_wins() {
        let new = Offsets::resolve(|_, member| Some(if member == "worker_private" { 8 } else { 16 }));
        assert_eq!(new.task_kthread, 8);
    }
}
