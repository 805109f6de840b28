//! Points on their way in, and the answer to them.

mod answer;
mod columns;
mod decode;
mod reader;

pub use answer::{PointError, PutAnswer};
pub use columns::{NewSeries, PutColumns, PutLimits, SeriesNumbers};
pub use decode::{DecodedPut, PutBodyError, RefusedPoint, decode_points, decode_put};

use super::number::{push_f64, push_timestamp};
use crate::json::push_string;
use crate::{DataPoint, TimeSeries, TimeSeriesName, Timestamp};

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
    let mut body = Body::default();
    let mut current = None;
    for point in points {
        if current != Some(point.name()) {
            body.begin_series(point.name());
            current = Some(point.name());
        }
        body.push(point.timestamp(), point.value());
    }
    body.finish()
}

/// The body that carries the points of these series: a JSON array, see [`encode_points`].
pub fn encode_series<'a>(series: impl IntoIterator<Item = &'a TimeSeries>) -> Vec<u8> {
    let mut body = Body::default();
    for series in series {
        body.begin_series(series.name());
        for (timestamp, value) in series.iter() {
            body.push(timestamp, value);
        }
    }
    body.finish()
}

/// A body while it is written.
#[derive(Default)]
struct Body {
    out: String,
    /// All of an element up to its timestamp: escaped once, copied for each point of the series.
    prefix: String,
}

impl Body {
    fn begin_series(&mut self, name: &TimeSeriesName) {
        self.prefix.clear();
        self.prefix.push_str("{\"metric\":");
        push_string(&mut self.prefix, name.metric());
        self.prefix.push_str(",\"tags\":{");
        for (n, (key, value)) in name.tags().iter().enumerate() {
            if n > 0 {
                self.prefix.push(',');
            }
            push_string(&mut self.prefix, key);
            self.prefix.push(':');
            push_string(&mut self.prefix, value);
        }
        self.prefix.push_str("},\"timestamp\":");
    }

    fn push(&mut self, timestamp: Timestamp, value: f64) {
        self.out.push(if self.out.is_empty() { '[' } else { ',' });
        self.out.push_str(&self.prefix);
        push_timestamp(&mut self.out, timestamp);
        self.out.push_str(",\"value\":");
        push_f64(&mut self.out, value);
        self.out.push('}');
    }

    fn finish(mut self) -> Vec<u8> {
        if self.out.is_empty() {
            self.out.push('[');
        }
        self.out.push(']');
        self.out.into_bytes()
    }
}
