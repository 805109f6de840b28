//! Samples and moving averages by themselves.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use apptuit::metrics::{Clock, Ewma, ExponentiallyDecaying, Reservoir, SlidingWindow, SystemClock};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use crate::clock::{self, GivenClock};
use crate::errors::value_error;
use crate::instruments::{ALPHA, SIZE, Size, checked, finite};
use crate::snapshot::Snapshot;
use crate::values::Real;

/// Values a window holds at most.
const MOST: usize = 1 << 20;

/// The time of a clock that may not be given.
fn now(py: Python<'_>, clock: Option<&GivenClock>) -> PyResult<Duration> {
    let Some(clock) = clock else { return Ok(SystemClock.now()) };
    clock.read(py)?;
    Ok(clock.shown().now())
}

/// A span of this many seconds.
fn span(name: &str, Real(seconds): Real) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| value_error(format!("`{name}` is `{seconds}`: expected a time from zero up")))
}

/// A sample, once it is known of what kind.
struct Sample<R> {
    reservoir: R,
    clock: Option<GivenClock>,
}

impl<R: Reservoir> Sample<R> {
    fn update(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let number = finite(value, "sample")?;
        self.reservoir.offer(&[number], now(value.py(), self.clock.as_ref())?);
        Ok(())
    }

    fn snapshot(&self, py: Python<'_>) -> PyResult<Snapshot> {
        Ok(Snapshot::of(self.reservoir.snapshot(now(py, self.clock.as_ref())?)))
    }
}

macro_rules! sample {
    ($(#[$doc:meta])* $name:ident of $reservoir:ty, $default:expr, ($($arg:ident: $type:ty = $value:expr),*), $text:literal, $make:expr) => {
        $(#[$doc])*
        #[pyclass(frozen, subclass, weakref, module = "apptuit.metrics")]
        pub(crate) struct $name(OnceLock<Sample<$reservoir>>);

        impl $name {
            fn sample(&self) -> &Sample<$reservoir> {
                self.0.get_or_init(|| Sample { reservoir: $default, clock: None })
            }
        }

        #[pymethods]
        impl $name {
            #[new]
            #[pyo3(signature = (*_args, **_kwargs), text_signature = $text)]
            fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
                Self(OnceLock::new())
            }

            #[pyo3(signature = ($($arg=$value,)* clock=None))]
            fn __init__(&self, $($arg: $type,)* clock: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
                let make: fn($($type),*) -> PyResult<$reservoir> = $make;
                let sample = Sample { reservoir: make($($arg),*)?, clock: GivenClock::of(clock)? };
                // A second call changes nothing.
                let _ = self.0.set(sample);
                Ok(())
            }

            /// Takes a value in.
            fn update(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
                self.sample().update(value)
            }

            /// The number of values it holds.
            fn get_size(&self, py: Python<'_>) -> PyResult<usize> {
                Ok(self.sample().snapshot(py)?.size())
            }

            /// What it holds.
            fn get_snapshot(&self, py: Python<'_>) -> PyResult<Snapshot> {
                self.sample().snapshot(py)
            }

            /// Forgets all values.
            fn clear(&self) {
                self.sample().reservoir.clear();
            }

            /// What time is read from; the module `time` stands for the monotonic clock.
            #[getter]
            fn clock(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
                clock::object(py, self.sample().clock.as_ref())
            }

            fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
                let clock = self.0.get().and_then(|sample| sample.clock.as_ref());
                clock.map_or(Ok(()), |clock| clock.traverse(&visit))
            }
        }
    };
}

sample! {
    /// A sample in which recent values prevail.
    ExpDecayingSample of ExponentiallyDecaying,
    ExponentiallyDecaying::new(),
    (size: Size = Size(SIZE), alpha: Real = Real(ALPHA)),
    "(size=1028, alpha=0.015, clock=None)",
    |size, alpha| {
        let (size, alpha) = checked(size, alpha)?;
        Ok(ExponentiallyDecaying::with_size(size, alpha))
    }
}

sample! {
    /// The values of the last seconds.
    SlidingTimeWindowSample of SlidingWindow,
    SlidingWindow::with_size(Duration::from_mins(5), MOST),
    (window: Real = Real(300.0)),
    "(window=300.0, clock=None)",
    |window| Ok(SlidingWindow::with_size(span("window", window)?, MOST))
}

/// A rate per second that weighs the past less the longer ago it is.
#[pyclass(frozen, subclass, weakref, module = "apptuit.metrics")]
pub(crate) struct ExpWeightedMovingAvg(OnceLock<Average>);

struct Average {
    ewma: Mutex<Ewma>,
    clock: Option<GivenClock>,
    period: f64,
    interval: f64,
}

impl ExpWeightedMovingAvg {
    fn average(&self) -> PyResult<&Average> {
        self.0.get().ok_or_else(|| value_error("the average was never initialised"))
    }

    /// Asks the average for something at this time.
    fn ask<R>(&self, py: Python<'_>, ask: impl FnOnce(&mut Ewma, Duration) -> R) -> PyResult<R> {
        let average = self.average()?;
        // Before the lock is taken: the clock may be Python's.
        let now = now(py, average.clock.as_ref())?;
        Ok(ask(&mut average.ewma.lock().unwrap_or_else(PoisonError::into_inner), now))
    }

    fn look<R>(&self, look: impl FnOnce(&mut Ewma) -> R) -> PyResult<R> {
        Ok(look(&mut self.average()?.ewma.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

#[pymethods]
impl ExpWeightedMovingAvg {
    #[classattr]
    const INTERVAL: f64 = 5.0;
    #[classattr]
    const SECONDS_PER_MINUTE: f64 = 60.0;

    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(period, interval=5.0, clock=None)")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self(OnceLock::new())
    }

    #[pyo3(signature = (period, interval=Real(5.0), clock=None))]
    fn __init__(
        &self,
        py: Python<'_>,
        period: Real,
        interval: Real,
        clock: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let clock = GivenClock::of(clock)?;
        let seconds = period.0 * Self::SECONDS_PER_MINUTE;
        let ewma = Ewma::new(span("period", Real(seconds))?, now(py, clock.as_ref())?);
        let ewma = Mutex::new(ewma.with_interval(span("interval", interval)?));
        // A second call changes nothing.
        let _ = self.0.set(Average { ewma, clock, period: seconds, interval: interval.0 });
        Ok(())
    }

    /// Counts events, which need not be a whole number.
    fn add(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let number = finite(value, "moving average")?;
        self.look(|ewma| ewma.add(number))
    }

    /// Mixes what was counted since the last tick into the rate.
    fn tick(&self, py: Python<'_>) -> PyResult<()> {
        self.ask(py, Ewma::tick)
    }

    /// Events per second; ticks if the last tick is an interval ago.
    fn get_rate(&self, py: Python<'_>) -> PyResult<f64> {
        self.ask(py, Ewma::rate)
    }

    /// The rate as of the last tick; -1 before the first.
    #[getter(rate)]
    fn last_rate(&self) -> PyResult<f64> {
        self.look(|ewma| ewma.last_rate().unwrap_or(-1.0))
    }

    /// What was counted since the last tick.
    #[getter]
    fn uncounted(&self) -> PyResult<f64> {
        self.look(|ewma| ewma.uncounted())
    }

    /// When the last tick was, in seconds of the clock.
    #[getter]
    fn last_tick(&self) -> PyResult<f64> {
        let last = self.look(|ewma| ewma.last_tick())?;
        let clock = self.average()?.clock.as_ref();
        Ok(clock.map_or(last.as_secs_f64(), |clock| clock.seconds(last)))
    }

    /// The period, in seconds.
    #[getter]
    fn period(&self) -> PyResult<f64> {
        Ok(self.average()?.period)
    }

    /// The least time between two ticks, in seconds.
    #[getter]
    fn interval(&self) -> PyResult<f64> {
        Ok(self.average()?.interval)
    }

    /// What time is read from; the module `time` stands for the monotonic clock.
    #[getter]
    fn clock(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        clock::object(py, self.average()?.clock.as_ref())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let clock = self.0.get().and_then(|average| average.clock.as_ref());
        clock.map_or(Ok(()), |clock| clock.traverse(&visit))
    }
}
