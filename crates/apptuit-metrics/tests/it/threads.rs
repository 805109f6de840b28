//! Which thread records what is no matter: threads that come and go, and whatever they share.

use std::cell::RefCell;
use std::thread;
use std::time::Duration;

use apptuit_metrics::{Counter, Histogram, Meter, Registry, Sampling, Timer, counter};
use proptest::collection::vec;
use proptest::prelude::*;

/// Each thread goes on in the place of one that ended, so they need no more memory than one.
#[test]
fn thousands_of_threads_that_come_and_go_lose_nothing() {
    let threads = 2000 * crate::effort();
    let registry = Registry::new();
    let (counter, histogram) = (registry.counter("c"), registry.histogram("h"));
    let (meter, timer) = (registry.meter("m"), registry.timer("t"));
    let record = || {
        counter.inc();
        histogram.record(3);
        meter.mark_n(2);
        timer.record(Duration::from_secs(4));
        registry.counter("by name").inc();
        counter!(in &registry, "macro").inc();
    };
    for _ in 0..threads / 4 {
        thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(record))));
    }
    let expected = threads.cast_signed();
    assert_eq!((counter.count(), registry.counter("by name").count()), (expected, expected));
    assert_eq!((registry.counter("macro").count(), meter.count()), (expected, 2 * threads));
    assert_eq!((histogram.count(), histogram.sum()), (threads, 3.0 * threads as f64));
    assert_eq!((timer.count(), timer.sum()), (threads, 4.0 * threads as f64));
}

/// What a program records while its thread is being taken down: before the thread's place is given
/// back, and after.
#[test]
fn recording_while_a_thread_ends_is_recording() {
    struct AtTheEnd(Registry);
    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            for _ in 0..300 {
                self.0.counter("c").inc();
                self.0.histogram("h").record(1);
                self.0.meter("m").mark();
                self.0.timer("t").time(|| ());
                counter!(in &self.0, "macro").inc();
            }
        }
    }
    thread_local! {
        static FIRST: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
        static LAST: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
    }
    let registry = Registry::new();
    for used_before in [false, true] {
        for _ in 0..20 {
            let registry = registry.clone();
            let work = move || {
                // Destructors run in an order that nobody promises; one of these is on either side
                // of whatever the registry keeps for the thread.
                FIRST.set(Some(AtTheEnd(registry.clone())));
                if used_before {
                    registry.counter("c").inc();
                    registry.histogram("h").record(1);
                }
                LAST.set(Some(AtTheEnd(registry)));
            };
            thread::spawn(work).join().expect("neither the thread nor its end panics");
        }
    }
    let expected = 2 * 2 * 20 * 300;
    assert_eq!(registry.counter("c").count(), expected + 20);
    assert_eq!(registry.histogram("h").count(), expected.cast_unsigned() + 20);
    assert_eq!(registry.meter("m").count(), expected.cast_unsigned());
    assert_eq!(registry.timer("t").count(), expected.cast_unsigned());
    assert_eq!(registry.counter("macro").count(), expected);
}

struct Instruments {
    counter: Counter,
    histogram: Histogram,
    meter: Meter,
    timer: Timer,
}

impl Instruments {
    fn record(&self, value: i32) {
        self.counter.inc_by(value.into());
        self.histogram.record(value);
        self.meter.mark_n(value.unsigned_abs().into());
        self.timer.record(Duration::from_secs(value.unsigned_abs().into()));
    }
}

proptest! {
    /// Against the list of all values: whole numbers, so that sums are exact in any order.
    #[test]
    fn how_values_are_split_over_threads_changes_no_total(
        parts in vec(vec(-1000..1000_i32, 0..300), 1..8),
        per_report in any::<bool>(),
        dumps in 0_usize..4,
    ) {
        let sampling = Sampling::exponentially_decaying();
        let sampling = if per_report { sampling.per_report() } else { sampling };
        let registry = Registry::builder().sampling(sampling).build();
        let all = Instruments {
            counter: registry.counter("x"),
            histogram: registry.histogram("x"),
            meter: registry.meter("x"),
            timer: registry.timer("x"),
        };
        thread::scope(|scope| {
            for part in &parts {
                scope.spawn(|| part.iter().for_each(|value| all.record(*value)));
            }
            (0..dumps).for_each(|_| drop(registry.dump()));
        });
        let values: Vec<i64> = parts.concat().into_iter().map(i64::from).collect();
        let sum: i64 = values.iter().sum();
        let size: i64 = values.iter().map(|value| value.abs()).sum();
        let end = |it: Option<&i64>| it.map_or(0.0, |it| *it as f64);
        prop_assert_eq!(all.counter.count(), sum);
        prop_assert_eq!(all.meter.count(), size.cast_unsigned());
        let spread = all.histogram.distribution();
        prop_assert_eq!((spread.count, spread.sum), (values.len() as u64, sum as f64));
        prop_assert_eq!((spread.min, spread.max), (end(values.iter().min()), end(values.iter().max())));
        let spread = all.timer.distribution();
        prop_assert_eq!((spread.count, spread.sum), (values.len() as u64, size as f64));
    }
}
