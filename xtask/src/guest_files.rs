//! Brings the guest's `/out` to the host: a header with the length, then a gzip'd tar, on a raw disk.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// What the guest may send, packed.
pub const LIMIT: u64 = 256 << 20;

/// Makes an empty disk for the guest. It takes no space until it is written to.
pub fn prepare(disk: &Path) -> Result<()> {
    File::create(disk)?
        .set_len(LIMIT + 512)
        .context("cannot make the disk for the guest's files")
}

/// Unpacks what the guest wrote into `into`; an error when nothing or not all of it arrived.
pub fn unpack(disk: &Path, into: &Path) -> Result<()> {
    let mut file = File::open(disk)?;
    let mut header = [0; 512];
    file.read_exact(&mut header)?;
    let length = String::from_utf8_lossy(&header)
        .trim()
        .strip_prefix("lab-out ")
        .and_then(|length| length.parse::<u64>().ok())
        .filter(|length| *length <= LIMIT);
    let Some(length) = length else {
        bail!("the guest sent no files")
    };
    fs::create_dir_all(into)?;
    // gzip's checksum and length tell of damage.
    let mut tar = Command::new("tar")
        .args(["-xz", "--no-same-owner", "-C"])
        .arg(into)
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start tar")?;
    if let Some(mut input) = tar.stdin.take() {
        // Errors show in tar's exit status.
        let _ = std::io::copy(&mut file.take(length), &mut input);
    }
    if !tar.wait()?.success() {
        bail!("the guest's files arrived damaged");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn disk(dir: &Path, keep: usize) -> std::path::PathBuf {
        fs::write(dir.join("report.json"), [0_u8, 255, 10, 13].repeat(5000)).unwrap();
        let packed = Command::new("tar")
            .args(["-cz", "-C"])
            .arg(dir)
            .arg("report.json")
            .output()
            .unwrap()
            .stdout;
        let disk = dir.join("disk");
        prepare(&disk).unwrap();
        let mut file = fs::OpenOptions::new().write(true).open(&disk).unwrap();
        writeln!(file, "{:<511}", format!("lab-out {}", packed.len())).unwrap();
        file.write_all(&packed[..packed.len() * keep / 100]).unwrap();
        disk
    }

    #[test]
    fn brings_bytes_back_unchanged() {
        let dir = tempfile::tempdir().unwrap();
        let disk = disk(dir.path(), 100);
        let out = dir.path().join("out");
        unpack(&disk, &out).unwrap();
        assert_eq!(
            fs::read(out.join("report.json")).unwrap(),
            fs::read(dir.path().join("report.json")).unwrap()
        );
    }

    #[test]
    fn notices_truncation_and_silence() {
        let dir = tempfile::tempdir().unwrap();
        let cut = disk(dir.path(), 60);
        assert!(unpack(&cut, &dir.path().join("out")).is_err());
        prepare(&cut).unwrap();
        fs::write(&cut, [0; 512]).unwrap();
        assert!(unpack(&cut, &dir.path().join("out")).is_err());
    }
}
