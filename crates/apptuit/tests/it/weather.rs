//! The weather kit: time that jumps, a server that remembers, faults that are as they say.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use apptuit::client::Response;
use apptuit::metrics::{Clock, Registry};
use apptuit::testing::{Fault, SimulatedClock, Weather};
use apptuit::{DataPoint, ErrorKind, Reporter, RetryPolicy, TimeRange};

use crate::point;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

const HOUR: Duration = Duration::from_hours(1);

/// Sleeps by turns of one span, and writes down when it woke, and as whom.
fn sleeper(
    clock: &SimulatedClock,
    log: &Arc<Mutex<Vec<(u64, char)>>>,
    name: char,
    span: u64,
    times: usize,
) -> thread::JoinHandle<()> {
    let (clock, log) = (clock.clone(), Arc::clone(log));
    thread::spawn(move || {
        for _ in 0..times {
            clock.sleep(secs(span));
            log.lock().expect("no panic").push((clock.now().as_secs(), name));
        }
    })
}

#[test]
fn sleepers_wake_in_the_order_of_time_and_the_driver_last() {
    let (clock, log) = (SimulatedClock::new(), Arc::default());
    let threads = [sleeper(&clock, &log, 'a', 30, 200), sleeper(&clock, &log, 'b', 70, 100)];
    while clock.workers() < 2 {
        thread::yield_now();
    }
    clock.pass(secs(7000));
    for thread in threads {
        thread.join().unwrap();
    }
    let mut expected: Vec<_> = (1..=200).map(|n| (n * 30, 'a')).collect();
    expected.extend((1..=100).map(|n| (n * 70, 'b')));
    expected.sort_unstable();
    let mut found = log.lock().unwrap().clone();
    // Two that wake at one instant do so in any order.
    assert!(found.is_sorted_by_key(|(at, _)| *at), "{found:?}");
    found.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(clock.now(), secs(7000));
}

#[test]
fn time_stands_still_while_the_driver_does_something_else() {
    let (clock, log) = (SimulatedClock::new(), Arc::default());
    let thread = sleeper(&clock, &log, 'a', 10, 2);
    clock.pass(secs(15));
    thread::sleep(Duration::from_millis(20));
    assert_eq!((clock.now(), log.lock().unwrap().len()), (secs(15), 1));
    clock.advance(secs(5));
    thread.join().unwrap();
    assert_eq!(*log.lock().unwrap(), [(10, 'a'), (20, 'a')]);
}

#[test]
#[should_panic(expected = "time passes only on the thread that made the clock")]
fn another_thread_cannot_let_time_pass() {
    let clock = SimulatedClock::new();
    let panicked = thread::spawn(move || clock.pass(secs(1))).join().unwrap_err();
    std::panic::resume_unwind(panicked);
}

#[test]
fn retries_cost_simulated_time_and_no_other() {
    let weather = Weather::new();
    (0..9).for_each(|_| weather.next(Fault::reset().after(secs(3))));
    let policy = RetryPolicy::exponential(9);
    let client = weather.client().retry(policy).timeout(HOUR).build().unwrap();
    client.send(&[point("a")]).unwrap();

    let exchanges = weather.exchanges();
    assert_eq!(exchanges.len(), 10);
    for (n, pair) in (1..).zip(exchanges.windows(2)) {
        let pause = pair[1].at.saturating_sub(pair[0].at + secs(3));
        assert!(pause < secs(30.min(2 << n)), "pause {n}: {pause:?}");
    }
    assert_eq!(weather.clock().now(), exchanges[9].at);
    assert_eq!(weather.kept().len(), 1);
}

#[test]
fn three_hours_of_outage_pass_through_a_running_reporter() {
    let weather = Weather::new();
    weather.between(HOUR, 4 * HOUR, Fault::status(503));
    let client = weather.client().retry(RetryPolicy::exponential(1)).build().unwrap();
    let registry = Registry::with_clock(weather.clock().clone());
    let orders = registry.counter("orders");
    let failures = Arc::new(Mutex::new(Vec::new()));
    let reporter = Reporter::builder(registry, client).ignore_environment().interval(secs(60));
    let reporter = reporter.on_error({
        let failures = Arc::clone(&failures);
        move |error| failures.lock().expect("no panic").push(error.kind())
    });
    let running = reporter.build().start().unwrap();
    weather.clock().pass(secs(3599));
    orders.inc_by(7);
    weather.clock().pass(secs(1) + 4 * HOUR);

    let of_orders: Vec<_> = weather
        .kept()
        .into_iter()
        .filter(|point| point.metric() == "orders_count")
        .map(|point| (point.timestamp().as_secs(), point.value()))
        .collect();
    let before = of_orders.iter().take_while(|(at, _)| *at < 3600).count();
    assert_eq!(before, 60, "one at each minute from zero");
    let after = of_orders.iter().filter(|(at, _)| (4 * 3600..5 * 3600).contains(at)).count();
    assert_eq!(after, 60);
    // The last report of the outage may have kept the next one waiting: the rhythm is a new one.
    let last = of_orders.last().unwrap();
    assert!(last.0 > 5 * 3600 - 60 && (last.1 - 7.0).abs() < 1e-9, "{last:?}");
    assert!(weather.kept_twice().is_empty());
    let failures = failures.lock().unwrap();
    assert!(failures.len() >= 175, "{} failures", failures.len());
    assert!(failures.iter().all(|kind| *kind == ErrorKind::Server));
    drop(failures);
    running.stop().unwrap();
}

#[test]
fn the_server_keeps_what_it_takes_and_says_what_it_refuses() {
    let weather = Weather::new();
    weather.refuse(|point| (point.metric() == "b").then(|| "not b".to_owned()));
    let client = weather.client().build().unwrap();
    let error = client.send(&[point("a"), point("b"), point("c")]).unwrap_err();
    assert_eq!((error.succeeded(), error.failed()), (2, 1));
    assert_eq!((error.rejected()[0].index(), error.rejected()[0].reason()), (Some(1), "not b"));
    let kept: Vec<_> = weather.kept().iter().map(|point| point.metric().to_owned()).collect();
    assert_eq!(kept, ["a", "c"]);
    assert_eq!(weather.exchanges()[0].points().len(), 3);

    weather.max_points(2);
    let error = client.send(&[point("d"), point("e"), point("f")]).err();
    if let Some(error) = error {
        assert_eq!(error.kind(), ErrorKind::TooLarge);
    }
    assert_eq!(weather.exchanges()[1].outcome.as_ref().unwrap().status(), 413);
}

#[test]
fn a_point_sent_again_without_its_key_is_there_twice() {
    let weather = Weather::new();
    let client = weather.client().build().unwrap();
    client.send(&[point("a"), point("b")]).unwrap();
    client.send(&[point("b")]).unwrap();
    assert_eq!(weather.kept().len(), 3);
    assert_eq!(weather.kept_twice(), [point("b")]);
}

#[test]
fn a_fault_can_come_after_the_points_are_kept() {
    let weather = Weather::new();
    weather.next(Fault::reset().but_kept());
    let client = weather.client().build().unwrap();
    assert_eq!(client.send(&[point("a")]).unwrap_err().kind(), ErrorKind::Unreachable);
    assert_eq!(weather.kept(), [point("a")]);
}

#[test]
fn what_was_scripted_for_the_next_requests_goes_before_the_spell() {
    let weather = Weather::new();
    let client = weather.client().build().unwrap();
    weather.from_now_on(Fault::status(500));
    weather.next(Fault::status(401));
    weather.next_is_fair();
    let status = || client.send(&[point("a")]).map_err(|error| error.status());
    assert_eq!([status(), status(), status()], [Err(Some(401)), Ok(()), Err(Some(500))]);
    weather.clear();
    assert_eq!(status(), Ok(()));
}

#[test]
fn an_answer_that_takes_longer_than_the_client_has_is_none() {
    let weather = Weather::new();
    let client = weather.client().timeout(secs(20)).build().unwrap();
    for (fault, is_good) in [
        (Fault::slow(secs(19)), true),
        (Fault::slow(secs(20)), false),
        (Fault::drip(20.0), true),
        (Fault::drip(1.0), false),
        (Fault::silence(), false),
    ] {
        let (began, text) = (weather.clock().now(), format!("{fault:?}"));
        weather.next(fault);
        let sent = client.send(&[point("a")]).map_err(|error| error.kind());
        assert_eq!(sent, if is_good { Ok(()) } else { Err(ErrorKind::Timeout) }, "{text}");
        assert!(weather.clock().now() <= began + secs(20));
    }
}

#[test]
fn queries_are_answered_as_told() {
    let weather = Weather::new();
    let client = weather.client().build().unwrap();
    assert!(client.query("fetch('m')", TimeRange::ALL).unwrap().is_empty());
    let body =
        r#"{"outputs":[{"id":"m","result":[{"metric":"m","tags":{"a":"b"},"dps":[[1,2.5]]}]}]}"#;
    weather.query_answer(Response::new(200, body));
    let answer = client.query("fetch('m')", TimeRange::ALL).unwrap();
    let points: Vec<DataPoint> = answer[0].series()[0].points().collect();
    assert_eq!(points.len(), 1);
}
