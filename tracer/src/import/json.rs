//! A JSON report of tracer's own: `docs/formats.md` §2.

use std::io::Read;

use serde::Deserialize;

use super::Error;
use crate::analysis::snapshot::{SCHEMA_VERSION, Snapshot};

/// Bytes of a report that are read at most.
const MAX_BYTES: u64 = 1 << 30;

#[derive(Deserialize)]
struct Version {
    schema_version: Option<String>,
}

/// Reads a report of the same major version.
///
/// # Errors
/// When it is no JSON, no report, one of another major version, or breaks the schema.
pub fn read(name: &str, input: impl Read) -> Result<Snapshot, Error> {
    let mut bytes = Vec::new();
    input
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::file(name, error.to_string()))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::file(name, "larger than 1 GiB"));
    }
    let version: Version = serde_json::from_slice(&bytes).map_err(|error| refused(name, "broken JSON", &error))?;
    let Some(version) = version.schema_version else {
        return Err(Error::file(name, "no report of tracer: it has no schema_version"));
    };
    if major(&version) != major(SCHEMA_VERSION) {
        let message = format!(
            "schema version {version}; this tracer reads {}.x",
            major(SCHEMA_VERSION)
        );
        return Err(Error::file(name, message));
    }
    serde_json::from_slice(&bytes).map_err(|error| refused(name, "not as the schema wants it", &error))
}

fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or_default()
}

fn refused(name: &str, what: &str, error: &serde_json::Error) -> Error {
    let line = u64::try_from(error.line()).ok().filter(|&line| line > 0);
    Error {
        file: name.to_string(),
        line,
        message: format!("{what}: {error}"),
        text: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(input: &str) -> String {
        read("report.json", input.as_bytes())
            .expect_err("must be refused")
            .to_string()
    }

    #[test]
    fn reports_of_another_major_version_are_refused_and_minor_ones_are_not() {
        assert_eq!(
            message(r#"{"schema_version":"2.0"}"#),
            "report.json: schema version 2.0; this tracer reads 1.x"
        );
        let mut snapshot = Snapshot {
            schema_version: "1.77".to_string(),
            ..Snapshot::default()
        };
        snapshot.tool.name = "tracer".to_string();
        let text = serde_json::to_string(&snapshot).expect("JSON");
        assert_eq!(read("report.json", text.as_bytes()).expect("a report"), snapshot);
        let more = text.replacen('{', r#"{"added_later":[1,2],"#, 1);
        assert_eq!(read("report.json", more.as_bytes()).expect("a report"), snapshot);
    }

    #[test]
    fn errors_tell_the_line() {
        assert!(message("{\n\"schema_version\": \"1.0\",\n\"tool\": 3\n}").starts_with("report.json:3: not as"));
        assert!(message("{\n\"schema").starts_with("report.json:2: broken JSON"));
        assert!(message(r#"{"schema_version":"1.0"}"#).contains("missing field `tool`"));
    }
}
