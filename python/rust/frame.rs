//! The columns of a data frame, as bytes that numpy reads without copying.

use apptuit::Frame;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyList};

use crate::series::TimeSeries;

/// The instants of all series in milliseconds, and for each series a column of values, NaN where
/// it has none. Both are in the machine's byte order.
#[pyfunction]
pub(crate) fn frame<'py>(
    py: Python<'py>,
    series: &Bound<'py, PyList>,
) -> PyResult<(Bound<'py, PyByteArray>, Bound<'py, PyByteArray>)> {
    let unnamed = |one: Bound<'py, PyAny>| one.cast::<TimeSeries>()?.borrow().unnamed(py);
    let series = series.iter().map(unnamed).collect::<PyResult<Vec<_>>>()?;
    let (instants, columns) = py.detach(|| {
        let frame = Frame::from_series(&series);
        let instants = frame.timestamps().iter().flat_map(|at| at.as_millis().to_ne_bytes());
        let columns = (0..series.len()).flat_map(|n| frame.column(n));
        (
            instants.collect::<Vec<u8>>(),
            columns.flat_map(|value| value.to_ne_bytes()).collect::<Vec<u8>>(),
        )
    });
    Ok((PyByteArray::new(py, &instants), PyByteArray::new(py, &columns)))
}
