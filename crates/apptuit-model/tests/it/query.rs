//! Answers to queries, good and bad.

use apptuit_model::wire::{
    AnswerOutput, AnswerSeries, QueryAnswer, QueryEcho, QueryFailure, QueryStats, Timing,
    failure_message,
};
use apptuit_model::{TimeRange, TimeSeries, Timestamp};

use crate::fixtures::{bytes, json, parsed};

fn values(dps: &str) -> Vec<f64> {
    let body = format!(r#"{{"outputs":[{{"id":"o","result":[{{"metric":"m","dps":{dps}}}]}}]}}"#);
    let answer = QueryAnswer::decode(body.as_bytes()).expect("the answer can be read");
    answer.outputs[0].series[0].series.values().to_vec()
}

fn refusal(body: &str) -> String {
    QueryAnswer::decode(body.as_bytes()).expect_err("it is no answer").to_string()
}

#[test]
fn the_recorded_answer_is_read_and_written_again() {
    let answer = QueryAnswer::decode(&bytes("wire/query-answer.json")).expect("it can be read");
    assert_eq!(parsed(&answer.encode()), json("wire/query-answer.json"));
    let series = &answer.outputs[0].series[0];
    assert_eq!(series.series.name().to_string(), "nyc.taxi.rides{host:localhost}");
    assert_eq!(series.aggregated_tags, ["city"]);
    assert_eq!(series.series.timestamps()[1], Timestamp::from_millis(1_406_831_400_250));
    assert!(series.series.values()[2].is_nan());
    assert_eq!(answer.outputs[1], AnswerOutput { id: "nothing".to_owned(), series: vec![] });
}

#[test]
fn an_answer_reads_back_as_it_was() {
    let answer = QueryAnswer {
        outputs: vec![AnswerOutput {
            id: "a \"b\"".to_owned(),
            series: vec![AnswerSeries {
                series: TimeSeries::from_points(
                    ("m", [("k", "é")]),
                    [(Timestamp::from_millis(-1), 0.1), (Timestamp::MAX, 1e300)],
                ),
                aggregated_tags: vec!["x".to_owned()],
            }],
        }],
        hints: vec!["a hint".to_owned()],
        query: QueryEcho { text: "a\nb".to_owned(), range: TimeRange::ALL },
        stats: QueryStats { points_processed: 1, series: 2, elapsed_millis: 3 },
        timings: vec![Timing { tag: "T".to_owned(), count: 4, elapsed_millis: 5 }],
    };
    assert_eq!(QueryAnswer::decode(&answer.encode()), Ok(answer));
}

#[test]
fn values_may_be_whole_null_or_bare_tokens() {
    assert_eq!(values("[[1,3],[2,2.5]]"), [3.0, 2.5]);
    assert_eq!(values("[[3,-Infinity],[4,Infinity]]"), [f64::NEG_INFINITY, f64::INFINITY]);
    assert!(values("[[1,NaN],[2,null]]").iter().all(|value| value.is_nan()));
    assert!(values("[]").is_empty());
}

#[test]
fn only_outputs_must_be_there_and_they_may_be_null() {
    for body in [r#"{"outputs":null}"#, r#"{"outputs":[],"query":5,"hints":{},"more":[1]}"#] {
        let answer = QueryAnswer::decode(body.as_bytes()).expect("it is an answer");
        assert_eq!(answer.outputs, []);
    }
    assert!(refusal("{}").contains("missing field `outputs`"));
    assert!(refusal("").contains("expected a JSON object"));
    assert!(refusal("[[]]").contains("expected a JSON object"));
    assert!(refusal("{\"outputs\":[").contains("line 1 column 12"));
    let dps = |dps: &str| {
        format!(r#"{{"outputs":[{{"id":"o","result":[{{"metric":"m","dps":{dps}}}]}}]}}"#)
    };
    for bad in [
        "null",
        "5",
        "[[1]]",
        "[[1,2,3]]",
        r#"[["x",1]]"#,
        r#"[[1,"x"]]"#,
        "[[null,1]]",
        "[[1e30,1]]",
        "[[9223372036854775808,1]]",
    ] {
        assert!(QueryAnswer::decode(dps(bad).as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn the_recorded_failure_is_read_and_written_again() {
    let failure = QueryFailure::decode(&bytes("wire/query-error.json")).expect("it is a failure");
    assert_eq!((failure.line, failure.column), (2, 17));
    assert_eq!(failure.error_type, "ERROR_PARSING_QUERY");
    let echo = QueryEcho {
        text: "a = fetch('m')\noutput(a, fetch('b'".to_owned(),
        range: TimeRange::new(Timestamp::from_secs(0), Timestamp::from_secs(0)),
    };
    assert_eq!(parsed(&failure.encode(&echo)), json("wire/query-error.json"));

    let hints = vec!["did you mean `m`?".to_owned()];
    let hinted = QueryFailure { hints: hints.clone(), ..failure };
    assert_eq!(parsed(&hinted.encode(&echo))["hints"], serde_json::json!(hints));
    assert_eq!(QueryFailure::decode(&hinted.encode(&echo)), Some(hinted));
}

#[test]
fn the_message_of_a_failure_is_found_in_each_of_its_shapes() {
    let said = |body: &str| failure_message(body.as_bytes());
    let message = Some("full".to_owned());
    assert_eq!(said(r#"{"errors":[{"errorType":"E","message":"full"}]}"#), message);
    assert_eq!(said(r#"{"error":{"message":"full","details":"x"}}"#), message);
    assert_eq!(said(r#"{"message":"full"}"#), message);
    for other in ["", "<html>", "[]", r#"{"error":"full"}"#, r#"{"errors":[{"message":5}]}"#] {
        assert_eq!(said(other), None, "{other}");
    }
}

#[test]
fn a_failure_may_stand_alone_and_other_bodies_are_none() {
    let alone = br#"{"errorType":"E","message":"m","queryLineNo":5,"queryColumnOffset":-1}"#;
    let failure = QueryFailure::decode(alone).expect("it is a failure");
    assert_eq!((failure.line, failure.column), (5, -1));
    for body in ["", "<html>", "{}", r#"{"errors":[]}"#, r#"{"errors":["x"]}"#] {
        assert_eq!(QueryFailure::decode(body.as_bytes()), None, "{body}");
    }
}
