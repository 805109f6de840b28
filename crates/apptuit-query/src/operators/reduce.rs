//! Many values to one: in a bucket of time, over a series, or across series at one instant.

use crate::operators::percentile::Percentile;

/// How.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reducer {
    Avg,
    Sum,
    Min,
    Max,
    Count,
    First,
    Last,
    /// The standard deviation of the values as a whole population.
    StdDev,
    /// Its square.
    StdVar,
    Percentile(Percentile),
}

/// The values taken so far, as much of them as its [`Reducer`] needs.
#[derive(Clone, Debug)]
pub(crate) struct Accumulator {
    reducer: Reducer,
    count: u64,
    /// The result so far; of an average the sum, of a deviation the mean.
    value: f64,
    /// Squared distances from the mean.
    squares: f64,
    /// All of them, for percentiles.
    values: Vec<f64>,
}

impl Accumulator {
    /// Nothing taken yet.
    pub(crate) const fn new(reducer: Reducer) -> Self {
        Self { reducer, count: 0, value: 0.0, squares: 0.0, values: Vec::new() }
    }

    /// Takes a value; sums depend on the order, as floating-point sums do.
    pub(crate) fn take(&mut self, value: f64) {
        self.count += 1;
        match self.reducer {
            Reducer::Count => {}
            Reducer::Percentile(_) => self.values.push(value),
            // B. P. Welford, "Note on a Method for Calculating Corrected Sums of Squares and
            // Products", Technometrics 4 (1962): no loss where values are far from zero.
            Reducer::StdDev | Reducer::StdVar => {
                let distance = value - self.value;
                self.value += distance / self.count as f64;
                self.squares += distance * (value - self.value);
            }
            // Not 0.0 + value, which would lose the sign of a negative zero.
            _ if self.count == 1 => self.value = value,
            Reducer::Avg | Reducer::Sum => self.value += value,
            Reducer::Min => self.value = self.value.min(value),
            Reducer::Max => self.value = self.value.max(value),
            Reducer::First => {}
            Reducer::Last => self.value = value,
        }
    }

    /// The one value, after which nothing is taken any more; not finite where a sum overflowed.
    /// Without values there is a result only of `Count`.
    pub(crate) fn finish(&mut self) -> f64 {
        let count = self.count as f64;
        let result = match self.reducer {
            Reducer::Count => count,
            _ if self.count == 0 => f64::NAN,
            Reducer::Avg => self.value / count,
            Reducer::StdVar => self.squares / count,
            Reducer::StdDev => (self.squares / count).sqrt(),
            Reducer::Percentile(percentile) => percentile.of(&mut self.values),
            _ => self.value,
        };
        (self.count, self.value, self.squares) = (0, 0.0, 0.0);
        // Its memory serves the next bucket.
        self.values.clear();
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reduced(reducer: Reducer, values: &[f64]) -> f64 {
        taken_and_finished(&mut Accumulator::new(reducer), values)
    }

    fn taken_and_finished(taken: &mut Accumulator, values: &[f64]) -> f64 {
        for value in values {
            taken.take(*value);
        }
        taken.finish()
    }

    #[test]
    fn each_reducer_has_its_own_value() {
        let expected = [
            (Reducer::Avg, 2.75),
            (Reducer::Sum, 11.0),
            (Reducer::Min, -1.0),
            (Reducer::Max, 7.0),
            (Reducer::Count, 4.0),
            (Reducer::First, 3.0),
            (Reducer::Last, 2.0),
            (Reducer::StdVar, 8.1875),
            (Reducer::StdDev, 8.1875_f64.sqrt()),
            (Reducer::Percentile(Percentile(500)), 2.5),
        ];
        for (reducer, value) in expected {
            assert!(
                (reduced(reducer, &[3.0, -1.0, 7.0, 2.0]) - value).abs() < 1e-12,
                "{reducer:?}"
            );
        }
    }

    #[test]
    fn nothing_is_left_of_the_values_before() {
        for reducer in [
            Reducer::Avg,
            Reducer::Min,
            Reducer::Max,
            Reducer::Count,
            Reducer::First,
            Reducer::StdDev,
            Reducer::Percentile(Percentile(950)),
        ] {
            let mut taken = Accumulator::new(reducer);
            taken_and_finished(&mut taken, &[100.0, -100.0]);
            let second = taken_and_finished(&mut taken, &[2.0, 3.0, 7.0]);
            let alone = reduced(reducer, &[2.0, 3.0, 7.0]);
            assert_eq!(second.to_bits(), alone.to_bits(), "{reducer:?}");
        }
    }

    #[test]
    fn deviations_do_not_suffer_from_a_distant_mean() {
        let values = [1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0];
        assert!((reduced(Reducer::StdVar, &values) - 22.5).abs() < 1e-9);
        assert_eq!(reduced(Reducer::StdDev, &[1e300]).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn only_a_count_is_made_of_nothing() {
        assert_eq!(reduced(Reducer::Count, &[]).to_bits(), 0.0_f64.to_bits());
        for reducer in [Reducer::Sum, Reducer::Max, Reducer::StdVar] {
            assert!(reduced(reducer, &[]).is_nan(), "{reducer:?}");
        }
    }
}
