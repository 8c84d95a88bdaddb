//! Rule files: TOML in, rules and allow entries out. Whatever is wrong is told with its line.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Spanned, Value};

use super::allow::Allow;
use super::check::OrderRule;
use super::error::{Place, RuleError};
use super::pattern::Pattern;

/// Classes that one rule or entry may list.
const MAX_CLASSES: usize = 8;

/// Kinds of findings.
pub(crate) const KINDS: [&str; 9] = [
    "deadlock",
    "recursion",
    "inversion",
    "wait-inversion",
    "order-rule",
    "unlock-imbalance",
    "init-held",
    "leaked-hold",
    "long-wait",
];

/// Verdicts of cycles.
pub(crate) const VERDICTS: [&str; 7] = [
    "deadlock",
    "certain",
    "possible",
    "needs-writer",
    "guarded",
    "ordered",
    "single-task",
];

/// What a file says, in its order.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) orders: Vec<OrderRule>,
    pub(super) allows: Vec<Allow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    rule: BTreeMap<Spanned<String>, RuleTable>,
    #[serde(default)]
    allow: BTreeMap<Spanned<String>, AllowTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table [rule.\"NAME\"]")]
struct RuleTable {
    before: Option<Spanned<Value>>,
    after: Option<Spanned<Value>>,
    reason: Option<Spanned<String>>,
    source: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table [allow.\"NAME\"]")]
struct AllowTable {
    fingerprint: Option<Spanned<String>>,
    kind: Option<Spanned<String>>,
    verdict: Option<Spanned<String>>,
    locks: Option<Spanned<Value>>,
    rule: Option<Spanned<String>>,
    function: Option<Spanned<String>>,
    reason: Option<Spanned<String>>,
}

/// Reads a file's text; errors call it by this name.
pub(super) fn parse(file: &str, text: &str) -> Result<Contents, RuleError> {
    let reader = Reader::new(file, text);
    let document: Document = toml::from_str(text).map_err(|error| reader.refused(&error))?;
    let mut orders = Vec::new();
    for (name, table) in document.rule {
        orders.push((name.span().start, reader.order(&name, table)?));
    }
    let mut allows = Vec::new();
    for (name, table) in document.allow {
        allows.push((name.span().start, reader.allow(&name, table)?));
    }
    orders.sort_by_key(|(start, _)| *start);
    allows.sort_by_key(|(start, _)| *start);
    Ok(Contents {
        orders: orders.into_iter().map(|(_, order)| order).collect(),
        allows: allows.into_iter().map(|(_, allow)| allow).collect(),
    })
}

/// Turns positions in a text into lines of a file.
struct Reader<'a> {
    file: &'a str,
    /// Where each line but the first begins.
    lines: Vec<usize>,
}

impl<'a> Reader<'a> {
    fn new(file: &'a str, text: &str) -> Self {
        let lines = text.match_indices('\n').map(|(position, _)| position + 1).collect();
        Self { file, lines }
    }

    fn place(&self, position: usize) -> Place {
        Place {
            file: self.file.to_string(),
            line: Some(self.lines.partition_point(|&line| line <= position) + 1),
        }
    }

    /// What the parser says against the text.
    fn refused(&self, error: &toml::de::Error) -> RuleError {
        let place = error.span().map_or_else(
            || Place {
                file: self.file.to_string(),
                line: None,
            },
            |span| self.place(span.start),
        );
        let hint = "a rule file is TOML with tables [rule.\"NAME\"] and [allow.\"NAME\"]: docs/rules.md";
        RuleError::new(place, error.message(), hint)
    }

    fn order(&self, name: &Spanned<String>, table: RuleTable) -> Result<OrderRule, RuleError> {
        let place = self.name("rule", name)?;
        let name = name.get_ref();
        let missing = |field: &str, what: &str| {
            let message = format!("rule \"{name}\" has no `{field}`");
            RuleError::new(place.clone(), message, format!("add {field} = {what}"))
        };
        let class = "\"CLASS\", or a list of the names that the class goes by";
        let before = table.before.ok_or_else(|| missing("before", class))?;
        let after = table.after.ok_or_else(|| missing("after", class))?;
        let reason = table.reason.ok_or_else(|| missing("reason", "\"why\""))?;
        let source = table.source.ok_or_else(|| missing("source", "\"who says so\""))?;
        Ok(OrderRule {
            name: name.clone(),
            before: self.classes("before", &before)?,
            after: self.classes("after", &after)?,
            reason: self.words("reason", reason)?,
            source: self.words("source", source)?,
            place,
        })
    }

    fn allow(&self, name: &Spanned<String>, table: AllowTable) -> Result<Allow, RuleError> {
        let place = self.name("allow", name)?;
        let name = name.get_ref();
        let Some(reason) = table.reason else {
            let message = format!("allow entry \"{name}\" has no `reason`");
            return Err(RuleError::new(place, message, "add reason = \"why\""));
        };
        let allow = Allow {
            name: name.clone(),
            fingerprint: table.fingerprint.map(|text| self.fingerprint(text)).transpose()?,
            kind: table.kind.map(|kind| self.one_of("kind", kind, &KINDS)).transpose()?,
            verdict: table
                .verdict
                .map(|verdict| self.one_of("verdict", verdict, &VERDICTS))
                .transpose()?,
            locks: table.locks.map(|locks| self.classes("locks", &locks)).transpose()?,
            rule: table.rule.map(|rule| self.words("rule", rule)).transpose()?,
            function: table.function.map(|function| self.function(&function)).transpose()?,
            reason: self.words("reason", reason)?,
            place,
        };
        if allow.matches_everything() {
            let message = format!("allow entry \"{name}\" matches everything");
            let hint = "add at least one of fingerprint, kind, verdict, locks, rule, function";
            return Err(RuleError::new(allow.place, message, hint));
        }
        Ok(allow)
    }

    /// A name is shown between quotes, and found there again.
    fn name(&self, what: &str, name: &Spanned<String>) -> Result<Place, RuleError> {
        let place = self.place(name.span().start);
        let text = name.get_ref();
        let message = if text.trim().is_empty() {
            "has an empty name"
        } else if text.contains(|character: char| character == '"' || character.is_control()) {
            "has a quote or a control character in its name"
        } else {
            return Ok(place);
        };
        let hint = format!("write [{what}.\"NAME\"]");
        Err(RuleError::new(place, format!("this {what} {message}"), hint))
    }

    fn words(&self, field: &str, text: Spanned<String>) -> Result<String, RuleError> {
        if text.get_ref().trim().is_empty() {
            let place = self.place(text.span().start);
            return Err(RuleError::new(place, format!("`{field}` is empty"), "say it in words"));
        }
        // Broken into lines as the file needs it, shown as the screen does.
        let words: Vec<_> = text.get_ref().split_whitespace().collect();
        Ok(words.join(" "))
    }

    fn one_of(&self, field: &str, text: Spanned<String>, known: &[&str]) -> Result<String, RuleError> {
        if !known.contains(&text.get_ref().as_str()) {
            let message = format!("there is no {field} `{}`", text.get_ref());
            let hint = format!("one of {}", known.join(", "));
            return Err(RuleError::new(self.place(text.span().start), message, hint));
        }
        Ok(text.into_inner())
    }

    fn fingerprint(&self, text: Spanned<String>) -> Result<String, RuleError> {
        let digits = text.get_ref();
        let hex = |digit: char| digit.is_ascii_digit() || ('a'..='f').contains(&digit);
        if digits.len() != 16 || !digits.chars().all(hex) {
            let message = format!("`{digits}` is no fingerprint");
            let hint = "copy the 16 digits that the report shows";
            return Err(RuleError::new(self.place(text.span().start), message, hint));
        }
        Ok(text.into_inner())
    }

    fn function(&self, name: &Spanned<String>) -> Result<Pattern, RuleError> {
        self.pattern(name.get_ref(), name.span().start)
    }

    fn pattern(&self, written: &str, position: usize) -> Result<Pattern, RuleError> {
        let hint = "write a whole name, or its beginning or end with a `*`";
        Pattern::parse(written).map_err(|message| RuleError::new(self.place(position), message, hint))
    }

    /// A class, or a list of some.
    fn classes(&self, field: &str, value: &Spanned<Value>) -> Result<Vec<Pattern>, RuleError> {
        let position = value.span().start;
        let wrong = |message: String| {
            let hint = format!("{field} = \"CLASS\" or [\"CLASS\", \"CLASS\"], at most {MAX_CLASSES}");
            RuleError::new(self.place(position), message, hint)
        };
        let list = match value.get_ref() {
            Value::Array(list) if list.is_empty() => return Err(wrong(format!("`{field}` is empty"))),
            Value::Array(list) if list.len() > MAX_CLASSES => {
                return Err(wrong(format!("`{field}` lists {} classes", list.len())));
            }
            Value::Array(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        };
        let class = |value: &Value| match value {
            Value::String(class) => self.pattern(class, position),
            other => Err(wrong(format!("`{field}` wants a class, not this {}", other.type_str()))),
        };
        list.iter().map(class).collect()
    }
}
