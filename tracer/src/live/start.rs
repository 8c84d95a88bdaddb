//! How a start gets on: the user hears where it is when it takes long, and where the time went.

use std::time::{Duration, Instant};

/// A start that takes longer says where it is, as often as this.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// The parts of a start and what each took.
pub struct Start<'a> {
    tell: &'a mut dyn FnMut(&str),
    told: Instant,
    now: Option<(&'static str, Instant)>,
    parts: Vec<(&'static str, Duration)>,
}

impl<'a> Start<'a> {
    /// Begins; `tell` gets a line for the user.
    pub fn new(tell: &'a mut dyn FnMut(&str)) -> Self {
        Self {
            tell,
            told: Instant::now(),
            now: None,
            parts: Vec::new(),
        }
    }

    /// A part begins, and the one before it is over.
    pub fn part(&mut self, name: &'static str) {
        self.end();
        self.now = Some((name, Instant::now()));
        if self.is_due() {
            (self.tell)(&format!("starting: {name}"));
        }
    }

    /// The part that is under way has done so many of so many.
    pub(super) fn done(&mut self, done: usize, of: usize) {
        if let Some((name, _)) = self.now
            && self.is_due()
        {
            (self.tell)(&format!("starting: {name}, {done} of {of}"));
        }
    }

    /// Says something else.
    pub fn tell(&mut self, line: &str) {
        (self.tell)(line);
    }

    fn is_due(&mut self) -> bool {
        let is_due = self.told.elapsed() >= TELL_EVERY;
        if is_due {
            self.told = Instant::now();
        }
        is_due
    }

    fn end(&mut self) {
        if let Some((name, begin)) = self.now.take() {
            self.add(name, begin.elapsed());
        }
    }

    /// Time that belongs to a part of its own.
    pub(super) fn add(&mut self, name: &'static str, took: Duration) {
        match self.parts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known += took,
            None => self.parts.push((name, took)),
        }
    }

    /// What each part took, in words.
    pub fn parts(mut self) -> String {
        self.end();
        let part = |(name, took): &(&str, Duration)| format!("{name} {:.2} s", took.as_secs_f64());
        self.parts.iter().map(part).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_in_order_and_added_up() {
        let mut lines = Vec::new();
        let mut tell = |line: &str| lines.push(line.to_owned());
        let mut start = Start::new(&mut tell);
        start.add("maps", Duration::from_millis(30));
        start.add("hooks", Duration::from_millis(500));
        start.add("maps", Duration::from_millis(20));
        assert_eq!(start.parts(), "maps 0.05 s, hooks 0.50 s");
        assert!(lines.is_empty(), "{lines:?}");
    }

    #[test]
    fn what_takes_long_says_where_it_is() {
        let mut lines = Vec::new();
        let mut tell = |line: &str| lines.push(line.to_owned());
        let mut start = Start::new(&mut tell);
        start.part("hooks");
        start.done(1, 82);
        start.told = Instant::now().checked_sub(TELL_EVERY).unwrap();
        start.done(40, 82);
        start.done(41, 82);
        drop(start);
        assert_eq!(lines, ["starting: hooks, 40 of 82"]);
    }
}
