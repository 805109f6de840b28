//! Questions to a sample.

/// The values of a sample, sorted.
///
/// An empty sample answers every question with zero.
///
/// ```
/// use apptuit_metrics::Snapshot;
///
/// let sample: Snapshot = (1..=10).map(f64::from).collect();
/// assert_eq!(sample.median(), 5.5);
/// assert_eq!(sample.quantile(0.75), 8.25);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    sorted: Vec<f64>,
    /// How many values there are up to each, itself included; `None` if each is there once.
    up_to: Option<Vec<u64>>,
}

impl Snapshot {
    /// A sample in which each value is there as often as the number beside it says.
    ///
    /// Values that are not a number, and those that are there zero times, are left out.
    ///
    /// ```
    /// use apptuit_metrics::Snapshot;
    ///
    /// let sample = Snapshot::from_counts([(2.0, 1), (1.0, 3)]);
    /// assert_eq!((sample.len(), sample.median(), sample.mean()), (4, 1.0, 1.25));
    /// ```
    pub fn from_counts(counts: impl IntoIterator<Item = (f64, u64)>) -> Self {
        let mut counts: Vec<(f64, u64)> =
            counts.into_iter().filter(|(value, count)| !value.is_nan() && *count > 0).collect();
        counts.sort_unstable_by(|(a, _), (b, _)| a.total_cmp(b));
        let up_to = counts.iter().scan(0_u64, |sum, (_, count)| {
            *sum = sum.saturating_add(*count);
            Some(*sum)
        });
        let up_to = Some(up_to.collect());
        Self { sorted: counts.into_iter().map(|(value, _)| value).collect(), up_to }
    }

    /// The number of values.
    #[doc(alias = "size")]
    pub fn len(&self) -> usize {
        usize::try_from(self.count()).unwrap_or(usize::MAX)
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The values, from least to greatest; of values that were counted in buckets, one a bucket.
    pub fn values(&self) -> &[f64] {
        &self.sorted
    }

    /// The value that a share `q` of the sample lies below: 0.5 is the median.
    ///
    /// The k-th of n values stands at `k / (n + 1)`; in between the neighbours are mixed, and
    /// beyond the first and the last there is nothing more. (Hyndman and Fan's sixth definition.)
    /// A `q` that is not a number is taken for zero.
    #[doc(alias = "percentile")]
    pub fn quantile(&self, q: f64) -> f64 {
        let n = self.count();
        if n == 0 {
            return 0.0;
        }
        let (at, share) = place(q, n);
        mix(self.nth(at), || self.nth(at + 1), share)
    }

    fn count(&self) -> u64 {
        match &self.up_to {
            None => self.sorted.len() as u64,
            Some(up_to) => up_to.last().copied().unwrap_or(0),
        }
    }

    /// The value that `n` others stand before; there is one.
    fn nth(&self, n: u64) -> f64 {
        let at = match &self.up_to {
            None => usize::try_from(n).unwrap_or(usize::MAX),
            Some(up_to) => up_to.partition_point(|up_to| *up_to <= n),
        };
        self.sorted[at.min(self.sorted.len() - 1)]
    }

    /// The value in the middle.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The least value.
    pub fn min(&self) -> f64 {
        self.sorted.first().copied().unwrap_or(0.0)
    }

    /// The greatest value.
    pub fn max(&self) -> f64 {
        self.sorted.last().copied().unwrap_or(0.0)
    }

    /// The sum of the values.
    pub fn sum(&self) -> f64 {
        self.sum_of(|value| value)
    }

    /// The sum of the values divided by their number.
    #[doc(alias = "avg")]
    pub fn mean(&self) -> f64 {
        if self.is_empty() { 0.0 } else { self.sum() / self.count() as f64 }
    }

    /// The variance of what the values are a sample of (divided by n - 1).
    #[doc(alias = "var")]
    pub fn variance(&self) -> f64 {
        if self.len() < 2 {
            return 0.0;
        }
        let mean = self.mean();
        self.sum_of(|value| (value - mean).powi(2)) / (self.count() as f64 - 1.0)
    }

    /// The standard deviation of what the values are a sample of: the root of the variance.
    #[doc(alias = "stddev")]
    pub fn std_dev(&self) -> f64 {
        self.variance().sqrt()
    }

    fn sum_of(&self, term: impl Fn(f64) -> f64) -> f64 {
        let Some(up_to) = &self.up_to else { return self.sorted.iter().map(|v| term(*v)).sum() };
        let mut before = 0;
        let terms = self.sorted.iter().zip(up_to).map(|(value, up_to)| {
            let count = up_to - before;
            before = *up_to;
            term(*value) * count as f64
        });
        terms.sum()
    }
}

/// Values that are not a number are left out.
impl FromIterator<f64> for Snapshot {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        values.into_iter().collect::<Vec<_>>().into()
    }
}

/// Values that are not a number are left out.
impl From<Vec<f64>> for Snapshot {
    fn from(mut values: Vec<f64>) -> Self {
        values.retain(|value| !value.is_nan());
        let mut keys: Vec<i64> = values.iter().copied().map(key_of).collect();
        keys.sort_unstable();
        values.iter_mut().zip(keys).for_each(|(value, key)| *value = value_of(key));
        Self { sorted: values, up_to: None }
    }
}

/// The quantiles of values that are not sorted, at shares that ascend; the shares are replaced.
///
/// The same as of a [`Snapshot`], in the time of a few passes: each quantile parts the values, and
/// the next is sought among those above.
pub(crate) fn select_quantiles(values: Vec<f64>, shares: &mut [f64]) {
    let mut keys: Vec<i64> = values.into_iter().map(key_of).collect();
    let mut start = 0;
    for share in shares {
        let (at, part) = place(*share, keys.len() as u64);
        let at = usize::try_from(at).unwrap_or(usize::MAX).max(start);
        let Some(rest) = keys.get_mut(start..).filter(|rest| !rest.is_empty()) else {
            *share = 0.0;
            continue;
        };
        let (_, low, above) = rest.select_nth_unstable(at - start);
        let low = value_of(*low);
        *share = mix(low, || above.iter().min().map_or(low, |key| value_of(*key)), part);
        start = at;
    }
}

/// How many of `n` values stand before the one at a share `q`, and how far it is towards the next.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 1 up to the number of values"
)]
fn place(q: f64, n: u64) -> (u64, f64) {
    let place = q * (n as f64 + 1.0);
    if place.is_nan() || place < 1.0 {
        (0, 0.0)
    } else if place >= n as f64 {
        (n.saturating_sub(1), 0.0)
    } else {
        (place as u64 - 1, place.fract())
    }
}

/// A number of the same order as the value: comparing these takes one instruction.
fn key_of(value: f64) -> i64 {
    flip(value.to_bits().cast_signed())
}

fn value_of(key: i64) -> f64 {
    f64::from_bits(flip(key).cast_unsigned())
}

/// Turns the order of negative numbers round, and back.
fn flip(bits: i64) -> i64 {
    bits ^ ((bits >> 63) & i64::MAX)
}

/// The value a share `t` of the way from `low` to the one above.
fn mix(low: f64, above: impl FnOnce() -> f64, t: f64) -> f64 {
    if t <= 0.0 {
        return low;
    }
    let high = above();
    // Equal ends may be infinite, and then their difference is not a number.
    if low.total_cmp(&high).is_eq() {
        return low;
    }
    let span = high - low;
    if span.is_finite() { low + t * span } else { low * (1.0 - t) + high * t }
}
