//! What instruments say when they are asked.

use std::fmt;
use std::time::Duration;

use apptuit_model::TimeSeriesName;

/// The kinds of instruments, in the order in which a registry reports them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A [`Counter`](crate::Counter).
    Counter,
    /// A [`Histogram`](crate::Histogram).
    Histogram,
    /// A [`Meter`](crate::Meter).
    Meter,
    /// A [`Timer`](crate::Timer).
    Timer,
    /// A [`Gauge`](crate::Gauge).
    Gauge,
}

/// In lower case: `counter`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Histogram => "histogram",
            Self::Meter => "meter",
            Self::Timer => "timer",
            Self::Gauge => "gauge",
        })
    }
}

/// What one instrument said when it was asked.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Metric {
    /// The name it is registered under.
    pub name: TimeSeriesName,
    /// Its kind.
    pub kind: Kind,
    /// What it said.
    pub reading: Reading,
    /// How many values it has refused since the start: not a number, infinite, or spans below zero.
    /// Each panic of a [`Reservoir`](crate::Reservoir) counts as one, too.
    pub refused: u64,
}

/// The numbers of one instrument, which belong together.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reading {
    /// Of a counter: its count.
    Counter(i64),
    /// Of a gauge: its value, not a number if it was never set.
    Gauge(f64),
    /// Of a meter: its count, with parts of events, and its rates.
    Meter(f64, Rates),
    /// Of a histogram: its values.
    Histogram(Distribution),
    /// Of a timer: its durations in seconds, and the rates at which they are recorded.
    Timer(Distribution, Rates),
    /// Of an instrument that is [asked](crate::Registry::reading_fn) and says something of its own:
    /// fields and their values.
    Fields(Vec<(&'static str, f64)>),
    /// Of an instrument whose function panicked: why.
    Failed(String),
}

/// Events per second, over several spans of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Rates {
    /// Since the start; zero while no time has passed.
    pub mean: f64,
    /// Over the last minute, exponentially weighted.
    pub one_minute: f64,
    /// Over the last five minutes, exponentially weighted.
    pub five_minutes: f64,
    /// Over the last fifteen minutes, exponentially weighted.
    pub fifteen_minutes: f64,
}

/// A stream of values in numbers: exact totals, and quantiles of its reservoir.
///
/// Zero throughout while there are no values.
#[doc(alias = "Summary")]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Distribution {
    /// The number of values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The least of them.
    pub min: f64,
    /// The greatest of them.
    pub max: f64,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation (divided by n - 1).
    pub std_dev: f64,
    /// The median of the reservoir.
    pub p50: f64,
    /// The quantile 0.75 of the reservoir.
    pub p75: f64,
    /// The quantile 0.95 of the reservoir.
    pub p95: f64,
    /// The quantile 0.98 of the reservoir.
    pub p98: f64,
    /// The quantile 0.99 of the reservoir.
    pub p99: f64,
    /// The quantile 0.999 of the reservoir.
    pub p999: f64,
    /// Whether the values are those since the last report, rather than those since the start.
    pub interval: bool,
    /// How long ago the last value was recorded, of all since the start; `None` before the first.
    ///
    /// This tells a quiet instrument, whose quantiles are old, from a busy one. It may be too long by
    /// the time since the instrument was asked before, see [`Histogram`](crate::Histogram).
    pub idle: Option<Duration>,
}
