//! Series side by side on one index of time.

use std::fmt;

use apptuit_model::{TimeSeries, Timestamp};

/// Rows a frame shows of each end when it is printed and has too many.
const SHOWN_ROWS: usize = 10;
/// Columns a frame shows when it is printed.
const SHOWN_COLUMNS: usize = 6;
/// Characters of a column's name that are shown.
const SHOWN_NAME: usize = 40;

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
/// assert_eq!(frame.column(1)[1], 5.0);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Frame {
    timestamps: Vec<Timestamp>,
    names: Vec<String>,
    columns: Vec<Vec<f64>>,
}

impl Frame {
    /// The outer join of `series` on time. Of two points of a series at one instant, the later in
    /// it counts.
    pub fn from_series(series: &[TimeSeries]) -> Self {
        let mut timestamps: Vec<Timestamp> =
            series.iter().flat_map(|one| one.timestamps().iter().copied()).collect();
        timestamps.sort_unstable();
        timestamps.dedup();
        let column = |one: &TimeSeries| {
            let mut column = vec![f64::NAN; timestamps.len()];
            for (instant, value) in one.iter() {
                if let Ok(row) = timestamps.binary_search(&instant) {
                    column[row] = value;
                }
            }
            column
        };
        let columns = series.iter().map(column).collect();
        let names = series.iter().map(|one| one.name().to_string()).collect();
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
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.columns.len().min(SHOWN_COLUMNS);
        let mut table = vec![header(&self.names[..shown])];
        let gap = (self.len() > 2 * SHOWN_ROWS).then(|| SHOWN_ROWS..self.len() - SHOWN_ROWS);
        for row in 0..self.len() {
            match &gap {
                Some(gap) if row == gap.start => table.push(vec!["…".to_owned(); shown + 1]),
                Some(gap) if gap.contains(&row) => {}
                _ => table.push(self.row(row, shown)),
            }
        }
        let widths: Vec<usize> = (0..=shown)
            .map(|n| table.iter().map(|row| row[n].chars().count()).max().unwrap_or(0))
            .collect();
        for row in &table {
            for (n, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let space = if n == 0 { "" } else { "  " };
                write!(f, "{space}{cell:>width$}")?;
            }
            writeln!(f)?;
        }
        write!(f, "{} rows, {} columns", self.len(), self.columns.len())?;
        if shown < self.columns.len() {
            write!(f, ", {} not shown", self.columns.len() - shown)?;
        }
        Ok(())
    }
}

impl Frame {
    fn row(&self, row: usize, shown: usize) -> Vec<String> {
        let values = self.columns[..shown].iter().map(|column| match column[row] {
            missing if missing.is_nan() => "-".to_owned(),
            value => value.to_string(),
        });
        std::iter::once(self.timestamps[row].to_string()).chain(values).collect()
    }
}

fn header(names: &[String]) -> Vec<String> {
    let shortened = |name: &String| {
        if name.chars().count() <= SHOWN_NAME {
            return name.clone();
        }
        name.chars().take(SHOWN_NAME - 1).chain(['…']).collect()
    };
    std::iter::once("time".to_owned()).chain(names.iter().map(shortened)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, points: &[(i64, f64)]) -> TimeSeries {
        let points = points.iter().map(|(secs, value)| (Timestamp::from_secs(*secs), *value));
        TimeSeries::from_points(name, points)
    }

    #[test]
    fn series_meet_on_their_common_instants() {
        let frame =
            Frame::from_series(&[series("a", &[(1, 1.0), (3, 3.0)]), series("b", &[(3, 9.5)])]);
        assert_eq!(
            frame.to_string(),
            "time  a{}  b{}\n   1    1    -\n   3    3  9.5\n2 rows, 2 columns"
        );
    }

    #[test]
    fn a_long_frame_shows_its_ends_and_a_wide_one_its_first_columns() {
        let points: Vec<_> = (0..1000).map(|n| (n, 0.0)).collect();
        let wide: Vec<_> = (0..9).map(|n| series(&format!("{n:0>99}"), &points)).collect();
        let text = Frame::from_series(&wide).to_string();
        assert_eq!(text.lines().count(), 1 + 2 * SHOWN_ROWS + 1 + 1);
        assert!(text.ends_with("1000 rows, 9 columns, 3 not shown"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() < 270), "{text}");
    }

    #[test]
    fn no_series_make_an_empty_frame() {
        let frame = Frame::from_series(&[]);
        assert!(frame.is_empty() && frame.columns().is_empty());
        assert_eq!(frame.to_string(), "time\n0 rows, 0 columns");
    }
}
