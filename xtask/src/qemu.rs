//! Boots a guest in QEMU, watches its console and ends it.
//!
//! QEMU is started through `setpriv --pdeathsig KILL`: the kernel itself kills it when xtask is gone, however it went.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::failure::unable;

/// A guest to boot.
pub struct Guest<'a> {
    /// Kernel image.
    pub image: PathBuf,
    /// Initramfs.
    pub initramfs: &'a Path,
    /// Memory in MB.
    pub memory: u32,
    /// Further words of the kernel's command line.
    pub boot: &'a str,
    /// `kvm` or `tcg`.
    pub accelerator: &'a str,
    /// Raw disk that the guest writes its results to.
    pub disk: Option<&'a Path>,
}

/// How a guest ended.
#[derive(Debug, PartialEq)]
pub enum End {
    /// By itself.
    Itself,
    /// It was killed, for this reason.
    Killed(String),
}

/// Console texts after which a guest is killed.
const FATAL: [(&str, &str); 8] = [
    ("Kernel panic - not syncing", "kernel panic"),
    ("watchdog: BUG: soft lockup", "soft lockup"),
    ("watchdog: BUG: hard lockup", "hard lockup"),
    ("NMI watchdog: Watchdog detected hard LOCKUP", "hard lockup"),
    ("detected stall", "RCU stall"),
    ("self-detected stall", "RCU stall"),
    ("BUG: kernel NULL pointer dereference", "kernel oops"),
    ("BUG: unable to handle", "kernel oops"),
];

/// Emulation with one host thread for all CPUs. With a thread each, a CPU can run into a breakpoint that the kernel has already taken away
/// again while it patches its text, and the guest dies of `Oops: int3` (linux-kernel, July 2023, "qemu-x86_64 ... stil see int3"); hooks are such patches.
const TCG: &str = "tcg,thread=single";

impl Guest<'_> {
    fn command(&self) -> Command {
        let mut qemu = Command::new("setpriv");
        qemu.args(["--pdeathsig", "KILL", "qemu-system-x86_64"])
            .args([
                "-nodefaults",
                "-no-user-config",
                "-no-reboot",
                "-display",
                "none",
                "-smp",
                "2",
            ])
            .args([
                "-accel",
                if self.accelerator == "tcg" {
                    TCG
                } else {
                    self.accelerator
                },
                "-m",
                &format!("{}M", self.memory),
            ])
            .arg("-kernel")
            .arg(&self.image)
            .arg("-initrd")
            .arg(self.initramfs)
            .arg("-append")
            .arg(format!("console=ttyS0 quiet panic=-1 {}", self.boot));
        if self.accelerator == "kvm" {
            qemu.args(["-cpu", "host"]);
        }
        if let Some(disk) = self.disk {
            qemu.arg("-drive")
                .arg(format!("file={},format=raw,if=virtio,cache=unsafe", disk.display()));
        }
        qemu
    }

    /// Boots with the terminal as the console, until the guest or the person ends it.
    pub fn interactive(&self) -> Result<()> {
        self.command()
            .args(["-serial", "mon:stdio"])
            .status()
            .map_err(missing)?;
        Ok(())
    }

    /// Boots and waits for the end; the console goes to `log`, and to standard error when `verbose`.
    pub fn run(&self, log: &Path, limit: Duration, tolerate: &[String], verbose: bool) -> Result<End> {
        File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let errors = log.with_extension("qemu");
        let mut serial = std::ffi::OsString::from("file:");
        serial.push(log);
        let child = self
            .command()
            .arg("-serial")
            .arg(serial)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&errors)?)
            .spawn()
            .map_err(missing)?;
        let mut running = Running(child);
        let mut console = Console {
            file: File::open(log)?,
            text: String::new(),
            line: 0,
            verbose,
        };
        let start = Instant::now();
        loop {
            // The status first: what a guest wrote before its end is then read after it.
            let status = running.0.try_wait()?;
            console.read()?;
            if let Some(reason) = console.fatal(tolerate) {
                // A moment for the rest of the text.
                thread::sleep(Duration::from_secs(1));
                console.read()?;
                return Ok(End::Killed(reason.to_owned()));
            }
            if let Some(status) = status {
                let said = fs::read_to_string(&errors).unwrap_or_default();
                return Ok(if status.success() {
                    End::Itself
                } else {
                    End::Killed(format!("QEMU ended with {status}: {}", said.trim()))
                });
            }
            if start.elapsed() > limit {
                return Ok(End::Killed(format!("time limit of {} s", limit.as_secs())));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn missing(error: std::io::Error) -> anyhow::Error {
    unable(format!("cannot start qemu-system-x86_64 through setpriv: {error}"))
}

/// A QEMU that is killed when this goes out of scope.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Console {
    file: File,
    text: String,
    /// Where the first line starts that has not been looked at.
    line: usize,
    verbose: bool,
}

impl Console {
    fn read(&mut self) -> Result<()> {
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes)?;
        if self.verbose {
            std::io::stderr().write_all(&bytes)?;
        }
        self.text.push_str(&String::from_utf8_lossy(&bytes));
        Ok(())
    }

    /// The first fatal text in the complete lines that have come since the last call.
    fn fatal(&mut self, tolerate: &[String]) -> Option<&'static str> {
        let end = self.text.rfind('\n')? + 1;
        let fresh = &self.text[self.line.min(end)..end];
        self.line = end;
        fresh.lines().find_map(|line| fatal(line, tolerate))
    }
}

fn fatal(line: &str, tolerate: &[String]) -> Option<&'static str> {
    if tolerate.iter().any(|text| line.contains(text.as_str())) {
        return None;
    }
    FATAL
        .iter()
        .find(|(text, _)| line.contains(text))
        .map(|(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fatal_console_text_is_known_unless_tolerated() {
        let stall = "[  30.1] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:";
        assert_eq!(fatal(stall, &[]), Some("RCU stall"));
        assert_eq!(fatal(stall, &["rcu: INFO".to_owned()]), None);
        assert_eq!(
            fatal("[  3.0] Kernel panic - not syncing: sysrq triggered crash", &[]),
            Some("kernel panic")
        );
        assert_eq!(fatal("lab: up 6.12", &[]), None);
    }
}
