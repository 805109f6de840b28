//! What the system tells of this process.

use apptuit::Timestamp;
use apptuit::reporter::ProcessMetrics;
use pyo3::prelude::*;

/// Numbers of this process, read anew: the metric, its tag `type` and the value.
#[pyfunction]
pub(crate) fn process_usage(py: Python<'_>) -> Vec<(String, Option<String>, f64)> {
    let points = py.detach(|| ProcessMetrics::named("python").points("", Timestamp::default()));
    let reading = |point: apptuit::DataPoint| {
        let metric = point.metric();
        let metric = metric.rsplit_once('.').map_or(metric, |(metric, _field)| metric);
        (metric.to_owned(), point.tags().get("type").map(str::to_owned), point.value())
    };
    points.into_iter().map(reading).collect()
}
