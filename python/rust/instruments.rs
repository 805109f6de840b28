//! The instruments as Python objects: handles on the native ones.

use std::sync::Arc;
use std::time::Duration;

use apptuit::metrics::{self, Clock, Registry};
use pyo3::exceptions::PyNotImplementedError;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::errors::value_error;
use crate::exit::ParkInsteadOfUnwinding;

/// A count that goes up and down.
#[pyclass(subclass, module = "apptuit.metrics")]
pub(crate) struct Counter(pub(crate) metrics::Counter);

#[pymethods]
impl Counter {
    #[new]
    fn new() -> Self {
        Self(Registry::new().counter("unregistered"))
    }

    #[pyo3(signature = (val=1))]
    fn inc(&self, val: i64) {
        self.0.inc_by(val);
    }

    #[pyo3(signature = (val=1))]
    fn dec(&self, val: i64) {
        self.0.dec_by(val);
    }

    fn get_count(&self) -> i64 {
        self.0.count()
    }

    fn clear(&self) {
        self.0.clear();
    }
}

/// A value at this moment. A subclass says which, in `get_value`.
#[pyclass(frozen, subclass, weakref, module = "apptuit.metrics")]
pub(crate) struct Gauge;

#[pymethods]
impl Gauge {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        _args: &Bound<'_, pyo3::types::PyTuple>,
        _kwargs: Option<&Bound<'_, pyo3::types::PyDict>>,
    ) -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "a subclass's own method takes its place")]
    fn get_value(&self) -> PyResult<f64> {
        Err(PyNotImplementedError::new_err("a gauge of one's own needs a method `get_value`"))
    }
}

/// A gauge that holds the value it was last given, at first NaN.
#[pyclass(frozen, subclass, extends = Gauge, module = "apptuit.metrics")]
pub(crate) struct SimpleGauge(pub(crate) metrics::Gauge);

#[pymethods]
impl SimpleGauge {
    #[new]
    #[pyo3(signature = (value=f64::NAN))]
    fn new(value: f64) -> PyClassInitializer<Self> {
        let gauge = Registry::new().gauge("unregistered");
        gauge.set(value);
        Self::handle(gauge)
    }

    fn get_value(&self) -> f64 {
        self.0.value()
    }

    fn set_value(&self, value: f64) {
        self.0.set(value);
    }
}

impl SimpleGauge {
    pub(crate) fn handle(gauge: metrics::Gauge) -> PyClassInitializer<Self> {
        PyClassInitializer::from(Gauge).add_subclass(Self(gauge))
    }
}

/// A gauge that asks a function at every report.
#[pyclass(subclass, extends = Gauge, module = "apptuit.metrics")]
pub(crate) struct CallbackGauge {
    // None only after the garbage collector broke a cycle through it.
    callback: Option<Py<PyAny>>,
}

#[pymethods]
impl CallbackGauge {
    #[new]
    pub(crate) fn new(callback: Py<PyAny>) -> PyClassInitializer<Self> {
        PyClassInitializer::from(Gauge).add_subclass(Self { callback: Some(callback) })
    }

    fn get_value<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        // Cloned first: the function may come back to this object.
        let callback = slf.borrow().callback.as_ref().map(|callback| callback.clone_ref(py));
        let callback = callback.ok_or_else(|| value_error("the gauge has no function"))?;
        let parked = ParkInsteadOfUnwinding::new();
        let value = callback.bind(py).call0();
        parked.done();
        value
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.callback.iter().try_for_each(|callback| visit.call(callback))
    }

    fn __clear__(&mut self) {
        self.callback = None;
    }
}

/// The rate of events: the mean, and moving averages over 1, 5 and 15 minutes.
#[pyclass(subclass, module = "apptuit.metrics")]
pub(crate) struct Meter(pub(crate) metrics::Meter);

#[pymethods]
impl Meter {
    #[new]
    fn new() -> Self {
        Self(Registry::new().meter("unregistered"))
    }

    #[pyo3(signature = (value=1))]
    fn mark(&self, value: u64) {
        self.0.mark_n(value);
    }

    fn get_count(&self) -> u64 {
        self.0.count()
    }

    fn get_mean_rate(&self) -> f64 {
        self.0.mean_rate()
    }

    fn get_one_minute_rate(&self) -> f64 {
        self.0.one_minute_rate()
    }

    fn get_five_minute_rate(&self) -> f64 {
        self.0.five_minute_rate()
    }

    fn get_fifteen_minute_rate(&self) -> f64 {
        self.0.fifteen_minute_rate()
    }
}

/// The distribution of the values in a stream.
#[pyclass(subclass, module = "apptuit.metrics")]
pub(crate) struct Histogram(pub(crate) metrics::Histogram);

#[pymethods]
impl Histogram {
    #[new]
    fn new() -> Self {
        Self(Registry::new().histogram("unregistered"))
    }

    fn add(&self, value: f64) -> PyResult<()> {
        if !value.is_finite() {
            let text = format!("`{value}` is no value of a histogram: expected a finite number");
            return Err(value_error(text.to_lowercase()));
        }
        self.0.record(value);
        Ok(())
    }

    fn get_count(&self) -> u64 {
        self.0.count()
    }

    fn get_sum(&self) -> f64 {
        self.0.sum()
    }

    fn get_min(&self) -> f64 {
        self.0.min()
    }

    fn get_max(&self) -> f64 {
        self.0.max()
    }

    fn get_mean(&self) -> f64 {
        self.0.mean()
    }

    fn get_stddev(&self) -> f64 {
        self.0.std_dev()
    }

    fn get_var(&self) -> f64 {
        self.0.variance()
    }

    fn get_snapshot(&self) -> Snapshot {
        Snapshot(self.0.snapshot())
    }
}

/// How long something takes, and how often it happens.
#[pyclass(subclass, module = "apptuit.metrics")]
pub(crate) struct Timer {
    pub(crate) timer: metrics::Timer,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Timer {
    /// The timer of this name.
    pub(crate) fn of(registry: &Registry, name: &str) -> Self {
        Self { timer: registry.timer(name), clock: registry.clock().clone() }
    }
}

#[pymethods]
impl Timer {
    #[new]
    fn new() -> Self {
        Self::of(&Registry::new(), "unregistered")
    }

    /// Starts measuring: until the end of a `with` block, or until `stop`.
    fn time(&self) -> TimerContext {
        let (timer, clock) = (self.timer.clone(), Arc::clone(&self.clock));
        TimerContext { started: clock.now(), timer, clock }
    }

    fn get_count(&self) -> u64 {
        self.timer.count()
    }

    fn get_sum(&self) -> f64 {
        self.timer.sum()
    }

    fn get_min(&self) -> f64 {
        self.timer.min()
    }

    fn get_max(&self) -> f64 {
        self.timer.max()
    }

    fn get_mean(&self) -> f64 {
        self.timer.mean()
    }

    fn get_stddev(&self) -> f64 {
        self.timer.std_dev()
    }

    fn get_var(&self) -> f64 {
        self.timer.variance()
    }

    fn get_mean_rate(&self) -> f64 {
        self.timer.mean_rate()
    }

    fn get_one_minute_rate(&self) -> f64 {
        self.timer.one_minute_rate()
    }

    fn get_five_minute_rate(&self) -> f64 {
        self.timer.five_minute_rate()
    }

    fn get_fifteen_minute_rate(&self) -> f64 {
        self.timer.fifteen_minute_rate()
    }

    fn get_snapshot(&self) -> Snapshot {
        Snapshot(self.timer.snapshot())
    }
}

/// One measurement of a timer, under way.
#[pyclass(frozen, module = "apptuit.metrics")]
pub(crate) struct TimerContext {
    timer: metrics::Timer,
    clock: Arc<dyn Clock>,
    started: Duration,
}

#[pymethods]
impl TimerContext {
    /// Records the time since the start and returns it, in seconds.
    fn stop(&self) -> f64 {
        let elapsed = self.clock.now().saturating_sub(self.started);
        self.timer.record(elapsed);
        elapsed.as_secs_f64()
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (exc_type, exc, traceback))]
    fn __exit__(
        &self,
        exc_type: Option<&Bound<'_, PyAny>>,
        exc: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) {
        // An exception in the block is measured like any other way out of it, and goes on.
        let _ = (exc_type, exc, traceback);
        self.stop();
    }
}

/// A sample of a histogram's or a timer's values, at one moment.
#[pyclass(frozen, module = "apptuit.metrics")]
pub(crate) struct Snapshot(metrics::Snapshot);

#[pymethods]
impl Snapshot {
    fn get_size(&self) -> usize {
        self.0.len()
    }

    fn get_percentile(&self, p: f64) -> PyResult<f64> {
        if !(0.0..=1.0).contains(&p) {
            return Err(value_error(format!("`{p}` is no percentile: expected 0 to 1")));
        }
        Ok(self.0.quantile(p))
    }

    fn get_median(&self) -> f64 {
        self.0.quantile(0.5)
    }

    fn get_75th_percentile(&self) -> f64 {
        self.0.quantile(0.75)
    }

    fn get_95th_percentile(&self) -> f64 {
        self.0.quantile(0.95)
    }

    fn get_99th_percentile(&self) -> f64 {
        self.0.quantile(0.99)
    }

    fn get_999th_percentile(&self) -> f64 {
        self.0.quantile(0.999)
    }
}
