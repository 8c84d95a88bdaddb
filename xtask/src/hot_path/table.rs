//! The figures side by side, and what they are to be.

use std::fmt::Write as _;

use anyhow::Result;

use super::figure::Figures;

/// Kinds of pairs, as the module calls them, and what they are.
const KINDS: [(&str, &str); 4] = [
    ("mutex", "mutex"),
    ("nested", "nested mutexes"),
    ("readers", "rwsem, read"),
    ("deep", "mutex under 8"),
];

/// Who watched, in the order of the table.
const ROWS: [(&str, &str); 6] = [
    ("none", "no tracer"),
    ("floor", "empty programs (the floor)"),
    ("tracer", "tracer"),
    ("klockstat", "klockstat"),
    ("lockdep", "lockdep kernel"),
    ("tracer-on-lockdep", "lockdep kernel, and tracer"),
];

/// What the tracer adds may be at most so many times what these add.
const GOALS: [(&str, &str, f64); 3] = [
    ("floor", "of the floor's", 2.0),
    ("lockdep", "of lockdep's", 0.5),
    ("klockstat", "of klockstat's", 0.1),
];

/// Two tables: the figures, and the ratios with their goals.
pub fn table(figures: &Figures) -> Result<String> {
    let heads: String = KINDS.iter().map(|(_, head)| format!(" {head:>16}")).collect();
    let mut text = format!("{:<28}{heads}\n", "ns per pair, best / median");
    for (who, name) in ROWS {
        let mut line = format!("{name:<28}");
        for (kind, _) in KINDS {
            let figure = figures.get(who, kind)?;
            let cell = format!("{} / {}", figure.best, figure.median);
            write!(line, " {cell:>16}")?;
        }
        writeln!(text, "{line}")?;
    }
    writeln!(text, "\n{:<28}{heads}", "tracer's added cost (best)")?;
    for (who, name, goal) in GOALS {
        let mut line = format!("{:<28}", format!("{name}, at most {goal}"));
        for (kind, _) in KINDS {
            let ratio = ratio(figures, who, kind)?;
            let cell = format!("{ratio:.2}{}", if ratio > goal { " missed" } else { "" });
            write!(line, " {cell:>16}")?;
        }
        writeln!(text, "{line}")?;
    }
    let more = if figures.often.is_like(&figures.once) {
        "nothing"
    } else {
        "something: missed"
    };
    writeln!(
        text,
        "\ntold of the module's thread: {} events by the first 408,000 pairs, {more} by 4,080,000 more (records of the whole system meanwhile: {} and {})",
        figures.once.events(),
        figures.once.sent(),
        figures.often.sent()
    )?;
    Ok(text)
}

/// Whether every goal is met by every kind of pair, and nothing is told in the steady state.
pub fn goals_are_met(figures: &Figures) -> Result<bool> {
    for (who, _, goal) in GOALS {
        for (kind, _) in KINDS {
            if ratio(figures, who, kind)? > goal {
                return Ok(false);
            }
        }
    }
    Ok(figures.often.is_like(&figures.once))
}

/// What the tracer adds, divided by what `who` adds: best rounds, which the rest of the machine disturbed least.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds of one pair of calls")]
fn ratio(figures: &Figures, who: &str, kind: &str) -> Result<f64> {
    let best = |who| figures.get(who, kind).map(|figure| figure.best as f64);
    let none = best("none")?;
    Ok((best("tracer")? - none) / (best(who)? - none))
}

#[cfg(test)]
mod tests {
    use super::{
        super::figure::tests::{counted, figures},
        *,
    };

    fn all(tracer: u64) -> Figures {
        let mut text = String::new();
        for (kind, _) in KINDS {
            let rows = [
                ("none", 100),
                ("floor", 1_100),
                ("tracer", tracer),
                ("klockstat", 20_100),
                ("lockdep", 4_100),
                ("tracer-on-lockdep", 6_100),
            ];
            for (who, best) in rows {
                writeln!(text, "{who} {kind} {best} {}", best + 10).expect("a string takes it");
            }
        }
        figures(&text)
    }

    #[test]
    fn added_cost_is_held_against_each_goal() {
        assert!(goals_are_met(&all(2_100)).expect("all is there"));
        assert!(!goals_are_met(&all(2_200)).expect("all is there"));
        let text = table(&all(2_200)).expect("all is there");
        assert!(text.contains("2.10 missed"), "{text}");
        assert!(text.contains("2200 / 2210"), "{text}");
    }

    #[test]
    fn an_event_in_the_steady_state_is_a_missed_goal() {
        let mut figures = all(2_100);
        figures.once = counted(r#"{"events":5}"#);
        figures.often = counted(r#"{"events":6}"#);
        assert!(!goals_are_met(&figures).expect("all is there"));
    }
}
