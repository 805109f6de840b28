//! Many threads at once: nothing recorded is lost.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use apptuit_metrics::{Reading, Registry, counter};

const THREADS: u64 = 64;

/// Every thread asks for the same new instruments at the same moment, and records at once.
#[test]
fn sixty_four_threads_that_create_and_record_lose_nothing() {
    for _ in 0..20 {
        let registry = Registry::new();
        let barrier = Barrier::new(64);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    barrier.wait();
                    for n in 0..20 {
                        let name = format!("instrument.{}", n % 5);
                        registry.counter(name.as_str()).inc();
                        registry.meter(name.as_str()).mark_n(2);
                        registry.histogram(name.as_str()).record(1);
                        registry.timer(name.as_str()).record(Duration::from_secs(3));
                    }
                });
            }
        });
        assert_eq!(registry.len(), 4 * 5);
        for n in 0..5 {
            let name = format!("instrument.{n}");
            assert_eq!(registry.counter(name.as_str()).count(), 64 * 4);
            assert_eq!(registry.meter(name.as_str()).count(), 2 * THREADS * 4);
            let histogram = registry.histogram(name.as_str());
            assert_eq!((histogram.count(), histogram.sum()), (THREADS * 4, 256.0));
            let timer = registry.timer(name.as_str());
            assert_eq!((timer.count(), timer.sum()), (THREADS * 4, 768.0));
        }
    }
}

/// In every dump taken meanwhile, the fields of an instrument belong together.
#[test]
fn dumps_during_recording_and_registering_are_consistent() {
    let registry = Registry::new();
    let histogram = registry.histogram("ones");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for thread in 0..4 {
            let (registry, histogram) = (&registry, &histogram);
            scope.spawn(move || {
                for n in 0..500 {
                    histogram.record(2);
                    registry.counter(format!("counter.{thread}.{n}")).inc();
                }
            });
        }
        let reader = scope.spawn(|| {
            let mut seen = 0;
            while !done.load(Ordering::SeqCst) {
                let dump = registry.dump();
                assert!(dump.len() >= seen, "an instrument vanished");
                seen = dump.len();
                let ones = dump.iter().find(|metric| metric.name.metric() == "ones");
                let fields = ones.expect("registered before").fields();
                let field = |name| fields.iter().find(|(have, _)| *have == name).expect(name).1;
                if field("count") > 0.0 {
                    assert_eq!((field("avg"), field("999_percentile")), (2.0, 2.0));
                }
            }
        });
        // The recorders are done when all is registered; bounded, should one of them have failed.
        for _ in 0..60_000 {
            if registry.len() == 2001 || reader.is_finished() {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        done.store(true, Ordering::SeqCst);
    });
    assert_eq!(registry.len(), 2001);
    assert_eq!(histogram.count(), 2000);
}

/// Handles kept across a removal go on counting; and every name, whenever it is asked for, counts in
/// one instrument until it is removed.
#[test]
fn sixty_four_threads_lose_nothing_while_names_come_and_go() {
    let rounds = 2000 * crate::effort();
    let registry = Registry::new();
    let kept = registry.counter("kept");
    let (values, meter) = (registry.histogram("kept"), registry.meter("kept"));
    let start = Barrier::new(64 + 1);
    let most = (THREADS * rounds).cast_signed();
    let record = &|thread| {
        let own = registry.counter(format!("own.{thread}"));
        start.wait();
        for round in 0..rounds {
            kept.inc();
            own.inc();
            meter.mark();
            values.record(2);
            registry.counter(format!("passing.{}", round % 50)).inc();
            counter!(in &registry, "macro").inc();
        }
        assert_eq!(own.count(), rounds.cast_signed());
        assert_eq!(registry.counter(format!("own.{thread}")).count(), rounds.cast_signed());
    };
    thread::scope(|scope| {
        let thread = |n| scope.spawn(move || record(n));
        let threads: Vec<_> = (0..THREADS).map(thread).collect();
        start.wait();
        for round in 0.. {
            registry.remove(format!("passing.{}", round % 50));
            registry.remove("kept");
            for metric in registry.dump() {
                if let Reading::Counter(count) = metric.reading {
                    assert!((0..=most).contains(&count), "{metric:?}");
                }
            }
            if threads.iter().all(thread::ScopedJoinHandle::is_finished) {
                break;
            }
        }
    });
    let total = THREADS * rounds;
    assert_eq!((kept.count(), meter.count()), (most, total));
    assert_eq!((values.count(), values.sum()), (total, 2.0 * total as f64));
    assert_eq!(registry.counter("macro").count(), most);
    assert_eq!(registry.counter("kept").count(), 0, "removed, and new");
}

/// A counter takes over the place of one that is gone, which others may have written to.
#[test]
fn counters_that_are_dropped_and_made_again_begin_at_zero_in_every_thread() {
    let rounds = 500 * crate::effort();
    thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || {
                for _ in 0..rounds {
                    let registry = Registry::new();
                    let (counter, meter) = (registry.counter("c"), registry.meter("m"));
                    assert_eq!((counter.count(), meter.count()), (0, 0));
                    counter.inc_by(thread + 1);
                    meter.mark();
                    // Another thread counts too, and drops the handle it was given.
                    let lent = counter.clone();
                    let lent = thread::spawn(move || lent.inc());
                    lent.join().expect("counting does not panic");
                    assert_eq!((counter.count(), meter.count()), (thread + 2, 1));
                }
            });
        }
    });
}

#[test]
fn a_million_names_are_found_again() {
    let registry = Registry::new();
    let name = |n: u32| n.to_string();
    (0..1_000_000).for_each(|n| registry.counter(name(n)).inc_by(i64::from(n) + 1));
    assert_eq!(registry.len(), 1_000_000);
    for n in (0..1_000_000).step_by(997) {
        assert_eq!(registry.counter(name(n)).count(), i64::from(n) + 1);
    }
    let dump = registry.dump();
    assert_eq!(dump.len(), 1_000_000);
    for (n, metric) in dump.iter().enumerate().step_by(1009) {
        assert_eq!(metric.reading, Reading::Counter(i64::try_from(n).expect("small") + 1));
    }
    registry.clear();
    assert!(registry.is_empty());
    assert_eq!(registry.counter(name(1)).count(), 0);
}
