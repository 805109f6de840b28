//! A sample in which recent values are likelier.
//!
//! Forward decay (Cormode, Shkapenyuk, Srivastava, Xu 2009): a value drawn at time t gets the
//! priority `e^(alpha t) / u`, and those of the greatest priority are kept. Here priorities are
//! kept as logarithms, which grow slowly enough never to overflow: so nothing has to be rescaled,
//! and a long silence does not wipe out the sample.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

use super::Reservoir;

const SIZE: usize = 1028;
const ALPHA: f64 = 0.015;

/// A sample of at most 1028 values in which those of the last five minutes prevail.
///
/// ```
/// use std::time::Duration;
///
/// use apptuit_metrics::{ExponentiallyDecaying, Reservoir};
///
/// let mut sample = ExponentiallyDecaying::new();
/// for value in 1..=10 {
///     sample.record(f64::from(value), Duration::ZERO);
/// }
/// assert_eq!(sample.snapshot().median(), 5.5);
/// ```
#[doc(alias = "ExpDecayingSample")]
#[doc(alias = "ExponentiallyDecayingReservoir")]
#[derive(Clone, Debug)]
pub struct ExponentiallyDecaying {
    size: usize,
    alpha: f64,
    random: fastrand::Rng,
    /// The least priority on top.
    kept: BinaryHeap<Reverse<Ranked>>,
}

impl ExponentiallyDecaying {
    /// An empty sample of 1028 values and a decay of 0.015 a second.
    pub fn new() -> Self {
        Self::with_size(SIZE, ALPHA)
    }

    /// An empty sample of at most `size` values.
    ///
    /// Of two values `1 / alpha` seconds apart the later is e times as likely to be kept.
    pub fn with_size(size: usize, alpha: f64) -> Self {
        Self { size, alpha, random: fastrand::Rng::new(), kept: BinaryHeap::new() }
    }
}

impl Default for ExponentiallyDecaying {
    fn default() -> Self {
        Self::new()
    }
}

impl Reservoir for ExponentiallyDecaying {
    fn record(&mut self, value: f64, now: Duration) {
        // In (0, 1], because the logarithm of zero is infinite.
        let u = 1.0 - self.random.f64();
        let offered = Ranked { priority: self.alpha * now.as_secs_f64() - u.ln(), value };
        if self.kept.len() < self.size {
            self.kept.push(Reverse(offered));
        } else if let Some(mut least) = self.kept.peek_mut()
            && least.0 < offered
        {
            *least = Reverse(offered);
        }
    }

    fn values(&self) -> Vec<f64> {
        self.kept.iter().map(|Reverse(ranked)| ranked.value).collect()
    }

    fn clear(&mut self) {
        self.kept.clear();
    }
}

/// A value, ordered by priority alone.
#[derive(Clone, Copy, Debug)]
struct Ranked {
    priority: f64,
    value: f64,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.priority.total_cmp(&other.priority)
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}
