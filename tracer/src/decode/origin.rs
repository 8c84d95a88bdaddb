//! Why a task was in the kernel, in words.
//!
//! The entry points of netlink, sysfs and procfs are hooked and tell what they were asked for; everything else is read from the stack. What an entry
//! point noted counts only while that function is in the stack.

use tracer_common::{
    probe::PROBES,
    wire::{self, Situation},
};

use super::{frame, record::text};
use crate::{analysis::event::Frame, names::symbol::Symbols};

/// Everything that is known of it, the nearest cause first; `None` for nothing.
pub(super) fn of(situation: &Situation, stack: &[Frame], symbols: &Symbols) -> Option<String> {
    let path: Vec<&str> = stack
        .iter()
        .map(|frame| frame::function(frame, symbols).map_or("", whole))
        .collect();
    let mut causes: Vec<String> = Vec::new();
    causes.extend(noted(&situation.origin, &path));
    causes.extend(namespace(&path).map(str::to_owned));
    causes.extend(module(stack, &path));
    if situation.work != 0 {
        let function = symbols.function(situation.work).unwrap_or("unknown");
        let queue = text(&situation.desc);
        let on = if queue.is_empty() {
            String::new()
        } else {
            format!(" on {queue}")
        };
        causes.push(format!("work item {function}{on}"));
    }
    if causes.is_empty() {
        causes.extend(syscall(&situation.syscall, &path));
    }
    (!causes.is_empty()).then(|| causes.join(", in "))
}

/// The function that the compiler made a part or a variant of: `__do_sys_delete_module` of `__do_sys_delete_module.constprop.0`.
fn whole(function: &str) -> &str {
    function.split_once('.').map_or(function, |(whole, _)| whole)
}

/// What the last hooked entry point was asked for, if the task is still in it.
fn noted(origin: &wire::Origin, path: &[&str]) -> Option<String> {
    let probe = PROBES.get((origin.probe as usize).checked_sub(1)?)?;
    let place = path.iter().position(|function| *function == probe.function)?;
    // Between the entry point and the handler of the message there may be one more function.
    let place = path
        .iter()
        .position(|function| matches!(*function, "genl_family_rcv_msg_doit" | "genl_family_rcv_msg_dumpit"))
        .unwrap_or(place);
    let handler = place
        .checked_sub(1)
        .and_then(|inner| path.get(inner))
        .copied()
        .unwrap_or("unknown");
    let (name, parent) = (text(&origin.name), text(&origin.parent));
    Some(match probe.action {
        "genetlink" => format!("generic netlink {name} command {} ({handler})", origin.number),
        "genl_message" => format!("generic netlink command {} ({handler})", origin.number),
        "rtnetlink" => format!("rtnetlink {} ({handler})", message(origin.number)),
        _ => format!("write to {parent}/{name}"),
    })
}

/// Name of an rtnetlink message: four to a group (`include/uapi/linux/rtnetlink.h`).
fn message(number: u32) -> String {
    const GROUPS: &[&str] = &[
        "LINK",
        "ADDR",
        "ROUTE",
        "NEIGH",
        "RULE",
        "QDISC",
        "TCLASS",
        "TFILTER",
        "ACTION",
        "PREFIX",
        "MULTICAST",
        "ANYCAST",
        "NEIGHTBL",
        "NDUSEROPT",
        "ADDRLABEL",
        "DCB",
        "NETCONF",
        "MDB",
        "NSID",
        "STATS",
        "CACHEREPORT",
        "CHAIN",
        "NEXTHOP",
        "LINKPROP",
        "VLAN",
        "NEXTHOPBUCKET",
        "TUNNEL",
    ];
    const OPERATIONS: [&str; 4] = ["NEW", "DEL", "GET", "SET"];
    const FIRST: u32 = 16;
    let group = number
        .checked_sub(FIRST)
        .and_then(|number| GROUPS.get(number as usize / 4));
    match (group, OPERATIONS.get(number as usize % 4)) {
        (Some(group), Some(operation)) => format!("RTM_{operation}{group}"),
        _ => format!("message {number}"),
    }
}

/// `setup_net()` may be inlined, and what waits for other namespaces does so before it.
fn namespace(path: &[&str]) -> Option<&'static str> {
    path.iter().find_map(|function| match *function {
        "cleanup_net" => Some("netns teardown"),
        "setup_net" | "copy_net_ns" => Some("netns setup"),
        _ => None,
    })
}

/// A module's init or exit function: the one that the kernel's own loader called. Else, that it loads or unloads one (`kernel/module/main.c`): who wants to
/// know of it is called then, and `/sys/module` gets or loses its files.
fn module(stack: &[Frame], path: &[&str]) -> Option<String> {
    init_or_exit(stack, path).or_else(|| {
        path.iter().find_map(|function| match *function {
            "load_module" | "do_init_module" | "init_module_from_file" => Some("load of a module".to_owned()),
            "__do_sys_delete_module" | "__x64_sys_delete_module" => Some("unload of a module".to_owned()),
            _ => None,
        })
    })
}

fn init_or_exit(stack: &[Frame], path: &[&str]) -> Option<String> {
    let place = path.iter().position(|function| {
        matches!(
            *function,
            "do_one_initcall" | "__do_sys_delete_module" | "__x64_sys_delete_module"
        )
    })?;
    let what = if path.get(place) == Some(&"do_one_initcall") {
        "init"
    } else {
        "exit"
    };
    let name = frame::module(stack.get(place.checked_sub(1)?)?)?;
    Some(format!("{what} of module {name}"))
}

/// The system call, by the name of its function (`arch/x86/include/asm/syscall_wrapper.h`).
fn syscall(syscall: &wire::Syscall, path: &[&str]) -> Option<String> {
    const IOCTL: u64 = 16;
    let name = path.iter().rev().find_map(|function| {
        ["__x64_sys_", "__ia32_sys_", "__do_sys_", "__se_sys_"]
            .iter()
            .find_map(|prefix| function.strip_prefix(prefix))
    })?;
    Some(if name == "ioctl" && syscall.number == IOCTL {
        format!("ioctl {:#x}", syscall.second)
    } else {
        format!("system call {name}")
    })
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable as _;
    use tracer_common::probe::ProbeIndex;

    use super::*;

    fn frames(functions: &[&str]) -> Vec<Frame> {
        functions.iter().map(|text| Frame::Text((*text).into())).collect()
    }

    fn situation(probe: Option<ProbeIndex>, number: u32, name: &str, parent: &str) -> Situation {
        let mut situation = Situation::zeroed();
        situation.syscall.number = u64::MAX;
        situation.origin.probe = probe.map_or(0, |probe| probe as u32 + 1);
        situation.origin.number = number;
        situation.origin.name[..name.len()].copy_from_slice(name.as_bytes());
        situation.origin.parent[..parent.len()].copy_from_slice(parent.as_bytes());
        situation
    }

    fn told(situation: &Situation, functions: &[&str]) -> Option<String> {
        of(situation, &frames(functions), &Symbols::default())
    }

    #[test]
    fn a_message_is_told_with_its_handler() {
        let rtnetlink = situation(Some(ProbeIndex::rtnetlink_rcv_msg), 16, "", "");
        let path = [
            "mutex_lock+0x0/0x1",
            "rtnl_newlink+0x1/0x2",
            "rtnetlink_rcv_msg+0x1/0x2",
            "__x64_sys_sendmsg+0x1/0x2",
        ];
        assert_eq!(
            told(&rtnetlink, &path).as_deref(),
            Some("rtnetlink RTM_NEWLINK (rtnl_newlink)")
        );
        let devlink = situation(Some(ProbeIndex::genl_family_rcv_msg_doit), 37, "devlink", "");
        let path = ["devlink_nl_reload_doit", "genl_family_rcv_msg_doit"];
        assert_eq!(
            told(&devlink, &path).as_deref(),
            Some("generic netlink devlink command 37 (devlink_nl_reload_doit)")
        );
    }

    #[test]
    fn an_older_kernel_tells_the_handler_alone() {
        let message = situation(Some(ProbeIndex::genl_rcv_msg), 37, "", "");
        let path = ["devlink_nl_cmd_reload", "genl_family_rcv_msg_doit", "genl_rcv_msg"];
        assert_eq!(
            told(&message, &path).as_deref(),
            Some("generic netlink command 37 (devlink_nl_cmd_reload)")
        );
    }

    #[test]
    fn what_was_noted_before_is_not_told_of_another_path() {
        let stale = situation(Some(ProbeIndex::rtnetlink_rcv_msg), 16, "", "");
        assert_eq!(
            told(&stale, &["do_unlinkat", "__x64_sys_unlink"]).as_deref(),
            Some("system call unlink")
        );
        assert_eq!(told(&stale, &["kthread"]), None);
    }

    #[test]
    fn files_modules_and_namespaces_are_told() {
        let file = situation(Some(ProbeIndex::kernfs_fop_write_iter), 0, "new_device", "netdevsim");
        assert_eq!(
            told(&file, &["new_device_store", "kernfs_fop_write_iter"]).as_deref(),
            Some("write to netdevsim/new_device")
        );
        let plain = situation(None, 0, "", "");
        let init = [
            "pernet_init",
            "dlock_init+0x1/0x2 [dlock]",
            "do_one_initcall",
            "do_init_module",
        ];
        assert_eq!(told(&plain, &init).as_deref(), Some("init of module dlock"));
        let exit = [
            "dlock_exit+0x1/0x2 [dlock]",
            "__do_sys_delete_module.constprop.0",
            "do_syscall_64",
        ];
        assert_eq!(told(&plain, &exit).as_deref(), Some("exit of module dlock"));
        for (loading, cause) in [
            (["load_module", "__do_sys_finit_module"], "load of a module"),
            (["free_module", "__x64_sys_delete_module"], "unload of a module"),
        ] {
            assert_eq!(told(&plain, &loading).as_deref(), Some(cause));
        }
        for setup in [
            ["ops_init", "setup_net", "copy_net_ns", "__x64_sys_unshare"],
            [
                "down_read_killable",
                "copy_net_ns",
                "create_new_namespaces",
                "__x64_sys_unshare",
            ],
        ] {
            assert_eq!(told(&plain, &setup).as_deref(), Some("netns setup"));
        }
        let teardown = ["ops_undo_list", "cleanup_net", "process_one_work"];
        assert_eq!(told(&plain, &teardown).as_deref(), Some("netns teardown"));
    }

    #[test]
    fn an_ioctl_is_told_with_its_request() {
        let mut ioctl = situation(None, 0, "", "");
        ioctl.syscall = wire::Syscall {
            number: 16,
            second: 0x8914,
        };
        assert_eq!(
            told(&ioctl, &["dev_ioctl", "__x64_sys_ioctl"]).as_deref(),
            Some("ioctl 0x8914")
        );
    }

    #[test]
    fn messages_have_their_names() {
        assert_eq!(message(88), "RTM_NEWNSID");
        assert_eq!(message(105), "RTM_DELNEXTHOP");
        assert_eq!(message(3), "message 3");
    }
}
