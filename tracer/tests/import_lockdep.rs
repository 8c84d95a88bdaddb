//! Splats of lockdep and `/proc/lockdep` as they come: what is made of them, and what is refused.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use std::path::Path;
use std::sync::Arc;

use support::{lines, read};
use tracer::analysis::snapshot::Snapshot;
use tracer::report::{json, text};

fn fixture(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The case that the tool was made for, after the splat of its thread: the same path, numbers made up.
fn founding() -> String {
    fixture("splats/founding-5.15.txt")
}

/// Its shape on 6.12, as a kernel wrote it.
fn founding_6_12() -> String {
    fixture("splats/founding-6.12.txt")
}

fn recursive() -> String {
    fixture("splats/recursive-5.15.txt")
}

fn screen(log: &str) -> String {
    text::render(&read(log), text::Options::default())
}

fn message(log: &str) -> String {
    let refused = tracer::import::read_from("log", log.as_bytes());
    refused.expect_err("must be refused").to_string()
}

fn document(snapshot: &Snapshot) -> String {
    json::render(snapshot).expect("JSON")
}

/// `FROM mode -> TO mode (task)` of every dependency that is evident in one way.
fn dependencies(snapshot: &Snapshot) -> Vec<String> {
    let name = |id: u32| {
        snapshot
            .locks
            .iter()
            .find(|lock| lock.id == id)
            .map_or("?", |lock| &lock.name)
    };
    let lines = snapshot.dependencies.iter().map(|dependency| {
        let (from, to) = (name(dependency.from), name(dependency.to));
        let task = dependency.evidence.first().map_or("?", |evidence| &evidence.task);
        format!(
            "{from} {} -> {to} {} ({task})",
            dependency.from_mode, dependency.to_mode
        )
    });
    lines.collect()
}

/// The founding splat with a path on which mlx5_intf_mutex is taken by the reload too.
fn founding_on_one_path() -> String {
    let log = founding();
    let begin = log.find("-> #2 ").expect("an entry");
    let end = log.find("-> #1 ").expect("an entry");
    let unload = log.find("mlx5_unload_one+0x2d").expect("a frame");
    let outside = &log[unload..begin];
    let entry = "-> #2 (mlx5_intf_mutex){+.+.}-{3:3}:\n __mutex_lock+0x14c/0x15b0\n mlx5_detach_device+0x31/0x2b0 [mlx5_core]\n ";
    format!("{}{entry}{outside}{}", &log[..begin], &log[end..])
}

#[test]
fn the_founding_splat_is_the_cycle_of_its_case() {
    let snapshot = read(&founding());
    let case = read(&fixture("cases/c01.std"));
    assert_eq!(lines(&snapshot), lines(&case));
    let expected = "inversion possible error &dev->intf_state_mutex mlx5_intf_mutex pernet_ops_rwsem &devlink->lock";
    assert_eq!(lines(&snapshot), [expected]);
    let steps = snapshot.findings[0].scenario.iter().flat_map(|side| &side.steps);
    let shown: std::collections::BTreeSet<_> = steps.map(|step| step.lock.as_str()).collect();
    assert_eq!(shown.len(), 4, "{shown:?}");
    assert_eq!(snapshot.kernel.release.as_deref(), Some("5.15.0-rc7+"));
    assert_eq!(snapshot.capture.backend, "lockdep-splat");
    assert!(snapshot.capture.complete);
    let expected = [
        "&devlink->lock exclusive -> &dev->intf_state_mutex exclusive (unknown task (chain #1))",
        "&dev->intf_state_mutex exclusive -> mlx5_intf_mutex exclusive (unknown task (chain #2))",
        "mlx5_intf_mutex exclusive -> pernet_ops_rwsem exclusive (unknown task (chain #3))",
        "pernet_ops_rwsem exclusive -> &devlink->lock exclusive (kworker/u16:1: netns cleanup_net)",
        "net_cleanup_work exclusive -> &devlink->lock exclusive (kworker/u16:1: netns cleanup_net)",
        "(wq_completion)netns exclusive -> &devlink->lock exclusive (kworker/u16:1: netns cleanup_net)",
    ];
    assert_eq!(dependencies(&snapshot), expected);
}

#[test]
fn entries_of_one_path_are_of_one_task() {
    let snapshot = read(&founding_on_one_path());
    let finding = &snapshot.findings[0];
    assert_eq!(
        (lines(&snapshot), snapshot.findings.len()),
        (lines(&read(&founding())), 1)
    );
    let sides: Vec<_> = finding
        .scenario
        .iter()
        .map(|side| {
            (
                side.task.as_str(),
                side.steps.iter().map(|step| step.lock.as_str()).collect::<Vec<_>>(),
            )
        })
        .collect();
    let reload = vec![
        "&devlink->lock",
        "&dev->intf_state_mutex",
        "mlx5_intf_mutex",
        "pernet_ops_rwsem",
    ];
    let expected = [
        ("unknown task (chain #1 to #3)", reload),
        (
            "kworker/u16:1: netns cleanup_net",
            vec!["pernet_ops_rwsem", "&devlink->lock"],
        ),
    ];
    assert_eq!(
        sides.iter().filter(|side| expected.contains(side)).count(),
        2,
        "{sides:?}"
    );
    // A frame outside that differs is another call.
    let other = founding_on_one_path().replacen("devlink_reload+0x47d", "devlink_reload+0x47e", 1);
    assert_eq!(read(&other).findings[0].scenario.len(), 3);
}

#[test]
fn the_splat_of_6_12() {
    insta::assert_snapshot!(screen(&founding_6_12()));
}

#[test]
fn whatever_is_around_it_the_splat_is_the_same() {
    let splat = founding_6_12();
    let expected = document(&read(&splat));
    let each = |prefix: &dyn Fn(usize) -> String, end: &str| -> String {
        splat
            .lines()
            .enumerate()
            .map(|(number, line)| format!("{}{line}{end}", prefix(number)))
            .collect()
    };
    let stamped = each(&|number| format!("[{:5}.{number:06}] ", 12 + number), "\n");
    let long: String = (0..3000)
        .map(|number| format!("[{number:5}.000001] usb 1-1: new device\n"))
        .collect();
    for log in [
        each(&|_| String::new(), "\r\n"),
        stamped.clone(),
        each(&|number| format!("[{number:5}.345678][   T47] "), "\r\n"),
        each(&|_| "Nov  1 12:00:00 host kernel: ".to_string(), "\n"),
        each(&|number| format!("kern  :warn  : [{number:5}.345678] "), "\n"),
        each(&|_| "> ".to_string(), "\n"),
        format!("Hello,\n\nI saw this | here:\n\n{splat}\nThanks\n"),
        format!("{long}{stamped}{long}"),
        format!("[    0.000000] Command line: console=ttyS0|x\n{long}{stamped}"),
    ] {
        assert_eq!(document(&read(&log)), expected, "{}", &log[..200]);
    }
}

#[test]
fn what_another_cpu_writes_in_between_is_no_part_of_it() {
    let splat = founding_6_12();
    let ours = splat.lines().map(|line| format!("[    1.000000][   T47] {line}\n"));
    let mixed: String = ours
        .map(|line| format!("{line}[    1.000001][    C3]  foo+0x1/0x2\n"))
        .collect();
    assert_eq!(document(&read(&mixed)), document(&read(&splat)));
    // Without a tag what is no frame is left out, and counted.
    let frame = "       genl_rcv+0x24/0x40\n";
    let mixed = splat.replacen(frame, &format!("{frame}eth0: link becomes ready\n"), 1);
    let snapshot = read(&mixed);
    assert_eq!(snapshot.capture.counters.get("foreign_lines"), Some(&1));
    assert_eq!(snapshot.dependencies, read(&splat).dependencies);
}

#[test]
fn no_address_and_no_guess_is_in_a_report() {
    for log in [founding(), founding_6_12(), recursive()] {
        let snapshot = read(&log);
        let all = document(&snapshot) + &text::render(&snapshot, text::Options::default());
        let is_hex = |word: &&str| word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let addresses: Vec<_> = log.split(|c: char| !c.is_ascii_alphanumeric()).filter(is_hex).collect();
        assert!(addresses.len() >= 4);
        let shown = addresses.iter().find(|address| all.contains(**address));
        assert_eq!(shown, None);
        assert!(all.contains("cleanup_net+0x") || all.contains("dev_mc_add+0x"));
        assert!(
            !all.contains("find_held_lock") && !all.contains("__lock_acquire"),
            "{all}"
        );
    }
}

#[test]
fn the_same_lock_twice_is_a_recursion() {
    let snapshot = read(&recursive());
    assert_eq!(
        lines(&snapshot),
        ["recursion certain critical &dev_addr_list_lock_key/1"]
    );
    let expected = [
        "&dev_addr_list_lock_key/1 exclusive -> &dev_addr_list_lock_key/1 exclusive (ip)",
        "rtnl_mutex exclusive -> &dev_addr_list_lock_key/1 exclusive (ip)",
    ];
    assert_eq!(dependencies(&snapshot), expected);
    let stack = &snapshot.dependencies[0].evidence[0].to_stack;
    assert_eq!(
        stack[..2],
        ["_raw_spin_lock_nested+0x2e/0x40", "dev_mc_sync+0x4e/0x90"].map(Arc::from)
    );
    assert_eq!(
        stack.last().map(|frame| &**frame),
        Some("entry_SYSCALL_64_after_hwframe+0x44/0xae")
    );
    // A class that is only ever read.
    let readers = recursive()
        .replace("{+...}-{2:2}", "{.+.+}-{3:3}")
        .replace("_raw_spin_lock_nested+", "down_read+");
    assert_eq!(
        lines(&read(&readers)),
        ["recursion needs-writer warning &dev_addr_list_lock_key/1"]
    );
    // A reader under a writer waits for itself.
    let reader = recursive().replace("_raw_spin_lock_nested+", "down_read+");
    assert_eq!(
        lines(&read(&reader)),
        ["recursion certain critical &dev_addr_list_lock_key/1"]
    );
}

#[test]
fn two_locks_of_a_class_are_a_recursion_of_the_class() {
    let other = recursive().replacen("ffff888004a1c0a0", "ffff888004b2d0a0", 1);
    let hidden = recursive().replace("ffff888004a1c0a0", "(____ptrval____)");
    for log in [other, hidden] {
        let snapshot = read(&log);
        assert_eq!(lines(&snapshot), ["recursion certain error &dev_addr_list_lock_key/1"]);
        let finding = &snapshot.findings[0];
        assert_eq!(finding.level, "class");
        assert!(
            finding.reason.contains("another lock of the class"),
            "{}",
            finding.reason
        );
        let expected = [
            "&dev_addr_list_lock_key/1#1 exclusive -> &dev_addr_list_lock_key/1#2 exclusive (ip)",
            "rtnl_mutex exclusive -> &dev_addr_list_lock_key/1#2 exclusive (ip)",
        ];
        assert_eq!(dependencies(&snapshot), expected);
        let classes: Vec<_> = snapshot.locks.iter().map(|lock| lock.class.as_str()).collect();
        assert_eq!(
            classes
                .iter()
                .filter(|class| **class == "&dev_addr_list_lock_key/1")
                .count(),
            2
        );
    }
}

#[test]
fn the_layout_of_older_kernels_is_read() {
    let old = founding_6_12()
        .replace(
            "WARNING: possible circular locking dependency detected",
            "[ INFO: possible circular locking dependency detected ]",
        )
        .replace("}-{3:3}", "}")
        .replace("}-{0:0}", "}")
        .replace("{+.+.}", "{+.+.+.}")
        .replace("ffffffff82135298 ", "")
        .replace(", at: ", ", at: [<ffffffff81234567>] ")
        .replace("       devlink_reload", "       [<ffffffff81234567>] devlink_reload");
    let snapshot = read(&old);
    assert_eq!(lines(&snapshot), lines(&read(&founding_6_12())));
    assert!(!document(&snapshot).contains("ffffffff81234567"));
}

#[test]
fn the_scenario_tells_the_mode_where_no_primitive_does() {
    let modes = |log: &str| dependencies(&read(log))[1].clone();
    let with = |held: &str, wanted: &str| {
        let log = founding_6_12().replacen("__mutex_lock+0xa9/0xc80", "", 1);
        let log = log.replacen("  rlock(pernet_ops_rwsem);", &format!("  {held}(pernet_ops_rwsem);"), 1);
        log.replacen(
            "\n  lock(&devlink->lock_key);",
            &format!("\n  {wanted}(&devlink->lock_key);"),
            1,
        )
    };
    let told = |held: &str, wanted: &str| {
        let dependencies = dependencies(&read(&with(held, wanted)));
        let of = "pernet_ops_rwsem";
        dependencies
            .into_iter()
            .find(|line| line.starts_with(of))
            .expect("a dependency")
    };
    let worker = "(kworker/u8:1: netns cleanup_net)";
    assert_eq!(
        told("rlock", "lock"),
        format!("pernet_ops_rwsem shared -> &devlink->lock_key exclusive {worker}")
    );
    assert_eq!(
        told("lock", "rlock"),
        format!("pernet_ops_rwsem exclusive -> &devlink->lock_key shared {worker}")
    );
    assert_eq!(
        told("rlock", "sync"),
        format!("pernet_ops_rwsem shared -> &devlink->lock_key exclusive {worker}")
    );
    // The primitive is surer.
    let rlock = founding_6_12().replacen("\n  lock(&devlink->lock_key);", "\n  rlock(&devlink->lock_key);", 1);
    assert_eq!(modes(&rlock), modes(&founding_6_12()));
}

#[test]
fn names_are_whatever_lockdep_writes() {
    for name in [
        "(work_completion)(&(&x->w)->work)",
        "&dev->lock_key#3",
        "kn->active#45",
        "rcu_node_0",
        "&dev->mutex/1",
        "&x[i].lock#2/1",
        "a|b {c}",
    ] {
        let snapshot = read(&founding_6_12().replace("&devlink->lock_key", name));
        assert_eq!(lines(&snapshot).len(), 1, "{name}");
        assert!(snapshot.findings[0].locks.iter().any(|lock| lock == name), "{name}");
        assert!(snapshot.locks.iter().any(|lock| lock.class == name), "{name}");
    }
}

#[test]
fn every_splat_of_a_log_is_imported() {
    let both = read(&format!("{}{}\n{}", founding(), recursive(), founding_6_12()));
    let mut expected = Vec::new();
    for log in [recursive(), founding_6_12(), founding()] {
        expected.extend(lines(&read(&log)));
    }
    let mut found = lines(&both);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(both.capture.counters.get("splats"), Some(&3));
    assert_eq!(both.kernel.release, None, "they are of different kernels");
    // The same bug of another boot, at other addresses.
    let again = founding_6_12()
        .replace("ffffffff82135298", "ffffffffa2135298")
        .replace("/47", "/48");
    let twice = read(&(founding_6_12() + &again));
    assert_eq!(lines(&twice), lines(&read(&founding_6_12())));
    assert_eq!(twice.kernel.release.as_deref(), Some("6.12.117"));
    assert_eq!(twice.dependencies[0].tasks, 2);
}

#[test]
fn other_reports_are_told_apart() {
    for (line, name) in [
        ("WARNING: inconsistent lock state", "inconsistent lock state"),
        ("WARNING: suspicious RCU usage", "suspicious RCU usage"),
        ("WARNING: bad unlock balance detected!", "bad unlock balance"),
        ("WARNING: held lock freed!", "held lock freed"),
        (
            "WARNING: possible irq lock inversion dependency detected",
            "irq lock inversion",
        ),
        ("INFO: task ip:1234 blocked for more than 120 seconds.", "hung task"),
    ] {
        let log = format!("[    1.000000] first\n[    2.000000] {line}\n[    3.000000] last\n");
        let expected = format!(
            "log:2: this log has no report on the order of locks; what begins here, \"{name}\", is not read: `[    2.000000] {line}`"
        );
        assert_eq!(message(&log), expected);
        let beside = read(&(log + &founding_6_12()));
        assert_eq!(beside.findings.len(), 1);
        let counter = format!("unread_{}", name.replace(' ', "_"));
        assert_eq!(beside.capture.counters.get(&counter), Some(&1), "{name}");
        assert!(!beside.capture.complete);
    }
}

#[test]
fn a_log_without_a_splat_is_refused() {
    for log in [
        "[    1.000000] first\n[    2.000000] last\n",
        "\nNov  1 12:00:00 host kernel: eth0|up\n",
        "some text\n",
    ] {
        let message = message(log);
        assert!(
            message.contains("neither a text trace") && message.contains("lockdep splat"),
            "{message}"
        );
    }
}

#[test]
fn a_splat_that_is_cut_off_is_refused() {
    for (log, needed) in [
        // Of a circular one the last thing that is needed are the held locks.
        (founding(), " #2: "),
        (founding_6_12(), " #3: "),
        // Only the backtrace tells how a recursion came about.
        (recursive(), "dump_stack_lvl"),
    ] {
        let all: Vec<_> = log.lines().collect();
        let line_with = |text: &str| all.iter().position(|line| line.contains(text)).expect("a line");
        let banner = line_with("WARNING: possible");
        for count in banner + 1..=line_with(needed) {
            let cut = all[..count].join("\n");
            let error = tracer::import::read_from("log", cut.as_bytes()).expect_err("must be refused");
            assert!(error.line.is_some() && error.text.is_some(), "{error}");
        }
        assert!(!read(&all[..=line_with(needed)].join("\n")).dependencies.is_empty());
        // The one behind it does not make it whole.
        let cut = all[..banner + 8].join("\n");
        let expected = format!("log:{}: this splat of lockdep is not whole", banner + 1);
        assert!(message(&format!("{cut}\n{log}")).starts_with(&expected));
    }
}

#[test]
fn a_splat_that_is_mangled_is_refused_at_its_line() {
    let splat = founding_6_12();
    let mut messages = String::new();
    for (from, to) in [
        (
            "-> #1 (pernet_ops_rwsem){++++}-{3:3}:",
            "-> #2 (pernet_ops_rwsem){++++}-{3:3}:",
        ),
        ("-> #1 (pernet_ops_rwsem){++++}-{3:3}:", "-> #1 (pernet_ops_rw"),
        ("-> #1 (pernet_ops_rwsem)", "-> #1 (rtnl_mutex)"),
        ("       genl_rcv+0x24/0x40\n", "       genl_rcv+0x24\n"),
        (" #2: ffffffff82135298", " #7: ffffffff82135298"),
        ("4 locks held", "5 locks held"),
        ("ffff8880043c6270 (&devlink->lock_key)", "(&devlink->lo"),
        ("but task is already holding lock:", ""),
        ("other info that might help us debug this:", ""),
    ] {
        assert!(splat.contains(from), "{from}");
        let message = message(&splat.replacen(from, to, 1));
        messages.push_str(&format!(
            "{} => {}\n{message}\n",
            from.escape_debug(),
            to.escape_debug()
        ));
    }
    insta::assert_snapshot!(messages);
    let begin = splat.find("       down_write").expect("a stack");
    let end = splat.find("-> #0").expect("an entry");
    let no_stack = format!("{}{}", &splat[..begin], &splat[end..]);
    assert!(
        message(&no_stack).starts_with("log:16: this entry has no stack"),
        "{}",
        message(&no_stack)
    );
    let begin = splat.find("-> #1").expect("an entry");
    let no_entry = format!("{}{}", &splat[..begin], &splat[end..]);
    assert!(
        message(&no_entry).contains("there is no `-> #1` in it"),
        "{}",
        message(&no_entry)
    );
}

#[test]
fn proc_lockdep_is_a_graph_without_tasks() {
    let snapshot = read(
        "all lock classes:\n\
         00000000a1b2c3d4 FD:    2 BD:    2 ++++: pernet_ops_rwsem\n -> [00000000b1b2c3d4] &devlink->lock\n\n\
         00000000b1b2c3d4 FD:    2 BD:    2 +.+.: &devlink->lock\n -> [00000000c1b2c3d4] mlx5_intf_mutex\n\n\
         00000000c1b2c3d4 FD:    2 BD:    2 +.+.: mlx5_intf_mutex\n -> [00000000a1b2c3d4] pernet_ops_rwsem\n\n\
         00000000d1b2c3d4 FD:    2 BD:    1 +.+.: rtnl_mutex\n -> [00000000a1b2c3d4] pernet_ops_rwsem\n\n",
    );
    assert_eq!(
        lines(&snapshot),
        ["inversion possible error &devlink->lock mlx5_intf_mutex pernet_ops_rwsem"]
    );
    assert_eq!(snapshot.capture.backend, "proc-lockdep");
    assert_eq!(snapshot.capture.counters.get("classes"), Some(&4));
    assert_eq!(snapshot.dependencies.len(), 4);
    let evidence = &snapshot.dependencies[3].evidence[0];
    assert_eq!(
        (evidence.task.as_str(), evidence.pid, evidence.to_stack.len()),
        ("unknown task", None, 0)
    );
    assert!(!document(&snapshot).contains("b2c3d4"));
}

#[test]
fn a_large_proc_lockdep_is_read() {
    let mut text = "all lock classes:\n".to_string();
    for class in 0..2000 {
        text.push_str(&format!("0000000000000000 FD:    2 BD:    2 +.+.: class{class}\n"));
        for to in 1..=10 {
            text.push_str(&format!(" -> [0000000000000000] class{}\n", class + to));
        }
        text.push('\n');
    }
    let snapshot = read(&text);
    assert_eq!((snapshot.dependencies.len(), snapshot.findings.len()), (20_000, 0));
}

#[test]
fn text_traces_that_mention_a_splat_are_still_traces() {
    let trace = "# WARNING: possible circular locking dependency detected\n# [    1.5] WARNING: possible recursive locking detected\n\
                 T1|acq(A)|[   12.345678] here\n";
    assert_eq!(read(trace).capture.backend, "text-trace");
}
