//! Points on their way out: written as JSON, and packed while they are written.

use crate::json::push_string;
use crate::wire::encoding::{ContentEncoding, PackEffort, Packer};
use crate::wire::number::{push_f64, push_timestamp};
use crate::{TimeSeriesName, Timestamp};

/// JSON that is written before it is handed to the compressor: little enough to stay in a cache.
const PIECE_BYTES: usize = 16 * 1024;

/// A body of points while it is written: a JSON array.
#[derive(Debug, Default)]
pub(super) struct PutWriter {
    out: String,
    /// All of an element up to its timestamp, and the end of the one before it: escaped once,
    /// copied for each point of the series.
    prefix: String,
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
        prefix.push_str(",\"tags\":{");
        for (n, (key, value)) in name.tags().iter().enumerate() {
            if n > 0 {
                prefix.push(',');
            }
            push_string(prefix, key);
            prefix.push(':');
            push_string(prefix, value);
        }
        prefix.push_str("},\"timestamp\":");
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
