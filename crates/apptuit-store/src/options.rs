//! What can be chosen when a store is opened.

/// Sizes of an [`EmbeddedStore`](crate::EmbeddedStore).
///
/// ```
/// use apptuit_store::StoreOptions;
///
/// let small = StoreOptions { max_file_bytes: Some(1 << 30), ..StoreOptions::default() };
/// # assert_eq!(small.max_queued, 64);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// How many appends wait for the writer before the next one blocks; at least 1. 64 by default.
    pub max_queued: usize,
    /// The size the database file must not grow beyond, in bytes, rounded down to whole pages; the
    /// write-ahead file beside it comes on top. A write that needs more fails as on a full disk.
    /// Without a limit by default.
    pub max_file_bytes: Option<u64>,
    /// The most series; points of more are refused with
    /// [`TooManySeries`](crate::StoreError::TooManySeries). 10 million by default.
    pub max_series: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { max_queued: 64, max_file_bytes: None, max_series: 10_000_000 }
    }
}
