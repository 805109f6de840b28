//! Points of one series, packed: a header that sums them up, and two columns.
//!
//! The format is in `docs/reference/storage-format.md`. What is written comes back bit by bit,
//! whatever the values.

mod bits;
mod column;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod hostile;
mod summary;
mod timestamps;
mod values;
mod varint;

use apptuit_model::Timestamp;

use self::summary::Header;
pub use self::summary::Summary;
use self::values::Scale;
use super::bytes::{Damage, Reader};
use super::checksum::Checksum;

/// The most points of one chunk. What decoding any bytes allocates is bounded by it: 2 MiB.
pub(super) const MAX_POINTS: usize = 1 << 16;

const LAYOUT: u8 = 1;

/// Appends the chunk of some points to `out`.
///
/// # Panics
///
/// There are no points or more than [`MAX_POINTS`], the columns differ in length, or the timestamps
/// do not ascend strictly.
pub(super) fn encode(timestamps: &[Timestamp], values: &[f64], out: &mut Vec<u8>) -> Summary {
    assert!(timestamps.len() == values.len() && values.len() <= MAX_POINTS, "two columns");
    assert!(timestamps.is_sorted_by(|one, other| one < other), "timestamps ascend");
    let summary = Summary::of(timestamps, values).expect("a chunk has points");
    let (scale, numbers) = Scale::of(values);
    let first = numbers.first().copied().unwrap_or_default();
    Header { summary, scale, first }.put(out);
    let from = out.len();
    timestamps::encode(timestamps, out);
    values::encode(numbers, out);
    let checksum = Checksum::new().add(out.get(from..).unwrap_or_default()).value();
    out.extend_from_slice(&checksum.to_le_bytes());
    summary
}

/// The summary of a chunk, of which only the header is read.
pub(super) fn summary(chunk: &[u8]) -> Result<Summary, Damage> {
    Header::read(chunk).map(|(header, _)| header.summary)
}

/// Appends the points of a chunk, in order of time, to two columns. On an error these may have got
/// some of them.
pub(super) fn decode(
    chunk: &[u8],
    timestamps: &mut Vec<Timestamp>,
    values: &mut Vec<f64>,
) -> Result<Summary, Damage> {
    decode_until(chunk, Timestamp::MAX, timestamps, values)
}

/// Appends the points of a chunk up to an instant, which is in it, as [`decode`] does.
pub(super) fn decode_until(
    chunk: &[u8],
    last: Timestamp,
    timestamps: &mut Vec<Timestamp>,
    values: &mut Vec<f64>,
) -> Result<Summary, Damage> {
    let (Header { summary, scale, first }, body) = Header::read(chunk)?;
    let mut reader = Reader::checked(&[], body)?;
    let (count, from, values_from) = (summary.count, timestamps.len(), values.len());
    timestamps::decode(&mut reader, count, summary.start, timestamps)?;
    let read = timestamps.get(from..).unwrap_or_default();
    if !read.is_sorted_by(|one, other| one < other) || read.last() != Some(&summary.end) {
        return Err(reader.damage("its timestamps do not ascend to its end".to_owned()));
    }
    let wanted = if last < summary.end { read.partition_point(|at| *at <= last) } else { count };
    values::decode(&mut reader, (count, wanted), (scale, first), values)?;
    timestamps.truncate(from + wanted);
    values.truncate(values_from + wanted);
    reader.end().map(|()| summary)
}

#[cfg(test)]
mod tests;
