//! The JSON document in lines, one object a line, for programs that read it piece by piece.

use std::io::{self, Write};

use serde::Serialize;

use crate::analysis::snapshot::{Capture, Kernel, Snapshot, Tool};

/// A line: an object of the document, and which of its lists it is from.
#[derive(Serialize)]
struct Line<'a, T> {
    r#type: &'static str,
    #[serde(flatten)]
    object: &'a T,
}

/// What comes first.
#[derive(Serialize)]
pub(super) struct Head<'a> {
    schema_version: &'a str,
    tool: &'a Tool,
    kernel: &'a Kernel,
    capture: &'a Capture,
}

impl<'a> Head<'a> {
    pub(super) fn of(snapshot: &'a Snapshot) -> Self {
        Self {
            schema_version: &snapshot.schema_version,
            tool: &snapshot.tool,
            kernel: &snapshot.kernel,
            capture: &snapshot.capture,
        }
    }
}

/// The whole document: its head, what is referred to, what refers to it.
///
/// # Errors
/// When it cannot be written.
pub fn write(snapshot: &Snapshot, mut out: impl Write) -> io::Result<()> {
    lines(&mut out, "report", &[Head::of(snapshot)])?;
    lines(&mut out, "lock", &snapshot.locks)?;
    lines(&mut out, "window", &snapshot.windows)?;
    lines(&mut out, "source", &snapshot.sources)?;
    lines(&mut out, "dependency", &snapshot.dependencies)?;
    lines(&mut out, "notifier", &snapshot.notifiers)?;
    lines(&mut out, "wait", &snapshot.waits)?;
    lines(&mut out, "waited", &snapshot.waited)?;
    lines(&mut out, "contention", &snapshot.contention)?;
    lines(&mut out, "finding", &snapshot.findings)?;
    lines(&mut out, "break", &snapshot.breaks)?;
    lines(&mut out, "suppressed", &snapshot.suppressed)
}

fn lines<T: Serialize>(out: &mut impl Write, r#type: &'static str, objects: &[T]) -> io::Result<()> {
    for object in objects {
        serde_json::to_writer(&mut *out, &Line { r#type, object })?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
