//! The documents as JSON: `docs/formats.md`.

use std::io::{self, Write};

use serde::Serialize;

use crate::analysis::diff::document::Diff;
use crate::analysis::snapshot::Snapshot;

/// A document (a report, a difference), indented, with a newline at its end. The same document gives the same bytes.
///
/// # Errors
/// When the document cannot be written as JSON, which its types rule out.
pub fn render(document: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(document)?;
    text.push('\n');
    Ok(text)
}

/// The same, written as it is made: a document can be larger than what it is made of.
///
/// # Errors
/// When it cannot be written.
pub fn write(document: &impl Serialize, mut out: impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut out, document)?;
    out.write_all(b"\n")
}

/// The JSON Schema of the report, indented, with a newline at its end.
///
/// # Errors
/// When the schema cannot be written as JSON, which its types rule out.
pub fn schema() -> Result<String, serde_json::Error> {
    render(&schemars::schema_for!(Snapshot))
}

/// The JSON Schema of a difference, as [`schema`].
///
/// # Errors
/// As for [`schema`].
pub fn schema_of_diff() -> Result<String, serde_json::Error> {
    render(&schemars::schema_for!(Diff))
}
