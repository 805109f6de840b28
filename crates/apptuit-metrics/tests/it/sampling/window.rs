//! The sliding window: exactly the values of its time, and no more than its size.

use std::time::Duration;

use apptuit_metrics::{ManualClock, Registry, Reservoir, Sampling, SlidingWindow};
use proptest::collection::vec;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);
const NANOSECOND: Duration = Duration::from_nanos(1);

#[test]
fn a_value_leaves_the_window_a_nanosecond_after_its_time() {
    let clock = ManualClock::new();
    let sampling = Sampling::sliding_window(10 * SECOND);
    let histogram = Registry::with_clock(clock.clone()).histogram_with("h", &sampling);
    for value in [1, 2, 3] {
        histogram.record(value);
        clock.advance(3 * SECOND);
    }
    clock.advance(SECOND);
    assert_eq!(histogram.snapshot().values(), [1.0, 2.0, 3.0]);
    clock.advance(NANOSECOND);
    assert_eq!(histogram.snapshot().values(), [2.0, 3.0]);
    clock.advance((6 * SECOND).saturating_sub(NANOSECOND));
    assert_eq!(histogram.snapshot().values(), [3.0]);
    clock.advance(NANOSECOND);
    assert!(histogram.snapshot().is_empty());
    assert_eq!((histogram.count(), histogram.distribution().p50), (3, 1.0), "totals are of all");
}

#[test]
fn a_window_holds_the_latest_of_too_many_values() {
    let (registry, _clock) = crate::registry();
    let histogram = registry.histogram_with("h", &Sampling::sliding_window(SECOND));
    (0..70_000).for_each(|value| histogram.record(value));
    let sample = histogram.snapshot();
    assert_eq!((sample.len(), sample.min(), sample.max()), (65_536, 4464.0, 69_999.0));
}

proptest! {
    /// Against a list of everything: the latest so many, and of those the ones in the window.
    #[test]
    fn a_window_is_the_end_of_the_list_of_all_values(
        size in 0_usize..20,
        window in 0_u64..30,
        batches in vec((vec(-9..9_i32, 0..8), 0_u64..10), 0..40),
        later in 0_u64..40,
    ) {
        let sample = SlidingWindow::with_size(Duration::from_secs(window), size);
        let (mut all, mut now) = (Vec::new(), 0);
        for (values, pause) in batches {
            now += pause;
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            sample.offer(&values, Duration::from_secs(now));
            all.extend(values.into_iter().map(|value| (now, value)));
        }
        now += later;
        let latest = &all[all.len().saturating_sub(size)..];
        let mut expected: Vec<f64> =
            latest.iter().filter(|(at, _)| at + window >= now).map(|(_, value)| *value).collect();
        expected.sort_by(f64::total_cmp);
        let sample = sample.snapshot(Duration::from_secs(now));
        prop_assert_eq!(sample.values(), expected);
    }
}
