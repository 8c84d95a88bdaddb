//! The HTML report in a real browser without a screen: Debian's Chromium.
//!
//! A page that does not run shows nothing: each look is at what the page has made of its data, so a script that the policy refuses, or that
//! ends in an error, fails it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{place, process, progress, setup, toolchain::cargo};

const PACKAGES: [&str; 1] = ["chromium"];

/// Seconds for one look, on a busy machine.
const LIMIT: &str = "60";

/// Stands for a name that would be markup, and run, if the page took it for that.
const EVIL: &str = "</script><script>document.title=`evil`</script><img src=x onerror=document.title=`evil`>";

/// What is looked at: a place in the page, and what has to be in the document that the browser has made of it.
struct Look {
    page: &'static str,
    place: &'static str,
    expected: &'static [&'static str],
}

const LOOKS: [Look; 9] = [
    Look {
        page: "founding",
        place: "",
        expected: &[
            "<option value=\"findings\">cycles of all findings",
            "class=\"edge critical\"",
            "class=\"edge error\"",
            "CRITICAL: certain",
        ],
    },
    Look {
        page: "founding",
        place: "#f2",
        expected: &[
            "<h2><span class=\"badge error\">ERROR: possible</span>",
            "rlock(pernet_ops_rwsem);",
            "unregister_netdevice_notifier+0x",
            "2 locks, 2 dependencies",
        ],
    },
    Look {
        page: "founding",
        place: "#d175",
        expected: &["was taken at:", "cleanup_net+0x45/0x300", "class=\"edge error chosen\""],
    },
    Look {
        page: "founding",
        place: "#l15",
        expected: &["<h2>pernet_ops_rwsem</h2>", "requested while it is held:"],
    },
    Look {
        page: "founding",
        place: "#w0",
        expected: &["dependencies seen in it: 24", "8 locks, 24 dependencies"],
    },
    Look {
        page: "times",
        place: "#l50",
        expected: &[
            "<h2>&amp;f-&gt;f_pos_lock</h2>",
            "waited for 1 time, 2557.274 ms in all",
            "held 2 times, 5673.626 ms in all",
            "places where it was waited for: 1",
            "fdget_pos+0x",
        ],
    },
    Look {
        page: "times",
        place: "#t0",
        expected: &[
            "waits for pernet_ops_rwsem (exclusive)",
            "finding #1",
            "unregister_netdevice_notifier+0x",
        ],
    },
    Look {
        page: "times",
        place: "#t1",
        expected: &[
            "waited for &amp;f-&gt;f_pos_lock (exclusive)",
            "held by cat",
            "tracing_wait_pipe+0x",
        ],
    },
    Look {
        page: "evil",
        place: "#f1",
        expected: &["ERROR: possible", "&lt;img src=x onerror="],
    },
];

/// True when every look shows what it has to, in light and in dark.
pub fn run() -> Result<bool> {
    setup::ensure(&PACKAGES)?;
    let folder = place::target().join("browser");
    fs::create_dir_all(&folder)?;
    write_pages(&folder)?;
    progress::say("test", "the HTML report in Chromium");
    let mut good = true;
    for look in &LOOKS {
        let name = format!("{}{}", look.page, look.place);
        match look.check(&folder) {
            Ok(()) => println!("PASS page {name}"),
            Err(error) => {
                good = false;
                println!("FAIL page {name}: {error:#}");
            }
        }
    }
    for (theme, number) in [("dark", 0), ("light", 1)] {
        screenshot(&folder, theme, number)?;
    }
    Ok(good)
}

fn write_pages(folder: &Path) -> Result<()> {
    let tests = place::root().join("tracer/tests");
    let trace = fs::read_to_string(tests.join("cases/c01.std"))?.replace("pernet_ops_rwsem", EVIL);
    fs::write(folder.join("evil.std"), trace)?;
    for (name, source) in [
        ("founding", tests.join("reports/founding-6.12.json")),
        ("times", tests.join("recordings/founding-6.12-v1.3.rec")),
        ("evil", folder.join("evil.std")),
    ] {
        let mut tracer = Command::new(cargo());
        tracer
            .current_dir(place::root())
            .args([
                "run",
                "-q",
                "-p",
                "tracer",
                "--no-default-features",
                "--",
                "report",
                "--fail-on",
                "never",
                "--format",
                "html",
                "-o",
            ])
            .arg(page(folder, name))
            .arg(&source);
        process::run(&mut tracer)?;
    }
    Ok(())
}

fn page(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.html"))
}

impl Look {
    fn check(&self, folder: &Path) -> Result<()> {
        let url = format!("file://{}{}", page(folder, self.page).display(), self.place);
        let output = process::run(chromium(folder).args(["--enable-logging=stderr", "--dump-dom", &url]))?;
        let document = String::from_utf8(output.stdout).context("the document is no UTF-8")?;
        for expected in self.expected {
            ensure!(document.contains(expected), "the document has no {expected}");
        }
        ensure!(
            document.contains("<title>tracer report</title>"),
            "a name has run: the title is another one"
        );
        ensure!(!document.contains("<img"), "a name has become markup");
        let log = String::from_utf8_lossy(&output.stderr);
        if let Some(line) = log.lines().find(|line| line.contains("CONSOLE")) {
            bail!("the page complains: {line}");
        }
        Ok(())
    }
}

/// For people to look at: `target/browser/dark.png`.
fn screenshot(folder: &Path, theme: &str, number: u8) -> Result<()> {
    let file = folder.join(format!("{theme}.png"));
    let url = format!("file://{}#f2", page(folder, "founding").display());
    process::run(
        chromium(folder)
            .arg(format!("--blink-settings=preferredColorScheme={number}"))
            .args([
                "--window-size=1400,900",
                &format!("--screenshot={}", file.display()),
                &url,
            ]),
    )?;
    ensure!(fs::metadata(&file)?.len() > 10_000, "{} is empty", file.display());
    Ok(())
}

/// Root has no sandbox; the pages are our own.
fn chromium(folder: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.args([
        LIMIT,
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=3000",
    ]);
    command.arg(format!("--user-data-dir={}", folder.join("profile").display()));
    command
}
