//! Downsampling, of points and of summaries of points.

use apptuit_model::{Step, Timestamp};
use apptuit_query::Reducer;
use apptuit_store::{Piece, Summary};

/// Buckets of one series, in the way of [`Stage::Downsample`](apptuit_query::Stage).
pub(super) struct Buckets {
    step: Step,
    reducer: Reducer,
    /// No bucket starts before it.
    start: Timestamp,
    /// First and last instant of the bucket that is being filled.
    open: Option<(Timestamp, Timestamp)>,
    filled: Partial,
    done: (Vec<Timestamp>, Vec<f64>),
}

/// What is known of the values in a bucket.
struct Partial {
    count: u64,
    /// The result so far; of an average the sum.
    value: f64,
}

impl Buckets {
    /// Whether a reducer needs no more than summaries say.
    pub(super) fn takes_summaries(reducer: Reducer) -> bool {
        use Reducer::{Avg, Count, First, Last, Max, Min, Sum};
        matches!(reducer, Avg | Sum | Min | Max | Count | First | Last)
    }

    pub(super) fn new(step: Step, reducer: Reducer, start: Timestamp) -> Self {
        let filled = Partial::new(reducer);
        Self { step, reducer, start, open: None, filled, done: (Vec::new(), Vec::new()) }
    }

    /// Takes the next piece of the series.
    pub(super) fn take(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Summary(summary) => {
                self.turn_to(summary.start);
                self.filled.add(self.reducer, summary);
            }
            Piece::Points(mut timestamps, mut values) => {
                while let Some(first) = timestamps.first() {
                    let last = self.turn_to(*first);
                    let inside = timestamps.partition_point(|at| *at <= last);
                    let (now, later) = values.split_at_checked(inside).unwrap_or((values, &[]));
                    self.filled.push(self.reducer, now);
                    timestamps = timestamps.get(inside..).unwrap_or_default();
                    values = later;
                }
            }
        }
    }

    /// The buckets, by their start.
    pub(super) fn finish(mut self) -> (Vec<Timestamp>, Vec<f64>) {
        self.close();
        self.done
    }

    /// Turns to the bucket of an instant, and gives the last one in it.
    fn turn_to(&mut self, instant: Timestamp) -> Timestamp {
        match self.open {
            Some((_, last)) if instant <= last => last,
            _ => {
                self.close();
                let bucket = self.step.floor(instant);
                let last = bucket.as_millis().saturating_add(self.step.as_millis() - 1);
                let last = Timestamp::from_millis(last);
                self.open = Some((bucket, last));
                last
            }
        }
    }

    fn close(&mut self) {
        let filled = std::mem::replace(&mut self.filled, Partial::new(self.reducer));
        let Some((bucket, _)) = self.open.take() else { return };
        let value = filled.result(self.reducer);
        if bucket >= self.start && filled.count > 0 && value.is_finite() {
            self.done.0.push(bucket);
            self.done.1.push(value);
        }
    }
}

impl Partial {
    fn new(reducer: Reducer) -> Self {
        let value = match reducer {
            // Not 0.0, to which a negative zero cannot be added without losing its sign.
            Reducer::Sum | Reducer::Avg => -0.0,
            Reducer::Min => f64::INFINITY,
            Reducer::Max => f64::NEG_INFINITY,
            _ => 0.0,
        };
        Self { count: 0, value }
    }

    fn push(&mut self, reducer: Reducer, values: &[f64]) {
        let finite = values.iter().copied().filter(|value| value.is_finite());
        match reducer {
            // A loop of its own for what is asked for most.
            Reducer::Sum | Reducer::Avg => finite.for_each(|value| {
                self.value += value;
                self.count += 1;
            }),
            _ => finite.for_each(|value| self.one(reducer, value, 1)),
        }
    }

    /// Takes values that are summed up: one stands for all.
    fn add(&mut self, reducer: Reducer, summary: &Summary) {
        let value = match reducer {
            Reducer::Min => summary.min,
            Reducer::Max => summary.max,
            Reducer::First => summary.first,
            Reducer::Last => summary.last,
            _ => summary.sum,
        };
        self.one(reducer, value, summary.count as u64);
    }

    fn one(&mut self, reducer: Reducer, value: f64, count: u64) {
        match reducer {
            Reducer::Sum | Reducer::Avg => self.value += value,
            // Of equal values, which two zeros are, the first stays.
            Reducer::Min if value < self.value => self.value = value,
            Reducer::Max if value > self.value => self.value = value,
            Reducer::First if self.count == 0 => self.value = value,
            Reducer::Last => self.value = value,
            _ => {}
        }
        self.count += count;
    }

    fn result(&self, reducer: Reducer) -> f64 {
        match reducer {
            Reducer::Count => self.count as f64,
            Reducer::Avg => self.value / self.count as f64,
            _ => self.value,
        }
    }
}
