//! The registry as a Python object: tables of instruments, and the native registry that reports them.

mod dump;
mod fields;
mod report;

pub(crate) use report::{Failed, collecting};

use std::sync::OnceLock;

use apptuit::metrics::{Kind, Registry};
use pyo3::exceptions::{PyLookupError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMappingProxy, PyString, PyTuple};
use pyo3::{PyClass, PyTraverseError, PyVisit};

use crate::clock::{self, GivenClock};
use crate::instruments::{
    CallbackGauge, Counter, Gauge, Histogram, Meter, Said, SimpleGauge, Timer,
};
use crate::once::intern;
use crate::values;

/// Instruments by name.
#[pyclass(frozen, subclass, weakref, module = "apptuit.metrics")]
pub(crate) struct MetricsRegistry {
    registry: Registry,
    clock: OnceLock<Option<GivenClock>>,
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

    /// The tables, in the order of a dump.
    fn tables<'py>(&self, py: Python<'py>) -> dump::Tables<'_, 'py> {
        [
            (Kind::Counter, self.counters.bind(py)),
            (Kind::Histogram, self.histograms.bind(py)),
            (Kind::Meter, self.meters.bind(py)),
            (Kind::Timer, self.timers.bind(py)),
            (Kind::Gauge, self.gauges.bind(py)),
        ]
    }

    fn table(&self, kind: Kind) -> &Py<PyDict> {
        match kind {
            Kind::Counter => &self.counters,
            Kind::Histogram => &self.histograms,
            Kind::Meter => &self.meters,
            Kind::Timer => &self.timers,
            Kind::Gauge => &self.gauges,
        }
    }

    /// The registry's clock, for a new instrument.
    fn clock(&self, py: Python<'_>) -> PyResult<Option<GivenClock>> {
        match self.clock.get() {
            Some(Some(clock)) => GivenClock::of(Some(clock.object().bind(py))),
            _ => Ok(None),
        }
    }

    fn find_or_make<'py, T: PyClass>(
        &self,
        kind: Kind,
        key: &Bound<'py, PyString>,
        make: impl FnOnce() -> PyResult<Bound<'py, T>>,
    ) -> PyResult<Bound<'py, T>> {
        match self.table(kind).bind(key.py()).get_item(key)? {
            Some(found) => Ok(found.cast_into()?),
            None => self.make(kind, key, make),
        }
    }

    #[inline(never)]
    fn make<'py, T: PyClass>(
        &self,
        kind: Kind,
        key: &Bound<'py, PyString>,
        make: impl FnOnce() -> PyResult<Bound<'py, T>>,
    ) -> PyResult<Bound<'py, T>> {
        // Refuses a name that is no Unicode text before anything is made.
        let name = key.to_cow()?;
        let (made, table) = (make()?, self.table(kind).bind(key.py()));
        // Making it may have run code of Python's, and let other threads in.
        if let Some(found) = table.get_item(key)? {
            return Ok(found.cast_into()?);
        }
        report::register(&self.registry, &name, kind, made.as_any())?;
        table.set_item(key, &made)?;
        Ok(made)
    }
}

#[pymethods]
impl MetricsRegistry {
    // Subclasses may have constructors of another shape, so the arguments are `__init__`'s.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(clock=None)")]
    fn new(
        py: Python<'_>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> Self {
        let table = || PyDict::new(py).unbind();
        Self {
            registry: Registry::new(),
            clock: OnceLock::new(),
            counters: table(),
            gauges: table(),
            histograms: table(),
            meters: table(),
            timers: table(),
        }
    }

    #[pyo3(signature = (clock=None))]
    fn __init__(&self, clock: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        // A second call changes nothing: instruments have the first clock.
        let _ = self.clock.set(GivenClock::of(clock)?);
        Ok(())
    }

    /// The counter of this name, made if need be.
    fn counter<'py>(&self, key: &Bound<'py, PyString>) -> PyResult<Bound<'py, Counter>> {
        let py = key.py();
        self.find_or_make(Kind::Counter, key, || Bound::new(py, Counter::create()))
    }

    /// The histogram of this name, made if need be.
    fn histogram<'py>(&self, key: &Bound<'py, PyString>) -> PyResult<Bound<'py, Histogram>> {
        let py = key.py();
        self.find_or_make(Kind::Histogram, key, || Bound::new(py, Histogram::on(self.clock(py)?)))
    }

    /// The meter of this name, made if need be.
    fn meter<'py>(&self, key: &Bound<'py, PyString>) -> PyResult<Bound<'py, Meter>> {
        let py = key.py();
        self.find_or_make(Kind::Meter, key, || Bound::new(py, Meter::on(self.clock(py)?)))
    }

    /// The timer of this name, made if need be.
    fn timer<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, Timer>> {
        let py = key.py();
        slf.get().find_or_make(Kind::Timer, key, || {
            let sink = slf.call_method0(intern!(py, "create_sink"))?;
            let sink = if sink.is_none() { None } else { Some(sink.unbind()) };
            Bound::new(py, Timer::on(slf.get().clock(py)?, sink))
        })
    }

    /// What a new timer tells each duration; a subclass may have something.
    #[expect(clippy::unused_self, reason = "a subclass's own method takes its place")]
    fn create_sink(&self) -> Option<Py<PyAny>> {
        None
    }

    /// A gauge: a value to set, or what the given function or gauge says.
    #[pyo3(signature = (key, gauge=None, default=Said(None)), text_signature = "($self, key, gauge=None, default=...)")]
    fn gauge<'py>(
        &self,
        key: &Bound<'py, PyString>,
        gauge: Option<&Bound<'py, PyAny>>,
        default: Said<'_, '_>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = key.py();
        let gauge = self.find_or_make(Kind::Gauge, key, || {
            let Some(given) = gauge else {
                let made = Bound::new(py, SimpleGauge::create())?;
                if let Some(value) = default.0 {
                    made.get().set_value(&value);
                }
                return Ok(made.into_super());
            };
            if let Ok(gauge) = given.cast::<Gauge>() {
                return Ok(gauge.clone());
            }
            if given.is_callable() {
                let made = CallbackGauge::create(Some(given.clone().unbind()));
                return Ok(Bound::new(py, made)?.into_super());
            }
            let shown = values::shown(given);
            Err(PyTypeError::new_err(format!("`{shown}` is no gauge and no function")))
        })?;
        Ok(gauge.into_any())
    }

    /// Puts an instrument under a name that no other of its kind has, and returns it.
    fn add<'py>(
        &self,
        key: &Bound<'py, PyString>,
        metric: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let kind = fields::kind(metric).ok_or_else(|| {
            PyTypeError::new_err(format!("`{}` is no instrument", values::shown(metric)))
        })?;
        let (name, table) = (key.to_cow()?, self.table(kind).bind(key.py()));
        if table.contains(key)? {
            let text = format!("the registry has an instrument of this kind named `{key}`");
            return Err(PyLookupError::new_err(text));
        }
        report::register(&self.registry, &name, kind, metric)?;
        table.set_item(key, metric)?;
        Ok(metric.clone())
    }

    /// The fields of the instruments of this name, by field; those of later kinds win.
    fn get_metrics<'py>(&self, key: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyDict>> {
        dump::of_name(key, self.tables(key.py()))
    }

    /// The fields of all instruments, by name and field.
    fn dump_metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        dump::of_all(py, self.tables(py))
    }

    /// Forgets the instruments of this name, of every kind.
    fn _forget(&self, key: &Bound<'_, PyString>) -> PyResult<()> {
        self.registry.remove(&*key.to_cow()?);
        for (_, table) in self.tables(key.py()) {
            if table.contains(key)? {
                table.del_item(key)?;
            }
        }
        Ok(())
    }

    /// Forgets all instruments; those that are held go on counting, unreported.
    fn clear(&self, py: Python<'_>) {
        self.registry.clear();
        for (_, table) in self.tables(py) {
            table.clear();
        }
    }

    /// The counters by name, to look at.
    #[getter(_counters)]
    fn counters<'py>(&self, py: Python<'py>) -> Bound<'py, PyMappingProxy> {
        self.view(py, Kind::Counter)
    }

    /// The gauges by name, to look at.
    #[getter(_gauges)]
    fn gauges<'py>(&self, py: Python<'py>) -> Bound<'py, PyMappingProxy> {
        self.view(py, Kind::Gauge)
    }

    /// The histograms by name, to look at.
    #[getter(_histograms)]
    fn histograms<'py>(&self, py: Python<'py>) -> Bound<'py, PyMappingProxy> {
        self.view(py, Kind::Histogram)
    }

    /// The meters by name, to look at.
    #[getter(_meters)]
    fn meters<'py>(&self, py: Python<'py>) -> Bound<'py, PyMappingProxy> {
        self.view(py, Kind::Meter)
    }

    /// The timers by name, to look at.
    #[getter(_timers)]
    fn timers<'py>(&self, py: Python<'py>) -> Bound<'py, PyMappingProxy> {
        self.view(py, Kind::Timer)
    }

    /// What new instruments read time from.
    #[getter(_clock)]
    fn given_clock(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        clock::object(py, self.clock.get().and_then(Option::as_ref))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let tables = [&self.counters, &self.gauges, &self.histograms, &self.meters, &self.timers];
        tables.into_iter().try_for_each(|table| visit.call(table))?;
        let clock = self.clock.get().and_then(Option::as_ref);
        clock.map_or(Ok(()), |clock| clock.traverse(&visit))
    }
}

impl MetricsRegistry {
    /// A table to look at. What is changed in it would not be reported, so it cannot be.
    fn view<'py>(&self, py: Python<'py>, kind: Kind) -> Bound<'py, PyMappingProxy> {
        PyMappingProxy::new(py, self.table(kind).bind(py).as_mapping())
    }
}
