//! A recording on disk.

use std::{
    fs::File,
    io::{self, Seek as _, SeekFrom},
    sync::mpsc::{self, SyncSender},
    thread,
};

use super::{Header, Storage, Writer};
use crate::private_file::{Place, PrivateFileError};

/// The file of a recording. What is written is the kernel's at once, so it survives the end of this process; a thread of its own asks the kernel to put
/// it on the disk, because that may take long, and the ring has to be emptied meanwhile.
pub struct RecordingFile {
    file: File,
    /// Wakes that thread; none where it could not be started.
    sync: Option<SyncSender<()>>,
}

impl RecordingFile {
    /// Begins a recording of at most `limit` bytes with its header, in the place of what was there.
    ///
    /// # Errors
    /// When it cannot be written; what was there is then still there.
    pub fn begin(place: &Place, header: &Header, limit: u64) -> Result<Writer<Self>, PrivateFileError> {
        let failed = |source| place.error(source);
        let file = place.temporary()?;
        let recording = Self {
            sync: syncer(file.as_file().try_clone().map_err(failed)?),
            file: file.as_file().try_clone().map_err(failed)?,
        };
        let writer = Writer::new(recording, header, limit).map_err(failed)?;
        file.persist(place.path()).map_err(|error| failed(error.error))?;
        Ok(writer)
    }
}

/// A thread that puts a file on the disk whenever it is asked to. What is asked while it does so is done once, afterwards.
fn syncer(file: File) -> Option<SyncSender<()>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let work = move || {
        while receiver.recv().is_ok() {
            // What cannot be put on the disk is said by the next write, if it matters.
            let _ = file.sync_data();
        }
    };
    let thread = thread::Builder::new().name("tracer-sync".to_owned());
    thread.spawn(work).is_ok().then_some(sender)
}

impl io::Write for RecordingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Storage for RecordingFile {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.seek(SeekFrom::Start(length)).map(|_| ())
    }

    fn sync(&mut self) {
        if let Some(sync) = &self.sync {
            // It is asked already.
            let _ = sync.try_send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::{super::tests::header, *};

    #[test]
    fn a_recording_is_private_and_replaces_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("precious"), folder.path().join("trace.rec"));
        fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let place = Place::new(&link).unwrap();
        assert!(link.is_symlink(), "nothing happens before it begins");
        let mut writer = RecordingFile::begin(&place, &header(), u64::MAX).unwrap();
        assert!(writer.flush().is_none());
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        assert!(!link.is_symlink());
        assert_eq!(fs::metadata(&link).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            2,
            "nothing temporary stays"
        );
    }
}
