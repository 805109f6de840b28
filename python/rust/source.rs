//! What a report is made of: registries of ours, and dumps of any others.

use apptuit::metrics::Registry;
use apptuit::metrics::collect::{LeftOut, Skipped, collect_each};
use apptuit::reporter::MetricSource;
use apptuit::{DataPoint, TimeSeriesName, Timestamp, decode_metric};
use pyo3::exceptions::{PyException, PyKeyboardInterrupt};
use pyo3::prelude::*;
use pyo3::types::{PyMapping, PyString};

use crate::errors::type_error;
use crate::registry::{Failed, MetricsRegistry, collecting};
use crate::{exit, signals, values};

/// Asks `prepare(registry)` at each report what there is to report, and what could not be read:
/// a list of registries of ours and of dumps, and a list of names and reasons.
pub(crate) struct Source {
    prepare: Py<PyAny>,
    /// `None` is the reporter's own.
    registry: Option<Py<PyAny>>,
}

/// Something to report.
enum Part {
    Registry(Registry),
    Dump(Metrics),
}

/// Names, and their fields with values.
type Metrics = Vec<(TimeSeriesName, Vec<(String, f64)>)>;

impl Source {
    pub(crate) fn new(prepare: Py<PyAny>, registry: Option<Py<PyAny>>) -> Self {
        Self { prepare, registry }
    }

    fn parts(&self, py: Python<'_>) -> PyResult<(Vec<Part>, Vec<Skipped>)> {
        let prepared = self.prepare.call1(py, (self.registry.as_ref(),))?;
        let (given, unread): (Vec<Bound<'_, PyAny>>, Vec<(String, String)>) =
            prepared.extract(py)?;
        let (mut parts, mut skipped) = (Vec::new(), Vec::new());
        skipped.extend(unread.into_iter().map(|(name, reason)| Skipped { name, reason }));
        for part in given {
            parts.push(match part.cast::<MetricsRegistry>() {
                Ok(registry) => Part::Registry(registry.get().native().clone()),
                Err(_) => Part::Dump(dumped(&part, &mut skipped)?),
            });
        }
        Ok((parts, skipped))
    }
}

impl MetricSource for Source {
    fn collect(
        &self,
        prefix: &str,
        timestamp: Timestamp,
        take: &mut dyn FnMut(DataPoint),
    ) -> LeftOut {
        let prepared = exit::attach(|py| {
            self.parts(py).unwrap_or_else(|raised| {
                let skipped = Skipped { name: "registry".to_owned(), reason: reason(py, &raised) };
                noting(py, raised);
                (Vec::new(), vec![skipped])
            })
        });
        // None: the interpreter is being shut down.
        let (parts, skipped) = prepared.unwrap_or_default();
        let mut left = LeftOut { skipped, non_finite: 0 };
        for part in parts {
            match part {
                Part::Registry(registry) => {
                    let collect = || collect_each(&registry, prefix, timestamp, &mut *take);
                    let (more, failed) = collecting(collect);
                    left.non_finite += more.non_finite;
                    left.skipped.extend(more.skipped);
                    left.skipped.extend(unreadable(failed));
                }
                Part::Dump(metrics) => {
                    for (name, fields) in metrics {
                        left.non_finite += hand_out(prefix, &name, &fields, timestamp, take);
                    }
                }
            }
        }
        left
    }
}

/// Gauges that raised.
fn unreadable(failed: Failed) -> Vec<Skipped> {
    if failed.is_empty() {
        return Vec::new();
    }
    let skipped = exit::attach(|py| {
        let skip = |(name, raised): (String, PyErr)| {
            let reason = reason(py, &raised);
            noting(py, raised);
            Skipped { name, reason }
        };
        failed.into_iter().map(skip).collect()
    });
    skipped.unwrap_or_default()
}

/// Makes sure that Ctrl-C in a callback ends a call that waits for the report.
fn noting(py: Python<'_>, raised: PyErr) {
    if raised.is_instance_of::<PyKeyboardInterrupt>(py) {
        signals::note(raised);
    }
}

fn reason(py: Python<'_>, raised: &PyErr) -> String {
    let name = raised.get_type(py).name().map_or_else(|_| String::new(), |name| name.to_string());
    let text = raised.value(py).str().map_or_else(|_| String::new(), |text| text.to_string());
    format!("{name}: {text}")
}

/// A dump of a registry, each metric on its own: what cannot be read costs only itself.
fn dumped(dump: &Bound<'_, PyAny>, skipped: &mut Vec<Skipped>) -> PyResult<Metrics> {
    let dump = dump.cast::<PyMapping>().map_err(|_| {
        type_error(format!("`dump_metrics()` is a `{}`: expected a dict", dump.get_type()))
    })?;
    let (py, mut metrics) = (dump.py(), Vec::new());
    // Copies: what is read may change meanwhile.
    for item in dump.items()?.iter() {
        let (key, fields): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
        let shown = key.str().map_or_else(|_| String::new(), |text| text.to_string());
        let mut skip = |name: String, raised: PyErr| -> PyResult<()> {
            if !raised.is_instance_of::<PyException>(py) {
                return Err(raised);
            }
            skipped.push(Skipped { name, reason: reason(py, &raised) });
            Ok(())
        };
        match metric(&key, &fields) {
            Ok((name, fields)) => {
                let mut read = Vec::with_capacity(fields.len());
                for (field, value) in fields {
                    match value {
                        Ok(value) => read.push((field, value)),
                        Err(raised) => skip(format!("{shown}.{field}"), raised)?,
                    }
                }
                metrics.push((name, read));
            }
            Err(raised) => skip(shown, raised)?,
        }
    }
    Ok(metrics)
}

type Fields = Vec<(String, PyResult<f64>)>;

fn metric(key: &Bound<'_, PyAny>, fields: &Bound<'_, PyAny>) -> PyResult<(TimeSeriesName, Fields)> {
    let key = key.cast::<PyString>().map_err(|_| type_error("the name is not text"))?;
    let name = decode_metric(&key.to_cow()?);
    let name = name.map_err(|error| crate::errors::value_error(error.to_string()))?;
    let fields = fields.cast::<PyMapping>();
    let fields = fields.map_err(|_| type_error("it is no dict of fields and values"))?;
    let field = |item: Bound<'_, PyAny>| {
        let (field, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
        Ok((field.str()?.to_string(), values::number(&value)))
    };
    Ok((name, fields.items()?.iter().map(field).collect::<PyResult<_>>()?))
}

/// The points of a metric; returns how many of its values are not finite.
fn hand_out(
    prefix: &str,
    name: &TimeSeriesName,
    fields: &[(String, f64)],
    timestamp: Timestamp,
    take: &mut dyn FnMut(DataPoint),
) -> u64 {
    let mut non_finite = 0;
    for (field, value) in fields {
        if value.is_finite() {
            let metric = format!("{prefix}{}.{field}", name.metric());
            let name = TimeSeriesName::new(metric, name.tags().clone());
            take(DataPoint::new(name, timestamp, *value));
        } else {
            non_finite += 1;
        }
    }
    non_finite
}
