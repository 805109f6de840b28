//! What is known of a chunk without reading its points.

use apptuit_model::Timestamp;

use super::values::Scale;
use super::{LAYOUT, MAX_POINTS, varint};
use crate::embedded::bytes::{Damage, Reader};
use crate::embedded::checksum::Checksum;

/// The points of a chunk in a few numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// How many points.
    pub count: usize,
    /// When the first one is.
    pub start: Timestamp,
    /// When the last one is.
    pub end: Timestamp,
    /// The earliest value.
    pub first: f64,
    /// The latest value.
    pub last: f64,
    /// The least value; of equal ones, which two zeros are, the earliest.
    pub min: f64,
    /// The greatest value; of equal ones the earliest.
    pub max: f64,
    /// The sum of the values, added in the order of time to -0.0. It is not finite where a value is
    /// not, or where it overflows: then the other values say nothing.
    pub sum: f64,
}

impl Summary {
    /// Of at least one point.
    pub(super) fn of(timestamps: &[Timestamp], values: &[f64]) -> Option<Self> {
        let (first, last) = (*values.first()?, *values.last()?);
        let least = |min, value: &f64| if *value < min { *value } else { min };
        let greatest = |max, value: &f64| if *value > max { *value } else { max };
        Some(Self {
            count: values.len(),
            start: *timestamps.first()?,
            end: *timestamps.last()?,
            first,
            last,
            min: values.iter().fold(first, least),
            max: values.iter().fold(first, greatest),
            sum: values.iter().fold(-0.0, |sum, value| sum + value),
        })
    }
}

/// The first bytes of a chunk: its summary, and what its columns count from.
pub(super) struct Header {
    pub(super) summary: Summary,
    pub(super) scale: Scale,
    /// The number of the first value.
    pub(super) first: i64,
}

impl Header {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let from = out.len();
        let Summary { count, start, end, last, min, max, sum, .. } = self.summary;
        out.extend_from_slice(&[LAYOUT, self.scale.byte()]);
        varint::put(out, count as u64);
        varint::put_signed(out, start.as_millis());
        let span = end.as_millis().wrapping_sub(start.as_millis());
        varint::put(out, span.cast_unsigned());
        varint::put_signed(out, self.first);
        for value in [last, min, max] {
            varint::put_signed(out, self.scale.number(value).wrapping_sub(self.first));
        }
        out.extend_from_slice(&sum.to_bits().to_le_bytes());
        let header = out.get(from..).unwrap_or_default();
        let checksum = Checksum::new().add(header).value();
        out.extend_from_slice(&checksum.to_le_bytes());
    }

    /// The header, and the bytes after it.
    pub(super) fn read(chunk: &[u8]) -> Result<(Self, &[u8]), Damage> {
        let mut reader = Reader::new(chunk);
        let layout = reader.u8()?;
        if layout != LAYOUT {
            return Err(reader.damage(format!("layout `{layout}` is unknown, expected `{LAYOUT}`")));
        }
        let scale = reader.u8()?;
        let scale = Scale::from_byte(scale)
            .ok_or_else(|| reader.damage(format!("scale `{scale}` is unknown")))?;
        let count = usize::try_from(varint::get(&mut reader)?).unwrap_or(usize::MAX);
        if !(1..=MAX_POINTS).contains(&count) {
            return Err(reader.damage(format!("`{count}` points, expected 1 to {MAX_POINTS}")));
        }
        let start = varint::get_signed(&mut reader)?;
        let end = start.wrapping_add(varint::get(&mut reader)?.cast_signed());
        if end < start {
            return Err(reader.damage(format!("it ends at `{end}`, before `{start}`")));
        }
        let first = varint::get_signed(&mut reader)?;
        let mut number = || varint::get_signed(&mut reader).map(|n| first.wrapping_add(n));
        let [last, min, max] = [number()?, number()?, number()?].map(|n| scale.value(n));
        let sum = reader.column(1)?.iter().fold(0, |_, bytes| u64::from_le_bytes(*bytes));
        reader.checksum(chunk)?;
        let (start, end) = (Timestamp::from_millis(start), Timestamp::from_millis(end));
        let (first_value, sum) = (scale.value(first), f64::from_bits(sum));
        let summary = Summary { count, start, end, first: first_value, last, min, max, sum };
        Ok((Self { summary, scale, first }, reader.rest()))
    }
}
