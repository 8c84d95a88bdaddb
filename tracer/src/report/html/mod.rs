//! A report as one page that needs no network: findings, an interactive graph, stacks, locks, reload windows.
//!
//! The page allows itself (Content-Security-Policy) only its own script and style, by their hashes; whatever a name contains, it is text.

mod data;

use super::clean;
use crate::analysis::snapshot::Snapshot;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const GRAPH: &str = include_str!("graph.js");
const SCRIPT: &str = include_str!("page.js");

/// SHA-256 of [`STYLE`], in base64; a test says what it has to be.
const STYLE_HASH: &str = "sha256-sUKP5cgAmBuTPpyH55Kzhf71lSTOCo4Pujb4fbLAhbU=";

/// SHA-256 of [`GRAPH`] and [`SCRIPT`].
const SCRIPT_HASH: &str = "sha256-h0ZyDEOS6z40bq0FQ5Y8Ab0fQVfnhja3WtdOwJc1oWo=";

/// The page, with everything that the document has.
///
/// # Errors
/// When the document cannot be written as JSON, which its types rule out.
pub fn render(snapshot: &Snapshot) -> Result<String, serde_json::Error> {
    let data = data::of(&clean::printable(snapshot))?;
    let mut out = String::with_capacity(PAGE.len() + STYLE.len() + GRAPH.len() + SCRIPT.len() + data.len());
    // What is put in can have marks like these in it: the page is gone through once.
    for (number, part) in PAGE.split('@').enumerate() {
        match (number % 2, part) {
            (1, "STYLE_HASH") => out.push_str(STYLE_HASH),
            (1, "SCRIPT_HASH") => out.push_str(SCRIPT_HASH),
            (1, "STYLE") => out.push_str(STYLE),
            (1, "SCRIPT") => out.extend([GRAPH, SCRIPT]),
            (1, "DATA") => out.push_str(&data),
            _ => out.push_str(part),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn hash(parts: &[&str]) -> String {
        let digest = Sha256::digest(parts.concat());
        format!("sha256-{}", base64::engine::general_purpose::STANDARD.encode(digest))
    }

    #[test]
    fn the_hashes_are_those_of_script_and_style() {
        assert_eq!(hash(&[STYLE]), STYLE_HASH);
        assert_eq!(hash(&[GRAPH, SCRIPT]), SCRIPT_HASH);
    }

    #[test]
    fn names_cannot_end_the_data() {
        let json = data::escape("{\"a\":\"</script><!--&\u{2028}\u{2029}\"}");
        assert_eq!(json, "{\"a\":\"\\u003c/script\\u003e\\u003c!--\\u0026\\u2028\\u2029\"}");
    }
}
