//! The timer.

use std::sync::OnceLock;

use apptuit::metrics::{self, SystemClock};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use super::finite;
use super::measurement::TimerContext;
use super::spread::{ALPHA, Given, GivenSample, SIZE, Size, checked, sampling};
use crate::clock::{self, GivenClock};
use crate::once::intern;
use crate::snapshot::Snapshot;
use crate::values::Real;

/// How long something takes, and how often it happens.
#[pyclass(frozen, subclass, weakref, module = "apptuit.metrics")]
pub(crate) struct Timer(OnceLock<Durations>);

pub(super) struct Durations {
    pub(super) native: metrics::Timer,
    pub(super) given: Given,
    /// Above this many seconds the signal `call_too_long` is sent.
    pub(super) threshold: Option<f64>,
    /// Told of each duration.
    sink: Option<Py<PyAny>>,
    /// Whether recording is a matter of Rust alone.
    pub(super) is_plain: bool,
}

impl Durations {
    fn of(
        size: usize,
        alpha: f64,
        given: Given,
        threshold: Option<f64>,
        sink: Option<Py<PyAny>>,
    ) -> Self {
        let sampling = sampling(size, alpha, given.sample.as_ref());
        let native = match &given.clock {
            Some(clock) => metrics::Timer::with(clock.shown(), &sampling),
            None => metrics::Timer::with(SystemClock, &sampling),
        };
        let is_plain = given.is_nothing() && threshold.is_none() && sink.is_none();
        Self { native, given, threshold, sink, is_plain }
    }

    /// Takes a duration in; one below zero is left out, as when a clock was turned back.
    pub(super) fn record(&self, py: Python<'_>, seconds: f64) -> PyResult<()> {
        if seconds < 0.0 {
            return Ok(());
        }
        let seconds_object = PyFloat::new(py, seconds).into_any();
        if let Some(sample) = &self.given.sample {
            sample.update(&seconds_object)?;
        }
        self.native.record_secs(seconds);
        let Some(sink) = &self.sink else { return Ok(()) };
        sink.bind(py).call_method1(intern!(py, "add"), (seconds_object,)).map(drop)
    }
}

impl Timer {
    pub(crate) fn on(clock: Option<GivenClock>, sink: Option<Py<PyAny>>) -> Self {
        let given = Given { clock, sample: None };
        Self(OnceLock::from(Durations::of(SIZE, ALPHA, given, None, sink)))
    }

    /// A timer of Python's over a native one.
    pub(crate) fn over(native: metrics::Timer) -> Self {
        let given = Given::default();
        let durations = Durations { native, given, threshold: None, sink: None, is_plain: true };
        Self(OnceLock::from(durations))
    }

    /// The native timer, if nothing that is read is Python's.
    pub(crate) fn native(&self) -> Option<&metrics::Timer> {
        let durations = self.durations();
        durations.given.is_nothing().then_some(&durations.native)
    }

    #[inline]
    pub(super) fn durations(&self) -> &Durations {
        self.0.get_or_init(|| Durations::of(SIZE, ALPHA, Given::default(), None, None))
    }

    /// The native timer, shown what time it is.
    fn now(&self, py: Python<'_>) -> PyResult<&metrics::Timer> {
        let durations = self.durations();
        durations.given.refresh(py)?;
        Ok(&durations.native)
    }
}

#[pymethods]
impl Timer {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(threshold=None, size=1028, alpha=0.015, clock=None, sink=None, sample=None)")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self(OnceLock::new())
    }

    #[pyo3(
        signature = (threshold=None, size=Size(SIZE), alpha=Real(ALPHA), clock=None, sink=None, sample=None)
    )]
    fn __init__(
        &self,
        threshold: Option<Real>,
        size: Size,
        alpha: Real,
        clock: Option<&Bound<'_, PyAny>>,
        sink: Option<Py<PyAny>>,
        sample: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (size, alpha) = checked(size, alpha)?;
        let given = Given { clock: GivenClock::of(clock)?, sample: GivenSample::of(sample)? };
        // A second call changes nothing: reports may be asking the timer.
        let _ = self.0.set(Durations::of(
            size,
            alpha,
            given,
            threshold.map(|Real(seconds)| seconds),
            sink,
        ));
        Ok(())
    }

    /// Starts measuring: until the end of a `with` block, or until `stop`.
    #[pyo3(signature = (*args, **kwargs))]
    fn time(
        slf: &Bound<'_, Self>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<TimerContext> {
        TimerContext::begin(slf, args, kwargs)
    }

    /// Takes a duration in, in seconds.
    #[pyo3(name = "_update")]
    fn update(&self, seconds: &Bound<'_, PyAny>) -> PyResult<()> {
        let number = finite(seconds, "timer")?;
        let durations = self.durations();
        durations.given.refresh(seconds.py())?;
        durations.record(seconds.py(), number)
    }

    /// The number of durations.
    fn get_count(&self) -> f64 {
        self.durations().native.count() as f64
    }

    /// The sum of all durations, in seconds.
    fn get_sum(&self) -> f64 {
        self.durations().native.sum()
    }

    /// The shortest duration, in seconds; zero if there are none.
    fn get_min(&self) -> f64 {
        self.durations().native.min()
    }

    /// The longest duration, in seconds; zero if there are none.
    fn get_max(&self) -> f64 {
        self.durations().native.max()
    }

    /// The mean of all durations, in seconds.
    fn get_mean(&self) -> f64 {
        self.durations().native.mean()
    }

    /// The standard deviation of all durations, in seconds (divided by n - 1).
    fn get_stddev(&self) -> f64 {
        self.durations().native.std_dev()
    }

    /// The variance of all durations, in seconds squared (divided by n - 1).
    fn get_var(&self) -> f64 {
        self.durations().native.variance()
    }

    /// Durations per second since the start.
    fn get_mean_rate(&self, py: Python<'_>) -> PyResult<f64> {
        Ok(self.now(py)?.mean_rate())
    }

    /// Durations per second over the last minute, exponentially weighted.
    fn get_one_minute_rate(&self, py: Python<'_>) -> PyResult<f64> {
        Ok(self.now(py)?.one_minute_rate())
    }

    /// Durations per second over the last five minutes, exponentially weighted.
    fn get_five_minute_rate(&self, py: Python<'_>) -> PyResult<f64> {
        Ok(self.now(py)?.five_minute_rate())
    }

    /// Durations per second over the last fifteen minutes, exponentially weighted.
    fn get_fifteen_minute_rate(&self, py: Python<'_>) -> PyResult<f64> {
        Ok(self.now(py)?.fifteen_minute_rate())
    }

    /// What the sample holds, in seconds.
    fn get_snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(sample) = &self.durations().given.sample {
            return sample.snapshot(py);
        }
        Ok(Bound::new(py, Snapshot::of(self.now(py)?.snapshot()))?.into_any())
    }

    /// Starts anew.
    fn clear(&self, py: Python<'_>) -> PyResult<()> {
        self.now(py)?.clear();
        self.durations().given.sample.as_ref().map_or(Ok(()), |sample| sample.clear(py))
    }

    /// What time is read from; the module `time` stands for the monotonic clock.
    #[getter]
    fn clock(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        clock::object(py, self.durations().given.clock.as_ref())
    }

    /// The sample that was handed in, if any.
    #[getter]
    fn sample(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.durations().given.sample.as_ref().map(|sample| sample.object().clone_ref(py))
    }

    /// What is told of each duration, if anything.
    #[getter]
    fn sink(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.durations().sink.as_ref().map(|sink| sink.clone_ref(py))
    }

    /// Above this many seconds the signal `call_too_long` is sent.
    #[getter]
    fn threshold(&self) -> Option<f64> {
        self.durations().threshold
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Some(durations) = self.0.get() else { return Ok(()) };
        durations.sink.iter().try_for_each(|sink| visit.call(sink))?;
        durations.given.traverse(&visit)
    }
}
