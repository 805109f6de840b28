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
}

impl Snapshot {
    /// The number of values.
    #[doc(alias = "size")]
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The values, from least to greatest.
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
        let n = self.sorted.len();
        let (Some(&first), Some(&last)) = (self.sorted.first(), self.sorted.last()) else {
            return 0.0;
        };
        let place = q * (n as f64 + 1.0);
        if place.is_nan() || place < 1.0 {
            return first;
        }
        if place >= n as f64 {
            return last;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 1 up to the number of values"
        )]
        let below = place as usize;
        mix(self.sorted[below - 1], self.sorted[below], place.fract())
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

    /// The sum of the values divided by their number.
    #[doc(alias = "avg")]
    pub fn mean(&self) -> f64 {
        if self.is_empty() { 0.0 } else { self.sorted.iter().sum::<f64>() / self.len() as f64 }
    }

    /// The standard deviation of what the values are a sample of (divided by n - 1).
    #[doc(alias = "stddev")]
    pub fn std_dev(&self) -> f64 {
        if self.len() < 2 {
            return 0.0;
        }
        let mean = self.mean();
        let squares: f64 = self.sorted.iter().map(|value| (value - mean).powi(2)).sum();
        (squares / (self.len() as f64 - 1.0)).sqrt()
    }
}

/// Values that are not a number are left out.
impl FromIterator<f64> for Snapshot {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().filter(|value| !value.is_nan()).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        Self { sorted }
    }
}

/// The value a share `t` of the way from `low` to `high`.
fn mix(low: f64, high: f64, t: f64) -> f64 {
    // Equal ends may be infinite, and then their difference is not a number.
    if t <= 0.0 || low.total_cmp(&high).is_eq() {
        return low;
    }
    let span = high - low;
    if span.is_finite() { low + t * span } else { low * (1.0 - t) + high * t }
}
