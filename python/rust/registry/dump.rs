//! A registry's instruments as dicts of Python's.

use apptuit::metrics::{Kind, Reading};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::fields::{self, Reader};
use crate::fork;
use crate::instruments::Counter;

/// The tables of a registry, in the order of a dump.
pub(super) type Tables<'a, 'py> = [(Kind, &'a Bound<'py, PyDict>); 5];

/// One instrument of a dump.
struct Entry<'py> {
    kind: Kind,
    key: Bound<'py, PyAny>,
    instrument: Bound<'py, PyAny>,
}

/// How it is asked.
enum Ask {
    /// Counters are read where they are.
    Count,
    /// Without Python's lock, together with the others.
    Native,
    Python,
}

/// The fields of all instruments, by name and field; those of later kinds win.
pub(super) fn of_all<'py>(
    py: Python<'py>,
    tables: Tables<'_, 'py>,
) -> PyResult<Bound<'py, PyDict>> {
    let entries = tables.into_iter().flat_map(|(kind, table)| {
        table.iter().map(move |(key, instrument)| Entry { kind, key, instrument })
    });
    said(py, entries.collect())
}

/// The fields of the instruments of one name.
pub(super) fn of_name<'py>(
    key: &Bound<'py, PyString>,
    tables: Tables<'_, 'py>,
) -> PyResult<Bound<'py, PyDict>> {
    let mut entries = Vec::new();
    for (kind, table) in tables {
        if let Some(instrument) = table.get_item(key)? {
            entries.push(Entry { kind, key: key.clone().into_any(), instrument });
        }
    }
    match said(key.py(), entries)?.get_item(key)? {
        Some(fields) => Ok(fields.cast_into()?),
        None => Ok(PyDict::new(key.py())),
    }
}

/// What instruments say. Which ones is settled, so Python may change the registry meanwhile.
fn said<'py>(py: Python<'py>, entries: Vec<Entry<'py>>) -> PyResult<Bound<'py, PyDict>> {
    let mut readers: Vec<Reader> = Vec::new();
    let asks: Vec<Ask> = entries.iter().map(|entry| how(entry, &mut readers)).collect();
    let readings: Vec<Reading> = if readers.is_empty() {
        Vec::new()
    } else {
        fork::detach(py, || readers.iter().map(|read| read()).collect())
    };
    let (mut readings, first) = (readings.iter(), entries.first().map(|entry| entry.kind));
    let dump = PyDict::new(py);
    for (entry, ask) in entries.into_iter().zip(asks) {
        let fields = match (ask, entry.instrument.cast_exact::<Counter>()) {
            (Ask::Count, Ok(counter)) => count(counter)?,
            (Ask::Native, _) => match readings.next() {
                Some(reading) => fields::of_reading(py, entry.kind, reading)?,
                None => PyDict::new(py),
            },
            _ => fields::asked(entry.kind, &entry.instrument)?,
        };
        // Names of one kind differ, so those of the first kind need not be looked for.
        let is_new = Some(entry.kind) == first;
        match if is_new { None } else { dump.get_item(&entry.key)? } {
            Some(earlier) => earlier.cast::<PyDict>()?.update(fields.as_mapping())?,
            None => dump.set_item(entry.key, fields)?,
        }
    }
    Ok(dump)
}

fn how(entry: &Entry<'_>, readers: &mut Vec<Reader>) -> Ask {
    if entry.instrument.is_exact_instance_of::<Counter>() {
        return Ask::Count;
    }
    let Some(reader) = fields::reader(&entry.instrument) else { return Ask::Python };
    readers.push(reader);
    Ask::Native
}

/// The field of a counter.
fn count<'py>(counter: &Bound<'py, Counter>) -> PyResult<Bound<'py, PyDict>> {
    let (py, dict) = (counter.py(), PyDict::new(counter.py()));
    let name = fields::names(py, Kind::Counter).first().map(|(_, name)| name);
    dict.set_item(name, counter.get().get_count(py))?;
    Ok(dict)
}
