//! Series side by side: as columns that numpy reads, and as an Arrow stream.

use std::sync::Arc;

use apptuit::{Frame, TimeSeries as ModelSeries, TimeSeriesName as ModelName};
use arrow_array::RecordBatchIterator;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyCapsule, PyList};

use crate::columns::write_cells;
use crate::errors::value_error;
use crate::series::TimeSeries;

/// The instants of all series in milliseconds, and for each series a column of values, NaN where
/// it has none. Both are in the machine's byte order.
#[pyfunction]
pub(crate) fn frame<'py>(
    py: Python<'py>,
    series: &Bound<'py, PyList>,
) -> PyResult<(Bound<'py, PyByteArray>, Bound<'py, PyByteArray>)> {
    if let Some((instants, columns)) = as_they_are(series)? {
        return Ok((PyByteArray::new(py, instants.as_bytes()), joined(py, &columns)?));
    }
    let frame = joined_by_time(py, series, |_| Ok("".into()))?;
    let (rows, columns) = (frame.len(), series.len());
    let instants = PyByteArray::new_with(py, rows * size_of::<i64>(), |bytes| {
        write_cells(bytes, frame.timestamps().iter().copied());
        Ok(())
    })?;
    let size = rows.checked_mul(columns).and_then(|cells| cells.checked_mul(size_of::<f64>()));
    let size = size.ok_or_else(|| value_error("the frame is too large"))?;
    let block = PyByteArray::new_with(py, size, |bytes| {
        if rows > 0 {
            for (n, column) in bytes.chunks_exact_mut(rows * size_of::<f64>()).enumerate() {
                write_cells(column, frame.column(n).iter().copied());
            }
        }
        Ok(())
    })?;
    Ok((instants, block))
}

/// The stream of the Arrow C data interface: one record batch, a column `time` and one for each
/// series, named as in a data frame.
#[pyfunction]
pub(crate) fn arrow_stream<'py>(
    py: Python<'py>,
    series: &Bound<'py, PyList>,
) -> PyResult<Bound<'py, PyCapsule>> {
    let named = |one: &TimeSeries| one.with_name(py, |name| name.to_model(py));
    let frame = joined_by_time(py, series, named)?;
    let batch = py.detach(|| frame.into_record_batch());
    let schema = batch.schema();
    let batches = RecordBatchIterator::new([Ok(batch)], Arc::clone(&schema));
    let stream = FFI_ArrowArrayStream::new(Box::new(batches));
    PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
}

fn joined_by_time(
    py: Python<'_>,
    series: &Bound<'_, PyList>,
    name_of: impl Fn(&TimeSeries) -> PyResult<ModelName>,
) -> PyResult<Frame> {
    let to_model = |one: Bound<'_, PyAny>| {
        let one = one.cast::<TimeSeries>()?.borrow();
        one.to_model(py, name_of(&one)?)
    };
    let series = series.iter().map(to_model).collect::<PyResult<Vec<ModelSeries>>>()?;
    Ok(py.detach(|| Frame::from(series)))
}

/// Instants, and values of several series at them.
type Columns<'py> = (Bound<'py, PyBytes>, Vec<Bound<'py, PyBytes>>);

/// The common instants of all series and the values of each, if they come from Rust and are all at
/// the same instants, which rise: then they are the frame.
fn as_they_are<'py>(series: &Bound<'py, PyList>) -> PyResult<Option<Columns<'py>>> {
    let (mut common, mut columns) = (None::<Bound<'py, PyBytes>>, Vec::new());
    for one in series {
        let Some((instants, values)) = one.cast::<TimeSeries>()?.borrow().native(series.py())
        else {
            return Ok(None);
        };
        match &common {
            Some(common) if common.is(&instants) || common.as_bytes() == instants.as_bytes() => {}
            Some(_) => return Ok(None),
            None => common = Some(instants),
        }
        columns.push(values);
    }
    let rise = |instants: &Bound<'_, PyBytes>| {
        let millis = instants.as_bytes().as_chunks().0.iter().map(|at| i64::from_ne_bytes(*at));
        millis.is_sorted_by(|one, next| one < next)
    };
    Ok(common.filter(rise).map(|common| (common, columns)))
}

/// The columns one after the other.
fn joined<'py>(
    py: Python<'py>,
    columns: &[Bound<'py, PyBytes>],
) -> PyResult<Bound<'py, PyByteArray>> {
    let size = columns.iter().map(|column| column.as_bytes().len()).sum();
    PyByteArray::new_with(py, size, |mut block| {
        for column in columns {
            let column = column.as_bytes();
            block[..column.len()].copy_from_slice(column);
            block = &mut block[column.len()..];
        }
        Ok(())
    })
}
