//! Stock kernels: which there are, what their packages are called today, and where they lie unpacked.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::{
    apt::{self, Apt},
    cache,
    failure::{unable, usage},
    process, progress,
};

/// A kernel series that the lab boots.
pub struct Series {
    /// The name on the command line and in scenarios.
    pub name: &'static str,
    /// The Debian suite that has it.
    pub suite: &'static str,
    /// How the release starts; empty for "what the suite's meta package says".
    prefix: &'static str,
}

/// All kernels of the lab, oldest first. 7.2 stands for the newest: it follows sid.
pub const ALL: [Series; 4] = [
    Series {
        name: "5.10",
        suite: "bullseye",
        prefix: "5.10.0-",
    },
    Series {
        name: "6.1",
        suite: "bookworm",
        prefix: "6.1.0-",
    },
    Series {
        name: "6.12",
        suite: "bookworm-security",
        prefix: "6.12.",
    },
    Series {
        name: "7.2",
        suite: "sid",
        prefix: "",
    },
];

const FETCH_MEGABYTES: u64 = 1500;

/// The series called `name`, or an error that lists them.
pub fn find(name: &str) -> Result<&'static Series> {
    let names: Vec<_> = ALL.iter().map(|series| series.name).collect();
    ALL.iter()
        .find(|series| series.name == name)
        .ok_or_else(|| usage(format!("no kernel {name}; the lab has {} and all", names.join(", "))))
}

/// What a series is today: resolved once a day and kept, so that the lab works offline.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Resolved {
    /// `uname -r`, for instance `6.12.117+deb12-amd64`.
    pub release: String,
    /// Version of the packages; two builds of one release differ here.
    pub version: String,
    /// Suite the packages come from.
    pub suite: String,
    /// Names of the packages; none for a kernel that was built here.
    pub packages: Vec<String>,
}

impl Resolved {
    /// Key of everything made for exactly this kernel.
    pub fn key(&self) -> String {
        format!("{}_{}", self.release, self.version)
    }

    /// The kernel's own version, as people say it: `6.12.117`, `5.10.223`.
    pub fn short(&self) -> &str {
        self.version.split(['-', '~']).next().unwrap_or(&self.version)
    }
}

/// A kernel on disk.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Which one.
    pub resolved: Resolved,
    /// Where it lies: the image, and the root below which `lib/modules/RELEASE` lies.
    pub dir: PathBuf,
    /// The tree that it was built in here; none for one of packages.
    pub tree: Option<PathBuf>,
}

impl Kernel {
    /// The image that QEMU boots.
    pub fn image(&self) -> PathBuf {
        self.dir.join("vmlinuz")
    }

    /// The root below which `lib/modules/RELEASE` lies, with a `modules.dep`.
    pub fn root(&self) -> &Path {
        &self.dir
    }
}

/// The kernel of a series, fetched and unpacked when it is not in the cache.
pub fn fetch(series: &Series) -> Result<Kernel> {
    let resolved = resolve(series)?;
    let dir = cache::entry(&format!("kernel/{}", resolved.key()), |dir| fill(&resolved, dir))?;
    Ok(Kernel {
        resolved,
        dir,
        tree: None,
    })
}

/// What a series is today.
pub fn resolve(series: &Series) -> Result<Resolved> {
    let name = format!("resolved/{}.json", series.name);
    let _lock = cache::lock(&name)?;
    let place = cache::dir()?.join(&name);
    let known: Option<Resolved> = fs::read_to_string(&place)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok());
    if let Some(known) = &known
        && age(&place) < Duration::from_secs(24 * 3600)
    {
        return Ok(known.clone());
    }
    match (ask(series), known) {
        (Ok(resolved), _) => {
            cache::write(&name, &serde_json::to_string_pretty(&resolved)?)?;
            Ok(resolved)
        }
        (Err(error), Some(known)) if cache::dir()?.join("kernel").join(known.key()).is_dir() => {
            progress::say("offline", &format!("keeping linux {} ({error:#})", known.release));
            Ok(known)
        }
        (Err(error), _) => Err(error),
    }
}

fn age(file: &Path) -> Duration {
    let modified = fs::metadata(file)
        .and_then(|meta| meta.modified())
        .unwrap_or(SystemTime::UNIX_EPOCH);
    SystemTime::now().duration_since(modified).unwrap_or_default()
}

fn ask(series: &Series) -> Result<Resolved> {
    let apt = Apt::open(series.suite)?;
    let image = if series.prefix.is_empty() {
        apt.depends("linux-image-amd64")?
            .into_iter()
            .find(|name| release(name).is_some())
    } else {
        let wanted = format!("linux-image-{}", series.prefix);
        let names = apt.names(&wanted)?;
        names
            .into_iter()
            .filter(|name| release(name).is_some())
            .max_by_key(|name| numbers(name))
    };
    let Some(image) = image else {
        return Err(unable(format!(
            "apt cannot find a package linux-image-{}* in {}",
            series.prefix, series.suite
        )));
    };
    let release = release(&image).unwrap_or_default().to_owned();
    // In newer suites the image is a meta package: kernel and modules are in packages of their own.
    let parts = apt.depends(&image)?.into_iter().filter(|name| name.ends_with(&release));
    let packages: Vec<String> = std::iter::once(image.clone()).chain(parts).collect();
    Ok(Resolved {
        version: apt.version(&image)?,
        release,
        suite: series.suite.to_owned(),
        packages,
    })
}

/// The release in the name of an image package; none for other flavours (cloud, rt, debug, unsigned).
fn release(package: &str) -> Option<&str> {
    let release = package.strip_prefix("linux-image-")?;
    let base = release.strip_suffix("-amd64")?;
    let other = base.ends_with("-cloud") || base.ends_with("-rt") || base.ends_with("-dbg");
    (!other && base.matches('.').count() == 2).then_some(release)
}

/// The numbers in a name, so that 6.1.0-9 sorts before 6.1.0-10.
fn numbers(name: &str) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit())
        .filter_map(|part| part.parse().ok())
        .collect()
}

fn fill(resolved: &Resolved, dir: &Path) -> Result<()> {
    cache::require_space(&cache::dir()?, FETCH_MEGABYTES, &format!("linux {}", resolved.release))?;
    progress::say("fetch", &format!("linux {} ({})", resolved.release, resolved.suite));
    let debs = cache::scratch("debs")?;
    let wanted: Vec<_> = resolved
        .packages
        .iter()
        .map(|name| format!("{name}={}", resolved.version))
        .collect();
    Apt::open(&resolved.suite)?.download(&wanted, debs.path())?;
    progress::say("unpack", &format!("linux {}", resolved.release));
    let unpacked = dir.join("unpacked");
    for part in ["unpacked/usr/lib", "lib/modules"] {
        fs::create_dir_all(dir.join(part))?;
    }
    std::os::unix::fs::symlink("usr/lib", unpacked.join("lib"))?;
    apt::unpack(debs.path(), &unpacked)?;
    let modules = unpacked.join("usr/lib/modules").join(&resolved.release);
    let images = [
        unpacked.join(format!("boot/vmlinuz-{}", resolved.release)),
        modules.join("vmlinuz"),
    ];
    let Some(image) = images.iter().find(|image| image.is_file()) else {
        bail!("the packages of linux {} hold no kernel image", resolved.release);
    };
    fs::rename(image, dir.join("vmlinuz"))?;
    fs::rename(&modules, dir.join("lib/modules").join(&resolved.release))?;
    fs::remove_dir_all(&unpacked)?;
    process::run(Command::new("/sbin/depmod").arg("-b").arg(dir).arg(&resolved.release)).context("depmod failed")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_plain_image_packages_only() {
        assert_eq!(
            release("linux-image-6.12.117+deb12-amd64"),
            Some("6.12.117+deb12-amd64")
        );
        for other in [
            "linux-image-amd64",
            "linux-image-6.12-amd64",
            "linux-image-6.1.0-50-cloud-amd64",
            "linux-image-6.1.0-50-rt-amd64",
        ] {
            assert_eq!(release(other), None, "{other}");
        }
    }

    #[test]
    fn takes_the_highest_number_not_the_last_name() {
        let names = [
            "linux-image-6.1.0-9-amd64",
            "linux-image-6.1.0-50-amd64",
            "linux-image-6.1.0-47-amd64",
        ];
        assert_eq!(
            names.into_iter().max_by_key(|name| numbers(name)),
            Some("linux-image-6.1.0-50-amd64")
        );
    }

    #[test]
    fn unknown_kernels_are_answered_with_the_list() {
        let error = find("4.19").err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("5.10, 6.1, 6.12, 7.2"), "{error}");
    }
}
