//! The trace for Perfetto's UI, read back.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;
use support::{cases, fixture, read};
use tracer::analysis::snapshot::{Snapshot, Wait, Window};
use tracer::report::perfetto::proto::{Data, DebugAnnotation, EventType, Trace, TrackDescriptor, TrackEvent, Value};
use tracer::report::perfetto::render;

/// Two tasks wait for each other, a third one for a lock whose holder does not wait.
const WAITS: &str =
    "A|acq(L1)|f\nB|acq(L2)|g\nA|req(L2)|f+1\nB|req(L1)|g+1\nC|acq(N)|h\nC|acq(M)|h\nC|rel(N)|h\nD|req(M)|i\n";

/// What the file says, in its order.
struct Decoded {
    tracks: Vec<TrackDescriptor>,
    events: Vec<(u64, TrackEvent)>,
}

impl Decoded {
    fn of(snapshot: &Snapshot) -> Self {
        let trace = Trace::decode(render(snapshot, true).as_slice()).expect("a trace");
        let (mut tracks, mut events) = (Vec::new(), Vec::new());
        for packet in trace.packet {
            assert_eq!(packet.trusted_packet_sequence_id, Some(1));
            match packet.data.expect("something") {
                Data::TrackDescriptor(track) => {
                    assert!(events.is_empty(), "a track comes before what is on it");
                    tracks.push(track);
                }
                Data::TrackEvent(event) => events.push((packet.timestamp.expect("a time"), event)),
            }
        }
        Self { tracks, events }
    }

    fn of_category(&self, category: &str) -> Vec<&(u64, TrackEvent)> {
        let is_of = |(_, event): &&(u64, TrackEvent)| event.categories == [category];
        self.events.iter().filter(is_of).collect()
    }

    /// Names of the tracks in a group.
    fn group(&self, name: &str) -> Vec<&str> {
        let is_group = |track: &&TrackDescriptor| track.parent_uuid.is_none() && track.name() == name;
        let group = self.tracks.iter().find(is_group).map(TrackDescriptor::uuid);
        let tracks = self.tracks.iter();
        let inside = tracks.filter(|track| track.parent_uuid.is_some() && track.parent_uuid == group);
        inside.map(|track| track.name()).collect()
    }

    /// All slices with their ends and all flows that leave and reach each of them.
    fn slices(&self) -> Vec<Slice> {
        let mut open: BTreeMap<u64, Vec<Slice>> = BTreeMap::new();
        let mut last: BTreeMap<u64, u64> = BTreeMap::new();
        let mut slices = Vec::new();
        for (time, event) in &self.events {
            let track = event.track_uuid();
            let known = self.tracks.iter().any(|known| known.uuid() == track);
            assert!(known, "no track {track}");
            let before = last.insert(track, *time);
            assert!(before <= Some(*time), "back in time on track {track}");
            let open = open.entry(track).or_default();
            let mut ended = match event.r#type() {
                EventType::SliceBegin => {
                    open.push(Slice::of(*time, event));
                    continue;
                }
                EventType::SliceEnd => open.pop().expect("a slice that has begun"),
                EventType::Instant => continue,
                EventType::Unspecified => panic!("{event:?}"),
            };
            ended.end = *time;
            ended.out.extend(&event.flow_ids);
            ended.into.extend(&event.terminating_flow_ids);
            slices.push(ended);
        }
        assert!(open.values().all(Vec::is_empty), "a slice that does not end");
        slices
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Slice {
    track: u64,
    name: String,
    begin: u64,
    end: u64,
    out: Vec<u64>,
    into: Vec<u64>,
}

impl Slice {
    fn of(begin: u64, event: &TrackEvent) -> Self {
        Self {
            track: event.track_uuid(),
            name: event.name().to_string(),
            begin,
            end: begin,
            out: event.flow_ids.clone(),
            into: event.terminating_flow_ids.clone(),
        }
    }
}

fn note(event: &TrackEvent, name: &str) -> Option<String> {
    let annotation = event.debug_annotations.iter().find(|note| note.name() == name)?;
    Some(value(annotation))
}

fn value(annotation: &DebugAnnotation) -> String {
    match &annotation.value {
        Some(Value::Bool(value)) => value.to_string(),
        Some(Value::Uint(value)) => value.to_string(),
        Some(Value::Int(value)) => value.to_string(),
        Some(Value::String(value)) => value.clone(),
        None => {
            let items: Vec<_> = annotation.array_values.iter().map(value).collect();
            format!("[{}]", items.join(" | "))
        }
    }
}

fn founding() -> Snapshot {
    read(&fixture("reports/founding-6.12.json"))
}

/// In lines: a slice stands inside of the one that it is drawn in. A stack is cut after its first frames.
fn text(decoded: &Decoded) -> String {
    let mut out = String::new();
    for track in &decoded.tracks {
        let indent = if track.parent_uuid.is_some() { "  " } else { "" };
        out.push_str(&format!("{indent}track {}: {}\n", track.uuid(), track.name()));
    }
    let mut depths: BTreeMap<u64, usize> = BTreeMap::new();
    for (time, event) in &decoded.events {
        let depth = depths.entry(event.track_uuid()).or_default();
        let (mark, name) = match event.r#type() {
            EventType::SliceBegin => ("+", event.name()),
            EventType::SliceEnd => ("-", ""),
            _ => ("*", event.name()),
        };
        *depth -= usize::from(mark == "-");
        let indent = "  ".repeat(*depth);
        *depth += usize::from(mark == "+");
        let flow = |sign: &str, flows: &[u64]| flows.iter().map(|flow| format!(" {sign}{flow}")).collect::<String>();
        let flows = flow(">", &event.flow_ids) + &flow("<", &event.terminating_flow_ids);
        out.push_str(&format!(
            "{time} [{}] {indent}{mark} {name}{flows}\n",
            event.track_uuid()
        ));
        for note in &event.debug_annotations {
            let mut note = note.clone();
            note.array_values.truncate(3);
            out.push_str(&format!("    {indent}{}: {}\n", note.name(), value(&note)));
        }
    }
    out
}

#[test]
fn the_founding_report() {
    insta::assert_snapshot!(text(&Decoded::of(&founding())));
}

#[test]
fn slices_and_flows_are_whole() {
    let mut all = cases();
    all.push(("waits".to_string(), WAITS.to_string()));
    for (name, trace) in all {
        let snapshot = read(&trace);
        let decoded = Decoded::of(&snapshot);
        let slices = decoded.slices();
        let (mut out, mut into): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
        for (_, event) in &decoded.events {
            // A flow begins before it ends.
            assert!(
                event.terminating_flow_ids.iter().all(|flow| out.contains(flow)),
                "{name}"
            );
            out.extend(&event.flow_ids);
            into.extend(&event.terminating_flow_ids);
        }
        let unique: BTreeSet<_> = out.iter().collect();
        assert_eq!(unique.len(), out.len(), "{name}: a flow begins once");
        into.sort_unstable();
        out.sort_unstable();
        assert_eq!(out, into, "{name}: every flow ends");
        let evidence = snapshot.dependencies.iter().flat_map(|of| &of.evidence);
        let tasks: BTreeSet<_> = evidence
            .map(|of| (of.pid.is_none().then_some(&of.task), of.pid))
            .collect();
        let tracks = decoded.group("tasks");
        let names: BTreeSet<_> = tracks.iter().collect();
        assert_eq!(names.len(), tracks.len(), "{name}: one track a task");
        assert!(tracks.len() >= tasks.len(), "{name}: a track for every task");
        let lasting = slices.iter().filter(|slice| slice.begin < slice.end);
        let waits: usize = snapshot.waits.iter().map(|wait| wait.held.len() + 1).sum();
        assert_eq!(
            lasting.count(),
            waits + snapshot.windows.len(),
            "{name}: nothing else has a length"
        );
    }
}

#[test]
fn a_wait_leads_to_its_holder() {
    let snapshot = read(WAITS);
    let decoded = Decoded::of(&snapshot);
    assert_eq!(decoded.group("tasks"), ["A", "B", "C", "D"]);
    let slices = decoded.slices();
    let of = |task: &str, name: &str, end: u64| {
        let track = decoded
            .tracks
            .iter()
            .find(|track| track.name() == task)
            .expect("a track");
        let is_it = |slice: &&Slice| (slice.track, slice.name.as_str(), slice.end) == (track.uuid(), name, end);
        slices.iter().find(is_it).expect(name)
    };
    let end = 9;
    for (waits, what, holds, name) in [
        ("A", "waits for L2 (exclusive)", "B", "L2 (exclusive)"),
        ("B", "waits for L1 (exclusive)", "A", "L1 (exclusive)"),
        ("D", "waits for M (exclusive)", "C", "holds M"),
    ] {
        let (wait, hold) = (of(waits, what, end), of(holds, name, end));
        assert!(wait.begin < end && wait.out.len() == 1, "{wait:?}");
        assert_eq!(wait.out, hold.into, "{waits} -> {holds}");
    }
    // C goes on: only its last moment is known, and since when it holds M is not.
    assert_eq!(of("C", "holds M", end).begin, end);
    let wait = decoded.of_category("wait");
    assert_eq!(note(&wait[0].1, "held_by").as_deref(), Some("[B]"));
    assert_eq!(note(&wait[0].1, "deadlock").as_deref(), Some("#1"));
    assert_eq!(note(&wait[2].1, "deadlock"), None);
}

#[test]
fn a_task_that_waits_for_itself() {
    let decoded = Decoded::of(&read(
        &fixture("cases/c13.std").replace("acq(rtnl_mutex)|unreg", "req(rtnl_mutex)|unreg"),
    ));
    let slices = decoded.slices();
    let of = |name: &str| slices.iter().find(|slice| slice.name == name).expect("a slice");
    let (wait, hold) = (of("waits for rtnl_mutex (exclusive)"), of("rtnl_mutex (exclusive)"));
    assert_eq!((wait.out.len(), &wait.out, wait.track), (1, &hold.into, hold.track));
}

#[test]
fn a_holder_is_not_taken_for_a_waiting_task_of_its_name() {
    let mut snapshot = read(WAITS);
    for wait in &mut snapshot.waits {
        // D waits for a task that is called as itself.
        if wait.task == "D" {
            (wait.pid, wait.on) = (Some(7), vec!["D".to_string()]);
        }
    }
    let decoded = Decoded::of(&snapshot);
    assert_eq!(decoded.group("tasks"), ["A", "B", "C", "D (pid 7)", "D"]);
    decoded.slices();
}

#[test]
fn findings_are_instants_and_their_sides_are_linked() {
    let snapshot = founding();
    let decoded = Decoded::of(&snapshot);
    let findings = decoded.of_category("finding");
    assert_eq!(findings.len(), snapshot.findings.len());
    for finding in &snapshot.findings {
        let name = format!("#{} ", finding.id);
        let (time, event) = findings
            .iter()
            .find(|(_, event)| event.name().starts_with(&name))
            .expect("it");
        assert_eq!((*time, event.r#type()), (finding.first_ns, EventType::Instant));
        assert_eq!(note(event, "fingerprint").as_ref(), Some(&finding.fingerprint));
        assert_eq!(note(event, "verdict"), finding.verdict);
    }
    let sides: usize = snapshot.findings.iter().map(|finding| finding.scenario.len()).sum();
    let flows: usize = decoded.events.iter().map(|(_, event)| event.flow_ids.len()).sum();
    assert_eq!(flows, sides);
    let holds = decoded.of_category("hold");
    let named = holds.iter().filter_map(|(_, event)| note(event, "findings"));
    let named: Vec<_> = named.collect();
    assert!(
        named
            .iter()
            .any(|names| names.contains("#2 inversion possible 7ff50cd9e4e80163")),
        "{named:?}"
    );
    // Notes are in it only when they are asked for.
    let errors = Trace::decode(render(&snapshot, false).as_slice()).expect("a trace");
    let is_finding = |event: &TrackEvent| event.categories == ["finding"];
    let shown = errors
        .packet
        .iter()
        .filter(|packet| matches!(&packet.data, Some(Data::TrackEvent(event)) if is_finding(event)));
    let expected = snapshot.findings.iter().filter(|finding| finding.severity != "note");
    assert_eq!(shown.count(), expected.count());
}

#[test]
fn nothing_found() {
    let decoded = Decoded::of(&read(&fixture("cases/c01-fixed.std")));
    assert!(decoded.of_category("finding").is_empty() && decoded.of_category("loss").is_empty());
    assert!(decoded.tracks.iter().all(|track| track.name() != "findings"));
    assert!(!decoded.of_category("request").is_empty());
    assert!(decoded.events.iter().all(|(_, event)| event.flow_ids.is_empty()));
    // Not even a task.
    let empty = Decoded::of(&Snapshot::default());
    assert_eq!((empty.tracks.len(), empty.events.len()), (1, 1));
}

#[test]
fn windows_of_a_handle_are_one_track() {
    let mut snapshot = founding();
    let decoded = Decoded::of(&snapshot);
    assert_eq!(decoded.group("reload windows"), ["dlock/dlock0"]);
    let windows: Vec<_> = decoded
        .slices()
        .into_iter()
        .filter(|slice| slice.name.starts_with("devlink-reload"))
        .collect();
    assert_eq!((windows[0].begin, windows[0].end), (259_718_543, 292_863_369));
    // One that has not ended lasts to the end of the capture.
    assert_eq!(
        (windows[1].begin, Some(windows[1].end)),
        (359_876_008, snapshot.capture.duration_ns)
    );
    assert!(note(&decoded.of_category("window")[1].1, "end").is_some_and(|end| end.contains("not ended")));
    // Two at once do not lie one inside of the other.
    let overlapping = Window {
        start_ns: 280_000_000,
        end_ns: Some(300_000_000),
        ..snapshot.windows[0].clone()
    };
    snapshot.windows.push(overlapping);
    let decoded = Decoded::of(&snapshot);
    assert_eq!(decoded.group("reload windows"), ["dlock/dlock0"; 2]);
    let ends: BTreeSet<_> = decoded.slices().into_iter().map(|slice| slice.end).collect();
    assert!(ends.contains(&292_863_369) && ends.contains(&300_000_000));
}

#[test]
fn notifiers_are_instants_of_their_tasks() {
    let snapshot = founding();
    let decoded = Decoded::of(&snapshot);
    let notifiers = decoded.of_category("notifier");
    assert_eq!(notifiers.len(), snapshot.notifiers.len());
    assert_eq!(
        notifiers[0].1.name(),
        "unregister_netdevice_notifier dlock_nb_event+0x0/0x10 [dlock]"
    );
}

#[test]
fn a_loss_is_told_at_the_start() {
    let mut snapshot = founding();
    snapshot.capture.complete = false;
    snapshot.capture.lost.insert("ring_full".to_string(), 3);
    let decoded = Decoded::of(&snapshot);
    let (time, event) = decoded.of_category("loss")[0];
    assert_eq!((*time, event.r#type()), (0, EventType::Instant));
    assert!(
        event.name().contains("ring full 3") && event.name().contains("incomplete"),
        "{}",
        event.name()
    );
    assert_eq!(note(event, "lost_ring_full").as_deref(), Some("3"));
}

#[test]
fn the_same_report_is_the_same_file() {
    for (name, trace) in cases() {
        assert_eq!(render(&read(&trace), true), render(&read(&trace), true), "{name}");
    }
}

#[test]
fn a_document_that_no_tracer_wrote_is_drawn_as_well() {
    let mut snapshot = founding();
    snapshot.capture.duration_ns = Some(1);
    let wait = |lock, since_ns| Wait {
        task: "ip\u{1b}[2J".to_string(),
        pid: Some(171),
        lock,
        mode: tracer::analysis::snapshot::Mode::Shared,
        since_ns,
        until_ns: None,
        held: snapshot.dependencies[2].evidence[0].held.clone(),
        stack: Vec::new(),
        holders: Vec::new(),
        on: vec!["nobody".to_string(), "nobody".to_string()],
        in_circle: false,
        finding: Some(99),
    };
    // One task waits twice, for locks that the document does not have; the times are out of order.
    snapshot.waits = vec![wait(4711, 900_000_000_000), wait(4712, 5), wait(4712, 5)];
    snapshot.windows[0].end_ns = Some(0);
    snapshot.findings[0].scenario[0].evidence = 99;
    let decoded = Decoded::of(&snapshot);
    decoded.slices();
    assert!(decoded.tracks.iter().all(|track| !track.name().contains('\u{1b}')));
}
