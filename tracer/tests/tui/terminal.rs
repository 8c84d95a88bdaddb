//! The program itself in a terminal: what it shows, and that the terminal is as it was when it has ended, however that came about.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Set for the test that runs in a terminal.
const IN_A_TERMINAL: &str = "TRACER_TEST_IN_A_TERMINAL";

/// A program in a terminal.
struct Session {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    screen: Arc<Mutex<vt100::Parser>>,
    /// All that was written.
    output: Arc<Mutex<Vec<u8>>>,
}

impl Session {
    fn start(program: &str, arguments: &[&str], variables: &[(&str, &str)], folder: &Path) -> Self {
        let size = PtySize {
            rows: 24,
            cols: 80,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.cwd(folder);
        let usual = [
            ("TERM", "xterm-256color"),
            ("LANG", "C.UTF-8"),
            ("LC_ALL", ""),
            ("NO_COLOR", ""),
            ("RUST_BACKTRACE", "0"),
        ];
        for (name, value) in usual.iter().chain(variables) {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(24, 80, 0)));
        let output = Arc::new(Mutex::new(Vec::new()));
        let (seen, all, mut reader) = (
            Arc::clone(&screen),
            Arc::clone(&output),
            pair.master.try_clone_reader().unwrap(),
        );
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut piece) {
                all.lock().unwrap().extend(&piece[..length]);
                seen.lock().unwrap().process(&piece[..length]);
            }
        });
        Self {
            child,
            keyboard: pair.master.take_writer().unwrap(),
            master: pair.master,
            screen,
            output,
        }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Waits until something is seen.
    fn see(&self, what: &str) {
        self.wait(what, |screen| screen.contents().contains(what));
    }

    fn wait(&self, what: &str, is_there: impl Fn(&vt100::Screen) -> bool) {
        let begin = Instant::now();
        while !is_there(self.screen.lock().unwrap().screen()) {
            assert!(begin.elapsed() < PATIENCE, "no {what} on\n{}", self.text());
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    fn signal(&self, signal: &str) {
        let id = self.child.process_id().unwrap().to_string();
        let status = Command::new("sh")
            .args(["-c", "kill -\"$0\" \"$1\"", signal, &id])
            .status()
            .unwrap();
        assert!(status.success());
    }

    fn resize(&self, cols: u16, rows: u16) {
        self.screen.lock().unwrap().screen_mut().set_size(rows, cols);
        let size = PtySize {
            rows,
            cols,
            pixel_width: 0,
            pixel_height: 0,
        };
        self.master.resize(size).unwrap();
    }

    /// Waits for its end: its status, with the terminal as it was.
    fn end(mut self) -> u32 {
        let status = self.child.wait().unwrap();
        self.wait("terminal as it was", |screen| {
            !screen.alternate_screen()
                && !screen.hide_cursor()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
        });
        status.exit_code()
    }
}

fn recording() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/founding-6.12-v1.rec");
    path.to_str().unwrap().to_owned()
}

fn look(variables: &[(&str, &str)], folder: &Path) -> Session {
    let session = Session::start(
        env!("CARGO_BIN_EXE_tracer"),
        &["report", &recording(), "--tui"],
        variables,
        folder,
    );
    session.see("CRITICAL certain");
    session
}

#[test]
fn who_quits_gets_the_status_of_the_report() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = look(&[], folder.path());
    session.press("?");
    session.see("show only rows");
    session.press("?3");
    session.see("before");
    session.press("q");
    assert_eq!(session.end(), 1);
}

#[test]
fn a_signal_puts_the_terminal_back() {
    let folder = tempfile::tempdir().unwrap();
    for signal in ["TERM", "INT", "HUP"] {
        let session = look(&[], folder.path());
        session.signal(signal);
        assert_eq!(session.end(), 1, "{signal}");
    }
}

/// Whoever closes the window leaves nothing behind that goes on for ever.
#[test]
fn a_terminal_that_is_gone_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let Session {
        mut child,
        master,
        keyboard,
        ..
    } = look(&[], folder.path());
    // The reader's copy goes with the last byte; these are the others.
    drop((master, keyboard));
    child.kill().ok();
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(begin.elapsed() < PATIENCE, "it goes on without a terminal");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn another_size_is_another_screen() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = look(&[], folder.path());
    assert!(!session.text().contains("level"), "80 columns have no room for it");
    session.resize(200, 60);
    session.see("level");
    session.press("\x03");
    assert_eq!(session.end(), 1);
}

#[test]
fn no_color_is_respected() {
    let folder = tempfile::tempdir().unwrap();
    for (variables, expected) in [(&[][..], true), (&[("NO_COLOR", "1")], false)] {
        let mut session = look(variables, folder.path());
        let has_color = {
            let screen = session.screen.lock().unwrap();
            let cells = (0..24).flat_map(|row| (0..80).map(move |column| (row, column)));
            let mut cells = cells.filter_map(|(row, column)| screen.screen().cell(row, column));
            cells.any(|cell| cell.fgcolor() != vt100::Color::Default || cell.bgcolor() != vt100::Color::Default)
        };
        assert_eq!(has_color, expected, "{variables:?}");
        session.press("q");
        session.end();
    }
}

#[test]
fn a_locale_without_utf_8_gets_ascii() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = look(&[("LC_ALL", "C")], folder.path());
    session.press("2");
    session.see("[pernet_ops_rwsem]=");
    assert!(session.text().is_ascii(), "{}", session.text());
    session.press("q");
    session.end();
}

#[test]
fn a_finding_is_written_for_its_owner_alone_and_copied() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = look(&[], folder.path());
    session.press("y");
    session.see("for the clipboard");
    let clipboard = b"\x1b]52;c;";
    let output = session.output.lock().unwrap().clone();
    assert!(output.windows(clipboard.len()).any(|window| window == clipboard));
    session.press("e");
    session.see("Export finding #1");
    session.press("\r");
    session.see("written: tracer-dcfe8ea0ed7b6c6b.txt");
    session.press("q");
    session.end();
    let file = folder.path().join("tracer-dcfe8ea0ed7b6c6b.txt");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("recursive locking: pernet_ops_rwsem") && !text.contains("\n#2 "),
        "{text}"
    );
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn without_a_terminal_there_is_no_tui() {
    let output = Command::new(env!("CARGO_BIN_EXE_tracer"))
        .args(["report", &recording(), "--tui"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard output is no terminal"));
}

/// What the next test runs in a terminal of its own; does nothing otherwise.
#[test]
fn panics_when_it_exports() {
    if std::env::var_os(IN_A_TERMINAL).is_none() {
        return;
    }
    let feed = tracer::tui::feed::Feed::default();
    feed.show(Arc::new(crate::scenes::recorded()));
    let setup = tracer::tui::terminal::Setup {
        theme: tracer::tui::theme::Theme::default(),
        formats: vec!["text".to_owned()],
        export: Arc::new(|_, _, _| panic!("as asked")),
    };
    tracer::tui::terminal::run(&feed, setup, true).unwrap();
    assert!(feed.is_left());
}

#[test]
fn a_panic_puts_the_terminal_back_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let arguments = ["--exact", "terminal::panics_when_it_exports", "--nocapture"];
    let mut session = Session::start(
        program.to_str().unwrap(),
        &arguments,
        // A backtrace would move the rest out of the screen.
        &[(IN_A_TERMINAL, "1"), ("RUST_BACKTRACE", "0")],
        folder.path(),
    );
    session.see("CRITICAL certain");
    session.press("e\r");
    session.see("panicked");
    session.see("as asked");
    session.end();
}
