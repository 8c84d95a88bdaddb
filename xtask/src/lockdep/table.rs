//! The comparison as text.

use std::fmt::Write as _;

use super::compare::{Comparison, Difference, Figure};

/// Frames shown of the place of a difference.
const FRAMES: usize = 8;

/// All comparisons as a table, and the differences of the last one.
pub fn table(comparisons: &[(&str, Comparison)]) -> String {
    let mut text = String::from("subclasses        figure        compared  differ  known  agreement  with known\n");
    for (names, comparison) in comparisons {
        row(&mut text, names, "recall", &comparison.recall);
        row(&mut text, names, "precision", &comparison.precision);
    }
    let Some((_, last)) = comparisons.last() else {
        return text;
    };
    // Writing to a string does not fail.
    let mut line = |line: String| {
        let _ = writeln!(text, "{line}");
    };
    line(String::new());
    line("recall: dependencies that lockdep found in the run and the tracer has; precision: the tracer's that lockdep has.".to_owned());
    line(format!(
        "\nlockdep was told of a lock that was not taken: {}",
        last.annotated.len()
    ));
    for (from, to) in &last.annotated {
        line(format!("  {from} -> {to}"));
    }
    line(format!(
        "\nlockdep has a lock in between that is no mutex or rwsem: {}",
        last.through.len()
    ));
    for path in &last.through {
        line(format!("  {}", path.join(" -> ")));
    }
    if !last.unknown.is_empty() {
        line(format!("\nclasses that lockdep does not have: {}", last.unknown.len()));
        for class in &last.unknown {
            line(format!("  {class}"));
        }
    }
    line(format!("\nonly lockdep has: {}", last.recall.differ.len()));
    for difference in &last.recall.differ {
        line(described(difference));
    }
    line(format!("\nonly the tracer has: {}", last.precision.differ.len()));
    for difference in &last.precision.differ {
        line(described(difference));
    }
    text
}

fn row(text: &mut String, names: &str, what: &str, figure: &Figure) {
    let known = figure.differ.iter().filter(|one| one.reason.is_some()).count();
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "{names:<17} {what:<12} {:>9} {:>7} {known:>6} {:>8.2} % {:>9.2} %",
        figure.of,
        figure.differ.len(),
        figure.percent(false),
        figure.percent(true),
    );
}

fn described(difference: &Difference) -> String {
    let (from, to) = &difference.pair;
    let mut text = format!("  {from} -> {to}");
    let why = difference.reason.as_ref().map(|reason| format!("known: {reason}"));
    for remark in why.iter().chain(&difference.remark) {
        text += &format!("\n    {remark}");
    }
    for frame in difference.place.iter().take(FRAMES) {
        text += &format!("\n      {frame}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_shown_with_its_place_and_reason() {
        let comparison = Comparison {
            recall: Figure {
                of: 4,
                differ: vec![Difference {
                    pair: ("a".to_owned(), "b".to_owned()),
                    place: vec!["down_read+0x1/0x2".to_owned()],
                    remark: None,
                    reason: Some("because".to_owned()),
                }],
            },
            precision: Figure::default(),
            annotated: Vec::new(),
            through: vec![vec!["a".to_owned(), "kn->active".to_owned(), "c".to_owned()]],
            unknown: ["x".to_owned()].into(),
        };
        let text = table(&[("together", comparison)]);
        for part in [
            "75.00 %",
            "100.00 %",
            "a -> b\n    known: because\n      down_read",
            "a -> kn->active -> c",
            "  x\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.contains("only the tracer has: 0"));
    }
}
