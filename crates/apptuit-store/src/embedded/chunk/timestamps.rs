//! The instants of a chunk: a column of their distances from the first.

use apptuit_model::Timestamp;

use super::column;
use crate::embedded::bytes::{Damage, Reader};

const MILLIS: u8 = 0;
const SECONDS: u8 = 1;

/// Writes instants that ascend. Where all are whole seconds apart, it is seconds that are written.
pub(super) fn encode(timestamps: &[Timestamp], out: &mut Vec<u8>) {
    let first = timestamps.first().map_or(0, |first| first.as_millis());
    let millis = timestamps.iter().map(|instant| instant.as_millis().wrapping_sub(first));
    // As the distance of the ends of time is more than an `i64` holds, it may be negative.
    let offsets: Vec<i64> = if millis.clone().all(|millis| millis >= 0 && millis % 1000 == 0) {
        out.push(SECONDS);
        millis.map(|millis| millis / 1000).collect()
    } else {
        out.push(MILLIS);
        millis.collect()
    };
    column::encode(&offsets, out);
}

/// Appends `count` instants, the first of which is `first`, to `out`.
pub(super) fn decode(
    reader: &mut Reader<'_>,
    count: usize,
    first: Timestamp,
    out: &mut Vec<Timestamp>,
) -> Result<(), Damage> {
    let unit = match reader.u8()? {
        MILLIS => 1,
        SECONDS => 1000,
        other => {
            let what = format!("the unit of time is `{other}`, expected 0 or 1");
            return Err(reader.damage(what));
        }
    };
    let first = first.as_millis();
    let instant =
        |offset: i64| Timestamp::from_millis(first.wrapping_add(offset.wrapping_mul(unit)));
    column::decode(reader, (count, count), out, instant)
}
