//! Locks of sources that tell classes rather than objects: named when all of them are known.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use crate::analysis::event::{Event, LockKey, LockKind, LockName};
use crate::analysis::model::Model;

/// The locks of an import. Most classes have one; objects that the source tells apart are numbered within their class.
#[derive(Debug, Default)]
pub(super) struct LockObjects {
    kinds: IndexMap<(String, usize), LockKind>,
}

impl LockObjects {
    /// The key of the n-th object of a class, from 0.
    pub(super) fn key(&mut self, class: &str, object: usize) -> LockKey {
        let entry = self.kinds.entry((class.to_string(), object));
        let index = entry.index();
        entry.or_insert(LockKind::Unknown);
        LockKey(index as u64 + 1)
    }

    /// What sort of lock it is, once a primitive has told.
    pub(super) fn set_kind(&mut self, class: &str, object: usize, kind: LockKind) {
        self.kinds.insert((class.to_string(), object), kind);
    }

    /// Names every lock: by its class, or `CLASS#1`, `CLASS#2` where a class has several.
    pub(super) fn tell(&self, model: &mut Model) {
        let mut objects: HashMap<&str, usize> = HashMap::new();
        for (class, _) in self.kinds.keys() {
            *objects.entry(class).or_default() += 1;
        }
        // lockdep itself tells classes of one name apart by `#2`.
        let mut used: HashSet<String> = objects.keys().map(|&class| class.to_string()).collect();
        for (index, ((class, _), &kind)) in self.kinds.iter().enumerate() {
            let name = if objects.get(class.as_str()) == Some(&1) {
                class.clone()
            } else {
                numbered(class, &mut used)
            };
            let name = LockName {
                class: class.clone(),
                name,
                label: None,
                named_by: None,
            };
            model.apply(Event::Lock(LockKey(index as u64 + 1), kind, name));
        }
    }
}

fn numbered(class: &str, used: &mut HashSet<String>) -> String {
    let names = (1u64..).map(|number| format!("{class}#{number}"));
    let mut free = names.filter(|name| used.insert(name.clone()));
    free.next().unwrap_or_else(|| class.to_string())
}
