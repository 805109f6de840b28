//! The store as the query engine's source of series.

use std::cell::Cell;
use std::time::Duration;

use apptuit_metrics::Clock;
use apptuit_model::{Selector, TimeRange, TimeSeries, Timestamp};
use apptuit_query::{Prospect, Request, SeriesSource, SourceError};
use apptuit_store::{ReadLimits, Store, StoreError};

use crate::error::store_message;

/// An estimate is told from this part of the time that is asked for.
const SAMPLE: i64 = 32;

/// A store that measures the time of its reads, for one query.
pub(crate) struct StoreSource<'a> {
    store: &'a dyn Store,
    limits: ReadLimits,
    clock: &'a dyn Clock,
    reads: Cell<u64>,
    elapsed: Cell<Duration>,
}

impl<'a> StoreSource<'a> {
    pub(crate) fn new(store: &'a dyn Store, limits: ReadLimits, clock: &'a dyn Clock) -> Self {
        Self { store, limits, clock, reads: Cell::new(0), elapsed: Cell::new(Duration::ZERO) }
    }

    /// How often it was read.
    pub(crate) fn reads(&self) -> u64 {
        self.reads.get()
    }

    /// How long the reads took together.
    pub(crate) fn elapsed(&self) -> Duration {
        self.elapsed.get()
    }
}

impl SeriesSource for StoreSource<'_> {
    fn select(
        &self,
        selector: &Selector,
        range: TimeRange,
    ) -> Result<Option<Vec<TimeSeries>>, SourceError> {
        let start = self.clock.now();
        let found = self.store.select(selector, range, &self.limits);
        self.reads.set(self.reads.get() + 1);
        self.elapsed.set(self.elapsed.get() + self.clock.now().saturating_sub(start));
        found.map_err(|error| match error {
            StoreError::LimitExceeded { what } => SourceError::LimitExceeded { what },
            StoreError::Cancelled => SourceError::Cancelled,
            other => SourceError::Failed { reason: store_message(&other) },
        })
    }
    /// The end of the range stands for all of it.
    fn foresee(&self, request: &Request<'_>) -> Result<Option<Prospect>, SourceError> {
        let reads = request.reads();
        let (start, end) = (reads.start().as_millis(), reads.end().as_millis());
        let first = end.saturating_sub(end.saturating_sub(start) / SAMPLE);
        let sample = TimeRange::new(Timestamp::from_millis(first), reads.end());
        let found = match self.select(request.selector, sample) {
            // A part of it is too much already, and how much all of it is remains unknown.
            Err(SourceError::LimitExceeded { .. }) => return Ok(Some(Prospect::default())),
            found => found?,
        };
        let estimate = |series: Vec<TimeSeries>| {
            let points: usize = series.iter().map(TimeSeries::len).sum();
            let points = (points as u64).saturating_mul(SAMPLE.unsigned_abs());
            let points = points.min(self.store.stats().points);
            Prospect { done: 0, series: Some(series.len() as u64), points: Some(points) }
        };
        Ok(found.map(estimate))
    }
}
