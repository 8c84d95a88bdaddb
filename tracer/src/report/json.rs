//! The document as JSON: `docs/formats.md`.

use crate::analysis::snapshot::Snapshot;

/// The document, indented, with a newline at its end. The same snapshot gives the same bytes.
///
/// # Errors
/// When the document cannot be written as JSON, which its types rule out.
pub fn render(snapshot: &Snapshot) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(snapshot)?;
    text.push('\n');
    Ok(text)
}

/// The JSON Schema of the document, indented, with a newline at its end.
///
/// # Errors
/// When the schema cannot be written as JSON, which its types rule out.
pub fn schema() -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&schemars::schema_for!(Snapshot))?;
    text.push('\n');
    Ok(text)
}
