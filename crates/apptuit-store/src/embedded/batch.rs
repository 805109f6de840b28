//! Points as the blob `batch.points`: three columns and a checksum.

use apptuit_model::Timestamp;

use super::bytes::{Damage, Reader};
use super::checksum::Checksum;
use crate::points::Columns;
use crate::{Points, SeriesId};

/// The most points in one blob, 20 MiB of them. SQLite would take 1 GB.
pub(super) const MAX_POINTS: usize = 1 << 20;

/// Columns of full width, as files of version 1 have them.
const WIDE: u32 = 1;
/// Numbers and instants as what they exceed the least by, in as many bytes as the most needs.
const NARROW: u32 = 2;

/// The blob of the points of some columns together, 1 to [`MAX_POINTS`].
pub(super) fn encode(parts: &[Columns<'_>]) -> Vec<u8> {
    let count: usize = parts.iter().map(|part| part.values.len()).sum();
    let mut blob = Vec::with_capacity(34 + 20 * count);
    let count = u32::try_from(count).expect("a blob has at most `MAX_POINTS` points");
    blob.extend_from_slice(&NARROW.to_le_bytes());
    blob.extend_from_slice(&count.to_le_bytes());

    let of_parts = parts.iter().map(|part| ends(part.series.iter().map(|series| series.number())));
    let (least, most) = both(of_parts);
    blob.extend_from_slice(&least.to_le_bytes());
    let columns = parts.iter().map(|part| part.series);
    put_narrow(&mut blob, u64::from(most - least), columns, |series| {
        u64::from(series.number() - least)
    });

    let of_parts = parts.iter().map(|part| ends(part.timestamps.iter().map(|at| at.as_millis())));
    let (least, most) = both(of_parts);
    blob.extend_from_slice(&least.to_le_bytes());
    let columns = parts.iter().map(|part| part.timestamps);
    put_narrow(&mut blob, most.abs_diff(least), columns, |at| at.as_millis().abs_diff(least));

    for part in parts {
        put(&mut blob, part.values, |value| value.to_bits().to_le_bytes());
    }
    let checksum = Checksum::new().add(&blob).value();
    blob.extend_from_slice(&checksum.to_le_bytes());
    blob
}

/// The least and the greatest number of a column.
fn ends<T: Ord + Copy>(column: impl Iterator<Item = T>) -> Option<(T, T)> {
    column.fold(None, |ends, number| {
        let (least, most) = ends.unwrap_or((number, number));
        Some((least.min(number), most.max(number)))
    })
}

/// The least and the greatest number of some columns.
fn both<T: Ord + Copy + Default>(columns: impl Iterator<Item = Option<(T, T)>>) -> (T, T) {
    let ends =
        columns.flatten().reduce(|(least, most), (less, more)| (least.min(less), most.max(more)));
    ends.unwrap_or_default()
}

/// The width of numbers up to `most`, and then the low bytes of each.
fn put_narrow<'a, T: 'a>(
    blob: &mut Vec<u8>,
    most: u64,
    columns: impl Iterator<Item = &'a [T]>,
    number: impl Fn(&T) -> u64,
) {
    match most {
        0 => blob.push(0),
        1..=0xff => put_low::<1, T>(blob, columns, number),
        0x100..=0xffff => put_low::<2, T>(blob, columns, number),
        0x1_0000..=0xffff_ffff => put_low::<4, T>(blob, columns, number),
        _ => put_low::<8, T>(blob, columns, number),
    }
}

fn put_low<'a, const N: usize, T: 'a>(
    blob: &mut Vec<u8>,
    columns: impl Iterator<Item = &'a [T]>,
    number: impl Fn(&T) -> u64,
) {
    blob.push(u8::try_from(N).expect("a number has few bytes"));
    for column in columns {
        put(blob, column, |one| {
            *number(one).to_le_bytes().first_chunk::<N>().expect("a number has 8 bytes")
        });
    }
}

/// Appends what `bytes` makes of each of a column.
fn put<const N: usize, T>(blob: &mut Vec<u8>, column: &[T], bytes: impl Fn(&T) -> [u8; N]) {
    let from = blob.len();
    blob.resize(from + N * column.len(), 0);
    let places = blob.get_mut(from..).unwrap_or_default().as_chunks_mut().0;
    for (place, one) in places.iter_mut().zip(column) {
        *place = bytes(one);
    }
}

/// What tells points from others: a CRC-32 of the numbers of their series, the instants and the
/// values.
pub(super) fn checksum(points: &Points) -> u32 {
    let mut bytes = Vec::with_capacity(20 * points.len());
    put(&mut bytes, points.series(), |series| series.number().to_le_bytes());
    put(&mut bytes, points.timestamps(), |at| at.as_millis().to_le_bytes());
    put(&mut bytes, points.values(), |value| value.to_bits().to_le_bytes());
    Checksum::new().add(&bytes).value()
}

/// Reads the points in a blob, in the order of their appending, into `points`.
pub(super) fn decode(blob: &[u8], points: &mut Points) -> Result<(), Damage> {
    points.clear();
    let mut reader = Reader::checked(&[], blob)?;
    let layout = reader.u32()?;
    if !matches!(layout, WIDE | NARROW) {
        let what = format!("layout `{layout}` is unknown, expected `{WIDE}` or `{NARROW}`");
        return Err(Damage { offset: Some(0), what });
    }
    let count = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
    if !(1..=MAX_POINTS).contains(&count) {
        let what = format!("`{count}` points, expected 1 to {MAX_POINTS}");
        return Err(Damage { offset: Some(4), what });
    }
    if layout == WIDE {
        let numbers = reader.column(count)?.iter();
        points.series.extend(numbers.map(|bytes| SeriesId::new(u32::from_le_bytes(*bytes))));
        let instants = reader.column(count)?.iter();
        points
            .timestamps
            .extend(instants.map(|bytes| Timestamp::from_millis(i64::from_le_bytes(*bytes))));
    } else {
        let least = reader.u32()?;
        take_narrow(&mut reader, count, |excess| {
            let number = u32::try_from(excess).ok().and_then(|excess| least.checked_add(excess));
            points.series.push(SeriesId::new(number?));
            Some(())
        })?;
        let least = i64::from_le_bytes(*reader.one()?);
        take_narrow(&mut reader, count, |excess| {
            points.timestamps.push(Timestamp::from_millis(least.checked_add_unsigned(excess)?));
            Some(())
        })?;
    }
    let values = reader.column(count)?.iter();
    points.values.extend(values.map(|bytes| f64::from_bits(u64::from_le_bytes(*bytes))));
    reader.end()
}

/// Reads `count` numbers after their width. `take` answers `None` to one that is too large.
fn take_narrow(
    reader: &mut Reader<'_>,
    count: usize,
    mut take: impl FnMut(u64) -> Option<()>,
) -> Result<(), Damage> {
    let at = reader.damage(String::new());
    let [width] = *reader.one()?;
    let taken = match width {
        0 => (0..count).try_for_each(|_| take(0)),
        1 => take_low::<1>(reader, count, take)?,
        2 => take_low::<2>(reader, count, take)?,
        4 => take_low::<4>(reader, count, take)?,
        8 => take_low::<8>(reader, count, take)?,
        _ => {
            let what = format!("numbers of `{width}` bytes, expected 0, 1, 2, 4 or 8");
            return Err(Damage { what, ..at });
        }
    };
    taken.ok_or(Damage { what: "a number is out of range".to_owned(), ..at })
}

fn take_low<const N: usize>(
    reader: &mut Reader<'_>,
    count: usize,
    mut take: impl FnMut(u64) -> Option<()>,
) -> Result<Option<()>, Damage> {
    Ok(reader.column::<N>(count)?.iter().try_for_each(|low| {
        let mut bytes = [0; 8];
        bytes.iter_mut().zip(low).for_each(|(byte, low)| *byte = *low);
        take(u64::from_le_bytes(bytes))
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points(rows: &[(u32, i64, u64)]) -> Points {
        let mut points = Points::default();
        for (series, millis, bits) in rows {
            let at = Timestamp::from_millis(*millis);
            points.push(SeriesId::new(*series), at, f64::from_bits(*bits));
        }
        points
    }

    fn rows(points: &Points) -> Vec<(u32, i64, u64)> {
        let columns = points.timestamps().iter().zip(points.values());
        let rows = points.series().iter().zip(columns);
        rows.map(|(series, (at, v))| (series.number(), at.as_millis(), v.to_bits())).collect()
    }

    fn decoded(blob: &[u8]) -> Result<Vec<(u32, i64, u64)>, Damage> {
        let mut points = Points::default();
        decode(blob, &mut points).map(|()| rows(&points))
    }

    const ROWS: [(u32, i64, u64); 2] = [(1, 60_000, 0x4035_8000_0000_0000), (2, -1, 1 << 63)];

    /// By hand from docs/reference/storage-format.md; the checksums come from Python's zlib.
    const DOCUMENTED: [u8; 48] = [
        2, 0, 0, 0, 2, 0, 0, 0, // layout, count
        1, 0, 0, 0, 1, 0, 1, // series: 1, and 0 and 1 more in 1 byte
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0x61, 0xea, 0,
        0, // -1 and 60 001 more
        0, 0, 0, 0, 0, 0x80, 0x35, 0x40, // 21.5
        0, 0, 0, 0, 0, 0, 0, 0x80, // -0.0
        0x73, 0xa2, 0xe3, 0,
    ];
    const WIDE_BLOB: [u8; 52] = [
        1, 0, 0, 0, 2, 0, 0, 0, // layout, count
        1, 0, 0, 0, 2, 0, 0, 0, // series
        0x60, 0xea, 0, 0, 0, 0, 0, 0, // 60 000 ms
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // -1 ms
        0, 0, 0, 0, 0, 0x80, 0x35, 0x40, // 21.5
        0, 0, 0, 0, 0, 0, 0, 0x80, // -0.0
        0xb3, 0x1b, 0x3b, 0x90,
    ];

    #[test]
    fn points_are_written_and_read_as_documented() {
        assert_eq!(encode(&[points(&ROWS).columns()]), DOCUMENTED);
        let (one, other) = (points(&ROWS[..1]), points(&ROWS[1..]));
        assert_eq!(encode(&[one.columns(), other.columns()]), DOCUMENTED);
        assert_eq!(decoded(&DOCUMENTED), Ok(ROWS.to_vec()));
        assert_eq!(decoded(&WIDE_BLOB), Ok(ROWS.to_vec()));
    }

    proptest! {
        #[test]
        fn every_bit_comes_back(
            rows in prop::collection::vec((any::<u32>(), any::<i64>(), any::<u64>()), 1..50),
            series in prop::sample::select(vec![0, 0xff, 0xffff, u32::MAX]),
            span in prop::sample::select(vec![0, 0xff, 0xffff, 0xffff_ffff, u64::MAX]),
        ) {
            let narrow = |(number, millis, bits): (u32, i64, u64)| {
                (number & series, millis & span.cast_signed(), bits)
            };
            let rows: Vec<_> = rows.into_iter().map(narrow).collect();
            prop_assert_eq!(decoded(&encode(&[points(&rows).columns()])), Ok(rows));
        }
    }

    #[test]
    fn a_changed_or_missing_byte_is_damage() {
        for blob in [&DOCUMENTED[..], &WIDE_BLOB] {
            for at in 0..blob.len() {
                let mut damaged = blob.to_vec();
                damaged[at] ^= 1;
                assert!(decoded(&damaged).is_err(), "byte {at}");
                assert!(decoded(&blob[..at]).is_err(), "cut at byte {at}");
            }
        }
    }

    #[test]
    fn what_a_right_checksum_guards_is_checked_too() {
        let damage = |change: fn(&mut Vec<u8>)| {
            let mut body = DOCUMENTED[..44].to_vec();
            change(&mut body);
            let checksum = Checksum::new().add(&body).value();
            body.extend(checksum.to_le_bytes());
            decoded(&body).unwrap_err()
        };
        assert_eq!(damage(|body| body[0] = 3).what, "layout `3` is unknown, expected `1` or `2`");
        assert_eq!(damage(|body| body[4] = 0).what, "`0` points, expected 1 to 1048576");
        assert_eq!(damage(|body| body.push(0)).what, "`1` bytes are left over");
        let width = "numbers of `3` bytes, expected 0, 1, 2, 4 or 8".to_owned();
        assert_eq!(damage(|body| body[12] = 3), Damage { offset: Some(12), what: width });
        let range = "a number is out of range".to_owned();
        assert_eq!(
            damage(|body| body[8..12].fill(0xff)),
            Damage { offset: Some(12), what: range.clone() }
        );
        // The latest instant, and some more.
        assert_eq!(damage(|body| body[22] = 0x7f), Damage { offset: Some(23), what: range });
    }
}
