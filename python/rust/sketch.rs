//! Series as lines of a small drawing.

use std::fmt::Write as _;

use apptuit::{TimeRange, TimeSeries as ModelSeries, Timestamp};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::series::TimeSeries;
use crate::values;

/// A path of SVG for each series, in a drawing of so many pixels, and what its edges stand for: the
/// first and the last instant in seconds, the least and the greatest value. None of them is there
/// if no value is finite.
type Sketch<'py> = (Vec<String>, Option<(Bound<'py, PyAny>, Bound<'py, PyAny>, f64, f64)>);

#[pyfunction]
pub(crate) fn sketch<'py>(
    py: Python<'py>,
    series: &Bound<'py, PyList>,
    width: u32,
    height: u32,
) -> PyResult<Sketch<'py>> {
    let to_model =
        |one: Bound<'py, PyAny>| one.cast::<TimeSeries>()?.borrow().to_model(py, "".into());
    let series = series.iter().map(to_model).collect::<PyResult<Vec<_>>>()?;
    let (width, height) = (width.max(1), height.max(1));
    let Some(edges) = py.detach(|| Edges::of(&series)) else { return Ok((Vec::new(), None)) };
    let paths = py.detach(|| series.iter().map(|one| edges.path(one, width, height)).collect());
    let [first, last] = [edges.times.start(), edges.times.end()].map(|at| values::seconds(py, at));
    Ok((paths, Some((first?, last?, edges.least, edges.greatest))))
}

struct Edges {
    times: TimeRange,
    least: f64,
    greatest: f64,
}

impl Edges {
    fn of(series: &[ModelSeries]) -> Option<Self> {
        let points = || series.iter().flat_map(ModelSeries::iter).filter(|(_, v)| v.is_finite());
        let times = || points().map(|(at, _)| at);
        Some(Self {
            times: TimeRange::new(times().min()?, times().max()?),
            least: points().map(|(_, value)| value).fold(f64::INFINITY, f64::min),
            greatest: points().map(|(_, value)| value).fold(f64::NEG_INFINITY, f64::max),
        })
    }

    /// The least and the greatest value of each column of pixels; a gap where values are none.
    fn path(&self, series: &ModelSeries, width: u32, height: u32) -> String {
        let millis = |at: Timestamp| i128::from(at.as_millis());
        let (first, last) = (millis(self.times.start()), millis(self.times.end()));
        let x = |at| (millis(at) - first) * i128::from(width - 1) / (last - first).max(1);
        let mut points: Vec<_> = series.iter().collect();
        points.sort_by_key(|(at, _)| *at);
        let mut path = String::new();
        let mut pen = "M";
        for column in points.chunk_by(|(one, _), (next, _)| x(*one) == x(*next)) {
            let finite =
                || column.iter().map(|(_, value)| *value).filter(|value| value.is_finite());
            let Some((from, to)) = finite().next().zip(finite().next_back()) else {
                pen = "M";
                continue;
            };
            let (least, greatest) = (finite().fold(from, f64::min), finite().fold(from, f64::max));
            for value in [from, least, greatest, to] {
                // Writing to a string cannot fail.
                let _ = write!(path, "{pen}{} {:.1}", x(column[0].0), self.y(value, height));
                pen = "L";
            }
        }
        path
    }

    /// From the bottom up; in the middle if all values are one.
    fn y(&self, value: f64, height: u32) -> f64 {
        // Halves, since the whole span may be more than the greatest number.
        let span = self.greatest / 2.0 - self.least / 2.0;
        let share = if span > 0.0 { (value / 2.0 - self.least / 2.0) / span } else { 0.5 };
        f64::from(height - 1) * (1.0 - share)
    }
}
