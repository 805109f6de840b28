//! The double nearest to a decimal, by one product.

/// Powers of ten from minus this to this: 5^55 is the last to fit 128 bits.
const MAX_EXPONENT: i32 = 55;

static POWERS: [Power; 2 * MAX_EXPONENT as usize + 1] = powers();

/// A power of ten: `high` and `low` are the leading 128 bits of its power of five, the highest of them
/// set, rounded up.
#[derive(Clone, Copy)]
struct Power {
    high: u64,
    low: u64,
    /// The exponent of two of a product with these bits, of which the upper 63 are kept.
    scale: i32,
}

/// The double nearest to `digits * 10^exponent`, of two the even one; `None` if one product does not
/// tell it, which is rare, or the exponent is larger than series have.
///
/// The product of the digits and a power of five in 128 bits gives the leading bits of the decimal,
/// which are rounded to a double's 53. (The idea is that of Eisel and Lemire, "Number parsing at a
/// gigabyte per second", 2021; here the whole product is always taken, which makes the argument
/// short.)
#[inline]
pub(super) fn nearest(digits: u64, exponent: i32) -> Option<f64> {
    let place = usize::try_from(exponent.checked_add(MAX_EXPONENT)?).ok()?;
    let power = POWERS.get(place)?;
    if digits == 0 {
        return Some(0.0);
    }
    let zeros = digits.leading_zeros();
    let normal = u128::from(digits << zeros);
    // The upper 128 of the product's 192 bits. The power is too large by less than one, and the lower
    // bits are cut: the true product is less than one below this, or less than one above.
    let product = normal * u128::from(power.high) + ((normal * u128::from(power.low)) >> 64);
    let (high, low) = halves(product);
    // So how it is rounded is known, unless this is the middle between two doubles.
    if low < 2 && is_middle(high) {
        return None;
    }
    // Bits below the 53 only tell the side of the middle, the lowest that it is not the middle.
    let leading = ((high >> 1) | 1).cast_signed() as f64;
    let shift = i64::from(power.scale - zeros.cast_signed());
    Some(f64::from_bits(leading.to_bits().wrapping_add_signed(shift << 52)))
}

/// Whether the upper half of a product is 53 bits, a one, and zeros.
#[cold]
fn is_middle(high: u64) -> bool {
    let cut_bits = 11 - high.leading_zeros();
    high & ((1 << cut_bits) - 1) == 1 << (cut_bits - 1)
}

const fn powers() -> [Power; 2 * MAX_EXPONENT as usize + 1] {
    let mut powers = [Power { high: 0, low: 0, scale: 0 }; 2 * MAX_EXPONENT as usize + 1];
    let (mut exponent, mut five) = (0, 1_u128);
    let mut place = 0;
    while exponent <= MAX_EXPONENT {
        let (bits, shift) = reciprocal(five);
        powers[powers.len() / 2 - place] = power(bits, shift, -exponent);
        let shift = five.leading_zeros().cast_signed();
        powers[powers.len() / 2 + place] = power(five << shift, shift, exponent);
        place += 1;
        exponent += 1;
        five = five.wrapping_mul(5);
    }
    powers
}

/// The power of ten whose power of five is `bits * 2^-shift`.
const fn power(bits: u128, shift: i32, exponent: i32) -> Power {
    let (high, low) = halves(bits);
    // Cut are 64 bits of the product and 65 of what is left; ten is five times two.
    Power { high, low, scale: 64 + 65 - shift + exponent }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is meant")]
const fn halves(bits: u128) -> (u64, u64) {
    ((bits >> 64) as u64, bits as u64)
}

/// One divided by `divisor`, bit by bit, rounded up, and by what power of two it is too large.
const fn reciprocal(divisor: u128) -> (u128, i32) {
    let (mut bits, mut remainder, mut shift) = (0_u128, 1_u128, 0);
    while bits.leading_zeros() > 0 {
        // The remainder is below the divisor; twice it may take a bit more than there are.
        let carries = remainder.leading_zeros() == 0;
        remainder <<= 1;
        bits <<= 1;
        shift += 1;
        if carries || remainder >= divisor {
            remainder = remainder.wrapping_sub(divisor);
            bits |= 1;
        }
    }
    // Of 1, which is no reciprocal that is used, all bits are ones.
    (bits.wrapping_add(1), shift)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is told is what the standard library reads; whether it was told.
    fn check(digits: u64, exponent: i32) -> bool {
        let read: f64 = format!("{digits}e{exponent}").parse().expect("a number");
        let found = nearest(digits, exponent);
        assert!(found.is_none_or(|found| found.to_bits() == read.to_bits()), "{digits}e{exponent}");
        found.is_some()
    }

    #[test]
    fn every_exponent_tells_the_nearest_double_of_round_and_of_long_digits() {
        for exponent in -MAX_EXPONENT..=MAX_EXPONENT {
            let mut digits = 1;
            while digits < u64::MAX / 10 {
                // 10^23, of all, is the middle between two doubles.
                assert!(check(digits, exponent) || exponent > 0, "{digits}e{exponent}");
                check(digits + 1, exponent);
                check(digits * 9 + 7, exponent);
                digits *= 10;
            }
            check(u64::MAX, exponent);
            check(1 << 53, exponent);
        }
        assert_eq!([-56, 56, i32::MIN, i32::MAX].map(|n| nearest(1, n)), [None; 4]);
        assert_eq!(nearest(0, -55), Some(0.0));
    }

    #[test]
    fn the_middle_between_two_doubles_is_not_told() {
        assert!(!check((1 << 53) + 1, 0) && check((1 << 53) + 2, 0));
        assert!(!check(90_071_992_547_409_930, -1) && check(90_071_992_547_409_931, -1));
    }

    proptest! {
        #[test]
        fn it_tells_what_the_standard_library_reads(
            digits: u64,
            shift in 0..64,
            exponent in -60..60,
        ) {
            check(digits >> shift, exponent);
        }

        #[test]
        fn doubles_in_their_shortest_form_are_told(value in -1e50..1e50) {
            let shortest = format!("{:e}", f64::abs(value));
            let (digits, exponent) = shortest.split_once('e').expect("an exponent");
            let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
            let places = i32::try_from(decimals.len()).expect("a few");
            let exponent = exponent.parse::<i32>().expect("a number") - places;
            let digits = format!("{whole}{decimals}").parse().expect("few enough digits");
            prop_assert_eq!(nearest(digits, exponent), Some(value.abs()));
        }
    }
}
