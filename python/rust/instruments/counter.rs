//! The counter: native while it counts whole numbers, Python's own arithmetic beyond.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apptuit::metrics::{self, Reading};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use super::amount::Amount;

/// Sums below this are counted natively. As much again is left for those who count by one.
const MOST: i64 = 1 << 62;

/// A count that goes up and down.
#[pyclass(frozen, subclass, weakref, module = "apptuit.metrics")]
pub(crate) struct Counter {
    native: metrics::Counter,
    /// How much more can be counted natively before the sum has to be looked at.
    room: AtomicI64,
    /// The sum, while it is no whole number that fits: a float, a large int, a fraction.
    exact: Mutex<Option<Py<PyAny>>>,
    said: Arc<Said>,
}

/// What reports need to know of the exact sum, without Python's lock.
#[derive(Default)]
struct Said {
    is_exact: AtomicBool,
    /// The bits of an `f64`.
    sum: AtomicU64,
}

impl Counter {
    pub(crate) fn create() -> Self {
        Self::over(metrics::Counter::new())
    }

    /// A counter of Python's over a native one.
    pub(crate) fn over(native: metrics::Counter) -> Self {
        Self { native, room: AtomicI64::new(MOST), exact: Mutex::new(None), said: Arc::default() }
    }

    /// What a report asks, without Python's lock.
    pub(crate) fn reader(&self) -> impl Fn() -> Reading + Send + Sync + 'static {
        let (native, said) = (self.native.clone(), Arc::clone(&self.said));
        move || {
            if said.is_exact.load(Ordering::Acquire) {
                let sum = f64::from_bits(said.sum.load(Ordering::Relaxed));
                return Reading::Fields(vec![("count", sum)]);
            }
            native.reading()
        }
    }

    #[inline]
    fn count(&self, py: Python<'_>, amount: Amount<'_, '_>, sign: i64) -> PyResult<()> {
        if !self.said.is_exact.load(Ordering::Relaxed) {
            match amount {
                Amount::One => {
                    self.native.inc_by(sign);
                    return Ok(());
                }
                Amount::Whole(number) if self.has_room(number) => {
                    self.native.inc_by(sign * number);
                    return Ok(());
                }
                _ => {}
            }
        }
        self.count_exactly(&amount.object(py), sign)
    }

    /// Whether the native sum cannot overflow by this; Python's lock is held.
    #[inline]
    fn has_room(&self, number: i64) -> bool {
        let room = self.room.load(Ordering::Relaxed);
        let Some(left) = number.checked_abs().and_then(|number| room.checked_sub(number)) else {
            return false;
        };
        if left >= 0 {
            self.room.store(left, Ordering::Relaxed);
        }
        left >= 0
    }

    /// Adds as Python does, whatever it is.
    #[inline(never)]
    fn count_exactly(&self, amount: &Bound<'_, PyAny>, sign: i64) -> PyResult<()> {
        let py = amount.py();
        loop {
            let before = self.sum(py);
            let sum = if sign < 0 { before.sub(amount) } else { before.add(amount) }?;
            // What is no number for a report, such as 10**400, is left out of it.
            let number = sum.extract().unwrap_or(f64::NAN);
            // Arithmetic of a class of its own may have let other threads in.
            if self.is_still(&before) {
                self.keep(&sum, number);
                return Ok(());
            }
        }
    }

    fn exact(&self) -> MutexGuard<'_, Option<Py<PyAny>>> {
        self.exact.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sum<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        match &*self.exact() {
            Some(sum) => sum.bind(py).clone(),
            None => PyInt::new(py, self.native.count()).into_any(),
        }
    }

    fn is_still(&self, before: &Bound<'_, PyAny>) -> bool {
        match &*self.exact() {
            Some(sum) => sum.is(before),
            None => {
                before.is_exact_instance_of::<PyInt>()
                    && before.extract().is_ok_and(|before: i64| before == self.native.count())
            }
        }
    }

    fn keep(&self, sum: &Bound<'_, PyAny>, number: f64) {
        let whole = sum.is_exact_instance_of::<PyInt>().then(|| sum.extract::<i64>().ok());
        let fits = whole.flatten().filter(|whole| whole.unsigned_abs() < MOST.unsigned_abs());
        let exact = if let Some(whole) = fits {
            self.native.inc_by(whole.wrapping_sub(self.native.count()));
            self.room.store(MOST - whole.abs(), Ordering::Relaxed);
            None
        } else {
            self.said.sum.store(number.to_bits(), Ordering::Relaxed);
            Some(sum.clone().unbind())
        };
        self.said.is_exact.store(exact.is_some(), Ordering::Release);
        // Dropped without the lock.
        let _before = std::mem::replace(&mut *self.exact(), exact);
    }
}

#[pymethods]
impl Counter {
    // Subclasses may have constructors of another shape, so the arguments are `__init__`'s.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "()")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self::create()
    }

    fn __init__(&self, py: Python<'_>) {
        self.clear(py);
    }

    /// Adds `val`, as Python adds: floats, fractions and ints of any size; `TypeError` if it is no number.
    #[pyo3(signature = (val=Amount::One), text_signature = "($self, val=1)")]
    fn inc(&self, py: Python<'_>, val: Amount<'_, '_>) -> PyResult<()> {
        self.count(py, val, 1)
    }

    /// Takes `val` away, as Python subtracts.
    #[pyo3(signature = (val=Amount::One), text_signature = "($self, val=1)")]
    fn dec(&self, py: Python<'_>, val: Amount<'_, '_>) -> PyResult<()> {
        self.count(py, val, -1)
    }

    /// The sum, an int as long as only ints were added.
    pub(crate) fn get_count<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        if self.said.is_exact.load(Ordering::Relaxed) {
            return self.sum(py);
        }
        PyInt::new(py, self.native.count()).into_any()
    }

    /// Back to zero.
    fn clear(&self, py: Python<'_>) {
        self.keep(&PyInt::new(py, 0).into_any(), 0.0);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.exact.try_lock() {
            Ok(exact) => exact.iter().try_for_each(|sum| visit.call(sum)),
            Err(_) => Ok(()),
        }
    }
}
