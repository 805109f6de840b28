//! The exponentially decaying sample.

use std::time::Duration;

use apptuit_metrics::{ExponentiallyDecaying, Reservoir};

use crate::registry;

const HOUR: Duration = Duration::from_hours(1);

#[test]
fn a_sample_keeps_at_most_its_size() {
    let sample = ExponentiallyDecaying::with_size(100, 0.99);
    for value in 0..1000 {
        sample.offer(&[f64::from(value)], Duration::ZERO);
    }
    let kept = sample.snapshot(Duration::ZERO);
    assert_eq!(kept.len(), 100);
    assert!(kept.values().iter().all(|value| (0.0..1000.0).contains(value)));
    sample.clear();
    assert!(sample.snapshot(Duration::ZERO).is_empty());
}

#[test]
fn a_sample_of_size_zero_stays_empty() {
    let sample = ExponentiallyDecaying::with_size(0, 0.015);
    sample.offer(&[1.0], Duration::ZERO);
    assert!(sample.snapshot(Duration::ZERO).is_empty());
}

#[test]
fn a_long_silence_does_not_wipe_out_the_sample() {
    for silence in [15 * HOUR, 24 * 3650 * HOUR] {
        let (registry, clock) = registry();
        let histogram = registry.histogram("values");
        for _ in 0..2000 {
            histogram.record(1);
        }
        clock.advance(silence);
        histogram.record(2);
        let sample = histogram.snapshot();
        assert_eq!((sample.len(), sample.max(), sample.median()), (1028, 2.0, 1.0));
    }
}

/// An hour weighs e^54: not one of the old values outlasts as many new ones.
#[test]
fn new_values_replace_those_of_an_hour_ago() {
    let (registry, clock) = registry();
    let histogram = registry.histogram("values");
    for round in 0..20 {
        for _ in 0..1028 {
            histogram.record(round);
        }
        let sample = histogram.snapshot();
        assert_eq!((sample.min(), sample.max()), (f64::from(round), f64::from(round)));
        clock.advance(HOUR);
    }
}

/// Without decay each value is as likely as any other; a sample's mean is then within 90 of the
/// whole's, one time in three, and six times that never.
#[test]
fn values_of_one_instant_are_sampled_evenly() {
    let (registry, _clock) = registry();
    let histogram = registry.histogram("values");
    for value in 0..10_000 {
        histogram.record(value);
    }
    let mean = histogram.snapshot().mean();
    assert!((mean - 4999.5).abs() < 540.0, "{mean}");
}

/// Values a time constant apart: each newer one is e times as likely, so of two equal crowds, both
/// far larger than the sample, the newer has e / (1 + e) of it.
#[test]
fn a_value_one_time_constant_later_is_e_times_as_likely() {
    let sample = ExponentiallyDecaying::with_size(1000, 0.01);
    for (value, at) in [(0.0, 0), (1.0, 100)] {
        for _ in 0..50_000 {
            sample.offer(&[value], Duration::from_secs(at));
        }
    }
    let newer = sample.snapshot(Duration::ZERO).mean();
    let e = std::f64::consts::E;
    // A share of 1000 has a deviation of 0.014.
    assert!((newer - e / (1.0 + e)).abs() < 0.09, "{newer}");
}
