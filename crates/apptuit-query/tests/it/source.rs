//! Sources for tests: one that only selects, one that hands over in pieces, and one that helps in
//! its own way.

use std::cell::RefCell;
use std::ops::ControlFlow;

use apptuit_model::{Selector, Tags, TimeRange, TimeSeries, Timestamp};
use apptuit_query::{
    Answer, Change, Engine, Grouping, Limits, QueryError, Request, Selection, SeriesSource,
    SourceError, Spent, Stage, Take, parse,
};

use crate::naive::{Keys, Line, World};

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

/// Hands over all there is of a series, whatever the range, so many points at a time, and does not
/// say how many there are.
pub(crate) struct InPieces<'a>(pub(crate) &'a Memory, pub(crate) usize);

struct Pieces(Vec<TimeSeries>, usize);

impl SeriesSource for InPieces<'_> {
    fn select(&self, s: &Selector, r: TimeRange) -> Result<Option<Vec<TimeSeries>>, SourceError> {
        self.0.select(s, r)
    }

    fn open(&self, request: &Request<'_>) -> Result<Option<Box<dyn Selection + '_>>, SourceError> {
        let selected = self.0.select(request.selector, TimeRange::ALL)?;
        Ok(selected.map(|series| Box::new(Pieces(series, self.1)) as Box<dyn Selection>))
    }
}

impl Selection for Pieces {
    fn series(&self) -> usize {
        self.0.len()
    }

    fn tags(&self, n: usize) -> &Tags {
        self.0[n].tags()
    }

    fn read(&self, n: usize, take: &mut Take<'_>) -> Result<(), SourceError> {
        let (timestamps, values) = (self.0[n].timestamps(), self.0[n].values());
        for (timestamps, values) in timestamps.chunks(self.1).zip(values.chunks(self.1)) {
            if take(timestamps, values).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Does up to so many stages itself, with the naive evaluator.
pub(crate) struct Naive<'a>(pub(crate) &'a World, pub(crate) usize);

struct Lines(Vec<(Tags, Vec<String>, TimeSeries)>, usize);

impl SeriesSource for Naive<'_> {
    fn select(&self, _: &Selector, _: TimeRange) -> Result<Option<Vec<TimeSeries>>, SourceError> {
        unreachable!("it is only opened")
    }

    fn open(&self, request: &Request<'_>) -> Result<Option<Box<dyn Selection + '_>>, SourceError> {
        let stages = &request.stages[..self.1.min(request.stages.len())];
        let (rate, rest) = match stages.split_first() {
            Some((Stage::Rate(rate), rest)) => (Some(rate), rest),
            _ => (None, stages),
        };
        let rate = rate.map(|rate| match rate.change {
            Change::PerSecond => ("true", rate.drop_resets),
            Change::Counter => ("counter", rate.drop_resets),
            Change::Delta => ("delta", rate.drop_resets),
        });
        let meant =
            |line: &Line| request.selector.matches_tags(&line.tags.clone().into_iter().collect());
        let Ok(fetched) = (if stages.is_empty() {
            self.0.untouched(&request.selector.metric)
        } else {
            self.0.fetch(&request.selector.metric, rate, None)
        }) else {
            return Ok(None);
        };
        let fetched = fetched.into_iter().filter(meant).collect();
        let lines = rest.iter().fold(fetched, |lines, stage| self.0.staged(lines, stage));
        let series = lines.into_iter().map(|line| {
            let points = line.points.iter().map(|(at, v)| (Timestamp::from_millis(*at), *v));
            let tags: Tags = line.tags.into_iter().collect();
            (tags, line.aggregated.into_iter().collect(), TimeSeries::from_points("", points))
        });
        Ok(Some(Box::new(Lines(series.collect(), stages.len()))))
    }
}

impl World {
    /// The frame after one more stage.
    fn staged(&self, lines: Vec<Line>, stage: &Stage) -> Vec<Line> {
        let keys = |keys: &std::collections::BTreeSet<String>| {
            // The few keys there are live as long as the program.
            let known = ["core", "dc", "host", "absent"];
            known.into_iter().filter(|known| keys.contains(*known)).collect()
        };
        match stage {
            Stage::Align(step) => self.aligned(lines, step.as_millis()),
            Stage::Downsample { step, reducer } => {
                self.downsampled(lines, step.as_millis(), &reducer.to_string())
            }
            Stage::Collapse(reducer) => self.collapsed(lines, &reducer.to_string()),
            Stage::Aggregate(aggregate) => {
                let keys = match &aggregate.grouping {
                    Grouping::By(by) => Keys::Named(keys(by)),
                    Grouping::Without(without) => Keys::Others(keys(without)),
                };
                crate::naive::aggregate(lines, &aggregate.reducer.to_string(), &keys)
            }
            other => panic!("{other}"),
        }
    }
}

impl Selection for Lines {
    fn done(&self) -> usize {
        self.1
    }

    fn series(&self) -> usize {
        self.0.len()
    }

    fn tags(&self, n: usize) -> &Tags {
        &self.0[n].0
    }

    fn aggregated_tags(&self, n: usize) -> &[String] {
        &self.0[n].1
    }

    fn spent(&self) -> Spent {
        Spent { series: 1, points: 1 }
    }

    fn read(&self, n: usize, take: &mut Take<'_>) -> Result<(), SourceError> {
        let _: ControlFlow<()> = take(self.0[n].2.timestamps(), self.0[n].2.values());
        Ok(())
    }
}
