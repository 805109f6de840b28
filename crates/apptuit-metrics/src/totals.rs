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
        let mut parts = Parts::new(first);
        let (fours, rest) = values.as_chunks::<4>();
        for four in fours {
            for (n, value) in four.iter().enumerate() {
                parts.add(n, *value, first);
            }
        }
        for (n, value) in rest.iter().enumerate() {
            parts.add(n, *value, first);
        }
        let all = |[a, b, c, d]: [f64; 4]| (a + b) + (c + d);
        let (count, off) = (values.len() as f64, all(parts.offs));
        Self {
            count: values.len() as u64,
            sum: all(parts.sums),
            min: parts.mins.into_iter().fold(first, f64::min),
            max: parts.maxs.into_iter().fold(first, f64::max),
            center: first + off / count,
            squares: (all(parts.squares) - off * off / count).max(0.0),
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

/// Four of each, so that the processor need not wait for one addition to begin the next.
///
/// Squares are about the first value. That one is among the values, so what the shift costs in
/// digits is bounded by their number: a first value far from the rest makes the variance large, too.
struct Parts {
    sums: [f64; 4],
    mins: [f64; 4],
    maxs: [f64; 4],
    offs: [f64; 4],
    squares: [f64; 4],
}

impl Parts {
    fn new(first: f64) -> Self {
        let [sums, offs, squares] = [[0.0; 4]; 3];
        Self { sums, mins: [first; 4], maxs: [first; 4], offs, squares }
    }

    #[inline]
    fn add(&mut self, n: usize, value: f64, first: f64) {
        let off = value - first;
        self.sums[n] += value;
        self.offs[n] += off;
        self.squares[n] += off * off;
        self.mins[n] = if value < self.mins[n] { value } else { self.mins[n] };
        self.maxs[n] = if value > self.maxs[n] { value } else { self.maxs[n] };
    }
}
