//! `tracer schema`: prints the JSON Schema of the documents that are written as JSON.

use clap::Args;

use super::common;
use super::failure::{Failure, Status};
use crate::report::json;

/// Arguments of `schema`.
#[derive(Args, Debug)]
pub struct SchemaArgs {
    /// The schema of what `tracer diff --format json` writes, instead of that of the report
    #[arg(long)]
    diff: bool,
}

pub(super) fn execute(args: &SchemaArgs) -> Result<Status, Failure> {
    let schema = if args.diff {
        json::schema_of_diff()
    } else {
        json::schema()
    };
    let schema = schema.map_err(|error| Failure::usage(format!("JSON Schema: {error}")))?;
    common::write(&schema, None)?;
    Ok(Status::Clean)
}
