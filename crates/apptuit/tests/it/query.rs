//! Answers to queries, good and bad, and what is made of them.

use std::time::Duration;

use apptuit::client::{MockTransport, Response};
use apptuit::{Error, ErrorKind, QueryResult, Result, TimeRange, Timestamp};
use apptuit_model::wire::ContentEncoding;

use crate::client_of;
use crate::end_to_end::{client, start};

fn asked(response: Response) -> Result<QueryResult> {
    let server = MockTransport::new();
    server.answer(response);
    let range = TimeRange::new(Timestamp::from_secs(100), Timestamp::from_secs(200));
    client_of(&server).build().expect("a client").query("fetch('m').x()", range)
}

fn refused(status: u16, body: &str) -> Error {
    asked(Response::new(status, body)).expect_err("it is no answer")
}

fn series_with(points: &str) -> String {
    format!(r#"{{"outputs":[{{"id":"o","result":[{{"metric":"m","dps":{points}}}]}}]}}"#)
}

#[test]
fn places_are_those_of_outputs_with_series_and_unknown_ones_are_none() {
    let body = r#"{"outputs":[
        {"id":"a","result":[{"metric":"m","tags":null,"dps":[]}]},
        {"id":"empty","result":[]},
        {"id":"c","result":[{"metric":"m","tags":{"k":"v"},"dps":[[150,1]]}]}],
        "hints":["a hint"],"surprise":{"outputs":5}}"#;
    let answer = asked(Response::new(200, body)).unwrap();
    let ids: Vec<_> = answer.iter().map(apptuit::Output::id).collect();
    assert_eq!(ids, ["a", "c"]);
    assert_eq!((answer[1].id(), answer["c"].series().len()), ("c", 1));
    assert!(answer.get(2).is_none() && answer.get("empty").is_none());
    assert_eq!(answer.hints(), ["a hint"]);
    // A series without points is a column without rows.
    assert_eq!((answer[0].to_frame().len(), answer[0].to_frame().columns().len()), (0, 1));
}

#[test]
fn an_answer_without_outputs_is_empty() {
    for body in
        [r#"{"outputs":[]}"#, r#"{"outputs":null}"#, r#"{"outputs":[{"id":"o","result":null}]}"#]
    {
        let answer = asked(Response::new(200, body)).unwrap();
        assert!(answer.is_empty() && answer.get(0).is_none(), "{body}");
    }
}

#[test]
fn points_beside_the_range_are_dropped_and_its_ends_are_kept() {
    let points = "[[99.999,1],[100,2],[150.25,3],[200,4],[200.001,5],[9999999999999,6]]";
    let answer = asked(Response::new(200, series_with(points))).unwrap();
    let series = &answer[0].series()[0];
    assert_eq!(series.timestamps(), [100_000, 150_250, 200_000].map(Timestamp::from_millis));
    assert_eq!(series.values(), [2.0, 3.0, 4.0]);
}

#[test]
fn every_double_is_the_one_that_was_sent() {
    let texts = [
        "0.1",
        "-0.0",
        "3",
        "5e-324",
        "2.2250738585072011e-308",
        "1.7976931348623157e308",
        "9007199254740993",
        "123456789012345678901234567890",
        "0.30000000000000004",
        "1E5",
        "100000000000000000000000",
        "8.41",
        "-12345.678",
    ];
    let points: Vec<_> = texts.iter().map(|text| format!("[150,{text}]")).collect();
    let body = series_with(&format!("[{}]", points.join(",")));
    let answer = asked(Response::new(200, body)).unwrap();
    let bits: Vec<u64> =
        answer[0].series()[0].values().iter().map(|value| value.to_bits()).collect();
    let expected: Vec<u64> =
        texts.iter().map(|text| text.parse::<f64>().expect("a number").to_bits()).collect();
    assert_eq!(bits, expected);
}

#[test]
fn what_json_has_no_form_for_is_read() {
    let points = "[[101,NaN],[102,null],[103,Infinity],[104,-Infinity]]";
    let answer = asked(Response::new(200, series_with(points))).unwrap();
    let values = answer[0].series()[0].values();
    assert!(values[0].is_nan() && values[1].is_nan());
    assert_eq!(values[2..], [f64::INFINITY, f64::NEG_INFINITY]);
}

#[test]
fn packed_answers_are_unpacked() {
    for (encoding, name) in [(ContentEncoding::Deflate, "deflate"), (ContentEncoding::Gzip, "gzip")]
    {
        let packed = encoding.pack(series_with("[[150,1.5]]").as_bytes());
        let response = Response::new(200, packed).with_header("Content-Encoding", name);
        assert_eq!(asked(response).unwrap()[0].series()[0].values(), [1.5]);
    }
}

#[test]
fn an_answer_that_is_none_is_an_error_that_names_the_server() {
    for (status, body) in [
        (204, ""),
        (200, ""),
        (200, "<html>welcome</html>"),
        (200, "[]"),
        (200, "{}"),
        (200, r#"{"outputs":[{"result":[]}]}"#),
        (200, &series_with("[[1]]")),
        (200, &series_with("[[1,\"x\"]]")),
        (200, &series_with("[[1,2,3]]")),
        (200, &series_with("[[1,2]")),
    ] {
        let error = refused(status, body);
        assert_eq!((error.kind(), error.status()), (ErrorKind::Answer, Some(status)), "{body}");
        assert!(error.to_string().contains("`http://server.test`"), "{error}");
        assert!(!error.is_retryable());
    }
}

#[test]
fn a_status_that_is_no_success_is_told_with_the_server() {
    for (status, kind, words) in [
        (401, ErrorKind::Unauthorized, "401 Unauthorized"),
        (404, ErrorKind::Answer, "404 Not Found"),
        (503, ErrorKind::Server, "503 Service Unavailable"),
        (302, ErrorKind::Answer, "302 Found"),
    ] {
        let error = refused(status, "<html>");
        assert_eq!((error.kind(), error.status()), (kind, Some(status)));
        let text = error.to_string();
        assert!(text.contains(words) && text.contains("`http://server.test`"), "{text}");
    }
    let error = refused(500, r#"{"error":{"code":500,"message":"the disk is full"}}"#);
    assert!(error.to_string().ends_with(": the disk is full"), "{error}");
}

#[test]
fn an_error_is_one_whatever_its_status() {
    let body = r#"{"outputs":[],"hints":["or not"],"errors":[
        {"errorType":"E","message":"no","queryLineNo":1,"queryColumnOffset":11}]}"#;
    for status in [200, 400] {
        let error = refused(status, body);
        assert_eq!((error.kind(), error.query_position()), (ErrorKind::Query, Some((1, Some(11)))));
        assert_eq!(error.query_excerpt(), Some("fetch('m').x()\n           ^"));
        assert_eq!(error.hints(), ["or not"]);
    }
}

#[test]
fn the_place_of_a_mistake_comes_from_the_server() {
    let running = start();
    let range = TimeRange::last(Duration::from_mins(1));
    let query = "a = 1\nb = fetch('m').nonsense()\noutput(b)";
    let error = client(&running).query(query, range).unwrap_err();
    let excerpt = error.query_excerpt().expect("a line");
    let (line, caret) = excerpt.split_once('\n').expect("two lines");
    assert_eq!(line, "b = fetch('m').nonsense()");
    // Under the name that is unknown.
    assert!(line[caret.len() - 1..].starts_with("nonsense"), "{excerpt}");
    running.server.stop().unwrap();
}
