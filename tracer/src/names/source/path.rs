//! Names of source files: from the top of the kernel's source, as scripts/decode_stacktrace.sh has them.

use std::path::{Component, Path, PathBuf};

/// The same name without `.` and `..`: Debian builds in a folder below the source.
pub(super) fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

/// The name below `top`, or as it is where it is elsewhere (a module that is built outside of the kernel).
pub(super) fn below(top: Option<&Path>, path: &Path) -> String {
    let path = plain(path);
    let inside = top.and_then(|top| path.strip_prefix(top).ok());
    inside.unwrap_or(&path).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_the_build_is_no_part_of_a_name() {
        let top = Some(Path::new("/build/linux"));
        for (path, expected) in [
            ("/build/linux/net/core/dev.c", "net/core/dev.c"),
            ("/build/linux/./include/linux/mutex.h", "include/linux/mutex.h"),
            ("/build/linux/drivers/net/../../lib/x.c", "lib/x.c"),
            ("/home/me/dlock/core.c", "/home/me/dlock/core.c"),
            ("debian/build/amd64/../../../mm/mmap.c", "mm/mmap.c"),
            ("../x.c", "../x.c"),
        ] {
            assert_eq!(below(top, Path::new(path)), expected);
        }
    }
}
