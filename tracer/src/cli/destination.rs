//! Where a result is written: a file, standard output, a pager on a terminal.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::path::Path;

use super::failure::Failure;
use super::pager;

/// Writes a result to a file, or to standard output without one (or with `-`). A reader that has gone away is no error.
///
/// # Errors
/// When the file or standard output cannot be written.
pub fn write(text: &str, output: Option<&Path>) -> Result<(), Failure> {
    write_with(output, |out| out.write_all(text.as_bytes()))
}

/// As [`write`], through a pager when standard output is a terminal.
///
/// # Errors
/// As for [`write`].
pub fn page(text: &str, output: Option<&Path>) -> Result<(), Failure> {
    if output.is_none() && io::stdout().is_terminal() && pager::show(text) {
        return Ok(());
    }
    write(text, output)
}

/// As [`write`], for what is written piece by piece.
pub(super) fn write_with(
    output: Option<&Path>,
    result: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    let buffered = |out: &mut dyn Write| {
        let mut out = BufWriter::new(out);
        result(&mut out)?;
        out.flush()
    };
    match output.filter(|path| path.as_os_str() != "-") {
        Some(path) => {
            let written = File::create(path).and_then(|mut file| buffered(&mut file));
            written.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
        }
        None => match buffered(&mut io::stdout().lock()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::usage(format!("standard output: {error}")))
            }
            _ => Ok(()),
        },
    }
}
