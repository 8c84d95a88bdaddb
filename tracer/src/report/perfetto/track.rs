//! The tracks of a trace: one a task, one a devlink handle, and those of the report itself.

use std::collections::{BTreeMap, BTreeSet};

use super::proto::{ChildTracksOrdering, TrackDescriptor};
use crate::report::{clean, phrase};

// The tracks that are always in the same place.
pub(super) const CAPTURE: u64 = 1;
pub(super) const FINDINGS: u64 = 2;
const WINDOWS: u64 = 3;
const TASKS: u64 = 4;

/// Names of a thread before it is called by fewer of them: a worker has one for each of its works.
const MAX_NAMES: usize = 3;

/// What a task is known by: its thread id, or its name where the source has no ids.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TaskKey {
    Pid(u32),
    Name(String),
}

impl TaskKey {
    pub(super) fn of(name: &str, pid: Option<u32>) -> Self {
        pid.map_or_else(|| Self::Name(name.to_string()), Self::Pid)
    }
}

/// A track with its name.
struct Track {
    uuid: u64,
    parent: u64,
    names: Vec<String>,
    pid: Option<u32>,
}

/// All tracks, in order of appearance.
#[derive(Default)]
pub(super) struct Tracks {
    tracks: Vec<Track>,
    tasks: BTreeMap<TaskKey, usize>,
}

impl Tracks {
    /// The track of a task. A thread that changes its name (by exec, or as a worker) stays the same task.
    ///
    /// It is a track with a name, and none of Perfetto's threads: these belong to a process, and which that is is not known.
    pub(super) fn task(&mut self, name: &str, pid: Option<u32>) -> u64 {
        let key = TaskKey::of(name, pid);
        if let Some(track) = self.tasks.get(&key).and_then(|&index| self.tracks.get_mut(index)) {
            if !track.names.iter().any(|known| known == name) {
                track.names.push(name.to_string());
            }
            return track.uuid;
        }
        self.tasks.insert(key, self.tracks.len());
        self.add(TASKS, name, pid)
    }

    /// The task of this name, if no more than one is known, but for `others`; else a track of its own.
    pub(super) fn task_named(&mut self, name: &str, others: &BTreeSet<u64>) -> u64 {
        let is_named = |track: &&Track| {
            track.parent == TASKS && track.names.iter().any(|known| known == name) && !others.contains(&track.uuid)
        };
        let mut named = self.tracks.iter().filter(is_named);
        match (named.next(), named.next()) {
            (Some(only), None) => only.uuid,
            _ => self.task(name, None),
        }
    }

    /// A new track for windows of a devlink handle.
    pub(super) fn windows(&mut self, handle: &str) -> u64 {
        self.add(WINDOWS, handle, None)
    }

    fn add(&mut self, parent: u64, name: &str, pid: Option<u32>) -> u64 {
        let uuid = TASKS + 1 + self.tracks.len() as u64;
        self.tracks.push(Track {
            uuid,
            parent,
            names: vec![name.to_string()],
            pid,
        });
        uuid
    }

    /// What is written of them; groups that are empty are left out.
    pub(super) fn descriptors(&self, findings: bool) -> Vec<TrackDescriptor> {
        let has = |parent| self.tracks.iter().any(|track| track.parent == parent);
        let own = [
            (CAPTURE, "capture", true),
            (FINDINGS, "findings", findings),
            (WINDOWS, "reload windows", has(WINDOWS)),
            (TASKS, "tasks", has(TASKS)),
        ];
        let own = own.into_iter().filter(|&(.., is_there)| is_there);
        let own = own.map(|(uuid, name, _)| descriptor(uuid, name, None));
        let tracks = self
            .tracks
            .iter()
            .map(|track| descriptor(track.uuid, &track.name(), Some(track.parent)));
        own.chain(tracks).collect()
    }
}

impl Track {
    fn name(&self) -> String {
        let mut name = self
            .names
            .iter()
            .take(MAX_NAMES)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ");
        if self.names.len() > MAX_NAMES {
            name.push_str(", ...");
        }
        phrase::task(&name, self.pid)
    }
}

fn descriptor(uuid: u64, name: &str, parent: Option<u64>) -> TrackDescriptor {
    TrackDescriptor {
        uuid: Some(uuid),
        name: Some(clean::text(name).into_owned()),
        parent_uuid: parent,
        child_ordering: parent.is_none().then_some(ChildTracksOrdering::Explicit.into()),
        sibling_order_rank: i32::try_from(uuid).ok(),
    }
}
