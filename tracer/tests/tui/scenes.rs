//! What the tests look at: the founding recording, nothing, very much, and something with losses.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use tracer::analysis::snapshot::{Capture, CountedAt, Dependency, Evidence, Finding, Kernel, Lock, Mode, Snapshot};
use tracer::import;
use tracer::tui::scene::Scene;

/// Locks of the huge scene.
pub const LOCKS: u32 = 100_000;

/// The recording of the founding case, on 6.12.
pub fn recorded() -> Snapshot {
    static RECORDED: OnceLock<Snapshot> = OnceLock::new();
    let read = || {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/founding-6.12-v1.rec");
        let source = import::load(&path).expect("the recording");
        source.judge(false, &[]).expect("nothing is left out")
    };
    RECORDED.get_or_init(read).clone()
}

pub fn founding() -> Scene {
    Scene::new(Arc::new(recorded()), &[])
}

pub fn empty() -> Scene {
    Scene::new(Arc::new(Snapshot::default()), &[])
}

/// The same with losses of both kinds: where they were is known of one of them.
pub fn lossy() -> Scene {
    let mut snapshot = recorded();
    let lost = [
        ("ring_full", 417),
        ("recursion_misses.down_write", 3),
        ("evidence_dropped", 12),
    ];
    snapshot.capture.lost = lost.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    snapshot.capture.complete = false;
    snapshot.capture.places = vec![CountedAt {
        counter: "ring_full".to_owned(),
        probe: Some("mutex_lock".to_owned()),
        cpu: Some(1),
        count: 417,
    }];
    Scene::new(Arc::new(snapshot), &[])
}

/// Two dependencies a lock, and one cycle among them.
pub fn huge() -> &'static Scene {
    static HUGE: OnceLock<Scene> = OnceLock::new();
    HUGE.get_or_init(|| Scene::new(Arc::new(large(LOCKS, 2)), &[]))
}

/// So many locks, each with so many dependencies to those behind it; the last one leads back.
pub fn large(locks: u32, degree: u32) -> Snapshot {
    let lock = |id: u32| Lock {
        id,
        name: format!("&class_{}->lock #{id}", id % 317),
        class: format!("&class_{}->lock", id % 317),
        kind: if id.is_multiple_of(5) { "rwsem" } else { "mutex" }.to_owned(),
        label: None,
        address: None,
        named_by: None,
        waited: None,
        held_for: None,
    };
    let mut dependencies: Vec<_> = (0..locks * degree)
        .map(|number| {
            let from = number / degree;
            dependency(number, from, (from + 1 + (number % degree) * 7) % locks)
        })
        .collect();
    let back = dependencies.len() as u32;
    dependencies.push(dependency(back, 1, 0));
    Snapshot {
        schema_version: "1.5".to_owned(),
        kernel: Kernel {
            release: Some("6.12.117+deb12-amd64".to_owned()),
            ..Kernel::default()
        },
        capture: Capture {
            backend: "fentry".to_owned(),
            duration_ns: Some(u64::from(locks * degree) * 1000),
            complete: true,
            ..Capture::default()
        },
        locks: (0..locks).map(lock).collect(),
        findings: vec![finding(back)],
        dependencies,
        ..Snapshot::default()
    }
}

fn dependency(id: u32, from: u32, to: u32) -> Dependency {
    Dependency {
        id,
        from,
        to,
        from_mode: Mode::Exclusive,
        to_mode: Mode::Exclusive,
        trylock: false,
        direct: true,
        count: u64::from(id % 1000) + 1,
        tasks: 1,
        first_ns: u64::from(id) * 1000,
        last_ns: u64::from(id) * 1000,
        evidence: vec![Evidence {
            task: format!("worker/{}", id % 64),
            pid: Some(100 + id % 64),
            time_ns: u64::from(id) * 1000,
            ..Evidence::default()
        }],
    }
}

fn finding(back: u32) -> Finding {
    Finding {
        id: 1,
        kind: "inversion".to_owned(),
        verdict: Some("possible".to_owned()),
        level: "instance".to_owned(),
        severity: "error".to_owned(),
        title: "circular locking dependency".to_owned(),
        locks: vec!["&class_0->lock #0".to_owned(), "&class_1->lock #1".to_owned()],
        dependencies: vec![0, back],
        reason: "the 2 sides ran in different tasks".to_owned(),
        fingerprint: "0123456789abcdef".to_owned(),
        scenario: Vec::new(),
        first_ns: u64::from(back) * 1000,
        count: 1,
    }
}
