//! The reporter: when it reports, what it adds, and what it says of failures.
#![expect(clippy::float_cmp, reason = "counts and halves are exact")]

use std::collections::BTreeMap;
use std::sync::mpsc::channel;
use std::time::Duration;

use apptuit::client::{MockTransport, Response, TransportError};
use apptuit::metrics::Registry;
use apptuit::reporter::{HostTag, ProcessMetrics, ReporterBuilder};
use apptuit::{Error, ErrorKind, Reporter, RetryPolicy, Sanitizer, Tags};

use super::{World, names, sent, with_variables};
use crate::reporter::wait_for;
use crate::{client_of, skip};

/// What the service says of a batch with one bad point in it.
const REFUSAL: &str = r#"{"success":1,"failed":1,"errors":[{"datapoint":
    {"metric":"b_count","timestamp":1,"value":"x","tags":{"service":"shop"}},
    "error":"Unable to parse value to a number"}]}"#;

fn two_counters() -> Registry {
    let registry = Registry::new();
    registry.counter("a").inc();
    registry.counter("b").inc();
    registry
}

/// A reporter to `server` that knows nothing of its surroundings.
fn reporter(server: &MockTransport, registry: &Registry) -> ReporterBuilder {
    let client = client_of(server).build().expect("a client");
    let builder = Reporter::builder(registry.clone(), client);
    builder.ignore_environment().host_tag(HostTag::Off).tag("service", "shop")
}

/// The tags of the first point that was put.
fn first_tags(server: &MockTransport) -> BTreeMap<String, String> {
    sent(server).remove(0).1
}

/// In place of two Python modules: the reporter is in the crate's root and in a module of its own.
#[test]
fn f13_the_reporter_is_found_in_two_places() {
    fn same<T>(_: fn(&T), _: fn(&T)) {}
    same::<Reporter>(|_: &apptuit::Reporter| {}, |_: &apptuit::reporter::Reporter| {});
}

#[test]
fn f14_a_reporter_is_told_all_that_the_readme_names() {
    let server = MockTransport::new();
    // Token, sanitizer and retries are those of its client.
    let client =
        client_of(&server).sanitizer(Sanitizer::Apptuit).retry(RetryPolicy::exponential(2));
    let registry = two_counters();
    let reporter = Reporter::builder(registry, client.build().unwrap())
        .interval(Duration::from_mins(1))
        .prefix("my.")
        .tags([("region", "us")])
        .process_metrics(ProcessMetrics::new())
        .host_tag(HostTag::Off)
        .on_error(|_| {})
        .ignore_environment()
        .build();
    reporter.report_now().unwrap();
    let sent = names(&server.requests()[0]);
    assert!(sent.iter().any(|(metric, _)| metric == "my.a.count"), "{sent:?}");
    assert!(sent.iter().any(|(metric, _)| metric.starts_with("my.process.cpu")), "{sent:?}");
    assert!(sent.iter().all(|(_, tags)| tags["region"] == "us"));
}

#[test]
fn f19_tags_of_the_environment_are_combined_with_the_reporters_which_win() {
    let test = concat!(
        module_path!(),
        "::f19_tags_of_the_environment_are_combined_with_the_reporters_which_win"
    );
    with_variables(test, &[("APPTUIT_TAGS", "a: env, b: env")], || {
        let server = MockTransport::new();
        let client = client_of(&server).build().unwrap();
        let builder = Reporter::builder(two_counters(), client).host_tag(HostTag::Off);
        builder.tag("b", "reporter").build().report_now().unwrap();
        let expected = [("a", "env"), ("b", "reporter")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(first_tags(&server), expected.into());
    });
}

#[test]
fn f21_a_started_reporter_reports_every_interval_on_its_own() {
    let server = MockTransport::new();
    let builder = reporter(&server, &two_counters()).interval(Duration::from_millis(20));
    let running = builder.build().start().unwrap();
    // Two requests a report: the metrics, and the numbers about sending.
    wait_for(|| server.requests().len() >= 6);
    running.stop().unwrap();
}

#[test]
fn f22_failures_of_the_server_and_of_the_connection_are_retried() {
    let server = MockTransport::new();
    server.answer(Response::new(500, ""));
    server.fail(TransportError::new(ErrorKind::Unreachable, "reset"));
    let policy = RetryPolicy::exponential(2).base_pause(Duration::from_micros(1));
    let client = client_of(&server).retry(policy).build().unwrap();
    Reporter::builder(two_counters(), client).ignore_environment().build().report_now().unwrap();
    let requests = server.requests();
    let tries = requests.iter().filter(|request| request.body() == requests[0].body());
    assert_eq!(tries.count(), 3);
}

#[test]
fn f23_a_stopped_reporter_reports_no_more() {
    let server = MockTransport::new();
    let interval = Duration::from_millis(10);
    let running = reporter(&server, &two_counters()).interval(interval).build().start().unwrap();
    wait_for(|| server.requests().len() >= 2);
    running.stop().unwrap();
    let before = server.requests().len();
    std::thread::sleep(interval * 10);
    assert_eq!(server.requests().len(), before);
}

#[test]
fn f31_reports_can_be_made_without_a_thread() {
    let world = World::new();
    world.reporter(&two_counters()).build().report_now().unwrap();
    assert_eq!(world.value("a_count"), 1.0);
}

/// What is told of a report that `server` answers with a refusal of one of two points.
fn told(server: &MockTransport, keep: impl Fn(&Error) + Send + Sync + 'static) {
    server.answer(Response::new(400, REFUSAL));
    let builder = reporter(server, &two_counters()).on_error(keep);
    builder.build().report_now().expect_err("a point was refused");
}

#[test]
fn f32_a_handler_is_told_status_counts_and_errors() {
    let (sender, told_of) = channel();
    told(&MockTransport::new(), move |error| {
        let reasons = error.rejected().iter().map(|one| one.reason().to_owned());
        let counts = (error.status(), error.succeeded(), error.failed());
        sender.send((counts, reasons.collect::<Vec<_>>())).unwrap();
    });
    let (counts, reasons) = told_of.recv().unwrap();
    assert_eq!(counts, (Some(400), 1, 1));
    assert_eq!(reasons, ["Unable to parse value to a number"]);
}

#[test]
fn f33_failures_are_told_to_standard_error_by_default() {
    let test = concat!(module_path!(), "::f33_failures_are_told_to_standard_error_by_default");
    let output = with_variables(test, &[], || {
        let server = MockTransport::new();
        server.answer(Response::new(400, REFUSAL));
        reporter(&server, &two_counters()).build().report_now().unwrap_err();
    });
    if let Some(output) = output {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("apptuit reporter: 1 of 2 points was refused"), "{said}");
        assert!(said.contains("Unable to parse value to a number"), "{said}");
    }
}

#[test]
fn f34_a_handler_may_do_nothing() {
    let test = concat!(module_path!(), "::f34_a_handler_may_do_nothing");
    let output = with_variables(test, &[], || told(&MockTransport::new(), |_| {}));
    if let Some(output) = output {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("apptuit"), "{said}");
    }
}

/// In place of `functools.partial`: a closure of a function and its first argument.
#[test]
fn f35_a_handler_may_be_a_function_with_an_argument_of_its_own() {
    let (sender, told_of) = channel();
    let handle = |name: &str, error: &Error| format!("{name}: {}", error.failed());
    let name = String::from("shop");
    told(&MockTransport::new(), move |error| sender.send(handle(&name, error)).unwrap());
    assert_eq!(told_of.recv().as_deref(), Ok("shop: 1"));
}

#[test]
fn f36_a_handler_may_be_a_closure_and_an_error_prints_itself() {
    let (sender, told_of) = channel();
    told(&MockTransport::new(), move |error| sender.send(error.to_string()).unwrap());
    let text = told_of.recv().unwrap();
    assert!(text.contains("1 of 2 points was refused"), "{text}");
    assert!(text.ends_with(": Unable to parse value to a number"), "{text}");
}

#[test]
fn f37_tags_of_the_reporter_are_on_all_its_metrics() {
    let server = MockTransport::new();
    reporter(&server, &two_counters()).build().report_now().unwrap();
    let sent = sent(&server);
    assert!(sent.iter().any(|(metric, _)| metric == "a_count"));
    assert!(sent.iter().any(|(metric, _)| metric == "apptuit_reporter_send_total_count"));
    assert!(sent.iter().all(|(_, tags)| tags["service"] == "shop"));
}

/// A reporter that asks for its surroundings.
fn at_home(server: &MockTransport) -> ReporterBuilder {
    Reporter::builder(two_counters(), client_of(server).build().expect("a client"))
}

#[test]
fn f41_the_name_of_the_machine_is_the_tag_host() {
    let test = concat!(module_path!(), "::f41_the_name_of_the_machine_is_the_tag_host");
    let Ok(name) = std::fs::read_to_string("/proc/sys/kernel/hostname") else {
        return skip("no /proc/sys/kernel/hostname to compare with");
    };
    with_variables(test, &[], || {
        let server = MockTransport::new();
        at_home(&server).build().report_now().unwrap();
        assert_eq!(first_tags(&server)["host"], name.trim_end());
    });
}

#[test]
fn f42_a_tag_of_the_reporter_replaces_the_host() {
    let test = concat!(module_path!(), "::f42_a_tag_of_the_reporter_replaces_the_host");
    with_variables(test, &[], || {
        let server = MockTransport::new();
        at_home(&server).tag("host", "chosen").build().report_now().unwrap();
        assert_eq!(first_tags(&server)["host"], "chosen");
    });
}

#[test]
fn f43_a_tag_of_the_environment_replaces_the_host() {
    let test = concat!(module_path!(), "::f43_a_tag_of_the_environment_replaces_the_host");
    with_variables(test, &[("APPTUIT_TAGS", "host: from-env")], || {
        let server = MockTransport::new();
        at_home(&server).build().report_now().unwrap();
        assert_eq!(first_tags(&server)["host"], "from-env");
    });
}

#[test]
fn f44_the_host_can_be_left_out() {
    let server = MockTransport::new();
    reporter(&server, &two_counters()).host_tag(HostTag::Off).build().report_now().unwrap();
    assert!(sent(&server).iter().all(|(_, tags)| !tags.contains_key("host")));
}

#[test]
fn f45_the_host_can_be_left_out_by_the_environment() {
    let test = concat!(module_path!(), "::f45_the_host_can_be_left_out_by_the_environment");
    with_variables(test, &[("APPTUIT_DISABLE_HOST_TAG", "True")], || {
        let server = MockTransport::new();
        at_home(&server).tag("service", "shop").build().report_now().unwrap();
        assert!(sent(&server).iter().all(|(_, tags)| !tags.contains_key("host")));
    });
}

/// A world with two reports behind it, of which two of three points each time are good.
fn after_two_reports() -> World {
    let world = World::new();
    let registry = two_counters();
    // Refused: it has too many tags.
    let tags: Tags = (0..26).map(|n| (format!("k{n}"), "v")).collect();
    registry.counter(("bad", tags)).inc();
    let reporter = world.reporter(&registry).on_error(|_| {}).build();
    reporter.report_now().expect_err("one is refused");
    reporter.report_now().expect_err("one is refused");
    world
}

#[test]
fn f49_the_points_sent_are_counted() {
    assert_eq!(after_two_reports().value("apptuit_reporter_send_total_count"), 6.0);
}

#[test]
fn f50_the_points_sent_with_success_are_counted() {
    assert_eq!(after_two_reports().value("apptuit_reporter_send_successful_count"), 4.0);
}

#[test]
fn f51_the_points_that_failed_are_counted() {
    assert_eq!(after_two_reports().value("apptuit_reporter_send_failed_count"), 2.0);
}

#[test]
fn f52_the_time_of_sending_is_measured() {
    let world = after_two_reports();
    let value = |field: &str| world.value(&format!("apptuit_reporter_send_time_{field}"));
    assert!(value("count") >= 2.0);
    assert!(value("min") > 0.0 && value("min") <= value("avg") && value("avg") <= value("max"));
    assert!(value("sum") >= value("max") && value("99_percentile") > 0.0);
}

#[test]
fn f65_tags_of_the_metric_win_over_the_reporters_and_those_over_the_environments() {
    let test = concat!(
        module_path!(),
        "::f65_tags_of_the_metric_win_over_the_reporters_and_those_over_the_environments"
    );
    let variables = [("APPTUIT_TAGS", "a: env, b: env, c: env")];
    with_variables(test, &variables, || {
        let server = MockTransport::new();
        let registry = Registry::new();
        registry.counter(("m", [("a", "metric")])).inc();
        let client = client_of(&server).build().unwrap();
        let builder = Reporter::builder(registry, client).host_tag(HostTag::Off);
        builder.tags([("a", "reporter"), ("b", "reporter")]).build().report_now().unwrap();
        let expected = [("a", "metric"), ("b", "reporter"), ("c", "env")];
        assert_eq!(first_tags(&server), expected.map(|(k, v)| (k.into(), v.into())).into());
    });
}

#[test]
fn f76_failures_of_a_started_reporter_are_told_with_status_counts_and_reasons() {
    let server = MockTransport::new();
    server.answer(Response::new(400, REFUSAL));
    let (sender, told_of) = channel();
    let builder = reporter(&server, &two_counters()).on_error(move |error| {
        let reasons = error.rejected().iter().map(|one| one.reason().to_owned());
        let counts = (error.status(), error.succeeded(), error.failed());
        sender.send((counts, reasons.collect::<Vec<_>>())).unwrap();
    });
    let running = builder.build().start().unwrap();
    let (counts, reasons) = told_of.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(counts, (Some(400), 1, 1));
    assert_eq!(reasons, ["Unable to parse value to a number"]);
    running.stop().unwrap();
}
