//! A difference for who reviews a patch: findings first, then dependencies. `+` only B has, `-` only A has, `~` is not the same.

use crate::analysis::diff::document::{DependencyChange, Diff, FindingChange, FindingPlace, FindingSide, Place, Side};
use crate::analysis::snapshot::Mode;
use crate::report::clean;
use crate::report::phrase::counted;
use crate::report::style::Style;
use crate::report::wrap::{WIDTH, wrap, wrap_items};

/// Places of a dependency that are shown at most; the JSON document has all.
const MAX_PLACES: usize = 5;

/// The difference, 80 columns wide where the names allow it; with `notes`, findings of severity `note` as well.
pub fn render(diff: &Diff, notes: bool, style: Style) -> String {
    let diff = &*clean::printable(diff);
    let mut out = side("A", &diff.a) + &side("B", &diff.b);
    for warning in &diff.warnings {
        out.push_str(&wrap("warning: ", "         ", warning));
    }
    out.push('\n');
    if diff.is_empty() {
        out.push_str("No difference.\n");
        return out;
    }
    let (changes, kinds) = (&diff.findings, ['+', '-', '~']);
    let findings = kinds.into_iter().zip([&changes.new, &changes.gone, &changes.changed]);
    let findings: Vec<_> = findings
        .flat_map(|(sign, changes)| changes.iter().map(move |change| (sign, change)))
        .collect();
    let shown = findings.iter().filter(|(_, change)| notes || !change.is_note());
    let shown: Vec<_> = shown.map(|&(sign, change)| finding(sign, change, style)).collect();
    section(&mut out, style, "Findings", &shown);
    let changes = &diff.dependencies;
    let dependencies = kinds.into_iter().zip([&changes.new, &changes.gone, &changes.changed]);
    let dependencies =
        dependencies.flat_map(|(sign, changes)| changes.iter().map(move |change| dependency(sign, change, style)));
    section(&mut out, style, "Dependencies", &dependencies.collect::<Vec<_>>());
    out.push_str(&format!("{}\n", style.heading(&counts(diff))));
    let hidden = findings.len() - shown.len();
    if hidden > 0 {
        let (count, them) = (counted(hidden, "note"), if hidden == 1 { "it" } else { "them" });
        out.push_str(&format!("{count} hidden; --notes shows {them}\n"));
    }
    out
}

fn side(letter: &str, side: &Side) -> String {
    let file = side.file.as_deref().unwrap_or("standard input");
    let kernel = side
        .kernel
        .as_deref()
        .map(|kernel| format!(", kernel {kernel}"))
        .unwrap_or_default();
    let complete = if side.complete { "" } else { ", incomplete" };
    wrap(
        &format!("{letter}: "),
        "   ",
        &format!("{file} ({}{kernel}{complete})", side.backend),
    )
}

fn section(out: &mut String, style: Style, title: &str, entries: &[String]) {
    if !entries.is_empty() {
        out.push_str(&format!("{}\n{}\n", style.heading(title), entries.concat()));
    }
}

fn counts(diff: &Diff) -> String {
    let of = |new: usize, gone: usize, changed: usize| format!("{new} new, {gone} gone, {changed} changed");
    let (findings, dependencies) = (&diff.findings, &diff.dependencies);
    format!(
        "Findings: {}. Dependencies: {}.",
        of(findings.new.len(), findings.gone.len(), findings.changed.len()),
        of(
            dependencies.new.len(),
            dependencies.gone.len(),
            dependencies.changed.len()
        )
    )
}

fn finding(sign: char, change: &FindingChange, style: Style) -> String {
    let verdict = |side: &FindingSide| {
        let verdict = side.verdict.as_ref().unwrap_or(&change.kind);
        let text = format!("{}: {verdict} ({} level)", side.severity.to_uppercase(), side.level);
        style.severity(&side.severity, &text)
    };
    let (a, b) = (change.a.as_ref(), change.b.as_ref());
    let mut heads: Vec<_> = a.into_iter().chain(b).map(verdict).collect();
    heads.dedup();
    let elsewhere = if heads.len() == 1 && a.is_some() && b.is_some() {
        ", at other places"
    } else {
        ""
    };
    let mut out = format!("{} {}{elsewhere}\n", style.sign(sign), heads.join(" -> "));
    let Some(now) = b.or(a) else {
        return out;
    };
    out.push_str(&wrap("  ", "      ", &now.title));
    // What is gone needs no explanation.
    if b.is_some() {
        out.push_str(&wrap("    why: ", "         ", &now.reason));
        out.push_str(&sides(a, now, style));
    }
    out
}

/// The sides as B has them, after those that only A has.
fn sides(before: Option<&FindingSide>, after: &FindingSide, style: Style) -> String {
    let key = |side: &FindingPlace| {
        let place = side.place.clone();
        (link(side), place.from_function, place.to_function)
    };
    let has = |finding: &FindingSide, wanted: &FindingPlace| finding.sides.iter().any(|side| key(side) == key(wanted));
    let line = |sign: char, side: &FindingPlace| located(2, sign, &link(side), &side.place, style);
    let mut out = String::new();
    if let Some(before) = before {
        let gone = before.sides.iter().filter(|side| !has(after, side));
        out.extend(gone.map(|side| line('-', side)));
    }
    let marked = |side| {
        if before.is_none_or(|before| has(before, side)) {
            ' '
        } else {
            '+'
        }
    };
    out.extend(after.sides.iter().map(|side| line(marked(side), side)));
    out
}

fn link(side: &FindingPlace) -> String {
    pair(&side.from, side.from_mode, false, &side.to, side.to_mode)
}

fn dependency(sign: char, change: &DependencyChange, style: Style) -> String {
    let trylock = change.b.or(change.a).is_some_and(|side| side.trylock);
    let pair = pair(&change.from, change.from_mode, trylock, &change.to, change.to_mode);
    if sign != '~' {
        let places = if sign == '+' {
            &change.places_new
        } else {
            &change.places_gone
        };
        if let [only] = places.as_slice() {
            return located(0, sign, &pair, only, style);
        }
        return entry(0, sign, &pair, style) + &self::places(' ', places, style);
    }
    let mut out = entry(0, sign, &pair, style);
    out.push_str(&places('+', &change.places_new, style));
    out.push_str(&places('-', &change.places_gone, style));
    let (Some(a), Some(b)) = (change.a, change.b) else {
        return out;
    };
    if a.direct != b.direct {
        let text = if b.direct {
            "now direct: nothing but trylocks is taken in between"
        } else {
            "no longer direct: another lock is taken in between"
        };
        out.push_str(&entry(4, '~', text, style));
    }
    if a.trylock != b.trylock {
        let text = if b.trylock {
            "the held lock is now only taken by a trylock"
        } else {
            "the held lock is no longer only taken by a trylock"
        };
        out.push_str(&entry(4, '~', text, style));
    }
    out
}

fn places(sign: char, places: &[Place], style: Style) -> String {
    let shown = places.iter().take(MAX_PLACES);
    let mut out: String = shown.map(|shown| parts(4, sign, &place(shown), style)).collect();
    let more = places.len().saturating_sub(MAX_PLACES);
    if more > 0 {
        out.push_str(&entry(4, sign, &format!("and at {more} more"), style));
    }
    out
}

/// Exclusive goes without saying.
fn pair(from: &str, from_mode: Mode, trylock: bool, to: &str, to_mode: Mode) -> String {
    let from_how = match (from_mode, trylock) {
        (Mode::Exclusive, false) => String::new(),
        (Mode::Exclusive, true) => " (trylock)".to_string(),
        (mode, false) => format!(" ({mode})"),
        (mode, true) => format!(" ({mode}, trylock)"),
    };
    let to_how = if to_mode == Mode::Exclusive {
        String::new()
    } else {
        format!(" ({to_mode})")
    };
    format!("{from}{from_how} -> {to}{to_how}")
}

/// Where, in parts that stay whole; empty where nothing is known.
fn place(place: &Place) -> Vec<String> {
    let to = place.to_frame.as_ref().map(|to| format!("at {to}"));
    let from = place.from_frame.as_ref().map(|from| format!("(held since {from})"));
    to.into_iter().chain(from).collect()
}

/// A dependency and its place.
fn located(indent: usize, sign: char, pair: &str, at: &Place, style: Style) -> String {
    let parts: Vec<_> = std::iter::once(pair.to_string()).chain(place(at)).collect();
    self::parts(indent, sign, &parts, style)
}

/// On one line, or the first part and the others below it.
fn parts(indent: usize, sign: char, parts: &[String], style: Style) -> String {
    let line = parts.join(" ");
    match parts {
        [first, rest @ ..] if indent + 2 + line.chars().count() > WIDTH && !rest.is_empty() => {
            entry(indent, sign, first, style) + &wrap_items(&" ".repeat(indent + 4), " ", rest)
        }
        _ => entry(indent, sign, &line, style),
    }
}

/// A text after its sign.
fn entry(indent: usize, sign: char, text: &str, style: Style) -> String {
    let margin = " ".repeat(indent);
    let text = wrap(&format!("{margin}  "), &format!("{margin}    "), text);
    // The sign is put in afterwards: a colour takes no columns.
    let rest = text.get(indent + 1..).unwrap_or_default();
    format!("{margin}{}{rest}", style.sign(sign))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::diff::diff;
    use crate::import::read_from;

    fn screen(a: &str, b: &str, color: bool) -> String {
        let read = |text: &str| read_from("trace", text.as_bytes()).expect("a trace");
        render(&diff(&read(a), &read(b)), false, Style { color })
    }

    #[test]
    fn no_difference_is_said() {
        let trace = "T1|acq(A)|f\nT1|acq(B)|g\n";
        let text = screen(trace, trace, false);
        assert_eq!(
            text,
            "A: standard input (text-trace)\nB: standard input (text-trace)\n\nNo difference.\n"
        );
    }

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        let text = screen("# nothing\n", "T1|acq(A)|f\nT1|acq(B\u{1b}[2J)|g\u{1b}[2J\n", false);
        assert!(text.contains("B?[2J at g?[2J") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn colour_changes_nothing_else() {
        let (a, b) = ("T1|acq(A)|f\nT1|acq(B)|g\n", "T1|acq(A)|f\nT1|acq(A)|g\n");
        let painted = screen(a, b, true);
        assert!(
            painted.contains("\u{1b}[32m+\u{1b}[0m A -> A at g (held since f)"),
            "{painted}"
        );
        let mut plain = painted;
        for code in ["1;35", "32", "31", "1", "0"] {
            plain = plain.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert_eq!(plain, screen(a, b, false));
    }

    #[test]
    fn many_places_are_cut_and_counted() {
        let trace: String = (0..7)
            .map(|n| format!("T{n}|acq(A)|f{n}\nT{n}|acq(B)|g\nT{n}|rel(B)|\nT{n}|rel(A)|\n"))
            .collect();
        let text = screen("# nothing\n", &trace, false);
        assert!(text.contains("+ A -> B\n      at g (held since f0)\n"), "{text}");
        assert!(text.contains("      and at 2 more\n") && !text.contains("f5"), "{text}");
    }

    #[test]
    fn properties_are_told_in_words() {
        let (plain, tried) = ("T1|acq(A)|f\nT1|racq(B)|g\n", "T1|try(A)|f\nT1|racq(B)|g\n");
        let text = screen(plain, tried, false);
        let expected = "~ A (trylock) -> B (shared)\n    ~ the held lock is now only taken by a trylock\n";
        assert!(text.contains(expected), "{text}");
        let text = screen(tried, plain, false);
        assert!(
            text.contains("~ A -> B (shared)\n    ~ the held lock is no longer only"),
            "{text}"
        );
    }

    #[test]
    fn a_loss_is_said_even_when_there_is_no_difference() {
        let text = screen("T1|rel(W)|f\n", "T1|rel(W)|f\n", false);
        assert!(text.contains("A: standard input (text-trace, incomplete)"), "{text}");
        assert!(
            text.contains("warning: B is incomplete") && text.ends_with("No difference.\n"),
            "{text}"
        );
    }
}
