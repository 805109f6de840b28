//! One evaluation of a plan: what it has read, what it holds, and its instructions in order.

use std::sync::atomic::{AtomicUsize, Ordering};

use apptuit_model::{TimeRange, TimeSeries, TimeSeriesName};

use crate::engine::{Answer, Output, OutputSeries};
use crate::error::{Fault, QueryErrorKind};
use crate::frame::Frame;
use crate::limits::{Limits, NARROWER};
use crate::operators::{Value, arithmetic};
use crate::pipeline::{self, Origin};
use crate::plan::{Instruction, Operation, Plan, PlannedOutput};
use crate::source::SeriesSource;
use crate::syntax::Span;

/// How to hold less.
const SMALLER: &str = "downsample right after the fetch, or ask for less time or fewer series";

/// One evaluation, shared by the threads that work on it.
pub(crate) struct Run<'a> {
    limits: &'a Limits,
    range: TimeRange,
    points_read: AtomicUsize,
    series_read: AtomicUsize,
    /// Bytes of points that are held.
    held: AtomicUsize,
}

impl<'a> Run<'a> {
    pub(crate) fn new(limits: &'a Limits, range: TimeRange) -> Self {
        let zero = || AtomicUsize::new(0);
        let (points_read, series_read, held) = (zero(), zero(), zero());
        Self { limits, range, points_read, series_read, held }
    }

    pub(crate) fn range(&self) -> TimeRange {
        self.range
    }

    pub(crate) fn threads(&self) -> usize {
        self.limits.max_threads.max(1)
    }

    /// Fails once the query is cancelled.
    pub(crate) fn still_wanted(&self, span: Span) -> Result<(), Fault> {
        if self.limits.cancelled.as_ref().is_some_and(|cancelled| cancelled()) {
            let message = "query was cancelled: it took too long";
            return Err(Fault::new(QueryErrorKind::Cancelled, span, message));
        }
        Ok(())
    }

    /// Counts what is read, and fails where it is too much.
    pub(crate) fn count_read(&self, series: usize, points: usize, span: Span) -> Result<(), Fault> {
        self.series_read.fetch_add(series, Ordering::Relaxed);
        self.points_read.fetch_add(points, Ordering::Relaxed);
        self.check_read(0, 0, span)
    }

    /// Fails if so much more would be too much.
    pub(crate) fn check_read(&self, series: usize, points: usize, span: Span) -> Result<(), Fault> {
        let Limits { max_series, max_points, .. } = *self.limits;
        let (series_read, points_read) = (&self.series_read, &self.points_read);
        for (read, more, limit, what) in [
            (series_read, series, max_series, "series"),
            (points_read, points, max_points, "points"),
        ] {
            let all = read.load(Ordering::Relaxed).saturating_add(more);
            if all > limit {
                let message =
                    format!("query reads too many {what}: at least {all}, and {limit} are allowed");
                return Err(Fault::limit(span, message).hint(NARROWER));
            }
        }
        Ok(())
    }

    /// Takes bytes of the budget, and fails where they are too many.
    pub(crate) fn hold(&self, bytes: usize, span: Span) -> Result<(), Fault> {
        let all = self.held.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        self.check_bytes(all, "holds", span)
    }

    /// Gives bytes back.
    pub(crate) fn release(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn check_bytes(&self, bytes: usize, verb: &str, span: Span) -> Result<(), Fault> {
        let limit = self.limits.max_bytes;
        if bytes <= limit {
            return Ok(());
        }
        let message =
            format!("query {verb} too much: at least {bytes} bytes, and {limit} are allowed");
        Err(Fault::limit(span, message).hint(SMALLER))
    }

    pub(crate) fn answer(self, plan: &Plan, source: &dyn SeriesSource) -> Result<Answer, Fault> {
        let mut values: Vec<Option<Value>> = Vec::with_capacity(plan.instructions.len());
        for instruction in &plan.instructions {
            self.still_wanted(instruction.span)?;
            let value = self.evaluate(instruction, &values, source)?;
            if let Value::Frame(frame) = &value {
                self.hold(frame.bytes(), instruction.span)?;
            }
            values.push(Some(value));
            for slot in &instruction.frees {
                if let Some(Value::Frame(freed)) = values.get_mut(*slot).and_then(Option::take) {
                    self.release(freed.bytes());
                }
            }
        }
        let outputs = self.outputs(plan, &mut values)?;
        Ok(Answer {
            outputs,
            points_read: self.points_read.into_inner() as u64,
            series_read: self.series_read.into_inner() as u64,
        })
    }

    /// Several names may stand for one frame, so what is written is counted again.
    fn outputs(&self, plan: &Plan, values: &mut [Option<Value>]) -> Result<Vec<Output>, Fault> {
        let mut bytes = 0_usize;
        let mut outputs = Vec::with_capacity(plan.outputs.len());
        for (n, output) in plan.outputs.iter().enumerate() {
            bytes = bytes.saturating_add(frame_at(values, output.slot).bytes());
            self.check_bytes(bytes, "returns", output.span)?;
            self.still_wanted(output.span)?;
            let again = plan.outputs.iter().skip(n + 1).any(|later| later.slot == output.slot);
            let frame = if again {
                frame_at(values, output.slot).clone()
            } else {
                match values.get_mut(output.slot).and_then(Option::take) {
                    Some(Value::Frame(frame)) => frame,
                    _ => Frame::default(),
                }
            };
            outputs.push(written(output, frame));
        }
        Ok(outputs)
    }

    fn evaluate(
        &self,
        instruction: &Instruction,
        values: &[Option<Value>],
        source: &dyn SeriesSource,
    ) -> Result<Value, Fault> {
        let span = instruction.span;
        Ok(match &instruction.operation {
            Operation::Number(number) => Value::Number(*number),
            Operation::Fetch(fetch) => Value::Frame(fetch.apply(source, self, span)?),
            Operation::Filter { input, matcher } => {
                Value::Frame(matcher.apply(frame_at(values, *input)))
            }
            Operation::Stages { input, stages } => {
                let frame = frame_at(values, *input);
                Value::Frame(pipeline::run(frame, Origin::Frame, stages, self, span)?)
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

/// Series by series, so that of one at the most there are two copies.
fn written(output: &PlannedOutput, frame: Frame) -> Output {
    let metric = TimeSeriesName::from(output.metric.as_deref().unwrap_or(&output.id));
    let series = frame
        .series
        .into_iter()
        .filter(|series| series.len() > 0)
        .map(|series| OutputSeries {
            series: TimeSeries::from_points(metric.with_tags(series.tags.clone()), series.iter()),
            aggregated_tags: series.aggregated_tags,
        })
        .collect();
    Output { id: output.id.clone(), series }
}
