//! The gauges.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use apptuit::metrics::Reading;
use pyo3::exceptions::PyNotImplementedError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use super::amount::Said;
use crate::errors::{type_error, value_error};
use crate::exit;
use crate::values;

/// A value at this moment. A subclass says which, in `get_value`.
#[pyclass(frozen, subclass, weakref, module = "apptuit.metrics")]
pub(crate) struct Gauge;

#[pymethods]
impl Gauge {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self
    }

    /// The value now; a subclass says which, else `NotImplementedError`.
    #[expect(clippy::unused_self, reason = "a subclass's own method takes its place")]
    fn get_value(&self) -> PyResult<f64> {
        Err(PyNotImplementedError::new_err("a gauge of one's own needs a method `get_value`"))
    }
}

/// A gauge that holds the value it was last given, at first NaN.
#[pyclass(frozen, subclass, extends = Gauge, module = "apptuit.metrics")]
pub(crate) struct SimpleGauge {
    held: Arc<Held>,
    /// The value, if it is no float.
    object: Mutex<Option<Py<PyAny>>>,
}

/// The value as a number, for reports that do without Python's lock.
pub(crate) struct Held {
    /// The bits of an `f64`.
    bits: AtomicU64,
    /// Whether the value is an object that has to be asked.
    is_object: AtomicBool,
}

impl Held {
    /// What a report says, or `None` if Python has to be asked.
    pub(crate) fn reading(&self) -> Option<Reading> {
        let is_number = !self.is_object.load(Ordering::Acquire);
        is_number.then(|| Reading::Gauge(f64::from_bits(self.bits.load(Ordering::Relaxed))))
    }
}

impl SimpleGauge {
    pub(crate) fn create() -> PyClassInitializer<Self> {
        let bits = AtomicU64::new(f64::NAN.to_bits());
        let held = Arc::new(Held { bits, is_object: AtomicBool::new(false) });
        PyClassInitializer::from(Gauge).add_subclass(Self { held, object: Mutex::new(None) })
    }

    pub(crate) fn held(&self) -> &Arc<Held> {
        &self.held
    }

    #[inline(never)]
    fn hold(&self, object: Option<Py<PyAny>>) {
        self.held.is_object.store(object.is_some(), Ordering::Release);
        // Dropped without the lock.
        let _before = std::mem::replace(
            &mut *self.object.lock().unwrap_or_else(PoisonError::into_inner),
            object,
        );
    }
}

#[pymethods]
impl SimpleGauge {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(value=...)")]
    fn new(
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<Self> {
        Self::create()
    }

    #[pyo3(signature = (value=Said(None)))]
    fn __init__(&self, value: Said<'_, '_>) {
        if let Some(value) = value.0 {
            self.set_value(&value);
        }
    }

    /// The value that was last set.
    fn get_value<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        if self.held.is_object.load(Ordering::Relaxed)
            && let Some(object) = &*self.object.lock().unwrap_or_else(PoisonError::into_inner)
        {
            return object.bind(py).clone();
        }
        PyFloat::new(py, f64::from_bits(self.held.bits.load(Ordering::Relaxed))).into_any()
    }

    /// Sets the value. What is no number is told as an error by reports.
    pub(crate) fn set_value(&self, value: &Bound<'_, PyAny>) {
        let Ok(float) = value.cast_exact::<PyFloat>() else {
            return self.hold(Some(value.clone().unbind()));
        };
        self.held.bits.store(float.value().to_bits(), Ordering::Relaxed);
        if self.held.is_object.load(Ordering::Relaxed) {
            self.hold(None);
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.object.try_lock() {
            Ok(object) => object.iter().try_for_each(|object| visit.call(object)),
            Err(_) => Ok(()),
        }
    }
}

/// A gauge that asks a function each time.
#[pyclass(frozen, subclass, extends = Gauge, module = "apptuit.metrics")]
pub(crate) struct CallbackGauge {
    callback: OnceLock<Py<PyAny>>,
}

impl CallbackGauge {
    pub(crate) fn create(callback: Option<Py<PyAny>>) -> PyClassInitializer<Self> {
        let callback = callback.map_or_else(OnceLock::new, OnceLock::from);
        PyClassInitializer::from(Gauge).add_subclass(Self { callback })
    }
}

#[pymethods]
impl CallbackGauge {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(callback)")]
    fn new(
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<Self> {
        Self::create(None)
    }

    fn __init__(&self, callback: &Bound<'_, PyAny>) -> PyResult<()> {
        if !callback.is_callable() {
            let shown = values::shown(callback);
            return Err(type_error(format!("`{shown}` is no function of a gauge")));
        }
        // A second call changes nothing: reports may be asking the first function.
        let _ = self.callback.set(callback.clone().unbind());
        Ok(())
    }

    /// What the function returns now; what it raises is raised.
    fn get_value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let callback = self.callback.get();
        let callback = callback.ok_or_else(|| value_error("the gauge was given no function"))?;
        exit::call(callback.bind(py))
    }

    /// The function.
    #[getter]
    fn callback(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.callback.get().map(|callback| callback.clone_ref(py))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.callback.get().map_or(Ok(()), |callback| visit.call(callback))
    }
}
