//! The database: made, recognised, and read back into memory.

use std::path::Path;
use std::time::Duration;

use apptuit_model::{Tags, TimeSeriesName};
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, ErrorCode, OpenFlags, Row};

use super::bytes::Damage;
use super::head::Head;
use super::names::Names;
use super::{batch, name, refusal};
use crate::{StoreError, StoreOptions};

const VERSION: u32 = 1;
const APPLICATION_ID: i64 = 0x4170_7475;
const PAGE_BYTES: u32 = 16_384;
/// Two stores that open one new file at the same moment step on each other's locks for an instant.
const LOCK_PATIENCE: Duration = Duration::from_millis(100);

/// Opens the database, or makes it, and takes its lock.
pub(super) fn open(file: &Path, options: &StoreOptions) -> Result<Connection, StoreError> {
    let failed = |error| from_sqlite(file, "open", error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(failed)?;
    lock(&connection).map_err(failed)?;
    let is_new = recognise(&connection, file)?;
    configure(&connection, options).map_err(failed)?;
    if is_new {
        create(&connection).map_err(failed)?;
    }
    Ok(connection)
}

/// Reads everything in the database.
pub(super) fn load(connection: &Connection, file: &Path) -> Result<(Names, Head), StoreError> {
    let (mut names, mut head) = (Names::default(), Head::default());
    let series = "SELECT id, metric, tags FROM series ORDER BY id";
    each_row(connection, file, ("series", series), |id, row| {
        let metric = row.get_ref(1)?.as_str()?;
        let tags = name::decode(metric, row.get_ref(2)?.as_blob()?)?;
        let name = TimeSeriesName::new(metric, tags.into_iter().collect::<Tags>());
        let number = u32::try_from(id).ok().filter(|number| *number > 0);
        let number = number.ok_or_else(|| Damage::of("its number is out of range".to_owned()))?;
        if names.load(number, &name) {
            return Ok(());
        }
        Err(Damage::of("a row before has the same metric and tags".to_owned()))
    })?;
    let batches = "SELECT id, points FROM batch ORDER BY id";
    each_row(connection, file, ("batch", batches), |_, row| {
        let points = batch::decode(row.get_ref(1)?.as_blob()?, |n| names.name(n).is_some())?;
        head.add_points(points);
        Ok(())
    })?;
    head.settle();
    Ok((names, head))
}

/// What an error of SQLite says about the data.
pub(super) fn from_sqlite(file: &Path, doing: &'static str, error: rusqlite::Error) -> StoreError {
    let file = file.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::InUse { file },
        Some(ErrorCode::NotADatabase) => {
            StoreError::NotAStore { file, what: "not an SQLite database".to_owned() }
        }
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Corrupt {
            file,
            at: "a page of the database".to_owned(),
            what: error.to_string(),
        },
        _ => StoreError::Io { doing, source: refusal::cause(&file, error), file },
    }
}

/// The lock is held until the connection ends: `locking_mode` keeps what the transaction takes.
/// Only a file of no bytes is written to: one that is not ours stays as it is.
fn lock(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(LOCK_PATIENCE)?;
    // Before anything is read: so SQLite keeps its index of the write-ahead file in memory, and
    // needs no room on the disk for it.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // The transaction gives a file of no bytes its first page, and so its page size.
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.execute_batch("BEGIN EXCLUSIVE; COMMIT")
}

/// Whether the database is new and empty. An error if it is neither that nor a store we can read.
fn recognise(connection: &Connection, file: &Path) -> Result<bool, StoreError> {
    let failed = |error| from_sqlite(file, "open", error);
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(failed);
    let application_id = number("SELECT application_id FROM pragma_application_id")?;
    let objects = number("SELECT count(*) FROM sqlite_schema")?;
    match (application_id, objects) {
        (APPLICATION_ID, _) => check_version(connection, file).map(|()| false),
        (0, 0) => Ok(true),
        _ => {
            let what =
                format!("a database of another program, application_id `{application_id:#x}`");
            Err(StoreError::NotAStore { file: file.to_owned(), what })
        }
    }
}

fn check_version(connection: &Connection, file: &Path) -> Result<(), StoreError> {
    let sql = "SELECT value FROM meta WHERE key = 'schema_version'";
    let version: Result<String, _> = connection.query_row(sql, [], |row| row.get(0));
    let what = match version.as_deref().map(str::parse) {
        Ok(Ok(VERSION)) => return Ok(()),
        Ok(Ok(found)) if found > VERSION => {
            return Err(StoreError::VersionTooNew { file: file.to_owned(), found, known: VERSION });
        }
        Ok(_) => format!("`schema_version` is `{}`", version.unwrap_or_default()),
        Err(error) => error.to_string(),
    };
    Err(StoreError::Corrupt { file: file.to_owned(), at: "table `meta`".to_owned(), what })
}

fn configure(connection: &Connection, options: &StoreOptions) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    if let Some(bytes) = options.max_file_bytes {
        // SQLite counts pages in 32 bits and takes 0 for a question.
        let pages = u32::try_from(bytes / u64::from(PAGE_BYTES)).unwrap_or(u32::MAX).max(1);
        connection.pragma_update(None, "max_page_count", pages)?;
    }
    Ok(())
}

/// In one transaction, so that a file half made is an empty one.
fn create(connection: &Connection) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(include_str!("schema.sql"))?;
    transaction.commit()
}

/// Reads the rows of a table, whose first column is the number of the row.
fn each_row(
    connection: &Connection,
    file: &Path,
    (table, sql): (&str, &str),
    mut read: impl FnMut(i64, &Row<'_>) -> Result<(), Damage>,
) -> Result<(), StoreError> {
    let failed = |error| from_sqlite(file, "read", error);
    let mut statement = connection.prepare(sql).map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        let id: i64 = row.get(0).map_err(failed)?;
        read(id, row).map_err(|Damage { offset, what }| {
            let byte = offset.map(|offset| format!(", byte {offset}")).unwrap_or_default();
            let at = format!("row {id} of `{table}`{byte}");
            StoreError::Corrupt { file: file.to_owned(), at, what }
        })?;
    }
    Ok(())
}

impl From<rusqlite::Error> for Damage {
    fn from(error: rusqlite::Error) -> Self {
        Self::of(error.to_string())
    }
}

impl From<FromSqlError> for Damage {
    fn from(error: FromSqlError) -> Self {
        Self::of(error.to_string())
    }
}
