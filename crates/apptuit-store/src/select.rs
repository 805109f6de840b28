//! What a reader asks for, and how much it may read.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use apptuit_model::{Step, TimeSeries, TimeSeriesName, Timestamp};

use crate::StoreError;
pub use crate::embedded::Summary;

/// Answers whether the reader has gone; see [`ReadLimits::cancelled`].
pub type Cancelled = Arc<dyn Fn() -> bool + Send + Sync>;

/// How much one [`select`](crate::Store::select) or [`scan`](crate::Store::scan) may read.
#[derive(Clone)]
pub struct ReadLimits {
    /// The most series with points in the range.
    pub max_series: usize,
    /// The most points of all these series together.
    pub max_points: usize,
    /// Asked again and again while there is something to read; when it answers `true`, reading ends
    /// with [`StoreError::Cancelled`].
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

/// Series that a store has selected, to be read one by one, perhaps by several threads. What is read
/// is what was there when they were selected.
pub trait Scan: Send + Sync + fmt::Debug {
    /// The number of series.
    fn series(&self) -> usize;

    /// The name of a series, which is numbered from 0.
    fn name(&self, n: usize) -> &TimeSeriesName;

    /// About how much [`read`](Self::read) with this `step` looks at, of all series together.
    fn estimate(&self, step: Option<Step>) -> Estimate;

    /// Hands the points of a series to `take`, ascending strictly in time, in pieces of any size,
    /// until there are no more or `take` breaks. With a `step`, points that lie in one step of the
    /// grid, which is counted from the epoch, may come as their summary.
    ///
    /// # Errors
    ///
    /// The points are damaged: [`StoreError::Corrupt`] says where.
    fn read(
        &self,
        n: usize,
        step: Option<Step>,
        take: &mut TakePiece<'_>,
    ) -> Result<(), StoreError>;
}

/// Series that stand in memory.
#[derive(Debug)]
pub(crate) struct Selected(pub(crate) Vec<TimeSeries>);

impl Scan for Selected {
    fn series(&self) -> usize {
        self.0.len()
    }

    fn name(&self, n: usize) -> &TimeSeriesName {
        self.0.get(n).expect("there are that many series").name()
    }

    fn estimate(&self, _step: Option<Step>) -> Estimate {
        let points = self.0.iter().map(|series| series.len() as u64).sum();
        Estimate { series: self.0.len() as u64, points, summed_up: 0 }
    }

    fn read(
        &self,
        n: usize,
        _step: Option<Step>,
        take: &mut TakePiece<'_>,
    ) -> Result<(), StoreError> {
        let series = self.0.get(n).expect("there are that many series");
        let _: ControlFlow<()> = take(Piece::Points(series.timestamps(), series.values()));
        Ok(())
    }
}

/// Takes a piece of a series.
pub type TakePiece<'a> = dyn FnMut(Piece<'_>) -> ControlFlow<()> + 'a;

/// Points of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Piece<'a> {
    /// Instants, and as many values.
    Points(&'a [Timestamp], &'a [f64]),
    /// What is known of points, all of them finite.
    Summary(&'a Summary),
}

/// About how much there is to read. The points of a chunk that is not all in the range count as if
/// they were evenly spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Series that may have points in the range.
    pub series: u64,
    /// Points that are looked at one by one.
    pub points: u64,
    /// Points that are known by a summary.
    pub summed_up: u64,
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
    /// Points kept: one for each series and timestamp. One that was written again may count twice
    /// until chunks are merged.
    pub points: u64,
    /// Appends acknowledged since the store was opened.
    pub appends: u64,
    /// Commits they took. Appends that wait together share one.
    pub commits: u64,
    /// Bytes of the file, with what is free in it, and without its write-ahead file.
    pub file_bytes: u64,
    /// Bytes of the points in the file that are in no chunk yet.
    pub ahead_bytes: u64,
    /// Bytes of the packed points in memory that are in no chunk yet.
    pub head_bytes: u64,
    /// Chunks made of points in memory since the store was opened.
    pub chunks_made: u64,
    /// How long that took, in whole milliseconds of each piece of work.
    pub chunks_time: Duration,
    /// Chunks that others have taken the place of since the store was opened.
    pub chunks_merged: u64,
    /// How often work in the background failed since the store was opened, to be tried again.
    pub chores_failed: u64,
}
