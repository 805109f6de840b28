//! The outer join of series on time.

use std::borrow::Cow;

use apptuit_model::{TimeSeries, Timestamp};

/// The points of a series, strictly rising in time.
pub(super) struct Points<'a> {
    timestamps: Cow<'a, [Timestamp]>,
    values: Cow<'a, [f64]>,
}

impl<'a> Points<'a> {
    pub(super) fn of(series: &'a TimeSeries) -> Self {
        let timestamps = Cow::Borrowed(series.timestamps());
        Self { timestamps, values: Cow::Borrowed(series.values()) }.in_order()
    }

    /// Of two points at one instant, the later is kept.
    fn in_order(self) -> Self {
        if self.timestamps.is_sorted_by(|one, next| one < next) {
            return self;
        }
        let mut points: Vec<_> = self.timestamps.iter().zip(self.values.iter()).collect();
        points.sort_by_key(|(timestamp, _)| *timestamp);
        // Of equal instants the first is kept: that one gets the value of the last.
        points.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            if is_same {
                kept.1 = next.1;
            }
            is_same
        });
        let (timestamps, values): (Vec<_>, Vec<_>) = points.into_iter().unzip();
        Points { timestamps: Cow::Owned(timestamps), values: Cow::Owned(values) }
    }

    /// A value for each of `rows`, among which are all instants of these points.
    fn spread(&self, rows: &[Timestamp]) -> Vec<f64> {
        let mut column = vec![f64::NAN; rows.len()];
        let mut cells = rows.iter().zip(&mut column);
        for (timestamp, value) in self.timestamps.iter().zip(self.values.iter()) {
            if let Some((_, cell)) = cells.find(|(row, _)| *row == timestamp) {
                *cell = *value;
            }
        }
        column
    }
}

impl From<TimeSeries> for Points<'_> {
    fn from(series: TimeSeries) -> Self {
        let (_, timestamps, values) = series.into_columns();
        Self { timestamps: Cow::Owned(timestamps), values: Cow::Owned(values) }.in_order()
    }
}

/// The instants of all series, rising, and for each series a value at each of them.
pub(super) fn outer(series: Vec<Points<'_>>) -> (Vec<Timestamp>, Vec<Vec<f64>>) {
    let rows = union(series.iter().map(|one| Cow::Borrowed(&*one.timestamps)).collect());
    let rows = rows.into_owned();
    let column = |one: Points<'_>| {
        // All its instants are rows: as many are all rows.
        if one.timestamps.len() == rows.len() { one.values.into_owned() } else { one.spread(&rows) }
    };
    let columns = series.into_iter().map(column).collect();
    (rows, columns)
}

/// The instants of all lists, each of which is strictly rising, as such a list.
///
/// Neighbours are merged until one is left. As mostly they have the same instants, lists do not grow
/// on the way, and most of the work is comparing.
fn union(mut lists: Vec<Cow<'_, [Timestamp]>>) -> Cow<'_, [Timestamp]> {
    while lists.len() > 1 {
        let mut pairs = lists.into_iter();
        let mut merged = Vec::with_capacity(pairs.len().div_ceil(2));
        while let Some(one) = pairs.next() {
            merged.push(match pairs.next() {
                Some(other) if one != other => Cow::Owned(merge(&one, &other)),
                _ => one,
            });
        }
        lists = merged;
    }
    lists.pop().unwrap_or_default()
}

fn merge(one: &[Timestamp], other: &[Timestamp]) -> Vec<Timestamp> {
    let mut merged = Vec::with_capacity(one.len().max(other.len()));
    let (mut one, mut other) = (one.iter().peekable(), other.iter().peekable());
    while let (Some(a), Some(b)) = (one.peek(), other.peek()) {
        let least = *a.min(b);
        one.next_if_eq(&least);
        other.next_if_eq(&least);
        merged.push(*least);
    }
    merged.extend(one.chain(other));
    merged
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn series(points: &[(i64, f64)]) -> TimeSeries {
        let points = points.iter().map(|(millis, value)| (Timestamp::from_millis(*millis), *value));
        TimeSeries::from_points("m", points)
    }

    /// The join by maps: what is there at an instant, and NaN where nothing is.
    fn naive(all: &[TimeSeries]) -> (Vec<Timestamp>, Vec<Vec<u64>>) {
        let rows: BTreeSet<Timestamp> =
            all.iter().flat_map(|one| one.timestamps().iter().copied()).collect();
        let column = |one: &TimeSeries| {
            let points: BTreeMap<Timestamp, f64> = one.iter().collect();
            rows.iter().map(|row| points.get(row).unwrap_or(&f64::NAN).to_bits()).collect()
        };
        let columns = all.iter().map(column).collect();
        (rows.into_iter().collect(), columns)
    }

    /// Joined from what is borrowed and from what is given away, it is what maps make of it.
    fn check(all: Vec<TimeSeries>) {
        let expected = naive(&all);
        let bits = |(rows, columns): (Vec<Timestamp>, Vec<Vec<f64>>)| {
            let bits = |column: Vec<f64>| column.into_iter().map(f64::to_bits).collect();
            (rows, columns.into_iter().map(bits).collect::<Vec<Vec<u64>>>())
        };
        assert_eq!(bits(outer(all.iter().map(Points::of).collect())), expected);
        assert_eq!(bits(outer(all.into_iter().map(Points::from).collect())), expected);
    }

    #[test]
    fn series_of_every_kind_are_joined_as_maps_join_them() {
        let regular = series(&[(0, 1.0), (10, 2.0), (20, 3.0)]);
        for all in [
            vec![],
            vec![series(&[])],
            vec![regular.clone()],
            vec![regular.clone(), regular.clone(), regular.clone()],
            vec![regular.clone(), series(&[]), series(&[(10, -0.0)])],
            vec![series(&[(5, 5.0)]), regular.clone(), series(&[(30, 6.0), (40, 7.0)])],
            vec![series(&[(i64::MIN, 1.0), (i64::MAX, 2.0)]), regular],
        ] {
            check(all);
        }
    }

    #[test]
    fn of_two_points_at_one_instant_the_later_in_the_series_counts() {
        let twice = series(&[(20, 1.0), (10, 2.0), (20, 3.0), (10, 4.0), (30, 5.0), (10, 6.0)]);
        let (rows, columns) = outer(vec![Points::of(&twice)]);
        assert_eq!(rows, [10, 20, 30].map(Timestamp::from_millis));
        assert_eq!(columns, [[6.0, 3.0, 5.0]]);
        check(vec![twice, series(&[(20, 1.0), (20, 2.0)])]);
    }

    #[test]
    fn what_is_given_away_is_not_copied_if_all_are_at_the_same_instants() {
        let all: Vec<_> = (0..3).map(|n| series(&[(0, f64::from(n)), (10, 2.0)])).collect();
        let before: Vec<_> = all.iter().map(|one| one.values().as_ptr()).collect();
        let (_, columns) = outer(all.into_iter().map(Points::from).collect());
        assert_eq!(columns.iter().map(Vec::as_ptr).collect::<Vec<_>>(), before);
    }

    #[test]
    fn random_series_are_joined_as_maps_join_them() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..500 {
            let kind = random.u8(0..3);
            let series = (0..random.usize(0..9)).map(|_| {
                let points: Vec<_> = (0..random.i64(0..20))
                    .map(|n| match kind {
                        0 => (n * 10, random.f64()),
                        1 => (n * random.i64(1..3), random.f64()),
                        _ => (random.i64(-20..20), random.f64()),
                    })
                    .collect();
                series(&points)
            });
            check(series.collect());
        }
    }
}
