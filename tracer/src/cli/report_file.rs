//! A report on disk that is replaced as a whole: whoever reads it, or finds it after a power cut, finds a complete one.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use thiserror::Error;

/// A report file cannot be written.
#[derive(Debug, Error)]
#[error("{}: {source}", path.display())]
pub struct ReportFileError {
    path: PathBuf,
    source: io::Error,
}

/// A report file. It belongs to its owner alone (0600), and a link in its place is replaced, not followed.
#[derive(Debug)]
pub struct ReportFile {
    path: PathBuf,
}

impl ReportFile {
    /// Checks that a file can be made there, and leaves nothing behind.
    ///
    /// # Errors
    /// When it cannot.
    pub fn create(path: &Path) -> Result<Self, ReportFileError> {
        let file = Self { path: path.to_owned() };
        if path.is_dir() {
            return Err(file.error(io::ErrorKind::IsADirectory.into()));
        }
        // What stands there is replaced: a device, or its link, has to stay.
        let is_special = path.metadata().is_ok_and(|there| !there.is_file());
        if is_special || path.parent() == Some(Path::new("/dev")) {
            let message = "is no regular file, and would be replaced by one";
            return Err(file.error(io::Error::new(io::ErrorKind::InvalidInput, message)));
        }
        file.temporary()?;
        Ok(file)
    }

    /// Puts `text` in the place of what was there.
    ///
    /// # Errors
    /// When it cannot be written; what was there is then still there.
    pub fn replace(&mut self, text: &str) -> Result<(), ReportFileError> {
        let mut file = self.temporary()?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.as_file().sync_all())
            .map_err(|source| self.error(source))?;
        file.persist(&self.path).map_err(|error| self.error(error.error))?;
        Ok(())
    }

    /// A file with a name of its own beside the report, readable by its owner alone.
    fn temporary(&self) -> Result<tempfile::NamedTempFile, ReportFileError> {
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        tempfile::Builder::new()
            .prefix(".tracer-")
            .tempfile_in(folder)
            .map_err(|source| self.error(source))
    }

    fn error(&self, source: io::Error) -> ReportFileError {
        ReportFileError {
            path: self.path.clone(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn a_report_is_private_and_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        let mut file = ReportFile::create(&path).unwrap();
        assert!(!path.exists(), "opening must not leave an empty report");
        file.replace("first").unwrap();
        file.replace("second").unwrap();
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
        ReportFile::create(&link).unwrap().replace("report").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        assert_eq!(fs::read_to_string(&link).unwrap(), "report");
    }

    #[test]
    fn a_device_is_not_replaced() {
        for device in ["/dev/null", "/dev/stdout"] {
            let error = ReportFile::create(Path::new(device)).unwrap_err().to_string();
            assert!(error.ends_with("would be replaced by one"), "{error}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = ReportFile::create(Path::new("/nonexistent/report.json")).unwrap_err();
        assert!(error.to_string().starts_with("/nonexistent/report.json: "), "{error}");
    }
}
