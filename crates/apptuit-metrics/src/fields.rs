//! The fields each instrument reports, with their names and order on the wire.
//!
//! Names and order are those of pyformance 0.4: dashboards depend on them.

use crate::{Distribution, Kind, Metric, Rates, Reading};

type Field<R> = (&'static str, fn(&R) -> f64);

const COUNTER: [Field<i64>; 1] = [("count", |count| *count as f64)];

const GAUGE: [Field<f64>; 1] = [("value", |value| *value)];

const METER: [Field<(f64, Rates)>; 5] = [
    ("count", |(count, _)| *count),
    ("15m_rate", |(_, rates)| rates.fifteen_minutes),
    ("5m_rate", |(_, rates)| rates.five_minutes),
    ("1m_rate", |(_, rates)| rates.one_minute),
    ("mean_rate", |(_, rates)| rates.mean),
];

const HISTOGRAM: [Field<Distribution>; 9] = [
    ("avg", |values| values.mean),
    ("count", |values| values.count as f64),
    ("max", |values| values.max),
    ("min", |values| values.min),
    ("std_dev", |values| values.std_dev),
    ("75_percentile", |values| values.p75),
    ("95_percentile", |values| values.p95),
    ("99_percentile", |values| values.p99),
    ("999_percentile", |values| values.p999),
];

const TIMER: [Field<(Distribution, Rates)>; 15] = [
    ("avg", |(values, _)| values.mean),
    ("sum", |(values, _)| values.sum),
    ("count", |(values, _)| values.count as f64),
    ("max", |(values, _)| values.max),
    ("min", |(values, _)| values.min),
    ("std_dev", |(values, _)| values.std_dev),
    ("15m_rate", |(_, rates)| rates.fifteen_minutes),
    ("5m_rate", |(_, rates)| rates.five_minutes),
    ("1m_rate", |(_, rates)| rates.one_minute),
    ("mean_rate", |(_, rates)| rates.mean),
    ("50_percentile", |(values, _)| values.p50),
    ("75_percentile", |(values, _)| values.p75),
    ("95_percentile", |(values, _)| values.p95),
    ("99_percentile", |(values, _)| values.p99),
    ("999_percentile", |(values, _)| values.p999),
];

impl Metric {
    /// Names and values of its fields, in their order on the wire.
    ///
    /// Durations are in seconds, rates per second. One that could not be read has none. Of a
    /// distribution whose [interval](Distribution::interval) saw no value, only count and sum are
    /// there: its quantiles would be a false zero.
    ///
    /// ```
    /// use apptuit_metrics::Registry;
    ///
    /// let registry = Registry::new();
    /// registry.counter("orders").inc();
    /// assert_eq!(registry.dump()[0].fields(), [("count", 1.0)]);
    /// ```
    pub fn fields(&self) -> Vec<(&'static str, f64)> {
        self.reading.fields()
    }
}

impl Kind {
    /// The names of the fields of an instrument of this kind, in their order on the wire.
    ///
    /// ```
    /// use apptuit_metrics::Kind;
    ///
    /// assert_eq!(Kind::Gauge.fields(), ["value"]);
    /// ```
    pub fn fields(self) -> Vec<&'static str> {
        match self {
            Self::Counter => names(&COUNTER),
            Self::Gauge => names(&GAUGE),
            Self::Meter => names(&METER),
            Self::Histogram => names(&HISTOGRAM),
            Self::Timer => names(&TIMER),
        }
    }
}

fn names<R>(fields: &[Field<R>]) -> Vec<&'static str> {
    fields.iter().map(|(name, _)| *name).collect()
}

impl Reading {
    /// Names and values of its fields: those of the [metric](Metric::fields).
    pub fn fields(&self) -> Vec<(&'static str, f64)> {
        match self {
            Self::Counter(count) => read(&COUNTER, count),
            Self::Gauge(value) => read(&GAUGE, value),
            Self::Meter(count, rates) => read(&METER, &(*count, *rates)),
            Self::Histogram(values) => known(values, read(&HISTOGRAM, values)),
            Self::Timer(values, rates) => known(values, read(&TIMER, &(*values, *rates))),
            Self::Fields(fields) => fields.clone(),
            Self::Failed(_) => Vec::new(),
        }
    }
}

fn read<R>(fields: &[Field<R>], reading: &R) -> Vec<(&'static str, f64)> {
    fields.iter().map(|(name, value)| (*name, value(reading))).collect()
}

fn known(values: &Distribution, mut fields: Vec<(&'static str, f64)>) -> Vec<(&'static str, f64)> {
    if values.interval && values.count == 0 {
        fields.retain(|(name, _)| matches!(*name, "count" | "sum") || name.ends_with("rate"));
    }
    fields
}
