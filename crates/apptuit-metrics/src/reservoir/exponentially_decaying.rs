//! A sample in which recent values are likelier.
//!
//! Forward decay (Cormode, Shkapenyuk, Srivastava, Xu 2009): a value recorded at time t gets the
//! priority `e^(alpha t) / u` with u evenly in (0, 1], and those of the greatest priority are kept.
//! Here priorities are kept as logarithms, which grow slowly enough never to overflow: so nothing
//! has to be rescaled, and a long silence does not wipe out the sample.
//!
//! Once the sample is full, nearly all values of a busy stream fall below the least priority kept.
//! How many do before one does not has a geometric distribution, so it is drawn at once instead of
//! a number for each (as in algorithm A-ExpJ of Efraimidis and Spirakis 2006); and the lock is only
//! taken for values that may get in.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::ranked::Ranked;
use super::{Reservoir, lock_briefly};
use crate::Snapshot;
use crate::instruments::lock;
use crate::snapshot::select_quantiles;

/// Coda Hale's: an error of the quantiles within 5 % at 99.9 % confidence, for normal values.
const SIZE: usize = 1028;
/// For this many values memory is asked for at once.
const MOST_PREPARED: usize = 1 << 16;
/// Coda Hale's: the last five minutes have nearly all of the weight.
const ALPHA: f64 = 0.015;

/// A sample of at most 1028 values in which those of the last five minutes prevail.
///
/// ```
/// use std::time::Duration;
///
/// use apptuit_metrics::{ExponentiallyDecaying, Reservoir};
///
/// let sample = ExponentiallyDecaying::new();
/// sample.offer(&[1.0, 2.0, 3.0], Duration::ZERO);
/// assert_eq!(sample.snapshot(Duration::ZERO).median(), 2.0);
/// ```
#[doc(alias = "ExpDecayingSample")]
#[doc(alias = "ExponentiallyDecayingReservoir")]
#[derive(Debug)]
pub struct ExponentiallyDecaying {
    size: usize,
    alpha: f64,
    /// The bits of the least priority kept, once the sample is full. Only grows, so a value that is
    /// below what a thread last saw of it is below.
    least: AtomicU64,
    kept: Mutex<Ranked>,
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
        let least = AtomicU64::new(f64::NEG_INFINITY.to_bits());
        Self { size, alpha, least, kept: Mutex::default() }
    }

    fn values(&self) -> Vec<f64> {
        lock(&self.kept).values().to_vec()
    }

    fn keep(&self, values: impl Iterator<Item = (f64, f64)>) {
        let Some(mut kept) = lock_briefly(&self.kept) else { return };
        for (priority, value) in values {
            if kept.len() < self.size {
                kept.push(priority, value);
            } else {
                kept.replace_least(priority, value);
            }
        }
        if kept.len() == self.size
            && let Some(least) = kept.least()
        {
            self.least.store(least.to_bits(), Ordering::Relaxed);
        }
    }
}

impl Default for ExponentiallyDecaying {
    fn default() -> Self {
        Self::new()
    }
}

impl Reservoir for ExponentiallyDecaying {
    fn prepare(&self) {
        // All at once: memory is only taken from the system where values are written to it. Exactly,
        // because doubling would end well above the size.
        let mut kept = lock(&self.kept);
        let missing = self.size.min(MOST_PREPARED).saturating_sub(kept.len());
        kept.reserve_exact(missing);
    }

    fn offer(&self, values: &[f64], at: Duration) {
        let weight = self.alpha * at.as_secs_f64();
        let least = f64::from_bits(self.least.load(Ordering::Relaxed));
        let share = (weight - least).exp().min(1.0);
        let mut candidates = Candidates { values: values.iter(), weight, share };
        if let Some(first) = candidates.next() {
            self.keep(std::iter::once(first).chain(candidates));
        }
    }

    fn snapshot(&self, _: Duration) -> Snapshot {
        self.values().into()
    }

    fn quantiles(&self, _: Duration, shares: &mut [f64]) {
        select_quantiles(self.values(), shares);
    }

    fn clear(&self) {
        let mut kept = lock(&self.kept);
        kept.clear();
        self.least.store(f64::NEG_INFINITY.to_bits(), Ordering::Relaxed);
    }
}

/// Those of some values of one instant whose priority is above the least, after their priority.
struct Candidates<'a> {
    values: std::slice::Iter<'a, f64>,
    /// The logarithm of the weight of a value of this instant.
    weight: f64,
    /// How likely a value is to be one.
    share: f64,
}

impl Iterator for Candidates<'_> {
    type Item = (f64, f64);

    #[inline]
    fn next(&mut self) -> Option<(f64, f64)> {
        let value = if self.share < 1.0 {
            let u = unit();
            // None of n values is one in a share of (1 - share)^n of all cases, which is at least
            // this (Bernoulli); mostly that settles it without a logarithm.
            if u <= 1.0 - self.values.len() as f64 * self.share {
                return None;
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "not negative; what is too large is more than there are values"
            )]
            let below = (u.ln() / (-self.share).ln_1p()) as usize;
            self.values.nth(below)
        } else {
            self.values.next()
        };
        // Evenly in (0, share]: of all values, those that are candidates.
        value.map(|&value| (self.weight - (self.share * unit()).ln(), value))
    }
}

/// A random number in (0, 1]: the logarithm of zero is infinite.
fn unit() -> f64 {
    1.0 - fastrand::f64()
}
