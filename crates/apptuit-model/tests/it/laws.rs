//! What holds for every input.

use apptuit_model::wire::{ContentEncoding, decode_put, encode_points};
use apptuit_model::{
    DataPoint, Sanitizer, Tags, TimeSeriesName, Timestamp, decode_metric, encode_metric,
    is_valid_name,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

/// Names a service takes; tag values are any text.
fn sendable_name() -> impl Strategy<Value = TimeSeriesName> {
    let tags = btree_map("[a-zé½_./-]{1,5}", any::<String>(), 1..5);
    ("[a-z日Ⅷ0-9_./-]{1,8}", tags)
        .prop_map(|(metric, tags)| TimeSeriesName::new(metric, tags.into_iter().collect::<Tags>()))
}

fn finite() -> impl Strategy<Value = f64> {
    any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |value| value.is_finite())
}

fn instant() -> impl Strategy<Value = Timestamp> {
    // Near the epoch and the edge of milliseconds too, not only in the far future.
    let millis = prop_oneof![
        any::<i64>(),
        -100_000_i64..100_000,
        1_400_000_000_000_i64..1_600_000_000_000,
        99_999_999_990_000_i64..100_000_000_010_000,
    ];
    millis.prop_map(Timestamp::from_millis)
}

proptest! {
    #[test]
    fn points_read_back_bit_for_bit(
        points in vec((sendable_name(), instant(), finite()), 0..10),
    ) {
        let points: Vec<_> =
            points.into_iter().map(|(name, at, value)| DataPoint::new(name, at, value)).collect();
        let read = decode_put(&encode_points(&points), 10).expect("our own body can be read");
        prop_assert_eq!(&read.refused, &vec![]);
        prop_assert_eq!(&read.points, &points);
        let bits = |points: &[DataPoint]| -> Vec<_> {
            points.iter().map(|point| point.value().to_bits()).collect()
        };
        prop_assert_eq!(bits(&read.points), bits(&points));
    }

    #[test]
    fn packed_bodies_unpack_to_themselves(body in vec(any::<u8>(), 0..5000)) {
        for encoding in [ContentEncoding::Identity, ContentEncoding::Deflate, ContentEncoding::Gzip] {
            let packed = encoding.pack(&body);
            let unpacked = encoding.unpack(&packed, body.len());
            prop_assert_eq!(unpacked.as_deref(), Ok(&body[..]));
        }
    }

    #[test]
    fn hostile_bytes_do_no_harm(body in vec(any::<u8>(), 0..200), text in any::<String>()) {
        for encoding in [ContentEncoding::Deflate, ContentEncoding::Gzip] {
            let _ = encoding.unpack(&body, 1000);
        }
        let _ = decode_put(&body, 10);
        let _ = decode_put(text.as_bytes(), 10);
        let _ = decode_metric(&format!("m{{{text}"));
    }

    #[test]
    fn encoded_names_decode_to_themselves(
        metric in any::<String>(),
        tags in btree_map(any::<String>(), any::<String>(), 0..5),
    ) {
        let metric = metric.replace('{', "");
        let metric = metric.trim();
        let tags: Tags = tags.into_iter().collect();
        let encoded = encode_metric(metric, &tags);
        prop_assert!(encoded[metric.len()..].is_ascii());
        let json: serde_json::Value = serde_json::from_str(&encoded[metric.len()..]).expect("JSON");
        prop_assert_eq!(json.as_object().map(serde_json::Map::len), Some(tags.len()));
        prop_assert_eq!(decode_metric(&encoded), Ok(TimeSeriesName::new(metric, tags)));
    }

    #[test]
    fn a_clean_name_is_valid_and_stays_as_it_is(name in any::<String>()) {
        for rule in [Sanitizer::Prometheus, Sanitizer::Apptuit] {
            let clean = rule.clean(&name);
            prop_assert!(clean.is_empty() == name.is_empty());
            prop_assert!(clean.is_empty() || is_valid_name(&clean));
            prop_assert!(!clean.contains("__"));
            prop_assert_eq!(rule.clean(&clean), &*clean);
        }
    }

    #[test]
    fn a_name_is_cleaned_character_by_character(name in "[a1_.é -]{0,9}") {
        let is_allowed = |c: char| c.is_ascii_alphanumeric();
        let mut expected = String::new();
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            expected.push('_');
        }
        expected.extend(name.chars().map(|c| if is_allowed(c) { c } else { '_' }));
        while expected.contains("__") {
            expected = expected.replace("__", "_");
        }
        prop_assert_eq!(Sanitizer::Prometheus.clean(&name), expected);
    }
}
