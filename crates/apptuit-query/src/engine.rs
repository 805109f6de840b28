//! A checked plan, run against a source: values in, series out.

use apptuit_model::{TimeRange, TimeSeries, TimeSeriesName};

use crate::error::{Fault, QueryError, QueryErrorKind};
use crate::frame::Frame;
use crate::limits::{HELD_TO_READ, Limits};
use crate::operators::{Value, arithmetic};
use crate::plan::{Instruction, Operation, Plan, PlannedOutput};
use crate::source::SeriesSource;
use crate::syntax::{Query, Span, parse};

/// Runs queries within limits.
///
/// ```
/// use apptuit_model::{Selector, TimeRange, TimeSeries, Timestamp};
/// use apptuit_query::{Engine, Limits, SeriesSource, SourceError, parse};
///
/// struct OneSeries;
///
/// impl SeriesSource for OneSeries {
///     fn select(
///         &self,
///         _: &Selector,
///         range: TimeRange,
///     ) -> Result<Option<Vec<TimeSeries>>, SourceError> {
///         let point = (range.start(), 20.0);
///         Ok(Some(vec![TimeSeries::from_points("room.celsius", [point])]))
///     }
/// }
///
/// let query = parse("fetch('room.celsius').mult(2)")?;
/// let range = TimeRange::new(Timestamp::from_secs(0), Timestamp::from_secs(60));
/// let answer = Engine::new(Limits::default()).run(&query, range, &OneSeries)?;
/// assert_eq!(answer.outputs[0].series[0].series.values(), [40.0]);
/// # Ok::<(), apptuit_query::QueryError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Engine {
    limits: Limits,
}

impl Engine {
    /// An engine whose queries stay within `limits`.
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }

    /// Checks the whole query, then evaluates it over `range`.
    ///
    /// # Errors
    ///
    /// The query does not pass the checks (before anything is read), fetches a metric nobody
    /// wrote, has an empty frame in arithmetic, or exceeds a limit; or the source failed.
    pub fn run(
        &self,
        query: &Query,
        range: TimeRange,
        source: &dyn SeriesSource,
    ) -> Result<Answer, QueryError> {
        let plan = Plan::of(query, self.limits.max_depth)
            .map_err(|fault| QueryError::new(fault, query.shared_text()))?;
        Run::new(&self.limits, range, source)
            .answer(&plan)
            .map_err(|fault| QueryError::new(fault, query.shared_text()))
    }
}

/// Whether `text` is a query this engine can run, as far as can be told without data.
///
/// # Errors
///
/// The first thing that is wrong with it.
pub fn check(text: &str) -> Result<(), QueryError> {
    let query = parse(text)?;
    Plan::of(&query, Limits::default().max_depth)
        .map(drop)
        .map_err(|fault| QueryError::new(fault, query.shared_text()))
}

/// What a query gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// One a name in `output`, in that order.
    pub outputs: Vec<Output>,
    /// Points read from the source, those before the range from which rates are told included.
    pub points_read: u64,
    /// Series read from the source.
    pub series_read: u64,
}

/// One named result.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The variable's name, or for a bare expression the metric of its leftmost fetch.
    pub id: String,
    /// Ordered by their tags; series without points are left out.
    pub series: Vec<OutputSeries>,
}

/// One series of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputSeries {
    /// Its name and points, all finite.
    pub series: TimeSeries,
    /// Tags that its members had and it does not, sorted.
    pub aggregated_tags: Vec<String>,
}

/// One evaluation: the state between instructions.
pub(crate) struct Run<'a> {
    limits: &'a Limits,
    range: TimeRange,
    source: &'a dyn SeriesSource,
    points_read: usize,
    series_read: usize,
}

impl<'a> Run<'a> {
    fn new(limits: &'a Limits, range: TimeRange, source: &'a dyn SeriesSource) -> Self {
        Self { limits, range, source, points_read: 0, series_read: 0 }
    }

    pub(crate) fn range(&self) -> TimeRange {
        self.range
    }

    pub(crate) fn source(&self) -> &dyn SeriesSource {
        self.source
    }

    /// Fails once the query is cancelled.
    pub(crate) fn still_wanted(&self, span: Span) -> Result<(), Fault> {
        if self.limits.cancelled.as_ref().is_some_and(|cancelled| cancelled()) {
            let message = "query was cancelled: it took too long";
            return Err(Fault::new(QueryErrorKind::Cancelled, span, message));
        }
        Ok(())
    }

    /// Counts what a fetch read, and fails where it is too much.
    pub(crate) fn count_read(
        &mut self,
        series: usize,
        points: usize,
        span: Span,
    ) -> Result<(), Fault> {
        self.series_read = self.series_read.saturating_add(series);
        self.points_read = self.points_read.saturating_add(points);
        self.check_size(self.series_read, self.points_read, 1, "reads", span)
    }

    fn check_size(
        &self,
        series: usize,
        points: usize,
        times: usize,
        verb: &str,
        span: Span,
    ) -> Result<(), Fault> {
        for (have, limit, what) in
            [(series, self.limits.max_series, "series"), (points, self.limits.max_points, "points")]
        {
            let limit = limit.saturating_mul(times);
            if have > limit {
                let message =
                    format!("query {verb} too many {what}: {have}, at most {limit} are allowed");
                return Err(Fault::limit(span, message));
            }
        }
        Ok(())
    }

    fn answer(mut self, plan: &Plan) -> Result<Answer, Fault> {
        let mut values: Vec<Option<Value>> = Vec::with_capacity(plan.instructions.len());
        let (mut held_series, mut held_points) = (0, 0);
        for instruction in &plan.instructions {
            self.still_wanted(instruction.span)?;
            let value = self.evaluate(instruction, &values)?;
            if let Value::Frame(frame) = &value {
                held_series += frame.series.len();
                held_points += frame.points();
                self.check_size(held_series, held_points, HELD_TO_READ, "holds", instruction.span)?;
            }
            values.push(Some(value));
            for slot in &instruction.frees {
                if let Some(Value::Frame(freed)) = values.get_mut(*slot).and_then(Option::take) {
                    held_series -= freed.series.len();
                    held_points -= freed.points();
                }
            }
        }
        Ok(Answer {
            outputs: self.outputs(plan, &values)?,
            points_read: self.points_read as u64,
            series_read: self.series_read as u64,
        })
    }

    /// Several names may stand for one frame, so what is written is counted again.
    fn outputs(&self, plan: &Plan, values: &[Option<Value>]) -> Result<Vec<Output>, Fault> {
        let (mut series, mut points) = (0, 0);
        let mut outputs = Vec::with_capacity(plan.outputs.len());
        for output in &plan.outputs {
            let frame = frame_at(values, output.slot);
            series += frame.series.len();
            points += frame.points();
            self.check_size(series, points, HELD_TO_READ, "returns", output.span)?;
            self.still_wanted(output.span)?;
            outputs.push(written(output, frame));
        }
        Ok(outputs)
    }

    fn evaluate(
        &mut self,
        instruction: &Instruction,
        values: &[Option<Value>],
    ) -> Result<Value, Fault> {
        let span = instruction.span;
        Ok(match &instruction.operation {
            Operation::Number(number) => Value::Number(*number),
            Operation::Fetch(fetch) => Value::Frame(fetch.apply(self, span)?),
            Operation::Filter { input, matcher } => {
                Value::Frame(matcher.apply(frame_at(values, *input)))
            }
            Operation::Downsample { input, downsample } => {
                Value::Frame(downsample.apply(frame_at(values, *input), self, span)?)
            }
            Operation::Aggregate { input, aggregate } => {
                Value::Frame(aggregate.apply(frame_at(values, *input), self, span)?)
            }
            Operation::Collapse { input, collapse } => {
                Value::Frame(collapse.apply(frame_at(values, *input), self, span)?)
            }
            Operation::Top { input, top } => {
                Value::Frame(top.apply(frame_at(values, *input), self, span)?)
            }
            Operation::Arithmetic { left, right, arithmetic } => {
                let (left, right) = (value_at(values, *left), value_at(values, *right));
                arithmetic::apply(arithmetic, left, right, self, span)?
            }
        })
    }
}

fn value_at(values: &[Option<Value>], slot: usize) -> &Value {
    values.get(slot).and_then(Option::as_ref).expect("a slot is filled before it is used")
}

fn frame_at(values: &[Option<Value>], slot: usize) -> &Frame {
    match value_at(values, slot) {
        Value::Frame(frame) => frame,
        Value::Number(_) => unreachable!("the plan gives frames to methods of frames"),
    }
}

fn written(output: &PlannedOutput, frame: &Frame) -> Output {
    let metric = output.metric.as_deref().unwrap_or(&output.id);
    let series = frame
        .series
        .iter()
        .filter(|series| series.len() > 0)
        .map(|series| OutputSeries {
            series: TimeSeries::from_points(
                TimeSeriesName::new(metric, series.tags.clone()),
                series.iter(),
            ),
            aggregated_tags: series.aggregated_tags.clone(),
        })
        .collect();
    Output { id: output.id.clone(), series }
}
