//! A private apt for Debian suites that this machine is not configured for: own sources list, own lists, own cache.
//! Nothing of the machine's own apt is changed; only its mirrors and keys are used.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{cache, failure::unable, process, progress};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Lists of this age are good enough for a few downloads in a row.
const FRESH: Duration = Duration::from_secs(600);

/// Access to the packages of one suite.
pub struct Apt {
    suite: String,
    dir: PathBuf,
}

impl Apt {
    /// Sets up the private directories and fetches the suite's lists.
    pub fn open(suite: &str) -> Result<Self> {
        let dir = cache::dir()?.join("apt").join(suite);
        for part in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(dir.join(part))?;
        }
        let list = dir.join("sources.list");
        let wanted = sources(suite, &configured_mirrors()?)?;
        let apt = Self {
            suite: suite.to_owned(),
            dir,
        };
        let fetched = apt.dir.join("fetched");
        let fresh = fs::metadata(&fetched)
            .and_then(|meta| meta.modified())
            .ok()
            .and_then(|time| time.elapsed().ok());
        if fresh.is_some_and(|age| age < FRESH) && fs::read_to_string(&list).is_ok_and(|old| old == wanted) {
            return Ok(apt);
        }
        fs::write(list, wanted)?;
        progress::say("fetch", &format!("package lists of {suite}"));
        process::run(apt.command("apt-get").args(["update", "-qq", "--error-on=any"]))
            .with_context(|| format!("cannot fetch the package lists of {suite}"))?;
        fs::write(fetched, "")?;
        Ok(apt)
    }

    /// Names of the packages that start with `prefix`.
    pub fn names(&self, prefix: &str) -> Result<Vec<String>> {
        let text = process::text(self.command("apt-cache").args(["pkgnames", prefix]))?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// The packages that `package` needs directly.
    pub fn depends(&self, package: &str) -> Result<Vec<String>> {
        let text = process::text(self.command("apt-cache").args(["depends", "--important", package]))?;
        Ok(text
            .lines()
            .filter_map(|line| line.trim().split_once("Depends: "))
            .map(|(_, name)| name.to_owned())
            .collect())
    }

    /// The newest version of `package`.
    pub fn version(&self, package: &str) -> Result<String> {
        let text = process::text(self.command("apt-cache").args(["show", "--no-all-versions", package]))?;
        text.lines()
            .find_map(|line| line.strip_prefix("Version: "))
            .map(str::to_owned)
            .ok_or_else(|| unable(format!("apt cannot find the package {package} in {}", self.suite)))
    }

    /// Downloads exactly these packages (`name=version`) into `into`.
    pub fn download(&self, packages: &[String], into: &Path) -> Result<()> {
        let mut apt = self.command("apt-get");
        process::run(apt.args(["download", "-qq"]).args(packages).current_dir(into)).map_err(|error| {
            unable(format!(
                "apt cannot fetch {} from {}: {error:#}",
                packages.join(" "),
                self.suite
            ))
        })?;
        Ok(())
    }

    /// The names and versions of `packages` and all that they need, as `name=version`.
    pub fn closure(&self, packages: &[&str]) -> Result<Vec<String>> {
        let mut apt = self.command("apt-get");
        apt.args(["install", "-qq", "--no-install-recommends", "--simulate"])
            .args(packages);
        let plan = process::text(&mut apt).map_err(|error| {
            unable(format!(
                "apt cannot find all of {} in {}: {error:#}",
                packages.join(" "),
                self.suite
            ))
        })?;
        let needed: BTreeSet<String> = plan.lines().filter_map(planned).collect();
        Ok(needed.into_iter().collect())
    }

    /// Installs packages of the suite on this machine, which has to be root's own. Nothing is removed for them.
    pub fn install(&self, packages: &[&str]) -> Result<()> {
        let mut install = self.command_on("apt-get", Path::new("/var/lib/dpkg/status"));
        install.env("DEBIAN_FRONTEND", "noninteractive");
        install.args([
            "-y",
            "install",
            "-qq",
            "--no-remove",
            "--no-install-recommends",
            "-t",
            &self.suite,
        ]);
        process::run(install.args(packages)).map(drop)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.command_on(program, Path::new("/dev/null"));
        command.env("LC_ALL", "C");
        command
    }

    /// The same on the packages that a status file says are installed.
    fn command_on(&self, program: &str, status: &Path) -> Command {
        let mut command = Command::new(program);
        let mut set = |key: &str, value: &str| {
            command.arg("-o").arg(format!("{key}={value}"));
        };
        set("Dir::Etc::SourceList", &self.dir.join("sources.list").to_string_lossy());
        set("Dir::Etc::SourceParts", "/dev/null");
        set("Dir::Etc::Preferences", "/dev/null");
        set("Dir::Etc::PreferencesParts", "/dev/null");
        set("Dir::State::Lists", &self.dir.join("lists").to_string_lossy());
        set("Dir::State::Status", &status.to_string_lossy());
        set("Dir::Cache", &self.dir.join("cache").to_string_lossy());
        set("Acquire::Languages", "none");
        set("Acquire::IndexTargets::deb::DEP-11::DefaultEnabled", "false");
        // Without it apt drops to a user who cannot read the cache directory.
        if process::is_root() {
            set("APT::Sandbox::User", "root");
        }
        command
    }
}

/// Reads `Inst NAME (VERSION ...` of apt's simulation.
fn planned(line: &str) -> Option<String> {
    let (name, rest) = line.strip_prefix("Inst ")?.split_once(' ')?;
    let version = rest.split_once('(')?.1.split_whitespace().next()?;
    Some(format!("{name}={version}"))
}

/// The backports of this machine's own suite.
pub fn backports() -> Result<Apt> {
    let mirrors = configured_mirrors()?;
    let own = mirrors.iter().find(|(_, name)| is_debian(name));
    let (_, suite) = own.ok_or_else(|| unable("apt's configuration names no Debian archive"))?;
    Apt::open(&format!("{suite}-backports"))
}

/// What the machine's own apt is configured for: (URI, suite), from `.list` and `.sources` files alike.
fn configured_mirrors() -> Result<Vec<(String, String)>> {
    let format = "$(REPO_URI) $(RELEASE) $(COMPONENT)";
    let text = process::text(Command::new("apt-get").args(["indextargets", "--format", format])).map_err(|error| {
        unable(format!(
            "the lab takes kernels from Debian's archive and needs apt: {error:#}"
        ))
    })?;
    let mirrors = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (uri, suite, component) = (words.next()?, words.next()?, words.next()?);
        (component == "main").then(|| (uri.trim_end_matches('/').to_owned(), suite.to_owned()))
    });
    Ok(mirrors.collect())
}

fn is_debian(suite: &str) -> bool {
    let known = "bullseye bookworm trixie forky sid oldstable stable testing unstable";
    known.split(' ').any(|name| name == suite)
}

/// The sources list for `suite`; backports are read together with the suite they are for; a security suite is read together with the suite it belongs to.
fn sources(suite: &str, mirrors: &[(String, String)]) -> Result<String> {
    let main = mirrors
        .iter()
        .find(|(_, name)| is_debian(name))
        .map(|(uri, _)| uri.clone())
        .ok_or_else(|| {
            unable("apt's configuration names no Debian archive; add one, the lab takes its kernels from there")
        })?;
    let line = |uri: &str, suite: &str| format!("deb [signed-by={KEYRING}] {uri} {suite} main\n");
    if let Some(base) = suite.strip_suffix("-backports") {
        return Ok(line(&main, suite) + &line(&main, base));
    }
    let Some(base) = suite.strip_suffix("-security") else {
        return Ok(line(&main, suite));
    };
    let security = mirrors
        .iter()
        .find(|(_, name)| name.strip_suffix("-security").is_some_and(is_debian))
        .map_or_else(|| format!("{main}-security"), |(uri, _)| uri.clone());
    Ok(line(&security, suite) + &line(&main, base))
}

/// Unpacks all `.deb` files of `debs` into `into`, whose `/bin` and the like may be links into `/usr`.
pub fn unpack(debs: &Path, into: &Path) -> Result<()> {
    let script = r#"set -eo pipefail
        for deb in "$1"/*.deb; do
            dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink --no-same-owner -C "$2"
        done"#;
    process::run(Command::new("bash").args(["-c", script, "unpack"]).arg(debs).arg(into))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirrors() -> Vec<(String, String)> {
        [
            ("http://mirror/other", "nodistro"),
            ("http://mirror/debian", "bookworm"),
            ("http://mirror/sec", "bookworm-security"),
        ]
        .map(|(uri, suite)| (uri.to_owned(), suite.to_owned()))
        .to_vec()
    }

    #[test]
    fn takes_main_and_security_mirror_from_the_configuration() {
        let list = sources("bookworm-security", &mirrors()).unwrap();
        assert!(list.contains("http://mirror/sec bookworm-security main"), "{list}");
        assert!(list.contains("http://mirror/debian bookworm main"), "{list}");
        assert!(
            sources("sid", &mirrors())
                .unwrap()
                .contains("http://mirror/debian sid main")
        );
    }

    #[test]
    fn derives_the_security_mirror_when_none_is_configured() {
        let list = sources("bookworm-security", &mirrors()[..2]).unwrap();
        assert!(
            list.contains("http://mirror/debian-security bookworm-security main"),
            "{list}"
        );
    }

    #[test]
    fn refuses_a_machine_without_debian_archive() {
        assert!(sources("sid", &mirrors()[..1]).is_err());
    }

    #[test]
    fn reads_the_plan_of_a_simulation() {
        assert_eq!(
            planned("Inst make (4.3-4.1 Debian:12 [amd64])").as_deref(),
            Some("make=4.3-4.1")
        );
        assert_eq!(planned("Conf make (4.3-4.1 Debian:12 [amd64])"), None);
    }
}
