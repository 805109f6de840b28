//! Count, sum, extremes and variance of a stream, mergeable.

/// Count, sum, extremes and variance of values that are finite.
///
/// The variance is kept as the mean and the sum of squared distances from it, which lose no digits
/// to large values, and is merged pairwise (Chan, Golub and `LeVeque` 1979).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    pub(crate) count: u64,
    pub(crate) sum: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// The mean that `squares` are about. It may differ from `sum / count` in the last digits.
    pub(crate) center: f64,
    pub(crate) squares: f64,
}

impl Totals {
    /// The totals of some values.
    #[inline]
    pub(crate) fn of(values: &[f64]) -> Self {
        let Some(&first) = values.first() else { return Self::default() };
        let sum = by_fours(values, 0.0, |sum, value| sum + value, |a, b| a + b);
        let center = sum / values.len() as f64;
        let square = |sum, value: f64| sum + (value - center) * (value - center);
        // Comparisons that compile to one instruction; there is no NaN among the values.
        let less = |a: f64, b: f64| if b < a { b } else { a };
        let more = |a: f64, b: f64| if b > a { b } else { a };
        Self {
            count: values.len() as u64,
            sum,
            min: by_fours(values, first, less, less),
            max: by_fours(values, first, more, more),
            center,
            squares: by_fours(values, 0.0, square, |a, b| a + b),
        }
    }

    /// These totals and others, of different values.
    #[inline]
    pub(crate) fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        let (mine, theirs) = (self.count as f64, other.count as f64);
        let distance = other.center - self.center;
        let share = theirs / (mine + theirs);
        self.center += distance * share;
        self.squares += other.squares + distance * distance * mine * share;
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    pub(crate) fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }

    /// Divided by n - 1.
    pub(crate) fn variance(&self) -> f64 {
        if self.count < 2 { 0.0 } else { self.squares / (self.count as f64 - 1.0) }
    }

    pub(crate) fn std_dev(&self) -> f64 {
        self.variance().sqrt()
    }
}

/// Folds values into one, four at a time, so that the processor need not wait for one result to begin
/// the next, and can compute several with one instruction.
#[inline]
fn by_fours(
    values: &[f64],
    start: f64,
    add: impl Fn(f64, f64) -> f64,
    join: impl Fn(f64, f64) -> f64,
) -> f64 {
    let mut parts = [start; 4];
    let (fours, rest) = values.as_chunks::<4>();
    for four in fours {
        for (part, value) in parts.iter_mut().zip(four) {
            *part = add(*part, *value);
        }
    }
    for (part, value) in parts.iter_mut().zip(rest) {
        *part = add(*part, *value);
    }
    let [a, b, c, d] = parts;
    join(join(a, b), join(c, d))
}
