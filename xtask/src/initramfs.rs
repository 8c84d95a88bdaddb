//! The guest's whole userland, packed as an initramfs: shell, iproute2, kmod, bpftool, tracer, modules and scripts.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{cache, failure::unable, kernel::Kernel, process};

/// Programs taken from this machine; busybox gives the rest.
const PROGRAMS: [&str; 10] = [
    "/bin/bash",
    "/bin/busybox",
    "/bin/ip",
    "/sbin/devlink",
    "/sbin/bridge",
    "/sbin/tc",
    "/bin/kmod",
    "/usr/sbin/bpftool",
    "/usr/bin/jq",
    // Busybox's cannot limit the capabilities that root gets.
    "/usr/bin/setpriv",
];
/// What the kernel's selftests want to be the real ones.
const SELFTEST_PROGRAMS: [&str; 2] = ["/usr/bin/find", "/usr/bin/readlink"];
const TERMINAL: &str = "/usr/bin/tmux";
const LOCALE: &str = "usr/lib/locale/C.utf8";
/// The results come back over a virtio disk.
const CHANNEL: [&str; 2] = ["virtio_pci", "virtio_blk"];

const INIT: &str = include_str!("guest/init.sh");
const SCENARIO: &str = include_str!("guest/scenario.sh");
const LIBRARY: &str = include_str!("guest/lib.sh");
const WORK: &str = include_str!("guest/work.sh");

/// A guest's root file system, under construction.
pub struct Initramfs<'a> {
    root: tempfile::TempDir,
    kernel: &'a Kernel,
}

impl<'a> Initramfs<'a> {
    /// The userland without tracer, modules and scenario.
    pub fn new(kernel: &'a Kernel) -> Result<Self> {
        let root = cache::scratch("root")?;
        let initramfs = Self { root, kernel };
        for dir in [
            "usr/bin",
            "usr/sbin",
            "usr/lib",
            "usr/lib64",
            "proc",
            "sys",
            "dev",
            "tmp",
            "run",
            "out",
            "lab",
            "etc",
            "root",
            "var",
            "lib/firmware",
        ] {
            if let Some(name) = dir.strip_prefix("usr/") {
                fs::create_dir_all(initramfs.path(dir))?;
                symlink(dir, initramfs.path(name))?;
            }
            fs::create_dir_all(initramfs.path(dir))?;
        }
        symlink("/run", initramfs.path("var/run"))?;
        for program in PROGRAMS {
            initramfs.add_program(Path::new(program), program)?;
        }
        for link in ["modprobe", "insmod", "rmmod", "lsmod", "modinfo", "depmod"] {
            symlink("/bin/kmod", initramfs.path("usr/sbin").join(link))?;
        }
        initramfs.link_busybox()?;
        for (name, content) in [
            ("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"),
            ("etc/group", "root:x:0:\n"),
            ("etc/hosts", "127.0.0.1 localhost\n"),
            ("lab/lib.sh", LIBRARY),
            ("lab/work.sh", WORK),
        ] {
            initramfs.add_file(name, content)?;
        }
        initramfs.add_script("init", INIT)?;
        initramfs.add_script("lab/scenario.sh", SCENARIO)?;
        Ok(initramfs)
    }

    /// Adds a program of this machine, with its libraries, as `place`.
    pub fn add_program(&self, program: &Path, place: &str) -> Result<()> {
        let place = self.path(place.trim_start_matches('/'));
        // A link to busybox stands there for the guest; through it this machine's own would be written.
        if place.is_symlink() {
            fs::remove_file(&place)?;
        }
        fs::copy(program, &place).map_err(|error| unable(format!("the guest needs {}: {error}", program.display())))?;
        fs::set_permissions(&place, fs::Permissions::from_mode(0o755))?;
        // ldd fails on scripts and static programs, which need nothing.
        let Ok(libraries) = process::text(Command::new("ldd").arg(program)) else {
            return Ok(());
        };
        for library in libraries.lines().filter_map(library_path) {
            let place = self.path(library.trim_start_matches('/'));
            if !place.exists() {
                fs::create_dir_all(place.parent().context("library without directory")?)?;
                fs::copy(library, place)?;
            }
        }
        Ok(())
    }

    /// Adds a text file.
    pub fn add_file(&self, name: &str, content: &str) -> Result<()> {
        fs::write(self.path(name), content)?;
        Ok(())
    }

    /// Adds modules of the kernel's own packages by name and `own` ones as files, each with what it depends on.
    pub fn add_modules(&self, names: &[String], own: &[PathBuf]) -> Result<()> {
        let release = &self.kernel.resolved.release;
        let place = self.path("lib/modules").join(release);
        fs::create_dir_all(place.join("updates"))?;
        let mut wanted: BTreeSet<String> = CHANNEL.iter().map(|name| (*name).to_owned()).collect();
        wanted.extend(names.iter().cloned());
        for file in own {
            fs::copy(file, place.join("updates").join(file.file_name().unwrap_or_default()))?;
            let needs = process::text(Command::new("/sbin/modinfo").args(["-F", "depends"]).arg(file))?;
            wanted.extend(
                needs
                    .trim()
                    .split(',')
                    .filter(|name| !name.is_empty())
                    .map(str::to_owned),
            );
        }
        let stock = self.kernel.root().join("lib/modules").join(release);
        for file in fs::read_dir(&stock)?.flatten() {
            let name = file.file_name();
            if name.to_string_lossy().starts_with("modules.builtin") || name == "modules.order" {
                fs::copy(file.path(), place.join(name))?;
            }
        }
        for name in wanted {
            let mut modprobe = Command::new("/sbin/modprobe");
            modprobe
                .arg("-d")
                .arg(self.kernel.root())
                .args(["-S", release, "-D", &name]);
            let order =
                process::text(&mut modprobe).map_err(|_| unable(format!("linux {release} has no module {name}")))?;
            for file in order
                .lines()
                .filter_map(|line| line.strip_prefix("insmod ")?.split_whitespace().next())
            {
                let relative = Path::new(file).strip_prefix(&stock).unwrap_or(Path::new(file));
                let copy = place.join(relative);
                fs::create_dir_all(copy.parent().context("module without directory")?)?;
                fs::copy(file, copy)?;
            }
        }
        process::run(
            Command::new("/sbin/depmod")
                .arg("-b")
                .arg(self.root.path())
                .arg(release),
        )?;
        Ok(())
    }

    /// Adds files as `/debug/NAME`.
    pub fn add_debug_files(&self, files: &[PathBuf]) -> Result<()> {
        fs::create_dir(self.path("debug"))?;
        for file in files {
            fs::copy(file, self.path("debug").join(file.file_name().unwrap_or_default()))?;
        }
        Ok(())
    }

    /// Adds what drives programs that want a terminal.
    pub fn add_terminal(&self) -> Result<()> {
        self.add_program(Path::new(TERMINAL), TERMINAL)?;
        // tmux wants a locale with UTF-8.
        fs::create_dir_all(self.path(LOCALE))?;
        let characters = Path::new(LOCALE).join("LC_CTYPE");
        fs::copy(Path::new("/").join(&characters), self.path(characters))?;
        Ok(())
    }

    /// Adds the scripts of the kernel's selftests as `/selftests`, and the programs that they start.
    pub fn add_selftests(&self, source: &Path) -> Result<()> {
        for program in SELFTEST_PROGRAMS {
            self.add_program(Path::new(program), program)?;
        }
        let script = r#"set -o pipefail; cd "$1" && find . -name '*.sh' -print0 | xargs -0 cp --parents -t "$2""#;
        let place = self.path("selftests");
        fs::create_dir(&place)?;
        process::run(Command::new("bash").args(["-c", script, "copy"]).arg(source).arg(place))?;
        Ok(())
    }

    /// Packs it all into `file`. Uncompressed: QEMU loads it faster than an emulated guest unpacks it.
    pub fn pack(&self, file: &Path) -> Result<()> {
        let script =
            r#"set -o pipefail; cd "$1" && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 > "$2""#;
        process::run(
            Command::new("bash")
                .args(["-c", script, "pack"])
                .arg(self.root.path())
                .arg(file),
        )?;
        Ok(())
    }

    fn add_script(&self, name: &str, content: &str) -> Result<()> {
        self.add_file(name, content)?;
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755))?;
        Ok(())
    }

    fn link_busybox(&self) -> Result<()> {
        for applet in process::text(Command::new("/bin/busybox").arg("--list"))?.lines() {
            let taken = ["usr/bin", "usr/sbin"]
                .iter()
                .any(|dir| self.path(dir).join(applet).symlink_metadata().is_ok());
            if !taken {
                symlink("/bin/busybox", self.path("usr/bin").join(applet))?;
            }
        }
        Ok(())
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root.path().join(name)
    }
}

/// The path in a line of ldd: `libc.so.6 => /lib/libc.so.6 (0x...)` or `/lib64/ld-linux.so.2 (0x...)`.
fn library_path(line: &str) -> Option<&str> {
    line.split_whitespace().find(|word| word.starts_with('/'))
}
