//! The double nearest to a decimal, by one product.

/// Powers of ten from minus this to this: 5^55 is the last to fit 128 bits.
const MAX_EXPONENT: i32 = 55;

static POWERS_OF_FIVE: [Power; 2 * MAX_EXPONENT as usize + 1] = powers_of_five();

/// A power of five, at least `bits * 2^exponent` and less than `(bits + 1) * 2^exponent`.
#[derive(Clone, Copy)]
struct Power {
    /// The highest bit is set.
    bits: u128,
    exponent: i32,
}

/// The double nearest to `digits * 10^exponent`, of two the even one; `None` if one product does not
/// tell it, which is rare, or the exponent is larger than series have.
///
/// A power of five in 128 bits times the digits gives the leading bits of the decimal, and how much
/// they may lack. If that cannot change how they are rounded, the double is known. (The idea is that
/// of Eisel and Lemire, "Number parsing at a gigabyte per second", 2021, with the whole product
/// always taken, which makes the argument short.)
pub(super) fn nearest(digits: u64, exponent: i32) -> Option<f64> {
    if digits == 0 {
        return Some(0.0);
    }
    let place = usize::try_from(exponent.checked_add(MAX_EXPONENT)?).ok()?;
    let power = POWERS_OF_FIVE.get(place)?;
    let zeros = digits.leading_zeros();
    let normal = u128::from(digits << zeros);
    // The upper 128 of the product's 192 bits. The power may lack less than one, and the lower bits
    // are cut: the true product is in `product..product + 2`.
    let low = normal * (power.bits & u128::from(u64::MAX));
    let product = normal * (power.bits >> 64) + (low >> 64);
    // Of its 127 or 128 bits a double has 53.
    let cut_bits = 75 - product.leading_zeros();
    let cut = product & ((1 << cut_bits) - 1);
    let half = 1_u128 << (cut_bits - 1);
    if half.wrapping_sub(cut) < 2 {
        return None;
    }
    let kept = u64::try_from(product >> cut_bits).ok()? + u64::from(cut > half);
    // The digits were shifted, the product stands for 2^64 of itself, and ten is five times two.
    let scale = 64 - zeros.cast_signed() + power.exponent + exponent + cut_bits.cast_signed();
    let biased = u64::try_from(scale + 52 + 1023).ok()?;
    // What was rounded up to 2^53 carries into the exponent, as it must.
    Some(f64::from_bits((biased << 52) + (kept - (1 << 52))))
}

const fn powers_of_five() -> [Power; 2 * MAX_EXPONENT as usize + 1] {
    let mut powers = [Power { bits: 0, exponent: 0 }; 2 * MAX_EXPONENT as usize + 1];
    let one = MAX_EXPONENT as usize;
    let (mut n, mut five) = (0, 1_u128);
    loop {
        powers[one - n] = reciprocal(five);
        let zeros = five.leading_zeros();
        powers[one + n] = Power { bits: five << zeros, exponent: -zeros.cast_signed() };
        if n == one {
            return powers;
        }
        n += 1;
        five *= 5;
    }
}

/// One divided by `divisor`, bit by bit.
const fn reciprocal(divisor: u128) -> Power {
    let (mut bits, mut remainder, mut exponent) = (0_u128, 1_u128, 0);
    while bits.leading_zeros() > 0 {
        // The remainder is below the divisor; twice it may take a bit more than there are.
        let carries = remainder.leading_zeros() == 0;
        remainder <<= 1;
        bits <<= 1;
        exponent -= 1;
        if carries || remainder >= divisor {
            remainder = remainder.wrapping_sub(divisor);
            bits |= 1;
        }
    }
    Power { bits, exponent }
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
        assert_eq!(nearest(0, i32::MAX), Some(0.0));
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
