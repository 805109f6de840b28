//! A source of series that stand in memory.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use apptuit_model::{Selector, Tags, TimeRange, TimeSeries, Timestamp};

use crate::frame::Frame;
use crate::limits::Limits;
use crate::pipeline::{self, Origin};
use crate::run::Run;
use crate::source::{Prospect, Request, Selection, SeriesSource, SourceError, Spent, Take};
use crate::syntax::Span;

/// Series in memory, for tests and for programs that have no store.
///
/// It does none of a query's stages itself, unless it is told to [help](Self::helping).
///
/// ```
/// use apptuit_model::{TimeRange, TimeSeries, Timestamp};
/// use apptuit_query::{Engine, MemorySource, parse};
///
/// let points = [(0, 1.0), (30, 3.0), (60, 5.0)].map(|(s, v)| (Timestamp::from_secs(s), v));
/// let source: MemorySource = [TimeSeries::from_points("room.celsius", points)].into();
/// let query = parse("fetch('room.celsius').downsample('1m', 'avg')")?;
/// let answer = Engine::default().run(&query, TimeRange::ALL, &source)?;
/// assert_eq!(answer.outputs[0].series[0].series.values(), [2.0, 5.0]);
/// # Ok::<(), apptuit_query::QueryError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemorySource {
    metrics: HashMap<String, BTreeMap<Tags, TimeSeries>>,
    help: usize,
}

impl MemorySource {
    /// This source, which does up to so many of the stages of a request itself.
    ///
    /// Answers do not change by it; it shows how a source helps, and tests that helping changes
    /// nothing.
    #[must_use]
    pub fn helping(self, stages: usize) -> Self {
        Self { help: stages, ..self }
    }

    /// Adds a series. Of points at one instant the last stays, also where it is added to a series
    /// of the same name.
    pub fn insert(&mut self, series: TimeSeries) {
        let of_metric = self.metrics.entry(series.metric().to_owned()).or_default();
        let series = match of_metric.remove(series.tags()) {
            Some(old) => TimeSeries::from_points(series.name(), old.iter().chain(series.iter())),
            None => series,
        };
        let ascends = series.timestamps().is_sorted_by(|a, b| a < b);
        let series = if ascends { series } else { ascending(&series) };
        of_metric.insert(series.tags().clone(), series);
    }

    fn chosen(&self, request: &Request<'_>) -> Option<Chosen<'_>> {
        self.chosen_in(request.selector, request.reads())
    }

    fn chosen_in(&self, selector: &Selector, range: TimeRange) -> Option<Chosen<'_>> {
        let of_metric = self.metrics.get(&selector.metric)?.values();
        let meant = of_metric.filter(|series| selector.matches_tags(series.tags()));
        let pieces = meant.map(|series| Piece::of(series, range));
        Some(Chosen(pieces.filter(|piece| !piece.timestamps.is_empty()).collect()))
    }
}

impl SeriesSource for MemorySource {
    fn select(
        &self,
        selector: &Selector,
        range: TimeRange,
    ) -> Result<Option<Vec<TimeSeries>>, SourceError> {
        let copy = |piece: Piece<'_>| {
            let points = piece.timestamps.iter().copied().zip(piece.values.iter().copied());
            TimeSeries::from_points(piece.series.name(), points)
        };
        let chosen = self.chosen_in(selector, range);
        Ok(chosen.map(|chosen| chosen.0.into_iter().map(copy).collect()))
    }

    fn open(&self, request: &Request<'_>) -> Result<Option<Box<dyn Selection + '_>>, SourceError> {
        let Some(chosen) = self.chosen(request) else { return Ok(None) };
        let stages = request.stages.get(..self.help).unwrap_or(request.stages);
        if stages.is_empty() {
            return Ok(Some(Box::new(chosen)));
        }
        let unlimited = Limits {
            max_series: usize::MAX,
            max_points: usize::MAX,
            max_bytes: usize::MAX,
            ..Limits::default()
        };
        let run = Run::new(&unlimited, request.range);
        // Memory does not fail to be read, and nobody cancels what has no limits.
        let failed = |_| SourceError::Cancelled;
        let frame = pipeline::run(&chosen, Origin::Source, stages, &run, Span::default());
        let spent = chosen.spent();
        Ok(Some(Box::new(Helped { frame: frame.map_err(failed)?, done: stages.len(), spent })))
    }

    fn foresee(&self, request: &Request<'_>) -> Result<Option<Prospect>, SourceError> {
        let done = self.help.min(request.stages.len());
        let prospect = |spent: Spent| Prospect {
            done,
            series: Some(spent.series as u64),
            points: Some(spent.points as u64),
        };
        Ok(self.chosen(request).map(|chosen| prospect(chosen.spent())))
    }
}

impl<T: IntoIterator<Item = TimeSeries>> From<T> for MemorySource {
    fn from(series: T) -> Self {
        let mut source = Self::default();
        series.into_iter().for_each(|series| source.insert(series));
        source
    }
}

/// The same points in order of time, of several at one instant the last.
fn ascending(series: &TimeSeries) -> TimeSeries {
    let points: BTreeMap<Timestamp, f64> = series.iter().collect();
    TimeSeries::from_points(series.name(), points)
}

/// Series with the points that are asked for.
struct Chosen<'a>(Vec<Piece<'a>>);

struct Piece<'a> {
    series: &'a TimeSeries,
    timestamps: &'a [Timestamp],
    values: &'a [f64],
}

impl<'a> Piece<'a> {
    fn of(series: &'a TimeSeries, range: TimeRange) -> Self {
        let all = series.timestamps();
        // Mostly all of a series is meant, or its end: two looks then tell.
        let from = match all.first() {
            Some(first) if *first < range.start() => {
                all.partition_point(|instant| *instant < range.start())
            }
            _ => 0,
        };
        let to = match all.last() {
            Some(last) if *last > range.end() => {
                all.partition_point(|instant| *instant <= range.end()).max(from)
            }
            _ => all.len(),
        };
        let timestamps = all.get(from..to).unwrap_or_default();
        Self { series, timestamps, values: series.values().get(from..to).unwrap_or_default() }
    }
}

impl Chosen<'_> {
    fn at(&self, n: usize) -> &Piece<'_> {
        self.0.get(n).expect("there are that many series")
    }
}

impl Selection for Chosen<'_> {
    fn series(&self) -> usize {
        self.0.len()
    }

    fn tags(&self, n: usize) -> &Tags {
        self.at(n).series.tags()
    }

    fn points(&self) -> Option<usize> {
        Some(self.0.iter().map(|piece| piece.timestamps.len()).sum())
    }

    fn spent(&self) -> Spent {
        Spent { series: self.series(), points: self.points().unwrap_or(0) }
    }

    fn read(&self, n: usize, take: &mut Take<'_>) -> Result<(), SourceError> {
        let piece = self.at(n);
        let _: ControlFlow<()> = take(piece.timestamps, piece.values);
        Ok(())
    }
}

/// Series that have been through stages.
struct Helped {
    frame: Frame,
    done: usize,
    spent: Spent,
}

impl Selection for Helped {
    fn done(&self) -> usize {
        self.done
    }

    fn series(&self) -> usize {
        self.frame.series()
    }

    fn tags(&self, n: usize) -> &Tags {
        self.frame.tags(n)
    }

    fn aggregated_tags(&self, n: usize) -> &[String] {
        self.frame.aggregated_tags(n)
    }

    fn points(&self) -> Option<usize> {
        Selection::points(&self.frame)
    }

    fn spent(&self) -> Spent {
        self.spent
    }

    fn read(&self, n: usize, take: &mut Take<'_>) -> Result<(), SourceError> {
        self.frame.read(n, take)
    }
}
