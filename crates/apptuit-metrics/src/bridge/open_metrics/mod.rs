//! A registry as the text that Prometheus and its relatives read.
//!
//! [`text`] renders all of a registry; serve it under `/metrics` with
//! [`content_type`](Format::content_type).
//!
//! ```
//! use apptuit_metrics::open_metrics::{Format, text};
//! use apptuit_metrics::{Description, Registry};
//!
//! let registry = Registry::new();
//! registry.describe("orders.accepted", Description::new("Orders accepted.").only_grows());
//! registry.counter(("orders.accepted", [("city", "blr")])).inc();
//! let text = text(&registry, Format::OpenMetrics);
//! assert_eq!(
//!     text.lines().collect::<Vec<_>>(),
//!     [
//!         "# TYPE orders_accepted counter",
//!         "# HELP orders_accepted Orders accepted.",
//!         "orders_accepted_total{city=\"blr\"} 1",
//!         "# EOF",
//!     ]
//! );
//! ```
//!
//! # What becomes of an instrument
//!
//! | instrument | becomes | named |
//! | --- | --- | --- |
//! | counter that [only grows](crate::Description::only_grows), or whose name ends in `_total` | counter | `x_total` |
//! | any other counter, because it may go down | gauge | `x` |
//! | gauge | gauge | `x` |
//! | meter | counter; gauges of its rates, per second | `x_total`; `x_mean_rate`, `x_1m_rate`, `x_5m_rate`, `x_15m_rate` |
//! | histogram | summary; gauges of its extremes | `x`; `x_min`, `x_max` |
//! | timer | the same in seconds; gauges of its rates | `x_seconds`; `x_min_seconds`, `x_max_seconds`; as of a meter |
//!
//! * Quantiles are those of the reservoir; sum and count are since the start. If a reservoir starts
//!   anew at every report, its sum and count do too, and are gauges: `x_sum_of_interval` and
//!   `x_count_of_interval`.
//! * A [unit](crate::Description::unit) is the last word of a name but for `total`, added if it is
//!   not there; no value is converted.
//! * Names and label names are cleaned as by
//!   [`Sanitizer::Prometheus`](apptuit_model::Sanitizer::Prometheus). A label `quantile` of a summary
//!   is renamed `exported_quantile`.
//! * Left out: gauges that were never set, and quantiles and extremes while there are no values.
//! * A name that another kind of instrument has taken gets the kind as its last word, `x_gauge`.
//!   What cannot be shown even so is counted by reason in `apptuit_left_out_series`: a gauge whose
//!   function panicked, a name that cannot be decoded, a counter that only grows and is below zero,
//!   and what equals another series after cleaning. Values that instruments refused are counted by
//!   metric in `apptuit_refused_values_total`.
//! * There is no `_created`: instruments do not know when they were created.
//!
//! Asking ends no interval, so any number of scrapers can ask while a reporter sends. Instruments
//! that were not used for the [idle timeout](crate::RegistryBuilder::idle_timeout) are left out.

mod families;
mod format;
mod series;

use crate::collect::decoded;
use crate::{Distribution, Rates, Reading, Registry};
use families::{Families, Line, Part};
pub use format::Format;
use series::Series;

/// Everything a registry holds, as text.
///
/// Families are in the order of their names, each in one piece.
pub fn text(registry: &Registry, format: Format) -> String {
    let mut families = Families::default();
    for metric in registry.scrape() {
        let Some(name) = decoded(&metric.name).ok().filter(|name| !name.metric().is_empty()) else {
            families.leave_out("name");
            continue;
        };
        let description = registry.descriptions().get(name.metric());
        let series = Series::new(&name, metric.kind, &description);
        add(&mut families, &series, &metric.reading);
        families.refuse(name.metric(), metric.refused);
    }
    families.finish().write(format)
}

fn add(families: &mut Families, series: &Series, reading: &Reading) {
    match reading {
        Reading::Counter(count) if !series.only_grows() => value(families, series, *count as f64),
        Reading::Counter(..0) => families.leave_out("below zero"),
        Reading::Counter(count) => total(families, series, *count as f64),
        Reading::Gauge(unset) if unset.is_nan() => {}
        Reading::Gauge(now) => value(families, series, *now),
        Reading::Meter(count, of_meter) => {
            total(families, series, *count);
            rates(families, series, of_meter);
        }
        Reading::Histogram(values) => distribution(families, series, series.unit(), values),
        Reading::Timer(durations, of_timer) => {
            distribution(families, series, Some("seconds"), durations);
            rates(families, series, of_timer);
        }
        Reading::Fields(fields) => {
            for (field, now) in fields {
                families.add(series, Part::gauge(field, None), [Line::of(*now)]);
            }
        }
        Reading::Failed(_) => families.leave_out("panicked"),
    }
}

fn value(families: &mut Families, series: &Series, value: f64) {
    families.add(series, Part::gauge("", series.unit()), [Line::of(value)]);
}

fn total(families: &mut Families, series: &Series, count: f64) {
    families.add(series, Part::counter(series.unit()), [Line::of(count)]);
}

fn rates(families: &mut Families, series: &Series, rates: &Rates) {
    for (word, note, rate) in [
        ("mean_rate", "per second, since the start", rates.mean),
        ("1m_rate", "per second, over the last minute", rates.one_minute),
        ("5m_rate", "per second, over the last 5 minutes", rates.five_minutes),
        ("15m_rate", "per second, over the last 15 minutes", rates.fifteen_minutes),
    ] {
        families.add(series, Part::gauge(word, None).noted(note), [Line::of(rate)]);
    }
}

fn distribution(
    families: &mut Families,
    series: &Series,
    unit: Option<&str>,
    values: &Distribution,
) {
    let mut lines = Vec::new();
    if values.count > 0 {
        for (quantile, value) in [
            ("0.5", values.p50),
            ("0.75", values.p75),
            ("0.95", values.p95),
            ("0.98", values.p98),
            ("0.99", values.p99),
            ("0.999", values.p999),
        ] {
            lines.push(Line { suffix: "", quantile: Some(quantile), value });
        }
        for (word, note, extreme) in [("min", "least", values.min), ("max", "greatest", values.max)]
        {
            families.add(series, Part::gauge(word, unit).noted(note), [Line::of(extreme)]);
        }
    }
    let count = values.count as f64;
    if values.interval {
        let note = "since the last report";
        let part = |word, unit| Part::gauge(word, unit).noted(note);
        families.add(series, part("sum_of_interval", unit), [Line::of(values.sum)]);
        families.add(series, part("count_of_interval", None), [Line::of(count)]);
    } else {
        lines.push(Line { suffix: "_sum", quantile: None, value: values.sum });
        lines.push(Line { suffix: "_count", quantile: None, value: count });
    }
    if !lines.is_empty() {
        families.add(series, Part::summary(unit), lines);
    }
}
