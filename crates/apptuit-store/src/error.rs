//! What went wrong, and what that says about the data.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use apptuit_model::Timestamp;

use crate::IdempotencyKey;

/// Why a store could not do what was asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// The file is damaged. What is there was not passed on, and not written to.
    Corrupt {
        /// The database.
        file: PathBuf,
        /// Where in it: a row, and the byte in it where one is to blame.
        at: String,
        /// What is wrong there.
        what: String,
    },
    /// The file is not a store of ours. It was not touched.
    NotAStore {
        /// The file.
        file: PathBuf,
        /// What it is instead.
        what: String,
    },
    /// A newer version of this program wrote the file. It was not touched.
    VersionTooNew {
        /// The database.
        file: PathBuf,
        /// Its schema version.
        found: u32,
        /// The newest one this program knows.
        known: u32,
    },
    /// Another store, in this process or in another one, has the file open.
    InUse {
        /// The database.
        file: PathBuf,
    },
    /// An earlier write failed, so the store takes no more until it is opened again. Everything
    /// acknowledged is safe, and can be read.
    Poisoned {
        /// When that write failed.
        since: Timestamp,
        /// How it failed.
        cause: String,
    },
    /// The store was closed.
    Closed,
    /// A name is new, and the store has as many series as it may.
    TooManySeries {
        /// The most series.
        limit: usize,
    },
    /// Too much waits to be written. Nothing was kept; a later try may succeed.
    Busy,
    /// Other points were kept under this key. Nothing was kept.
    KeyReused {
        /// The key.
        key: IdempotencyKey,
    },
    /// Parts of these points were kept under their own keys. Nothing was kept; the other parts will be.
    PartsKept {
        /// The key of the whole.
        key: IdempotencyKey,
    },
    /// The operating system or the disk refused.
    Io {
        /// What was being done: "open", "commit points to".
        doing: &'static str,
        /// The database.
        file: PathBuf,
        /// What was reported; also behind [`source`](Error::source).
        source: Arc<dyn Error + Send + Sync>,
    },
    /// There is more to read than the reader allowed.
    LimitExceeded {
        /// Which limit, with its number.
        what: String,
    },
    /// The reader has gone.
    Cancelled,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { file, at, what } => {
                write!(f, "`{}` is damaged at {at}: {what}", file.display())
            }
            Self::NotAStore { file, what } => {
                write!(f, "`{}` is not a store of points: it is {what}", file.display())
            }
            Self::VersionTooNew { file, found, known } => write!(
                f,
                "`{}` has schema version {found}, which a newer program wrote; this one knows \
                 versions up to {known}",
                file.display()
            ),
            Self::InUse { file } => {
                write!(f, "`{}` is in use by another store or process", file.display())
            }
            Self::Poisoned { since, cause } => write!(
                f,
                "writes are refused until the store is opened again, since one failed at {since}: \
                 {cause}"
            ),
            Self::Closed => f.write_str("the store is closed"),
            Self::TooManySeries { limit } => {
                write!(f, "the store has `{limit}` series, and takes no new ones")
            }
            Self::Busy => f.write_str("too much waits to be written, try again later"),
            Self::KeyReused { key } => {
                write!(f, "idempotency key `{key}` was used for other points")
            }
            Self::PartsKept { key } => write!(
                f,
                "parts of the points of idempotency key `{key}` were kept under their own keys, send \
                 the halves"
            ),
            Self::Io { doing, file, source } => {
                write!(f, "cannot {doing} `{}`: {source}", file.display())
            }
            Self::LimitExceeded { what } => f.write_str(what),
            Self::Cancelled => f.write_str("reading was cancelled"),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(&**source),
            _ => None,
        }
    }
}
