//! The database: made, recognised, and brought to the version of today.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{io, refusal};
use crate::{StoreError, StoreOptions};

pub(super) const VERSION: u32 = 2;
const APPLICATION_ID: i64 = 0x4170_7475;
pub(super) const PAGE_BYTES: u32 = 16_384;
/// How long the writer waits for someone else who writes to the file or locks it: a tool, by hand.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
/// What SQLite keeps of the file in memory for the writer, in KiB.
const CACHE_KIB: i64 = 8192;

/// Opens the database, or makes it. Its lock is taken before.
pub(super) fn open(file: &Path, options: &StoreOptions) -> Result<Connection, StoreError> {
    let failed = |error| from_sqlite(file, "open", error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(failed)?;
    connection.busy_timeout(LOCK_PATIENCE).map_err(failed)?;
    leave_at_close(&connection, file).map_err(failed)?;
    let version = recognise(&connection, file)?;
    tidy_at_close(&connection, true).map_err(failed)?;
    if version == 0 {
        shape(&connection).map_err(failed)?;
    }
    plan_once(&connection).map_err(failed)?;
    configure(&connection, options).map_err(failed)?;
    upgrade(&connection, version).map_err(failed)?;
    Ok(connection)
}

/// Opens a database that is there, to read it and leave it as it is. Somebody else may write to it.
pub(super) fn look_at(file: &Path) -> Result<Connection, StoreError> {
    let failed = |error| from_sqlite(file, "open", error);
    file.metadata().map_err(|error| io(file, "open", error))?;
    // An index of the write-ahead file may have to be made, so not only for reading.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(failed)?;
    connection.busy_timeout(LOCK_PATIENCE).map_err(failed)?;
    leave_at_close(&connection, file).map_err(failed)?;
    Ok(connection)
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

/// The bytes of the pages of the database that are in use.
pub(super) fn used_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let (pages, free) = pages(connection)?;
    Ok((pages - free) * u64::from(PAGE_BYTES))
}

/// How many pages the database has, and how many of them are free.
pub(super) fn pages(connection: &Connection) -> rusqlite::Result<(u64, u64)> {
    let sql = "SELECT page_count, freelist_count FROM pragma_page_count, pragma_freelist_count";
    let pages: (i64, i64) = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((pages.0.unsigned_abs(), pages.1.unsigned_abs()))
}

/// Where SQLite has commits that are not in the database yet.
pub(super) fn write_ahead_file(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// A count as SQLite takes it.
pub(super) fn integer(count: usize) -> i64 {
    i64::try_from(count).expect("memory holds less than 2^63 things")
}

/// Statements stay as they were planned. Else SQLite plans one anew for each series that is looked for
/// with it, in case another plan suits that one better.
pub(super) fn plan_once(connection: &Connection) -> rusqlite::Result<bool> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
}

/// A file that is not ours to change stays as it is, its write-ahead file too: all that goes at the end
/// is one that was made only to look.
fn leave_at_close(connection: &Connection, file: &Path) -> rusqlite::Result<bool> {
    let holds = write_ahead_file(file).metadata().is_ok_and(|ahead| ahead.len() > 0);
    tidy_at_close(connection, !holds)
}

fn tidy_at_close(connection: &Connection, tidy: bool) -> rusqlite::Result<bool> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !tidy)
}

/// The version of the schema, 0 for a database that is new and empty. An error if it is neither
/// that nor a store we can read.
pub(super) fn recognise(connection: &Connection, file: &Path) -> Result<u32, StoreError> {
    let failed = |error| from_sqlite(file, "open", error);
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(failed);
    let application_id = number("SELECT application_id FROM pragma_application_id")?;
    let objects = number("SELECT count(*) FROM sqlite_schema")?;
    match (application_id, objects) {
        (APPLICATION_ID, _) => version(connection, file),
        (0, 0) => Ok(0),
        _ => {
            let what =
                format!("a database of another program, application_id `{application_id:#x}`");
            Err(StoreError::NotAStore { file: file.to_owned(), what })
        }
    }
}

fn version(connection: &Connection, file: &Path) -> Result<u32, StoreError> {
    let sql = "SELECT value FROM meta WHERE key = 'schema_version'";
    let version: Result<String, _> = connection.query_row(sql, [], |row| row.get(0));
    let what = match version.as_deref().map(str::parse) {
        Ok(Ok(found @ 1..=VERSION)) => return Ok(found),
        Ok(Ok(found)) if found > VERSION => {
            return Err(StoreError::VersionTooNew { file: file.to_owned(), found, known: VERSION });
        }
        Ok(_) => format!("`schema_version` is `{}`", version.unwrap_or_default()),
        Err(error) => error.to_string(),
    };
    Err(StoreError::Corrupt { file: file.to_owned(), at: "table `meta`".to_owned(), what })
}

/// What takes effect in a file of no bytes, and in another one when it is vacuumed.
pub(super) fn shape(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")
}

fn configure(connection: &Connection, options: &StoreOptions) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    if let Some(bytes) = options.max_file_bytes {
        // SQLite counts pages in 32 bits and takes 0 for a question.
        let pages = u32::try_from(bytes / u64::from(PAGE_BYTES)).unwrap_or(u32::MAX).max(1);
        connection.pragma_update(None, "max_page_count", pages)?;
    }
    Ok(())
}

/// In one transaction, so that a file half made is an empty one, and one half upgraded an old one.
fn upgrade(connection: &Connection, version: u32) -> rusqlite::Result<()> {
    if version == VERSION {
        return Ok(());
    }
    let transaction = connection.unchecked_transaction()?;
    if version == 0 {
        transaction.execute_batch(include_str!("schema.sql"))?;
    }
    transaction.execute_batch(include_str!("upgrade.sql"))?;
    transaction.commit()
}
