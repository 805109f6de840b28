//! Recording allocates nothing once a thread has used an instrument.
//!
//! A binary of its own: the counting allocator is that of the whole process.

use std::time::Duration;

use allocation_counter::measure;
use apptuit_metrics::{Registry, Sampling};

/// Does it once, so that the thread is known to the instruments, and then counts the allocations of
/// many more times.
fn allocations(work: impl Fn()) -> u64 {
    work();
    measure(|| (0..10_000).for_each(|_| work())).count_total
}

#[test]
fn recording_by_handle_and_by_name_allocates_nothing() {
    let registry = Registry::new();
    let counter = registry.counter(("by handle", [("k", "v")]));
    assert_eq!(allocations(|| counter.inc()), 0);
    let gauge = registry.gauge("by handle");
    assert_eq!(allocations(|| gauge.set(1.0)), 0);
    let meter = registry.meter("by handle");
    assert_eq!(allocations(|| meter.mark()), 0);
    assert_eq!(allocations(|| registry.counter(("by name", [("k", "v")])).inc()), 0);
    assert_eq!(allocations(|| registry.meter("by name").mark()), 0);
    // It would be noticed.
    assert_eq!(allocations(|| drop(Box::new(1))), 10_000);
}

#[test]
fn recording_values_allocates_nothing_while_the_reservoir_fills_and_after() {
    let window = Sampling::sliding_window(Duration::from_mins(1));
    let registry = Registry::new();
    let (histogram, timer) = (registry.histogram("by handle"), registry.timer("by handle"));
    let windowed = registry.histogram_with("windowed", &window);
    for _ in 0..10 {
        assert_eq!(allocations(|| histogram.record(2)), 0);
        assert_eq!(allocations(|| timer.record(Duration::from_secs(2))), 0);
        assert_eq!(allocations(|| windowed.record(2)), 0);
    }
}

#[cfg(feature = "metrics-facade")]
#[test]
fn the_macros_of_the_facade_allocate_nothing() {
    use apptuit_metrics::metrics_facade::{FacadeRecorder, metrics};

    let registry = Registry::new();
    metrics::with_local_recorder(&FacadeRecorder::new(&registry), || {
        let record = || metrics::histogram!("h", "a" => "1", "b" => "2").record(1.0);
        assert_eq!(allocations(record), 0);
        let handle = metrics::histogram!("h", "b" => "2", "a" => "1");
        assert_eq!(allocations(|| handle.record(1.0)), 0);
        assert_eq!(allocations(|| metrics::counter!("c", "a" => "1").increment(1)), 0);
    });
    assert_eq!(registry.histogram(("h", [("a", "1"), ("b", "2")])).count(), 20_002);
}
