//! The terminal: raw mode, keys, the clipboard, and putting all back, whatever happens.

use std::io::{self, Stdout, Write as _};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::Show;
use crossterm::event::{
    self, DisableMouseCapture, EnableMouseCapture, Event, KeyEvent, KeyEventKind, MouseButton, MouseEvent,
    MouseEventKind,
};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::feed::Feed;
use super::keys::{self, Press};
use super::message::{Effect, Message, Step, Way};
use super::model::Model;
use super::scene::Scene;
use super::theme::Theme;
use super::update::{refreshed, update};
use super::view;
use crate::analysis::snapshot::Snapshot;

/// At most so often is anything drawn.
const FRAME: Duration = Duration::from_millis(100);
/// So often the clock of a trace that runs goes on.
const CLOCK: Duration = Duration::from_secs(1);
/// What a shell says of a process that a signal has ended.
const ABORTED: i32 = 130;

/// Writes a report, or one finding of it, in one of the formats; tells where.
pub type Export = dyn Fn(&Snapshot, usize, Option<u32>) -> Result<String, String> + Send + Sync;

/// What the screen is told at its begin.
pub struct Setup {
    /// How it is drawn.
    pub theme: Theme,
    /// The names of the formats.
    pub formats: Vec<String>,
    /// What writes them.
    pub export: Arc<Export>,
}

/// A panic puts the terminal back before it is told.
static HOOK: Once = Once::new();
/// The terminal is ours.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);
/// There was a panic.
static IS_BROKEN: AtomicBool = AtomicBool::new(false);

/// The terminal as it was before is there again when this is dropped.
struct Restore;

impl Restore {
    /// Takes the terminal.
    fn take() -> io::Result<Self> {
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                IS_BROKEN.store(true, Ordering::Relaxed);
                restore();
                before(info);
            }));
        });
        enable_raw_mode()?;
        let restore = Self;
        IS_TAKEN.store(true, Ordering::Relaxed);
        execute!(io::stdout(), EnterAlternateScreen, EnableMouseCapture)?;
        Ok(restore)
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        restore();
    }
}

/// Puts it back, once: leaving the other screen again would take the cursor back to where it was, and what comes next would be written over what a panic has
/// told. What cannot be put back cannot be told either.
fn restore() {
    if !IS_TAKEN.swap(false, Ordering::Relaxed) {
        return;
    }
    let _ = execute!(io::stdout(), DisableMouseCapture, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// Whether a signal asks this process to end. A second one ends it at once.
fn ending() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        signal_hook::flag::register_conditional_shutdown(signal, ABORTED, Arc::clone(&flag))?;
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}

/// Shows what comes until the user leaves, a signal comes, or the feed is closed.
///
/// # Errors
/// When the terminal fails.
pub fn run(feed: &Feed, setup: Setup, is_live: bool) -> io::Result<()> {
    let _leaving = feed.leave_at_end();
    let ending = ending()?;
    let _restore = Restore::take()?;
    let mut terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
    let size = terminal.size()?;
    let (tell, told) = mpsc::channel();
    listen(tell.clone())?;
    let mut screen = Screen {
        model: Model::new((size.width, size.height), is_live, setup.formats, setup.theme),
        scene: Arc::new(Scene::default()),
        export: setup.export,
        tell,
        told,
        is_stale: true,
    };
    let makes = feed.clone();
    thread::Builder::new()
        .name("tracer-scene".to_owned())
        .spawn(move || makes.make_scenes())?;
    screen.show(feed, &mut terminal, &ending)
}

/// What other threads tell the screen.
enum Told {
    /// Keys, the mouse, the size.
    Event(Event),
    /// How an export ended.
    Notice(String),
}

/// Waits for keys on a thread of its own: crossterm does not come back from a terminal that is gone, and it must not keep a trace from ending.
fn listen(tell: mpsc::Sender<Told>) -> io::Result<()> {
    let listen = move || {
        while let Ok(event) = event::read() {
            if tell.send(Told::Event(event)).is_err() {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("tracer-keys".to_owned())
        .spawn(listen)
        .map(drop)
}

struct Screen {
    model: Model,
    scene: Arc<Scene>,
    export: Arc<Export>,
    /// What other threads have to tell.
    tell: mpsc::Sender<Told>,
    told: mpsc::Receiver<Told>,
    /// What is seen is not what is.
    is_stale: bool,
}

impl Screen {
    fn show(
        &mut self,
        feed: &Feed,
        terminal: &mut Terminal<CrosstermBackend<Stdout>>,
        ending: &AtomicBool,
    ) -> io::Result<()> {
        let mut drawn: Option<Instant> = None;
        loop {
            if feed.is_closed() || ending.load(Ordering::Relaxed) || IS_BROKEN.load(Ordering::Relaxed) {
                return Ok(());
            }
            self.look(feed, drawn);
            let rest = drawn.map_or(Duration::ZERO, |drawn| FRAME.saturating_sub(drawn.elapsed()));
            if self.is_stale && rest.is_zero() {
                terminal.draw(|frame| {
                    self.model.size = (frame.area().width, frame.area().height);
                    view::render(&self.model, &self.scene, frame.buffer_mut());
                })?;
                self.is_stale = false;
                drawn = Some(Instant::now());
            }
            let told = self.told.recv_timeout(if self.is_stale { rest } else { FRAME });
            let message = told.ok().and_then(|told| match told {
                Told::Event(event) => message(&self.model, event),
                Told::Notice(notice) => Some(Message::Notice(notice)),
            });
            if let Some(message) = message
                && self.take(message)?
            {
                return Ok(());
            }
        }
    }

    /// What is new beside keys.
    fn look(&mut self, feed: &Feed, drawn: Option<Instant>) {
        if !self.model.is_paused
            && let Some(scene) = feed.scene()
        {
            self.scene = scene;
            refreshed(&mut self.model, &self.scene);
            self.is_stale = true;
        }
        if self.model.is_live {
            self.model.is_live = !feed.is_ended();
            let elapsed = feed
                .elapsed()
                .map(|elapsed| u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX));
            let is_due = drawn.is_none_or(|drawn| drawn.elapsed() >= CLOCK);
            if !self.model.is_live || is_due {
                self.model.elapsed_ns = elapsed;
                self.model.is_paused &= self.model.is_live;
                self.is_stale = true;
            }
        }
    }

    /// Takes in a message; true when the user leaves.
    fn take(&mut self, message: Message) -> io::Result<bool> {
        self.is_stale = true;
        match update(&mut self.model, &self.scene, message) {
            None => {}
            Some(Effect::Leave) => return Ok(true),
            Some(Effect::Copy(text)) => {
                let mut out = io::stdout();
                execute!(out, CopyToClipboard::to_clipboard_from(text))?;
                out.flush()?;
            }
            Some(Effect::Export { format, finding }) => self.write(format, finding),
        }
        Ok(false)
    }

    /// On a thread of its own: a large report takes long.
    fn write(&mut self, format: usize, finding: Option<u32>) {
        let (export, snapshot, tell) = (
            Arc::clone(&self.export),
            Arc::clone(&self.scene.snapshot),
            self.tell.clone(),
        );
        self.model.notice = Some("writing".to_owned());
        let write = move || {
            let written = export(&snapshot, format, finding);
            let notice = written.unwrap_or_else(|error| format!("not written: {error}"));
            // Nobody is told when the screen is gone.
            let _ = tell.send(Told::Notice(notice));
        };
        let started = thread::Builder::new().name("tracer-export".to_owned()).spawn(write);
        if let Err(error) = started {
            self.model.notice = Some(format!("not written: {error}"));
        }
    }
}

/// What an event of the terminal asks for.
fn message(model: &Model, event: Event) -> Option<Message> {
    match event {
        Event::Key(KeyEvent {
            code, modifiers, kind, ..
        }) if kind != KeyEventKind::Release => keys::message(model, Press::of(code, modifiers)),
        Event::Mouse(MouseEvent { kind, column, row, .. }) => match kind {
            MouseEventKind::Down(MouseButton::Left) => Some(Message::Click(column, row)),
            MouseEventKind::ScrollUp => Some(Message::Move(Way::Up, Step::Rows)),
            MouseEventKind::ScrollDown => Some(Message::Move(Way::Down, Step::Rows)),
            _ => None,
        },
        Event::Resize(width, height) => Some(Message::Resize(width, height)),
        _ => None,
    }
}
