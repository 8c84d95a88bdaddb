//! Allow entries: findings that are known, and that a report need not tell again.

use super::check;
use super::error::Place;
use super::index::Index;
use super::pattern::Pattern;
use crate::analysis::snapshot::Finding;

/// Which findings are allowed, and why. What is not given does not matter; everything that is given must match.
#[derive(Clone, Debug)]
pub(super) struct Allow {
    pub(super) name: String,
    pub(super) fingerprint: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) verdict: Option<String>,
    /// All classes of the finding, in any order.
    pub(super) locks: Option<Vec<Pattern>>,
    /// Name of the order rule that is broken.
    pub(super) rule: Option<String>,
    /// A function in one of the stacks that the finding shows.
    pub(super) function: Option<Pattern>,
    pub(super) reason: String,
    pub(super) place: Place,
}

impl Allow {
    /// Nothing is given that could fail to match.
    pub(super) fn matches_everything(&self) -> bool {
        let given = [
            self.fingerprint.is_some(),
            self.kind.is_some(),
            self.verdict.is_some(),
            self.locks.is_some(),
            self.rule.is_some(),
            self.function.is_some(),
        ];
        !given.contains(&true)
    }

    /// Whether this finding is allowed.
    pub(super) fn matches(&self, finding: &Finding, index: &Index<'_>) -> bool {
        let is = |wanted: &Option<String>, what: Option<&str>| wanted.is_none() || wanted.as_deref() == what;
        let locks = self.locks.as_ref();
        let function = self.function.as_ref();
        is(&self.fingerprint, Some(&finding.fingerprint))
            && is(&self.kind, Some(&finding.kind))
            && is(&self.verdict, finding.verdict.as_deref())
            && is(&self.rule, check::rule_of(finding))
            && locks.is_none_or(|patterns| names_all(patterns, finding, index))
            && function.is_none_or(|function| goes_through(function, finding, index))
    }
}

/// Every class of the finding is meant, and every pattern means one.
fn names_all(patterns: &[Pattern], finding: &Finding, index: &Index<'_>) -> bool {
    let classes = index.classes(finding);
    let meant = |class: &&str| patterns.iter().any(|pattern| pattern.matches(class));
    let means = |pattern: &Pattern| classes.iter().any(|class| pattern.matches(class));
    classes.iter().all(meant) && patterns.iter().all(means)
}

fn goes_through(function: &Pattern, finding: &Finding, index: &Index<'_>) -> bool {
    let mut evidence = index.evidence(finding);
    evidence.any(|evidence| {
        let mut frames = evidence.from_stack.iter().chain(&evidence.to_stack);
        frames.any(|frame| function.matches(name(frame)))
    })
}

/// The function of a frame: `mlx5_load` of `mlx5_load.isra.0+0x1c/0x80 [mlx5_core]`.
fn name(frame: &str) -> &str {
    frame.split(['+', ' ', '[', '.']).next().unwrap_or(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_known_by_its_function() {
        for frame in [
            "mlx5_load",
            "mlx5_load+0x1c/0x80",
            "mlx5_load.isra.0+0x1c/0x80 [mlx5_core]",
            "mlx5_load [mlx5_core]",
        ] {
            assert_eq!(name(frame), "mlx5_load");
        }
    }
}
