//! Bodies of points, read in two ways. The tests of `apptuit-model` include this file.

use std::collections::HashMap;

use apptuit_model::wire::{
    DecodedPut, NewSeries, PutBodyError, PutColumns, PutLimits, RefusedPoint, SeriesNumbers,
    decode_put,
};
use apptuit_model::{TimeSeriesName, Timestamp};

/// Series by how they are spelled, numbered as they come; the next one is likely to come next.
#[derive(Default)]
struct Numbers {
    spelled: HashMap<(String, String), usize>,
    spellings: Vec<(String, String)>,
    names: Vec<TimeSeriesName>,
    likely: usize,
}

impl SeriesNumbers for Numbers {
    type Number = usize;
    type Error = PutBodyError;

    fn known(&mut self, metric: &str, tags: &str) -> Option<usize> {
        let number = self.spelled.get(&(metric.to_owned(), tags.to_owned())).copied()?;
        self.likely = number + 1;
        Some(number)
    }

    fn likely(&self) -> Option<(&str, &str)> {
        self.spellings.get(self.likely).map(|(metric, tags)| (&**metric, &**tags))
    }

    fn take_likely(&mut self) -> Option<usize> {
        self.likely += 1;
        Some(self.likely - 1)
    }

    fn resolve(
        &mut self,
        new: &[NewSeries<'_>],
    ) -> Result<Vec<Result<usize, String>>, PutBodyError> {
        let number = |new: &NewSeries<'_>| {
            let number = self.names.len();
            self.names.push(new.name.clone());
            let spelling = (new.metric.to_owned(), new.tags.to_owned());
            self.spellings.push(spelling.clone());
            assert!(self.spelled.insert(spelling, number).is_none(), "known, and asked for");
            Ok(number)
        };
        Ok(new.iter().map(number).collect())
    }
}

type Read = Result<(Vec<(TimeSeriesName, Timestamp, u64)>, Vec<RefusedPoint>), PutBodyError>;

/// A body in columns is the same points, and the same refusals, as the body point by point; so it
/// is too once the spellings are known. A first byte below 8 is how many points are taken.
pub fn put(data: &[u8]) {
    let (max_points, body) = match data {
        [limit @ ..8, body @ ..] => (usize::from(*limit), body),
        body => (1000, body),
    };
    let expected: Read = decode_put(body, max_points).map(|DecodedPut { points, refused }| {
        let point = |point: apptuit_model::DataPoint| {
            (point.name().clone(), point.timestamp(), point.value().to_bits())
        };
        (points.into_iter().map(point).collect(), refused)
    });
    let (mut numbers, mut columns) = (Numbers::default(), PutColumns::default());
    for _ in 0..2 {
        let limits = PutLimits { max_points, max_told: usize::MAX };
        let read: Read = columns.read(body, limits, &mut numbers).map(|()| {
            let point = |(number, timestamp, value): (usize, Timestamp, f64)| {
                (numbers.names[number].clone(), timestamp, value.to_bits())
            };
            (columns.points().map(point).collect(), columns.refused().to_vec())
        });
        assert_eq!(read, expected, "{:?}", String::from_utf8_lossy(body));
        assert_eq!(columns.refused_count(), columns.refused().len());
        if read.is_err() {
            assert_eq!(columns.points().count(), 0, "points of a body that was refused");
        }
    }
}
