//! Series as a table, as CSV and as JSON.

use std::fmt::Write;

use apptuit::{Frame, QueryResult};
use serde_json::json;

use super::number::significant;
use super::time::date_and_time;
use super::{counted, printable};

/// Rows that a table shows; the newest, since they are what one looks for.
const TABLE_ROWS: usize = 40;

/// One table an output: a row an instant, a column a series.
pub(crate) fn table(result: &QueryResult) -> String {
    let mut text = String::new();
    for output in result {
        let frame = output.to_frame();
        let rows_of_it = counted(frame.len() as u64, "row");
        let series = output.series().len();
        let _ = writeln!(text, "{}: {series} series, {rows_of_it}", printable(output.id()));
        text.push_str(&rows(&frame));
        text.push('\n');
    }
    text
}

fn rows(frame: &Frame) -> String {
    let skipped = frame.len().saturating_sub(TABLE_ROWS);
    let mut columns: Vec<Vec<String>> = Vec::new();
    let times = frame.timestamps().iter().skip(skipped).map(|t| date_and_time(*t));
    columns.push(std::iter::once("time (UTC)".to_owned()).chain(times).collect());
    for (n, name) in frame.columns().iter().enumerate() {
        let values = frame.column(n).iter().skip(skipped).map(|value| cell(*value));
        columns.push(std::iter::once(printable(name)).chain(values).collect());
    }
    let mut text = String::new();
    if skipped > 0 {
        let _ = writeln!(text, "… {skipped} earlier rows");
    }
    for row in 0..=frame.len() - skipped {
        let cells: Vec<String> = columns
            .iter()
            .map(|column| {
                let width = column.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
                format!("{:>width$}", column.get(row).map_or("", String::as_str))
            })
            .collect();
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    text
}

/// A hole is a dash: it is no zero.
fn cell(value: f64) -> String {
    if value.is_nan() { "-".to_owned() } else { significant(value) }
}

/// One block an output, one column a series, times in seconds since the epoch.
pub(crate) fn csv(result: &QueryResult) -> String {
    let mut blocks = Vec::new();
    for output in result {
        let frame = output.to_frame();
        let header = std::iter::once("timestamp".to_owned())
            .chain(frame.columns().iter().map(|name| quoted(name)));
        let mut text = header.collect::<Vec<_>>().join(",") + "\n";
        for (row, timestamp) in frame.timestamps().iter().enumerate() {
            text.push_str(&timestamp.to_string());
            for n in 0..frame.columns().len() {
                let value = frame.column(n).get(row).copied().unwrap_or(f64::NAN);
                text.push(',');
                if !value.is_nan() {
                    text.push_str(&value.to_string());
                }
            }
            text.push('\n');
        }
        blocks.push(text);
    }
    blocks.join("\n")
}

/// A field as RFC 4180 has it.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

/// One JSON object a series, a line each: what `jq` and friends like.
pub(crate) fn json(result: &QueryResult) -> String {
    let mut text = String::new();
    for output in result {
        for series in output.series() {
            let tags: serde_json::Map<String, serde_json::Value> =
                series.tags().iter().map(|(key, value)| (key.to_owned(), json!(value))).collect();
            let points: Vec<_> = series.iter().map(|(t, v)| json!([seconds(t), v])).collect();
            let object = json!({
                "output": output.id(), "metric": series.metric(), "tags": tags, "dps": points,
            });
            let _ = writeln!(text, "{object}");
        }
    }
    text
}

/// Seconds, whole where they are.
fn seconds(instant: apptuit::Timestamp) -> serde_json::Value {
    if instant.as_millis() % 1000 == 0 {
        json!(instant.as_secs())
    } else {
        json!(instant.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_commas_and_quotes_are_quoted() {
        assert_eq!(quoted("m{a:1}"), "m{a:1}");
        assert_eq!(quoted("m{a:1, b:\"}"), "\"m{a:1, b:\"\"}\"");
    }
}
