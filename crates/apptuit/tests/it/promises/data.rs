//! Points and series by hand, and queries.

use std::time::Duration;

use apptuit::client::{MockTransport, Response, TransportError};
use apptuit::{
    Client, DataPoint, ErrorKind, RetryPolicy, TimeRange, TimeSeries, Timestamp, decode_metric,
    encode_metric,
};

use super::{World, with_variables};
use crate::{client_of, point};

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

/// Fails twice for passing reasons, then gives `answer`.
fn troubled(answer: Response) -> (MockTransport, Client) {
    let server = MockTransport::new();
    server.answer(Response::new(500, ""));
    server.fail(TransportError::new(ErrorKind::Unreachable, "reset"));
    server.answer(answer);
    let policy = RetryPolicy::exponential(3).base_pause(Duration::from_micros(1));
    let client = client_of(&server).retry(policy).build().expect("a client");
    (server, client)
}

#[test]
fn f66_points_are_made_of_metric_tags_time_and_value_and_sent_as_a_list() {
    let world = World::new();
    let points: Vec<_> =
        (0..3).map(|n| DataPoint::new(("load", [("host", "a")]), at(60 + n), 0.5)).collect();
    world.client.send(&points).unwrap();
    let series = world.series("load");
    assert_eq!(series[0].points().collect::<Vec<_>>(), points);
}

#[test]
fn f67_sending_is_retried_after_failures_of_server_and_connection() {
    let (server, client) = troubled(Response::new(204, ""));
    client.send(&[point("a")]).unwrap();
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn f68_a_series_takes_points_unchecked_and_many_go_at_once() {
    let world = World::new();
    let mut series = TimeSeries::new(("load", [("host", "a")]));
    for n in 0..50_500 {
        series.push(at(n), n as f64);
    }
    world.client.send_series(&[series.clone()]).unwrap();
    assert_eq!(world.series("load"), [series]);
}

#[test]
fn f69_a_series_is_filled_again_and_again_and_a_fresh_one_begun_after_sending() {
    let world = World::new();
    let mut series = TimeSeries::new(("load", [("host", "a")]));
    series.push(at(1), 1.0);
    series.push(at(2), 2.0);
    world.client.send_series(&[series.clone()]).unwrap();
    let mut series = TimeSeries::new(series.name());
    series.push(at(3), 3.0);
    world.client.send_series(&[series]).unwrap();
    assert_eq!(world.series("load")[0].values(), [1.0, 2.0, 3.0]);
}

#[test]
fn f70_a_query_has_a_start_and_is_retried() {
    let (server, client) = troubled(Response::new(200, r#"{"outputs":[]}"#));
    let answer = client.query("fetch('a')", TimeRange::new(at(60), at(120))).unwrap();
    assert!(answer.is_empty());
    assert_eq!((answer.start(), answer.end()), (at(60), at(120)));
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests[2].url().contains("start=60&end=120&q="), "{}", requests[2].url());
}

/// Two series with a hole each, and the answer to a query of theirs and of one with no points then.
fn asked() -> apptuit::QueryResult {
    let world = World::new();
    let series = [("a", [1, 2]), ("b", [2, 3])].map(|(host, secs)| {
        let points = secs.map(|secs| (at(secs), secs as f64));
        TimeSeries::from_points(("load", [("host", host)]), points)
    });
    world.client.send_series(&series).expect("they are sent");
    let late = DataPoint::new(("late", [("host", "a")]), at(120), 1.0);
    world.client.send(&[late]).expect("it is sent");
    let query = "nothing = fetch('late'); load = fetch('load'); output(nothing, load)";
    world.client.query(query, TimeRange::new(at(0), at(60))).expect("an answer")
}

/// The frame of [`asked`]: three rows, two columns, a hole in each.
fn check(frame: &apptuit::Frame) {
    assert_eq!(frame.timestamps(), [1, 2, 3].map(at));
    assert_eq!(frame.columns(), ["load{host:a}", "load{host:b}"]);
    let bits = |n: usize| frame.column(n).iter().map(|cell| cell.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(0), [1.0, 2.0, f64::NAN].map(f64::to_bits));
    assert_eq!(bits(1), [f64::NAN, 2.0, 3.0].map(f64::to_bits));
}

#[test]
fn f71_an_output_is_found_by_its_place_among_those_with_series_and_becomes_a_frame() {
    let answer = asked();
    check(&answer[0].to_frame());
    assert!(answer.get(1).is_none());
}

#[test]
fn f72_an_output_is_found_by_its_name_and_becomes_a_frame() {
    let answer = asked();
    check(&answer["load"].to_frame());
    // Neither an output without series nor an unknown one is made up.
    assert!(answer.get("nothing").is_none() && answer.get("unknown").is_none());
    assert_eq!(answer.len(), 1);
}

/// In place of pandas, which is needed there for a frame: a frame is here without any library, also
/// as text and as CSV.
#[test]
fn f73_a_frame_needs_no_library() {
    let frame = asked()[0].to_frame();
    let mut csv = Vec::new();
    frame.write_csv(&mut csv).unwrap();
    let lines = ["timestamp,load{host:a},load{host:b}", "1,1.0,", "2,2.0,2.0", "3,,3.0", ""];
    assert_eq!(String::from_utf8(csv).unwrap(), lines.join("\r\n"));
    assert!(frame.to_string().ends_with("3 rows, 2 columns"));
}

#[test]
fn f74_a_program_can_be_configured_by_its_environment_alone() {
    let test =
        concat!(module_path!(), "::f74_a_program_can_be_configured_by_its_environment_alone");
    let variables = [
        ("APPTUIT_API_TOKEN", "from-outside"),
        ("APPTUIT_API_ENDPOINT", "http://127.0.0.1:4243"),
        ("APPTUIT_TAGS", "dc: blr"),
    ];
    with_variables(test, &variables, || {
        let server = MockTransport::new();
        let client = Client::builder().transport(server.clone()).build().unwrap();
        client.send(&[point("a")]).unwrap();
        let request = server.requests().remove(0);
        assert!(request.url().starts_with("http://127.0.0.1:4243/api/put"));
        assert_eq!(request.header("authorization"), Some("Bearer from-outside"));
        assert_eq!(client.global_tags().get("dc"), Some("blr"));
    });
}

#[test]
fn f75_what_is_used_every_day_is_in_the_root_of_the_crate() {
    fn named<T>() -> &'static str {
        std::any::type_name::<T>()
    }
    let types = [
        named::<apptuit::Error>(),
        named::<apptuit::Client>(),
        named::<apptuit::DataPoint>(),
        named::<apptuit::TimeSeries>(),
        named::<apptuit::TimeSeriesName>(),
    ];
    assert!(types.iter().all(|name| name.starts_with("apptuit")), "{types:?}");
    let name = decode_metric(&encode_metric("m", &apptuit::Tags::from([("k", "v")]))).unwrap();
    assert_eq!(name.tags().get("k"), Some("v"));
}
