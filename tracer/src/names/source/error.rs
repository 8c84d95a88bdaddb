//! Why a debug file does not do.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// What is wrong with a debug file.
#[derive(Debug, Error)]
pub enum SourceError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is something else.
    #[error("{}: no vmlinux and no module: {reason}", path.display())]
    NotElf {
        /// The file.
        path: PathBuf,
        /// What is not as in an ELF file.
        reason: String,
    },
    /// It has nothing that tells lines.
    #[error("{}: has no debug information", path.display())]
    NoDebugInfo {
        /// The file.
        path: PathBuf,
        /// The kernel of the report.
        release: Option<String>,
    },
    /// There is another one for the same frames.
    #[error("{} and {} are for the same code", other.display(), path.display())]
    Twice {
        /// The second.
        path: PathBuf,
        /// The first.
        other: PathBuf,
    },
    /// It is of another kernel.
    #[error("{} is of kernel {file}, the report is of kernel {report}", path.display())]
    Release {
        /// The file.
        path: PathBuf,
        /// Its release.
        file: String,
        /// That of the report.
        report: String,
    },
    /// Its functions are not those of the report.
    #[error("{} is of another build than the report: {reason}", path.display())]
    Sizes {
        /// The file.
        path: PathBuf,
        /// Which kernels, and how many functions of which sizes.
        reason: String,
    },
}

impl SourceError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotElf { .. } => Some("packed files (.xz, .zst, bzImage) have to be unpacked before".to_string()),
            Self::NoDebugInfo { release, .. } => {
                let release = release.as_deref().unwrap_or("RELEASE");
                Some(format!(
                    "Debian: install linux-image-{release}-dbg and give /usr/lib/debug/boot/vmlinux-{release}; other kernels: build with CONFIG_DEBUG_INFO"
                ))
            }
            Self::Release { .. } | Self::Sizes { .. } => {
                Some("give the vmlinux and the modules of the very build that was traced".to_string())
            }
            _ => None,
        }
    }
}

/// `1 frame`, `2 frames`
pub(super) fn counted(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}
