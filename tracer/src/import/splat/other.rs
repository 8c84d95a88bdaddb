//! Reports that stand in a kernel log beside those about the order of locks, and are not read.

/// What stands in the first line of a report, and what it is called here.
const REPORTS: [(&str, &str); 14] = [
    ("WARNING: inconsistent lock state", "inconsistent lock state"),
    ("inconsistent lock state ]", "inconsistent lock state"),
    ("WARNING: suspicious RCU usage", "suspicious RCU usage"),
    ("suspicious RCU usage. ]", "suspicious RCU usage"),
    ("WARNING: bad unlock balance detected", "bad unlock balance"),
    ("bad unlock balance detected! ]", "bad unlock balance"),
    ("WARNING: held lock freed", "held lock freed"),
    ("held lock freed! ]", "held lock freed"),
    ("irq lock inversion dependency detected", "irq lock inversion"),
    ("-unsafe lock order detected", "irq-unsafe lock order"),
    ("Invalid wait context", "invalid wait context"),
    (
        "lock held when returning to user space",
        "lock held when returning to user space",
    ),
    ("Nested lock was not taken", "nested lock was not taken"),
    ("bad contention detected", "bad contention"),
];

/// What is told about tasks that hang: `INFO: task NAME:PID blocked for more than 120 seconds.`
const HUNG_TASK: &str = "hung task";

/// The report that begins in this line.
pub(super) fn report(text: &str) -> Option<&'static str> {
    if text.starts_with("INFO: task ") && text.contains(" blocked for more than ") {
        return Some(HUNG_TASK);
    }
    // The head of a report: `WARNING: what`, before 4.13 `[ INFO: what ]`.
    let head = ["WARNING: ", "BUG: ", "INFO: ", "[ INFO: ", "[ BUG: "];
    if !head.iter().any(|head| text.starts_with(head)) {
        return None;
    }
    REPORTS
        .iter()
        .find(|(line, _)| text.contains(line))
        .map(|&(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_told_by_their_first_line() {
        for (text, expected) in [
            ("WARNING: inconsistent lock state", Some("inconsistent lock state")),
            ("[ INFO: inconsistent lock state ]", Some("inconsistent lock state")),
            ("WARNING: suspicious RCU usage", Some("suspicious RCU usage")),
            ("WARNING: bad unlock balance detected!", Some("bad unlock balance")),
            ("WARNING: held lock freed!", Some("held lock freed")),
            (
                "WARNING: possible irq lock inversion dependency detected",
                Some("irq lock inversion"),
            ),
            (
                "WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected",
                Some("irq-unsafe lock order"),
            ),
            ("[ BUG: Invalid wait context ]", Some("invalid wait context")),
            (
                "INFO: task ip:123 blocked for more than 120 seconds.",
                Some("hung task"),
            ),
            ("WARNING: CPU: 1 PID: 9 at net/core/dev.c:12 f+0x1/0x2", None),
            ("the irq lock inversion dependency detected is old", None),
        ] {
            assert_eq!(report(text), expected, "{text}");
        }
    }
}
