//! Operations that take long enough to be timed one by one.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::{Cost, Effort, Pair};

/// Fewer samples than these have no median worth its name.
const FEWEST: usize = 3;

/// What `work` returns, which is kept from being optimised away, and how long it took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let made = black_box(work());
    (made, start.elapsed())
}

impl Effort {
    /// Lets both sides take turns, each saying how long its operation took.
    ///
    /// So a side can prepare something, and check what it got, without being timed: see [`timed`].
    pub fn turns(
        &self,
        mut ours: impl FnMut() -> Duration,
        mut peer: impl FnMut() -> Duration,
    ) -> Pair {
        // The first of each warms up.
        self.sample(&mut ours);
        self.sample(&mut peer);
        let start = Instant::now();
        let (mut ours_took, mut peer_took) = (Vec::new(), Vec::new());
        for round in 0..self.rounds {
            if round >= FEWEST && start.elapsed() > self.patience {
                break;
            }
            ours_took.push(self.sample(&mut ours));
            peer_took.push(self.sample(&mut peer));
        }
        Pair::medians(Cost::Nanos, &mut ours_took, &mut peer_took)
    }

    /// The mean of as many operations as fit into a sample, in nanoseconds.
    fn sample(&self, operation: &mut dyn FnMut() -> Duration) -> f64 {
        let (mut count, mut took) = (0_u32, Duration::ZERO);
        let start = Instant::now();
        while count == 0 || (took < self.sample && start.elapsed() < self.patience) {
            took += operation();
            count += 1;
        }
        took.as_nanos() as f64 / f64::from(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_costs_what_it_says_not_what_it_prepares() {
        let ours = || {
            timed(|| std::thread::sleep(Duration::from_millis(1)));
            Duration::from_micros(300)
        };
        let pair = Effort::QUICK.turns(ours, || Duration::from_micros(600));
        assert_eq!((pair.ours.number(), pair.peer.number()), (300e3, 600e3));
        assert_eq!(pair.ratio(), 0.5);
    }
}
