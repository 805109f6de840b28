//! What a group of appends writes to the file.

use std::collections::BTreeSet;

use rusqlite::Transaction;

use super::batch::{self, MAX_POINTS};
use super::name;
use super::shared::Shared;
use crate::points::Columns;

/// Writes the names of the series in some points that the file does not have yet, and gives their
/// numbers.
pub(super) fn write_series(
    transaction: &Transaction<'_>,
    shared: &Shared,
    named: &[bool],
    points: &[Columns<'_>],
) -> rusqlite::Result<Vec<u32>> {
    let is_new = |number: &u32| !named.get(*number as usize).is_some_and(|named| *named);
    let mut new = BTreeSet::new();
    for points in points {
        new.extend(points.series.iter().map(|series| series.number()).filter(is_new));
    }
    let names = shared.names();
    let sql = "INSERT INTO series (id, metric, tags) VALUES (?1, ?2, ?3)";
    for number in &new {
        let name = names.name(*number).expect("a number is checked before it is queued");
        let tags = name::encode(name.metric(), name.tags());
        transaction.prepare_cached(sql)?.execute((number, name.metric(), tags))?;
    }
    Ok(new.into_iter().collect())
}

/// Columns for one blob each.
pub(super) fn blobs<'a>(points: &[Columns<'a>]) -> Vec<Vec<Columns<'a>>> {
    let (mut blobs, mut blob, mut room) = (Vec::new(), Vec::new(), MAX_POINTS);
    for points in points {
        let mut rest = *points;
        while rest.values.len() >= room {
            let (part, after) = rest.split_at(room);
            blob.push(part);
            blobs.push(std::mem::take(&mut blob));
            (rest, room) = (after, MAX_POINTS);
        }
        if !rest.values.is_empty() {
            room -= rest.values.len();
            blob.push(rest);
        }
    }
    if !blob.is_empty() {
        blobs.push(blob);
    }
    blobs
}

/// Writes batches, and gives the number and the bytes of each.
pub(super) fn write_batches<'a>(
    transaction: &Transaction<'_>,
    shared: &Shared,
    blobs: Vec<Vec<Columns<'a>>>,
) -> rusqlite::Result<Vec<(i64, Vec<Columns<'a>>, usize)>> {
    let mut insert =
        transaction.prepare_cached("INSERT INTO batch (id, points) VALUES (?1, ?2)")?;
    let last = shared.ahead().last();
    let write = |(id, parts): (i64, Vec<Columns<'a>>)| {
        let blob = batch::encode(&parts);
        insert.execute((id, &blob))?;
        Ok((id, parts, blob.len()))
    };
    (last + 1..).zip(blobs).map(write).collect()
}
