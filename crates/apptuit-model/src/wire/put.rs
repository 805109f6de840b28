//! Points on their way in, and the answer to them.

mod answer;
mod columns;
mod decode;
mod reader;
mod writer;

pub use answer::{PointError, PutAnswer};
pub use columns::{NewSeries, PutColumns, PutLimits, SeriesNumbers};
pub use decode::{DecodedPut, PutBodyError, RefusedPoint, decode_points, decode_put};
pub use writer::PutPacker;

use crate::{DataPoint, TimeSeries};

use writer::PutWriter;

/// The body that carries these points: a JSON array.
///
/// Values should be finite: JSON has no form for others, they are written as `null` and refused
/// by whoever reads them.
///
/// ```
/// use apptuit_model::{DataPoint, Timestamp, wire};
///
/// let point = DataPoint::new(("room.celsius", [("room", "lab")]), Timestamp::from_secs(60), 21.0);
/// assert_eq!(
///     String::from_utf8_lossy(&wire::encode_points([&point])),
///     r#"[{"metric":"room.celsius","tags":{"room":"lab"},"timestamp":60,"value":21.0}]"#
/// );
/// ```
pub fn encode_points<'a>(points: impl IntoIterator<Item = &'a DataPoint>) -> Vec<u8> {
    let mut body = PutWriter::new();
    let mut current = None;
    for point in points {
        if current != Some(point.name()) {
            body.begin_series(point.name());
            current = Some(point.name());
        }
        body.push(point.timestamp(), point.value());
    }
    body.finish();
    body.into_bytes()
}

/// The body that carries the points of these series: a JSON array, see [`encode_points`].
pub fn encode_series<'a>(series: impl IntoIterator<Item = &'a TimeSeries>) -> Vec<u8> {
    let mut body = PutWriter::new();
    for series in series {
        body.begin_series(series.name());
        for (timestamp, value) in series.iter() {
            body.push(timestamp, value);
        }
    }
    body.finish();
    body.into_bytes()
}
