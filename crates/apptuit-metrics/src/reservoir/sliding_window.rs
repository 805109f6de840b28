//! The values of the last minutes.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use super::{Reservoir, lock_briefly};
use crate::Snapshot;
use crate::instruments::lock;
use crate::snapshot::select_quantiles;

const SIZE: usize = 1 << 16;
/// The most values that an instrument offers at once.
const MOST_OFFERED: usize = crate::recorder::RING;

/// All values of a window of time, as long as there are not too many.
///
/// ```
/// use std::time::Duration;
///
/// use apptuit_metrics::{Reservoir, SlidingWindow};
///
/// let second = Duration::from_secs(1);
/// let window = SlidingWindow::new(10 * second);
/// window.offer(&[1.0], second);
/// window.offer(&[2.0], 8 * second);
/// assert_eq!(window.snapshot(11 * second).values(), [1.0, 2.0]);
/// assert_eq!(window.snapshot(12 * second).values(), [2.0]);
/// ```
#[doc(alias = "SlidingTimeWindowSample")]
#[doc(alias = "SlidingTimeWindowReservoir")]
#[derive(Debug)]
pub struct SlidingWindow {
    window: Duration,
    size: usize,
    /// Times and values, roughly in the order of time: threads offer what they had kept for a while.
    values: Mutex<VecDeque<(Duration, f64)>>,
}

impl SlidingWindow {
    /// An empty sample of the values of the last `window`; the latest 65 536 if there are more.
    pub fn new(window: Duration) -> Self {
        Self::with_size(window, SIZE)
    }

    /// An empty sample of the latest `size` values of the last `window`.
    pub fn with_size(window: Duration, size: usize) -> Self {
        Self { window, size, values: Mutex::default() }
    }

    fn values(&self, now: Duration) -> Vec<f64> {
        let mut kept = lock(&self.values);
        kept.retain(|(at, _)| self.is_in(*at, now));
        kept.iter().map(|(_, value)| *value).collect()
    }

    fn is_in(&self, at: Duration, now: Duration) -> bool {
        at.saturating_add(self.window) >= now
    }
}

impl Reservoir for SlidingWindow {
    fn prepare(&self) {
        // All at once: memory is only taken from the system where values are written to it. A batch
        // is put in before as many are taken out.
        let mut kept = lock(&self.values);
        let missing = (self.size.min(SIZE) + MOST_OFFERED).saturating_sub(kept.len());
        kept.reserve_exact(missing);
    }

    fn offer(&self, values: &[f64], at: Duration) {
        let Some(mut kept) = lock_briefly(&self.values) else { return };
        kept.extend(values.iter().map(|value| (at, *value)));
        let over = kept.len().saturating_sub(self.size);
        kept.drain(..over);
        while kept.front().is_some_and(|(first, _)| !self.is_in(*first, at)) {
            kept.pop_front();
        }
    }

    fn snapshot(&self, now: Duration) -> Snapshot {
        self.values(now).into()
    }

    fn quantiles(&self, now: Duration, shares: &mut [f64]) {
        select_quantiles(self.values(now), shares);
    }

    fn clear(&self) {
        lock(&self.values).clear();
    }
}
