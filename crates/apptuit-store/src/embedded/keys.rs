//! The idempotency keys of the last day: what was kept under each, so that it is kept once.

use std::time::Duration;

use apptuit_model::{Timestamp, body_key};
use rusqlite::{OptionalExtension as _, Row, Transaction};

use super::batch;
use super::queue::Append;
use super::schema::integer;
use crate::{Kept, StoreError};

/// How long a resend is recognised.
const LIFE: Duration = Duration::from_hours(24);
/// How many keys that are past their life go with each that comes.
const REMOVED: usize = 4;

/// What is to become of each append. Keys not met before are kept, in this transaction.
pub(super) fn keep(
    transaction: &Transaction<'_>,
    appends: &[Append],
    now: Timestamp,
) -> rusqlite::Result<Vec<Result<Kept, StoreError>>> {
    let expired = now.saturating_sub(LIFE).as_millis();
    let keyed = appends.iter().filter(|append| append.key.is_some()).count();
    if keyed > 0 {
        // Keys stand in the order of their time, or nearly, if the clock was set back.
        let sql =
            "DELETE FROM key WHERE id IN (SELECT id FROM key ORDER BY id LIMIT ?1) AND at <= ?2";
        let mut remove = transaction.prepare_cached(sql)?;
        remove.execute((integer(REMOVED * keyed), expired))?;
    }
    appends.iter().map(|append| verdict(transaction, append, now, expired)).collect()
}

fn verdict(
    transaction: &Transaction<'_>,
    append: &Append,
    now: Timestamp,
    expired: i64,
) -> rusqlite::Result<Result<Kept, StoreError>> {
    let Some(key) = &append.key else { return Ok(Ok(Kept::Now)) };
    let own = (integer(append.points.len()), batch::checksum(&append.points));
    let reused = || Ok(Err(StoreError::KeyReused { key: key.clone() }));
    let sql = "SELECT points, checksum FROM key WHERE key = ?1 AND at > ?2";
    let mut find = transaction.prepare_cached(sql)?;
    let mut kept_under = |key: &str| {
        let of_row = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, u32>(1)?));
        find.query_row((key, expired), of_row).optional()
    };
    if let Some(kept) = kept_under(key.as_str())? {
        return if kept == own { Ok(Ok(Kept::Before)) } else { reused() };
    }
    for whole in body_key::wholes(key.as_str()) {
        if let Some((points, _)) = kept_under(whole)? {
            return if own.0 <= points { Ok(Ok(Kept::Before)) } else { reused() };
        }
    }
    let sql = "SELECT 1 FROM key WHERE key >= ?1 AND key < ?2 AND at > ?3";
    let [from, to] = body_key::parts(key.as_str());
    if transaction.prepare_cached(sql)?.exists((from, to, expired))? {
        return Ok(Err(StoreError::PartsKept { key: key.clone() }));
    }
    let sql = "INSERT OR REPLACE INTO key (key, at, points, checksum) VALUES (?1, ?2, ?3, ?4)";
    let mut insert = transaction.prepare_cached(sql)?;
    insert.execute((key.as_str(), now.as_millis(), own.0, own.1))?;
    Ok(Ok(Kept::Now))
}
