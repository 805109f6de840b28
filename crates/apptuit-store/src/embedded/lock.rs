//! That a database has one store at a time: a lock on a file beside it.
//!
//! SQLite's own locks let several write in turns. That is right for readers of the file and wrong
//! for a second store, which would not see what the first holds in memory.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::io;
use crate::StoreError;

/// Held until it is dropped, or the process ends in any way.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a database. The file of the lock stays when it is let go: it says nothing,
    /// and to remove it could leave two stores with a lock each.
    pub(super) fn take(database: &Path) -> Result<Self, StoreError> {
        let open = File::options().create(true).truncate(false).write(true).open(beside(database));
        let file = open.map_err(|error| io(database, "open", error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse { file: database.to_owned() }),
            Err(TryLockError::Error(error)) => Err(io(database, "lock", error)),
        }
    }
}

fn beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-lock");
    name.into()
}
