//! Numbers near each other in as many bits as their differences need.
//!
//! In frames of up to [`FRAME`] numbers: the least of a frame, how many bits the distance of its
//! greatest needs, and so many bits for the distance of each, the lowest bit of the first number
//! first. Frame of reference: J. Goldstein, R. Ramakrishnan, U. Shaft, "Compressing Relations and
//! Indexes", ICDE 1998.

use super::varint;
use crate::embedded::bytes::{Damage, Reader};

const FRAME: usize = 128;

/// How many bytes [`pack`] writes.
pub(super) fn packed_len(numbers: &[i64]) -> usize {
    let frame = |numbers: &[i64]| {
        let (least, width) = bounds(numbers);
        varint::signed_len(least) as usize + 1 + bytes_of(numbers.len(), width)
    };
    numbers.chunks(FRAME).map(frame).sum()
}

pub(super) fn pack(numbers: &[i64], out: &mut Vec<u8>) {
    for frame in numbers.chunks(FRAME) {
        let (least, width) = bounds(frame);
        varint::put_signed(out, least);
        let [byte, ..] = width.to_le_bytes();
        out.push(byte);
        let end = out.len() + bytes_of(frame.len(), width);
        let (mut pending, mut bits) = (0_u128, 0);
        for number in frame {
            pending |= u128::from(distance(*number, least)) << bits;
            bits += width;
            if bits >= 64 {
                out.extend_from_slice(&low(pending).to_le_bytes());
                (pending, bits) = (pending >> 64, bits - 64);
            }
        }
        out.extend_from_slice(&low(pending).to_le_bytes());
        out.truncate(end);
    }
}

/// Reads `count` numbers, each handed to `take`.
pub(super) fn unpack(
    reader: &mut Reader<'_>,
    count: usize,
    mut take: impl FnMut(i64),
) -> Result<(), Damage> {
    let mut left = count;
    while left > 0 {
        let inside = left.min(FRAME);
        let least = varint::get_signed(reader)?;
        let width = u32::from(reader.u8()?);
        if width > u64::BITS {
            return Err(reader.damage(format!("a number has `{width}` bits, expected 0 to 64")));
        }
        let bytes = reader.take(bytes_of(inside, width))?;
        let mask = u64::MAX.checked_shr(u64::BITS - width).unwrap_or(0);
        let mut at = 0;
        for _ in 0..inside {
            let bits = low(window(bytes, at / 8) >> (at % 8)) & mask;
            take(least.wrapping_add(bits.cast_signed()));
            at += width as usize;
        }
        left -= inside;
    }
    Ok(())
}

/// The 16 bytes from `at` on; beyond the end there are zeros.
fn window(bytes: &[u8], at: usize) -> u128 {
    let rest = bytes.get(at..).unwrap_or_default();
    u128::from_le_bytes(match rest.first_chunk() {
        Some(window) => *window,
        None => std::array::from_fn(|n| rest.get(n).copied().unwrap_or_default()),
    })
}

/// The least number, and how many bits the distances from it need.
fn bounds(numbers: &[i64]) -> (i64, u32) {
    let (least, greatest) = numbers
        .iter()
        .fold((i64::MAX, i64::MIN), |(least, greatest), n| (least.min(*n), greatest.max(*n)));
    (least, u64::BITS - distance(greatest, least).leading_zeros())
}

const fn distance(number: i64, least: i64) -> u64 {
    number.wrapping_sub(least).cast_unsigned()
}

const fn bytes_of(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is asked for")]
const fn low(wide: u128) -> u64 {
    wide as u64
}
