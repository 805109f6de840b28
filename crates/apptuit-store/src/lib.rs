//! Points on disk that survive a crash.
//!
//! What an [`EmbeddedStore`] promises:
//!
//! * [`append`](Store::append) returns once its points are on disk. It keeps all of them or none.
//! * What was acknowledged is there after a crash of the process or a loss of power.
//! * Values come back bit by bit. For one series and timestamp the last write wins.
//! * A reader sees what was acknowledged before it asked, and never what a crash could take back.
//! * A damaged row is found and named, when the file is opened or when the row is read, and never
//!   passed on as data. [`check`] finds all there are.
//! * After a write has failed, the store refuses others until it is opened again: what the disk
//!   then holds is known only by reading it.
//!
//! ```
//! use apptuit_model::{DataPoint, Selector, TimeRange, Timestamp};
//! use apptuit_store::{EmbeddedStore, ReadLimits, Store, StoreOptions};
//!
//! let folder = tempfile::tempdir()?;
//! let store = EmbeddedStore::open(&folder.path().join("points.sqlite"), StoreOptions::default())?;
//! store.append_points(&[DataPoint::new("room.celsius", Timestamp::from_secs(60), 21.5)])?;
//!
//! let selector = Selector::metric("room.celsius");
//! let found = store.select(&selector, TimeRange::ALL, &ReadLimits::UNLIMITED)?;
//! assert_eq!(found.expect("a point was kept")[0].values(), [21.5]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]
// The file is little-endian, and its bytes are not to be trusted.
#![deny(clippy::indexing_slicing, clippy::big_endian_bytes, clippy::host_endian_bytes)]

use std::fmt::Debug;

use apptuit_model::{DataPoint, Selector, Step, TimeRange, TimeSeries, TimeSeriesName};

mod embedded;
mod error;
mod options;
mod points;
mod select;

#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub use embedded::chunk::hostile::chunk as fuzz_chunk;
pub use embedded::{Check, EmbeddedStore, Finding, backup, check};
pub use error::StoreError;
pub use options::{OnTrouble, StoreOptions, WallClock};
pub use points::{IdempotencyKey, Kept, Points, SeriesId};
use select::Selected;
pub use select::{
    Cancelled, Estimate, Piece, ReadLimits, Scan, StoreStats, Suggest, Summary, TakePiece,
};

/// Told what became of an append. The thread that writes tells it, so it must not block.
pub type Answer = Box<dyn FnOnce(Result<Kept, StoreError>) + Send>;

/// Somewhere points are kept. It is shared by threads as it is.
pub trait Store: Send + Sync + Debug {
    /// The number of the series of this name, which is made up if there is none.
    ///
    /// Nobody sees a new series, and no disk knows of it, before points of it are kept.
    ///
    /// # Errors
    ///
    /// The series is new, and there are as many as may be: [`StoreError::TooManySeries`].
    fn series(&self, name: &TimeSeriesName) -> Result<SeriesId, StoreError>;

    /// Keeps all points, or none, and returns once they are durable.
    ///
    /// A later value for the same series and timestamp replaces the earlier one; in one call the
    /// later in `points` is the later. With a `key`, points that were kept under it within the last
    /// 24 hours are not kept again.
    ///
    /// # Errors
    ///
    /// The points could not be written, or the store takes no more: it is poisoned or closed. After
    /// [`StoreError::Io`] it is unknown until the store is opened again whether they are kept.
    /// [`StoreError::Busy`] says that too much waits to be written and a later try may succeed;
    /// [`StoreError::KeyReused`] that other points were kept under the key.
    ///
    /// # Panics
    ///
    /// A number was not given by this store.
    fn append(&self, points: &Points, key: Option<&IdempotencyKey>) -> Result<Kept, StoreError>;

    /// Begins to keep all points, or none, as [`append`](Self::append) does, and does not wait: `then`
    /// is told what became of them, by the thread that writes, which it must not hold up.
    ///
    /// # Errors
    ///
    /// As of [`append`](Self::append), where it can be told at once. Nobody is told then: `then` is
    /// dropped, as it is if the store ends before it answers.
    ///
    /// # Panics
    ///
    /// As of [`append`](Self::append).
    fn append_then(
        &self,
        points: &Points,
        key: Option<&IdempotencyKey>,
        then: Answer,
    ) -> Result<(), StoreError>;

    /// Keeps all points, or none, as [`append`](Self::append) does, after their names have been
    /// looked up.
    ///
    /// # Errors
    ///
    /// As of [`series`](Self::series) and [`append`](Self::append).
    fn append_points(&self, points: &[DataPoint]) -> Result<(), StoreError> {
        let mut columns = Points::default();
        for point in points {
            columns.push(self.series(point.name())?, point.timestamp(), point.value());
        }
        self.append(&columns, None).map(|_| ())
    }

    /// The series `selector` means, each with its points in `range`, strictly increasing in time.
    ///
    /// Series come in the order of their first appearance; those without points in `range` are left
    /// out. `None` if no series of the metric was ever kept.
    ///
    /// # Errors
    ///
    /// There is more to read than `limits` allow, or they say that the reader has gone.
    fn select(
        &self,
        selector: &Selector,
        range: TimeRange,
        limits: &ReadLimits,
    ) -> Result<Option<Vec<TimeSeries>>, StoreError>;

    /// The same series, to be read one by one, and perhaps some that have no points in `range` but
    /// before and after it. `None` if no series of the metric was ever kept.
    ///
    /// By default what [`select`](Self::select) gives.
    ///
    /// # Errors
    ///
    /// There is more to read than `limits` allow, as far as that is known without reading points, or
    /// they say that the reader has gone.
    fn scan(
        &self,
        selector: &Selector,
        range: TimeRange,
        limits: &ReadLimits,
    ) -> Result<Option<Box<dyn Scan>>, StoreError> {
        let found = self.select(selector, range, limits)?;
        Ok(found.map(|series| Box::new(Selected(series)) as Box<dyn Scan>))
    }

    /// About how much [`scan`](Self::scan) would find, and [`Scan::read`] with this `step` look at.
    /// `None` if no series of the metric was ever kept.
    ///
    /// By default it is found by a scan.
    ///
    /// # Errors
    ///
    /// The store cannot be read, or `limits` say that the reader has gone; nothing else in them
    /// counts.
    fn estimate(
        &self,
        selector: &Selector,
        range: TimeRange,
        step: Option<Step>,
        limits: &ReadLimits,
    ) -> Result<Option<Estimate>, StoreError> {
        let unlimited = ReadLimits { cancelled: limits.cancelled.clone(), ..ReadLimits::UNLIMITED };
        let scan = self.scan(selector, range, &unlimited)?;
        Ok(scan.map(|scan| scan.estimate(step)))
    }

    /// At most `max` of the texts that begin with `prefix`, sorted by their bytes.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    fn suggest(
        &self,
        what: Suggest<'_>,
        prefix: &str,
        max: usize,
    ) -> Result<Vec<String>, StoreError>;

    /// How much is kept, and how it came.
    fn stats(&self) -> StoreStats;

    /// Ends writing: what was appended so far is written, and the file is let go.
    ///
    /// Points can still be read. A second call does nothing.
    ///
    /// # Errors
    ///
    /// The file could not be tidied up. Acknowledged points are safe nevertheless.
    fn close(&self) -> Result<(), StoreError>;
}
