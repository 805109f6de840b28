//! What something costs, with its unit.

use std::fmt;

/// What something costs: time or memory, or how often it goes wrong.
#[derive(Clone, Copy, Debug)]
pub enum Cost {
    /// Nanoseconds.
    Nanos(f64),
    /// Bytes.
    Bytes(f64),
    /// Of all, the part that is not as it should be: 0 to 1.
    Share(f64),
}

impl Cost {
    /// The bare number: nanoseconds, bytes, or a part of 1.
    pub fn number(self) -> f64 {
        match self {
            Self::Nanos(number) | Self::Bytes(number) | Self::Share(number) => number,
        }
    }
}

/// Three digits and the unit that suits them: `1.87 ns`, `12.3 ms`, `40.7 KB`; a share is bare.
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut number, units) = match *self {
            Self::Nanos(nanos) => (nanos, ["ns", "µs", "ms", "s"]),
            Self::Bytes(bytes) => (bytes, ["B", "KB", "MB", "GB"]),
            Self::Share(share) => return f.write_str(&three_digits(share)),
        };
        let mut unit = units[0];
        for larger in &units[1..] {
            if number < 999.5 {
                break;
            }
            number /= 1000.0;
            unit = larger;
        }
        write!(f, "{} {unit}", three_digits(number))
    }
}

/// A number with three significant digits, and no exponent.
pub(crate) fn three_digits(number: f64) -> String {
    // The exponent of the rounded number: 0.9996 is 1.00.
    let scientific = format!("{number:.2e}");
    let exponent: i32 = scientific.split_once('e').map_or(0, |(_, e)| e.parse().unwrap_or(0));
    format!("{number:.*}", (2 - exponent).clamp(0, 9) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_has_three_digits_and_the_unit_that_suits() {
        let costs = [0.56, 1.873, 12.34, 999.4, 999.6, 12_345_678.0, 4e12].map(Cost::Nanos);
        assert_eq!(
            costs.map(|cost| cost.to_string()),
            ["0.560 ns", "1.87 ns", "12.3 ns", "999 ns", "1.00 µs", "12.3 ms", "4000 s"]
        );
        let costs = [0.0, 151.0, 40_654.0].map(Cost::Bytes);
        assert_eq!(costs.map(|cost| cost.to_string()), ["0.00 B", "151 B", "40.7 KB"]);
        assert_eq!([0.0, 0.25].map(Cost::Share).map(|cost| cost.to_string()), ["0.00", "0.250"]);
    }

    #[test]
    fn a_small_ratio_keeps_its_digits() {
        assert_eq!([0.01234, 0.5, 2.0].map(three_digits), ["0.0123", "0.500", "2.00"]);
    }
}
