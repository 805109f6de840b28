//! Many values to one: in a bucket of time, over a series, or across series at one instant.

use std::fmt;

use crate::operators::percentile::Percentile;

/// How many values become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reducer {
    /// Their sum by their number.
    Avg,
    /// Their sum, in the order of time or of the series.
    Sum,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// How many they are.
    Count,
    /// The earliest.
    First,
    /// The latest.
    Last,
    /// The standard deviation of the values as a whole population.
    StdDev,
    /// Its square.
    StdVar,
    /// A percentile.
    Percentile(Percentile),
}

/// As a query names it.
impl fmt::Display for Reducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avg => "avg",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Count => "count",
            Self::First => "first",
            Self::Last => "last",
            Self::StdDev => "stddev",
            Self::StdVar => "stdvar",
            Self::Percentile(percentile) => return write!(f, "{percentile}"),
        })
    }
}

/// What is kept of the values taken so far, for all reducers but percentiles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partial {
    count: u64,
    /// The result so far; of an average the sum, of a deviation the mean.
    value: f64,
    /// Squared distances from the mean.
    squares: f64,
}

impl Partial {
    /// Nothing taken yet.
    pub(crate) const fn new(reducer: Reducer) -> Self {
        let value = match reducer {
            // Not 0.0, to which a negative zero cannot be added without losing its sign.
            Reducer::Sum | Reducer::Avg => -0.0,
            Reducer::Min => f64::INFINITY,
            Reducer::Max => f64::NEG_INFINITY,
            _ => 0.0,
        };
        Self { count: 0, value, squares: 0.0 }
    }

    /// Takes values of one bucket, in order.
    fn take(&mut self, reducer: Reducer, values: &[f64]) {
        // The one loop of each reducer keeps its state in registers.
        let mut partial = *self;
        match reducer {
            Reducer::Count | Reducer::Percentile(_) => partial.count += values.len() as u64,
            Reducer::Sum | Reducer::Avg => {
                partial.count += values.len() as u64;
                partial.value = values.iter().fold(partial.value, |sum, value| sum + value);
            }
            _ => values.iter().for_each(|value| partial.take_one(reducer, *value)),
        }
        *self = partial;
    }

    /// Takes one value; sums depend on the order, as floating-point sums do.
    #[inline]
    fn take_one(&mut self, reducer: Reducer, value: f64) {
        self.count += 1;
        match reducer {
            Reducer::Count | Reducer::Percentile(_) => {}
            Reducer::Avg | Reducer::Sum => self.value += value,
            // Of equal values, which two zeros are, the first stays.
            Reducer::Min => self.value = if value < self.value { value } else { self.value },
            Reducer::Max => self.value = if value > self.value { value } else { self.value },
            Reducer::First => self.value = if self.count == 1 { value } else { self.value },
            Reducer::Last => self.value = value,
            // B. P. Welford, "Note on a Method for Calculating Corrected Sums of Squares and
            // Products", Technometrics 4 (1962): no loss where values are far from zero.
            Reducer::StdDev | Reducer::StdVar => {
                let distance = value - self.value;
                self.value += distance / self.count as f64;
                self.squares += distance * (value - self.value);
            }
        }
    }

    /// One value each for as many partials.
    pub(crate) fn take_each(partials: &mut [Self], reducer: Reducer, values: &[f64]) {
        let pairs = partials.iter_mut().zip(values);
        // Told apart outside of the loop.
        match reducer {
            Reducer::Sum | Reducer::Avg => pairs.for_each(|(p, v)| p.take_one(Reducer::Sum, *v)),
            Reducer::Max => pairs.for_each(|(p, v)| p.take_one(Reducer::Max, *v)),
            Reducer::Min => pairs.for_each(|(p, v)| p.take_one(Reducer::Min, *v)),
            _ => pairs.for_each(|(p, v)| p.take_one(reducer, *v)),
        }
    }

    /// The one value; not finite where a sum overflowed. Without values there is a result only of
    /// `Count`.
    pub(crate) fn result(&self, reducer: Reducer) -> f64 {
        let count = self.count as f64;
        match reducer {
            Reducer::Count => count,
            _ if self.count == 0 => f64::NAN,
            Reducer::Avg => self.value / count,
            Reducer::StdVar => self.squares / count,
            Reducer::StdDev => (self.squares / count).sqrt(),
            _ => self.value,
        }
    }
}

/// The values taken so far, as much of them as its [`Reducer`] needs.
#[derive(Clone, Debug)]
pub(crate) struct Accumulator {
    reducer: Reducer,
    partial: Partial,
    /// All of them, for percentiles.
    values: Vec<f64>,
}

impl Accumulator {
    /// Nothing taken yet.
    pub(crate) const fn new(reducer: Reducer) -> Self {
        Self { reducer, partial: Partial::new(reducer), values: Vec::new() }
    }

    /// Takes values in order.
    pub(crate) fn take(&mut self, values: &[f64]) {
        self.partial.take(self.reducer, values);
        if let Reducer::Percentile(_) = self.reducer {
            self.values.extend_from_slice(values);
        }
    }

    /// Whether nothing was taken since the last result.
    pub(crate) fn is_empty(&self) -> bool {
        self.partial.count == 0
    }

    /// The one value, after which nothing is taken any more.
    pub(crate) fn finish(&mut self) -> f64 {
        let result = match self.reducer {
            Reducer::Percentile(percentile) => percentile.of(&mut self.values),
            reducer => self.partial.result(reducer),
        };
        self.partial = Partial::new(self.reducer);
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
        // In two pieces, as they may come.
        let (first, second) = values.split_at(values.len() / 2);
        taken.take(first);
        taken.take(second);
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
