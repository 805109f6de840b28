//! Many threads at once: nothing recorded is lost.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use apptuit_metrics::Registry;

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
                let count = fields[1].1;
                assert_eq!(fields[1].0, "count");
                if count > 0.0 {
                    assert_eq!(fields[0], ("avg", 2.0));
                    assert_eq!(fields[8], ("999_percentile", 2.0));
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
