//! Percentiles.

use std::fmt;

/// A percentile in thousandths: 950 is the 95th, 999 the 99.9th.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percentile(pub(crate) u16);

/// As a query names it: `p95`, `p999`.
impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 10, self.0 % 10) {
            (whole, 0) => write!(f, "p{whole}"),
            _ => write!(f, "p{}", self.0),
        }
    }
}

impl Percentile {
    /// Its thousandths.
    pub fn thousandths(self) -> u16 {
        self.0
    }

    /// The value at position `p·(n+1)` of `n` sorted values that count from 1: between two of them
    /// linearly, beyond an end that end. Sorts them; not finite of nothing.
    ///
    /// Definition 6 of R. J. Hyndman and Y. Fan, "Sample Quantiles in Statistical Packages", The
    /// American Statistician 50 (1996), which `OpenTSDB` uses for functions of these names.
    pub(crate) fn of(self, values: &mut [f64]) -> f64 {
        values.sort_unstable_by(f64::total_cmp);
        // In whole thousandths: a product of floats may fall just short of a whole position.
        let position = usize::from(self.0) * (values.len() + 1);
        let (whole, thousandths) = (position / 1000, position % 1000);
        let lower = whole.checked_sub(1).and_then(|index| values.get(index));
        match (lower, values.get(whole)) {
            (Some(lower), Some(upper)) => lower + (upper - lower) * (thousandths as f64 / 1000.0),
            (Some(last), None) => *last,
            (None, _) if whole == 0 => values.first().copied().unwrap_or(f64::NAN),
            (None, _) => values.last().copied().unwrap_or(f64::NAN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(thousandths: u16, values: &[f64]) -> f64 {
        Percentile(thousandths).of(&mut values.to_vec())
    }

    #[test]
    fn positions_lie_between_values_and_end_at_the_ends() {
        let four = [40.0, 10.0, 30.0, 20.0];
        // By hand: positions 2.5, 3.75, 4.75, then beyond the end, and before the start.
        let expected = [(500, 25.0), (750, 37.5), (950, 40.0), (999, 40.0), (100, 10.0)];
        for (thousandths, value) in expected {
            assert!((of(thousandths, &four) - value).abs() < 1e-12, "{thousandths}");
        }
    }

    #[test]
    fn a_whole_position_is_exactly_a_value() {
        let values: Vec<f64> = (1..=999).map(|n| f64::from(n) * 0.1).collect();
        for (thousandths, nth) in [(500, 500), (750, 750), (950, 950), (990, 990), (999, 999)] {
            let expected = f64::from(nth) * 0.1;
            assert_eq!(of(thousandths, &values).to_bits(), expected.to_bits(), "{thousandths}");
        }
    }

    #[test]
    fn one_value_is_every_percentile_and_none_is_not_finite() {
        assert_eq!(of(500, &[7.0]).to_bits(), 7.0_f64.to_bits());
        assert_eq!(of(999, &[7.0]).to_bits(), 7.0_f64.to_bits());
        assert!(of(500, &[]).is_nan());
    }
}
