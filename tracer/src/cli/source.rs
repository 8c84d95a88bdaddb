//! Lines of the kernel's source, from debug files that the user names.

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use super::message::say;
use crate::analysis::snapshot::Snapshot;
use crate::analysis::source;
use crate::names::source::SourceError;

/// Where lines of the source come from.
#[derive(Args, Clone, Debug)]
pub struct SourceArgs {
    /// Show the source lines and inlined functions of stacks, from a vmlinux with debug information or that of a module (`NAME.ko`, `NAME.ko.debug`); can be
    /// given again
    #[arg(long, value_name = "FILE")]
    pub vmlinux: Vec<PathBuf>,
}

impl SourceArgs {
    /// Whether the files are there, without reading them.
    ///
    /// # Errors
    /// For one that is not.
    #[cfg(feature = "live")]
    pub fn check(&self) -> Result<(), Failure> {
        for path in &self.vmlinux {
            let found = std::fs::metadata(path);
            found.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        }
        Ok(())
    }

    /// Adds the lines to the document, and tells what is to be known about them.
    ///
    /// # Errors
    /// When a file cannot be used, or is of another kernel.
    pub fn fill(&self, snapshot: &mut Snapshot) -> Result<(), Failure> {
        if self.vmlinux.is_empty() {
            return Ok(());
        }
        for warning in source::fill(snapshot, &self.vmlinux)? {
            say(warning);
        }
        Ok(())
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        let failure = Self::usage(&error);
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
