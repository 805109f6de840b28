//! The instruments as Python objects.
//!
//! Each has a native instrument of its own. What Python may hand in besides (clocks, samples, sinks)
//! stays Python's, and is asked under Python's lock alone, never from within a native one.

mod amount;
mod counter;
mod gauge;
mod histogram;
mod measurement;
mod meter;
mod own_sample;
mod spread;
mod timer;

pub(crate) use amount::Said;
pub(crate) use counter::Counter;
pub(crate) use gauge::{CallbackGauge, Gauge, SimpleGauge};
pub(crate) use histogram::Histogram;
pub(crate) use measurement::TimerContext;
pub(crate) use meter::Meter;
pub(crate) use own_sample::HistogramSample;
pub(crate) use spread::{ALPHA, SIZE, Size, checked};
pub(crate) use timer::Timer;

use pyo3::prelude::*;

use crate::errors::value_error;
use crate::values;

/// A finite number, for an instrument of this kind.
#[inline]
pub(crate) fn finite(given: &Bound<'_, PyAny>, kind: &str) -> PyResult<f64> {
    let number = values::float(given)?;
    if number.is_finite() { Ok(number) } else { Err(not_finite(number, kind)) }
}

#[cold]
fn not_finite(number: f64, kind: &str) -> PyErr {
    let text = format!("`{number}` is no value of a {kind}: expected a finite number");
    value_error(text.to_lowercase())
}
