//! From the collector to the screen: the newest snapshot counts, and nobody waits for the other.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::scene::{Line, Losses, Scene};
use crate::analysis::snapshot::Snapshot;

/// Lines of the log that are kept; how many older ones are gone is told.
const MOST_LINES: usize = 10_000;

/// What the collector tells, and the scenes that are made of it.
#[derive(Clone, Default)]
pub struct Feed(Arc<Shared>);

#[derive(Default)]
struct Shared {
    inbox: Mutex<Inbox>,
    news: Condvar,
    scene: Mutex<Option<Arc<Scene>>>,
    /// The user has left.
    is_left: AtomicBool,
}

#[derive(Default)]
struct Inbox {
    snapshot: Option<Arc<Snapshot>>,
    said: VecDeque<(Instant, String)>,
    /// Lines that did not fit, because the screen is far behind.
    dropped: u64,
    /// When the trace began.
    begun: Option<Instant>,
    is_ended: bool,
    is_closed: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Feed {
    /// The newest state of things; one that was not looked at yet is forgotten.
    pub fn show(&self, snapshot: Arc<Snapshot>) {
        let mut inbox = lock(&self.0.inbox);
        let ran = Duration::from_nanos(snapshot.capture.duration_ns.unwrap_or(0));
        inbox.begun = inbox.begun.or_else(|| Instant::now().checked_sub(ran));
        let old = inbox.snapshot.replace(snapshot);
        drop(inbox);
        // Not while others wait: it can be large.
        drop(old);
        self.0.news.notify_one();
    }

    /// A line for the log.
    pub fn tell(&self, line: &str) {
        let mut inbox = lock(&self.0.inbox);
        if inbox.said.len() >= MOST_LINES {
            inbox.dropped += 1;
        } else {
            inbox.said.push_back((Instant::now(), line.to_owned()));
        }
        drop(inbox);
        self.0.news.notify_one();
    }

    /// The trace is over: what is there now is all.
    pub fn end(&self) {
        lock(&self.0.inbox).is_ended = true;
        self.0.news.notify_one();
    }

    /// The screen should close.
    pub fn close(&self) {
        lock(&self.0.inbox).is_closed = true;
        self.0.news.notify_one();
    }

    /// The user has left, or the screen is gone.
    fn leave(&self) {
        self.0.is_left.store(true, Ordering::Relaxed);
        self.close();
    }

    /// Leaves when what comes out is dropped: whatever ends the screen, a panic too, ends the trace.
    pub(super) fn leave_at_end(&self) -> Leaving {
        Leaving(self.clone())
    }

    /// Whether the user has left.
    pub fn is_left(&self) -> bool {
        self.0.is_left.load(Ordering::Relaxed)
    }

    /// Whether the screen should close.
    pub(super) fn is_closed(&self) -> bool {
        lock(&self.0.inbox).is_closed
    }

    /// Whether the trace is over.
    pub(super) fn is_ended(&self) -> bool {
        lock(&self.0.inbox).is_ended
    }

    /// How long the trace has run, while it does.
    pub(super) fn elapsed(&self) -> Option<Duration> {
        let inbox = lock(&self.0.inbox);
        inbox.begun.filter(|_| !inbox.is_ended).map(|begun| begun.elapsed())
    }

    /// The newest scene, if there is one that was not taken.
    pub(super) fn scene(&self) -> Option<Arc<Scene>> {
        lock(&self.0.scene).take()
    }

    /// Makes scenes of what comes, until the screen closes.
    pub(super) fn make_scenes(&self) {
        let mut maker = Maker::default();
        while let Some(news) = self.next() {
            let scene = Arc::new(maker.scene(news));
            let unseen = lock(&self.0.scene).replace(Arc::clone(&scene));
            drop(unseen);
            // What the screen has let go of is freed here, not there: it can be large.
            maker.last = Some(scene);
        }
    }

    /// Waits for something new.
    fn next(&self) -> Option<News> {
        let mut inbox = lock(&self.0.inbox);
        loop {
            if inbox.is_closed {
                return None;
            }
            if inbox.snapshot.is_some() || !inbox.said.is_empty() {
                return Some(News {
                    snapshot: inbox.snapshot.take(),
                    said: inbox.said.drain(..).collect(),
                    dropped: std::mem::take(&mut inbox.dropped),
                    begun: inbox.begun,
                });
            }
            inbox = self.0.news.wait(inbox).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// See [`Feed::leave_at_end`].
pub(super) struct Leaving(Feed);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// What is new.
struct News {
    snapshot: Option<Arc<Snapshot>>,
    said: Vec<(Instant, String)>,
    dropped: u64,
    begun: Option<Instant>,
}

/// Makes scenes one after the other.
#[derive(Default)]
struct Maker {
    snapshot: Arc<Snapshot>,
    losses: Losses,
    lines: VecDeque<Line>,
    gone: u64,
    last: Option<Arc<Scene>>,
}

impl Maker {
    fn scene(&mut self, news: News) -> Scene {
        for (when, text) in news.said {
            let since = news.begun.and_then(|begun| when.checked_duration_since(begun));
            let time_ns = since.map(|since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
            self.lines.push_back(Line::new(time_ns, text));
        }
        self.gone += news.dropped;
        if let Some(snapshot) = news.snapshot {
            self.lines.extend(self.losses.new_lines(&snapshot.capture));
            self.snapshot = snapshot;
        }
        while self.lines.len() > MOST_LINES {
            self.lines.pop_front();
            self.gone += 1;
        }
        let mut lines: Vec<_> = self.lines.iter().cloned().collect();
        if self.gone > 0 {
            lines.insert(0, Line::new(None, format!("{} older lines are gone", self.gone)));
        }
        Scene::new(Arc::clone(&self.snapshot), &lines)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::analysis::snapshot::Capture;

    fn of(lost: u64, duration_ns: u64) -> Arc<Snapshot> {
        Arc::new(Snapshot {
            capture: Capture {
                lost: [("ring_full".to_owned(), lost)]
                    .into_iter()
                    .filter(|(_, lost)| *lost > 0)
                    .collect(),
                duration_ns: Some(duration_ns),
                ..Capture::default()
            },
            ..Snapshot::default()
        })
    }

    fn texts(scene: &Scene) -> Vec<&str> {
        scene.log.iter().map(|line| &*line.text).collect()
    }

    #[test]
    fn a_loss_is_told_when_it_grows_and_only_then() {
        let mut maker = Maker::default();
        let mut scene = |lost, time| {
            maker.scene(News {
                snapshot: Some(of(lost, time)),
                said: Vec::new(),
                dropped: 0,
                begun: None,
            })
        };
        assert_eq!(texts(&scene(0, 1)), ["kernel: not known"]);
        scene(3, 2);
        scene(3, 3);
        let scene = scene(5, 4);
        assert_eq!(
            texts(&scene),
            [
                "kernel: not known",
                "lost: ring full 3 more, 3 in all",
                "lost: ring full 2 more, 5 in all"
            ]
        );
        assert_eq!(scene.log[2].time_ns, Some(4));
    }

    #[test]
    fn a_screen_that_panics_has_left() {
        let feed = Feed::default();
        let shown = feed.clone();
        let screen = thread::spawn(move || {
            let _leaving = shown.leave_at_end();
            assert!(!shown.is_left());
            panic!("as asked");
        });
        assert!(screen.join().is_err());
        assert!(feed.is_left() && feed.is_closed());
    }

    #[test]
    fn the_newest_snapshot_counts_and_the_collector_waits_for_nobody() {
        let feed = Feed::default();
        for duration in 0..100 {
            feed.show(of(0, duration));
        }
        for _ in 0..2 * MOST_LINES {
            feed.tell("line");
        }
        let maker = thread::spawn({
            let feed = feed.clone();
            move || feed.make_scenes()
        });
        let scene = loop {
            if let Some(scene) = feed.scene() {
                break scene;
            }
            thread::yield_now();
        };
        assert_eq!(scene.snapshot.capture.duration_ns, Some(99));
        assert!(texts(&scene).contains(&"10000 older lines are gone"));
        assert!(!feed.is_left());
        feed.leave();
        maker.join().unwrap();
        assert!(feed.is_left() && feed.is_closed());
    }
}
