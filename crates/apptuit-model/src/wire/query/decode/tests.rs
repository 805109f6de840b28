//! The reader of usual shapes against the library, on answers of every kind.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// The same answer with one zero: the library reads the whole number `-0` as 0.
fn with_one_zero(answer: QueryAnswer) -> QueryAnswer {
    let one_zero = |value: &f64| if *value == 0.0 { 0.0 } else { *value };
    let series = |one: AnswerSeries| {
        let timestamps = one.series.timestamps().to_vec();
        let values = one.series.values().iter().map(one_zero).collect();
        let series = TimeSeries::from_columns(one.series.name(), timestamps, values);
        AnswerSeries { series, ..one }
    };
    let output = |output: AnswerOutput| AnswerOutput {
        series: output.series.into_iter().map(series).collect(),
        ..output
    };
    QueryAnswer { outputs: answer.outputs.into_iter().map(output).collect(), ..answer }
}

/// What is read is what the library reads, errors included; whether it is an answer.
fn check(text: &str) -> bool {
    // As text: NaN does not equal itself, and doubles print as they are.
    let shown = |read: Result<QueryAnswer, _>| format!("{:?}", read.map(with_one_zero));
    let library = shown(QueryAnswer::decode_by_library(text.as_bytes()));
    assert_eq!(shown(decode(text.as_bytes())), library, "{text}");
    library.starts_with("Ok")
}

fn with_points(points: &str) -> String {
    format!(r#"{{"outputs":[{{"id":"o","result":[{{"metric":"m","dps":{points}}}]}}]}}"#)
}

#[test]
fn usual_answers_do_not_need_the_library() {
    for text in [
        r#"{"outputs":[]}"#,
        r#"{"outputs":[{"id":"o","result":[]}],"hints":["h"],"query":{"querytext":"q"}}"#,
        r#" { "more" : [ { } ] , "outputs" : [ { "result" : [ ] , "new" : 1 , "id" : "o" } ] } "#,
        r#"{"outputs":[{"id":"\u00e9","result":[{"dps":[],"tags":{"k":"\n"},"metric":"é\t"}]}]}"#,
        r#"{"outputs":[{"id":"o","result":[{"metric":"m","tags":{"k":1},"dps":[],"x":{}}]}]}"#,
        r#"{"outputs":[{"id":"o","result":[{"metric":"m","tags":null,"aggregatedTags":null,"dps":[]}]}]}"#,
        &with_points("[ [ 1 , 2.5 ] , [-1.25,null],[1e3,NaN],[2,-Infinity],[3,Infinity],[4,-0] ]"),
    ] {
        assert!(usual(text).is_some() && check(text), "{text}");
    }
}

#[test]
fn unusual_and_wrong_answers_are_left_to_the_library() {
    for text in [
        r#"{"outputs":null}"#,
        r#"{"outputs":[{"id":"o","result":null}]}"#,
        r#"{"\u006futputs":[]}"#,
        r#"{"outputs":[["o",[]]]}"#,
        &with_points(r#"[[1,"NaN"]]"#),
    ] {
        assert!(usual(text).is_none() && check(text), "{text}");
    }
    for text in [
        "{}",
        "{",
        r#"{"outputs":[],}"#,
        r#"{"outputs":[]}}"#,
        r#"{"outputs":[],"outputs":[]}"#,
        r#"{"outputs":[],"query":NaN,"hints":[}"#,
        r#"{"outputs":[{"id":"o"}]}"#,
        r#"{"outputs":[{"id":"o","id":"o","result":[]}]}"#,
        r#"{"outputs":[{"id":"o","result":[{"metric":"m","tags":{"k":null},"dps":[]}]}]}"#,
        r#"{"outputs":[{"id":"o","result":[{"metric":"m"}]}]}"#,
        r#"{"outputs":[{"id":"o","result":[{"dps":[]}]}]}"#,
        &with_points("[[1,1e999]]"),
        &with_points("[[1,01]]"),
        &with_points("[[1,2],]"),
        &with_points("[[NaN,2]]"),
        &with_points("[[9223372036854775808,1]]"),
    ] {
        assert!(usual(text).is_none() && !check(text), "{text}");
    }
}

/// Blanks, mostly none.
fn blank() -> impl Strategy<Value = &'static str> {
    select(vec!["", "", "", "", "", "", " ", "\n\t", "\r "])
}

/// `members` in braces, with blanks at some places.
fn object(members: impl Strategy<Value = Vec<String>>) -> impl Strategy<Value = String> {
    (members, blank(), blank()).prop_map(|(members, before, after)| {
        format!("{{{before}{}{after}}}", members.join(&format!("{after},{before}")))
    })
}

fn array(items: impl Strategy<Value = String>, at_most: usize) -> impl Strategy<Value = String> {
    (vec(items, 0..=at_most), blank()).prop_map(|(items, blank)| {
        format!("[{blank}{}{blank}]", items.join(&format!("{blank},{blank}")))
    })
}

fn number() -> impl Strategy<Value = String> {
    let tokens = ["null", "NaN", "Infinity", "-Infinity", "-0", "\"NaN\"", "true", "1e400", "[]"];
    prop_oneof![
        8 => any::<u64>().prop_map(|bits| {
            let value = f64::from_bits(bits);
            if value.is_finite() { format!("{value:?}") } else { "7".to_owned() }
        }),
        8 => (0_u32..100_000_000, 0_usize..5).prop_map(|(n, decimals)| {
            format!("{:.decimals$}", f64::from(n) / 1000.0)
        }),
        8 => (1_400_000_000_u32..1_500_000_000).prop_map(|secs| secs.to_string()),
        4 => "-?[0-9]{1,20}(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
        1 => select(tokens.map(str::to_owned).to_vec()),
    ]
}

fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[a-zé.]{0,9}".prop_map(|text| format!("\"{text}\"")),
        1 => any::<String>().prop_map(|text| serde_json::to_string(&text).expect("a string")),
    ]
}

fn series() -> impl Strategy<Value = String> {
    let point = (number(), number(), blank())
        .prop_map(|(at, value, blank)| format!("[{blank}{at}{blank},{blank}{value}{blank}]"));
    let value = prop_oneof![6 => string(), 1 => number()];
    let tags =
        object(vec((string(), value).prop_map(|(key, value)| format!("{key}:{value}")), 0..3));
    let metric = string().prop_map(|text| format!("\"metric\":{text}"));
    let more = (string(), number()).prop_map(|(key, value)| format!("{key} : {value}"));
    let members = (
        vec(
            prop_oneof![
                4 => tags.prop_map(|tags| format!("\"tags\":{tags}")),
                4 => array(string(), 2).prop_map(|keys| format!("\"aggregatedTags\": {keys}")),
                1 => more,
                1 => Just("\"aggregatedTags\":null".to_owned()),
                1 => Just("\"metric\":\"again\"".to_owned()),
            ],
            0..3,
        ),
        metric,
        array(point, 5).prop_map(|points| format!("\"dps\":{points}")),
    );
    let members = members.prop_map(|(mut members, metric, points)| {
        members.extend([metric, points]);
        members
    });
    object(members.prop_shuffle())
}

fn answer() -> impl Strategy<Value = String> {
    let output = (string(), array(series(), 2))
        .prop_map(|(id, series)| vec![format!("\"id\":{id}"), format!("\"result\":{series}")]);
    let outputs = array(object(output.prop_shuffle()), 2);
    let rest = select(vec![
        "\"hints\":[\"a\",1]",
        "\"query\":{\"querytext\":\"q\",\"startTime\":1,\"endTime\":2.5}",
        "\"query_stats\":{\"numSeries\":5}",
        "\"timing_diagnostics\":[{\"tag\":\"t\"},NaN]",
        "\"surprise\":[{\"outputs\":[]}]",
        "\"\":-Infinity",
    ]);
    let members =
        (outputs, vec(rest.prop_map(str::to_owned), 0..3)).prop_map(|(outputs, mut rest)| {
            rest.push(format!("\"outputs\":{outputs}"));
            rest
        });
    object(members.prop_shuffle())
}

proptest! {
    #[test]
    fn answers_are_read_as_the_library_reads_them(answer in answer()) {
        check(&answer);
    }

    #[test]
    fn damaged_answers_are_too(
        answer in answer(),
        place in any::<prop::sample::Index>(),
        put in "[\\[\\]{},:\"\\\\ 0-9.eEN-]{0,2}",
        length in 0_usize..3,
    ) {
        let chars: Vec<char> = answer.chars().collect();
        let start = place.index(chars.len());
        let after = chars.iter().skip(start + length);
        let damaged: String = chars[..start].iter().copied().chain(put.chars()).chain(after.copied()).collect();
        check(&damaged);
    }

    #[test]
    fn our_own_answers_are_usual(points in vec((any::<i64>(), any::<u64>()), 0..50), name: String) {
        let points = points.into_iter().map(|(millis, bits)| {
            (Timestamp::from_millis(millis), f64::from_bits(bits))
        });
        let series = TimeSeries::from_points((name.as_str(), [(name.as_str(), "v")]), points);
        let answer = QueryAnswer {
            outputs: vec![AnswerOutput {
                id: name,
                series: vec![AnswerSeries { series, aggregated_tags: Vec::new() }],
            }],
            hints: Vec::new(),
            query: QueryEcho { text: String::new(), range: TimeRange::ALL },
            stats: QueryStats::default(),
            timings: Vec::new(),
        };
        let body = String::from_utf8(answer.encode()).expect("JSON is text");
        let read = usual(&body).expect("its shape is usual");
        let bits = |answer: &QueryAnswer| -> Vec<u64> {
            // What is not finite travels as null.
            let values = answer.outputs[0].series[0].series.values().iter();
            values.map(|value| if value.is_finite() { value.to_bits() } else { 0 }).collect()
        };
        prop_assert_eq!(bits(&read), bits(&answer));
        prop_assert_eq!(read.outputs[0].series[0].series.timestamps(), answer.outputs[0].series[0].series.timestamps());
    }
}
