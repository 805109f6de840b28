//! A metric may have so many series, and whoever asks for more shares one.

use apptuit_metrics::{Key, Metric, Reading, Registry, counter};
use proptest::collection::vec;
use proptest::prelude::*;

fn capped(most: usize) -> Registry {
    Registry::builder().max_series_per_metric(most).build()
}

/// Names and counts, in the order of creation.
fn counts(registry: &Registry) -> Vec<(String, i64)> {
    let count = |metric: &Metric| match metric.reading {
        Reading::Counter(count) => (metric.name.to_string(), count),
        _ => panic!("expected counters alone, not {metric:?}"),
    };
    registry.dump().iter().map(count).collect()
}

fn expect(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn those_beyond_the_cap_share_one_series_and_the_total_stays_right() {
    let registry = capped(2);
    for round in 0..3 {
        for user in ["ann", "bob", "cid", "dan"] {
            registry.counter(("logins", [("user", user)])).inc_by(round);
        }
        registry.counter(("other", [("user", "cid")])).inc();
    }
    let expected = [
        ("logins{user:ann}", 3),
        ("logins{user:bob}", 3),
        ("logins{overflow:true}", 6),
        ("other{user:cid}", 3),
    ];
    assert_eq!(counts(&registry), expect(&expected));
}

#[test]
fn a_cap_of_zero_lets_nothing_in_but_the_overflow() {
    let registry = capped(0);
    registry.counter("plain").inc();
    registry.counter(("plain", [("a", "b")])).inc();
    assert_eq!(registry.counter(("plain", [("overflow", "true")])).count(), 2);
    assert_eq!(registry.len(), 1);
}

/// Every call that did not get its own series is counted, by whatever way it asks.
#[test]
fn neither_keys_nor_macros_nor_repetition_pass_the_cap_or_the_count() {
    let registry = capped(1);
    let key = Key::new(("m", [("by", "key")]));
    registry.counter(("m", [("by", "first")])).inc();
    for _ in 0..5 {
        registry.counter(("m", [("by", "name")])).inc();
        registry.counter(&key).inc();
        counter!(in &registry, "m", "by" => "macro").inc();
        let by = String::from("expression");
        counter!(in &registry, "m", "by" => by).inc();
        registry.counter(r#"m{"by": "text"}"#).inc();
    }
    assert_eq!(counts(&registry), expect(&[("m{by:first}", 1), ("m{overflow:true}", 25)]));
    let offenders = registry.offenders();
    assert_eq!((offenders[0].swallowed, offenders.len()), (25, 1));
    // The one that is in stays in.
    registry.counter(("m", [("by", "first")])).inc();
    assert_eq!(registry.offenders()[0].swallowed, 25);
}

#[test]
fn encoded_names_are_series_of_the_metric_they_encode() {
    let registry = capped(2);
    registry.counter(r#"orders{"city": "blr"}"#).inc();
    registry.counter(r#"orders{"city": "maa"}"#).inc();
    registry.counter(r#"orders{"city": "del"}"#).inc();
    registry.counter(("orders", [("city", "bom")])).inc();
    registry.counter("orders").inc();
    assert_eq!(registry.len(), 3);
    assert_eq!(registry.counter(("orders", [("overflow", "true")])).count(), 3);
}

/// Every kind has a series to overflow into, and all kinds count against one cap.
#[test]
fn kinds_share_a_cap_but_no_series() {
    let registry = capped(1);
    registry.counter(("m", [("n", "1")])).inc();
    registry.meter(("m", [("n", "2")])).mark_n(2);
    registry.histogram(("m", [("n", "3")])).record(3);
    registry.gauge(("m", [("n", "4")])).set(4.0);
    registry.gauge_fn(("m", [("n", "5")]), || 5.0);
    assert_eq!(registry.len(), 4);
    let overflow = ("m", [("overflow", "true")]);
    assert_eq!((registry.meter(overflow).count(), registry.histogram(overflow).count()), (2, 1));
    assert_eq!(registry.gauge(overflow).value(), 4.0);
}

#[test]
fn a_tag_named_like_the_overflow_is_no_way_round_the_cap() {
    let registry = capped(3);
    for user in 0..50 {
        let user = user.to_string();
        registry.counter(("m", [("overflow", "true"), ("user", user.as_str())])).inc();
    }
    assert_eq!(registry.len(), 4);
}

#[test]
fn removing_a_series_makes_room_for_another_also_at_a_macro() {
    let registry = capped(1);
    let late = || counter!(in &registry, "m", "n" => "late").inc();
    registry.counter(("m", [("n", "first")])).inc();
    late();
    registry.remove(("m", [("n", "first")]));
    late();
    late();
    assert_eq!(counts(&registry), expect(&[("m{overflow:true}", 1), ("m{n:late}", 2)]));
    registry.clear();
    late();
    assert_eq!(counts(&registry), expect(&[("m{n:late}", 1)]));
    assert_eq!(registry.offenders()[0].swallowed, 0);
}

#[test]
fn the_worst_offender_swallowed_most_and_then_has_most_series() {
    let registry = capped(3);
    let fill = |metric: &str, series: u32| {
        for n in 0..series {
            registry.counter((metric, [("host", "a"), ("n", n.to_string().as_str())])).inc();
        }
    };
    fill("two", 2);
    fill("three", 3);
    fill("nine", 9);
    fill("five", 5);
    registry.counter("without.tags").inc();
    let offenders = registry.offenders();
    let numbers: Vec<_> =
        offenders.iter().map(|it| (it.metric.as_str(), it.series, it.swallowed)).collect();
    // Of those that swallowed, the series of the overflow is one more.
    assert_eq!(numbers, [("nine", 4, 6), ("five", 4, 2), ("three", 3, 0), ("two", 2, 0)]);
    assert!(offenders.iter().all(|it| it.tag == "n"), "{offenders:?}");
    assert_eq!(offenders[2].values, 3);
}

/// Whatever its name: the tag of the overflow series is nobody's fault.
#[test]
fn the_tag_to_blame_is_one_of_the_users() {
    let registry = capped(1);
    for city in ["blr", "maa"] {
        registry.counter(("orders", [("city", city)])).inc();
    }
    let offenders = registry.offenders();
    assert_eq!((offenders[0].tag.as_str(), offenders[0].values), ("city", 1));
}

proptest! {
    /// The cap as a set of names: in as long as there is room, and the sum is never lost.
    #[test]
    fn a_cap_lets_the_first_in_and_adds_up_the_others(
        most in 0_usize..6,
        users in vec(0_u8..10, 0..60),
    ) {
        let registry = capped(most);
        let mut inside: Vec<(u8, i64)> = Vec::new();
        let mut swallowed = 0;
        for user in &users {
            registry.counter(("m", [("user", user.to_string())])).inc();
            let is_room = inside.len() < most;
            match inside.iter_mut().find(|(have, _)| have == user) {
                Some((_, count)) => *count += 1,
                None if is_room => inside.push((*user, 1)),
                None => swallowed += 1,
            }
        }
        let mut expected: Vec<_> =
            inside.iter().map(|(user, count)| (format!("m{{user:{user}}}"), *count)).collect();
        let mut actual = counts(&registry);
        actual.sort();
        if swallowed > 0 {
            expected.push(("m{overflow:true}".to_owned(), swallowed));
        }
        expected.sort();
        prop_assert_eq!(actual, expected);
        let offenders = registry.offenders();
        prop_assert_eq!(offenders.first().map_or(0, |it| it.swallowed), swallowed.cast_unsigned());
    }
}
