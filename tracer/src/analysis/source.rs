//! Lines of the kernel's source for the stacks of a snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::snapshot::{Place, Snapshot, Source};
use crate::names::source::{self, Build, SourceError};

/// Looks up all frames in debug files, and keeps what was known before of the others. Gives what the user should know.
///
/// # Errors
/// When a file cannot be used, or is of another kernel; the snapshot is as before then.
pub fn fill(snapshot: &mut Snapshot, files: &[PathBuf]) -> Result<Vec<String>, SourceError> {
    let build = Build {
        release: snapshot.kernel.release.as_deref(),
        version: snapshot.kernel.version.as_deref(),
    };
    let found = source::find(files, build, frames(snapshot))?;
    let known = snapshot.sources.iter().cloned();
    let mut sources: BTreeMap<_, _> = known.map(|source| (source.frame, source.places)).collect();
    for (frame, places) in found.places {
        sources.insert(frame.to_owned(), places.into_iter().map(place).collect());
    }
    let warnings = found.warnings;
    let sources = sources.into_iter().map(|(frame, places)| Source { frame, places });
    snapshot.sources = sources.collect();
    Ok(warnings)
}

/// Every frame of every stack, once.
pub(crate) fn frames(snapshot: &Snapshot) -> BTreeSet<&str> {
    let evidence = snapshot.dependencies.iter().flat_map(|dependency| &dependency.evidence);
    let stacks = evidence.flat_map(|evidence| [&evidence.from_stack, &evidence.to_stack]);
    let stacks = stacks.chain(snapshot.notifiers.iter().map(|notifier| &notifier.stack));
    let stacks = stacks.chain(snapshot.all_waits().map(|wait| &wait.stack));
    let holders = snapshot.all_waits().flat_map(|wait| &wait.holders);
    let stacks = stacks.chain(holders.map(|holder| &holder.stack));
    let stacks = stacks.chain(snapshot.contention.iter().map(|place| &place.stack));
    stacks.flatten().map(|frame| &**frame).collect()
}

fn place(place: source::Place) -> Place {
    Place {
        function: place.function,
        file: place.file,
        line: place.line,
    }
}
