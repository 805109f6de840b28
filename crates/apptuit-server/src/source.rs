//! The store as the query engine's source of series.

use std::cell::Cell;
use std::time::Duration;

use apptuit_metrics::Clock;
use apptuit_model::{Selector, TimeRange, TimeSeries};
use apptuit_query::{SeriesSource, SourceError};
use apptuit_store::{ReadLimits, Store, StoreError};

use crate::error::store_message;

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
}
