//! Reading a point of an answer.

use crate::Timestamp;
use crate::wire::nearest::nearest;
use crate::wire::number::timestamp_from_whole;
use crate::wire::scan::{Scan, eight_digits};

/// Bytes that the text of a usual point fits in.
const WINDOW: usize = 64;
/// Digits that always fit 64 bits.
const MAX_DIGITS: usize = 19;

/// The point at the cursor, which is then behind it: `[timestamp, value]`.
#[inline]
pub(super) fn point(scan: &mut Scan<'_>) -> Option<(Timestamp, f64)> {
    let window = scan.rest().as_bytes().first_chunk();
    if let Some((timestamp, value, length)) = window.and_then(usual) {
        scan.go_to(scan.at() + length);
        return Some((timestamp, value));
    }
    any(scan)
}

/// A point as nearly all are written: seconds or milliseconds, and a number without an exponent; no
/// blanks; and its length.
#[inline]
fn usual(window: &[u8; WINDOW]) -> Option<(Timestamp, f64, usize)> {
    let mut digits = Digits { window, at: 1, value: 0 };
    digits.eights();
    digits.ones();
    let whole = i64::try_from(digits.value).ok()?;
    let is_usual = window[0] == b'[' && window[1] != b'0' && (2..MAX_DIGITS).contains(&digits.at);
    if !is_usual || digits.next() != b',' {
        return None;
    }
    digits.at += 1;
    let is_negative = digits.next() == b'-';
    digits.at += usize::from(is_negative);
    let first = digits.at;
    digits.value = 0;
    digits.ones();
    let mut count = digits.at - first;
    if count == 0 || (count > 1 && window[first] == b'0') {
        return None;
    }
    let mut exponent = 0;
    if digits.next() == b'.' {
        digits.at += 1;
        let start = digits.at;
        digits.eights();
        digits.ones();
        let decimals = digits.at - start;
        if decimals == 0 {
            return None;
        }
        count += decimals;
        exponent = -i32::try_from(decimals).ok()?;
    }
    if count > MAX_DIGITS || digits.next() != b']' {
        return None;
    }
    let magnitude = nearest(digits.value, exponent)?;
    let value = if is_negative { -magnitude } else { magnitude };
    Some((timestamp_from_whole(whole), value, digits.at + 1))
}

/// Digits while they are read. More than fit leave nonsense in the value.
struct Digits<'text> {
    window: &'text [u8; WINDOW],
    at: usize,
    value: u64,
}

impl Digits<'_> {
    /// Whole numbers of one to seven digits are the most: one by one is faster for them.
    #[inline]
    fn ones(&mut self) {
        while let digit @ 0..=9 = self.next().wrapping_sub(b'0') {
            self.value = self.value.wrapping_mul(10).wrapping_add(u64::from(digit));
            self.at += 1;
        }
    }

    #[inline]
    fn eights(&mut self) {
        while let Some(value) = self.window.get(self.at..).and_then(eight_digits) {
            self.value = self.value.wrapping_mul(100_000_000).wrapping_add(value);
            self.at += 8;
        }
    }

    /// The byte at the place; behind the window there is none that anything is taken for.
    #[inline]
    fn next(&self) -> u8 {
        self.window.get(self.at).copied().unwrap_or_default()
    }
}

/// A point with blanks, exponents, long numbers, or what stands for a number JSON has no form for.
#[cold]
fn any(scan: &mut Scan<'_>) -> Option<(Timestamp, f64)> {
    if !scan.take(b'[') {
        return None;
    }
    scan.blanks();
    let timestamp = scan.number()?.timestamp()?;
    if !scan.take(b',') {
        return None;
    }
    scan.blanks();
    let value = value(scan)?;
    scan.take(b']').then_some((timestamp, value))
}

fn value(scan: &mut Scan<'_>) -> Option<f64> {
    if let Some(number) = scan.number() {
        let value = number.value();
        // The library says what is wrong with a number beyond all doubles.
        return value.is_finite().then_some(value);
    }
    let tokens = [
        ("null", f64::NAN),
        ("NaN", f64::NAN),
        ("Infinity", f64::INFINITY),
        ("-Infinity", f64::NEG_INFINITY),
    ];
    tokens.into_iter().find_map(|(token, value)| scan.take_text(token).then_some(value))
}
