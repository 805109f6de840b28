//! Points as the blob `batch.points`: three columns and a checksum.

use apptuit_model::Timestamp;

use super::bytes::{Damage, Reader};
use super::checksum::Checksum;
use crate::Points;

/// The most points in one blob, 20 MiB of them. SQLite would take 1 GB.
pub(super) const MAX_POINTS: usize = 1 << 20;

const LAYOUT: u32 = 1;

/// A point whose series goes by its number in the file, from 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct NumberedPoint {
    pub(super) series: u32,
    pub(super) timestamp: Timestamp,
    pub(super) value: f64,
}

/// The blob of up to [`MAX_POINTS`] points.
pub(super) fn encode(points: &[NumberedPoint]) -> Vec<u8> {
    let count = u32::try_from(points.len()).expect("a blob has at most `MAX_POINTS` points");
    let mut blob = Vec::with_capacity(12 + 20 * points.len());
    blob.extend_from_slice(&LAYOUT.to_le_bytes());
    blob.extend_from_slice(&count.to_le_bytes());
    blob.extend(points.iter().flat_map(|point| point.series.to_le_bytes()));
    blob.extend(points.iter().flat_map(|point| point.timestamp.as_millis().to_le_bytes()));
    blob.extend(points.iter().flat_map(|point| point.value.to_bits().to_le_bytes()));
    let checksum = Checksum::new().add(&blob).value();
    blob.extend_from_slice(&checksum.to_le_bytes());
    blob
}

/// What tells points from others, whatever their series are numbered: a CRC-32 of the instants and
/// the values.
pub(super) fn checksum(points: &Points) -> u32 {
    let checksum = points
        .timestamps()
        .iter()
        .fold(Checksum::new(), |checksum, at| checksum.add(&at.as_millis().to_le_bytes()));
    points.values().iter().fold(checksum, |sum, v| sum.add(&v.to_bits().to_le_bytes())).value()
}

/// The points in a blob, in the order of their appending, of series that are known.
pub(super) fn decode(
    blob: &[u8],
    known: impl Fn(u32) -> bool,
) -> Result<impl Iterator<Item = NumberedPoint>, Damage> {
    let mut reader = Reader::checked(&[], blob)?;
    let layout = reader.u32()?;
    if layout != LAYOUT {
        let what = format!("layout `{layout}` is unknown, expected `{LAYOUT}`");
        return Err(Damage { offset: Some(0), what });
    }
    let count = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
    if !(1..=MAX_POINTS).contains(&count) {
        let what = format!("`{count}` points, expected 1 to {MAX_POINTS}");
        return Err(Damage { offset: Some(4), what });
    }
    let numbers: &[[u8; 4]] = reader.column(count)?;
    let (timestamps, values) = (reader.column(count)?, reader.column(count)?);
    reader.end()?;
    let mut in_order = numbers.iter().map(|bytes| u32::from_le_bytes(*bytes)).zip(0_usize..);
    if let Some((number, at)) = in_order.find(|(number, _)| !known(*number)) {
        let what = format!("series `{number}` is unknown");
        return Err(Damage { offset: Some(8 + 4 * at), what });
    }
    let columns = numbers.iter().zip(timestamps).zip(values);
    Ok(columns.map(|((series, timestamp), value)| NumberedPoint {
        series: u32::from_le_bytes(*series),
        timestamp: Timestamp::from_millis(i64::from_le_bytes(*timestamp)),
        value: f64::from_bits(u64::from_le_bytes(*value)),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(series: u32, millis: i64, value: f64) -> NumberedPoint {
        NumberedPoint { series, timestamp: Timestamp::from_millis(millis), value }
    }

    /// A file that knows the series 1 and 2.
    fn two(number: u32) -> bool {
        (1..=2).contains(&number)
    }

    fn bits(points: impl IntoIterator<Item = NumberedPoint>) -> Vec<(u32, i64, u64)> {
        let bits = |p: NumberedPoint| (p.series, p.timestamp.as_millis(), p.value.to_bits());
        points.into_iter().map(bits).collect()
    }

    /// By hand from docs/reference/storage-format.md; the checksum comes from Python's zlib.
    const DOCUMENTED: [u8; 52] = [
        1, 0, 0, 0, 2, 0, 0, 0, // layout, count
        1, 0, 0, 0, 2, 0, 0, 0, // series
        0x60, 0xea, 0, 0, 0, 0, 0, 0, // 60 000 ms
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // -1 ms
        0, 0, 0, 0, 0, 0x80, 0x35, 0x40, // 21.5
        0, 0, 0, 0, 0, 0, 0, 0x80, // -0.0
        0xb3, 0x1b, 0x3b, 0x90,
    ];

    #[test]
    fn points_are_written_as_documented() {
        let points = [point(1, 60_000, 21.5), point(2, -1, -0.0)];
        assert_eq!(encode(&points), DOCUMENTED);
        assert_eq!(bits(decode(&DOCUMENTED, two).unwrap()), bits(points));
    }

    #[test]
    fn every_bit_of_a_value_comes_back() {
        let odd = [0x7ff0_0000_0000_0001, 0xfff8_0000_0000_dead, 1, f64::INFINITY.to_bits()];
        let points = odd.map(|bits| point(1, i64::MIN, f64::from_bits(bits)));
        assert_eq!(bits(decode(&encode(&points), two).unwrap()), bits(points));
    }

    #[test]
    fn a_changed_or_missing_byte_is_damage() {
        for at in 0..DOCUMENTED.len() {
            let mut damaged = DOCUMENTED;
            damaged[at] ^= 1;
            assert!(decode(&damaged, two).is_err(), "byte {at}");
            assert!(decode(&DOCUMENTED[..at], two).is_err(), "cut at byte {at}");
        }
    }

    #[test]
    fn what_a_right_checksum_guards_is_checked_too() {
        let damage = |change: fn(&mut Vec<u8>)| {
            let mut body = DOCUMENTED[..48].to_vec();
            change(&mut body);
            let checksum = Checksum::new().add(&body).value();
            body.extend(checksum.to_le_bytes());
            decode(&body, two).map(bits).unwrap_err()
        };
        assert_eq!(damage(|body| body[0] = 2).what, "layout `2` is unknown, expected `1`");
        assert_eq!(damage(|body| body[4] = 0).what, "`0` points, expected 1 to 1048576");
        assert_eq!(damage(|body| body[4] = 3).what, "`4` bytes are left, expected `24`");
        assert_eq!(damage(|body| body.push(0)).what, "`1` bytes are left over");
        let unknown = "series `3` is unknown".to_owned();
        assert_eq!(damage(|body| body[12] = 3), Damage { offset: Some(12), what: unknown });
    }
}
