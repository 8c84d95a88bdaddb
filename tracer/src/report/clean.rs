//! Names come from the kernel and from files: what could steer a terminal is replaced before it is shown.

use std::borrow::Cow;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// The same document without control characters in any of its strings.
pub(crate) fn printable<T: Clone + Serialize + DeserializeOwned>(document: &T) -> Cow<'_, T> {
    let Ok(mut value) = serde_json::to_value(document) else {
        return Cow::Borrowed(document);
    };
    if !clean(&mut value) {
        return Cow::Borrowed(document);
    }
    serde_json::from_value(value).map_or(Cow::Borrowed(document), Cow::Owned)
}

/// The same text without control characters.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    if text.chars().any(steers) {
        Cow::Owned(text.replace(steers, "?"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether anything was replaced.
fn clean(value: &mut Value) -> bool {
    match value {
        Value::String(text) if text.chars().any(steers) => {
            *text = text.replace(steers, "?");
            true
        }
        Value::Array(values) => values.iter_mut().fold(false, |any, value| clean(value) | any),
        Value::Object(members) => members.values_mut().fold(false, |any, value| clean(value) | any),
        _ => false,
    }
}

/// Control characters, and those that turn the direction of writing.
fn steers(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::snapshot::Snapshot;

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        let mut snapshot = Snapshot::default();
        snapshot.capture.backend = "text".to_string();
        assert!(matches!(printable(&snapshot), Cow::Borrowed(_)));
        snapshot.capture.backend = "\u{1b}[2Jtext\n".to_string();
        assert_eq!(printable(&snapshot).capture.backend, "?[2Jtext?");
    }
}
