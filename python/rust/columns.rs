//! The columns of a series: numbers of eight bytes each, until Python asks for a list.

use std::marker::PhantomData;

use apptuit::Timestamp;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyList, PyString};

use crate::errors::{type_error, value_error};
use crate::values;

const CELL: usize = size_of::<f64>();

/// What a column holds.
pub(crate) trait Cell: Copy {
    /// As numpy reads it, in the machine's byte order.
    fn to_bytes(self) -> [u8; CELL];
    fn from_bytes(bytes: [u8; CELL]) -> Self;
    fn to_python(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>>;
    fn from_python(given: &Bound<'_, PyAny>) -> PyResult<Self>;
}

impl Cell for f64 {
    fn to_bytes(self) -> [u8; CELL] {
        self.to_ne_bytes()
    }

    fn from_bytes(bytes: [u8; CELL]) -> Self {
        Self::from_ne_bytes(bytes)
    }

    fn to_python(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Ok(self.into_pyobject(py)?.into_any())
    }

    fn from_python(given: &Bound<'_, PyAny>) -> PyResult<Self> {
        values::number(given)
    }
}

/// To numpy milliseconds, to Python seconds.
impl Cell for Timestamp {
    fn to_bytes(self) -> [u8; CELL] {
        self.as_millis().to_ne_bytes()
    }

    fn from_bytes(bytes: [u8; CELL]) -> Self {
        Self::from_millis(i64::from_ne_bytes(bytes))
    }

    fn to_python(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        values::seconds(py, self)
    }

    fn from_python(given: &Bound<'_, PyAny>) -> PyResult<Self> {
        values::timestamp(given)
    }
}

/// A column of a series.
pub(crate) enum Column<T> {
    /// Of a series that came from Rust. Python's views of it are not copies.
    Bytes(Py<PyBytes>, PhantomData<T>),
    /// The truth once Python has it: it may change it.
    List(Py<PyList>),
}

impl<T: Cell> Column<T> {
    pub(crate) fn of(py: Python<'_>, cells: &[T]) -> PyResult<Self> {
        Ok(Self::Bytes(packed(py, cells)?.unbind(), PhantomData))
    }

    /// A column of these cells that uses bytes again, if they are the same.
    pub(crate) fn shared(bytes: Bound<'_, PyBytes>, cells: &[T]) -> Option<Self> {
        let kept = bytes.as_bytes().as_chunks::<CELL>().0;
        let same = kept.len() == cells.len()
            && kept.iter().zip(cells).all(|(kept, cell)| *kept == cell.to_bytes());
        same.then(|| Self::Bytes(bytes.unbind(), PhantomData))
    }

    /// A list of its own with the items of anything that can be iterated but text; None has none.
    pub(crate) fn of_items(
        py: Python<'_>,
        what: &str,
        given: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let Some(given) = given.filter(|given| !given.is_none()) else {
            return Ok(Self::List(PyList::empty(py).unbind()));
        };
        // Arrays give Python's own numbers this way.
        let items = match given.getattr_opt("tolist")? {
            Some(to_list) => to_list.call0()?,
            None => given.clone(),
        };
        let is_text = items.is_instance_of::<PyString>()
            || items.is_instance_of::<PyBytes>()
            || items.is_instance_of::<PyByteArray>();
        let iterator = if is_text { None } else { items.try_iter().ok() };
        let iterator = iterator.ok_or_else(|| {
            let shown = values::shown(given);
            type_error(format!("{what} are `{shown}`: expected a list or an array of numbers"))
        })?;
        let list = py.get_type::<PyList>().call1((iterator,))?;
        Ok(Self::List(list.cast_into::<PyList>()?.unbind()))
    }

    pub(crate) fn len(&self, py: Python<'_>) -> usize {
        match self {
            Self::Bytes(bytes, _) => bytes.as_bytes(py).len() / CELL,
            Self::List(list) => list.bind(py).len(),
        }
    }

    /// The list, which is the column from now on.
    pub(crate) fn list<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = match self {
            Self::List(list) => return Ok(list.bind(py).clone()),
            Self::Bytes(bytes, _) => {
                let cells = cells_of::<T>(bytes.as_bytes(py)).map(|cell| cell.to_python(py));
                PyList::new(py, cells.collect::<PyResult<Vec<_>>>()?)?
            }
        };
        *self = Self::List(list.clone().unbind());
        Ok(list)
    }

    /// The cells, converted where they are Python's.
    pub(crate) fn to_vec(&self, py: Python<'_>) -> PyResult<Vec<T>> {
        match self {
            Self::Bytes(bytes, _) => Ok(cells_of(bytes.as_bytes(py)).collect()),
            Self::List(list) => {
                let list = list.bind(py);
                let mut cells = Vec::with_capacity(list.len());
                for item in list {
                    cells.push(T::from_python(&item)?);
                }
                Ok(cells)
            }
        }
    }

    /// The bytes of a column that has not become a list.
    pub(crate) fn native<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        match self {
            Self::Bytes(bytes, _) => Some(bytes.bind(py).clone()),
            Self::List(_) => None,
        }
    }

    /// The cells as numpy reads them; of a column that came from Rust not a copy.
    pub(crate) fn bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        match self {
            Self::Bytes(bytes, _) => Ok(bytes.bind(py).clone()),
            Self::List(_) => packed(py, &self.to_vec(py)?),
        }
    }
}

fn cells_of<T: Cell>(bytes: &[u8]) -> impl ExactSizeIterator<Item = T> {
    bytes.as_chunks::<CELL>().0.iter().map(|cell| T::from_bytes(*cell))
}

fn packed<'py, T: Cell>(py: Python<'py>, cells: &[T]) -> PyResult<Bound<'py, PyBytes>> {
    PyBytes::new_with(py, cells.len() * CELL, |bytes| {
        write_cells(bytes, cells.iter().copied());
        Ok(())
    })
}

/// Fills `bytes` with as many cells as it takes.
pub(crate) fn write_cells<T: Cell>(bytes: &mut [u8], cells: impl Iterator<Item = T>) {
    for (place, cell) in bytes.as_chunks_mut::<CELL>().0.iter_mut().zip(cells) {
        *place = cell.to_bytes();
    }
}

/// Refuses columns of two lengths.
pub(crate) fn check_lengths(timestamps: usize, values: usize) -> PyResult<()> {
    if timestamps == values {
        return Ok(());
    }
    Err(value_error(format!("{timestamps} timestamps but {values} values: expected as many")))
}
