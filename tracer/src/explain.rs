//! What the words of a report mean: `docs/explain.md`, which is made for people and for `tracer explain`.

/// The texts.
const TEXT: &str = include_str!("../../docs/explain.md");

/// A word and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// `Verdicts`, `Counters`, ...
    pub group: &'static str,
    /// The word.
    pub name: &'static str,
    /// Paragraphs.
    pub text: &'static str,
}

/// All words, in the order of the text.
pub fn entries() -> impl Iterator<Item = Entry> {
    TEXT.split("\n## ").skip(1).flat_map(|group| {
        let (title, entries) = group.split_once('\n').unwrap_or((group, ""));
        entries.split("### ").skip(1).map(move |entry| {
            let (name, text) = entry.split_once('\n').unwrap_or((entry, ""));
            Entry {
                group: title,
                name,
                text: text.trim(),
            }
        })
    })
}

/// What a word means; two things can have the same name. Counters are known by their first part, too: `recursion_misses.down_read`.
pub fn find(word: &str) -> Vec<Entry> {
    let word = word.to_lowercase().replace(' ', "_");
    let is = |entry: &Entry| {
        let rest = word.strip_prefix(entry.name);
        rest == Some("") || (entry.group == "Counters" && rest.is_some_and(|rest| rest.starts_with('.')))
    };
    let dashed = word.replace('_', "-");
    let mut found: Vec<_> = entries().filter(|entry| is(entry) || entry.name == dashed).collect();
    if found.is_empty() && word.starts_with("unread_") {
        found.extend(entries().filter(|entry| entry.name == "unread"));
    }
    found
}

/// The names that are closest to what was written, if any is close.
pub fn similar<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let word = word.to_lowercase();
    let mut close: Vec<_> = names
        .into_iter()
        .map(|name| (distance(&word, name), name))
        .filter(|&(distance, name)| {
            distance <= name.len().max(word.len()) / 3 || (word.len() > 3 && name.contains(&word))
        })
        .collect();
    close.sort_unstable();
    close.dedup();
    close.into_iter().take(3).map(|(_, name)| name).collect()
}

/// Levenshtein's: how many letters have to be put in, taken out or changed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<_> = b.chars().collect();
    let mut row: Vec<_> = (0..=b.len()).collect();
    for (line, letter) in a.chars().enumerate() {
        let mut before = line;
        let mut left = line + 1;
        for (&other, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let changed = before + usize::from(letter != other);
            before = *cell;
            left = changed.min(left + 1).min(*cell + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::rules::{KINDS, VERDICTS};

    #[test]
    fn words_are_found_however_they_are_written() {
        for (word, name) in [
            ("certain", "certain"),
            ("Certain", "certain"),
            ("wait-inversion", "wait-inversion"),
            ("wait_inversion", "wait-inversion"),
            ("unmatched release", "unmatched_release"),
            ("recursion_misses.down_read", "recursion_misses"),
            ("unread_hung_task", "unread"),
            ("recursion", "recursion"),
        ] {
            let found = find(word);
            assert_eq!(found.first().map(|entry| entry.name), Some(name), "{word}");
            assert!(found.iter().all(|entry| !entry.text.is_empty()));
        }
        assert!(find("nonsense").is_empty());
    }

    #[test]
    fn every_counter_of_the_program_is_explained() {
        for (_, name, _) in tracer_common::counter::Counter::ALL {
            assert!(!find(name).is_empty(), "docs/explain.md has no {name}");
        }
    }

    #[test]
    fn every_kind_and_verdict_is_explained() {
        for name in KINDS.iter().chain(&VERDICTS) {
            assert!(
                entries().any(|entry| entry.name == *name),
                "docs/explain.md has no {name}"
            );
        }
    }

    #[test]
    fn what_is_close_is_proposed() {
        let names = || entries().map(|entry| entry.name);
        assert_eq!(similar("certian", names()).first(), Some(&"certain"));
        assert_eq!(similar("inverson", names()).first(), Some(&"inversion"));
        assert!(similar("xyzzy", names()).is_empty());
        assert_eq!((distance("", "abc"), distance("kitten", "sitting")), (3, 3));
    }
}
