//! What becomes of every point of a body, whatever the server says of it.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apptuit::client::{
    Body, ContentEncoding, Delivery, Interrupt, MockTransport, PackEffort, Request, Response,
    Transport, TransportError,
};
use apptuit::metrics::ManualClock;
use apptuit::{Client, DataPoint, ErrorKind, RetryPolicy, TimeSeries, Timestamp};

use crate::{client_of, json_of, point};

const BUDGET: Duration = Duration::from_secs(10);

/// A server that judges each body by itself, and remembers what it took.
#[derive(Clone, Debug)]
struct Judge {
    verdict: fn(&[String]) -> Response,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Metrics of each request, in order.
    bodies: Vec<Vec<String>>,
    keys: Vec<String>,
    taken: Vec<String>,
}

impl Judge {
    fn new(verdict: fn(&[String]) -> Response) -> Self {
        Self { verdict, seen: Arc::default() }
    }

    fn client(&self) -> Client {
        client_of(&MockTransport::new()).transport(self.clone()).build().expect("a client")
    }

    fn requests(&self) -> usize {
        self.seen.lock().expect("no panic").bodies.len()
    }
}

impl Transport for Judge {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let body = json_of(request);
        let points = body.as_array().expect("an array");
        let metrics: Vec<_> =
            points.iter().map(|one| one["metric"].as_str().expect("a name").to_owned()).collect();
        let answer = (self.verdict)(&metrics);
        let mut seen = self.seen.lock().expect("no panic");
        seen.keys.push(request.header("idempotency-key").expect("a key").to_owned());
        if answer.status() < 300 {
            seen.taken.extend(metrics.iter().cloned());
        }
        seen.bodies.push(metrics);
        Ok(answer)
    }
}

fn silent_about_bad_ones(metrics: &[String]) -> Response {
    let bad = metrics.iter().any(|metric| metric.starts_with("bad"));
    Response::new(if bad { 400 } else { 204 }, "")
}

fn ten_at_most(metrics: &[String]) -> Response {
    Response::new(if metrics.len() > 10 { 413 } else { 204 }, "")
}

/// Points `m0`, `m1`, …, those of `bad` called `bad…`.
fn numbered(count: usize, bad: &[usize]) -> Vec<DataPoint> {
    let name = |n: &usize| if bad.contains(n) { format!("bad{n}") } else { format!("m{n}") };
    (0..count).map(|n| point(&name(&n))).collect()
}

fn packed(client: &Client, points: &[DataPoint]) -> Body {
    let mut packed = client.pack(points);
    assert_eq!((packed.bodies.len(), packed.rejected.len()), (1, 0));
    packed.bodies.remove(0)
}

fn accounted_for(delivery: &Delivery) -> u64 {
    let failed: u64 = delivery.failures.iter().map(|failure| failure.body.points()).sum();
    delivery.kept + delivery.refused + failed
}

#[test]
fn a_refusal_that_names_nobody_is_halved_until_the_bad_point_is_alone() {
    let judge = Judge::new(silent_about_bad_ones);
    let error = judge.client().send(&numbered(60, &[17])).unwrap_err();
    assert_eq!((error.kind(), error.succeeded(), error.failed()), (ErrorKind::Rejected, 59, 1));
    assert_eq!(error.status(), Some(400));
    let rejection = &error.rejected()[0];
    assert_eq!((rejection.index(), rejection.name().metric()), (Some(17), "bad17"));
    assert_eq!(rejection.reason(), "the server refuses it without saying why");
    let seen = judge.seen.lock().unwrap();
    let taken: BTreeSet<_> = seen.taken.iter().collect();
    assert_eq!((seen.taken.len(), taken.len()), (59, 59));
}

/// Six halvings make 64 parts of 1000 points: 15 or 16 in each.
#[test]
fn a_refusal_is_halved_six_times_and_no_further() {
    let judge = Judge::new(silent_about_bad_ones);
    let error = judge.client().send(&numbered(1000, &[500])).unwrap_err();
    let refused = usize::try_from(error.failed()).unwrap();
    assert!((15..=16).contains(&refused), "{refused}");
    assert_eq!((error.rejected().len(), error.succeeded()), (refused, 1000 - error.failed()));
    assert!(error.rejected().iter().any(|one| one.name().metric() == "bad500"));
    assert!(error.rejected()[0].reason().contains("neighbours"), "{error}");
    // One request of the whole, and two of each body that was halved.
    assert_eq!(judge.requests(), 1 + 2 * 6);

    let all_bad = Judge::new(|_| Response::new(400, "<html>no</html>"));
    let error = all_bad.client().send(&numbered(1000, &[])).unwrap_err();
    assert_eq!((error.succeeded(), error.failed(), error.rejected().len()), (0, 1000, 1000));
    assert_eq!(all_bad.requests(), 127);
}

#[test]
fn a_refusal_that_names_points_is_final() {
    for details in [
        r#"{"success":58,"failed":2,"errors":[{"index":3,"error":"old"},{"error":"?"}]}"#,
        r#"{"success":58,"failed":2,"errors":[]}"#,
        r#"{"success":58,"failed":2,"errors":null}"#,
    ] {
        let server = MockTransport::new();
        server.answer(Response::new(400, details));
        let client = client_of(&server).retry(RetryPolicy::exponential(5)).build().unwrap();
        let error = client.send(&numbered(60, &[])).unwrap_err();
        assert_eq!((error.kind(), error.succeeded(), error.failed()), (ErrorKind::Rejected, 58, 2));
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn the_index_a_server_gives_is_told_even_where_its_echo_is_nonsense() {
    let server = MockTransport::new();
    let body = r#"{"success":1,"failed":3,"errors":[{"index":2,"datapoint":"<x>","error":"a"},
        {"index":1,"error":"b"},{"index":99,"datapoint":{"metric":7},"error":"c"}]}"#;
    server.answer(Response::new(400, body));
    let client = client_of(&server).build().unwrap();
    let error = client.send(&numbered(4, &[])).unwrap_err();
    let told: Vec<_> = error
        .rejected()
        .iter()
        .map(|one| (one.index(), one.name().metric().to_owned(), one.reason()))
        .collect();
    assert_eq!(told[..2], [(Some(1), "m1".into(), "b"), (Some(2), "m2".into(), "a")]);
    // No point has this place.
    assert_eq!((told[2].0, told[2].2), (None, "c"));
}

#[test]
fn points_that_only_an_echo_tells_are_found_each_by_name_and_time() {
    let server = MockTransport::new();
    let echo = |metric: &str, at: i64| {
        serde_json::json!({"error": "no", "datapoint":
            {"metric": metric, "timestamp": at, "value": 1, "tags": {"host": "a"}}})
    };
    let errors = serde_json::json!([echo("m", 2), echo("n", 1), echo("m", 9)]);
    let body = serde_json::json!({"success": 1, "failed": 3, "errors": errors});
    server.answer(Response::new(400, body.to_string()));
    let client = client_of(&server).build().unwrap();
    let series = |metric: &str| {
        let at = [1, 2].map(|secs| (Timestamp::from_secs(secs), 1.0));
        TimeSeries::from_points((metric, [("host", "a")]), at)
    };
    let points: Vec<_> = [series("m"), series("n")].iter().flat_map(TimeSeries::points).collect();
    let error = client.send(&points).unwrap_err();
    let indices: Vec<_> = error.rejected().iter().map(apptuit::Rejection::index).collect();
    assert_eq!(indices, [Some(1), Some(2), None]);
}

#[test]
fn what_is_too_large_is_halved_and_each_point_taken_once() {
    let judge = Judge::new(ten_at_most);
    judge.client().send(&numbered(100, &[])).unwrap();
    let seen = judge.seen.lock().unwrap();
    let taken: BTreeSet<_> = seen.taken.iter().collect();
    assert_eq!((seen.taken.len(), taken.len()), (100, 100));
}

#[test]
fn what_stays_too_large_is_told_once_with_its_size() {
    let judge = Judge::new(|_| Response::new(413, ""));
    let client = judge.client();
    // Values that do not compress: the body is of a size worth telling.
    let mut random = fastrand::Rng::with_seed(3);
    let value = |n| DataPoint::new(("m", [("k", "v")]), Timestamp::from_secs(n), random.f64());
    let points: Vec<_> = (0..1000).map(value).collect();
    let body = packed(&client, &points);
    let delivery = client.deliver(&body, BUDGET, &Interrupt::new());
    assert_eq!((delivery.failures.len(), accounted_for(&delivery)), (1, 1000));
    let failure = &delivery.failures[0];
    assert_eq!((failure.body.key(), failure.body.points()), (body.key(), 1000));
    assert_eq!((failure.error.kind(), failure.error.status()), (ErrorKind::TooLarge, Some(413)));
    let size = format!("{:.2}", body.bytes().len() as f64 / 1e6);
    let expected = format!(
        "the server does not take 1000 points ({size} MB compressed) at once, send fewer at a time"
    );
    assert_eq!(failure.error.to_string(), expected);
    assert_eq!(judge.requests(), 127);
}

/// One huge point does not take its neighbours with it.
#[test]
fn the_part_that_stays_too_large_is_what_fails() {
    let judge = Judge::new(|metrics| {
        let huge = metrics.iter().any(|metric| metric == "bad7");
        Response::new(if huge { 413 } else { 204 }, "")
    });
    let client = judge.client();
    let delivery = client.deliver(&packed(&client, &numbered(20, &[7])), BUDGET, &Interrupt::new());
    assert_eq!((delivery.kept, delivery.failures.len()), (19, 1));
    assert_eq!(delivery.failures[0].body.points(), 1);
    let error = client.send(&numbered(20, &[7])).unwrap_err();
    assert_eq!((error.kind(), error.succeeded(), error.failed()), (ErrorKind::TooLarge, 19, 1));
    assert!(error.to_string().contains("1 point ("), "{error}");
}

#[test]
fn a_server_that_fails_midway_is_left_alone_and_the_rest_comes_back() {
    let judge = Judge::new(|metrics| match metrics {
        all if all.len() > 25 => Response::new(413, ""),
        part if part[0] == "m25" => Response::new(503, "").with_header("Retry-After", "9"),
        _ => Response::new(204, ""),
    });
    let client = judge.client();
    let delivery = client.deliver(&packed(&client, &numbered(100, &[])), BUDGET, &Interrupt::new());
    assert_eq!((delivery.kept, delivery.refused, accounted_for(&delivery)), (25, 0, 100));
    assert!(delivery.failures.iter().all(|failure| failure.error.is_retryable()));
    // The whole, its half, the two quarters; the other half was not tried.
    assert_eq!(judge.requests(), 4);

    // What came back is what is missing: delivered later, everything is there once.
    let friendly = Judge::new(|_| Response::new(204, ""));
    for failure in &delivery.failures {
        let later = friendly.client().deliver(&failure.body, BUDGET, &Interrupt::new());
        assert_eq!(later.kept, failure.body.points());
    }
    let mut taken = judge.seen.lock().unwrap().taken.clone();
    taken.extend(friendly.seen.lock().unwrap().taken.iter().cloned());
    let once: BTreeSet<_> = taken.iter().collect();
    assert_eq!((taken.len(), once.len()), (100, 100));
}

#[test]
fn a_body_keeps_its_key_and_others_have_others() {
    let server = MockTransport::new();
    (0..2).for_each(|_| server.answer(Response::new(503, "")));
    let policy = RetryPolicy::exponential(2).base_pause(Duration::from_micros(1));
    let client = client_of(&server).retry(policy).build().unwrap();
    client.send(&[point("a")]).unwrap();
    // The same points again are another body: it may be meant.
    client.send(&[point("a")]).unwrap();
    let key_of = |request: &Request| request.header("idempotency-key").unwrap().to_owned();
    let keys: Vec<_> = server.requests().iter().map(key_of).collect();
    assert!(keys[0] == keys[1] && keys[1] == keys[2], "{keys:?}");
    assert_ne!(keys[2], keys[3]);
    let many: HashSet<_> =
        (0..1000).map(|_| packed(&client, &[point("a")]).key().to_owned()).collect();
    assert_eq!(many.len(), 1000);
}

#[test]
fn parts_of_a_body_have_keys_of_their_own_which_are_the_same_each_time() {
    let judge = Judge::new(|_| Response::new(413, ""));
    let client = judge.client();
    let body = packed(&client, &numbered(1000, &[]));
    client.deliver(&body, BUDGET, &Interrupt::new());
    let first = std::mem::take(&mut judge.seen.lock().unwrap().keys);
    client.deliver(&body, BUDGET, &Interrupt::new());
    let again = judge.seen.lock().unwrap().keys.clone();
    assert_eq!(first, again);
    let different: HashSet<_> = first.iter().collect();
    assert_eq!((different.len(), first.len()), (127, 127));
    // More than a server takes would be 64; a part may be a body of its own and be halved again.
    let fits = |key: &String| key.len() <= 50 && key.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(first.iter().all(fits), "{first:?}");
}

#[test]
fn errors_in_the_answer_of_a_server_that_fails_are_listed() {
    let server = MockTransport::new();
    let body = r#"{"success":1,"failed":1,"errors":[{"index":1,"error":"disk full"}]}"#;
    server.answer(Response::new(500, body));
    let client = client_of(&server).build().unwrap();
    let error = client.send(&[point("untagged").renamed("u".into()), point("a"), point("b")]);
    let error = error.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Server, Some(500)));
    assert_eq!((error.succeeded(), error.failed()), (1, 2));
    let told: Vec<_> = error.rejected().iter().map(|one| (one.index(), one.reason())).collect();
    assert_eq!(told[1], (Some(2), "disk full"));
    assert_eq!(told[0].0, Some(0));
}

#[test]
fn errors_of_a_part_are_listed_by_their_places_in_the_whole() {
    let judge = Judge::new(|metrics| match metrics {
        all if all.len() > 2 => Response::new(413, ""),
        part if part[0] == "m0" => Response::new(204, ""),
        _ => {
            let body = r#"{"success":1,"failed":1,"errors":[{"index":1,"error":"disk full"}]}"#;
            Response::new(500, body)
        }
    });
    let error = judge.client().send(&numbered(4, &[])).unwrap_err();
    assert_eq!((error.kind(), error.succeeded(), error.failed()), (ErrorKind::Server, 3, 1));
    let told = &error.rejected()[0];
    assert_eq!((told.index(), told.name().metric()), (Some(3), "m3"));
}

#[test]
fn more_than_fifty_thousand_points_are_several_bodies_with_the_callers_indices() {
    let server = MockTransport::new();
    server.answer(Response::new(204, ""));
    let refusal = r#"{"success":49999,"failed":1,"errors":[{"index":7,"error":"no"}]}"#;
    server.answer(Response::new(400, refusal));
    server.answer(Response::new(503, ""));
    let client = client_of(&server).build().unwrap();
    let mut points = vec![point("m"); 100_003];
    points[1] = DataPoint::new("untagged", Timestamp::from_secs(1), 1.0);
    let error = client.send(&points).unwrap_err();
    assert_eq!((error.succeeded(), error.failed()), (99_999, 4));
    assert_eq!((error.kind(), error.status()), (ErrorKind::Server, Some(503)));
    let indices: Vec<_> = error.rejected().iter().map(apptuit::Rejection::index).collect();
    assert_eq!(indices, [Some(1), Some(50_008)]);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_refused_part_of_series_is_told_under_its_series() {
    let judge = Judge::new(silent_about_bad_ones);
    let at = |secs| Timestamp::from_secs(secs);
    let series = ["good", "worse", "bad", "best"].map(|metric| {
        let values = [(at(1), 1.0), (at(2), f64::NAN), (at(3), 3.0)];
        TimeSeries::from_points((metric, [("k", "v")]), values)
    });
    let error = judge.client().send_series(&series).unwrap_err();
    assert_eq!((error.succeeded(), error.failed()), (6, 6));
    let told: Vec<_> = error
        .rejected()
        .iter()
        .filter(|one| one.reason().contains("server"))
        .map(|one| (one.index(), one.point(), one.name().metric()))
        .collect();
    // The second point stayed here.
    assert_eq!(told, [(Some(2), Some(0), "bad"), (Some(2), Some(2), "bad")]);
}

#[test]
fn a_restored_body_is_delivered_as_it_was_packed() {
    for encoding in [ContentEncoding::Deflate, ContentEncoding::Gzip, ContentEncoding::Identity] {
        for effort in [PackEffort::Default, PackEffort::Fast] {
            let server = MockTransport::new();
            let builder = client_of(&server).compression(encoding).pack_effort(effort);
            let client = builder.build().unwrap();
            let body = packed(&client, &numbered(3, &[]));
            assert_eq!(body.encoding(), encoding);
            let (bytes, points) = (body.bytes().to_vec(), body.points());
            let restored = Body::restored(body.key(), bytes, points, body.first(), body.last());
            // A client that packs otherwise.
            let other = client_of(&server).build().unwrap();
            let delivery = other.deliver(&restored, BUDGET, &Interrupt::new());
            assert_eq!(delivery.kept, 3);
            let request = &server.requests()[0];
            assert_eq!(request.header("content-encoding"), Some(encoding.as_str()));
            assert_eq!(json_of(request)[2]["metric"], "m2");
        }
    }
}

#[test]
fn a_damaged_body_is_no_reason_to_panic() {
    for status in [400, 413] {
        let server = MockTransport::new();
        server.answer(Response::new(status, ""));
        let client = client_of(&server).build().unwrap();
        let at = Timestamp::from_secs(1);
        let body = Body::restored("k", b"\x78\x9cnonsense".to_vec(), 5, at, at);
        let delivery = client.deliver(&body, BUDGET, &Interrupt::new());
        assert_eq!((accounted_for(&delivery), server.requests().len()), (5, 1));
        assert!(!delivery.failures[0].error.is_retryable());
    }
}

#[test]
fn a_body_knows_its_first_and_last_instant() {
    let client = client_of(&MockTransport::new()).build().unwrap();
    let at = |secs| DataPoint::new(("m", [("k", "v")]), Timestamp::from_secs(secs), 1.0);
    let body = packed(&client, &[at(7), at(-3), at(5)]);
    assert_eq!((body.first(), body.last()), (Timestamp::from_secs(-3), Timestamp::from_secs(7)));
}

#[test]
fn without_time_nothing_is_tried() {
    let server = MockTransport::new();
    let client = client_of(&server).clock(ManualClock::new()).build().unwrap();
    let body = packed(&client, &[point("a")]);
    let delivery = client.deliver(&body, Duration::ZERO, &Interrupt::new());
    let error = &delivery.failures[0].error;
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Timeout, true));
    assert!(server.requests().is_empty());
}

#[test]
fn after_an_interrupt_there_is_one_try_and_no_pause() {
    let server = MockTransport::new();
    (0..9).for_each(|_| server.answer(Response::new(503, "")));
    let client = client_of(&server).retry(RetryPolicy::exponential(9)).build().unwrap();
    let interrupt = Interrupt::new();
    interrupt.trigger();
    let delivery = client.deliver(&packed(&client, &[point("a")]), BUDGET, &interrupt);
    assert!(delivery.failures[0].error.is_retryable());
    assert_eq!(server.requests().len(), 1);
}

/// The law of a delivery, for servers that answer anything in any order.
#[test]
fn kept_refused_and_failed_points_are_always_all() {
    let mut random = fastrand::Rng::with_seed(11);
    let answers = [
        Response::new(204, ""),
        Response::new(200, r#"{"success":1,"failed":2,"errors":[{"index":0,"error":"x"}]}"#),
        Response::new(400, ""),
        Response::new(400, r#"{"success":0,"failed":900,"errors":["y",{}]}"#),
        Response::new(400, r#"{"success":900,"failed":1,"errors":[]}"#),
        Response::new(401, ""),
        Response::new(413, ""),
        Response::new(500, r#"{"success":1,"failed":0,"errors":[]}"#),
        Response::new(302, ""),
    ];
    for _ in 0..300 {
        let server = MockTransport::new();
        for _ in 0..random.usize(0..20) {
            // Mostly those that are halved.
            let answer =
                if random.bool() { if random.bool() { 6 } else { 2 } } else { random.usize(0..9) };
            server.answer(answers[answer].clone());
        }
        let client = client_of(&server).build().unwrap();
        let points = numbered(random.usize(1..40), &[]);
        let body = packed(&client, &points);
        let delivery = client.deliver(&body, BUDGET, &Interrupt::new());
        assert_eq!(accounted_for(&delivery), points.len() as u64, "{delivery:?}");
        let places: Vec<_> =
            delivery.rejected.iter().filter_map(apptuit::Rejection::index).collect();
        assert!(places.iter().all(|place| *place < points.len()), "{places:?}");
    }
}
