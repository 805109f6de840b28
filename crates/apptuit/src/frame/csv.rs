//! A frame as comma-separated values.

use std::borrow::Cow;
use std::io::{self, Write};

use super::Frame;

impl Frame {
    /// Writes the frame as CSV (RFC 4180: lines end with CR and LF).
    ///
    /// The first line is `timestamp` and the names of the columns. A row is its seconds since the
    /// epoch and a number for each column, as short as it reads back the same, `inf` or `-inf`; an
    /// empty field where there is no point. `out` is written to often: best a
    /// [`BufWriter`](io::BufWriter).
    ///
    /// ```
    /// use apptuit::{Frame, TimeSeries, Timestamp};
    ///
    /// let at = Timestamp::from_secs;
    /// let a = TimeSeries::from_points("a", [(at(1), 1.0), (at(2), 0.25)]);
    /// let b = TimeSeries::from_points(("b", [("x", "1"), ("y", "2")]), [(at(2), 1e300)]);
    /// let mut csv = Vec::new();
    /// Frame::from_series(&[a, b]).write_csv(&mut csv)?;
    /// assert_eq!(csv, b"timestamp,a{},\"b{x:1, y:2}\"\r\n1,1.0,\r\n2,0.25,1e300\r\n");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_csv(&self, mut out: impl Write) -> io::Result<()> {
        out.write_all(b"timestamp")?;
        for name in &self.names {
            write!(out, ",{}", field(name))?;
        }
        out.write_all(b"\r\n")?;
        for (row, timestamp) in self.timestamps.iter().enumerate() {
            write!(out, "{timestamp}")?;
            for column in &self.columns {
                match column[row] {
                    hole if hole.is_nan() => out.write_all(b",")?,
                    value => write!(out, ",{value:?}")?,
                }
            }
            out.write_all(b"\r\n")?;
        }
        Ok(())
    }
}

/// Quoted if it must be.
fn field(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\"")).into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use apptuit_model::{TimeSeries, Timestamp};

    use super::*;

    /// The fields of RFC 4180 text, by its grammar.
    fn read(text: &str) -> Vec<Vec<String>> {
        let (mut rows, mut row, mut field, mut quoted) = (vec![], vec![], String::new(), false);
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' if quoted && chars.next_if_eq(&'"').is_some() => field.push('"'),
                '"' => quoted = !quoted,
                ',' if !quoted => row.push(std::mem::take(&mut field)),
                '\r' if !quoted && chars.next_if_eq(&'\n').is_some() => {
                    row.push(std::mem::take(&mut field));
                    rows.push(std::mem::take(&mut row));
                }
                c => field.push(c),
            }
        }
        assert!(row.is_empty() && field.is_empty() && !quoted, "the last line ends");
        rows
    }

    #[test]
    fn what_is_written_reads_back_by_the_grammar() {
        let names = ["plain", "comma,", "\"quoted\"", "two\r\nlines", "", "é\n"];
        let values = [0.1 + 0.2, -0.0, f64::INFINITY, f64::NEG_INFINITY, 5e-324, f64::MAX];
        let series: Vec<_> = names
            .iter()
            .zip(values)
            .enumerate()
            .map(|(n, (name, value))| {
                let at = Timestamp::from_millis(i64::try_from(n).unwrap() * 500 - 500);
                TimeSeries::from_points((*name, [("k", "a, \"b\"")]), [(at, value)])
            })
            .collect();
        let mut csv = Vec::new();
        Frame::from_series(&series).write_csv(&mut csv).unwrap();
        let rows = read(&String::from_utf8(csv).unwrap());

        let header: Vec<_> = series.iter().map(|one| one.name().to_string()).collect();
        assert_eq!((rows[0][0].as_str(), &rows[0][1..]), ("timestamp", &header[..]));
        assert_eq!(rows.len(), 1 + names.len());
        for (n, row) in rows[1..].iter().enumerate() {
            assert_eq!(row[0], ["-0.5", "0", "0.5", "1", "1.5", "2"][n]);
            for (m, field) in row[1..].iter().enumerate() {
                let value = field.parse::<f64>().ok().map(f64::to_bits);
                assert_eq!(value, (m == n).then(|| values[n].to_bits()), "row {n}, column {m}");
            }
        }
    }

    #[test]
    fn an_empty_frame_is_its_header() {
        let mut csv = Vec::new();
        Frame::default().write_csv(&mut csv).unwrap();
        assert_eq!(csv, b"timestamp\r\n");
    }
}
