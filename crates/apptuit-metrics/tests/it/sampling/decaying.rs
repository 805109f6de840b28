//! The exponentially decaying sample, against forward decay.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use apptuit_metrics::{ExponentiallyDecaying, ManualClock, Registry, Reservoir};

use super::{chi_square, greatest_distance};

const SIZE: usize = 1028;
const ALPHA: f64 = 0.015;
const DAY: Duration = Duration::from_hours(24);

/// The least and the greatest chi-square of so many degrees of freedom, but for one case in a
/// thousand each.
const CRITICAL: [(usize, f64, f64); 3] =
    [(7, 0.598, 24.32), (11, 1.834, 31.26), (19, 5.407, 43.82)];

#[track_caller]
fn assert_follows(observed: &[f64], expected: &[f64], variance: &[f64]) {
    let freedom = observed.len() - 1;
    let critical = CRITICAL.iter().find(|(it, ..)| *it == freedom);
    let (_, least, most) = critical.expect("critical values of that freedom");
    let distance = chi_square(observed, expected, variance);
    // What is too good is not random either.
    assert!(
        (*least..*most).contains(&distance),
        "{distance} for {observed:?}, expected {expected:?}"
    );
}

/// The same where each of many equal classes is as likely, and a share of all values is kept.
#[track_caller]
fn assert_even(observed: &[f64], share: f64) {
    let expected = observed.iter().sum::<f64>() / observed.len() as f64;
    let expected = vec![expected; observed.len()];
    let variance: Vec<f64> = expected.iter().map(|it| it * (1.0 - share)).collect();
    assert_follows(observed, &expected, &variance);
}

/// How many values there are of each class.
fn tally(classes: usize, values: &[f64], class_of: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut counts = vec![0.0; classes];
    for value in values {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a class")]
        let class = class_of(*value) as usize;
        counts[class] += 1.0;
    }
    counts
}

#[test]
fn values_of_one_instant_are_equally_likely_wherever_they_stand() {
    fastrand::seed(1);
    let (registry, _clock) = crate::registry();
    let mut kept = Vec::new();
    for sample in 0..20 {
        let histogram = registry.histogram(format!("sample {sample}"));
        (0..20_000).for_each(|value| histogram.record(value));
        kept.extend_from_slice(histogram.snapshot().values());
    }
    assert_eq!(kept.len(), 20 * SIZE);
    assert_even(&tally(20, &kept, |value| value / 1000.0), SIZE as f64 / 20_000.0);
}

/// The chance of each second's values to be kept: their weight over that at which all chances add
/// up to the sample's size, and one if that is more.
fn chances(per_second: u32, seconds: u32) -> Vec<f64> {
    let weights: Vec<f64> = (0..seconds).map(|at| (ALPHA * f64::from(at)).exp()).collect();
    let chances = |least: f64| weights.iter().map(move |weight| (weight / least).min(1.0));
    let size = |least: f64| f64::from(per_second) * chances(least).sum::<f64>();
    let (mut low, mut high) = (0.0_f64, (ALPHA * f64::from(seconds)).exp() * 1e6);
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if size(middle) > SIZE as f64 { low = middle } else { high = middle }
    }
    chances(low).collect()
}

/// A steady stream of twenty minutes, by age: where the sample holds nearly all of the latest
/// values, and where it holds few of any.
#[test]
fn a_steady_stream_is_kept_by_age_as_forward_decay_says() {
    fastrand::seed(2);
    for (per_second, seconds, samples) in [(20_u32, 1200_u32, 12), (200, 1200, 6)] {
        let mut ages = Vec::new();
        for _ in 0..samples {
            let sample = ExponentiallyDecaying::with_size(SIZE, ALPHA);
            for at in 0..seconds {
                let batch = vec![f64::from(at); per_second as usize];
                sample.offer(&batch, Duration::from_secs(at.into()));
            }
            let kept = sample.snapshot(Duration::ZERO);
            assert_eq!(kept.len(), SIZE);
            ages.extend(kept.values().iter().map(|at| f64::from(seconds - 1) - at));
        }
        // Twelve classes: twenty seconds each, and all before.
        let class = |age: f64| (age / 20.0).min(11.0);
        let (mut expected, mut variance) = (vec![0.0; 12], vec![0.0; 12]);
        for (age, chance) in chances(per_second, seconds).iter().rev().enumerate() {
            let values = f64::from(per_second * samples);
            let class = (age / 20).min(11);
            expected[class] += values * chance;
            variance[class] += values * chance * (1.0 - chance);
        }
        assert_follows(&tally(12, &ages, class), &expected, &variance);
    }
}

/// Two crowds a time constant apart, both far larger than the sample.
#[test]
fn one_time_constant_is_worth_a_factor_of_e() {
    fastrand::seed(3);
    let (mut old, mut new) = (0.0, 0.0);
    for _ in 0..20 {
        let sample = ExponentiallyDecaying::with_size(SIZE, 0.01);
        for (value, at) in [(0.0, 50), (1.0, 150)] {
            for _ in 0..500 {
                sample.offer(&[value; 100], Duration::from_secs(at));
            }
        }
        let share = sample.snapshot(Duration::ZERO).mean();
        (old, new) = (old + 1.0 - share, new + share);
    }
    let e = std::f64::consts::E;
    // 20 560 values: the share of the newer, 0.731, has a deviation of 0.0031; this is 3.3 of them.
    let share: f64 = new / (old + new);
    assert!((share - e / (1.0 + e)).abs() < 0.0102, "{share}");
}

#[test]
fn after_a_day_of_silence_new_values_come_first_and_old_ones_fill_up_evenly() {
    fastrand::seed(4);
    let (mut old, samples) = (Vec::new(), 20);
    for _ in 0..samples {
        let clock = ManualClock::new();
        let histogram = Registry::with_clock(clock.clone()).histogram("h");
        (0..8000).for_each(|value| histogram.record(value));
        clock.advance(DAY);
        (0..300).for_each(|_| histogram.record(-1));
        let sample = histogram.snapshot();
        assert_eq!(sample.len(), SIZE);
        let (new, rest) = sample.values().split_at(300);
        assert!(new.iter().all(|value| *value < 0.0) && rest[0] >= 0.0, "{sample:?}");
        old.extend_from_slice(rest);
        (0..728).for_each(|_| histogram.record(-1));
        assert_eq!(histogram.snapshot().values(), [-1.0; SIZE]);
    }
    assert_even(&tally(20, &old, |value| value / 400.0), 728.0 / 8000.0);
}

/// Threads take turns, so that none has to leave a batch out because another holds the sample.
#[test]
fn the_values_of_each_of_many_threads_get_their_share() {
    let (registry, _clock) = crate::registry();
    let histogram = registry.histogram("h");
    let (turn, start) = (AtomicUsize::new(0), Barrier::new(8));
    thread::scope(|scope| {
        for me in 0..8 {
            let (histogram, turn, start) = (&histogram, &turn, &start);
            scope.spawn(move || {
                fastrand::seed(50 + me as u64);
                start.wait();
                for _ in 0..20 {
                    while turn.load(Ordering::Acquire) % 8 != me {
                        thread::yield_now();
                    }
                    (0..200).for_each(|_| histogram.record(u32::try_from(me).expect("small")));
                    // Asking takes what is left in the ring, with the random numbers of this thread.
                    assert_eq!(histogram.count() % 200, 0);
                    turn.fetch_add(1, Ordering::Release);
                }
            });
        }
    });
    let sample = histogram.snapshot();
    assert_eq!((histogram.count(), sample.len()), (32_000, SIZE));
    let shares: Vec<f64> = (0..8)
        .map(|me| sample.values().iter().filter(|value| **value == f64::from(me)).count() as f64)
        .collect();
    assert_even(&shares, SIZE as f64 / 32_000.0);
}

/// Forward decay as it is in the book: a priority for each value, and the greatest are kept.
fn textbook(stream: &[(Vec<f64>, Duration)], size: usize) -> Vec<f64> {
    let mut all: Vec<(f64, f64)> = Vec::new();
    for (values, at) in stream {
        for value in values {
            let u = 1.0 - fastrand::f64();
            all.push((ALPHA * at.as_secs_f64() - u.ln(), *value));
        }
    }
    all.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    all.truncate(size);
    all.into_iter().map(|(_, value)| value).collect()
}

/// Batches of all sizes at uneven times; what is kept says where in the stream it stood.
#[test]
fn skipping_by_jumps_keeps_what_drawing_for_each_value_keeps() {
    fastrand::seed(5);
    let (mut stream, mut value, mut at) = (Vec::new(), 0.0, Duration::ZERO);
    for _ in 0..100 {
        let batch = (0..fastrand::usize(1..=128)).map(|_| {
            value += 1.0;
            value
        });
        stream.push((batch.collect::<Vec<f64>>(), at));
        at += Duration::from_millis(fastrand::u64(0..4000));
    }
    for size in [50, 500] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        while ours.len() < 6000 {
            let sample = ExponentiallyDecaying::with_size(size, ALPHA);
            for (values, at) in &stream {
                sample.offer(values, *at);
            }
            ours.extend_from_slice(sample.snapshot(at).values());
            if theirs.len() < 6000 {
                theirs.extend(textbook(&stream, size));
            }
        }
        // Of two samples of n values, but for one case in a thousand: 1.95 times the root of 2 / n.
        let critical = 1.95 * (2.0 / ours.len() as f64).sqrt();
        let distance = greatest_distance(ours, theirs);
        assert!(distance < critical, "{distance} at a size of {size}");
    }
}
