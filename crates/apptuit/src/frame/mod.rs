//! Series side by side on one index of time.

#[cfg(feature = "arrow")]
mod arrow;
mod csv;
mod display;
mod join;

use apptuit_model::{TimeSeries, Timestamp};

use join::Points;

/// A table of series: one row a timestamp, one column a series.
///
/// The rows are the timestamps of all series together, rising. Where a series has no point, its
/// column has NaN. Printed, it is a text table with its middle left out if it is long; the first
/// column is seconds since the epoch.
///
/// ```
/// use apptuit::{Frame, TimeSeries, Timestamp};
///
/// let at = Timestamp::from_secs;
/// let a = TimeSeries::from_points("a", [(at(1), 1.0), (at(2), 2.0)]);
/// let b = TimeSeries::from_points("b", [(at(2), 5.0)]);
/// let frame = Frame::from_series(&[a, b]);
///
/// assert_eq!(frame.timestamps(), [at(1), at(2)]);
/// assert!(frame.column(1)[0].is_nan());
/// assert_eq!(frame.column_named("a{}"), Some(&[1.0, 2.0][..]));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Frame {
    timestamps: Vec<Timestamp>,
    names: Vec<String>,
    columns: Vec<Vec<f64>>,
}

impl Frame {
    /// The outer join of `series` on time. Of two points of a series at one instant, the later in
    /// it counts; series need not be in order of time.
    pub fn from_series(series: &[TimeSeries]) -> Self {
        let names = series.iter().map(|one| one.name().to_string()).collect();
        Self::joined(names, series.iter().map(Points::of).collect())
    }

    fn joined(names: Vec<String>, points: Vec<Points<'_>>) -> Self {
        let (timestamps, columns) = join::outer(points);
        Self { timestamps, names, columns }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.timestamps.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    /// The instants of the rows, rising.
    pub fn timestamps(&self) -> &[Timestamp] {
        &self.timestamps
    }

    /// The columns' names, `metric{key:value, …}`.
    pub fn columns(&self) -> &[String] {
        &self.names
    }

    /// The values of column `n`, one a row; NaN where there is no point.
    ///
    /// # Panics
    ///
    /// There is no such column.
    pub fn column(&self, n: usize) -> &[f64] {
        &self.columns[n]
    }

    /// The values of the first column of this name.
    pub fn column_named(&self, name: &str) -> Option<&[f64]> {
        let n = self.names.iter().position(|one| one == name)?;
        self.columns.get(n).map(Vec::as_slice)
    }
}

/// The same as [`Frame::from_series`]; columns of series at the same instants are not copied.
impl From<Vec<TimeSeries>> for Frame {
    fn from(series: Vec<TimeSeries>) -> Self {
        let names = series.iter().map(|one| one.name().to_string()).collect();
        Self::joined(names, series.into_iter().map(Points::from).collect())
    }
}
