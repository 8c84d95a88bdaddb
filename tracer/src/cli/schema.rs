//! `tracer schema`: prints the JSON Schema of the JSON report.

use super::common;
use super::failure::{Failure, Status};
use crate::report::json;

pub(super) fn execute() -> Result<Status, Failure> {
    let schema = json::schema().map_err(|error| Failure::usage(format!("JSON Schema: {error}")))?;
    common::write(&schema, None)?;
    Ok(Status::Clean)
}
