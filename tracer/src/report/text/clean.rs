//! Names come from the kernel and from files: what could steer a terminal is replaced before it is shown.

use std::borrow::Cow;

use serde_json::Value;

use crate::analysis::snapshot::Snapshot;

/// The same document without control characters in any of its strings.
pub(super) fn printable(snapshot: &Snapshot) -> Cow<'_, Snapshot> {
    let Ok(mut document) = serde_json::to_value(snapshot) else {
        return Cow::Borrowed(snapshot);
    };
    if !clean(&mut document) {
        return Cow::Borrowed(snapshot);
    }
    serde_json::from_value(document).map_or(Cow::Borrowed(snapshot), Cow::Owned)
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

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        let mut snapshot = Snapshot::default();
        snapshot.capture.backend = "text".to_string();
        assert!(matches!(printable(&snapshot), Cow::Borrowed(_)));
        snapshot.capture.backend = "\u{1b}[2Jtext\n".to_string();
        assert_eq!(printable(&snapshot).capture.backend, "?[2Jtext?");
    }
}
