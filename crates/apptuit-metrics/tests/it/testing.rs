//! The testing kit: what it finds, how it fails, and that scopes do not meet.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::time::Duration;

use apptuit_metrics::testing::{Recorded, Recorder, scoped};
use apptuit_metrics::{Clock, Kind, Registry, counter, gauge, global, histogram, meter, timer};

/// What `work` panics with.
fn failure<R>(work: impl FnOnce() -> R) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| drop(work()))).expect_err("it should panic");
    *panic.downcast::<String>().expect("a panic with a formatted message")
}

#[test]
fn each_kind_is_found_by_name_and_by_name_and_tags() {
    let recorder = Recorder::new();
    let registry = recorder.registry();
    for (tags, n) in [(&[][..], 1_u8), (&[("city", "blr")][..], 10)] {
        let name = || ("x", tags.iter().copied().collect::<apptuit_model::Tags>());
        registry.counter(name()).inc_by(n.into());
        registry.gauge(name()).set(n.into());
        registry.meter(name()).mark_n(n.into());
        registry.histogram(name()).record(n);
        registry.timer(name()).record(Duration::from_secs(n.into()));
    }
    let recorded = recorder.recorded();
    let tagged = ("x", [("city", "blr")]);
    assert_eq!((recorded.counter("x"), recorded.counter(tagged)), (1, 10));
    assert_eq!((recorded.gauge("x"), recorded.gauge(tagged)), (1.0, 10.0));
    assert_eq!((recorded.meter("x"), recorded.meter(tagged)), (1, 10));
    assert_eq!((recorded.histogram("x").max, recorded.histogram(tagged).max), (1.0, 10.0));
    assert_eq!((recorded.timer("x").max, recorded.timer(tagged).max), (1.0, 10.0));
    assert_eq!((recorded.counter_total("x"), recorded.series("x").count()), (11, 10));
    assert!(recorded.get(Kind::Meter, tagged).is_some());
    assert!(recorded.get(Kind::Meter, "y").is_none());
    recorded.assert_none("y");
}

#[test]
fn a_failure_names_what_is_there_and_first_the_instruments_of_the_same_metric() {
    let recorder = Recorder::new();
    let missing = || failure(|| recorder.recorded().counter(("orders", [("city", "blr")])));
    assert_eq!(missing(), "no counter `orders{city:blr}`; nothing was recorded");

    let registry = recorder.registry();
    registry.counter("errors").inc_by(2);
    registry.timer("latency").record(Duration::from_millis(500));
    registry.histogram("basket").record(3);
    registry.gauge_fn("broken", || panic!("no queue"));
    registry.meter("orders").mark();
    registry.gauge(("orders", [("city", "del")])).set(0.5);
    assert_eq!(
        missing(),
        "no counter `orders{city:blr}`; there are: meter `orders` = 1 events, \
         gauge `orders{city:del}` = 0.5, counter `errors` = 2, \
         histogram `basket` = 1 values, mean 3, timer `latency` = 1 durations, mean 0.5 s, \
         gauge `broken` = the gauge's function panicked: `no queue`"
    );
    let recorded = recorder.recorded();
    for (kind, failure) in [
        ("gauge", failure(|| recorded.gauge("none"))),
        ("meter", failure(|| recorded.meter("none"))),
        ("histogram", failure(|| recorded.histogram("none"))),
        ("timer", failure(|| recorded.timer("none"))),
        ("counter", failure(|| recorded.counter_total("none"))),
    ] {
        assert!(failure.starts_with(&format!("no {kind} `none`; there are: ")), "{failure}");
    }
    assert_eq!(
        failure(|| recorded.assert_none("errors")),
        "expected nothing of `errors`, found counter `errors` = 2"
    );
}

#[test]
fn a_failure_names_twenty_instruments_and_counts_the_rest() {
    let recorder = Recorder::new();
    for n in 0..33 {
        recorder.registry().counter(format!("c{n}"));
    }
    let failure = failure(|| recorder.recorded().counter("x"));
    assert!(failure.contains("counter `c19` = 0, and 13 more"), "{failure}");
    assert!(!failure.contains("c20"), "{failure}");
}

#[test]
fn a_change_is_what_was_added_and_nothing_from_before() {
    let recorder = Recorder::new();
    let work = || {
        counter!("c").inc_by(3);
        meter!("m").mark_n(2);
        histogram!("h").record(4);
        histogram!("h").record(f64::NAN);
        timer!("t").record(Duration::from_secs(2));
        gauge!("g").set(7.0);
    };
    let first = recorder.change(work);
    recorder.registry().histogram("h").record(100);
    let added = recorder.change(work);
    assert_eq!(first.counter("c"), 3);
    assert_eq!((added.counter("c"), added.meter("m"), added.gauge("g")), (3, 2, 7.0));
    let (values, durations) = (added.histogram("h"), added.timer("t"));
    assert_eq!((values.count, values.sum, values.mean), (1, 4.0, 4.0));
    assert_eq!(added.get(Kind::Histogram, "h").map(|metric| metric.refused), Some(1));
    assert_eq!((durations.count, durations.sum, durations.mean), (1, 2.0, 2.0));
    assert_eq!(recorder.recorded().histogram("h").count, 3);
    assert_eq!(recorder.change(|| {}).histogram("h").mean, 0.0);
}

#[test]
fn scopes_nest_and_the_one_before_comes_back_also_after_a_panic() {
    let (outer, inner) = (Registry::new(), Registry::new());
    // One place in the program, which may not keep to the first registry it met.
    let count = || counter!("nested").inc();
    scoped(&outer, || {
        count();
        scoped(&inner, count);
        count();
        let panicking = catch_unwind(AssertUnwindSafe(|| {
            scoped(&inner, || {
                count();
                panic!("expected by the test");
            });
        }));
        assert!(panicking.is_err());
        count();
    });
    assert_eq!((outer.counter("nested").count(), inner.counter("nested").count()), (3, 2));
    Recorded::of(global()).assert_none("nested");
}

#[test]
fn scopes_of_two_threads_do_not_meet_and_a_thread_started_within_has_none() {
    let both_inside = Barrier::new(2);
    let counted = || {
        let recorder = Recorder::new();
        recorder.scope(|| {
            both_inside.wait();
            counter!("threads").inc();
            let outside = std::thread::spawn(|| Recorded::of(global()));
            outside.join().expect("it only looks").assert_none("threads");
            both_inside.wait();
        });
        recorder.recorded().counter("threads")
    };
    let counts = std::thread::scope(|threads| {
        let threads = [threads.spawn(counted), threads.spawn(counted)];
        threads.map(|thread| thread.join().expect("it counts"))
    });
    assert_eq!(counts, [1, 1]);
}

#[test]
fn a_clone_of_a_recorder_is_the_same_registry_on_the_same_clock() {
    let recorder = Recorder::new();
    let clone = recorder.clone();
    clone.clock().advance(Duration::from_secs(5));
    clone.registry().meter("m").mark();
    recorder.clock().advance(Duration::from_secs(5));
    assert_eq!(recorder.registry().clock().now(), Duration::from_secs(10));
    assert_eq!(recorder.recorded().meter("m"), 1);
}
