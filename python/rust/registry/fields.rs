//! What instruments say, as Python's dicts: field by field, in the order of the wire.

use apptuit::metrics::{Kind, Reading};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::exit;
use crate::instruments::{Counter, Gauge, Histogram, Meter, Timer};
use crate::once::Once;

/// The names of a kind's fields, made once.
pub(super) fn names(py: Python<'_>, kind: Kind) -> &[(&'static str, Py<PyString>)] {
    type Names = Vec<(&'static str, Py<PyString>)>;
    static NAMES: [Once<Names>; 5] = [const { Once::new() }; 5];
    NAMES[kind as usize].get(py, || {
        let names = kind.fields().into_iter();
        names.map(|name| (name, PyString::intern(py, name).unbind())).collect()
    })
}

/// The fields of a reading.
pub(super) fn of_reading<'py>(
    py: Python<'py>,
    kind: Kind,
    reading: &Reading,
) -> PyResult<Bound<'py, PyDict>> {
    let (dict, names) = (PyDict::new(py), names(py, kind));
    for (n, (field, value)) in reading.fields().into_iter().enumerate() {
        match names.get(n).filter(|(name, _)| *name == field) {
            Some((_, name)) => dict.set_item(name, value)?,
            None => dict.set_item(field, value)?,
        }
    }
    Ok(dict)
}

/// The fields of an instrument that only Python can ask: of a class of its own, or with a clock or a
/// sample of Python's.
pub(super) fn asked<'py>(
    kind: Kind,
    instrument: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyDict>> {
    let py = instrument.py();
    let dict = PyDict::new(py);
    let mut snapshot = None;
    for (field, name) in names(py, kind) {
        let value = match (percentile(field), &snapshot) {
            (None, _) => exit::call(&instrument.getattr(method(field))?)?,
            (Some(percentile), Some(snapshot)) => ask(snapshot, percentile)?,
            (Some(percentile), None) => {
                let taken = exit::call(&instrument.getattr("get_snapshot")?)?;
                ask(snapshot.insert(taken), percentile)?
            }
        };
        dict.set_item(name, value)?;
    }
    Ok(dict)
}

fn ask<'py>(snapshot: &Bound<'py, PyAny>, method: &str) -> PyResult<Bound<'py, PyAny>> {
    exit::call(&snapshot.getattr(method)?)
}

/// The method of an instrument that says a field.
fn method(field: &str) -> &'static str {
    match field {
        "avg" => "get_mean",
        "sum" => "get_sum",
        "max" => "get_max",
        "min" => "get_min",
        "std_dev" => "get_stddev",
        "mean_rate" => "get_mean_rate",
        "1m_rate" => "get_one_minute_rate",
        "5m_rate" => "get_five_minute_rate",
        "15m_rate" => "get_fifteen_minute_rate",
        "value" => "get_value",
        _ => "get_count",
    }
}

/// The method of a snapshot that says a field, if it is a percentile.
fn percentile(field: &str) -> Option<&'static str> {
    Some(match field {
        "50_percentile" => "get_median",
        "75_percentile" => "get_75th_percentile",
        "95_percentile" => "get_95th_percentile",
        "99_percentile" => "get_99th_percentile",
        "999_percentile" => "get_999th_percentile",
        _ => return None,
    })
}

/// The kind of an instrument; `None` if it is none.
pub(super) fn kind(instrument: &Bound<'_, PyAny>) -> Option<Kind> {
    if instrument.is_instance_of::<Counter>() {
        Some(Kind::Counter)
    } else if instrument.is_instance_of::<Histogram>() {
        Some(Kind::Histogram)
    } else if instrument.is_instance_of::<Meter>() {
        Some(Kind::Meter)
    } else if instrument.is_instance_of::<Timer>() {
        Some(Kind::Timer)
    } else if instrument.is_instance_of::<Gauge>() {
        Some(Kind::Gauge)
    } else {
        None
    }
}

/// How an instrument is read without Python, if it can be.
pub(super) type Reader = Box<dyn Fn() -> Reading + Send + Sync>;

/// The reader of an instrument that is of one of our own classes and has nothing of Python's.
pub(super) fn reader(instrument: &Bound<'_, PyAny>) -> Option<Reader> {
    if let Ok(counter) = instrument.cast_exact::<Counter>() {
        return Some(Box::new(counter.get().reader()));
    }
    if let Ok(meter) = instrument.cast_exact::<Meter>() {
        let native = meter.get().native()?.clone();
        return Some(Box::new(move || native.reading()));
    }
    if let Ok(histogram) = instrument.cast_exact::<Histogram>() {
        let native = histogram.get().native()?.clone();
        return Some(Box::new(move || native.reading()));
    }
    if let Ok(timer) = instrument.cast_exact::<Timer>() {
        let native = timer.get().native()?.clone();
        return Some(Box::new(move || native.reading()));
    }
    None
}
