//! Where a result is written: a file, standard output, a pager on a terminal.

use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::path::Path;

use super::failure::Failure;
use super::pager;
use crate::private_file::Place;

/// Writes a result to a file, or to standard output without one (or with `-`). A reader that has gone away is no error.
///
/// # Errors
/// When the file or standard output cannot be written.
pub fn write(result: impl AsRef<[u8]>, output: Option<&Path>) -> Result<(), Failure> {
    write_with(output, |out| out.write_all(result.as_ref()))
}

/// As [`write()`], through a pager when standard output is a terminal.
///
/// # Errors
/// As for [`write()`].
pub fn page(text: impl AsRef<[u8]>, output: Option<&Path>) -> Result<(), Failure> {
    if output.is_none() && io::stdout().is_terminal() && pager::show(text.as_ref()) {
        return Ok(());
    }
    write(text, output)
}

/// As [`write()`], for what is written piece by piece.
pub(super) fn write_with(
    output: Option<&Path>,
    result: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    if let Some(path) = output.filter(|path| path.as_os_str() != "-") {
        let written = Place::new(path).and_then(|place| place.replace(result));
        return written.map_err(Failure::usage);
    }
    let mut out = BufWriter::new(io::stdout().lock());
    match result(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::usage(format!("standard output: {error}"))),
        _ => Ok(()),
    }
}
