//! The fields each instrument reports, with their names and order on the wire.
//!
//! Names and order are those of pyformance 0.4: dashboards depend on them.

use apptuit_model::TimeSeriesName;

use crate::Snapshot;
use crate::instruments::Totals;
use crate::moving_average::RateValues;

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

/// What one instrument said when it was asked.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Metric {
    /// The name it is registered under.
    pub name: TimeSeriesName,
    /// Its kind.
    pub kind: Kind,
    /// Names and values of its fields; durations in seconds, rates per second.
    pub fields: Vec<(&'static str, f64)>,
    /// Why it could not be read; then it has no fields.
    pub failure: Option<String>,
}

pub(crate) fn of_counter(count: i64) -> Vec<(&'static str, f64)> {
    vec![("count", count as f64)]
}

pub(crate) fn of_gauge(value: f64) -> Vec<(&'static str, f64)> {
    vec![("value", value)]
}

pub(crate) fn of_meter(count: u64, rates: &RateValues) -> Vec<(&'static str, f64)> {
    vec![
        ("count", count as f64),
        ("15m_rate", rates.fifteen_minutes),
        ("5m_rate", rates.five_minutes),
        ("1m_rate", rates.one_minute),
        ("mean_rate", rates.mean),
    ]
}

pub(crate) fn of_histogram(totals: &Totals, sample: &Snapshot) -> Vec<(&'static str, f64)> {
    vec![
        ("avg", totals.mean()),
        ("count", totals.count() as f64),
        ("max", totals.max()),
        ("min", totals.min()),
        ("std_dev", totals.std_dev()),
        ("75_percentile", sample.quantile(0.75)),
        ("95_percentile", sample.quantile(0.95)),
        ("99_percentile", sample.quantile(0.99)),
        ("999_percentile", sample.quantile(0.999)),
    ]
}

pub(crate) fn of_timer(
    totals: &Totals,
    rates: &RateValues,
    sample: &Snapshot,
) -> Vec<(&'static str, f64)> {
    vec![
        ("avg", totals.mean()),
        ("sum", totals.sum()),
        ("count", totals.count() as f64),
        ("max", totals.max()),
        ("min", totals.min()),
        ("std_dev", totals.std_dev()),
        ("15m_rate", rates.fifteen_minutes),
        ("5m_rate", rates.five_minutes),
        ("1m_rate", rates.one_minute),
        ("mean_rate", rates.mean),
        ("50_percentile", sample.quantile(0.5)),
        ("75_percentile", sample.quantile(0.75)),
        ("95_percentile", sample.quantile(0.95)),
        ("99_percentile", sample.quantile(0.99)),
        ("999_percentile", sample.quantile(0.999)),
    ]
}
