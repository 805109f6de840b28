//! Counts in buckets whose width grows with the values in them.
//!
//! Each power of two is cut into equal buckets, so a bucket's width is a fixed share of its values,
//! and the bucket of a value is in the first bits of the number: sign, exponent and the beginning of
//! the fraction, in order. (The layout is that of HDR histograms, without their fixed range.)

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Reservoir;
use crate::Snapshot;

const FRACTION_BITS: u32 = 52;
const SIGN: u64 = 1 << 63;

/// All values, each as the middle of its bucket: at most a stated share off, whatever its size.
///
/// It takes a row of buckets for each power of two it has met (512 bytes at an error of 1 %), never
/// locks, and leaves nothing out. Below the smallest normal number, 2.2 · 10⁻³⁰⁸, the error is
/// twice that of this number instead.
///
/// ```
/// use std::time::Duration;
///
/// use apptuit_metrics::{LogLinear, Reservoir};
///
/// let sizes = LogLinear::new(0.01);
/// sizes.offer(&[1e-9, 12.0, 3.0e17], Duration::ZERO);
/// assert!((sizes.snapshot(Duration::ZERO).median() - 12.0).abs() <= 0.12);
/// ```
#[doc(alias = "HdrHistogram")]
#[doc(alias = "DDSketch")]
#[derive(Debug)]
pub struct LogLinear {
    /// How many bits of the fraction tell buckets apart.
    bits: u32,
    /// Rows of buckets by sign and exponent, 64 to a group; most are never made.
    groups: [OnceLock<Box<[Row; 64]>>; 64],
}

type Row = OnceLock<Box<[AtomicU64]>>;

impl LogLinear {
    /// Empty buckets; a value is at most `error` of itself off: 0.01 is one in a hundred.
    ///
    /// The error is rounded down to a half, a quarter … of a half; it is at least 2⁻¹³ and at most a
    /// quarter.
    pub fn new(error: f64) -> Self {
        let bits = (1..=11).find(|bits| half_a_bucket(*bits) <= error).unwrap_or(12);
        Self { bits, groups: [const { OnceLock::new() }; 64] }
    }

    /// The error that was asked for, rounded down.
    pub fn error(&self) -> f64 {
        half_a_bucket(self.bits)
    }

    fn row(&self, number: usize) -> Option<&[AtomicU64]> {
        self.groups[number / 64].get()?[number % 64].get().map(|row| &**row)
    }

    fn make_row(&self, number: usize) -> &[AtomicU64] {
        let group =
            self.groups[number / 64].get_or_init(|| Box::new([const { OnceLock::new() }; 64]));
        group[number % 64].get_or_init(|| (0..1 << self.bits).map(|_| AtomicU64::new(0)).collect())
    }

    /// The value in the middle of a bucket.
    fn middle(&self, bucket: u64) -> f64 {
        let rest = FRACTION_BITS - self.bits;
        let (first, last) = (bucket << rest, ((bucket + 1) << rest) - 1);
        if first == SIGN {
            return 0.0; // exactly: the bucket of zero is too small to matter otherwise
        }
        f64::midpoint(value_of(first), value_of(last))
    }
}

impl Reservoir for LogLinear {
    fn offer(&self, values: &[f64], _: Duration) {
        for value in values {
            // Adding zero makes a negative zero positive.
            let bucket = key_of(*value + 0.0) >> (FRACTION_BITS - self.bits);
            #[expect(clippy::cast_possible_truncation, reason = "at most 24 bits are left")]
            let (row, at) =
                ((bucket >> self.bits) as usize, bucket as usize & ((1 << self.bits) - 1));
            let row = self.row(row).unwrap_or_else(|| self.make_row(row));
            row[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    fn snapshot(&self, _: Duration) -> Snapshot {
        let mut buckets = Vec::new();
        for (number, row) in (0..64 * 64).filter_map(|number| Some((number, self.row(number)?))) {
            for (at, count) in row.iter().enumerate() {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let bucket = (number << self.bits) | at;
                    buckets.push((self.middle(bucket as u64), count));
                }
            }
        }
        Snapshot::from_counts(buckets)
    }

    fn clear(&self) {
        for count in (0..64 * 64).filter_map(|number| self.row(number)).flatten() {
            count.store(0, Ordering::Relaxed);
        }
    }
}

fn half_a_bucket(bits: u32) -> f64 {
    0.5f64.powi(bits.cast_signed() + 1)
}

/// The bits of a number so changed that greater numbers have greater keys.
fn key_of(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

fn value_of(key: u64) -> f64 {
    f64::from_bits(if key & SIGN == 0 { !key } else { key & !SIGN })
}
