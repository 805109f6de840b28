//! What goes out, what stays, and what a refusal says.

use apptuit::client::{MockTransport, Response, WarningKind};
use apptuit::{DataPoint, ErrorKind, Sanitizer, Tags, TimeSeries, TimeSeriesName, Timestamp};
use serde_json::json;

use crate::{client_of, json_of, point};

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

#[test]
fn names_are_sanitised_and_global_tags_lie_under_the_points_own() {
    let server = MockTransport::new();
    let client =
        client_of(&server).global_tags([("env", "test"), ("host", "global")]).build().unwrap();
    client
        .send(&[DataPoint::new(("cpu.load", [("host", "a"), ("a zone", "x y")]), at(7), 3.0)])
        .unwrap();
    let expected = json!([{
        "metric": "cpu_load", "timestamp": 7, "value": 3.0,
        "tags": {"env": "test", "host": "a", "a_zone": "x y"},
    }]);
    assert_eq!(json_of(&server.requests()[0]), expected);
}

#[test]
fn where_keys_become_one_by_cleaning_the_points_own_tag_wins() {
    let server = MockTransport::new();
    let client = client_of(&server).global_tags([("a_zone", "global")]).build().unwrap();
    client.send(&[DataPoint::new(("m", [("a.zone", "own")]), at(7), 3.0)]).unwrap();
    assert_eq!(json_of(&server.requests()[0])[0]["tags"], json!({"a_zone": "own"}));
}

#[test]
fn nothing_to_send_makes_no_request() {
    let server = MockTransport::new();
    let client = client_of(&server).build().unwrap();
    client.send(&[]).unwrap();
    client.send_series(&[]).unwrap();
    client.send_series(&[TimeSeries::new(("m", [("a", "b")]))]).unwrap();
    assert!(server.requests().is_empty());
}

#[test]
fn points_that_cannot_be_sent_are_named_and_the_others_go_out() {
    let server = MockTransport::new();
    let client = client_of(&server).sanitizer(Sanitizer::Off).build().unwrap();
    let many: Vec<(String, String)> = (0..26).map(|n| (format!("k{n}"), "v".to_owned())).collect();
    let crowded = apptuit::Tags::from_iter(many);
    let points = [
        point("good.first"),
        DataPoint::new(("nan", [("a", "b")]), at(1), f64::NAN),
        DataPoint::new("untagged", at(1), 1.0),
        DataPoint::new(("a b", [("a", "b")]), at(1), 1.0),
        DataPoint::new(("crowded", crowded), at(1), 1.0),
        point("good.last"),
    ];
    let error = client.send(&points).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert_eq!((error.succeeded(), error.failed(), error.status()), (2, 4, None));
    let rejected: Vec<_> =
        error.rejected().iter().map(|one| (one.index(), one.name().metric())).collect();
    let expected =
        [(Some(1), "nan"), (Some(2), "untagged"), (Some(3), "a b"), (Some(4), "crowded")];
    assert_eq!(rejected, expected);
    assert!(error.rejected()[0].reason().contains("`NaN`"), "{error}");
    assert!(error.rejected()[3].reason().contains("26"), "{error}");

    let sent = json_of(&server.requests()[0]);
    let metrics: Vec<_> =
        sent.as_array().unwrap().iter().map(|one| one["metric"].clone()).collect();
    assert_eq!(metrics, ["good.first", "good.last"]);
}

#[test]
fn a_batch_of_bad_points_alone_makes_no_request() {
    let server = MockTransport::new();
    let client = client_of(&server).build().unwrap();
    let error = client.send(&[DataPoint::new("untagged", at(1), 1.0)]).unwrap_err();
    assert_eq!((error.kind(), error.succeeded(), error.failed()), (ErrorKind::Rejected, 0, 1));
    let expected = "1 of 1 points was refused, `untagged{}`: metric `untagged` has no tags: expected \
        at least one, of its own, in the global tags or in APPTUIT_TAGS";
    assert_eq!(error.to_string(), expected);
    let series = TimeSeries::from_points("untagged", [(at(1), 1.0)]);
    assert_eq!(client.send_series(&[series]).unwrap_err().to_string(), expected);
    assert!(server.requests().is_empty());
}

/// The index in the body is shifted by the point that stayed here.
#[test]
fn the_servers_refusals_come_back_under_the_callers_indices_and_names() {
    let server = MockTransport::new();
    let body = json!({"success": 1, "failed": 2, "errors": [
        {"index": 1, "datapoint": {"metric": "b_x"}, "error": "too old"},
        {"datapoint": {"metric": "c", "timestamp": 60, "value": "1.5", "tags": {"host": "a"}},
         "error": "too new"},
    ]});
    server.answer(Response::new(400, body.to_string()));
    let client = client_of(&server).build().unwrap();
    let bad = DataPoint::new("untagged", at(1), 1.0);
    let error = client.send(&[bad, point("a"), point("b.x"), point("c")]).unwrap_err();

    assert_eq!((error.kind(), error.status()), (ErrorKind::Rejected, Some(400)));
    assert_eq!((error.succeeded(), error.failed()), (1, 3));
    let told: Vec<_> = error
        .rejected()
        .iter()
        .map(|one| (one.index(), one.name().metric(), one.reason()))
        .collect();
    assert_eq!(told[1..], [(Some(2), "b.x", "too old"), (Some(3), "c", "too new")]);
}

#[test]
fn a_point_the_server_invents_is_shown_without_an_index() {
    let server = MockTransport::new();
    let body = r#"{"success":0,"failed":1,"errors":[{"datapoint":"???","error":"odd"}]}"#;
    server.answer(Response::new(400, body));
    let error = client_of(&server).build().unwrap().send(&[point("m")]).unwrap_err();
    let rejection = &error.rejected()[0];
    assert_eq!((rejection.index(), rejection.reason()), (None, "odd"));
    assert!(rejection.name().metric().contains("???"), "{rejection:?}");
}

#[test]
fn a_success_that_counts_failures_is_none() {
    let server = MockTransport::new();
    server.answer(Response::new(200, r#"{"success":1,"failed":1,"errors":[]}"#));
    server.answer(Response::new(201, "created"));
    let client = client_of(&server).build().unwrap();
    let error = client.send(&[point("a"), point("b")]).unwrap_err();
    assert_eq!((error.kind(), error.succeeded(), error.failed()), (ErrorKind::Rejected, 1, 1));
    client.send(&[point("a")]).unwrap();
}

#[test]
fn refusals_without_a_readable_body_are_errors_too() {
    for body in ["", "<html>", "{\"success\":1}", "[]"] {
        let server = MockTransport::new();
        server.answer(Response::new(400, body));
        let error = client_of(&server).build().unwrap().send(&[point("a")]).unwrap_err();
        assert_eq!((error.kind(), error.succeeded(), error.failed()), (ErrorKind::Rejected, 0, 1));
    }
}

#[test]
fn each_status_has_its_kind() {
    for (status, kind) in [
        (401, ErrorKind::Unauthorized),
        (403, ErrorKind::Unauthorized),
        (404, ErrorKind::Answer),
        (302, ErrorKind::Answer),
        (307, ErrorKind::Answer),
        (413, ErrorKind::TooLarge),
        (429, ErrorKind::Server),
        (500, ErrorKind::Server),
    ] {
        let server = MockTransport::new();
        server.answer(Response::new(status, "").with_header("Location", "http://elsewhere/"));
        let error = client_of(&server).build().unwrap().send(&[point("a")]).unwrap_err();
        assert_eq!((error.kind(), error.status(), error.failed()), (kind, Some(status), 1));
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn series_are_sanitised_and_lose_only_their_bad_values() {
    let server = MockTransport::new();
    let client = client_of(&server).build().unwrap();
    let series = [
        TimeSeries::from_points("untagged", [(at(1), 1.0), (at(2), 2.0)]),
        TimeSeries::from_points(("a.b", [("k", "v")]), [(at(1), f64::INFINITY), (at(2), 5.0)]),
    ];
    let error = client.send_series(&series).unwrap_err();
    assert_eq!((error.succeeded(), error.failed()), (1, 3));
    let named: Vec<_> = error.rejected().iter().map(apptuit::Rejection::index).collect();
    assert_eq!(named, [Some(0), Some(1)]);
    let expected = json!([{"metric": "a_b", "tags": {"k": "v"}, "timestamp": 2, "value": 5.0}]);
    assert_eq!(json_of(&server.requests()[0]), expected);
}

#[test]
fn a_refused_point_of_a_series_is_told_under_the_series() {
    let server = MockTransport::new();
    let body = r#"{"success":2,"failed":1,"errors":[{"index":2,"datapoint":{},"error":"no"}]}"#;
    server.answer(Response::new(400, body));
    let client = client_of(&server).build().unwrap();
    let series = ["a", "b"].map(|metric| {
        TimeSeries::from_points((metric, [("k", "v")]), [(at(1), 1.0), (at(2), 2.0)])
    });
    let error = client.send_series(&series).unwrap_err();
    let rejection = &error.rejected()[0];
    assert_eq!((rejection.index(), rejection.name().metric()), (Some(1), "b"));
    assert_eq!((rejection.point(), rejection.sample()), (Some(0), Some((at(1), 1.0))));
}

/// The message of a put of two points that the server answers so.
fn said(status: u16, body: impl Into<Vec<u8>>) -> String {
    let server = MockTransport::new();
    let answer = Response::new(status, body);
    // Of the whole, and of its halves.
    (0..3).for_each(|_| server.answer(answer.clone()));
    let client = client_of(&server).build().expect("a client");
    client.send(&[point("a"), point("b")]).expect_err("it is refused").to_string()
}

#[test]
fn a_failed_put_tells_the_servers_reason() {
    let ours = json!({"errors": [{"errorType": "ERROR_INTERNAL", "message": "odd"}]}).to_string();
    let theirs = json!({"error": {"code": 1, "message": "odd"}}).to_string();
    for body in [ours, theirs] {
        for (status, expected) in [
            (400, "2 of 2 points were refused, the first is `a{host:a}`: odd"),
            (401, "the server does not accept the API token (401 Unauthorized): odd"),
            (
                413,
                "the server does not take 2 points (under 0.01 MB compressed) at once, \
                 send fewer at a time: odd",
            ),
            (415, "the server answered with status 415 Unsupported Media Type: odd"),
            (500, "the server failed (500 Internal Server Error): odd"),
            (503, "the server failed (503 Service Unavailable): odd"),
        ] {
            assert_eq!(said(status, &*body), expected);
        }
    }
    let silent = "2 of 2 points were refused, the first is `a{host:a}`: the server refuses it without \
                  saying why";
    assert_eq!(said(400, "<html>"), silent);
    let counted = r#"{"success":0,"failed":2,"errors":[{"error":"full"},{"error":"full"}]}"#;
    assert_eq!(said(500, counted), "the server failed (500 Internal Server Error): full");
}

#[test]
fn a_servers_reason_is_one_short_clause_without_the_token() {
    let text = format!("`s3cret` is\nunknown: {}", "x".repeat(5000));
    let message = said(401, json!({"error": {"message": text}}).to_string());
    assert!(message.contains("): `…` is unknown: xxx") && message.ends_with("x…"), "{message}");
    assert!(message.chars().count() < 400, "{message}");
}

#[test]
fn kept_and_refused_points_are_always_those_of_the_call() {
    for (status, body, expected) in [
        (400, "<html>", (0, 4)),
        (400, r#"{"success":0,"failed":1}"#, (0, 4)),
        (400, r#"{"success":2,"failed":1}"#, (0, 4)),
        (400, r#"{"success":0,"failed":1,"errors":[]}"#, (0, 4)),
        (400, r#"{"success":2,"failed":1,"errors":null}"#, (2, 2)),
        (400, r#"{"success":1,"failed":1,"errors":["x","y"]}"#, (1, 3)),
        (400, r#"{"success":3,"failed":0,"errors":[]}"#, (0, 4)),
        (400, r#"{"success":0,"failed":0,"errors":[]}"#, (0, 4)),
        (400, r#"{"success":900,"failed":2,"errors":[]}"#, (1, 3)),
        (400, r#"{"success":900,"failed":900,"errors":[]}"#, (0, 4)),
        (200, r#"{"success":1,"failed":1,"errors":[]}"#, (1, 3)),
        (500, r#"{"success":1,"failed":1,"errors":[]}"#, (1, 3)),
        (500, r#"{"success":0,"failed":0,"errors":[]}"#, (0, 4)),
        (413, "", (0, 4)),
    ] {
        let server = MockTransport::new();
        // Of the whole, and of parts of it.
        (0..9).for_each(|_| server.answer(Response::new(status, body)));
        let client = client_of(&server).build().unwrap();
        // One of the four stays here.
        let bad = DataPoint::new("untagged", at(1), 1.0);
        let error = client.send(&[point("a"), bad, point("b"), point("c")]).unwrap_err();
        assert_eq!((error.succeeded(), error.failed()), expected, "{status} {body}");
    }
}

#[test]
fn series_that_become_one_by_cleaning_are_warned_of_once_a_pair() {
    let server = MockTransport::new();
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let hook = told.clone();
    let client = client_of(&server)
        .on_warning(move |warning| hook.lock().unwrap().push(warning.clone()))
        .build()
        .unwrap();
    for _ in 0..3 {
        client.send(&[point("a.b"), point("other"), point("a-b"), point("a_b")]).unwrap();
    }
    let series = TimeSeries::from_points(("x", [("k.1", "lost"), ("k_1", "kept")]), [(at(1), 1.0)]);
    client.send_series(&[series]).unwrap();

    let warnings = client.warnings();
    assert_eq!(*told.lock().unwrap(), warnings);
    assert!(warnings.iter().all(|one| one.kind() == WarningKind::Collision));
    let texts: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    let expected = [
        "the metrics `a.b` and `a-b` are both sent as `a_b`",
        "the metrics `a.b` and `a_b` are both sent as `a_b`",
        "the tags `k.1` and `k_1` of one metric are both sent as `k_1`, with the value of `k_1`",
    ];
    assert_eq!(texts, expected);
    // Nothing is lost for it: all values of the metrics are sent, and the tag that is told.
    let requests = server.requests();
    assert_eq!(json_of(&requests[0]).as_array().unwrap().len(), 4);
    assert_eq!(json_of(&requests[3])[0]["tags"], json!({"k_1": "kept"}));
}

#[test]
fn a_tag_that_goes_before_a_global_one_is_no_reason_to_warn() {
    let server = MockTransport::new();
    let client = client_of(&server).global_tags([("a_zone", "global")]).build().unwrap();
    client.send(&[DataPoint::new(("m", [("a.zone", "own")]), at(7), 3.0)]).unwrap();
    client.send(&[DataPoint::new(("m", [("a_zone", "own")]), at(7), 3.0)]).unwrap();
    assert_eq!(client.warnings(), []);
}

#[test]
fn global_tags_that_become_one_are_warned_of_when_the_client_is_built() {
    let builder = client_of(&MockTransport::new()).global_tags([("a.b", "x"), ("a-b", "y")]);
    let warnings = builder.build().unwrap().warnings();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].to_string().contains("`a-b` and `a.b`"), "{}", warnings[0]);
}

#[test]
fn without_cleaning_names_stay_what_they_are() {
    let server = MockTransport::new();
    let client = client_of(&server).sanitizer(Sanitizer::Off).build().unwrap();
    client.send(&[point("a.b"), point("a-b")]).unwrap();
    assert_eq!(client.warnings(), []);
    let sent = json_of(&server.requests()[0]);
    assert_eq!((&sent[0]["metric"], &sent[1]["metric"]), (&json!("a.b"), &json!("a-b")));
}

/// Whatever comes between, a point goes out under its own name.
#[test]
fn points_of_series_in_any_order_keep_their_names() {
    let server = MockTransport::new();
    let client = client_of(&server).build().unwrap();
    let metrics = ["a", "b", "a", "", "b", "b", "c", "", "a"];
    let points = metrics.map(point);
    client.send(&points).unwrap_err();
    let sent = json_of(&server.requests()[0]);
    let sent: Vec<_> = sent.as_array().unwrap().iter().map(|one| one["metric"].clone()).collect();
    assert_eq!(sent, ["a", "b", "a", "b", "b", "c", "a"]);
}

#[test]
fn series_go_out_under_any_name_if_they_are_not_to_be_checked_and_there_is_no_rule() {
    let of = |metric: &str, tags: Vec<(String, String)>| {
        TimeSeries::from_points(TimeSeriesName::new(metric, Tags::from_iter(tags)), [(at(1), 1.0)])
    };
    let tag = |key: &str| (key.to_owned(), "v".to_owned());
    let odd = || of("a metric with spaces!", vec![tag("k ey")]);
    let crowded = of("crowded", (0..26).map(|n| tag(&format!("k{n}"))).collect());

    let server = MockTransport::new();
    let client = client_of(&server).sanitizer(Sanitizer::Off).unchecked_series().build().unwrap();
    let error = client.send_series(&[of("bare", vec![]), odd(), crowded]).unwrap_err();
    let refused: Vec<_> = error.rejected().iter().map(|one| one.name().metric()).collect();
    assert_eq!(refused, ["bare", "crowded"]);
    let sent = json_of(&server.requests()[0]);
    assert_eq!(sent[0]["metric"], "a metric with spaces!");
    assert_eq!(sent[0]["tags"], json!({"k ey": "v"}));
    // Points are checked, and a rule is one for series too.
    let error = client.send(&[DataPoint::new(("a b", [("k", "v")]), at(1), 1.0)]).unwrap_err();
    assert_eq!(error.rejected().len(), 1);
    let client = client_of(&server).unchecked_series().build().unwrap();
    client.send_series(&[odd()]).unwrap();
    assert_eq!(json_of(&server.requests()[1])[0]["metric"], "a_metric_with_spaces_");

    let client = client_of(&server).sanitizer(Sanitizer::Off).build().unwrap();
    assert_eq!(client.send_series(&[odd()]).unwrap_err().rejected().len(), 1);
    assert_eq!(server.requests().len(), 2);
}
