//! Series from the source.

use apptuit_model::{Selector, TimeRange, TimeSeries, Timestamp};

use crate::engine::Run;
use crate::error::{Fault, QueryErrorKind};
use crate::frame::{Frame, Series};
use crate::operators::downsample::Downsample;
use crate::operators::rate::Rate;
use crate::source::SourceError;
use crate::syntax::Span;

/// What is read, and what becomes of it series by series: first changes, then the grid.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub(crate) selector: Selector,
    pub(crate) rate: Option<Rate>,
    /// Instants moved down to a grid; of several that meet the last stays.
    pub(crate) align: Option<Downsample>,
}

impl Fetch {
    /// The selected series that have points in the range, in the order of their tags.
    pub(crate) fn apply(&self, run: &mut Run<'_>, span: Span) -> Result<Frame, Fault> {
        let read = if self.rate.is_some() { Rate::reads(run.range()) } else { run.range() };
        let selected = run.source().select(&self.selector, read).map_err(|error| {
            let kind = match error {
                SourceError::LimitExceeded { .. } => QueryErrorKind::LimitExceeded,
                SourceError::Cancelled => QueryErrorKind::Cancelled,
                SourceError::Failed { .. } => QueryErrorKind::Source,
            };
            Fault::new(kind, span, error.to_string())
        })?;
        let Some(selected) = selected else {
            let message = format!("Requested metrics({}) not found", self.selector.metric);
            return Err(Fault::new(QueryErrorKind::UnknownMetric, span, message));
        };
        run.count_read(selected.len(), selected.iter().map(TimeSeries::len).sum(), span)?;
        let mut series = Vec::with_capacity(selected.len());
        for found in selected {
            run.still_wanted(span)?;
            series.extend(self.one(&found, read, run));
        }
        Ok(Frame::sorted(series))
    }

    /// A series with a point in the range stays, even where nothing is told of that point.
    fn one(&self, found: &TimeSeries, read: TimeRange, run: &Run<'_>) -> Option<Series> {
        let range = run.range();
        let usable = |(at, value): &(Timestamp, f64)| read.contains(*at) && value.is_finite();
        let points = || found.iter().filter(usable);
        let in_range = || points().filter(|(at, _)| range.contains(*at));
        in_range().next()?;
        let mut kept = Series::new(found.tags().clone(), Vec::new());
        match self.rate {
            Some(rate) => rate.apply(points(), range, &mut kept),
            None => in_range().for_each(|(at, value)| kept.push(at, value)),
        }
        Some(match &self.align {
            Some(grid) => grid.one(&kept, run),
            None => kept,
        })
    }
}
