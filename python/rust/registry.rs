//! The registry as a Python object: the native one, and the Python objects of its instruments.

use std::cell::RefCell;

use apptuit::metrics::{Metric, Registry};
use pyo3::exceptions::{PyLookupError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyWeakrefReference};
use pyo3::{PyClass, PyTraverseError, PyVisit};

use crate::errors::value_error;
use crate::instruments::{CallbackGauge, Counter, Gauge, Histogram, Meter, SimpleGauge, Timer};
use crate::{exit, fork};

/// Gauges that could not be read: their names, and what they raised.
pub(crate) type Failed = Vec<(String, PyErr)>;

thread_local! {
    /// Where this thread's failures to read a gauge go, if it asked to have them.
    static FAILED: RefCell<Option<Failed>> = const { RefCell::new(None) };
}

/// Instruments by name.
#[pyclass(frozen, subclass, weakref, module = "apptuit.metrics")]
pub(crate) struct MetricsRegistry {
    registry: Registry,
    counters: Py<PyDict>,
    gauges: Py<PyDict>,
    histograms: Py<PyDict>,
    meters: Py<PyDict>,
    timers: Py<PyDict>,
}

impl MetricsRegistry {
    pub(crate) fn native(&self) -> &Registry {
        &self.registry
    }

    /// A registry of Python's over a native one.
    pub(crate) fn over(py: Python<'_>, registry: Registry) -> Self {
        let table = || PyDict::new(py).unbind();
        Self {
            registry,
            counters: table(),
            gauges: table(),
            histograms: table(),
            meters: table(),
            timers: table(),
        }
    }

    /// What all instruments say, and the gauges that could not be read.
    fn dump(&self, py: Python<'_>) -> (Vec<Metric>, Failed) {
        collecting(|| fork::detach(py, || self.registry.dump()))
    }

    fn tables(&self) -> [&Py<PyDict>; 5] {
        [&self.counters, &self.histograms, &self.meters, &self.timers, &self.gauges]
    }

    /// Has the native registry ask a gauge of any class.
    ///
    /// The gauge is only referred to weakly: the strong reference is in `gauges`, where Python's
    /// garbage collector finds it.
    fn ask(&self, key: &str, gauge: &Bound<'_, Gauge>) -> PyResult<()> {
        let gauge = PyWeakrefReference::new(gauge)?.unbind();
        let name = key.to_owned();
        self.registry.gauge_fn(key, move || {
            // None: the interpreter is being shut down.
            let value = exit::attach(|py| match read(gauge.bind(py)) {
                Ok(value) => value,
                Err(error) => {
                    failed(&name, error);
                    f64::NAN
                }
            });
            value.unwrap_or(f64::NAN)
        });
        Ok(())
    }
}

#[pymethods]
impl MetricsRegistry {
    #[new]
    fn new(py: Python<'_>) -> Self {
        Self::over(py, Registry::new())
    }

    fn counter(&self, key: &Bound<'_, PyString>) -> PyResult<Py<Counter>> {
        find_or_make(&self.counters, key, |key| Counter(self.registry.counter(key)))
    }

    fn histogram(&self, key: &Bound<'_, PyString>) -> PyResult<Py<Histogram>> {
        find_or_make(&self.histograms, key, |key| Histogram(self.registry.histogram(key)))
    }

    fn meter(&self, key: &Bound<'_, PyString>) -> PyResult<Py<Meter>> {
        find_or_make(&self.meters, key, |key| Meter(self.registry.meter(key)))
    }

    fn timer(&self, key: &Bound<'_, PyString>) -> PyResult<Py<Timer>> {
        find_or_make(&self.timers, key, |key| Timer::of(&self.registry, key))
    }

    /// A gauge: a value to set, or what the given function or gauge says.
    #[pyo3(signature = (key, gauge=None))]
    fn gauge<'py>(
        &self,
        key: &Bound<'py, PyString>,
        gauge: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = key.py();
        if let Some(found) = self.gauges.bind(py).get_item(key)? {
            return Ok(found);
        }
        let Some(given) = gauge else {
            let made = Bound::new(py, SimpleGauge::handle(self.registry.gauge(key.to_str()?)))?;
            self.gauges.bind(py).set_item(key, &made)?;
            return Ok(made.into_any());
        };
        let gauge = if given.is_instance_of::<Gauge>() {
            given.clone()
        } else if given.is_callable() {
            Bound::new(py, CallbackGauge::new(given.clone().unbind()))?.into_any()
        } else {
            return Err(PyTypeError::new_err(format!("`{given}` is no gauge and no function")));
        };
        self.add(key, &gauge)
    }

    /// Puts an instrument under a name that no other of its kind has, and returns it.
    fn add<'py>(
        &self,
        key: &Bound<'py, PyString>,
        metric: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let name = key.to_str()?;
        if let Ok(counter) = metric.cast::<Counter>() {
            claim(&self.counters, key, metric)?;
            let (mut counter, native) = (counter.borrow_mut(), self.registry.counter(name));
            native.inc_by(counter.0.count());
            counter.0 = native;
        } else if let Ok(histogram) = metric.cast::<Histogram>() {
            unused(name, histogram.borrow().0.count())?;
            claim(&self.histograms, key, metric)?;
            histogram.borrow_mut().0 = self.registry.histogram(name);
        } else if let Ok(meter) = metric.cast::<Meter>() {
            unused(name, meter.borrow().0.count())?;
            claim(&self.meters, key, metric)?;
            meter.borrow_mut().0 = self.registry.meter(name);
        } else if let Ok(timer) = metric.cast::<Timer>() {
            unused(name, timer.borrow().timer.count())?;
            claim(&self.timers, key, metric)?;
            *timer.borrow_mut() = Timer::of(&self.registry, name);
        } else if let Ok(gauge) = metric.cast_exact::<SimpleGauge>() {
            claim(&self.gauges, key, metric)?;
            let gauge = gauge.get().0.clone();
            self.registry.gauge_fn(name, move || gauge.value());
        } else if let Ok(gauge) = metric.cast::<Gauge>() {
            claim(&self.gauges, key, metric)?;
            self.ask(name, gauge)?;
        } else {
            return Err(PyTypeError::new_err(format!("`{metric}` is no instrument")));
        }
        Ok(metric.clone().into_any())
    }

    /// The fields of the instruments of this name, by field; those of later kinds win.
    fn get_metrics<'py>(&self, key: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyDict>> {
        let name = key.to_str()?;
        let (metrics, failed) = self.dump(key.py());
        if let Some((_, error)) = failed.into_iter().find(|(failed, _)| failed == name) {
            return Err(error);
        }
        let fields = PyDict::new(key.py());
        for metric in metrics.iter().filter(|metric| metric.name.metric() == name) {
            fill(&fields, metric)?;
        }
        Ok(fields)
    }

    /// The fields of all instruments, by name and field.
    fn dump_metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (metrics, failed) = self.dump(py);
        if let Some((_, error)) = failed.into_iter().next() {
            return Err(error);
        }
        let dump = PyDict::new(py);
        for metric in &metrics {
            let name = metric.name.metric();
            let fields = match dump.get_item(name)? {
                Some(fields) => fields.cast_into()?,
                None => PyDict::new(py),
            };
            fill(&fields, metric)?;
            dump.set_item(name, fields)?;
        }
        Ok(dump)
    }

    /// Forgets the instruments of this name, of every kind.
    fn _forget(&self, key: &Bound<'_, PyString>) -> PyResult<()> {
        self.registry.remove(key.to_str()?);
        for table in self.tables() {
            let table = table.bind(key.py());
            if table.contains(key)? {
                table.del_item(key)?;
            }
        }
        Ok(())
    }

    /// Forgets all instruments; those that are held go on counting, unreported.
    fn clear(&self, py: Python<'_>) {
        self.registry.clear();
        for table in self.tables() {
            table.bind(py).clear();
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.tables().into_iter().try_for_each(|table| visit.call(table))
    }
}

/// Puts `metric` into the table of its kind, if the name is free.
fn claim(table: &Py<PyDict>, key: &Bound<'_, PyString>, metric: &Bound<'_, PyAny>) -> PyResult<()> {
    let table = table.bind(key.py());
    if table.contains(key)? {
        let text = format!("the registry has an instrument of this kind named `{key}`");
        return Err(PyLookupError::new_err(text));
    }
    table.set_item(key, metric)
}

/// Refuses an instrument that has recorded something: it would be lost.
fn unused(name: &str, count: u64) -> PyResult<()> {
    if count == 0 {
        return Ok(());
    }
    Err(value_error(format!(
        "the instrument for `{name}` has recorded {count} times: add it before it is used"
    )))
}

/// Sets the fields of one instrument.
fn fill(fields: &Bound<'_, PyDict>, metric: &Metric) -> PyResult<()> {
    for (field, value) in metric.fields() {
        fields.set_item(field, value)?;
    }
    Ok(())
}

/// Runs `collect` and returns the failures to read a gauge that this thread met in it.
pub(crate) fn collecting<T>(collect: impl FnOnce() -> T) -> (T, Failed) {
    let before = FAILED.replace(Some(Vec::new()));
    let collected = collect();
    (collected, FAILED.replace(before).unwrap_or_default())
}

/// Hands a failure to the caller of this thread's [`collecting`].
fn failed(name: &str, error: PyErr) {
    FAILED.with_borrow_mut(|failed| {
        if let Some(failed) = failed {
            failed.push((name.to_owned(), error));
        }
    });
}

/// The value of a gauge now; NaN if the gauge is gone.
fn read(gauge: &Bound<'_, PyWeakrefReference>) -> PyResult<f64> {
    use pyo3::types::PyWeakrefMethods;
    match gauge.upgrade() {
        Some(gauge) => gauge.call_method0(intern!(gauge.py(), "get_value"))?.extract(),
        None => Ok(f64::NAN),
    }
}

fn find_or_make<T: PyClass + Into<PyClassInitializer<T>>>(
    table: &Py<PyDict>,
    key: &Bound<'_, PyString>,
    make: impl FnOnce(&str) -> T,
) -> PyResult<Py<T>> {
    let py = key.py();
    let table = table.bind(py);
    if let Some(found) = table.get_item(key)? {
        return Ok(found.cast_into::<T>()?.unbind());
    }
    // No other thread comes between: nothing here lets go of the interpreter's lock.
    let made = Py::new(py, make(key.to_str()?))?;
    table.set_item(key, &made)?;
    Ok(made)
}
