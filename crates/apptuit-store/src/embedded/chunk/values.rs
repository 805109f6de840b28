//! The values of a chunk: whole numbers that stand for them, and how.

use super::column;
use crate::embedded::bytes::{Damage, Reader};

/// How a value is made of a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// It is the number by this power of ten, rounded once, as the decimal fraction is read.
    Decimal(u8),
    /// Its bits are the number, turned so that numbers are in the order of the values.
    Bits,
}

/// Powers of ten that an `f64` holds exactly: division by them rounds once.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];
const BITS: u8 = u8::MAX;
/// Added to an `f64` of less than 2^51 this leaves it a whole number, the nearest.
const ROUNDING: f64 = 6_755_399_441_055_744.0;
/// The greatest whole number of a fraction.
const MOST: f64 = 2_251_799_813_685_247.0;

impl Scale {
    /// The scale that fits all values, and what they are in it.
    pub(super) fn of(values: &[f64]) -> (Self, Vec<i64>) {
        let mut numbers = Vec::with_capacity(values.len());
        let mut powers = (0..).zip(POWERS);
        while let Some((exponent, power)) = powers.next() {
            numbers.clear();
            numbers.extend(values.iter().map_while(|value| decimal(*value, power)));
            let Some(misfit) = values.get(numbers.len()) else {
                return (Self::Decimal(exponent), numbers);
            };
            // Powers that do not fit this one are not tried on the others.
            let beyond = powers.clone().take_while(|(_, power)| decimal(*misfit, *power).is_none());
            if let Some(skipped @ 1..) = Some(beyond.count()) {
                powers.nth(skipped - 1);
            }
        }
        numbers.clear();
        numbers.extend(values.iter().map(|value| Self::Bits.number(*value)));
        (Self::Bits, numbers)
    }

    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Decimal(exponent) => exponent,
            Self::Bits => BITS,
        }
    }

    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            BITS => Some(Self::Bits),
            exponent if usize::from(exponent) < POWERS.len() => Some(Self::Decimal(exponent)),
            _ => None,
        }
    }

    /// The number of a value that fits.
    pub(super) fn number(self, value: f64) -> i64 {
        match self {
            Self::Decimal(exponent) => decimal(value, power(exponent)).unwrap_or_default(),
            Self::Bits => turned(value.to_bits().cast_signed()),
        }
    }

    pub(super) fn value(self, number: i64) -> f64 {
        match self {
            Self::Decimal(exponent) => number as f64 / power(exponent),
            Self::Bits => f64::from_bits(turned(number).cast_unsigned()),
        }
    }
}

/// Appends values, the first of which is `first` in its scale, to `out`; of `count` that there are
/// the first `wanted` at the least.
pub(super) fn decode(
    reader: &mut Reader<'_>,
    counts: (usize, usize),
    (scale, first): (Scale, i64),
    out: &mut Vec<f64>,
) -> Result<(), Damage> {
    // One loop each, so that what is made of a number is not asked for every number.
    match scale {
        Scale::Decimal(0) => {
            column::decode(reader, counts, out, |offset| first.wrapping_add(offset) as f64)
        }
        Scale::Decimal(exponent) => {
            let power = power(exponent);
            column::decode(reader, counts, out, |offset| first.wrapping_add(offset) as f64 / power)
        }
        Scale::Bits => {
            column::decode(reader, counts, out, |offset| scale.value(first.wrapping_add(offset)))
        }
    }
}

/// Writes the numbers of values.
pub(super) fn encode(mut numbers: Vec<i64>, out: &mut Vec<u8>) {
    let first = numbers.first().copied().unwrap_or_default();
    for number in &mut numbers {
        *number = number.wrapping_sub(first);
    }
    column::encode(&numbers, out);
}

/// The whole number by which `value` is the nearest `f64` to a decimal fraction, if there is one.
fn decimal(value: f64, power: f64) -> Option<i64> {
    let same = |found: f64| found.to_bits() == value.to_bits();
    if power.to_bits() == 1.0_f64.to_bits() {
        #[expect(clippy::cast_possible_truncation, reason = "what is cut off is noticed")]
        let number = value as i64;
        return same(number as f64).then_some(number);
    }
    let scaled = value * power;
    let rounded = (scaled + ROUNDING) - ROUNDING;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and less than 2^51")]
    let number = rounded as i64;
    (scaled.abs() <= MOST && same(rounded / power)).then_some(number)
}

fn power(exponent: u8) -> f64 {
    POWERS.get(usize::from(exponent)).copied().unwrap_or(1.0)
}

/// The bits of an `f64` as a number in the order of the values, and back.
const fn turned(bits: i64) -> i64 {
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_power_of_ten_that_fits_all_is_taken() {
        let scale = |values: &[f64]| Scale::of(values).0;
        assert_eq!(Scale::of(&[21.5, -0.25, 3.0]), (Scale::Decimal(2), vec![2150, -25, 300]));
        assert_eq!(scale(&[1e18, 9e15, -4.0]), Scale::Decimal(0));
        assert_eq!(scale(&[0.1, 1e-15]), Scale::Decimal(15));
        assert_eq!(scale(&[0.1 + 0.2]), Scale::Bits);
        for odd in [-0.0, f64::NAN, f64::INFINITY, 1.0 / 3.0, 5e-324, 1e300] {
            assert_eq!(scale(&[1.5, odd]), Scale::Bits, "{odd}");
        }
    }

    #[test]
    fn bits_are_in_the_order_of_the_values() {
        let ordered = [f64::NEG_INFINITY, -1.5, -5e-324, -0.0, 0.0, 5e-324, 1.5, f64::INFINITY];
        assert!(ordered.map(|value| Scale::Bits.number(value)).is_sorted());
        for value in ordered {
            let back = Scale::Bits.value(Scale::Bits.number(value));
            assert_eq!(back.to_bits(), value.to_bits(), "{value}");
        }
    }
}
