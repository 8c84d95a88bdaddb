//! Frames with their lines in the kernel's source, where these are known.

use crate::analysis::snapshot::{Place, Snapshot};

/// A frame at this indent, ` (net/core/dev.c:123)` behind it, and below it what is inlined there, the innermost first.
pub(crate) fn frame(snapshot: &Snapshot, width: usize, indent: &str, frame: &str) -> String {
    let source = snapshot.sources.iter().find(|source| source.frame == frame);
    let Some((own, inlined)) = source.and_then(|source| source.places.split_last()) else {
        return format!("{indent}{frame}\n");
    };
    let mut out = joined(width, indent, frame, &format!("({})", line(own)));
    for place in inlined {
        let function = format!("(inlined) {}", place.function);
        out.push_str(&joined(
            width,
            &format!("{indent}  "),
            &function,
            &format!("at {}", line(place)),
        ));
    }
    out
}

fn line(place: &Place) -> String {
    format!("{}:{}", place.file, place.line)
}

/// Both on one line where they fit.
fn joined(width: usize, indent: &str, what: &str, place: &str) -> String {
    let one = format!("{indent}{what} {place}");
    if one.chars().count() <= width {
        one + "\n"
    } else {
        format!("{indent}{what}\n{indent}  {place}\n")
    }
}
