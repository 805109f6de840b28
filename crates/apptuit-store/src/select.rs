//! What a reader asks for, and how much it may read.

use std::fmt;
use std::sync::Arc;

/// Answers whether the reader has gone; see [`ReadLimits::cancelled`].
pub type Cancelled = Arc<dyn Fn() -> bool + Send + Sync>;

/// How much one [`select`](crate::Store::select) may read.
#[derive(Clone)]
pub struct ReadLimits {
    /// The most series with points in the range.
    pub max_series: usize,
    /// The most points of all these series together.
    pub max_points: usize,
    /// Asked before every series; when it answers `true`, reading ends with
    /// [`StoreError::Cancelled`](crate::StoreError::Cancelled).
    pub cancelled: Option<Cancelled>,
}

impl ReadLimits {
    /// As much as there is.
    pub const UNLIMITED: Self =
        Self { max_series: usize::MAX, max_points: usize::MAX, cancelled: None };
}

impl fmt::Debug for ReadLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadLimits")
            .field("max_series", &self.max_series)
            .field("max_points", &self.max_points)
            .field("cancelled", &self.cancelled.is_some())
            .finish()
    }
}

/// What [`suggest`](crate::Store::suggest) completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suggest<'a> {
    /// Names of metrics.
    Metrics,
    /// Keys of tags: of the series of a metric, or of all.
    TagKeys(Option<&'a str>),
    /// Values of tags.
    TagValues {
        /// Of the series of this metric, or of all.
        metric: Option<&'a str>,
        /// Of this key, or of any.
        key: Option<&'a str>,
    },
}

/// How much a store holds, and how it came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Series kept.
    pub series: u64,
    /// Points kept: one for each series and timestamp.
    pub points: u64,
    /// Appends acknowledged since the store was opened.
    pub appends: u64,
    /// Commits they took. Appends that wait together share one.
    pub commits: u64,
}
