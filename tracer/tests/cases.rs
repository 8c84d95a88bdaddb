//! Real deadlocks of Linux networking as text traces (`cases/*.std`) that need locks only, and what must be found in them.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use std::path::Path;

use support::{lines, read};

/// File, and every finding in it, notes included.
const CASES: &[(&str, &[&str])] = &[
    (
        "c01",
        &["inversion possible error &dev->intf_state_mutex mlx5_intf_mutex pernet_ops_rwsem &devlink->lock"],
    ),
    ("c01-fixed", &[]),
    ("c01b", &["recursion certain critical pernet_ops_rwsem"]),
    ("c02", &["inversion possible error &devlink->lock pernet_ops_rwsem"]),
    ("c03", &["inversion possible error &devlink->lock &priv->state_lock"]),
    ("c03-trylock", &[]),
    ("c07", &["inversion possible error rtnl_mutex triggers_list_lock"]),
    ("c09", &["inversion possible error &devlink->lock esw->mode_lock"]),
    ("c10", &["inversion possible error &devlink->lock &pf->lock"]),
    ("c12", &["recursion certain critical &ldev->lock"]),
    ("c12-fixed", &[]),
    ("c13", &["recursion certain critical rtnl_mutex"]),
    ("c15", &["recursion certain critical &dev->lock#eth0"]),
    ("c15-other", &[]),
    ("c17", &["inversion guarded note &dev->lock#a &dev->lock#b &team->lock"]),
    (
        "c17-unguarded",
        &["inversion possible error &dev->lock#a &dev->lock#b &team->lock"],
    ),
    ("c23", &["recursion certain critical devlink_mutex"]),
    ("c25", &["inversion possible error &id_priv->handler_mutex rtnl_mutex"]),
    ("c28", &["recursion certain critical rtnl_mutex"]),
    ("c29", &["recursion certain critical &team->lock"]),
    ("c31", &["recursion certain critical rtnl_mutex"]),
    ("c32", &["recursion certain critical rtnl_mutex"]),
    ("c32-naive", &["inversion possible error dp_mutex rtnl_mutex"]),
    (
        "founding-6.12",
        &[
            "inversion possible error aux X pernet_ops_rwsem device X devlink X intf_state_mutex X intf_mutex",
            "inversion guarded note aux X pernet_ops_rwsem",
            "inversion guarded note aux X pernet_ops_rwsem intf_mutex",
            "inversion guarded note aux X pernet_ops_rwsem intf_state_mutex X intf_mutex",
            "inversion guarded note aux X pernet_ops_rwsem devlink X intf_state_mutex X intf_mutex",
        ],
    ),
    (
        "founding-6.12-one-task",
        &[
            "inversion single-task note aux X pernet_ops_rwsem",
            "inversion single-task note aux X pernet_ops_rwsem intf_mutex",
            "inversion single-task note aux X pernet_ops_rwsem intf_state_mutex X intf_mutex",
            "inversion single-task note aux X pernet_ops_rwsem devlink X intf_state_mutex X intf_mutex",
            "inversion single-task note aux X pernet_ops_rwsem device X devlink X intf_state_mutex X intf_mutex",
        ],
    ),
    ("founding-6.12-other-instance", &[]),
];

fn case(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(format!("{name}.std"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_case_gives_its_findings() {
    for (name, expected) in CASES {
        assert_eq!(lines(&read(&case(name))), *expected, "{name}");
    }
}

#[test]
fn every_file_is_a_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    for entry in std::fs::read_dir(folder).expect("the folder of cases") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        assert!(CASES.iter().any(|(case, _)| *case == name), "{name} is in no table");
    }
}

#[test]
fn the_founding_case_on_6_12_closes_through_the_device_lock() {
    let snapshot = read(&case("founding-6.12"));
    let finding = &snapshot.findings[0];
    let sides: Vec<_> = finding
        .scenario
        .iter()
        .map(|side| {
            (
                side.task.as_str(),
                side.steps.first().map(|step| step.lock.as_str()),
                side.steps.len(),
            )
        })
        .collect();
    assert_eq!(
        sides,
        [
            ("devlink", Some("device X"), 6),
            ("kworker/u8:1 netns", Some("pernet_ops_rwsem"), 2)
        ]
    );
    for guarded in &snapshot.findings[1..] {
        assert!(guarded.reason.starts_with("guarded by device X"), "{}", guarded.reason);
    }
}
