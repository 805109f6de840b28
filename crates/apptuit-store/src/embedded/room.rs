//! Room in the write-ahead file of SQLite, made before it is needed.
//!
//! A file that grows is synced with the tables of the file system, and waits for whatever else they
//! are written for; one that is written over is synced alone. SQLite writes its file over once it
//! has been as long as it gets. So that the first commits need not wait for that, the file is
//! lengthened with zeros, which no reader of it takes for a frame.

use std::fs::OpenOptions;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::schema;

/// How much longer the file is made at a time.
const STEP: &[u8] = &[0; 1 << 20];
/// Room that is left for the next commit.
const SPARE: u64 = 256 << 10;

/// The write-ahead file beside a database, and how long it is.
#[derive(Debug)]
pub(super) struct Room {
    file: PathBuf,
    bytes: u64,
}

impl Room {
    pub(super) fn beside(database: &Path) -> Self {
        Self { file: schema::write_ahead_file(database), bytes: 0 }
    }

    /// Makes the file longer if the next commit could need that, but no longer than `most`.
    pub(super) fn after(&mut self, used: u64, most: u64) {
        if used + SPARE > self.bytes && used < most {
            // SQLite makes the room it does not find, and tells why it cannot.
            self.bytes = self.lengthen(used).unwrap_or(u64::MAX);
        }
    }

    /// The file may have been cut since.
    pub(super) fn forget(&mut self) {
        self.bytes = 0;
    }

    fn lengthen(&self, used: u64) -> io::Result<u64> {
        let mut file = OpenOptions::new().write(true).open(&self.file)?;
        let length = file.seek(SeekFrom::End(0))?;
        if used + SPARE <= length {
            return Ok(length);
        }
        file.write_all(STEP)?;
        Ok(length + STEP.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_file_is_ahead_of_what_is_used_and_keeps_its_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("points.sqlite");
        let mut room = Room::beside(&database);
        room.after(1, 1 << 24);
        let wal = folder.path().join("points.sqlite-wal");
        assert!(!wal.exists(), "it is SQLite that makes the file");
        fs::write(&wal, b"frames").expect("the disk works");
        let mut room = Room::beside(&database);
        for used in (6..=4 << 20).step_by(100_000) {
            room.after(used, 2 << 20);
            let bytes = fs::metadata(&wal).expect("a file").len();
            assert!(bytes >= (used + SPARE).min(2 << 20) && bytes < 4 << 20, "{bytes} of {used}");
        }
        let held = fs::read(&wal).expect("the disk works");
        assert!(held.starts_with(b"frames") && held[6..].iter().all(|byte| *byte == 0));
        fs::write(&wal, b"").expect("the disk works");
        room.forget();
        room.after(0, 2 << 20);
        assert_eq!(fs::metadata(&wal).expect("a file").len(), 1 << 20);
    }
}
