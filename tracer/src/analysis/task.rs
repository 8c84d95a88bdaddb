//! Tasks and what they were called when.

use rustc_hash::FxHashMap;

use super::event::{TaskKey, TaskName};

/// A task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TaskId(u32);

impl TaskId {
    /// The n-th task.
    pub(crate) fn new(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// Which one it is, from 0.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A task under the name it had at the time: a worker is called after its work, and that changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TaskRef {
    /// Who.
    pub(crate) id: TaskId,
    /// How many names the task had had by then.
    names: u32,
}

/// All tasks ever seen.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    ids: FxHashMap<TaskKey, TaskId>,
    names: Vec<Vec<TaskName>>,
}

impl Tasks {
    /// The task with this key.
    pub(crate) fn id(&mut self, key: TaskKey) -> TaskId {
        let next = TaskId(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        let id = *self.ids.entry(key).or_insert(next);
        if id == next {
            self.names.push(Vec::new());
        }
        id
    }

    /// The task with this key under its present name.
    pub(crate) fn now(&mut self, key: TaskKey) -> TaskRef {
        let id = self.id(key);
        self.present(id)
    }

    /// A known task under its present name.
    pub(crate) fn present(&self, id: TaskId) -> TaskRef {
        let names = self.names.get(id.index()).map_or(0, Vec::len);
        TaskRef {
            id,
            names: u32::try_from(names).unwrap_or(u32::MAX),
        }
    }

    /// Names a task from here on.
    pub(crate) fn name(&mut self, key: TaskKey, name: TaskName) {
        let id = self.id(key);
        if let Some(names) = self.names.get_mut(id.0 as usize)
            && names.last() != Some(&name)
        {
            names.push(name);
        }
    }

    /// The name a task had; one that had none yet goes by its first.
    pub(crate) fn get(&self, task: TaskRef) -> TaskName {
        let names = self.names.get(task.id.0 as usize);
        names
            .and_then(|names| names.get(task.names.saturating_sub(1) as usize))
            .cloned()
            .unwrap_or_else(|| TaskName {
                pid: None,
                comm: format!("task-{}", u64::from(task.id.0) + 1),
            })
    }
}
