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
        // Four of each, so that the processor need not wait for one addition to begin the next.
        let mut sums = [0.0; 4];
        let (mut mins, mut maxs) = ([first; 4], [first; 4]);
        let (fours, rest) = values.as_chunks::<4>();
        for four in fours {
            for (n, &value) in four.iter().enumerate() {
                sums[n] += value;
                mins[n] = if value < mins[n] { value } else { mins[n] };
                maxs[n] = if value > maxs[n] { value } else { maxs[n] };
            }
        }
        for (n, &value) in rest.iter().enumerate() {
            sums[n] += value;
            mins[n] = if value < mins[n] { value } else { mins[n] };
            maxs[n] = if value > maxs[n] { value } else { maxs[n] };
        }
        let sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        let center = sum / values.len() as f64;
        let mut squares = [0.0; 4];
        for four in fours {
            for (n, &value) in four.iter().enumerate() {
                squares[n] += (value - center) * (value - center);
            }
        }
        for (n, &value) in rest.iter().enumerate() {
            squares[n] += (value - center) * (value - center);
        }
        Self {
            count: values.len() as u64,
            sum,
            min: mins.into_iter().fold(first, f64::min),
            max: maxs.into_iter().fold(first, f64::max),
            center,
            squares: (squares[0] + squares[1]) + (squares[2] + squares[3]),
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
