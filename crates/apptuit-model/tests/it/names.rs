//! Sanitised and encoded names, by table.

use apptuit_model::{
    NameError, Sanitizer, Tags, TimeSeriesName, decode_metric, encode_metric, is_valid_name,
};
use serde_json::Value;

use crate::fixtures::rows;

fn text(cell: &Value) -> &str {
    cell.as_str().expect("the cell is text")
}

fn tags(cell: &Value) -> Tags {
    let members = cell.as_object().expect("the cell is an object");
    members.iter().map(|(key, value)| (&**key, text(value))).collect()
}

#[test]
fn names_are_cleaned_and_judged_as_the_table_says() {
    let rows = rows("names/sanitize.tsv");
    assert_eq!(rows.len(), 72);
    for (mode, cells) in rows {
        let (input, expected) = (text(&cells[0]), text(&cells[1]));
        let mode: Sanitizer = mode.parse().expect("the mode is known");
        assert_eq!(mode.clean(input), expected, "{mode:?} of {input:?}");
        assert_eq!(is_valid_name(input), cells[2], "{input:?}");
        assert_eq!(mode.clean(expected), expected, "{expected:?} is clean already");
        assert_eq!(Sanitizer::Off.clean(input), input);
    }
}

#[test]
fn encoded_names_are_as_the_table_says() {
    let rows = rows("names/encoded.tsv");
    assert!(rows.len() > 40);
    for (case, cells) in rows {
        let encoded = text(&cells[2]);
        if case == "refuse" {
            assert!(decode_metric(encoded).is_err(), "{encoded:?}");
            continue;
        }
        let name = TimeSeriesName::new(text(&cells[0]), tags(&cells[1]));
        assert_eq!(decode_metric(encoded), Ok(name.clone()), "{encoded:?}");
        if case == "encode" {
            assert_eq!(encode_metric(name.metric(), name.tags()), encoded);
        }
    }
}

#[test]
fn a_tag_that_is_null_or_a_container_is_named() {
    for (encoded, what) in [(r#"m{"zone": null}"#, "null"), (r#"m{"zone": [1]}"#, "a container")] {
        let error = decode_metric(encoded).expect_err("it is no scalar").to_string();
        assert!(error.contains(&format!("the value of `zone` is {what}")), "{error}");
    }
}

#[test]
fn a_series_name_is_cleaned_in_metric_and_keys_and_of_colliding_keys_the_last_wins() {
    let name = TimeSeriesName::from(("a.b", [("k-1", "x y"), ("k.1", "z"), ("l", "")]));
    let clean = TimeSeriesName::from(("a_b", [("k_1", "z"), ("l", "")]));
    assert_eq!(Sanitizer::Prometheus.name(&name), Ok(clean));
    assert_eq!(Sanitizer::Apptuit.name(&name), Ok(name));
}

#[test]
fn a_series_name_without_metric_or_key_or_with_26_tags_is_refused_and_one_without_tags_is_not() {
    for rule in [Sanitizer::Prometheus, Sanitizer::Apptuit, Sanitizer::Off] {
        let refusal = |name: TimeSeriesName| rule.name(&name).expect_err("it is refused");
        assert_eq!(refusal("".into()), NameError::EmptyMetric);
        assert_eq!(
            refusal(("m", [("", "v")]).into()),
            NameError::EmptyTagKey { metric: "m".into() }
        );
        let numbered = |count: u8| (0..count).map(|n| (format!("k{n}"), "v")).collect::<Tags>();
        let many = TimeSeriesName::new("m", numbered(26));
        assert_eq!(refusal(many), NameError::TooManyTags { metric: "m".into(), tags: 26 });
        assert!(rule.name(&TimeSeriesName::new("m", numbered(25))).is_ok());
        assert!(rule.name(&TimeSeriesName::from("m")).is_ok());
    }
}

#[test]
fn without_a_rule_names_are_checked_to_their_very_end() {
    let refusal = |name: TimeSeriesName| Sanitizer::Off.name(&name).expect_err("it is refused");
    assert_eq!(refusal("m\n".into()), NameError::InvalidMetric { metric: "m\n".into() });
    let key = TimeSeriesName::from(("m", [("k\n", "v")]));
    assert_eq!(refusal(key), NameError::InvalidTagKey { key: "k\n".into() });
}

#[test]
fn modes_have_names_in_any_case() {
    assert_eq!("PROMETHEUS".parse(), Ok(Sanitizer::Prometheus));
    assert_eq!("Apptuit".parse(), Ok(Sanitizer::Apptuit));
    assert_eq!("".parse(), Ok(Sanitizer::Off));
    let error = "loose".parse::<Sanitizer>().expect_err("there is no such mode").to_string();
    assert!(error.contains("`loose`") && error.contains("`prometheus`"), "{error}");
}
