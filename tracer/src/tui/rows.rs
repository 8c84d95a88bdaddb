//! Which rows of a list are shown: those that were there at the moment that is looked at, and have all words of the filter.

use super::list::{List, ListKind};
use super::model::Model;
use super::scene::Scene;

/// Looks for the rows of a list anew. The row that was chosen stays selected; what matters most is on top, and is selected until the user chooses.
pub fn refresh(model: &mut Model, scene: &Scene, kind: ListKind) {
    let moment = model.moment;
    let list = kind.list();
    let state = model.list_mut(kind);
    let words: Vec<_> = state.filter.split_whitespace().map(str::as_bytes).collect();
    let is_shown = |row: &u32| {
        let was_there = moment.is_none_or(|moment| list.first_ns(scene, *row) <= moment);
        was_there && (words.is_empty() || has_all(list, scene, *row, &words))
    };
    let order = scene.order(kind, state.sort).iter().copied();
    let mut rows: Vec<_> = order.filter(is_shown).collect();
    if state.is_reversed {
        rows.reverse();
    }
    let key = state.key.filter(|_| state.is_chosen);
    let found = key.and_then(|key| rows.iter().position(|&row| list.key(scene, row) == key));
    // A log is read at its end, until a line is selected.
    let is_log = kind == ListKind::Log && (!state.is_chosen || state.selected + 1 >= state.rows.len());
    let selected = match found {
        _ if is_log => rows.len().saturating_sub(1),
        Some(selected) => selected,
        None if !state.is_chosen => 0,
        None => state.selected.min(rows.len().saturating_sub(1)),
    };
    let state = model.list_mut(kind);
    state.rows = rows;
    state.selected = selected;
    state.key = state.rows.get(selected).map(|&row| list.key(scene, row));
}

fn has_all(list: &dyn List, scene: &Scene, row: u32, words: &[&[u8]]) -> bool {
    let texts = list.words(scene, row);
    words
        .iter()
        .all(|word| texts.iter().any(|text| contains(text.as_bytes(), word)))
}

/// Whether a text has a word, in capitals or not.
fn contains(text: &[u8], word: &[u8]) -> bool {
    let Some(first) = word.first() else { return true };
    let mut windows = text.windows(word.len());
    windows.any(|window| window[0].eq_ignore_ascii_case(first) && window.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_capitals_too() {
        assert!(contains(b"&devlink->lock", b"LINK"));
        assert!(contains(b"rtnl_mutex", b""));
        assert!(!contains(b"rtnl_mutex", b"rtnl_mutexes"));
        assert!(!contains(b"", b"r"));
    }
}
