//! A source of series that stands in memory.

use std::cell::RefCell;

use apptuit_model::{Selector, TimeRange, TimeSeries};
use apptuit_query::{Answer, Engine, Limits, QueryError, SeriesSource, SourceError, parse};

/// Series in memory, and the selectors it was asked for.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) series: Vec<TimeSeries>,
    pub(crate) asked: RefCell<Vec<Selector>>,
}

impl Memory {
    pub(crate) fn of(series: impl IntoIterator<Item = TimeSeries>) -> Self {
        Self { series: series.into_iter().collect(), asked: RefCell::default() }
    }

    /// Runs a query over `range` with default limits.
    pub(crate) fn run(&self, text: &str, range: TimeRange) -> Result<Answer, QueryError> {
        Engine::new(Limits::default()).run(&parse(text)?, range, self)
    }
}

impl SeriesSource for Memory {
    fn select(
        &self,
        selector: &Selector,
        range: TimeRange,
    ) -> Result<Option<Vec<TimeSeries>>, SourceError> {
        self.asked.borrow_mut().push(selector.clone());
        let of_metric = self.series.iter().filter(|series| series.metric() == selector.metric);
        if of_metric.clone().next().is_none() {
            return Ok(None);
        }
        let in_range = |series: &TimeSeries| {
            let points = series.iter().filter(|(timestamp, _)| range.contains(*timestamp));
            TimeSeries::from_points(series.name(), points)
        };
        let selected = of_metric.filter(|series| selector.matches_tags(series.tags()));
        Ok(Some(selected.map(in_range).filter(|series| !series.is_empty()).collect()))
    }
}
