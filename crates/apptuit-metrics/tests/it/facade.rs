//! The recorder for the `metrics` facade, driven by the macros of the real one.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use apptuit_metrics::metrics_facade::{FacadeRecorder, InstallError};
use apptuit_metrics::testing::Recorder;
use apptuit_metrics::{Kind, Registry};
use metrics::{Label, with_local_recorder};

use crate::registry;

const THREADS: u64 = 8;
const TIMES: u64 = 10_000;
const MINUTE: Duration = Duration::from_mins(1);

/// A recorder whose series are idle after a minute, for the facade.
fn forgetful() -> (Recorder, FacadeRecorder) {
    let recorder = Recorder::with(Registry::builder().idle_timeout(MINUTE));
    let facade = FacadeRecorder::new(recorder.registry());
    (recorder, facade)
}

/// Metrics of a report.
fn reported(recorder: &Recorder) -> Vec<String> {
    recorder.registry().report().iter().map(|metric| metric.name.metric().to_owned()).collect()
}

#[test]
fn what_the_macros_record_is_in_the_registry() {
    let recorder = Recorder::new();
    with_local_recorder(&FacadeRecorder::new(recorder.registry()), || {
        metrics::counter!("orders").increment(3);
        metrics::counter!("orders", "city" => "blr", "app" => "shop").increment(1);
        metrics::counter!("orders", "app" => "shop", "city" => "blr").increment(1);
        let gauge = metrics::gauge!("depth", "queue" => "mail".to_owned());
        gauge.increment(2.5);
        gauge.decrement(1.0);
        metrics::gauge!("depth").set(7);
        metrics::histogram!("latency").record(0.25);
        metrics::histogram!("latency").record_many(0.75, 3);
        metrics::histogram!("latency").record(f64::NAN);
    });
    let recorded = recorder.recorded();
    assert_eq!(recorded.counter("orders"), 3);
    assert_eq!(recorded.counter(("orders", [("app", "shop"), ("city", "blr")])), 2);
    assert_eq!(recorded.gauge(("depth", [("queue", "mail")])), 1.5);
    assert_eq!(recorded.gauge("depth"), 7.0);
    let latency = recorded.histogram("latency");
    assert_eq!((latency.count, latency.sum, latency.max), (4, 2.5, 0.75));
    assert_eq!(recorded.get(Kind::Histogram, "latency").map(|metric| metric.refused), Some(1));
    assert_eq!(recorder.registry().len(), 5);
}

#[test]
fn names_of_both_worlds_are_the_same_whatever_the_number_and_order_of_labels() {
    let (registry, _) = registry();
    for n in 0..20 {
        let label = |k: usize| Label::new(format!("k{}", k * 7 % 19), format!("v{k}"));
        let labels: Vec<Label> = (0..n).map(label).collect();
        let ours: apptuit_metrics::Counter = {
            let pairs = labels.iter().map(|label| (label.key(), label.value()));
            registry.counter(("m", pairs.collect::<apptuit_model::Tags>()))
        };
        let backwards: Vec<Label> = labels.iter().rev().cloned().collect();
        with_local_recorder(&FacadeRecorder::new(&registry), || {
            metrics::counter!("m", labels).increment(1);
            // The same series, as keys are different up to 19.
            if n <= 19 {
                metrics::counter!("m", backwards).increment(1);
            }
        });
        assert_eq!(ours.count(), if n <= 19 { 2 } else { 1 }, "{n} labels");
    }
    assert_eq!(registry.len(), 20);
}

#[test]
fn of_two_labels_with_one_key_the_later_counts() {
    let (registry, _) = registry();
    with_local_recorder(&FacadeRecorder::new(&registry), || {
        metrics::counter!("m", "k" => "first", "k" => "later").increment(1);
    });
    assert_eq!(registry.counter(("m", [("k", "later")])).count(), 1);
    assert_eq!(registry.len(), 1);
}

#[test]
fn nothing_of_several_threads_is_lost_by_macro_or_by_handle() {
    let recorder = Recorder::new();
    let facade = FacadeRecorder::new(recorder.registry());
    let start = Barrier::new(usize::try_from(THREADS).expect("a few"));
    let held = with_local_recorder(&facade, || metrics::counter!("held"));
    std::thread::scope(|threads| {
        for thread in 0..THREADS {
            let (start, facade, held) = (&start, &facade, held.clone());
            threads.spawn(move || {
                start.wait();
                with_local_recorder(facade, || {
                    for n in 0..TIMES {
                        metrics::counter!("named", "thread" => "any").increment(2);
                        held.increment(1);
                        metrics::gauge!("gauge").increment(1.0);
                        metrics::histogram!("values").record((thread * TIMES + n) as f64);
                    }
                });
            });
        }
    });
    let recorded = recorder.recorded();
    let all = THREADS * TIMES;
    assert_eq!(recorded.counter(("named", [("thread", "any")])), (2 * all).cast_signed());
    assert_eq!(recorded.counter("held"), all.cast_signed());
    assert_eq!(recorded.gauge("gauge"), all as f64);
    let values = recorded.histogram("values");
    assert_eq!((values.count, values.max), (all, (all - 1) as f64));
    assert_eq!(values.sum, (all * (all - 1) / 2) as f64);
}

#[test]
fn an_absolute_value_is_the_least_that_a_counter_has() {
    let recorder = Recorder::new();
    let facade = FacadeRecorder::new(recorder.registry());
    let counter = with_local_recorder(&facade, || metrics::counter!("c"));
    let now = || recorder.recorded().counter("c");
    counter.increment(5);
    counter.absolute(3);
    assert_eq!(now(), 5);
    counter.absolute(9);
    counter.absolute(8);
    assert_eq!(now(), 9);
}

#[test]
fn two_threads_that_say_the_same_absolute_value_do_not_add_it_up() {
    let recorder = Recorder::new();
    let counter = |n: u64| metrics::counter!("c", "n" => n.to_string());
    let counters: Vec<_> = with_local_recorder(&FacadeRecorder::new(recorder.registry()), || {
        (0..100).map(counter).collect()
    });
    let arrived = AtomicU64::new(0);
    // A barrier that does not sleep, so that both leave it in the same moment.
    let meet = || {
        let both = (arrived.fetch_add(1, Ordering::AcqRel) + 1).next_multiple_of(2);
        while arrived.load(Ordering::Acquire) < both {
            std::thread::yield_now();
        }
    };
    let say = || {
        let mut totals = Vec::new();
        for value in 1..=500 {
            meet();
            for counter in &counters {
                counter.absolute(value);
            }
            meet();
            totals.push(recorder.recorded().counter_total("c"));
        }
        totals
    };
    let (one, other) = std::thread::scope(|threads| {
        let other = threads.spawn(say);
        (say(), other.join().expect("it counts"))
    });
    let expected: Vec<i64> = (1..=500).map(|value| value * 100).collect();
    assert!(one == expected && other == expected, "{one:?} {other:?}");
}

#[test]
fn a_series_whose_handle_is_held_comes_back_with_its_next_change() {
    let (recorder, facade) = forgetful();
    let (counter, gauge, histogram) = with_local_recorder(&facade, || {
        (metrics::counter!("counter"), metrics::gauge!("gauge"), metrics::histogram!("histogram"))
    });
    let change = || {
        counter.increment(1);
        gauge.increment(1.0);
        histogram.record(1.0);
    };
    let all = ["counter", "histogram", "gauge"];
    change();
    assert_eq!(reported(&recorder), all);
    for _ in 0..5 {
        recorder.clock().advance(MINUTE);
        assert!(reported(&recorder).is_empty());
    }
    change();
    assert_eq!(reported(&recorder), all);
    let recorded = recorder.recorded();
    assert_eq!((recorded.counter("counter"), recorded.gauge("gauge")), (2, 2.0));
    assert_eq!(recorded.histogram("histogram").count, 2);
    // Whoever asks by name gets the same series.
    with_local_recorder(&facade, || metrics::counter!("counter").increment(1));
    assert_eq!(recorder.recorded().counter("counter"), 3);
}

#[test]
fn a_series_without_handles_is_forgotten_and_begins_anew() {
    let (recorder, facade) = forgetful();
    let record = || {
        with_local_recorder(&facade, || {
            metrics::counter!("counter", "user" => "ann").increment(1);
            metrics::gauge!("gauge", "user" => "ann").increment(1.0);
            metrics::histogram!("histogram", "user" => "ann").record(1.0);
        });
    };
    let user = [("user", "ann")];
    record();
    assert_eq!(reported(&recorder).len(), 3);
    for _ in 0..3 {
        recorder.clock().advance(MINUTE);
        assert!(reported(&recorder).is_empty());
        // A thread gives up what it kept when it asks for something else, of any registry.
        Registry::new().counter("other");
    }
    assert_eq!(recorder.registry().len(), 0, "{}", recorder.recorded());
    record();
    assert_eq!(reported(&recorder).len(), 3);
    let recorded = recorder.recorded();
    assert_eq!(recorded.counter(("counter", user)), 1);
    assert_eq!(recorded.gauge(("gauge", user)), 1.0);
    assert_eq!(recorded.histogram(("histogram", user)).count, 1);
}

/// It would keep every other test from having a recorder, but for those of one thread.
#[test]
fn one_recorder_can_be_installed_and_a_second_is_refused() {
    let recorder = Recorder::new();
    assert_eq!(FacadeRecorder::new(recorder.registry()).install(), Ok(()));
    let thread = std::thread::spawn(|| metrics::counter!("installed").increment(1));
    thread.join().expect("it counts");
    assert_eq!(recorder.recorded().counter("installed"), 1);
    let second = FacadeRecorder::new(&Registry::new()).install();
    assert_eq!(second, Err(InstallError));
    assert_eq!(
        InstallError.to_string(),
        "a recorder for the `metrics` facade is installed already"
    );
}

#[cfg(feature = "open-metrics")]
#[test]
fn units_and_descriptions_are_in_the_text_and_counters_are_counters() {
    use apptuit_metrics::open_metrics::{Format, text};
    use metrics::Unit;

    let (registry, _) = registry();
    with_local_recorder(&FacadeRecorder::new(&registry), || {
        metrics::describe_counter!("orders", Unit::Count, "Orders accepted.");
        metrics::describe_gauge!("memory", Unit::Bytes, "Memory in use.");
        metrics::describe_histogram!("latency", Unit::Seconds, "Time to an answer.");
        metrics::counter!("orders").increment(1);
        metrics::counter!("undescribed").increment(2);
        metrics::gauge!("memory").set(1024);
        metrics::histogram!("latency").record(0.5);
    });
    let text = text(&registry, Format::OpenMetrics);
    for lines in [
        "# TYPE orders counter\n# HELP orders Orders accepted.\norders_total 1\n",
        "# TYPE undescribed counter\n# HELP undescribed The counter undescribed.\nundescribed_total 2\n",
        "# TYPE memory_bytes gauge\n# UNIT memory_bytes bytes\n# HELP memory_bytes Memory in use.\n",
        "# TYPE latency_seconds summary\n# UNIT latency_seconds seconds\n",
        "# HELP latency_seconds Time to an answer.\n",
    ] {
        assert!(text.contains(lines), "{lines}\nis not in\n{text}");
    }
}
