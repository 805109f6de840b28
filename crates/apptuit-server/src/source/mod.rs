//! The store as the query engine's source of series.

mod buckets;

use std::cell::Cell;
use std::ops::ControlFlow;
use std::time::Duration;

use apptuit_metrics::Clock;
use apptuit_model::{Selector, Step, Tags, TimeRange, TimeSeries};
use apptuit_query::{
    Prospect, Reducer, Request, Selection, SeriesSource, SourceError, Spent, Stage, Take,
};
use apptuit_store::{Estimate, Piece, ReadLimits, Scan, Store, StoreError};

use self::buckets::Buckets;
use crate::error::store_message;

/// As many points are estimated without regard to limits: so few that it does not matter.
const FEW_POINTS: u64 = 50_000;

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

    /// How long it took to find series and to take to memory what is needed of them. Points are
    /// decoded while the engine takes them.
    pub(crate) fn elapsed(&self) -> Duration {
        self.elapsed.get()
    }

    fn timed<T>(&self, read: impl FnOnce() -> Result<T, StoreError>) -> Result<T, SourceError> {
        let start = self.clock.now();
        let found = read();
        self.reads.set(self.reads.get() + 1);
        self.elapsed.set(self.elapsed.get() + self.clock.now().saturating_sub(start));
        found.map_err(|error| of_store(&error))
    }
}

impl SeriesSource for StoreSource<'_> {
    fn select(
        &self,
        selector: &Selector,
        range: TimeRange,
    ) -> Result<Option<Vec<TimeSeries>>, SourceError> {
        self.timed(|| self.store.select(selector, range, &self.limits))
    }

    /// The first stage is done here where there are points that it need not look at.
    fn open(&self, request: &Request<'_>) -> Result<Option<Box<dyn Selection + '_>>, SourceError> {
        let scan =
            self.timed(|| self.store.scan(request.selector, request.reads(), &self.limits))?;
        let Some(scan) = scan else { return Ok(None) };
        let summed = summed(request.stages);
        let estimate = scan.estimate(summed.map(|(step, _)| step));
        if let Some(how) = summed.filter(|_| estimate.summed_up > 0) {
            let bucketed = Bucketed::new(scan, request.range, how, estimate.points)?;
            return Ok(Some(Box::new(bucketed)));
        }
        // More are not told of before they are read: an estimate must not exceed a limit.
        let all = estimate.points;
        let few = all < FEW_POINTS && all.saturating_mul(2) < self.limits.max_points as u64;
        let points = few.then(|| usize::try_from(all).ok()).flatten();
        Ok(Some(Box::new(Scanned { scan, points })))
    }

    fn foresee(&self, request: &Request<'_>) -> Result<Option<Prospect>, SourceError> {
        let step = summed(request.stages).map(|(step, _)| step);
        let estimate = self.store.estimate(request.selector, request.reads(), step, &self.limits);
        let estimate = estimate.map_err(|error| of_store(&error))?;
        Ok(estimate.map(|Estimate { series, points, summed_up }| Prospect {
            done: usize::from(summed_up > 0),
            series: Some(series),
            points: Some(points),
        }))
    }
}

/// The first stage, if summaries of points are enough for it.
fn summed(stages: &[Stage]) -> Option<(Step, Reducer)> {
    match stages.first()? {
        Stage::Downsample { step, reducer } if Buckets::takes_summaries(*reducer) => {
            Some((*step, *reducer))
        }
        _ => None,
    }
}

fn of_store(error: &StoreError) -> SourceError {
    match error {
        StoreError::LimitExceeded { what } => SourceError::LimitExceeded { what: what.clone() },
        StoreError::Cancelled => SourceError::Cancelled,
        other => SourceError::Failed { reason: store_message(other) },
    }
}

/// Series as the store keeps them.
struct Scanned {
    scan: Box<dyn Scan>,
    points: Option<usize>,
}

impl Selection for Scanned {
    fn series(&self) -> usize {
        self.scan.series()
    }

    fn tags(&self, n: usize) -> &Tags {
        self.scan.name(n).tags()
    }

    fn points(&self) -> Option<usize> {
        self.points
    }

    fn read(&self, n: usize, take: &mut Take<'_>) -> Result<(), SourceError> {
        let mut take = |piece: Piece<'_>| match piece {
            Piece::Points(timestamps, values) => take(timestamps, values),
            Piece::Summary(_) => unreachable!("no step is given"),
        };
        self.scan.read(n, None, &mut take).map_err(|error| of_store(&error))
    }
}

/// Series downsampled, of which many points are known by their summary.
struct Bucketed {
    scan: Box<dyn Scan>,
    /// The series with finite points in the range.
    series: Vec<usize>,
    range: TimeRange,
    step: Step,
    reducer: Reducer,
    spent: Spent,
}

impl Bucketed {
    fn new(
        scan: Box<dyn Scan>,
        range: TimeRange,
        (step, reducer): (Step, Reducer),
        points: u64,
    ) -> Result<Self, SourceError> {
        let mut series = Vec::with_capacity(scan.series());
        for n in 0..scan.series() {
            let mut is_there = false;
            let mut look = |piece: Piece<'_>| {
                is_there = match piece {
                    Piece::Points(_, values) => values.iter().any(|value| value.is_finite()),
                    Piece::Summary(_) => true,
                };
                if is_there { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            scan.read(n, Some(step), &mut look).map_err(|error| of_store(&error))?;
            series.extend(is_there.then_some(n));
        }
        let points = usize::try_from(points).unwrap_or(usize::MAX);
        let spent = Spent { series: series.len(), points };
        Ok(Self { scan, series, range, step, reducer, spent })
    }

    fn at(&self, n: usize) -> usize {
        *self.series.get(n).expect("there are that many series")
    }
}

impl Selection for Bucketed {
    fn done(&self) -> usize {
        1
    }

    fn series(&self) -> usize {
        self.series.len()
    }

    fn tags(&self, n: usize) -> &Tags {
        self.scan.name(self.at(n)).tags()
    }

    fn spent(&self) -> Spent {
        self.spent
    }

    fn read(&self, n: usize, take: &mut Take<'_>) -> Result<(), SourceError> {
        let mut buckets = Buckets::new(self.step, self.reducer, self.range.start());
        let mut fill = |piece: Piece<'_>| {
            buckets.take(piece);
            ControlFlow::Continue(())
        };
        let read = self.scan.read(self.at(n), Some(self.step), &mut fill);
        read.map_err(|error| of_store(&error))?;
        let (timestamps, values) = buckets.finish();
        let _: ControlFlow<()> = take(&timestamps, &values);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
