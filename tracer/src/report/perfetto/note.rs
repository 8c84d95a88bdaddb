//! What is known of an event: Perfetto shows it beside the event as names with values.

use super::proto::{DebugAnnotation, Value};
use crate::report::clean;

/// Names with values, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes(Vec<DebugAnnotation>);

impl Notes {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn text(self, name: &str, text: &str) -> Self {
        self.add(name, Value::String(clean::text(text).into_owned()))
    }

    pub(super) fn maybe_text(self, name: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    pub(super) fn count(self, name: &str, count: impl Into<u64>) -> Self {
        self.add(name, Value::Uint(count.into()))
    }

    pub(super) fn maybe_count(self, name: &str, count: Option<impl Into<u64>>) -> Self {
        match count {
            Some(count) => self.count(name, count),
            None => self,
        }
    }

    pub(super) fn number(self, name: &str, number: impl Into<i64>) -> Self {
        self.add(name, Value::Int(number.into()))
    }

    pub(super) fn flag(self, name: &str, value: bool) -> Self {
        self.add(name, Value::Bool(value))
    }

    /// Nothing for an empty list.
    pub(super) fn list<T: AsRef<str>>(mut self, name: &str, items: impl IntoIterator<Item = T>) -> Self {
        let item = |item: T| DebugAnnotation {
            value: Some(Value::String(clean::text(item.as_ref()).into_owned())),
            ..DebugAnnotation::default()
        };
        let items: Vec<_> = items.into_iter().map(item).collect();
        if !items.is_empty() {
            self.0.push(DebugAnnotation {
                name: Some(name.to_string()),
                array_values: items,
                ..DebugAnnotation::default()
            });
        }
        self
    }

    pub(super) fn into_annotations(self) -> Vec<DebugAnnotation> {
        self.0
    }

    fn add(mut self, name: &str, value: Value) -> Self {
        self.0.push(DebugAnnotation {
            name: Some(name.to_string()),
            value: Some(value),
            ..DebugAnnotation::default()
        });
        self
    }
}
