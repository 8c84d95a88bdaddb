//! Lines that fit a terminal.

/// Columns of a report: a terminal's, and a mail's.
pub(crate) const WIDTH: usize = 80;

/// Breaks a text at its spaces. The first line starts with `first`, the others with `rest`; a word longer than a line stands alone.
pub(crate) fn wrap(first: &str, rest: &str, text: &str) -> String {
    wrap_to(WIDTH, first, rest, text)
}

/// The same, to another width.
pub(crate) fn wrap_to(width: usize, first: &str, rest: &str, text: &str) -> String {
    let mut out = String::new();
    let mut line = first.to_string();
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > width {
            out.push_str(line.trim_end());
            out.push('\n');
            line = rest.to_string();
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
    out
}

/// Breaks a list between its items only: lock names have spaces in them. Each line starts with `indent`, a continued one with the
/// separator as well.
pub(crate) fn wrap_items(indent: &str, separator: &str, items: &[String]) -> String {
    wrap_items_to(WIDTH, indent, separator, items)
}

/// The same, to another width.
pub(crate) fn wrap_items_to(width: usize, indent: &str, separator: &str, items: &[String]) -> String {
    let mut out = String::new();
    let mut line = indent.to_string();
    for (position, item) in items.iter().enumerate() {
        if position > 0 && line.chars().count() + separator.chars().count() + item.chars().count() > width {
            out.push_str(&line);
            out.push('\n');
            line = format!("{indent}{}{item}", separator.trim_start());
        } else {
            line.push_str(if position > 0 { separator } else { "" });
            line.push_str(item);
        }
    }
    out.push_str(&line);
    out.push('\n');
    out
}

/// Cuts a text to a number of columns; `~` at its end says so.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_string();
    }
    let mut short: String = text.chars().take(columns.saturating_sub(1)).collect();
    short.push('~');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_and_no_word_is_lost() {
        let text = "word ".repeat(60);
        let wrapped = wrap("  ", "    ", &text);
        assert!(wrapped.lines().all(|line| line.len() <= WIDTH));
        assert_eq!(wrapped.split_whitespace().count(), 60);
        assert_eq!(wrap("- ", "  ", ""), "-\n");
    }

    #[test]
    fn items_stay_whole() {
        let items = vec!["a lock with spaces".to_string(); 5];
        let wrapped = wrap_items("  ", " -> ", &items);
        assert!(wrapped.lines().all(|line| line.len() <= WIDTH), "{wrapped}");
        assert_eq!(wrapped.matches("a lock with spaces").count(), 5);
        assert!(
            wrapped
                .lines()
                .nth(1)
                .is_some_and(|line| line.starts_with("  -> a lock")),
            "{wrapped}"
        );
    }

    #[test]
    fn a_cut_is_marked() {
        assert_eq!(cut("abcdef", 4), "abc~");
        assert_eq!(cut("abcd", 4), "abcd");
    }
}
