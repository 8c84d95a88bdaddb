//! Files that tell of a kernel's inside: they belong to their owner alone, and a link in their place is replaced, not followed.

use std::{
    io,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;
use thiserror::Error;

/// A file cannot be written.
#[derive(Debug, Error)]
#[error("{}: {source}", path.display())]
pub struct PrivateFileError {
    path: PathBuf,
    source: io::Error,
}

/// Where such a file can be made.
#[derive(Clone, Debug)]
pub struct Place {
    path: PathBuf,
}

impl Place {
    /// Checks that a file can be made there, and leaves nothing behind.
    ///
    /// # Errors
    /// When it cannot.
    pub fn new(path: &Path) -> Result<Self, PrivateFileError> {
        let place = Self { path: path.to_owned() };
        if path.is_dir() {
            return Err(place.error(io::ErrorKind::IsADirectory.into()));
        }
        // What stands there is replaced: a device, or its link, has to stay.
        let is_special = path.metadata().is_ok_and(|there| !there.is_file());
        if is_special || path.parent() == Some(Path::new("/dev")) {
            let message = "is no regular file, and would be replaced by one";
            return Err(place.error(io::Error::new(io::ErrorKind::InvalidInput, message)));
        }
        place.temporary()?;
        Ok(place)
    }

    /// The path that the user gave.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file with a name of its own beside it (0600); it is gone when it is dropped. Its `persist()` puts it in the place of what was there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn temporary(&self) -> Result<NamedTempFile, PrivateFileError> {
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        tempfile::Builder::new()
            .prefix(".tracer-")
            .tempfile_in(folder)
            .map_err(|source| self.error(source))
    }

    /// An error with the path in it.
    pub fn error(&self, source: io::Error) -> PrivateFileError {
        PrivateFileError {
            path: self.path.clone(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_not_replaced() {
        for device in ["/dev/null", "/dev/stdout"] {
            let error = Place::new(Path::new(device)).unwrap_err().to_string();
            assert!(error.ends_with("would be replaced by one"), "{error}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = Place::new(Path::new("/nonexistent/report.json")).unwrap_err();
        assert!(error.to_string().starts_with("/nonexistent/report.json: "), "{error}");
    }
}
