//! A frame as a text table.

use std::fmt;

use super::Frame;

/// Rows a frame shows of each end when it is printed and has too many.
const SHOWN_ROWS: usize = 10;
/// Columns a frame shows when it is printed.
const SHOWN_COLUMNS: usize = 6;
/// Characters of a column's name that are shown.
const SHOWN_NAME: usize = 40;

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
    use apptuit_model::{TimeSeries, Timestamp};

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
