//! How much is measured, and what comes of it.

use std::time::Duration;

use crate::Cost;

/// How long and how often is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// How long one sample takes.
    pub(crate) sample: Duration,
    /// How many samples each side gives, where one thread works.
    pub(crate) rounds: usize,
    /// How many it gives where several contend, whose samples differ more.
    pub(crate) contended_rounds: usize,
    /// After so long a row has to do with the samples it has.
    pub(crate) patience: Duration,
    /// Whether more threads than processors may be measured: not where there is a goal to reach.
    pub(crate) may_share: bool,
}

impl Effort {
    /// For figures to be believed.
    pub(crate) const FULL: Self = Self {
        sample: Duration::from_millis(8),
        rounds: 15,
        contended_rounds: 21,
        patience: Duration::from_secs(20),
        may_share: false,
    };

    /// To see that everything runs.
    pub(crate) const QUICK: Self = Self {
        sample: Duration::from_millis(1),
        rounds: 3,
        contended_rounds: 3,
        patience: Duration::from_secs(1),
        may_share: false,
    };
}

/// The costs of two sides that were measured alternately, as medians.
#[derive(Clone, Debug)]
pub struct Pair {
    /// What ours costs.
    pub ours: Cost,
    /// What the peer's costs.
    pub peer: Cost,
    /// What a reader of the figures should know.
    pub remark: Option<String>,
}

impl Pair {
    /// Two amounts of memory, of `count` things each.
    pub fn bytes_each(ours: i64, peer: i64, count: usize) -> Self {
        let each = |bytes: i64| Cost::Bytes(bytes as f64 / count as f64);
        Self { ours: each(ours), peer: each(peer), remark: None }
    }

    /// The medians of what two sides gave, in alternate runs; each needs a sample.
    pub fn medians(unit: fn(f64) -> Cost, ours: &mut [f64], peer: &mut [f64]) -> Self {
        let [ours, peer] = [ours, peer].map(|samples| unit(median(samples)));
        Self { ours, peer, remark: None }
    }

    /// Ours as a multiple of the peer's.
    pub fn ratio(&self) -> f64 {
        self.ours.number() / self.peer.number()
    }
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    let middle = samples.len() / 2;
    if samples.len() % 2 == 1 {
        samples[middle]
    } else {
        (samples[middle - 1] + samples[middle]) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_two_middles() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 100.0]), 3.0);
    }
}
