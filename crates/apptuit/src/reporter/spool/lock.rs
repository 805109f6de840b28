//! Drawers: each process writes into one of its own, and takes over those that nobody holds.
//!
//! A spool is a directory for each identity, and in it drawers `0`, `1`, `2` …. Who holds the lock of a
//! drawer owns it, and locks end with their process however it ends. The drawers of processes that
//! are gone are used again, so there are never more than processes ran at one time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::{make_directory, trouble};
use crate::Result;

/// More processes than this do not share a spool.
const MAX_DRAWERS: u32 = 4096;

/// A drawer that is this process's as long as it lives.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) path: PathBuf,
    /// The lock ends when this is closed.
    _lock: File,
}

/// Takes the first drawer in `directory` that nobody holds, a new one if need be.
pub(super) fn take_one(directory: &Path) -> Result<Held> {
    for number in 0..MAX_DRAWERS {
        let path = directory.join(number.to_string());
        make_directory(&path).map_err(|error| trouble("make", &path, error))?;
        if let Some(held) = take(&path)? {
            return Ok(held);
        }
    }
    let error = std::io::Error::other("every drawer is in use by another process");
    Err(trouble("use", directory, error))
}

/// Takes the drawer in `path`, unless someone else has it.
pub(super) fn take(path: &Path) -> Result<Option<Held>> {
    let lock = path.join("lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&lock);
    let file = file.map_err(|error| trouble("open", &lock, error))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Held { path: path.to_owned(), _lock: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(trouble("lock", &lock, error)),
    }
}

/// The drawers of a directory, in order; none if there is no such directory.
pub(super) fn drawers(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut numbers: Vec<u32> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers.into_iter().map(|number| directory.join(number.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawer_is_held_by_one_until_it_is_let_go() {
        let directory = tempfile::tempdir().unwrap();
        let first = take_one(directory.path()).unwrap();
        let second = take_one(directory.path()).unwrap();
        assert_ne!(first.path, second.path);
        assert!(take(&first.path).unwrap().is_none());
        let path = first.path.clone();
        drop(first);
        assert_eq!(take_one(directory.path()).unwrap().path, path);
        assert_eq!(drawers(directory.path()).len(), 2);
    }
}
