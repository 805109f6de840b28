//! A frame as a record batch of Arrow.

use std::sync::Arc;

use apptuit_model::Timestamp;
use arrow_array::{ArrayRef, Float64Array, RecordBatch, TimestampMillisecondArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{DataType, Field, Schema, TimeUnit};

use super::Frame;

/// Where instants are: a frame has no other zone.
const ZONE: &str = "UTC";

impl Frame {
    /// The frame as a record batch: a column `time`, of type `Timestamp(Millisecond, "UTC")` and
    /// never null, then a column of type `Float64` for each series, null where there is no value.
    ///
    /// Values are moved, not copied. The instants of the frame are a type of their own, whose memory
    /// is used again. Names of columns are those of the frame, and may be there more than once.
    ///
    /// ```
    /// use apptuit::{Frame, TimeSeries, Timestamp};
    ///
    /// let at = Timestamp::from_secs;
    /// let a = TimeSeries::from_points("a", [(at(1), 1.0), (at(2), 2.0)]);
    /// let b = TimeSeries::from_points("b", [(at(2), 5.0)]);
    /// let batch = Frame::from_series(&[a, b]).into_record_batch();
    ///
    /// assert_eq!((batch.num_rows(), batch.num_columns()), (2, 3));
    /// assert_eq!(batch.schema().field(0).name(), "time");
    /// let b = batch.column_by_name("b{}").expect("it is there");
    /// assert!(b.is_null(0) && b.is_valid(1));
    /// ```
    #[expect(clippy::missing_panics_doc, reason = "its columns fit the schema made with them")]
    pub fn into_record_batch(self) -> RecordBatch {
        let time = DataType::Timestamp(TimeUnit::Millisecond, Some(ZONE.into()));
        let mut fields = vec![Field::new("time", time, false)];
        let millis: Vec<i64> = self.timestamps.into_iter().map(Timestamp::as_millis).collect();
        let instants = TimestampMillisecondArray::from(millis).with_timezone(ZONE);
        let mut columns: Vec<ArrayRef> = vec![Arc::new(instants)];
        for (name, values) in self.names.into_iter().zip(self.columns) {
            fields.push(Field::new(name, DataType::Float64, true));
            let holes = holes(&values);
            columns.push(Arc::new(Float64Array::new(values.into(), holes)));
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
            .expect("columns have the types and the length of the schema")
    }
}

/// What is a value and what is none, if there is any that is none.
fn holes(values: &[f64]) -> Option<NullBuffer> {
    let is_value = BooleanBuffer::collect_bool(values.len(), |row| !values[row].is_nan());
    Some(NullBuffer::new(is_value)).filter(|holes| holes.null_count() > 0)
}

#[cfg(test)]
mod tests {
    use apptuit_model::TimeSeries;
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float64Type, TimestampMillisecondType};

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn instants_are_milliseconds_in_utc_and_holes_are_null() {
        let a = TimeSeries::from_points("a", [(at(-1), 1.5), (at(2), f64::NAN), (at(3), -0.0)]);
        let b = TimeSeries::from_points(("b", [("k", "v")]), [(at(3), f64::INFINITY)]);
        let batch = Frame::from_series(&[a, b]).into_record_batch();

        let schema = batch.schema();
        let fields: Vec<_> = schema
            .fields()
            .iter()
            .map(|field| (field.name().as_str(), field.is_nullable()))
            .collect();
        assert_eq!(fields, [("time", false), ("a{}", true), ("b{k:v}", true)]);
        let zoned = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        assert_eq!(schema.field(0).data_type(), &zoned);
        let time = batch.column(0).as_primitive::<TimestampMillisecondType>();
        assert_eq!((&time.values()[..], time.null_count()), (&[-1, 2, 3][..], 0));
        let column =
            |n: usize| batch.column(n).as_primitive::<Float64Type>().iter().collect::<Vec<_>>();
        assert_eq!(column(1), [Some(1.5), None, Some(-0.0)]);
        assert_eq!(column(2), [None, None, Some(f64::INFINITY)]);
    }

    #[test]
    fn values_are_not_copied_and_whole_columns_have_no_mask() {
        let points = (0..100).map(|n| (at(n), 0.5));
        let frame = Frame::from(vec![TimeSeries::from_points("a", points)]);
        let (times, values) = (frame.timestamps.as_ptr().addr(), frame.columns[0].as_ptr().addr());
        let batch = frame.into_record_batch();
        let column = batch.column(1).as_primitive::<Float64Type>();
        assert_eq!((column.values().as_ptr().addr(), column.nulls()), (values, None));
        let time = batch.column(0).as_primitive::<TimestampMillisecondType>();
        assert_eq!(time.values().as_ptr().addr(), times);
    }

    #[test]
    fn an_empty_frame_is_a_batch_without_rows_and_one_name_may_stand_twice() {
        let batch = Frame::default().into_record_batch();
        assert_eq!((batch.num_rows(), batch.num_columns()), (0, 1));
        let twice = [TimeSeries::new("a"), TimeSeries::from_points("a", [(at(1), 1.0)])];
        let batch = Frame::from_series(&twice).into_record_batch();
        assert_eq!((batch.num_rows(), batch.num_columns()), (1, 3));
        assert_eq!(batch.column(1).null_count(), 1);
    }
}
