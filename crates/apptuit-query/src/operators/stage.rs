//! Stages: what becomes of series one by one, and at last across them, without a whole frame in
//! between.

use std::fmt;

use apptuit_model::{Step, TimeRange, Timestamp};

use crate::frame::Columns;
use crate::operators::aggregate::Aggregate;
use crate::operators::downsample::Buckets;
use crate::operators::rate::{Changes, Rate};
use crate::operators::reduce::{Accumulator, Reducer};

/// One step of what becomes of the series of a fetch.
///
/// Of a value that is not finite nothing is made: its point is left out.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Stage {
    /// Changes from each point to the next.
    Rate(Rate),
    /// Instants moved down to a grid; of several that meet the last stays, and what would lie
    /// before the range of the query is left out.
    Align(Step),
    /// One value for each bucket of time, counted from the epoch in UTC and named by its start. A
    /// bucket without points gives nothing, and neither does one that starts before the range of
    /// the query.
    Downsample {
        /// The length of a bucket.
        step: Step,
        /// How its values become one.
        reducer: Reducer,
    },
    /// One value for each series, at the start of the range of the query; a series without points
    /// has none.
    Collapse(Reducer),
    /// One series for each group of series. Always the last.
    Aggregate(Aggregate),
}

impl Stage {
    pub(crate) fn is_aggregate(&self) -> bool {
        matches!(self, Self::Aggregate(_))
    }
}

/// As a query writes it.
impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate(rate) => write!(f, "{rate}"),
            Self::Align(step) => write!(f, "align='{}'", written(*step)),
            Self::Downsample { step, reducer } => {
                write!(f, "downsample('{}', '{reducer}')", written(*step))
            }
            Self::Collapse(reducer) => write!(f, "series_{reducer}()"),
            Self::Aggregate(aggregate) => write!(f, "{aggregate}"),
        }
    }
}

/// A step in the largest unit that divides it.
fn written(step: Step) -> String {
    let millis = step.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")];
    let unit = units.into_iter().find(|(unit, _)| millis % unit == 0);
    unit.map_or_else(String::new, |(unit, name)| format!("{}{name}", millis / unit))
}

/// The range of the points that stages need for the results in `range`.
pub(crate) fn read_range(range: TimeRange, stages: &[Stage]) -> TimeRange {
    match stages.first() {
        Some(Stage::Rate(_)) => Rate::reads(range),
        _ => range,
    }
}

/// Points that go through all the stages but an [`Aggregate`] at once: what one gives is the input
/// of the next before more is taken.
pub(crate) struct Chain {
    machines: Vec<Machine>,
    /// What each machine but the last gave.
    between: Vec<Columns>,
}

impl Chain {
    /// The machines of stages, for results in `range`.
    pub(crate) fn new(stages: &[Stage], range: TimeRange) -> Self {
        let machine = |stage: &Stage| match *stage {
            Stage::Rate(rate) => Some(Machine::Rate(Changes::new(rate, range))),
            Stage::Align(step) => Some(Machine::Buckets(Buckets::new(step, Reducer::Last, range))),
            Stage::Downsample { step, reducer } => {
                Some(Machine::Buckets(Buckets::new(step, reducer, range)))
            }
            Stage::Collapse(reducer) => {
                Some(Machine::Collapse(Accumulator::new(reducer), range.start()))
            }
            Stage::Aggregate(_) => None,
        };
        let machines: Vec<Machine> = stages.iter().filter_map(machine).collect();
        let between = vec![Columns::default(); machines.len().saturating_sub(1)];
        Self { machines, between }
    }

    /// Takes a piece of a series, all of it finite.
    pub(crate) fn take(&mut self, timestamps: &[Timestamp], values: &[f64], out: &mut Columns) {
        match self.machines.first_mut() {
            None => out.extend(timestamps, values),
            Some(first) => {
                let given = self.between.first_mut().unwrap_or(out);
                first.take(timestamps, values, given);
                self.pass_on(1, out);
            }
        }
    }

    /// Ends the series; the next piece is the beginning of another one.
    pub(crate) fn finish(&mut self, out: &mut Columns) {
        for n in 0..self.machines.len() {
            let given = self.between.get_mut(n).unwrap_or(out);
            if let Some(machine) = self.machines.get_mut(n) {
                machine.finish(given);
            }
            self.pass_on(n + 1, out);
        }
    }

    /// Lets the machines from number `from` take what the one before them gave.
    fn pass_on(&mut self, from: usize, out: &mut Columns) {
        for n in from..self.machines.len() {
            let (before, after) = self.between.split_at_mut(n);
            let (Some(input), Some(machine)) = (before.last_mut(), self.machines.get_mut(n)) else {
                return;
            };
            machine.take(input.timestamps(), input.values(), after.first_mut().unwrap_or(out));
            input.clear();
        }
    }
}

/// A stage at work on one series.
enum Machine {
    Rate(Changes),
    Buckets(Buckets),
    Collapse(Accumulator, Timestamp),
}

impl Machine {
    fn take(&mut self, timestamps: &[Timestamp], values: &[f64], out: &mut Columns) {
        match self {
            Self::Rate(changes) => changes.take(timestamps, values, out),
            Self::Buckets(buckets) => buckets.take(timestamps, values, out),
            Self::Collapse(taken, _) => taken.take(values),
        }
    }

    fn finish(&mut self, out: &mut Columns) {
        match self {
            Self::Rate(changes) => changes.finish(),
            Self::Buckets(buckets) => buckets.finish(out),
            Self::Collapse(taken, start) if !taken.is_empty() => out.push(*start, taken.finish()),
            Self::Collapse(..) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_written_in_its_largest_unit() {
        for text in ["1d", "36h", "90m", "15s", "1500ms"] {
            assert_eq!(written(text.parse().unwrap()), text);
        }
    }
}
