//! Reading the points of a series.

use crate::Timestamp;
use crate::wire::nearest::nearest;
use crate::wire::number::timestamp_from_whole;
use crate::wire::scan::{Scan, eight_digits};

/// Bytes that the text of a usual point fits in.
const WINDOW: usize = 64;
/// Digits that always fit 64 bits.
const MAX_DIGITS: usize = 19;

/// Points in two columns.
#[derive(Default)]
pub(super) struct Columns {
    pub(super) timestamps: Vec<Timestamp>,
    pub(super) values: Vec<f64>,
}

impl Columns {
    /// The array of points at the cursor, which is then behind it. They are probably so many.
    pub(super) fn read(scan: &mut Scan<'_>, expected: usize) -> Option<Self> {
        let mut columns = Self::default();
        if !scan.take(b'[') {
            return None;
        }
        if scan.take(b']') {
            return Some(columns);
        }
        columns.timestamps.reserve_exact(expected);
        columns.values.reserve_exact(expected);
        loop {
            let read = columns.push_usual(scan.rest().as_bytes());
            scan.go_to(scan.at() + read);
            let (timestamp, value) = any(scan)?;
            columns.push(timestamp, value);
            if !scan.take(b',') {
                break;
            }
        }
        columns.timestamps.shrink_to_fit();
        columns.values.shrink_to_fit();
        scan.take(b']').then_some(columns)
    }

    /// Adds the usual points that `text` begins with, and tells how long they are.
    ///
    /// A function of its own, with nothing in it but the loop: it is where the time goes.
    #[inline(never)]
    fn push_usual(&mut self, text: &[u8]) -> usize {
        let mut at = 0;
        while let Some(window) = text.get(at..).and_then(<[u8]>::first_chunk)
            && let Some((timestamp, value, length)) = usual(window)
        {
            self.push(timestamp, value);
            at += length;
        }
        at
    }

    #[inline]
    fn push(&mut self, timestamp: Timestamp, value: f64) {
        self.timestamps.push(timestamp);
        self.values.push(value);
    }
}

/// A point as nearly all are written, with the comma behind it, and its length: a whole timestamp, a
/// number without an exponent, no blanks.
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
    if count > MAX_DIGITS || window.get(digits.at..digits.at + 2) != Some(b"],") {
        return None;
    }
    let magnitude = nearest(digits.value, exponent)?;
    let value = if is_negative { -magnitude } else { magnitude };
    Some((timestamp_from_whole(whole), value, digits.at + 2))
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

/// A point with blanks, exponents, long numbers, or what stands for a number JSON has no form for; and
/// the last of an array.
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
