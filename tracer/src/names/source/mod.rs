//! Where frames are in the kernel's source: a vmlinux and debug files of modules tell line and inlined functions of `function+0x1c/0x80 [module]`.
//!
//! Address randomisation plays no role, because the function is looked up by name. Its size has to be that of the frame: a debug file of another build
//! gives no line rather than a wrong one.

mod contain;
mod elf;
mod error;
mod file;
mod frame;
mod layout;
mod path;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use error::SourceError;
use file::DebugFile;
pub use frame::Frame;

/// A line of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The function, an inlined one or the frame's.
    pub function: String,
    /// The file, from the top of the kernel's source where that is known.
    pub file: String,
    /// The line.
    pub line: u32,
}

/// The kernel that stacks are of, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Build<'a> {
    /// `uname -r`
    pub release: Option<&'a str>,
    /// `uname -v`
    pub version: Option<&'a str>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found<'a> {
    /// By frame: the functions that are inlined there, the innermost first, then that of the frame.
    pub places: BTreeMap<&'a str, Vec<Place>>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// The lines of all frames for which there is a debug file; what is no frame of the kernel's form is left out. Damaged debug information is a warning.
///
/// # Errors
/// When a file cannot be read, has no debug information, or is of another kernel.
pub fn find<'a>(
    paths: &[PathBuf],
    build: Build<'_>,
    frames: impl IntoIterator<Item = &'a str>,
) -> Result<Found<'a>, SourceError> {
    let mut files = Vec::<DebugFile>::new();
    for path in paths {
        let file = DebugFile::open(path, build.release)?;
        if let Some(other) = files.iter().find(|other| other.module == file.module) {
            return Err(SourceError::Twice {
                path: path.clone(),
                other: other.path.clone(),
            });
        }
        files.push(file);
    }
    let frames: Vec<_> = frames.into_iter().filter_map(Frame::parse).collect();
    let mut found = Found::default();
    // All files are judged before a line is looked up, which takes long.
    let mut uses = Vec::new();
    for file in &files {
        let of_file = frames.iter().copied();
        let of_file = of_file.filter(|frame| file.module.as_deref() == frame.module.map(file::module_name).as_deref());
        let used = file.resolve(of_file);
        found.warnings.extend(file.judge(build, &used.tally)?);
        uses.push(used.addresses);
    }
    let kernel = files.iter().find(|file| file.module.is_none());
    let top = kernel.and_then(DebugFile::top);
    for (file, addresses) in files.iter().zip(uses) {
        let path = file.path.display();
        match file.lines(&addresses, top.as_deref(), &mut found.places) {
            Ok(0) => {}
            Ok(without) => {
                let frames = error::counted(without, "frame");
                found.warnings.push(format!("{path}: has no line for {frames}"));
            }
            Err(reason) => found.warnings.push(format!("{path}: no lines: {reason}")),
        }
    }
    Ok(found)
}
