//! Changes from each point of a series to the next.

use std::fmt;
use std::time::Duration;

use apptuit_model::{TimeRange, Timestamp};

use crate::frame::Columns;

/// How far before the range a point may lie from which the first change in the range is told.
const LOOK_BACK: Duration = Duration::from_hours(1);
/// Where a counter starts again from zero: 2^63 - 1, which as a float is 2^63.
const COUNTER_MAX: f64 = 9_223_372_036_854_775_807.0;

/// What is told of two points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The difference per second.
    PerSecond,
    /// The same of values that only grow, until they start again from zero.
    Counter,
    /// The difference.
    Delta,
}

/// Changes, each at the later of its two points; the first point of all gives none.
///
/// For the first point in the range the earlier one is the latest before the range, at most an hour
/// back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rate {
    /// Which.
    pub change: Change,
    /// A counter or a delta that falls gives nothing. Otherwise a counter that falls has passed
    /// 2^63 - 1.
    pub drop_resets: bool,
}

/// As the arguments of a fetch.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.change {
            Change::PerSecond => "rate='true'",
            Change::Counter => "rate='counter'",
            Change::Delta => "rate='delta'",
        })?;
        f.write_str(if self.drop_resets { ", dropcounterresets='true'" } else { "" })
    }
}

impl Rate {
    /// The range to read for the changes in `range`.
    pub(crate) fn reads(range: TimeRange) -> TimeRange {
        TimeRange::new(range.start().saturating_sub(LOOK_BACK), range.end())
    }
}

/// Changes being told of one series.
pub(crate) struct Changes {
    rate: Rate,
    start: Timestamp,
    /// The point before.
    base: Option<(Timestamp, f64)>,
}

impl Changes {
    /// Changes from `range` on.
    pub(crate) fn new(rate: Rate, range: TimeRange) -> Self {
        Self { rate, start: range.start(), base: None }
    }

    /// Takes a piece of the series.
    pub(crate) fn take(&mut self, timestamps: &[Timestamp], values: &[f64], out: &mut Columns) {
        let drops = self.rate.drop_resets;
        // One loop for each, with nothing to decide in it but what depends on the points.
        match self.rate.change {
            Change::PerSecond => self
                .each(timestamps, values, out, |_, difference, seconds| Some(difference / seconds)),
            Change::Delta => self.each(timestamps, values, out, |_, difference, _| {
                (difference >= 0.0 || !drops).then_some(difference)
            }),
            Change::Counter if drops => {
                self.each(timestamps, values, out, |_, difference, seconds| {
                    (difference >= 0.0).then_some(difference / seconds)
                });
            }
            Change::Counter => {
                self.each(timestamps, values, out, |(before, after), difference, seconds| {
                    let falls = difference < 0.0;
                    let grown = if falls { COUNTER_MAX - before + after } else { difference };
                    Some(grown / seconds)
                });
            }
        }
    }

    #[inline]
    fn each(
        &mut self,
        timestamps: &[Timestamp],
        values: &[f64],
        out: &mut Columns,
        told: impl Fn((f64, f64), f64, f64) -> Option<f64>,
    ) {
        let mut base = self.base;
        for (to, after) in timestamps.iter().copied().zip(values.iter().copied()) {
            if let Some((from, before)) = base.replace((to, after))
                && to >= self.start
            {
                let seconds = to.as_millis().abs_diff(from.as_millis()) as f64 / 1000.0;
                if let Some(change) = told((before, after), after - before, seconds) {
                    out.push(to, change);
                }
            }
        }
        self.base = base;
    }

    /// Ends the series.
    pub(crate) fn finish(&mut self) {
        self.base = None;
    }
}
