//! What is traced: a profile, and what the user adds to it.

use std::{fmt, fs, io, path::PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tracer_common::scope::{Comm, Scope};

use crate::analysis::filter::Filter;

/// The profiles that come with the tracer.
const BUILT_IN: &[(&str, &str)] = &[
    ("net", include_str!("../profiles/net.toml")),
    ("all", include_str!("../profiles/all.toml")),
    ("devlink", include_str!("../profiles/devlink.toml")),
];

/// Where a machine's own profiles are: `NAME.toml`.
const FOLDER: &str = "/etc/tracer/profiles";

/// A profile: which locks are left out.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What it is for, in one line.
    pub about: String,
    /// Leave out the `mmap_lock` of each process, in the first instructions of the program.
    #[serde(default)]
    pub skip_mmap_lock: bool,
    /// Only these locks: classes or names, with a `*` at the beginning or end.
    #[serde(default)]
    pub lock: Vec<String>,
    /// None of these.
    #[serde(default)]
    pub exclude: Vec<String>,
}

/// What is wrong with what the user selected.
#[derive(Debug, Error)]
pub enum SelectionError {
    /// Neither built in nor a file.
    #[error(
        "there is no profile `{name}`: built in are {}; others are files, given by their path or as {FOLDER}/{name}.toml",
        names()
    )]
    NoProfile {
        /// What was asked for.
        name: String,
    },
    /// The file cannot be read.
    #[error("profile {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is no profile.
    #[error("profile {name} is malformed: {reason}")]
    Malformed {
        /// Its name or path.
        name: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// A pattern means nothing.
    #[error("{0}")]
    Pattern(String),
    /// A task's name is longer than the kernel keeps it.
    #[error("--comm {0}: a task's name has at most 15 bytes, the kernel cuts longer ones")]
    Comm(String),
    /// No network namespace.
    #[error(
        "--netns {0}: neither the inode number of a network namespace nor a file of one (/run/netns/NAME, /proc/PID/ns/net)"
    )]
    Netns(String),
}

/// The names of the built-in profiles, for messages.
fn names() -> String {
    let names: Vec<_> = BUILT_IN.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

impl Profile {
    /// The names of those that come with the tracer.
    pub fn built_in() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// A built-in profile, or that of a file: a path, or `NAME.toml` in `/etc/tracer/profiles`.
    ///
    /// # Errors
    /// When there is none, or what it has is no profile.
    pub fn load(name: &str) -> Result<Self, SelectionError> {
        if let Some((_, text)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
            return Self::parse(name, text);
        }
        let path = if name.contains('/') {
            PathBuf::from(name)
        } else {
            PathBuf::from(FOLDER).join(format!("{name}.toml"))
        };
        let text = fs::read_to_string(&path).map_err(|source| {
            if source.kind() == io::ErrorKind::NotFound && !name.contains('/') {
                SelectionError::NoProfile { name: name.to_owned() }
            } else {
                SelectionError::Read { path, source }
            }
        })?;
        Self::parse(name, &text)
    }

    fn parse(name: &str, text: &str) -> Result<Self, SelectionError> {
        toml::from_str(text).map_err(|error| SelectionError::Malformed {
            name: name.to_owned(),
            reason: error.to_string().trim_end().to_owned(),
        })
    }
}

/// What the user asked for beside the profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The profile's name or path.
    pub profile: String,
    /// Only this process.
    pub pid: Option<u32>,
    /// Only tasks of this name.
    pub comm: Option<String>,
    /// Only tasks in this network namespace: its inode number, or a file of it.
    pub netns: Option<String>,
    /// Only these locks.
    pub lock: Vec<String>,
    /// None of these.
    pub exclude: Vec<String>,
    /// How many locks of one call path are told apart, where it is not the usual number; 0 is all.
    pub objects: Option<u64>,
    /// How long locks are held is measured.
    pub hold_times: bool,
}

/// Which tasks and locks are traced.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    wanted: Wanted,
    /// What the program in the kernel leaves out.
    pub scope: Scope,
    /// What is left out here, and then there too: all locks but these, where there are any,
    pub only: Vec<String>,
    /// and these.
    pub exclude: Vec<String>,
}

impl Selection {
    /// Puts together what the profile and the user say.
    ///
    /// # Errors
    /// When the profile cannot be had, or one of the values means nothing.
    pub fn new(wanted: Wanted) -> Result<Self, SelectionError> {
        let profile = Profile::load(&wanted.profile)?;
        let both = |first: &[String], second: &[String]| [first, second].concat();
        let only = both(&profile.lock, &wanted.lock);
        let exclude = both(&profile.exclude, &wanted.exclude);
        let filter = Filter::new(&only, &exclude).map_err(SelectionError::Pattern)?;
        let comm = match &wanted.comm {
            None => Comm::default(),
            Some(comm) => Scope::comm(comm)
                .filter(|_| !comm.is_empty())
                .ok_or_else(|| SelectionError::Comm(comm.clone()))?,
        };
        let scope = Scope {
            pid: wanted.pid.unwrap_or(0).into(),
            netns: wanted.netns.as_deref().map(inode).transpose()?.unwrap_or(0),
            comm,
            skip_mmap_lock: profile.skip_mmap_lock.into(),
            leaves_out: u64::from(!filter.is_open()),
            objects: wanted.objects.unwrap_or(Scope::OBJECTS),
            hold_times: wanted.hold_times.into(),
        };
        Ok(Self {
            wanted,
            scope,
            only,
            exclude,
        })
    }
}

/// The inode number of a network namespace: the number itself, or that of its file.
fn inode(netns: &str) -> Result<u64, SelectionError> {
    let wrong = || SelectionError::Netns(netns.to_owned());
    if let Ok(number) = netns.parse::<u32>() {
        return Ok(number.into());
    }
    let path = if netns.contains('/') {
        PathBuf::from(netns)
    } else {
        PathBuf::from("/run/netns").join(netns)
    };
    use std::os::unix::fs::MetadataExt as _;
    let inode = fs::metadata(path).map_err(|_| wrong())?.ino();
    // Those of namespaces begin at PROC_DYNAMIC_FIRST (`include/linux/proc_fs.h`).
    (inode >= 0xf000_0000).then_some(inode).ok_or_else(wrong)
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wanted = &self.wanted;
        write!(f, "profile {}", wanted.profile)?;
        if let Some(pid) = wanted.pid {
            write!(f, ", pid {pid}")?;
        }
        if let Some(comm) = &wanted.comm {
            write!(f, ", comm {comm}")?;
        }
        if let Some(netns) = &wanted.netns {
            write!(f, ", netns {netns}")?;
        }
        for (word, patterns) in [("lock", &wanted.lock), ("exclude", &wanted.exclude)] {
            for pattern in patterns {
                write!(f, ", {word} {pattern}")?;
            }
        }
        match wanted.objects {
            None => {}
            Some(0) => write!(f, ", all objects")?,
            Some(objects) => write!(f, ", {objects} objects of a path")?,
        }
        if wanted.hold_times {
            write!(f, ", hold times")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(profile: &str) -> Wanted {
        Wanted {
            profile: profile.to_owned(),
            ..Wanted::default()
        }
    }

    #[test]
    fn every_built_in_profile_is_one() {
        for (name, _) in BUILT_IN {
            let selection = Selection::new(wanted(name)).unwrap();
            assert_eq!(selection.to_string(), format!("profile {name}"));
            assert_eq!(selection.scope.skip_mmap_lock == 0, *name == "all");
        }
    }

    #[test]
    fn what_the_user_adds_is_told() {
        let selection = Selection::new(Wanted {
            pid: Some(12),
            comm: Some("devlink".to_owned()),
            netns: Some("4026531840".to_owned()),
            exclude: vec!["*seq*".to_owned()],
            objects: Some(8),
            hold_times: true,
            ..wanted("all")
        });
        let selection = selection.unwrap();
        assert_eq!(
            selection.to_string(),
            "profile all, pid 12, comm devlink, netns 4026531840, exclude *seq*, 8 objects of a path, hold times"
        );
        let scope = Scope {
            pid: 12,
            netns: 4_026_531_840,
            comm: Scope::comm("devlink").unwrap(),
            skip_mmap_lock: 0,
            leaves_out: 1,
            objects: 8,
            hold_times: 1,
        };
        assert_eq!(selection.scope, scope);
    }

    #[test]
    fn what_means_nothing_is_refused_with_what_to_do() {
        let error = |wanted: Wanted| Selection::new(wanted).unwrap_err().to_string();
        assert!(error(wanted("nosuch")).contains("built in are net, all, devlink"));
        assert!(error(wanted("/nosuch/profile.toml")).starts_with("profile /nosuch/profile.toml: "));
        let long = Wanted {
            comm: Some("a name of more than 15".to_owned()),
            ..wanted("net")
        };
        assert!(error(long).contains("at most 15 bytes"));
        let netns = Wanted {
            netns: Some("/dev/null".to_owned()),
            ..wanted("net")
        };
        assert!(error(netns).contains("inode number"));
        let pattern = Wanted {
            lock: vec!["*".to_owned()],
            ..wanted("net")
        };
        assert_eq!(error(pattern), "the name `*` matches everything");
        let malformed = Profile::parse("mine", "about = 'a'\nexclud = []")
            .unwrap_err()
            .to_string();
        assert!(
            malformed.starts_with("profile mine is malformed: ") && malformed.contains("exclud"),
            "{malformed}"
        );
    }
}
