//! A report on disk that is replaced as a whole: whoever reads it, or finds it after a power cut, finds a complete one.

use std::{io::Write as _, path::Path};

use crate::private_file::{Place, PrivateFileError};

/// A report file.
#[derive(Debug)]
pub struct ReportFile {
    place: Place,
}

impl ReportFile {
    /// Checks that a file can be made there, and leaves nothing behind.
    ///
    /// # Errors
    /// When it cannot.
    pub fn create(path: &Path) -> Result<Self, PrivateFileError> {
        Ok(Self {
            place: Place::new(path)?,
        })
    }

    /// Puts `text` in the place of what was there.
    ///
    /// # Errors
    /// When it cannot be written; what was there is then still there.
    pub fn replace(&mut self, text: &str) -> Result<(), PrivateFileError> {
        let mut file = self.place.temporary()?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.as_file().sync_all())
            .map_err(|source| self.place.error(source))?;
        file.persist(self.place.path())
            .map_err(|error| self.place.error(error.error))?;
        Ok(())
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
}
