//! Files that tell of a kernel's inside: they belong to their owner alone, and a link in their place is replaced, not followed.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
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

    /// A file that grows: it is in the place of what was there from now on.
    ///
    /// # Errors
    /// When it cannot be made; what was there is then still there.
    pub fn begin(&self) -> Result<File, PrivateFileError> {
        let file = self.temporary()?;
        file.persist(&self.path).map_err(|error| self.error(error.error))
    }

    /// Puts what `write` writes in the place of what was there, as a whole: whoever reads it, or finds it after a power cut, finds a complete file.
    ///
    /// # Errors
    /// When it cannot be written; what was there is then still there.
    pub fn replace(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), PrivateFileError> {
        let file = self.temporary()?;
        let written = || {
            let mut buffered = BufWriter::new(file.as_file());
            write(&mut buffered)?;
            buffered.flush()?;
            file.as_file().sync_all()
        };
        written().map_err(|source| self.error(source))?;
        file.persist(&self.path).map_err(|error| self.error(error.error))?;
        Ok(())
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
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn replace(place: &Place, text: &str) {
        place.replace(|file| file.write_all(text.as_bytes())).unwrap();
    }

    #[test]
    fn a_file_is_private_and_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        let place = Place::new(&path).unwrap();
        assert!(!path.exists(), "to ask must not leave an empty file");
        replace(&place, "first");
        replace(&place, "second");
        assert_eq!(fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing temporary stays"
        );
    }

    #[test]
    fn a_link_is_replaced_and_its_target_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("precious"), folder.path().join("report"));
        fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        replace(&Place::new(&link).unwrap(), "report");
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        assert_eq!(fs::read_to_string(&link).unwrap(), "report");
    }

    #[test]
    fn a_file_that_grows_is_there_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("precious"), folder.path().join("lines"));
        fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let mut file = Place::new(&link).unwrap().begin().unwrap();
        for text in ["first", "second"] {
            file.write_all(text.as_bytes()).unwrap();
            assert!(fs::read_to_string(&link).unwrap().ends_with(text));
        }
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        assert_eq!(fs::metadata(&link).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_was_there_stays_when_the_new_one_fails() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        let place = Place::new(&path).unwrap();
        replace(&place, "first");
        let full = place.replace(|file| {
            file.write_all(b"half")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(full.unwrap_err().to_string().starts_with(path.to_str().unwrap()));
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
    }

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
