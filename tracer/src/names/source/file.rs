//! One debug file: which frames are in it, whether it is of their kernel, and their lines.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use blazesym::symbolize::source::{Elf as ElfFile, Source};
use blazesym::symbolize::{CodeInfo, Input, Sym, Symbolizer};
use object::read::ReadCache;
use tempfile::NamedTempFile;

use super::contain::contain;
use super::elf::{Address, Elf};
use super::error::{SourceError, counted};
use super::frame::Frame;
use super::{Build, Place, path};

/// A function that every kernel has in init/main.c: its file tells where the source was, as for scripts/decode_stacktrace.sh.
const IN_MAIN: &str = "kernel_init";
const MAIN: &str = "init/main.c";

/// A vmlinux or a module.
#[derive(Debug)]
pub(super) struct DebugFile {
    pub(super) path: PathBuf,
    /// None for a vmlinux.
    pub(super) module: Option<String>,
    elf: Elf,
    /// The file of a module with addresses of its own for its sections.
    laid_out: Option<NamedTempFile>,
}

/// Which functions of the frames a file has.
#[derive(Debug, Default)]
pub(super) struct Tally<'a> {
    fitting: BTreeSet<&'a str>,
    ambiguous: BTreeSet<&'a str>,
    /// Size in the report, and in the file.
    differing: BTreeMap<&'a str, (u64, Vec<u64>)>,
    unknown: BTreeSet<&'a str>,
}

/// What of a file frames use.
#[derive(Debug, Default)]
pub(super) struct Used<'a> {
    pub(super) tally: Tally<'a>,
    pub(super) addresses: Vec<(Frame<'a>, u64)>,
}

impl DebugFile {
    /// Reads the symbols. `release` is for what to do where there is no debug information.
    pub(super) fn open(path: &Path, release: Option<&str>) -> Result<Self, SourceError> {
        let refused = |source| SourceError::Open {
            path: path.to_owned(),
            source,
        };
        let no_elf = |error: object::Error| SourceError::NotElf {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        // Opening a pipe would wait for who writes to it.
        if !fs::metadata(path).map_err(refused)?.is_file() {
            return Err(refused(io::Error::other("no regular file")));
        }
        let cache = ReadCache::new(File::open(path).map_err(refused)?);
        let mut elf = Elf::parse(&cache).map_err(no_elf)?;
        if !elf.has_debug_info {
            return Err(SourceError::NoDebugInfo {
                path: path.to_owned(),
                release: release.or(elf.release()).map(str::to_owned),
            });
        }
        let laid_out = if elf.is_module {
            let mut bytes = fs::read(path).map_err(refused)?;
            super::layout::lay_out(&mut bytes).map_err(no_elf)?;
            elf = Elf::parse(&*bytes).map_err(no_elf)?;
            let mut file = NamedTempFile::new().map_err(refused)?;
            file.write_all(&bytes).map_err(refused)?;
            Some(file)
        } else {
            None
        };
        let module = laid_out.is_some().then(|| module_name(&stem(path)));
        Ok(Self {
            path: path.to_owned(),
            module,
            elf,
            laid_out,
        })
    }

    /// Finds the functions of frames.
    pub(super) fn resolve<'a>(&self, frames: impl Iterator<Item = Frame<'a>>) -> Used<'a> {
        let mut used = Used::default();
        let tally = &mut used.tally;
        for frame in frames {
            match self.elf.address(frame.function, frame.size) {
                Address::Known(address) => {
                    tally.fitting.insert(frame.function);
                    used.addresses.push((frame, address.wrapping_add(frame.call_offset())));
                }
                Address::Ambiguous => {
                    tally.ambiguous.insert(frame.function);
                }
                Address::OtherSize(sizes) => {
                    tally.differing.insert(frame.function, (frame.size, sizes));
                }
                Address::Unknown => {
                    tally.unknown.insert(frame.function);
                }
            }
        }
        used
    }

    /// Whether the file is of the kernel that was traced: by its release, and by the sizes of all functions of the report. Another version of the same
    /// release (a kernel built once more, for its debug information) is for the sizes to tell.
    pub(super) fn judge(&self, build: Build<'_>, tally: &Tally<'_>) -> Result<Vec<String>, SourceError> {
        let release = self.elf.release();
        if let (Some(file), Some(report)) = (release, build.release)
            && file != report
        {
            return Err(SourceError::Release {
                path: self.path.clone(),
                file: file.to_owned(),
                report: report.to_owned(),
            });
        }
        let (same, differing) = (tally.fitting.len() + tally.ambiguous.len(), tally.differing.len());
        if differing > same
            && let Some((function, (size, sizes))) = tally.differing.first_key_value()
        {
            let unknown = "release unknown";
            let (file, report) = (release.unwrap_or(unknown), build.release.unwrap_or(unknown));
            let used = same + differing;
            let sizes = hex(sizes);
            return Err(SourceError::Sizes {
                path: self.path.clone(),
                reason: format!(
                    "{differing} of {used} functions are of another size, such as {function}: {sizes} there ({file}), {size:#x} in the report ({report})"
                ),
            });
        }
        Ok(self.warnings(build, tally))
    }

    fn warnings(&self, build: Build<'_>, tally: &Tally<'_>) -> Vec<String> {
        let mut out = Vec::new();
        let same = tally.fitting.len() + tally.ambiguous.len();
        if let (Some(file), Some(report)) = (self.elf.version(), build.version)
            && file != report
        {
            out.push(format!(
                "is of another build ({file}) of the report's release ({report})"
            ));
        }
        if same + tally.differing.len() == 0 {
            out.push("has none of the functions of the report".to_string());
        } else if self.elf.release().is_none() || build.release.is_none() {
            let whose = if build.release.is_none() { "report" } else { "file" };
            let functions = counted(same, "function");
            out.push(format!(
                "the {whose} does not tell its release; {functions} of the report's size speak for it"
            ));
        }
        if let Some((function, (size, sizes))) = tally.differing.first_key_value() {
            let functions = counted(tally.differing.len(), "function");
            let sizes = hex(sizes);
            out.push(format!(
                "no lines for {functions} of another size, such as {function}: {sizes} there, {size:#x} in the report"
            ));
        }
        if let Some(function) = tally.ambiguous.first() {
            let functions = counted(tally.ambiguous.len(), "function");
            out.push(format!(
                "no lines for {functions} that it has more than once in that size, such as {function}"
            ));
        }
        if let Some(function) = tally.unknown.first() {
            let functions = counted(tally.unknown.len(), "function");
            out.push(format!(
                "has no lines for {functions} that it does not have, such as {function}"
            ));
        }
        let path = self.path.display();
        out.into_iter().map(|line| format!("{path}: {line}")).collect()
    }

    /// Adds the lines of frames; gives how many have none, or why all have none. Addresses are looked up as they are in the file.
    pub(super) fn lines<'a>(
        &self,
        addresses: &[(Frame<'a>, u64)],
        top: Option<&Path>,
        places: &mut BTreeMap<&'a str, Vec<Place>>,
    ) -> Result<usize, String> {
        let wanted: Vec<_> = addresses.iter().map(|&(_, address)| address).collect();
        let mut without = 0;
        self.look_up(&wanted, |number, symbol| {
            let Some((frame, _)) = addresses.get(number) else {
                return;
            };
            let found = symbol
                .map(|symbol| self::places(frame, symbol, top))
                .unwrap_or_default();
            if found.is_empty() {
                without += 1;
            } else {
                places.insert(frame.text, found);
            }
        })?;
        Ok(without)
    }

    /// The folder that the kernel's source was in.
    pub(super) fn top(&self) -> Option<PathBuf> {
        let address = self.elf.only(IN_MAIN)?;
        let mut top = None;
        let found = self.look_up(&[address], |_, symbol| {
            let file = symbol.and_then(|symbol| symbol.code_info.as_ref());
            let file = file.map(|info| path::plain(&info.to_path()));
            let main = file.filter(|file| file.ends_with(MAIN));
            top = main.and_then(|file| Some(file.parent()?.parent()?.to_owned()));
        });
        found.ok()?;
        top
    }

    fn look_up(&self, addresses: &[u64], each: impl FnMut(usize, Option<&Sym<'_>>)) -> Result<(), String> {
        if addresses.is_empty() {
            return Ok(());
        }
        let found = contain(|| self.symbolize(addresses, each));
        found.unwrap_or_else(|| Err("its debug information is damaged".to_owned()))
    }

    fn symbolize(&self, addresses: &[u64], mut each: impl FnMut(usize, Option<&Sym<'_>>)) -> Result<(), String> {
        let path = self.laid_out.as_ref().map_or(&*self.path, NamedTempFile::path);
        let source = Source::Elf(ElfFile::new(path));
        // Nothing but the file that was named is read.
        let symbolizer = Symbolizer::builder()
            .set_debug_dirs(Some::<[&Path; 0]>([]))
            .enable_demangling(false)
            .build();
        let found = symbolizer
            .symbolize(&source, Input::VirtOffset(addresses))
            .map_err(|error| error.to_string())?;
        for (number, symbolized) in found.iter().enumerate() {
            each(number, symbolized.as_sym());
        }
        Ok(())
    }
}

/// The inlined functions, the innermost first, and the frame's own.
fn places(frame: &Frame<'_>, symbol: &Sym<'_>, top: Option<&Path>) -> Vec<Place> {
    let place = |function: &str, info: Option<&CodeInfo<'_>>| {
        let info = info?;
        Some(Place {
            function: function.to_owned(),
            file: path::below(top, &info.to_path()),
            line: info.line?,
        })
    };
    let inlined = symbol.inlined.iter().rev();
    let inlined = inlined.map(|inlined| place(&inlined.name, inlined.code_info.as_ref()));
    let own = place(frame.function, symbol.code_info.as_deref());
    // Without its own line it would look like the line of another function.
    if own.is_none() {
        return Vec::new();
    }
    inlined.chain([own]).flatten().collect()
}

fn hex(sizes: &[u64]) -> String {
    let sizes: Vec<_> = sizes.iter().map(|size| format!("{size:#x}")).collect();
    sizes.join(" or ")
}

/// `mlx5_core.ko.debug` is of `mlx5_core`.
fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_else(|| OsStr::new("")).to_string_lossy();
    let stem = name.split_once(".ko").map_or(&*name, |(stem, _)| stem);
    stem.to_owned()
}

/// As the kernel calls a module: with `_` for `-`.
pub(super) fn module_name(name: &str) -> String {
    name.replace('-', "_")
}
