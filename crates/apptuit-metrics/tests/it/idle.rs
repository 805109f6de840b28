//! Instruments that nobody uses: left out of reports, forgotten, and back again.

use std::sync::mpsc::channel;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use apptuit_metrics::{
    Gauge, ManualClock, Metric, Reading, Registry, Reservoir, Sampling, Snapshot,
};

const MINUTE: Duration = Duration::from_mins(1);

fn registry() -> (Registry, ManualClock) {
    let clock = ManualClock::new();
    (Registry::builder().clock(clock.clone()).idle_timeout(10 * MINUTE).build(), clock)
}

fn reported(registry: &Registry) -> Vec<String> {
    registry.report().iter().map(|metric| metric.name.metric().to_owned()).collect()
}

/// Reports once a minute, and how many of the reports had anything to say.
fn speaking_reports(registry: &Registry, clock: &ManualClock, minutes: u32) -> usize {
    let report = |_| {
        clock.advance(MINUTE);
        registry.report()
    };
    (0..minutes).map(report).filter(|report: &Vec<Metric>| !report.is_empty()).count()
}

/// An empty sample whose end can be seen.
#[derive(Debug)]
struct Alive(#[expect(dead_code, reason = "counted, not read")] Arc<()>);

impl Reservoir for Alive {
    fn offer(&self, _: &[f64], _: Duration) {}

    fn snapshot(&self, _: Duration) -> Snapshot {
        Snapshot::default()
    }

    fn clear(&self) {}
}

fn observed() -> (Sampling, Weak<()>) {
    let alive = Arc::new(());
    let weak = Arc::downgrade(&alive);
    // The instrument's reservoir takes the only reference there is.
    let alive = std::sync::Mutex::new(Some(alive));
    let make = move || Alive(alive.lock().expect("not poisoned").take().unwrap_or_default());
    (Sampling::of(make), weak)
}

#[test]
fn a_series_without_handles_is_forgotten_after_its_last_numbers_were_reported() {
    let (registry, clock) = registry();
    registry.counter("c").inc_by(3);
    registry.histogram("h").record(1);
    registry.meter("m").mark();
    registry.timer("t").record(MINUTE);
    registry.gauge("g").set(1.0);
    assert_eq!(reported(&registry), ["c", "h", "m", "t", "g"]);
    registry.counter("c").inc();
    clock.advance(9 * MINUTE);
    // The first report that sees the change: from here the counter has ten minutes.
    let counter = &registry.report()[0];
    assert_eq!(counter.reading, Reading::Counter(4));
    clock.advance(MINUTE);
    assert_eq!(reported(&registry), ["c"]);
    assert_eq!(registry.dump().len(), 5, "a dump shows what is idle, too");
    clock.advance(MINUTE);
    // Whatever this thread asks for: it lets go of the handles that it kept.
    let other = Registry::new();
    other.gauge("anything");
    assert_eq!(reported(&registry), ["c"]);
    assert_eq!(registry.len(), 1);
    assert_eq!(speaking_reports(&registry, &clock, 20), 7);
    assert!(registry.is_empty());
    assert_eq!(registry.counter("c").count(), 0, "what was forgotten begins anew");
}

/// However late a report comes, it says what changed since the one before.
#[test]
fn what_was_recorded_long_before_a_report_is_still_reported() {
    let (registry, clock) = registry();
    let counter = registry.counter("c");
    registry.report();
    counter.inc();
    clock.advance(100 * MINUTE);
    assert_eq!(registry.report()[0].reading, Reading::Counter(1));
    let never = registry.counter("new");
    clock.advance(100 * MINUTE);
    assert_eq!(reported(&registry), ["new"]);
    drop(never);
}

#[test]
fn a_dormant_handle_comes_back_and_a_counter_goes_on() {
    let (registry, clock) = registry();
    let (counter, histogram) = (registry.counter("c"), registry.histogram("h"));
    let (meter, gauge) = (registry.meter("m"), registry.gauge("g"));
    let record = || {
        counter.inc_by(2);
        histogram.record(1);
        meter.mark();
        gauge.set(5.0);
    };
    for round in 1..5 {
        record();
        assert_eq!(registry.report()[0].reading, Reading::Counter(2 * round));
        // All minutes but the tenth and later ones have something to say.
        assert_eq!(speaking_reports(&registry, &clock, 30), 9);
        assert_eq!(registry.len(), 4);
        // Asked by name, it is the one that is held.
        assert_eq!(registry.counter("c").count(), 2 * round);
    }
    record();
    assert_eq!(reported(&registry), ["c", "h", "m", "g"]);
    assert_eq!((histogram.count(), meter.count()), (5, 5));
}

/// Setting a gauge to what it is is a use; the counter is unused while its count stays.
#[test]
fn a_gauge_is_in_use_while_it_is_set_and_a_function_always() {
    let (registry, clock) = registry();
    registry.gauge_fn("function", || 1.0);
    let gauge: Gauge = registry.gauge("set");
    for _ in 0..20 {
        gauge.set(1.0);
        clock.advance(5 * MINUTE);
        assert_eq!(reported(&registry), ["function", "set"]);
    }
    clock.advance(5 * MINUTE);
    registry.report();
    clock.advance(5 * MINUTE);
    assert_eq!(reported(&registry), ["function"]);
}

#[test]
fn without_a_timeout_nothing_is_ever_forgotten() {
    let clock = ManualClock::new();
    let registry = Registry::with_clock(clock.clone());
    registry.counter("c").inc();
    assert_eq!(speaking_reports(&registry, &clock, 5000), 5000);
}

#[test]
fn a_clock_turned_back_makes_nothing_idle() {
    let clock = crate::Unsteady::default();
    let registry = Registry::builder().clock(clock.clone()).idle_timeout(MINUTE).build();
    clock.set_secs(10_000);
    registry.counter("c").inc();
    registry.report();
    for secs in [0, 5_000, 10_059] {
        clock.set_secs(secs);
        assert_eq!(reported(&registry), ["c"]);
    }
    clock.set_secs(10_060);
    assert!(reported(&registry).is_empty());
}

/// The other thread asked by name, so it keeps a handle for the next time it does; which must not
/// keep the series alive once it asks for something else.
#[test]
fn what_another_thread_asked_for_by_name_is_freed_all_the_same() {
    let (registry, clock) = registry();
    let (sampling, alive) = observed();
    let (ask, asked) = channel::<&str>();
    let (done, is_done) = channel();
    thread::scope(|scope| {
        let registry = &registry;
        scope.spawn(move || {
            while let Ok(name) = asked.recv() {
                registry.histogram_with(name, &sampling).record(1);
                done.send(()).expect("the test waits");
            }
        });
        let in_other_thread = |name| {
            ask.send(name).expect("the thread waits");
            is_done.recv().expect("the thread answers");
        };
        in_other_thread("forgotten");
        assert_eq!(reported(registry), ["forgotten"]);
        clock.advance(10 * MINUTE);
        in_other_thread("used");
        assert_eq!(reported(registry), ["used"]);
        in_other_thread("used");
        assert_eq!(reported(registry), ["used"]);
        assert_eq!((registry.len(), alive.strong_count()), (1, 0));
        drop(ask);
    });
}

/// Reading by name is no use of it, and leaves no handle that keeps it for ever.
#[test]
fn a_series_that_was_only_read_while_idle_is_forgotten() {
    let (registry, clock) = registry();
    let (sampling, alive) = observed();
    registry.histogram_with("h", &sampling).record(1);
    assert_eq!(speaking_reports(&registry, &clock, 12), 10);
    registry.histogram_with("h", &sampling).record(1);
    assert_eq!(speaking_reports(&registry, &clock, 11), 10);
    assert_eq!(registry.histogram("h").count(), 2);
    for _ in 0..3 {
        clock.advance(10 * MINUTE);
        registry.report();
        registry.counter("another").inc();
    }
    assert_eq!(alive.strong_count(), 0);
}

#[test]
fn instruments_of_a_registry_that_is_gone_are_freed() {
    let (sampling, alive) = observed();
    let registry = Registry::new();
    registry.histogram_with("h", &sampling).record(1);
    drop(registry);
    Registry::new().counter("anything").inc();
    assert_eq!(alive.strong_count(), 0);
}

/// The registry is used by reports and by threads that come back to it at the same time.
#[test]
fn counts_of_handles_kept_through_idle_times_are_never_lost() {
    let (registry, clock) = registry();
    let rounds = 300;
    thread::scope(|scope| {
        for n in 0..4 {
            let registry = &registry;
            scope.spawn(move || {
                let kept = registry.counter(format!("kept.{n}"));
                for round in 0..rounds {
                    kept.inc();
                    registry.counter(format!("passing.{n}.{}", round % 7)).inc();
                }
            });
        }
        for _ in 0..rounds {
            clock.advance(6 * MINUTE);
            registry.report();
        }
    });
    // All handles are gone, and so may be what they counted in: but it was whole until then.
    for metric in registry.dump() {
        if let (true, Reading::Counter(count)) =
            (metric.name.metric().starts_with("kept"), &metric.reading)
        {
            assert_eq!(*count, rounds, "{metric:?}");
        }
    }
}
