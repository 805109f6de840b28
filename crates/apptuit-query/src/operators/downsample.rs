//! One value for each bucket of time.

use apptuit_model::{Step, TimeRange, Timestamp};

use crate::frame::Columns;
use crate::operators::reduce::{Accumulator, Reducer};

/// Buckets of `step`, counted from the epoch in UTC and named by their start, over one series.
pub(crate) struct Buckets {
    step: Step,
    /// No bucket starts before it.
    start: Timestamp,
    /// First and last instant of the bucket that is being filled.
    open: Option<(Timestamp, Timestamp)>,
    taken: Accumulator,
    /// Points in the bucket that is being filled.
    filled: usize,
    /// Points in the bucket before it: mostly it gets as many.
    before: usize,
}

impl Buckets {
    pub(crate) fn new(step: Step, reducer: Reducer, range: TimeRange) -> Self {
        let taken = Accumulator::new(reducer);
        Self { step, start: range.start(), open: None, taken, filled: 0, before: 0 }
    }

    /// Takes a piece of the series, bucket by bucket: a value costs no look at its instant where
    /// buckets have as many points as the one before.
    pub(crate) fn take(&mut self, timestamps: &[Timestamp], values: &[f64], out: &mut Columns) {
        let (mut timestamps, mut values) = (timestamps, values);
        while let Some(first) = timestamps.first() {
            let (bucket, last) = match self.open {
                Some(open) if *first <= open.1 => open,
                _ => {
                    self.finish(out);
                    let bucket = self.step.floor(*first);
                    let last = bucket.as_millis().saturating_add(self.step.as_millis() - 1);
                    *self.open.insert((bucket, Timestamp::from_millis(last)))
                }
            };
            let inside = count_until(timestamps, last, self.before.saturating_sub(self.filled));
            self.filled += inside;
            let (now, later) = values.split_at_checked(inside).unwrap_or((values, &[]));
            if bucket >= self.start {
                self.taken.take(now);
            }
            timestamps = timestamps.get(inside..).unwrap_or_default();
            values = later;
        }
    }

    /// Ends the bucket that is being filled.
    pub(crate) fn finish(&mut self, out: &mut Columns) {
        let Some((bucket, _)) = self.open.take() else { return };
        (self.before, self.filled) = (self.filled, 0);
        if !self.taken.is_empty() {
            out.push(bucket, self.taken.finish());
        }
    }
}

/// How many of the ascending `timestamps` are at most `last`; perhaps `guess`.
fn count_until(timestamps: &[Timestamp], last: Timestamp, guess: usize) -> usize {
    let is_inside = |n: usize| timestamps.get(n).is_some_and(|instant| *instant <= last);
    // Instants that are not looked at need not come from memory.
    let guess = guess.min(timestamps.len());
    if guess > 0 && is_inside(guess - 1) && !is_inside(guess) {
        return guess;
    }
    // Ever larger steps, then halves of the last one.
    let mut beyond = 1;
    while is_inside(beyond) {
        beyond *= 2;
    }
    let from = beyond / 2;
    let rest = timestamps.get(from..beyond.min(timestamps.len())).unwrap_or_default();
    from + rest.partition_point(|instant| *instant <= last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_points_of_a_bucket_are_counted_whatever_is_guessed() {
        let timestamps: Vec<Timestamp> = (0..40).map(|n| Timestamp::from_secs(n * n)).collect();
        for last in 0..1700 {
            let last = Timestamp::from_secs(last);
            let expected = timestamps.iter().take_while(|instant| **instant <= last).count();
            for guess in [0, 1, 2, 7, 39, 40, 41, 1000] {
                assert_eq!(count_until(&timestamps, last, guess), expected, "{last} {guess}");
            }
        }
        assert_eq!(count_until(&[], Timestamp::MAX, 0), 0);
    }

    #[test]
    fn buckets_reach_to_both_ends_of_time() {
        let mut buckets = Buckets::new("1y".parse().unwrap(), Reducer::Count, TimeRange::ALL);
        let (mut out, ends) = (Columns::default(), [Timestamp::MIN, Timestamp::MAX]);
        buckets.take(&ends, &[1.0, 1.0], &mut out);
        buckets.finish(&mut out);
        assert_eq!(out.values(), [1.0, 1.0]);
    }
}
