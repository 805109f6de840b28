//! What can be chosen when a store is opened.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use apptuit_model::Timestamp;

use crate::StoreError;

/// Sizes and times of an [`EmbeddedStore`](crate::EmbeddedStore).
///
/// ```
/// use apptuit_store::StoreOptions;
///
/// let small = StoreOptions { max_file_bytes: Some(1 << 30), ..StoreOptions::default() };
/// # assert_eq!(small.max_series, 10_000_000);
/// ```
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// How many bytes of points wait for the writer before the next append waits for room; one that
    /// is larger waits until it is alone. 64 MiB by default.
    pub max_queued_bytes: usize,
    /// How long an append waits for room before it is refused with
    /// [`Busy`](crate::StoreError::Busy). 5 seconds by default.
    pub patience: Duration,
    /// How many bytes of points the file may have outside of chunks before the oldest half of them
    /// goes into chunks: what is read, and so takes time, when a store is opened after a crash.
    /// 256 MiB by default.
    pub max_ahead_bytes: u64,
    /// How many bytes of chunks are kept in memory for those who read them again. 64 MiB by default.
    pub max_cached_bytes: usize,
    /// How long points are kept. Older ones go with the chunk they are in, once all of it is older.
    /// For ever by default.
    pub retention: Option<Duration>,
    /// The size of the database file, not counting what is free in it, above which the oldest points
    /// go. It is looked at every minute. Without a limit by default.
    pub retention_bytes: Option<u64>,
    /// The size the database file must not grow beyond, in bytes, rounded down to whole pages; the
    /// write-ahead file beside it comes on top. A write that needs more fails as on a full disk.
    /// Without a limit by default.
    pub max_file_bytes: Option<u64>,
    /// The most series; points of more are refused with
    /// [`TooManySeries`](crate::StoreError::TooManySeries). Those that were removed count until the
    /// store is opened again. 10 million by default.
    pub max_series: usize,
    /// Told of work in the background that fails and will be tried again. Nothing by default.
    pub on_trouble: OnTrouble,
    /// What time it is, for the age of keys and of points. [`Timestamp::now`] by default.
    pub clock: WallClock,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            max_queued_bytes: 64 << 20,
            patience: Duration::from_secs(5),
            max_ahead_bytes: 256 << 20,
            max_cached_bytes: 64 << 20,
            retention: None,
            retention_bytes: None,
            max_file_bytes: None,
            max_series: 10_000_000,
            on_trouble: OnTrouble::default(),
            clock: WallClock::default(),
        }
    }
}

/// Tells the time of day.
#[derive(Clone)]
pub struct WallClock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl WallClock {
    /// A clock that asks `now`.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl Default for WallClock {
    fn default() -> Self {
        Self::new(Timestamp::now)
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WallClock").field(&self.now()).finish()
    }
}

type Tell = dyn Fn(&StoreError) + Send + Sync;

/// Told once when work in the background fails, and again only if it fails after it went well.
///
/// An error that ends all writing is not told here: each write is refused with it.
#[derive(Clone, Default)]
pub struct OnTrouble(Option<Arc<Tell>>);

impl OnTrouble {
    /// Calls `tell`, from the thread whose work failed.
    pub fn new(tell: impl Fn(&StoreError) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    pub(crate) fn tell(&self, error: &StoreError) {
        if let Some(tell) = &self.0 {
            tell(error);
        }
    }
}

impl fmt::Debug for OnTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "OnTrouble(set)" } else { "OnTrouble(unset)" })
    }
}
