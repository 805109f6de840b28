use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::*;

fn packed(timestamps: &[i64], values: &[f64]) -> Vec<u8> {
    let timestamps: Vec<_> = timestamps.iter().copied().map(Timestamp::from_millis).collect();
    let mut chunk = Vec::new();
    encode(&timestamps, values, &mut chunk);
    chunk
}

type Points = Vec<(i64, u64)>;

fn unpacked(chunk: &[u8]) -> Result<Points, Damage> {
    let (mut timestamps, mut values) = (Vec::new(), Vec::new());
    decode(chunk, &mut timestamps, &mut values)?;
    let millis = timestamps.iter().map(|instant| instant.as_millis());
    Ok(millis.zip(values.iter().map(|value| value.to_bits())).collect())
}

fn given(timestamps: &[i64], values: &[f64]) -> Points {
    timestamps.iter().copied().zip(values.iter().map(|value| value.to_bits())).collect()
}

/// What instruments measure, and what they never would.
fn shapes() -> impl Strategy<Value = Vec<f64>> {
    let length = 1..1200_usize;
    prop_oneof![
        vec(any::<f64>(), length.clone()),
        vec(any::<u64>().prop_map(f64::from_bits), length.clone()),
        vec((-50_000..50_000_i32).prop_map(|cents| f64::from(cents) / 100.0), length.clone()),
        vec(0..10_000_u32, length.clone()).prop_map(|steps| {
            let grown = steps.iter().scan(1_u64 << 52, |sum, step| {
                *sum += u64::from(*step);
                Some(*sum as f64)
            });
            grown.collect()
        }),
        (any::<f64>(), length.clone())
            .prop_map(|(value, length)| std::vec::from_elem(value, length)),
        (vec(prop_oneof![30 => Just(1.0), 1 => Just(0.0), 1 => Just(-0.0)], length)),
    ]
}

/// As many instants: even, jittering, with gaps, anywhere.
fn instants(count: usize) -> impl Strategy<Value = Vec<i64>> {
    let from = |start: i64, steps: Vec<i64>| {
        steps.into_iter().scan(start, |at, step| {
            *at = at.saturating_add(step);
            Some(*at)
        })
    };
    prop_oneof![
        (0..1_i64 << 41, 1..100_000_i64).prop_map(move |(start, step)| from(
            start,
            vec![step; count]
        )
        .collect()),
        (0..1_i64 << 41, vec(9_990..10_010_i64, count))
            .prop_map(move |(start, steps)| from(start, steps).collect()),
        (0..1_i64 << 41, vec(prop_oneof![50 => Just(10_000), 1 => 1..1000_i64], count))
            .prop_map(move |(start, steps)| from(start, steps).collect()),
        (-1_i64 << 41..0, vec((1..90_i64).prop_map(|secs| 1000 * secs), count))
            .prop_map(move |(start, steps)| from(start, steps).collect()),
        btree_set(any::<i64>(), count).prop_map(|instants| instants.into_iter().collect()),
    ]
}

fn points() -> impl Strategy<Value = (Vec<i64>, Vec<f64>)> {
    shapes().prop_flat_map(|values| (instants(values.len()), Just(values)))
}

proptest! {
    #[test]
    fn what_is_packed_comes_back_bit_by_bit((timestamps, values) in points()) {
        prop_assert_eq!(unpacked(&packed(&timestamps, &values)), Ok(given(&timestamps, &values)));
    }

    #[test]
    fn the_points_up_to_an_instant_come_alone(
        (timestamps, values) in points(),
        at in any::<prop::sample::Index>(),
        after in -1..2_i64,
    ) {
        let last = timestamps[at.index(timestamps.len())].saturating_add(after);
        let mut found = (vec![Timestamp::MAX], vec![7.0]);
        let chunk = packed(&timestamps, &values);
        decode_until(&chunk, Timestamp::from_millis(last), &mut found.0, &mut found.1).unwrap();
        let count = timestamps.iter().filter(|at| **at <= last).count();
        let millis: Vec<i64> = found.0[1..].iter().map(|at| at.as_millis()).collect();
        prop_assert_eq!(&*millis, &timestamps[..count]);
        prop_assert_eq!(given(&millis, &found.1[1..]), given(&millis, &values[..count]));
    }

    #[test]
    fn a_summary_is_that_of_the_points((timestamps, values) in points()) {
        let summary = summary(&packed(&timestamps, &values)).unwrap();
        prop_assert_eq!(summary.count, values.len());
        prop_assert_eq!(summary.start.as_millis(), timestamps[0]);
        prop_assert_eq!(summary.end.as_millis(), timestamps[timestamps.len() - 1]);
        prop_assert_eq!(summary.first.to_bits(), values[0].to_bits());
        prop_assert_eq!(summary.last.to_bits(), values[values.len() - 1].to_bits());
        let mut sum = -0.0;
        for value in &values {
            sum += value;
        }
        if !sum.is_finite() {
            return Ok(());
        }
        prop_assert_eq!(summary.sum.to_bits(), sum.to_bits());
        // Sorting that keeps the order of equal values puts the earliest of the least in front.
        let mut ascending = values.clone();
        ascending.sort_by(|one, other| one.partial_cmp(other).unwrap());
        let mut descending = values.clone();
        descending.sort_by(|one, other| other.partial_cmp(one).unwrap());
        prop_assert_eq!(summary.min.to_bits(), ascending[0].to_bits());
        prop_assert_eq!(summary.max.to_bits(), descending[0].to_bits());
    }

    #[test]
    fn a_changed_byte_is_damage((timestamps, values) in points(), at in any::<prop::sample::Index>(), change in 1..=255_u8) {
        let mut chunk = packed(&timestamps, &values);
        let at = at.index(chunk.len());
        chunk[at] ^= change;
        prop_assert!(unpacked(&chunk).is_err());
        prop_assert!(unpacked(&chunk[..at]).is_err());
    }

    #[test]
    fn bytes_that_were_never_packed_are_damage(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(unpacked(&bytes).is_err());
    }
}

#[test]
fn points_are_written_as_documented() {
    // By hand from docs/reference/storage-format.md; the checksums come from Python's zlib.
    let documented = [
        1, 1, 3, 0xc0, 0xa9, 7, 0xc0, 0xa9, 7, // layout, scale, count, start, span
        0xae, 3, 10, 0, 10, // first, last, least and greatest value
        0, 0, 0, 0, 0, 0x60, 0x50, 0x40, // sum
        0xc3, 0xc8, 0xf4, 0xb9, // checksum
        1, 0, 0x78, // seconds, even, 60
        2, 10, 0, // packed, 5, no bits
        0x91, 0xc6, 0x7e, 0x2d,
    ];
    let chunk = packed(&[60_000, 120_000, 180_000], &[21.5, 22.0, 22.0]);
    assert_eq!(chunk, documented);
    let found = unpacked(&documented);
    assert_eq!(found, Ok(given(&[60_000, 120_000, 180_000], &[21.5, 22.0, 22.0])));
}

#[test]
fn usual_series_take_few_bytes() {
    let mut random = fastrand::Rng::with_seed(7);
    let timestamps: Vec<i64> = (0..1000).map(|n| 1_700_000_000_000 + 10_000 * n).collect();
    let mut level = 5000_i32;
    let gauge: Vec<f64> = timestamps
        .iter()
        .map(|_| {
            level += random.i32(-50..=50);
            f64::from(level) / 100.0
        })
        .collect();
    let mut total = 0.0;
    let counter: Vec<f64> = timestamps
        .iter()
        .map(|_| {
            total += f64::from(random.u32(0..100));
            total
        })
        .collect();
    let constant = vec![3.25; 1000];
    for (values, at_most) in [(gauge, 1000), (counter, 1000), (constant, 48)] {
        let chunk = packed(&timestamps, &values);
        assert!(chunk.len() <= at_most, "{} bytes, first value {}", chunk.len(), values[0]);
    }
}
