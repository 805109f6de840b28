//! Bodies read in one pass are what they are point by point.

#[path = "../../../../fuzz/src/put.rs"]
#[expect(unreachable_pub, reason = "the program of the fuzzer reaches it")]
mod both;

use std::cell::Cell;
use std::fs;
use std::path::Path;

use apptuit_model::wire::{
    NewSeries, PutBodyError, PutColumns, PutLimits, SeriesNumbers, encode_points,
};
use apptuit_model::{DataPoint, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use both::put;

const METRICS: &[&str] = &[
    r#""m""#,
    r#""cpu.load/1""#,
    r#""""#,
    r#""a b""#,
    r#""\u006d""#,
    r#""é""#,
    "5",
    "null",
    r#""m"#,
    "\"a\tb\"",
    r#""\ud800""#,
    r#""\x""#,
    "NaN",
    r#""NaN""#,
];
const TAGS: &[&str] = &[
    r#"{"k":"v"}"#,
    r#"{"a":"1","b":"2"}"#,
    r#"{ "b" : "2" , "a" : "1" }"#,
    r#"{"a":1,"b":2}"#,
    r#"{"a":true,"b":1.5e3}"#,
    r#"{"a":"\u0031"}"#,
    r#"{"a":"1","a":"2"}"#,
    r#"{"\u0061":"1","a":"1"}"#,
    "{}",
    "[]",
    "null",
    r#"{"":"v"}"#,
    r#"{"k k":"v"}"#,
    r#"{"k":null}"#,
    r#"{"k":{}}"#,
    r#"{"k":01}"#,
    r#"{"k":"v",}"#,
    r#"{"k":NaN}"#,
    r#"{"k":"é😀"}"#,
    r#"{k:"v"}"#,
    r#"{"k":trueish}"#,
    r#"{"k":"-Infinity"}"#,
];
const NUMBERS: &[&str] = &[
    "1",
    "0",
    "-0",
    "-0.0",
    "1.5",
    "60.25",
    "1500000000",
    "1500000000250",
    "100000000000",
    "100000000001",
    "-60",
    "1e3",
    "1E+22",
    "1e23",
    "5e-324",
    "1e999",
    "-1e999",
    "0.30000000000000004",
    "12345678901234567890",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "1e30",
    "01",
    "1.",
    ".5",
    "+1",
    "-",
    "1x",
    "NaN",
    "Infinity",
    "-Infinity",
    "NaNa",
    "-NaN",
    "nan",
    r#""1.5""#,
    r#""60""#,
    r#""""#,
    r#""NaN""#,
    r#""x""#,
    "true",
    "null",
    "[]",
    "{}",
    "[1,[2]]",
];
const OTHERS: &[&str] = &["1", "\"x\"", "[{}]", "null", "NaN", "{\"a\":[1,{\"b\":\"}\"}]}"];
const BLANKS: &[&str] = &["", "", "", "", " ", "\n", "\t \r\n", "\u{a0}"];

/// A point, mostly good; now and then with a member twice, missing or unknown.
fn point() -> impl Strategy<Value = String> {
    let usual = |usual: &'static str, all: &'static [&'static str]| prop_oneof![6 => Just(usual), 1 => select(all)];
    let members = (
        usual(r#""m""#, METRICS),
        prop_oneof![4 => select(&TAGS[..5]), 1 => select(TAGS)],
        usual("1500000000", NUMBERS),
        prop_oneof![4 => select(&NUMBERS[..19]), 1 => select(NUMBERS)],
        select(OTHERS),
    );
    let order = prop_oneof![
        3 => Just(vec![0, 1, 2, 3]),
        3 => Just(vec![0, 1, 2, 3]).prop_shuffle(),
        1 => vec(0..7_usize, 0..7),
    ];
    let blanks = prop_oneof![3 => Just(vec![""; 24]), 1 => vec(select(&BLANKS[..7]), 24)];
    (members, order, blanks).prop_map(|((metric, tags, timestamp, value, other), order, blanks)| {
        let blank = Cell::new(blanks.iter());
        let blank = || {
            let mut rest = blank.take();
            let next = rest.next().copied().unwrap_or_default();
            blank.set(rest);
            next
        };
        let mut text = format!("{{{}", blank());
        for (n, member) in order.into_iter().enumerate() {
            let (key, value) = match member {
                0 => ("metric", metric),
                1 => ("tags", tags),
                2 => ("timestamp", timestamp),
                3 => ("value", value),
                4 => ("m\\u0065tric", metric),
                _ => ("more", other),
            };
            let comma = if n == 0 { "" } else { "," };
            let [a, b, c, d] = [(); 4].map(|()| blank());
            text.extend([comma, a, "\"", key, "\"", b, ":", c, value, d]);
        }
        text + "}"
    })
}

fn body() -> impl Strategy<Value = String> {
    let point = prop_oneof![12 => point(), 1 => select(OTHERS).prop_map(str::to_owned)];
    (vec((point, select(BLANKS)), 0..6), 0..8_u8).prop_map(|(points, shape)| {
        let points: Vec<_> = points.into_iter().map(|(point, blank)| point + blank).collect();
        match shape {
            0 => points.join(","),
            1 => format!("[{},]", points.join(",")),
            2 => format!("\n[ {} ] ", points.join(" , ")),
            3 => format!("[{}] x", points.join(",")),
            _ => format!("[{}]", points.join(",")),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_body_in_columns_is_the_same_points_and_refusals(body in body(), limit in 0..12_u8) {
        put(body.as_bytes());
        put(&[&[limit], body.as_bytes()].concat());
    }

    #[test]
    fn so_it_is_if_bytes_are_changed_or_missing(
        body in body(),
        changes in vec((any::<Index>(), select(b"\"\\{}[]:,0NIn-.eE \x1f\xff\xc3".as_slice())), 1..4),
        end in prop_oneof![Just(None), any::<Index>().prop_map(Some)],
    ) {
        let mut body = body.into_bytes();
        for (at, byte) in changes {
            if !body.is_empty() {
                let at = at.index(body.len());
                body[at] = byte;
            }
        }
        if let Some(end) = end {
            body.truncate(end.index(body.len() + 1));
        }
        put(&body);
    }

    #[test]
    fn so_it_is_for_any_bytes(body: Vec<u8>) {
        put(&body);
    }
}

#[test]
fn what_a_fuzzer_starts_from_and_has_found_is_read_in_both_ways_alike() {
    for folder in ["corpus/put", "regressions"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(folder);
        let files = fs::read_dir(&folder).expect("the folder is there").map(Result::unwrap);
        for file in files.filter(|file| {
            folder.ends_with("put") || file.file_name().to_string_lossy().starts_with("put-")
        }) {
            put(&fs::read(file.path()).expect("the file can be read"));
        }
    }
}

/// Refuses every series of the metric `full`, and numbers no other twice.
#[derive(Default)]
struct Full {
    asked: usize,
}

impl SeriesNumbers for Full {
    type Number = usize;
    type Error = PutBodyError;

    fn known(&mut self, metric: &str, _: &str) -> Option<usize> {
        (metric == "\"old\"").then_some(7)
    }

    fn resolve(
        &mut self,
        new: &[NewSeries<'_>],
    ) -> Result<Vec<Result<usize, String>>, PutBodyError> {
        self.asked += 1;
        let number = |(n, new): (usize, &NewSeries<'_>)| {
            if new.name.metric() == "full" { Err("no more".to_owned()) } else { Ok(n) }
        };
        Ok(new.iter().enumerate().map(number).collect())
    }
}

#[test]
fn points_of_a_series_that_gets_no_number_are_refused_in_their_places() {
    let body = br#"[{"metric":"full","tags":{"k":"v"},"timestamp":1,"value":1}, 5,
        {"metric":"old","tags":{"k":"v"},"timestamp":2,"value":2},
        {"metric":"new","tags":{"k":"v"},"timestamp":3,"value":3},
        { "metric":"full","tags":{"k":"v"},"timestamp":4,"value":"4"}]"#;
    let (mut columns, mut numbers) = (PutColumns::default(), Full::default());
    let mut read = |max_told| {
        let limits = PutLimits { max_points: 9, max_told };
        columns.read(body, limits, &mut numbers).expect("the body can be read");
        let points: Vec<_> = columns.points().map(|(n, at, v)| (n, at.as_secs(), v)).collect();
        assert_eq!(points, [(7, 2, 2.0), (1, 3, 3.0)]);
        assert_eq!(columns.refused_count(), 3);
        columns.refused().to_vec()
    };
    let told = read(9);
    let indexes: Vec<_> = told.iter().map(|refused| refused.index).collect();
    assert_eq!(indexes, [0, 1, 4]);
    assert_eq!((&*told[0].reason, &*told[2].reason), ("no more", "no more"));
    let last = r#"{ "metric":"full","tags":{"k":"v"},"timestamp":4,"value":"4"}"#;
    assert_eq!(told[2].datapoint, last);
    assert_eq!(read(2), told[..2]);
    assert_eq!(numbers.asked, 2);
}

#[test]
fn series_of_a_body_that_is_no_json_are_not_asked_for() {
    let point = DataPoint::new(("new", [("k", "v")]), Timestamp::from_secs(1), 1.0);
    let mut body = encode_points([&point]);
    body.pop();
    let (mut columns, mut numbers) = (PutColumns::default(), Full::default());
    let limits = PutLimits { max_points: 9, max_told: 9 };
    assert!(columns.read(&body, limits, &mut numbers).is_err());
    assert_eq!(numbers.asked, 0);
}
