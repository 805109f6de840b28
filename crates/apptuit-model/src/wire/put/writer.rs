//! Points on their way out: written as JSON, and packed while they are written.

use crate::json::push_string;
use crate::wire::encoding::ContentEncoding;
use crate::wire::number::{push_f64, push_timestamp};
use crate::wire::pack::{PackEffort, Packer};
use crate::{Tags, TimeSeriesName, Timestamp};

/// JSON that is written before it is handed to the compressor: little enough to stay in a cache.
const PIECE_BYTES: usize = 16 * 1024;

/// A body of points while it is written: a JSON array.
#[derive(Debug, Default)]
pub(super) struct PutWriter {
    out: String,
    /// All of an element up to its timestamp, and the end of the one before it: escaped once,
    /// copied for each point of the series.
    prefix: String,
    /// What `prefix` ends with, and the tags it tells of: the next series may have the same, as the
    /// fields of an instrument do.
    tags_json: String,
    tags: Tags,
    is_empty: bool,
}

impl PutWriter {
    pub(super) fn new() -> Self {
        Self { is_empty: true, ..Self::default() }
    }

    pub(super) fn begin_series(&mut self, name: &TimeSeriesName) {
        let prefix = &mut self.prefix;
        prefix.clear();
        prefix.push_str("},{\"metric\":");
        push_string(prefix, name.metric());
        if self.tags_json.is_empty() || self.tags != *name.tags() {
            self.tags = name.tags().clone();
            write_tags(&mut self.tags_json, &self.tags);
        }
        prefix.push_str(&self.tags_json);
    }

    pub(super) fn push(&mut self, timestamp: Timestamp, value: f64) {
        if self.is_empty {
            self.is_empty = false;
            self.out.push('[');
            // The first element ends none.
            self.out.push_str(&self.prefix[2..]);
        } else {
            self.out.push_str(&self.prefix);
        }
        push_timestamp(&mut self.out, timestamp);
        self.out.push_str(",\"value\":");
        push_f64(&mut self.out, value);
    }

    pub(super) fn finish(&mut self) {
        self.out.push_str(if self.is_empty { "[]" } else { "}]" });
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.out.into_bytes()
    }
}

fn write_tags(json: &mut String, tags: &Tags) {
    json.clear();
    json.push_str(",\"tags\":{");
    for (n, (key, value)) in tags.iter().enumerate() {
        if n > 0 {
            json.push(',');
        }
        push_string(json, key);
        json.push(':');
        push_string(json, value);
    }
    json.push_str("},\"timestamp\":");
}

/// Writes and packs the bodies of puts, one after the other, in little memory: what is written goes
/// to the compressor piece by piece, and what it has allocated is used again for the next body.
///
/// ```
/// use apptuit_model::wire::{ContentEncoding, PackEffort, PutPacker, decode_put};
/// use apptuit_model::{TimeSeriesName, Timestamp};
///
/// let mut packer = PutPacker::new(ContentEncoding::Deflate, PackEffort::Default);
/// packer.begin_series(&TimeSeriesName::from(("room.celsius", [("room", "lab")])));
/// packer.push(Timestamp::from_secs(60), 21.5);
/// let body = packer.finish();
///
/// let json = ContentEncoding::Deflate.unpack(&body, 1000).unwrap();
/// assert_eq!(decode_put(&json, 1).unwrap().points[0].value(), 21.5);
/// ```
#[derive(Debug)]
pub struct PutPacker {
    writer: PutWriter,
    packer: Packer,
    points: usize,
    /// Points of this body in all, if it is known: it tells how much room the rest will need.
    expected: usize,
}

impl PutPacker {
    /// A packer of bodies that are packed this way.
    pub fn new(encoding: ContentEncoding, effort: PackEffort) -> Self {
        Self {
            writer: PutWriter::new(),
            packer: Packer::new(encoding, effort),
            points: 0,
            expected: 0,
        }
    }

    /// How many points the body will have, as far as is known. It saves memory, and nothing else
    /// depends on it.
    pub fn expect(&mut self, points: usize) {
        self.expected = points;
    }

    /// Points of the body so far.
    pub fn points(&self) -> usize {
        self.points
    }

    /// What follows is of this series.
    pub fn begin_series(&mut self, name: &TimeSeriesName) {
        self.writer.begin_series(name);
    }

    /// Adds a point to the series that was begun last. Values that are not finite become `null`.
    pub fn push(&mut self, timestamp: Timestamp, value: f64) {
        self.points += 1;
        self.writer.push(timestamp, value);
        if self.writer.out.len() >= PIECE_BYTES {
            let share = self.points as f64 / self.expected.max(self.points) as f64;
            self.packer.write(self.writer.out.as_bytes(), share);
            self.writer.out.clear();
        }
    }

    /// The packed body. What follows is the next one, of the same series.
    pub fn finish(&mut self) -> Vec<u8> {
        self.writer.finish();
        let body = self.packer.finish(self.writer.out.as_bytes());
        self.writer.out.clear();
        self.writer.is_empty = true;
        (self.points, self.expected) = (0, 0);
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{decode_put, encode_points};
    use crate::{DataPoint, Tags};

    /// Enough for several pieces, in series of different lengths.
    fn points(count: i64) -> Vec<DataPoint> {
        let series = |n: i64| (n * n / 700) % 13;
        let name = |n| TimeSeriesName::new(format!("métric \"{n}\""), Tags::from([("k", "v\\")]));
        let names: Vec<_> = (0..13).map(name).collect();
        let point = |n: i64| {
            let name = &names[usize::try_from(series(n)).expect("below 13")];
            DataPoint::new(name, Timestamp::from_millis(n * 1500), (n as f64).sqrt())
        };
        (0..count).map(point).collect()
    }

    fn packed(packer: &mut PutPacker, points: &[DataPoint]) -> Vec<u8> {
        for point in points {
            packer.begin_series(point.name());
            packer.push(point.timestamp(), point.value());
        }
        assert_eq!(packer.points(), points.len());
        packer.finish()
    }

    const ALL: [(ContentEncoding, PackEffort); 5] = [
        (ContentEncoding::Deflate, PackEffort::Default),
        (ContentEncoding::Deflate, PackEffort::Fast),
        (ContentEncoding::Gzip, PackEffort::Default),
        (ContentEncoding::Gzip, PackEffort::Fast),
        (ContentEncoding::Identity, PackEffort::Default),
    ];

    #[test]
    fn what_is_packed_in_pieces_is_what_is_written_at_once() {
        for (encoding, effort) in ALL {
            let mut packer = PutPacker::new(encoding, effort);
            // One packer for all: nothing of a body gets into the next.
            for count in [0, 1, 20_000, 2, 7000, 0] {
                let points = points(count);
                packer.expect(if count % 2 == 0 { points.len() } else { 0 });
                let body = packed(&mut packer, &points);
                let json = encoding.unpack(&body, 1 << 26).expect("it is whole");
                assert_eq!(json, encode_points(&points), "{encoding} {count}");
                let read = decode_put(&json, 20_000).expect("it is JSON");
                assert_eq!(read.points.len() + read.refused.len(), points.len());
            }
        }
    }

    #[test]
    fn bodies_begin_as_those_of_other_clients() {
        for (encoding, effort) in ALL {
            let body = packed(&mut PutPacker::new(encoding, effort), &points(3));
            let expected: &[u8] = match encoding {
                ContentEncoding::Identity => b"[{",
                ContentEncoding::Deflate => &[0x78, 0x9c],
                ContentEncoding::Gzip => &[0x1f, 0x8b],
            };
            assert_eq!(&body[..2], expected, "{encoding}");
        }
    }

    /// Values without a pattern: each takes its digits, and nothing can be foreseen but their number.
    #[test]
    fn a_body_has_little_room_it_does_not_use() {
        let name = TimeSeriesName::from(("m", [("k", "v")]));
        for expected in [0, 50_000] {
            let mut packer = PutPacker::new(ContentEncoding::Deflate, PackEffort::Default);
            packer.expect(expected);
            packer.begin_series(&name);
            for n in 0..50_000_u64 {
                let noise = f64::from_bits(
                    0x3ff0_0000_0000_0000 | (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 12),
                );
                packer.push(Timestamp::from_secs(n.cast_signed()), noise);
            }
            let body = packer.finish();
            let unused = body.capacity() - body.len();
            assert!(unused <= body.len() / 4, "{unused} of {}", body.capacity());
        }
    }

    #[test]
    fn packing_with_less_effort_makes_larger_bodies() {
        let points = points(20_000);
        let size =
            |effort| packed(&mut PutPacker::new(ContentEncoding::Deflate, effort), &points).len();
        assert!(size(PackEffort::Default) < size(PackEffort::Fast));
    }
}
