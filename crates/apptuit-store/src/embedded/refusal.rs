//! What the operating system has against a file, where SQLite does not say.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::IntoRawFd as _;
use std::path::Path;
use std::sync::Arc;

use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_LOCK;

use super::schema;

/// What SQLite reported, in words that help.
pub(super) fn cause(file: &Path, error: rusqlite::Error) -> Arc<dyn Error + Send + Sync> {
    // A file that can only be read cannot be locked for writing.
    let not_locked =
        error.sqlite_error().map(|error| error.extended_code) == Some(SQLITE_IOERR_LOCK);
    match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => of_the_system(file, error),
        Some(ErrorCode::SystemIoFailure) if not_locked => of_the_system(file, error),
        // A full disk is one code of SQLite, a quota that is used up is this one.
        Some(ErrorCode::SystemIoFailure) => {
            Arc::from(Box::from(format!("{error}; is the disk full, or failing?")))
        }
        _ => Arc::new(error),
    }
}

/// What the system says to what SQLite could not do, or what SQLite said.
fn of_the_system(file: &Path, error: rusqlite::Error) -> Arc<dyn Error + Send + Sync> {
    match retried(file) {
        Some(reason) => Arc::new(reason),
        None => Arc::new(error),
    }
}

fn retried(file: &Path) -> Option<io::Error> {
    if file.is_dir() {
        return Some(ErrorKind::IsADirectory.into());
    }
    let refused = |path: &Path| match File::create_new(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Some(error),
        _ => None,
    };
    // Were it closed again, the lock of another store of this process on it would end.
    let writing = || OpenOptions::new().write(true).open(file).map(File::into_raw_fd).err();
    refused(file).or_else(writing).or_else(|| refused(&schema::write_ahead_file(file)))
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn told(file: &Path, code: i32) -> String {
        cause(file, rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)).to_string()
    }

    #[test]
    fn a_disk_that_cannot_be_written_may_be_full() {
        for code in [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_SHMSIZE] {
            let told = told(Path::new("points.sqlite"), code);
            assert!(told.ends_with("; is the disk full, or failing?"), "{told}");
        }
        assert!(told(Path::new("points.sqlite"), ffi::SQLITE_FULL).contains("full"));
    }

    #[test]
    fn what_cannot_be_written_or_locked_has_the_reason_of_the_system() {
        let file = Path::new("/none/points.sqlite");
        for code in [ffi::SQLITE_READONLY, ffi::SQLITE_READONLY_DIRECTORY, ffi::SQLITE_IOERR_LOCK] {
            let told = told(file, code);
            assert!(told.starts_with("No such file or directory"), "{told}");
        }
    }

    #[test]
    fn what_cannot_be_opened_has_the_reason_of_the_system() {
        let folder = tempfile::tempdir().expect("a folder");
        let told = |name: &str| told(&folder.path().join(name), ffi::SQLITE_CANTOPEN);
        assert!(told("none/points.sqlite").starts_with("No such file or directory"));
        assert_eq!(told(""), "is a directory");
        std::fs::write(folder.path().join("file"), "").expect("a file");
        assert!(told("file/points.sqlite").starts_with("Not a directory"));
        // A name of 255 bytes is the longest: the write-ahead file has none.
        let long = "n".repeat(252);
        assert!(told(&long).starts_with("File name too long"), "{}", told(&long));
    }
}
