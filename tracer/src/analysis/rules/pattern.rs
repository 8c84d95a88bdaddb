//! Names with an open end: how a rule file says which lock classes or functions it means.

use std::fmt;

/// A name; a `*` at its beginning or its end stands for anything there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: String,
    any_before: bool,
    any_after: bool,
}

impl Pattern {
    /// Reads a pattern; the error says what is wrong with it.
    pub(crate) fn parse(written: &str) -> Result<Self, String> {
        let (any_before, rest) = written.strip_prefix('*').map_or((false, written), |rest| (true, rest));
        let (any_after, text) = rest.strip_suffix('*').map_or((false, rest), |text| (true, text));
        if text.trim().is_empty() {
            let what = if written.contains('*') {
                "matches everything"
            } else {
                "is empty"
            };
            return Err(format!("the name `{written}` {what}"));
        }
        if text.contains('*') {
            return Err(format!(
                "`{written}` has a `*` that is neither its beginning nor its end"
            ));
        }
        Ok(Self {
            text: text.to_string(),
            any_before,
            any_after,
        })
    }

    /// Whether this is one of the names meant.
    pub(crate) fn matches(&self, name: &str) -> bool {
        match (self.any_before, self.any_after) {
            (false, false) => name == self.text,
            (false, true) => name.starts_with(&self.text),
            (true, false) => name.ends_with(&self.text),
            (true, true) => name.contains(&self.text),
        }
    }

    /// Whether there can be a name that both mean.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let (a, b) = (&self.text, &other.text);
        if !self.any_before && !self.any_after {
            return other.matches(a);
        }
        if !other.any_before && !other.any_after {
            return self.matches(b);
        }
        // Both are open somewhere. Closed at the same side, what stands there has to agree; else one goes where the other is open.
        let same_beginning = a.starts_with(b.as_str()) || b.starts_with(a.as_str());
        let same_end = a.ends_with(b.as_str()) || b.ends_with(a.as_str());
        (self.any_before || other.any_before || same_beginning) && (self.any_after || other.any_after || same_end)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = |any: bool| if any { "*" } else { "" };
        write!(f, "{}{}{}", star(self.any_before), self.text, star(self.any_after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(written: &str) -> Pattern {
        Pattern::parse(written).unwrap()
    }

    #[test]
    fn a_star_stands_for_anything_at_its_end() {
        assert!(pattern("rtnl_mutex").matches("rtnl_mutex"));
        assert!(!pattern("rtnl_mutex").matches("rtnl_mutex2"));
        assert!(pattern("&devlink->lock_key*").matches("&devlink->lock_key#2"));
        assert!(pattern("&devlink->lock_key*").matches("&devlink->lock_key"));
        assert!(!pattern("&devlink->lock_key*").matches("&devlink->lock"));
        assert!(pattern("*->lock").matches("&devlink->lock"));
        assert!(!pattern("*->lock").matches("&devlink->lock_key"));
        assert!(pattern("*link*").matches("&devlink->lock"));
        assert_eq!(pattern("*link*").to_string(), "*link*");
    }

    #[test]
    fn what_means_nothing_or_everything_is_refused() {
        for (written, message) in [
            ("", "the name `` is empty"),
            (" ", "the name ` ` is empty"),
            ("*", "the name `*` matches everything"),
            ("**", "the name `**` matches everything"),
            ("a*b", "`a*b` has a `*` that is neither its beginning nor its end"),
        ] {
            assert_eq!(Pattern::parse(written), Err(message.to_string()));
        }
    }

    #[test]
    fn overlap_is_what_a_name_of_both_proves() {
        let written = ["ab", "a*", "*b", "*ab*", "abc", "ab*", "*bc", "c*", "*c", "*a", "b"];
        let mut names = vec![String::new()];
        for length in 0..5 {
            let longer = names.iter().filter(|name| name.len() == length);
            let longer: Vec<_> = longer
                .flat_map(|name| ["a", "b", "c"].map(|end| format!("{name}{end}")))
                .collect();
            names.extend(longer);
        }
        for a in written.map(pattern) {
            for b in written.map(pattern) {
                let both = names.iter().any(|name| a.matches(name) && b.matches(name));
                assert_eq!(a.overlaps(&b), both, "{a} and {b}");
            }
        }
    }
}
