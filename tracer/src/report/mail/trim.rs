//! Stacks without what every stack has: from the lock's function to where it is clear why the task was in the kernel.

use std::sync::Arc;

/// Functions that tell why: they stay, and what called them goes (x86 and arm64, 5.10 to 7.2).
const TELLING: [&str; 9] = [
    "__sysfs_", // fs/sysfs/file.c
    "do_init_module",
    "do_one_initcall",
    "genl_family_rcv_msg_doit", // net/netlink/genetlink.c; the handler calls it
    "genl_family_rcv_msg_dumpit",
    "kernfs_fop_write_iter", // fs/kernfs/file.c: sysfs
    "proc_sys_call_handler",
    "rtnetlink_rcv_msg", // net/core/rtnetlink.c
    "__x64_sys_",
];

/// Functions that are the same for all tasks of a sort: they go, and what called them.
const COMMON: [&str; 8] = [
    "process_one_work", // kernel/workqueue.c
    "process_scheduled_works",
    "worker_thread",
    "kthread", // kernel/kthread.c
    "ret_from_fork",
    "x64_sys_call",
    "do_syscall_64",
    "entry_SYSCALL",
];

/// The inner part of a stack, and the frames that were left out.
pub(super) fn trim(stack: &[Arc<str>]) -> (&[Arc<str>], &[Arc<str>]) {
    let is = |names: &[&str], frame: &str| names.iter().any(|name| frame.starts_with(name));
    let end = stack.iter().enumerate().find_map(|(number, frame)| {
        let telling = is(&TELLING, frame).then_some(number + 1);
        telling.or_else(|| is(&COMMON, frame).then_some(number))
    });
    // A stack that is nothing else stays.
    let end = end.filter(|&end| end > 0).unwrap_or(stack.len());
    stack.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(stack: &str) -> (usize, usize) {
        let stack: Vec<_> = stack.split(' ').map(|name| format!("{name}+0x1/0x2").into()).collect();
        let (kept, left_out) = trim(&stack);
        (kept.len(), left_out.len())
    }

    #[test]
    fn what_tells_why_stays() {
        assert_eq!(
            parts("down_read cleanup_net process_one_work worker_thread kthread ret_from_fork"),
            (2, 4)
        );
        assert_eq!(
            parts("mutex_lock devlink_reload genl_family_rcv_msg_doit genl_rcv_msg do_syscall_64"),
            (3, 2)
        );
        assert_eq!(
            parts("mutex_lock vfs_rename __x64_sys_rename do_syscall_64 entry_SYSCALL_64_after_hwframe"),
            (3, 2)
        );
        assert_eq!(parts("mutex_lock f"), (2, 0));
        assert_eq!(parts("kthread ret_from_fork"), (2, 0));
    }
}
