//! Changes from each point of a series to the next.

use std::time::Duration;

use apptuit_model::{TimeRange, Timestamp};

use crate::frame::Series;

/// How far before the range a point may lie from which the first change in the range is told.
const LOOK_BACK: Duration = Duration::from_hours(1);
/// Where a counter starts again from zero: 2^63 - 1, which as a float is 2^63.
const COUNTER_MAX: f64 = 9_223_372_036_854_775_807.0;

/// What is told of two points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The difference per second.
    PerSecond,
    /// The same of values that only grow, until they start again from zero.
    Counter,
    /// The difference.
    Delta,
}

/// Changes, each at the later of its two points.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) change: Change,
    /// A counter or a delta that falls gives nothing.
    pub(crate) drop_resets: bool,
}

impl Rate {
    /// The range to read for the changes in `range`.
    pub(crate) fn reads(range: TimeRange) -> TimeRange {
        TimeRange::new(range.start().saturating_sub(LOOK_BACK), range.end())
    }

    /// Adds the changes in `range` to `output`; the first point of all gives none.
    pub(crate) fn apply(
        self,
        points: impl Iterator<Item = (Timestamp, f64)>,
        range: TimeRange,
        output: &mut Series,
    ) {
        let mut base = None;
        for point in points {
            if let Some(base) = base.replace(point)
                && range.contains(point.0)
                && let Some(change) = self.between(base, point)
            {
                output.push(point.0, change);
            }
        }
    }

    fn between(
        self,
        (from, before): (Timestamp, f64),
        (to, after): (Timestamp, f64),
    ) -> Option<f64> {
        let difference = after - before;
        let seconds = to.as_millis().abs_diff(from.as_millis()) as f64 / 1000.0;
        let falls = difference < 0.0;
        match self.change {
            Change::Counter | Change::Delta if falls && self.drop_resets => None,
            Change::Counter if falls => Some((COUNTER_MAX - before + after) / seconds),
            Change::PerSecond | Change::Counter => Some(difference / seconds),
            Change::Delta => Some(difference),
        }
    }
}
