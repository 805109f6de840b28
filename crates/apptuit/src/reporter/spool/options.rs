//! What a spool is told before it is opened.

use std::path::{Path, PathBuf};
use std::time::Duration;

const MAX_BYTES: u64 = 1 << 30;
const MAX_AGE: Duration = Duration::from_hours(7 * 24);
const MIN_FREE_BYTES: u64 = 256 << 20;

/// Where batches are kept that cannot be delivered, and how many.
///
/// ```
/// use std::time::Duration;
///
/// use apptuit::reporter::SpoolOptions;
///
/// let spool = SpoolOptions::new("/var/spool/shop")
///     .max_bytes(64 << 20)
///     .max_age(Duration::from_hours(48))
///     .min_free_bytes(1 << 30);
/// # let _ = spool;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolOptions {
    pub(super) directory: PathBuf,
    pub(super) max_bytes: u64,
    pub(super) max_age: Duration,
    pub(super) min_free_bytes: u64,
}

impl SpoolOptions {
    /// A spool in this directory, which is made if it is missing. Several processes, endpoints and
    /// tokens may share it.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            max_bytes: MAX_BYTES,
            max_age: MAX_AGE,
            min_free_bytes: MIN_FREE_BYTES,
        }
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The most bytes that one process keeps; beyond it the oldest batches are dropped, with
    /// [`DropReason::SpoolFull`](super::super::DropReason::SpoolFull). Default: 1 GiB.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// How old points may become here; older ones are dropped, with
    /// [`DropReason::TooOld`](super::super::DropReason::TooOld). Default: seven days.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// The bytes of the disk that stay free for others. While there are fewer, nothing is written,
    /// and batches wait in memory as without a spool. Default: 256 MiB.
    #[must_use]
    pub fn min_free_bytes(mut self, bytes: u64) -> Self {
        self.min_free_bytes = bytes;
        self
    }
}
