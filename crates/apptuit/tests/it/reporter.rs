//! What is reported, when, and what happens when it fails.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use apptuit::client::{Interrupt, MockTransport, Response};
use apptuit::metrics::{ManualClock, Registry};
use apptuit::reporter::{HostTag, PointSink, ReporterBuilder};
use apptuit::{DataPoint, Error, ErrorKind, Reporter, Result, RetryPolicy, Tags, Timestamp};

use crate::{client_of, json_of};

const HOUR: Duration = Duration::from_hours(1);
const PATIENCE: Duration = Duration::from_secs(10);

/// Keeps what it is given, or fails as it is told to.
#[derive(Clone, Default)]
struct Shelf {
    batches: Arc<Mutex<Vec<Vec<DataPoint>>>>,
    failures: Arc<Mutex<BTreeMap<usize, ErrorKind>>>,
}

impl Shelf {
    /// Lets batch `n`, counted from 0, fail.
    fn fail(&self, n: usize, kind: ErrorKind) {
        self.failures.lock().expect("no panic").insert(n, kind);
    }

    fn batches(&self) -> Vec<Vec<DataPoint>> {
        self.batches.lock().expect("no panic").clone()
    }

    fn sizes(&self) -> Vec<usize> {
        self.batches().iter().map(Vec::len).collect()
    }

    /// The last value of a metric.
    fn value(&self, metric: &str) -> Option<f64> {
        let batches = self.batches();
        let mut points = batches.iter().rev().flatten();
        points.find(|point| point.metric() == metric).map(DataPoint::value)
    }
}

impl PointSink for Shelf {
    fn deliver(&self, points: &[DataPoint]) -> Result<()> {
        let mut batches = self.batches.lock().expect("no panic");
        let n = batches.len();
        batches.push(points.to_vec());
        match self.failures.lock().expect("no panic").get(&n) {
            Some(kind) => Err(Error::new(*kind, "told to fail")),
            None => Ok(()),
        }
    }
}

fn reporter(registry: &Registry, shelf: &Shelf) -> ReporterBuilder {
    Reporter::builder(registry.clone(), shelf.clone()).ignore_environment().host_tag(HostTag::Off)
}

/// Errors a reporter tells of.
fn told(builder: ReporterBuilder) -> (ReporterBuilder, Receiver<(ErrorKind, String)>) {
    let (sender, errors) = channel();
    let builder = builder.on_error(move |error| {
        sender.send((error.kind(), error.to_string())).expect("the test listens");
    });
    (builder, errors)
}

fn one_counter() -> Registry {
    let registry = Registry::new();
    registry.counter(("orders", [("city", "blr")])).inc_by(3);
    registry
}

#[test]
fn a_report_is_the_registry_and_then_the_numbers_about_it() {
    let (registry, shelf, clock) = (one_counter(), Shelf::default(), ManualClock::new());
    clock.set_timestamp(Timestamp::from_millis(61_900));
    let builder = reporter(&registry, &shelf).prefix("shop.").tag("env", "test").clock(clock);
    builder.build().report_now().unwrap();

    let batches = shelf.batches();
    let tags = [("city", "blr"), ("env", "test")];
    let expected = DataPoint::new(("shop.orders.count", tags), Timestamp::from_secs(61), 3.0);
    assert_eq!(batches[0], [expected]);
    assert_eq!(shelf.value("shop.apptuit.reporter.send.total.count"), Some(1.0));
    assert_eq!(shelf.value("shop.apptuit.reporter.send.successful.count"), Some(1.0));
    assert_eq!(shelf.value("shop.apptuit.reporter.send.failed.count"), Some(0.0));
    assert_eq!(shelf.value("shop.apptuit.reporter.send.time.count"), Some(1.0));
    assert!(batches[1].iter().all(|point| point.tags() == &Tags::from([("env", "test")])));
}

#[test]
fn an_empty_registry_reports_nothing() {
    let shelf = Shelf::default();
    reporter(&Registry::new(), &shelf).build().report_now().unwrap();
    assert!(shelf.batches().is_empty());
}

#[test]
fn tags_of_the_metric_go_before_those_of_the_reporter_and_those_before_the_clients() {
    let server = MockTransport::new();
    let global = [("a", "client"), ("b", "client"), ("c", "client"), ("host", "client")];
    let client = client_of(&server).global_tags(global).build().unwrap();
    let registry = Registry::new();
    registry.counter(("orders", [("a", "metric")])).inc();
    Reporter::builder(registry, client)
        .ignore_environment()
        .tags([("a", "reporter"), ("b", "reporter")])
        .build()
        .report_now()
        .unwrap();
    let tags = json_of(&server.requests()[0])[0]["tags"].clone();
    let expected = serde_json::json!(
        {"a": "metric", "b": "reporter", "c": "client", "host": "client"}
    );
    assert_eq!(tags, expected);
}

#[test]
fn the_host_is_a_tag_unless_it_is_set_or_unwanted() {
    let host_of = |change: fn(ReporterBuilder) -> ReporterBuilder| {
        let shelf = Shelf::default();
        let builder = Reporter::builder(one_counter(), shelf.clone()).ignore_environment();
        change(builder).build().report_now().unwrap();
        shelf.batches()[0][0].tags().get("host").map(str::to_owned)
    };
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname");
    if let Ok(hostname) = hostname {
        assert_eq!(host_of(|builder| builder).as_deref(), Some(hostname.trim()));
    }
    assert_eq!(host_of(|builder| builder.tag("host", "own")).as_deref(), Some("own"));
    assert_eq!(host_of(|builder| builder.tag("host", "")).as_deref(), Some(""));
    assert_eq!(host_of(|builder| builder.host_tag(HostTag::Off)), None);
}

#[test]
fn a_failing_batch_does_not_keep_the_others_back() {
    let (registry, shelf) = (Registry::new(), Shelf::default());
    for n in 0..8 {
        registry.counter(format!("c{n}")).inc();
    }
    shelf.fail(1, ErrorKind::Unreachable);
    let (builder, errors) = told(reporter(&registry, &shelf).batch_points(3));
    let error = builder.build().report_now().unwrap_err();

    assert_eq!(shelf.sizes()[..3], [3, 3, 2]);
    assert_eq!((error.kind(), error.succeeded(), error.failed()), (ErrorKind::Unreachable, 5, 3));
    assert_eq!(errors.try_iter().count(), 1);
    assert_eq!(shelf.value("apptuit.reporter.send.total.count"), Some(8.0));
    assert_eq!(shelf.value("apptuit.reporter.send.successful.count"), Some(5.0));
    assert_eq!(shelf.value("apptuit.reporter.send.failed.count"), Some(3.0));
    assert_eq!(shelf.value("apptuit.reporter.send.time.count"), Some(3.0));
}

#[test]
fn a_failure_of_the_numbers_about_sending_hides_no_other() {
    let (registry, shelf) = (one_counter(), Shelf::default());
    shelf.fail(0, ErrorKind::Unauthorized);
    shelf.fail(1, ErrorKind::Server);
    let (builder, errors) = told(reporter(&registry, &shelf));
    let error = builder.build().report_now().unwrap_err();
    assert_eq!((error.kind(), error.failed()), (ErrorKind::Unauthorized, 1));
    let kinds: Vec<_> = errors.try_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [ErrorKind::Unauthorized, ErrorKind::Server]);
}

#[test]
fn a_metric_that_cannot_be_sent_is_told_and_the_rest_is_sent() {
    let (registry, shelf) = (one_counter(), Shelf::default());
    registry.counter("broken{\"a\"").inc();
    registry.gauge("never.set");
    let (builder, errors) = told(reporter(&registry, &shelf));
    let error = builder.build().report_now().unwrap_err();
    assert_eq!((error.kind(), error.failed()), (ErrorKind::Rejected, 1));
    assert!(error.rejected()[0].name().metric().contains("broken"), "{error:?}");
    assert_eq!(errors.try_iter().count(), 1);
    assert_eq!(shelf.value("orders.count"), Some(3.0));
    assert_eq!(shelf.value("never.set.value"), None);
}

#[test]
fn a_handler_that_panics_stops_nothing() {
    let (registry, shelf) = (one_counter(), Shelf::default());
    shelf.fail(0, ErrorKind::Server);
    let reporter = reporter(&registry, &shelf).on_error(|_| panic!("handler")).build();
    assert_eq!(reporter.report_now().unwrap_err().kind(), ErrorKind::Server);
    reporter.report_now().unwrap();
}

/// Panics at the first delivery.
struct Bomb(Shelf);

impl PointSink for Bomb {
    fn deliver(&self, points: &[DataPoint]) -> Result<()> {
        self.0.deliver(points)?;
        assert!(self.0.sizes().len() > 1, "first delivery");
        Ok(())
    }
}

#[test]
fn a_panic_in_a_report_is_told_and_the_next_report_comes() {
    let shelf = Shelf::default();
    let builder = Reporter::builder(one_counter(), Bomb(shelf.clone())).ignore_environment();
    let (builder, errors) = told(builder.interval(HOUR));
    let running = builder.build().start().unwrap();
    let (kind, text) = errors.recv_timeout(PATIENCE).unwrap();
    assert_eq!(kind, ErrorKind::Panicked);
    assert!(text.contains("first delivery"), "{text}");
    running.stop().unwrap();
    assert_eq!(shelf.value("orders.count"), Some(3.0));
}

/// The interval is an hour: what arrives is the first report and the last.
#[test]
fn the_first_report_comes_at_once_and_stopping_sends_what_came_after() {
    let (registry, shelf) = (Registry::new(), Shelf::default());
    let counter = registry.counter("orders");
    let reporter = reporter(&registry, &shelf).interval(HOUR).build();
    let running = reporter.start().unwrap();
    wait_for(|| shelf.sizes().len() == 2);
    assert_eq!(shelf.value("orders.count"), Some(0.0));
    counter.inc();
    running.stop().unwrap();
    assert_eq!(shelf.value("orders.count"), Some(1.0));
    assert_eq!(shelf.value("apptuit.reporter.send.total.count"), Some(2.0));

    counter.inc();
    let again = reporter.start().unwrap();
    let error = reporter.start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    drop(again);
    assert_eq!(shelf.value("orders.count"), Some(2.0));
}

#[test]
fn reports_come_again_and_again() {
    let (registry, shelf) = (one_counter(), Shelf::default());
    let running =
        reporter(&registry, &shelf).interval(Duration::from_millis(5)).build().start().unwrap();
    wait_for(|| shelf.sizes().len() >= 6);
    running.stop().unwrap();
    let sent = shelf.sizes().len();
    std::thread::sleep(Duration::from_millis(30));
    assert_eq!(shelf.sizes().len(), sent, "nothing is sent after the last report");
}

#[test]
fn an_interval_of_zero_is_refused() {
    let reporter = reporter(&one_counter(), &Shelf::default()).interval(Duration::ZERO).build();
    let error = reporter.start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("interval"), "{error}");
}

#[test]
fn stopping_does_not_wait_out_a_pause_between_tries() {
    let server = MockTransport::new();
    (0..99).for_each(|_| server.answer(Response::new(503, "").with_header("Retry-After", "50")));
    let client = client_of(&server).retry(RetryPolicy::exponential(9)).build().unwrap();
    let running = Reporter::builder(one_counter(), client)
        .ignore_environment()
        .on_error(|_| ())
        .stop_timeout(PATIENCE)
        .build()
        .start()
        .unwrap();
    wait_for(|| server.requests().len() == 1);
    let start = now();
    assert_eq!(running.stop().unwrap_err().kind(), ErrorKind::Server);
    assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
}

/// Delivers only when the test lets it.
struct Stuck(Interrupt);

impl PointSink for Stuck {
    fn deliver(&self, _: &[DataPoint]) -> Result<()> {
        self.0.wait(PATIENCE);
        Ok(())
    }
}

#[test]
fn stopping_is_bounded_when_a_delivery_hangs() {
    let release = Interrupt::new();
    let running = Reporter::builder(one_counter(), Stuck(release.clone()))
        .ignore_environment()
        .stop_timeout(Duration::from_millis(20))
        .build()
        .start()
        .unwrap();
    let error = running.stop().unwrap_err();
    release.trigger();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

pub(crate) fn wait_for(condition: impl Fn() -> bool) {
    let start = now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited too long");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[expect(clippy::disallowed_methods, reason = "threads are waited for in real time")]
fn now() -> Instant {
    Instant::now()
}

/// Whoever a report calls may be tempted to ask for one.
#[test]
fn a_report_inside_a_report_of_the_same_reporter_is_refused_instead_of_waiting_for_ever() {
    let (registry, shelf) = (one_counter(), Shelf::default());
    let reporter = Arc::new(reporter(&registry, &shelf).build());
    let (inside, outcomes) = channel();
    let same = Arc::downgrade(&reporter);
    registry.gauge_fn("nosy", move || {
        let outcome = same.upgrade().expect("it reports").report_now();
        inside.send(outcome.map_err(|error| error.to_string())).expect("the test listens");
        1.0
    });
    reporter.report_now().expect("the report itself is sent");
    let refused = outcomes.recv_timeout(PATIENCE).expect("the gauge was asked").unwrap_err();
    assert!(refused.contains("inside a report"), "{refused}");
    assert_eq!(shelf.value("nosy.value"), Some(1.0));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the time a handler would wait is what is tested")]
fn a_handler_that_stops_its_own_reporter_does_not_wait_for_itself() {
    let (registry, shelf) = (one_counter(), Shelf::default());
    shelf.fail(0, ErrorKind::Server);
    let running: Arc<Mutex<Option<apptuit::reporter::RunningReporter>>> = Arc::default();
    let (stopped, stops) = channel();
    let own = Arc::clone(&running);
    let built = reporter(&registry, &shelf).interval(HOUR).on_error(move |_| {
        // The reporter may fail before `start` has returned.
        for _ in 0..1000 {
            if let Some(running) = own.lock().expect("no panic").take() {
                let started = Instant::now();
                let result = running.stop().map_err(|error| error.to_string());
                stopped.send((result, started.elapsed())).expect("the test listens");
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    *running.lock().expect("no panic") = Some(built.build().start().expect("it starts"));
    let (result, took) = stops.recv_timeout(PATIENCE).expect("the handler was told");
    assert_eq!(result, Ok(()));
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn a_sink_that_panics_loses_only_the_batch_it_was_given() {
    #[derive(Clone, Default)]
    struct Moody(Shelf);
    impl PointSink for Moody {
        fn deliver(&self, points: &[DataPoint]) -> Result<()> {
            let delivered = self.0.deliver(points);
            assert_ne!(self.0.batches().len(), 2, "the second is one too many");
            delivered
        }
    }
    let registry = Registry::new();
    for n in 0..4 {
        registry.counter(format!("c{n}")).inc();
    }
    let sink = Moody::default();
    let reporter = Reporter::builder(registry, sink.clone())
        .ignore_environment()
        .host_tag(HostTag::Off)
        .on_error(|_| ())
        .batch_points(1)
        .build();
    let error = reporter.report_now().expect_err("a batch was lost");
    assert_eq!((error.succeeded(), error.failed()), (3, 1));
    assert_eq!(sink.0.sizes()[..4], [1, 1, 1, 1]);
}

#[test]
fn a_failure_to_send_its_own_numbers_is_told_but_fails_no_report() {
    let (registry, shelf) = (one_counter(), Shelf::default());
    shelf.fail(1, ErrorKind::Server);
    let (builder, errors) = told(reporter(&registry, &shelf));
    builder.build().report_now().expect("the data was sent");
    assert_eq!(errors.try_recv().expect("it was told").0, ErrorKind::Server);
}

#[test]
fn where_keys_become_one_by_cleaning_the_metrics_own_tag_wins() {
    let server = MockTransport::new();
    let registry = Registry::new();
    registry.counter(("orders", [("data.center", "own")])).inc();
    let client = client_of(&server).build().expect("a client");
    let builder = Reporter::builder(registry, client).ignore_environment().host_tag(HostTag::Off);
    let builder = builder.tag("data_center", "reporter").tag("service", "shop");
    builder.build().report_now().expect("it is sent");
    let tags = &json_of(&server.requests()[0])[0]["tags"];
    assert_eq!(*tags, serde_json::json!({"data_center": "own", "service": "shop"}));
}

#[test]
fn a_flush_says_what_was_delivered_and_is_bounded_when_a_delivery_hangs() {
    let (registry, shelf) = (one_counter(), Shelf::default());
    let reporter = reporter(&registry, &shelf).build();
    let flushed = reporter.flush(PATIENCE).unwrap();
    // A counter, and 18 points about the reporter.
    assert_eq!((flushed.delivered, flushed.is_complete()), (19, true));

    let release = Interrupt::new();
    let stuck = Reporter::builder(one_counter(), Stuck(release.clone())).ignore_environment();
    let stuck = stuck.build();
    let start = now();
    let flushed = stuck.flush(Duration::from_millis(20)).unwrap();
    assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
    assert_eq!((flushed.delivered, flushed.queued, flushed.is_complete()), (0, 1, false));
    release.trigger();
}

#[test]
fn points_that_fail_wait_for_sinks_of_ones_own_too() {
    let (registry, shelf) = (one_counter(), Shelf::default());
    shelf.fail(0, ErrorKind::Unreachable);
    let reporter = reporter(&registry, &shelf).on_error(|_| ()).build();
    reporter.report_now().unwrap_err();
    assert_eq!(reporter.ledger().queued(), 1);
    let failed = shelf.batches()[0].clone();
    assert!(reporter.flush(PATIENCE).unwrap().is_complete());
    assert_eq!(shelf.batches().last(), Some(&failed), "the same points at the same time");
}

/// An hour of sleep is one late report, and then the rhythm is kept again.
#[test]
fn a_reporter_does_not_catch_up_after_a_suspension() {
    let (registry, shelf, clock) = (one_counter(), Shelf::default(), ManualClock::new());
    let interval = Duration::from_millis(200);
    let running = reporter(&registry, &shelf)
        .interval(interval)
        .clock(clock.clone())
        .build()
        .start()
        .unwrap();
    wait_for(|| shelf.sizes().len() == 2);
    clock.advance(HOUR);
    wait_for(|| shelf.sizes().len() == 4);
    // The clock stands still: a report more would be one that was made up for.
    std::thread::sleep(2 * interval);
    assert_eq!(shelf.sizes().len(), 4);
    running.stop().unwrap();
}

#[test]
fn a_spool_needs_a_client() {
    let directory = tempfile::tempdir().unwrap();
    let builder = reporter(&one_counter(), &Shelf::default()).spool_dir(directory.path());
    let error = builder.build().report_now().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("a client"), "{error}");
}

#[test]
fn an_interval_can_be_changed_but_not_to_none() {
    let (shelf, clock) = (Shelf::default(), ManualClock::new());
    clock.set_timestamp(Timestamp::from_millis(61_900));
    let reporter = reporter(&one_counter(), &shelf).clock(clock).build();
    reporter.report_now().unwrap();
    let error = reporter.set_interval(Duration::ZERO).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    reporter.set_interval(Duration::from_millis(100)).unwrap();
    reporter.report_now().unwrap();
    // Frequent reports tell fractions of a second.
    let times = [0, 2].map(|batch: usize| shelf.batches()[batch][0].timestamp().as_millis());
    assert_eq!(times, [61_000, 61_900]);
}

#[test]
fn prefix_and_tags_can_be_changed_between_reports() {
    let shelf = Shelf::default();
    let reporter = reporter(&one_counter(), &shelf).prefix("old.").tag("env", "test").build();
    reporter.report_now().unwrap();
    reporter.set_prefix("new.");
    reporter.set_tags([("zone", "eu")]);
    reporter.report_now().unwrap();
    let batches = shelf.batches();
    assert_eq!(batches[0][0].metric(), "old.orders.count");
    for point in batches[2].iter().chain(&batches[3]) {
        assert!(point.metric().starts_with("new."), "{point:?}");
        assert_eq!((point.tags().get("env"), point.tags().get("zone")), (None, Some("eu")));
    }
}
