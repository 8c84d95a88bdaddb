//! Kernel log text: what the kernel wrote, without what `dmesg`, syslog, journald, a console or a mail put before it.

use std::io::BufRead;

use super::super::Error;
use super::super::lines::{Line, Lines};

/// How far into a line the time of the kernel's log is looked for.
const MAX_PREFIX: usize = 200;

/// A line of the log.
#[derive(Clone, Debug)]
pub(super) struct LogLine {
    /// From 1.
    pub(super) number: u64,
    /// The whole line, for errors.
    pub(super) whole: String,
    /// What the kernel wrote, without spaces around it.
    pub(super) text: String,
    /// `T123` or `C0`: the task or CPU that wrote it, with `CONFIG_PRINTK_CALLER`.
    pub(super) caller: Option<String>,
}

/// A kernel log, line by line, with one line of sight.
pub(super) struct Log<'a, R> {
    lines: Lines<'a, R>,
    ahead: Option<LogLine>,
}

impl<'a, R: BufRead> Log<'a, R> {
    /// Begins before the first line.
    pub(super) fn new(file: &'a str, input: R) -> Self {
        Self {
            lines: Lines::new(file, input),
            ahead: None,
        }
    }

    /// The next line stays where it is.
    pub(super) fn peek(&mut self) -> Result<Option<&LogLine>, Error> {
        if self.ahead.is_none() {
            self.ahead = self.lines.next()?.map(LogLine::new);
        }
        Ok(self.ahead.as_ref())
    }

    /// The next line.
    pub(super) fn next(&mut self) -> Result<Option<LogLine>, Error> {
        self.peek()?;
        Ok(self.ahead.take())
    }

    /// An error in this line.
    pub(super) fn error(&self, line: &LogLine, message: impl Into<String>) -> Error {
        Error::line(self.lines.file, line.number, message, &line.whole)
    }
}

impl LogLine {
    fn new(line: Line) -> Self {
        let (caller, text) = message(&line.text);
        Self {
            number: line.number,
            text: text.trim().to_string(),
            caller: caller.map(str::to_string),
            whole: line.text,
        }
    }
}

/// Who wrote a line, if it says so, and what.
pub(super) fn message(line: &str) -> (Option<&str>, &str) {
    let (caller, text) = after_time(line).unwrap_or_else(|| caller(without_other_prefix(line)));
    // rsyslog writes a line break inside a message as its octal number.
    (caller, text.strip_prefix("#012").unwrap_or(text))
}

/// What stands behind the kernel's own time, `[   12.345678]`, whatever stands before it.
fn after_time(line: &str) -> Option<(Option<&str>, &str)> {
    for (start, _) in line.match_indices('[').take_while(|&(start, _)| start < MAX_PREFIX) {
        let (inside, rest) = line.get(start + 1..)?.split_once(']')?;
        let time = inside.trim().split_once('.');
        if time.is_some_and(|(seconds, fraction)| is_number(seconds) && is_number(fraction)) {
            return Some(caller(rest));
        }
    }
    None
}

/// Takes `[  T123]` off.
fn caller(text: &str) -> (Option<&str>, &str) {
    let group = text
        .trim_start()
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'));
    match group {
        Some((inside, rest)) if is_caller(inside.trim()) => (Some(inside.trim()), rest),
        _ => (None, text),
    }
}

fn is_caller(text: &str) -> bool {
    text.strip_prefix(['T', 'C']).is_some_and(is_number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Logs without the kernel's own time.
fn without_other_prefix(line: &str) -> &str {
    let line = without_quotes(line);
    let line = after_level(line).unwrap_or(line);
    after_record(line)
        .or_else(|| after_syslog(line))
        .or_else(|| after_date(line))
        .unwrap_or(line)
}

/// A mail quotes lines with `> `.
fn without_quotes(mut line: &str) -> &str {
    while let Some(rest) = line.strip_prefix('>') {
        line = rest.strip_prefix(' ').unwrap_or(rest);
    }
    line
}

/// `<4>` of a raw log, `kern  :warn  : ` of `dmesg --decode`.
fn after_level(line: &str) -> Option<&str> {
    if let Some((level, rest)) = line.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        return is_number(level).then_some(rest);
    }
    line.strip_prefix("kern")?
        .trim_start()
        .strip_prefix(':')?
        .split_once(": ")
        .map(|(_, rest)| rest)
}

/// `4,1234,567890,-;` of `/dev/kmsg` and netconsole.
fn after_record(line: &str) -> Option<&str> {
    let (head, rest) = line.split_once(';')?;
    let mut fields = head.split(',');
    (head.matches(',').count() >= 3 && fields.by_ref().take(3).all(is_number)).then_some(rest)
}

/// `Nov  1 12:00:00 host kernel: ` of syslog and journald.
fn after_syslog(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("kernel: ")?;
    (before.is_empty() || before.ends_with(' ')).then_some(rest)
}

/// `[Mon Nov  1 12:00:00 2021] ` of `dmesg --ctime`, `2021-11-01T12:00:00,123456+01:00 ` of `--time-format iso`.
fn after_date(line: &str) -> Option<&str> {
    if let Some((inside, rest)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let letters = inside.bytes().take_while(u8::is_ascii_alphabetic).count();
        return (letters == 3 && inside.matches(':').count() == 2).then_some(rest);
    }
    let (time, rest) = line.split_once(' ')?;
    (time.contains('T') && time.matches('-').count() >= 2 && time.matches(':').count() >= 2 && starts_with_digit(time))
        .then_some(rest)
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_before_a_line_is_taken_off() {
        for prefix in [
            "",
            "[   12.345678] ",
            "<4>[   12.345678] ",
            "<4>",
            "kern  :warn  : [   12.345678] ",
            "kern  :warn  : ",
            "Nov  1 12:00:00 host kernel: [   12.345678] ",
            "Nov 01 12:00:00 host kernel: ",
            "2021-11-01T12:00:00.123456+00:00 host kernel: ",
            "2021-11-01T12:00:00,123456+01:00 ",
            "[Mon Nov  1 12:00:00 2021] ",
            "01:03:54.304 # [ 1739.789646] ",
            "4,1234,567890,-;",
            "> > [   12.345678] ",
            "> ",
            "Nov 01 12:00:00 host kernel: #012",
        ] {
            let line = format!("{prefix}-> #1 (a[i].lock){{+.+.}}:");
            let (caller, text) = message(&line);
            assert_eq!(
                (caller, text.trim_start()),
                (None, "-> #1 (a[i].lock){+.+.}:"),
                "{prefix}"
            );
        }
    }

    #[test]
    fn who_wrote_it_is_told() {
        for (line, expected) in [
            ("[   12.345678][  T123] text", Some("T123")),
            ("[   12.345678] [    C0] text", Some("C0")),
            ("[  T7] text", Some("T7")),
            ("[   12.345678] text", None),
        ] {
            let (caller, text) = message(line);
            assert_eq!((caller, text.trim()), (expected, "text"), "{line}");
        }
    }

    #[test]
    fn what_only_looks_like_a_prefix_stays() {
        for line in [
            "foo+0x1/0x2 [mlx5_core]",
            "[<ffffffff8154>] foo+0x1/0x2",
            "[ INFO: possible circular locking dependency detected ]",
            "#0: ffff8880 (kernel){+.+.}",
            "kernfs_iop_getattr+0x1/0x2",
            "T-1 waits",
        ] {
            assert_eq!(message(line), (None, line));
        }
    }
}
