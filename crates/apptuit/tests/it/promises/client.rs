//! The client: what it is told, and what it does to names and tags.

use std::collections::BTreeMap;

use apptuit::client::{MockTransport, Response};
use apptuit::{Client, ClientBuilder, DataPoint, ErrorKind, Sanitizer, Tags, TimeRange, Timestamp};

use super::{World, sent, with_variables};
use crate::{client_of, point};

fn tags<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// A client that reads its environment and speaks to `server`.
fn client_here(server: &MockTransport) -> ClientBuilder {
    Client::builder().endpoint("http://server.test").transport(server.clone())
}

fn named(metric: &str, tags: impl Into<Tags>) -> DataPoint {
    DataPoint::new((metric, tags), Timestamp::from_secs(60), 1.0)
}

/// In place of `pip install apptuit`: the crate `apptuit`, which is used under that name.
#[test]
fn f01_the_package_is_called_apptuit_and_used_by_that_name() {
    let manifest = include_str!("../../../Cargo.toml");
    assert!(manifest.contains("\nname = \"apptuit\"\n"));
    assert!(std::any::type_name::<Client>().starts_with("apptuit::"));
}

/// In place of installed dependencies: what is not needed to send and to ask is behind features
/// that are off, data frames among them.
#[test]
fn f02_data_frame_libraries_are_not_required() {
    let manifest = include_str!("../../../Cargo.toml");
    assert!(manifest.contains("\ndefault = [\"tls\"]\n"));
    for library in ["arrow-array", "arrow-buffer", "arrow-schema", "tokio"] {
        let mut lines =
            manifest.lines().filter(|line| line.starts_with(&format!("{library} = {{")));
        assert!(lines.any(|line| line.contains("optional = true")), "{library}");
    }
}

#[test]
fn f03_a_client_is_told_token_global_tags_and_sanitizer() {
    let builder = Client::builder().token("t").ignore_environment().endpoint("http://x");
    let client = builder.global_tag("a", "1").sanitizer(Sanitizer::Apptuit).build().unwrap();
    assert_eq!(client.global_tags(), &Tags::from([("a", "1")]));
    assert_eq!(client.sanitizer(), Sanitizer::Apptuit);
}

#[test]
fn f04_the_token_is_in_every_call() {
    let server = MockTransport::new();
    let client = client_of(&server).build().unwrap();
    client.send(&[point("a")]).unwrap();
    server.answer(Response::new(200, r#"{"outputs":[]}"#));
    client.query("fetch('a')", TimeRange::ALL).unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!(request.header("authorization"), Some("Bearer s3cret"));
    }
}

#[test]
fn f05_global_tags_are_on_all_data_and_need_not_be() {
    let world = World::new();
    let client = crate::end_to_end::client(&world.running);
    client.send(&[named("bare", [("k", "v")])]).unwrap();
    let builder = Client::builder().token("t").endpoint(&world.running.endpoint);
    let client = builder.ignore_environment().global_tags([("dc", "blr"), ("k", "g")]).build();
    let client = client.unwrap();
    client.send(&[named("tagged", [("k", "v")]), named("only_global", Tags::new())]).unwrap();
    assert_eq!(world.series("bare")[0].tags(), &Tags::from([("k", "v")]));
    assert_eq!(world.series("tagged")[0].tags(), &Tags::from([("dc", "blr"), ("k", "v")]));
    assert_eq!(world.series("only_global")[0].tags(), &Tags::from([("dc", "blr"), ("k", "g")]));
}

#[test]
fn f06_names_are_left_alone_when_that_is_asked_for() {
    let server = MockTransport::new();
    let client = client_of(&server).sanitizer(Sanitizer::Off).build().unwrap();
    client.send(&[named("a__b.c-d", [("k__1.x", "v")])]).unwrap();
    assert_eq!(sent(&server), [("a__b.c-d".to_owned(), tags([("k__1.x", "v")]))]);
    let error = client.send(&[named("a b", [("k", "v")])]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
}

#[test]
fn f07_the_apptuit_rule_keeps_letters_of_any_script_and_some_signs() {
    let server = MockTransport::new();
    let client = client_of(&server).sanitizer(Sanitizer::Apptuit).build().unwrap();
    client.send(&[named("日本/cpu-load.1_m b:c", [("k é", "v")])]).unwrap();
    assert_eq!(sent(&server), [("日本/cpu-load.1_m_b_c".to_owned(), tags([("k_é", "v")]))]);
}

#[test]
fn f08_the_prometheus_rule_keeps_ascii_letters_digits_and_underscores() {
    let server = MockTransport::new();
    let client = client_of(&server).sanitizer(Sanitizer::Prometheus).build().unwrap();
    client.send(&[named("7&&cpu-time/日", [("k.é", "v")])]).unwrap();
    assert_eq!(sent(&server), [("_7_cpu_time_".to_owned(), tags([("k_", "v")]))]);
}

#[test]
fn f09_values_of_tags_are_left_alone() {
    let server = MockTransport::new();
    let client = client_of(&server).build().unwrap();
    client.send(&[named("a.b", [("k.l", "a.b c/é\n\"😀")])]).unwrap();
    assert_eq!(sent(&server), [("a_b".to_owned(), tags([("k_l", "a.b c/é\n\"😀")]))]);
}

#[test]
fn f10_the_endpoint_can_be_chosen_and_is_the_services_by_default() {
    let builder = || Client::builder().token("t").ignore_environment();
    let client = builder().endpoint("http://127.0.0.1:4242/").build().unwrap();
    assert_eq!(client.endpoint(), "http://127.0.0.1:4242");
    if cfg!(feature = "tls") {
        assert_eq!(builder().build().unwrap().endpoint(), "https://api.apptuit.ai");
    }
}

#[test]
fn f11_tags_of_the_environment_are_taken_unless_they_are_to_be_ignored() {
    let test = concat!(
        module_path!(),
        "::f11_tags_of_the_environment_are_taken_unless_they_are_to_be_ignored"
    );
    with_variables(test, &[("APPTUIT_TAGS", "env: yes")], || {
        let server = MockTransport::new();
        let builder = || client_here(&server).token("t");
        let taken = builder().build().unwrap();
        assert_eq!(taken.global_tags(), &Tags::from([("env", "yes")]));
        assert!(builder().ignore_environment_tags().build().unwrap().global_tags().is_empty());
        assert!(builder().ignore_environment().build().unwrap().global_tags().is_empty());
    });
}

#[test]
fn f12_a_client_sends_points_and_series_and_asks() {
    let world = World::new();
    world.client.send(&[point("points")]).unwrap();
    let series = apptuit::TimeSeries::from_points(
        ("series", [("k", "v")]),
        [(Timestamp::from_secs(60), 2.5)],
    );
    world.client.send_series(&[series]).unwrap();
    assert_eq!((world.value("points"), world.value("series")), (1.5, 2.5));
}

#[test]
fn f15_the_token_may_come_from_the_environment() {
    let test = concat!(module_path!(), "::f15_the_token_may_come_from_the_environment");
    with_variables(test, &[("APPTUIT_API_TOKEN", "from-outside")], || {
        let server = MockTransport::new();
        let of = |n: usize| {
            let requests = server.requests();
            requests[n].header("authorization").map(str::to_owned)
        };
        let client = client_here(&server).build().unwrap();
        client.send(&[point("a")]).unwrap();
        assert_eq!(of(0).as_deref(), Some("Bearer from-outside"));
        let registry = apptuit::metrics::Registry::new();
        registry.counter("c").inc();
        apptuit::Reporter::builder(registry, client).build().report_now().unwrap();
        assert_eq!(of(1).as_deref(), Some("Bearer from-outside"));
        let given = client_here(&server).token("given").build().unwrap();
        let before = server.requests().len();
        given.send(&[point("a")]).unwrap();
        assert_eq!(of(before).as_deref(), Some("Bearer given"));
    });
}

#[test]
fn f16_without_a_token_there_is_no_client() {
    let test = concat!(module_path!(), "::f16_without_a_token_there_is_no_client");
    with_variables(test, &[], || {
        let error = Client::builder().endpoint("http://x").build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("APPTUIT_API_TOKEN"), "{error}");
    });
}

#[test]
fn f17_without_global_tags_those_of_the_environment_are_used() {
    let test =
        concat!(module_path!(), "::f17_without_global_tags_those_of_the_environment_are_used");
    with_variables(test, &[("APPTUIT_TAGS", "dc: blr")], || {
        let server = MockTransport::new();
        client_here(&server).token("t").build().unwrap().send(&[point("a")]).unwrap();
        assert_eq!(sent(&server), [("a".to_owned(), tags([("dc", "blr"), ("host", "a")]))]);
    });
}

#[test]
fn f18_tags_of_the_environment_are_keys_and_values_with_or_without_blanks() {
    let test = concat!(
        module_path!(),
        "::f18_tags_of_the_environment_are_keys_and_values_with_or_without_blanks"
    );
    with_variables(test, &[("APPTUIT_TAGS", " a:b,c : d , é: f g,, ")], || {
        let client = client_here(&MockTransport::new()).token("t").build().unwrap();
        assert_eq!(client.global_tags(), &Tags::from([("a", "b"), ("c", "d"), ("é", "f g")]));
    });
    // No tags from anywhere are fine too.
    assert!(client_of(&MockTransport::new()).build().unwrap().global_tags().is_empty());
}

#[test]
fn f20_with_global_tags_those_of_the_environment_are_not_used() {
    let test =
        concat!(module_path!(), "::f20_with_global_tags_those_of_the_environment_are_not_used");
    with_variables(test, &[("APPTUIT_TAGS", "dc: blr, env: yes")], || {
        let builder = client_here(&MockTransport::new()).token("t").global_tag("dc", "nyc");
        assert_eq!(builder.build().unwrap().global_tags(), &Tags::from([("dc", "nyc")]));
    });
}

#[test]
fn f46_names_may_be_of_any_script_and_values_are_any_text() {
    let world = World::new();
    let builder = Client::builder().token("t").endpoint(&world.running.endpoint);
    let client = builder.ignore_environment().sanitizer(Sanitizer::Apptuit).build().unwrap();
    let value = "any: text, {at} \"all\"\n\t😀";
    client.send(&[named("日本.é-x_y/1", [("ключ.a-b_c/d", value)])]).unwrap();
    let series = world.series("日本.é-x_y/1");
    assert_eq!(series[0].tags(), &Tags::from([("ключ.a-b_c/d", value)]));
}

#[test]
fn f47_what_the_prometheus_rule_gives_is_a_prometheus_name() {
    let server = MockTransport::new();
    let client = client_of(&server).build().unwrap();
    let names = ["cpu.load", "7days", "日本", "a b", "_", "é", "a-b/c:d", "½", "__x", "٣"];
    let points: Vec<_> = names.iter().map(|name| named(name, [(*name, "v")])).collect();
    client.send(&points).unwrap();
    let is_name = |name: &str| {
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        starts && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let sent = sent(&server);
    assert_eq!(sent.len(), names.len());
    for (metric, tags) in sent {
        assert!(is_name(&metric) && tags.keys().all(|key| is_name(key)), "{metric} {tags:?}");
    }
}

#[test]
fn f48_a_point_has_at_most_25_tags() {
    let world = World::new();
    let tagged = |metric: &str, n: usize| {
        let tags: Tags = (0..n).map(|n| (format!("k{n:02}"), "v")).collect();
        named(metric, tags)
    };
    let points = [tagged("fits", 25), tagged("does_not", 26)];
    let error = world.client.send(&points).unwrap_err();
    assert_eq!((error.kind(), error.succeeded(), error.failed()), (ErrorKind::Rejected, 1, 1));
    assert!(error.rejected()[0].reason().contains("25"), "{error}");
    assert_eq!(world.series("fits")[0].tags().len(), 25);
    assert!(world.series("does_not").is_empty());
}
