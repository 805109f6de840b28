//! Bodies of points and the answers to them.

use std::ptr;

use apptuit_model::wire::{
    DecodedPut, PointError, PutAnswer, PutBodyError, decode_points, decode_put, encode_points,
    encode_series,
};
use apptuit_model::{DataPoint, TimeSeries, Timestamp};

use crate::fixtures::{bytes, json, parsed};

fn read(body: &str) -> DecodedPut {
    decode_put(body.as_bytes(), 100).expect("the body can be read")
}

/// The reason why the only point of a body is refused.
fn reason(members: &str) -> String {
    let read = read(&format!("[{{{members}}}]"));
    assert_eq!((read.points.len(), read.refused.len()), (0, 1), "{members}");
    read.refused[0].reason.clone()
}

fn malformed(body: &str) -> String {
    match decode_put(body.as_bytes(), 100) {
        Err(PutBodyError::Malformed { reason }) => reason,
        other => panic!("{body} gave {other:?}"),
    }
}

#[test]
fn the_recorded_points_are_read_and_written_again() {
    let body = bytes("wire/put-points.json");
    let read = decode_put(&body, 3).expect("the body can be read");
    let load = ("cpu_load", [("host", "h1"), ("zone", "a b\"é")]);
    let points = [
        DataPoint::new(load, Timestamp::from_secs(1_500_000_000), 3.0),
        DataPoint::new(load, Timestamp::from_millis(1_500_000_060_250), -0.0),
        DataPoint::new(("node.disk/free", [("host", "😀")]), Timestamp::from_secs(-60), 0.1 + 0.2),
    ];
    assert_eq!(read, DecodedPut { points: points.to_vec(), refused: vec![] });
    assert!(read.points[1].value().is_sign_negative());
    assert_eq!(parsed(&encode_points(&points)), json("wire/put-points.json"));
}

#[test]
fn of_a_half_bad_body_the_good_points_are_kept_and_the_bad_ones_told() {
    let read = decode_put(&bytes("wire/put-half-bad.json"), 100).expect("the body can be read");
    let tags = [("host", "1"), ("up", "true")];
    let kept = [
        DataPoint::new(("cpu", [("host", "a")]), Timestamp::from_secs(1_500_000_000), 1.5),
        DataPoint::new(("cpu", tags), Timestamp::from_millis(1_500_000_000_250), 2.0),
    ];
    assert_eq!(read.points, kept);
    let error = |refused: apptuit_model::wire::RefusedPoint| PointError {
        index: Some(refused.index),
        datapoint: refused.datapoint,
        error: refused.reason,
    };
    let answer =
        PutAnswer { success: 2, failed: 5, errors: read.refused.into_iter().map(error).collect() };
    assert_eq!(parsed(&answer.encode()), json("wire/put-half-bad-answer.json"));
    assert_eq!(PutAnswer::decode(&answer.encode()), Some(answer));
}

#[test]
fn a_bare_nan_is_refused_by_its_index_and_the_other_points_are_kept() {
    let point =
        |value| format!(r#"{{"metric":"m","timestamp":1,"value":{value},"tags":{{"k":"NaN"}}}}"#);
    let body = format!("[{},{},{}]", point("1"), point("NaN"), point("-Infinity"));
    let read = read(&body);
    assert_eq!(read.points.len(), 1);
    let refused: Vec<_> = read.refused.iter().map(|refused| refused.index).collect();
    assert_eq!(refused, [1, 2]);
    assert_eq!(read.refused[0].reason, "`value` is `\"NaN\"`: not a number that can be stored");
}

#[test]
fn points_of_one_series_share_its_name_however_it_is_spelled() {
    let read = read(
        r#"[{"metric":"m","timestamp":1,"value":1,"tags":{"a":"1","b":"2"}},
            {"metric":"m","timestamp":2,"value":1,"tags":{"b":"2", "a":"\u0031"}}]"#,
    );
    assert!(ptr::eq(read.points[0].metric(), read.points[1].metric()));
    let value = |n: usize| read.points[n].tags().get("a").expect("the tag is there");
    assert!(ptr::eq(value(0), value(1)));
}

#[test]
fn a_body_may_be_one_point() {
    let read = read(r#" {"metric":"m","timestamp":1,"value":1,"tags":{"a":"1"},"more":[{}]} "#);
    assert_eq!((read.points.len(), read.refused.len()), (1, 0));
}

#[test]
fn a_point_is_refused_for_what_is_wrong_with_it() {
    let tagged = |rest: &str| reason(&format!(r#""tags":{{"k":"v"}},{rest}"#));
    assert_eq!(tagged(r#""timestamp":1,"value":1"#), "`metric` is missing");
    assert_eq!(tagged(r#""metric":5,"timestamp":1,"value":1"#), "`metric` is `5`: expected text");
    assert_eq!(tagged(r#""metric":"","timestamp":1,"value":1"#), "the metric has no name");
    assert_eq!(tagged(r#""metric":"m","value":1"#), "`timestamp` is missing");
    assert!(
        tagged(r#""metric":"m","timestamp":true,"value":1"#).starts_with("`timestamp` is `true`")
    );
    assert!(
        tagged(r#""metric":"m","timestamp":"x","value":1"#).starts_with("`timestamp` is `\"x\"`")
    );
    for bare in ["NaN", "\"inf\""] {
        let refused = tagged(&format!(r#""metric":"m","timestamp":{bare},"value":1"#));
        assert!(refused.starts_with("`timestamp` is "), "{refused}");
    }
    assert_eq!(tagged(r#""metric":"m","timestamp":1"#), "`value` is missing");
    assert_eq!(
        tagged(r#""metric":"m","timestamp":1,"value":[]"#),
        "`value` is `[]`: expected a number"
    );
    let boolean = tagged(r#""metric":"m","timestamp":1,"value":false"#);
    assert_eq!(boolean, "`value` is `false`: expected a number");
    let large = tagged(r#""metric":"m","timestamp":1,"value":1e999"#);
    assert_eq!(large, "`value` is `1e999`: not a number that can be stored");
    assert!(tagged(r#""metric":"m","timestamp":1,"value":1,"value":2"#).contains("twice"));
    let whole =
        |tags: &str| reason(&format!(r#""metric":"m","timestamp":1,"value":1,"tags":{tags}"#));
    assert_eq!(whole("[1]"), "`tags` is `[1]`: expected an object");
    assert_eq!(whole(r#"{"k":{}}"#), "tag `k` is `{}`: expected text");
    let long = format!(r#"{{"{}":null}}"#, "k".repeat(1000));
    assert!(whole(&long).len() < 200 && whole(&long).contains("k…`"), "{}", whole(&long));
    assert_eq!(whole("{}"), "metric `m` has no tags: expected at least one");
    assert_eq!(whole(r#"{"":"v"}"#), "a tag of metric `m` has no key");
    assert!(whole(r#"{"k k":"v"}"#).starts_with("tag key `k k` has an invalid character"));
    let tags: Vec<_> = (0..26).map(|n| format!(r#""k{n}":"v""#)).collect();
    assert!(
        whole(&format!("{{{}}}", tags.join(","))).starts_with("metric `m` has too many tags: 26")
    );
    assert_eq!(read("[5]").refused[0].reason, "`5` is not a point: expected an object");
}

#[test]
fn a_timestamp_beyond_the_ends_of_time_is_refused() {
    let point = |timestamp: &str| {
        format!(r#"{{"metric":"m","timestamp":{timestamp},"value":1,"tags":{{"k":"v"}}}}"#)
    };
    for beyond in ["1e30", "-1e30", "9223372036854775808", "1e999", "\"1e30\""] {
        let body = format!("[{},{}]", point(beyond), point("1"));
        let expected =
            format!("timestamp `{beyond}` is out of range: expected seconds since the epoch");
        for read in [decode_put(body.as_bytes(), 9), decode_points(body.as_bytes(), 9)] {
            let read = read.expect("the body can be read");
            assert_eq!((read.points.len(), &*read.refused[0].reason), (1, &*expected));
        }
    }
    let last = read(&point("9223372036854775807"));
    assert_eq!(last.points[0].timestamp(), Timestamp::MAX);
}

#[test]
fn a_tag_that_is_there_twice_is_refused_by_its_key() {
    let tagged = |tags: &str| reason(&format!(r#""metric":"m","timestamp":1,"value":1,{tags}"#));
    assert_eq!(tagged(r#""tags":{"a":"1","b":"2","a":"2"}"#), "tag `a` is there twice");
    assert_eq!(tagged(r#""tags":{"a":"1","\u0061":"1"}"#), "tag `a` is there twice");
}

#[test]
fn of_a_huge_refused_point_the_beginning_is_given_back_as_json() {
    let read = read(&format!(r#"["{}"]"#, "é".repeat(10_000)));
    let datapoint = parsed(read.refused[0].datapoint.as_bytes());
    let text = datapoint.as_str().expect("it is text");
    assert!(text.len() < 1100 && text.starts_with("\"éé") && text.ends_with('…'));
    assert!(read.refused[0].reason.len() < 150);
}

#[test]
fn a_body_that_is_no_json_is_malformed_and_says_where() {
    assert!(malformed("[{},\n{]").contains("line 2 column 2"), "{}", malformed("[{},\n{]"));
    assert!(malformed("[{}").contains("line 1 column 3"));
    assert!(malformed("[] x").contains("trailing"));
    assert!(malformed("").contains("line 1"));
    assert!(malformed("5").contains("an array of points"));
    assert!(malformed("<html>").contains("line 1 column 1"));
    let not_text = decode_put(b"[\"\xff\"]", 100);
    assert!(
        matches!(not_text, Err(PutBodyError::Malformed { reason }) if reason.contains("byte 2"))
    );
}

#[test]
fn one_point_more_than_are_taken_refuses_the_body() {
    assert_eq!(decode_put(b"[1,2,3]", 3).map(|read| read.refused.len()), Ok(3));
    assert_eq!(decode_put(b"[1,2,3,", 2), Err(PutBodyError::TooManyPoints { limit: 2 }));
    assert_eq!(decode_put(b"{}", 0), Err(PutBodyError::TooManyPoints { limit: 0 }));
}

#[test]
fn series_are_written_as_their_points() {
    let one = TimeSeries::from_points(
        ("m", [("k", "1")]),
        [(Timestamp::from_secs(1), 1.0), (Timestamp::from_secs(2), f64::MAX)],
    );
    let two = TimeSeries::from_points(("m", [("k", "2")]), [(Timestamp::from_secs(1), 5e-324)]);
    let points: Vec<_> = one.points().chain(two.points()).collect();
    assert_eq!(encode_series([&one, &TimeSeries::new("empty"), &two]), encode_points(&points));
    assert_eq!(encode_series([]), b"[]");
}

#[test]
fn values_json_has_no_form_for_are_written_as_null() {
    let point = DataPoint::new(("m", [("k", "v")]), Timestamp::from_secs(1), f64::NAN);
    assert!(parsed(&encode_points([&point]))[0]["value"].is_null());
}

#[test]
fn an_answer_that_is_empty_cut_or_something_else_is_none() {
    for body in [
        "",
        "<html>",
        "null",
        "[]",
        "{}",
        r#"{"success":1}"#,
        r#"{"success":1,"failed":0}"#,
        r#"{"success":1,"errors":[]}"#,
        r#"{"failed":1,"errors":[]}"#,
        r#"{"success":"x","failed":0,"errors":[]}"#,
        r#"{"success":1,"failed":0,"errors":{}}"#,
        r#"{"success":1,"failed":0,"errors":["#,
    ] {
        assert_eq!(PutAnswer::decode(body.as_bytes()), None, "{body}");
    }
}

#[test]
fn errors_of_an_answer_may_be_null_text_or_anything() {
    let errors = |errors: &str| {
        let body = format!(r#"{{"success":1,"failed":2,"errors":{errors}}}"#);
        let answer = PutAnswer::decode(body.as_bytes()).expect("it has the shape of an answer");
        assert_eq!((answer.success, answer.failed), (1, 2));
        answer.errors
    };
    let told = |datapoint: &str, error: &str| PointError {
        index: None,
        datapoint: datapoint.to_owned(),
        error: error.to_owned(),
    };
    assert_eq!(errors("null"), []);
    assert_eq!(
        errors(r#"["bad",7,null]"#),
        [told("null", "bad"), told("null", "7"), told("null", "null")]
    );
    let object =
        errors(r#"[{"datapoint":{"value":NaN},"error":"e"},{"error":null},{"datapoint":1}]"#);
    assert_eq!(
        object,
        [told(r#"{"value":"NaN"}"#, "e"), told("null", "null"), told("1", r#"{"datapoint":1}"#)]
    );
}

#[test]
fn an_answer_stays_json_whatever_a_datapoint_holds() {
    let error = PointError { index: None, datapoint: "{\"a".to_owned(), error: "e".to_owned() };
    let answer = PutAnswer { success: 0, failed: 1, errors: vec![error] };
    assert_eq!(parsed(&answer.encode())["errors"][0]["datapoint"], "{\"a");
}

#[test]
fn a_client_takes_names_that_a_server_refuses() {
    let body = br#"[{"metric":"a metric","timestamp":1,"value":2}]"#;
    assert_eq!(decode_put(body, 10).unwrap().refused.len(), 1);
    let decoded = decode_points(body, 10).unwrap();
    assert_eq!((decoded.points.len(), decoded.refused.len()), (1, 0));
    assert_eq!(decoded.points[0].metric(), "a metric");
}

#[test]
fn a_client_refuses_values_as_a_server_does() {
    let body = br#"[{"metric":"m","timestamp":1,"value":"many","tags":{"k":"v"}}]"#;
    assert_eq!(decode_put(body, 10).unwrap().refused, decode_points(body, 10).unwrap().refused);
}
