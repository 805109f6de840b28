//! A copy of a file while it is written to.

use std::fs::{self, File};
use std::io;
use std::path::{self, Path, PathBuf};

use super::{io as failed, refusal, schema};
use crate::StoreError;

/// Writes all that a file holds at one moment to another one, which must not exist. A store may have
/// the file open and write to it, in this process or in another one. The copy is a store by itself,
/// as small as it can be.
///
/// # Errors
///
/// The file is not a store, there is a file at `to`, or the operating system refuses. At `to` is then
/// what was there before.
pub fn backup(file: &Path, to: &Path) -> Result<(), StoreError> {
    let wrong = |error| schema::from_sqlite(file, "copy", error);
    if to.exists() {
        return Err(failed(to, "copy to", io::ErrorKind::AlreadyExists.into()));
    }
    let connection = schema::look_at(file)?;
    if schema::recognise(&connection, file)? == 0 {
        let what = "an empty database".to_owned();
        return Err(StoreError::NotAStore { file: file.to_owned(), what });
    }
    let to = &path::absolute(to).map_err(|error| failed(to, "copy to", error))?;
    let part = beside(to);
    let _ = fs::remove_file(&part);
    let copied = connection.execute("VACUUM INTO ?1", [part.to_string_lossy()]);
    let copied = copied.map_err(|error| match error.sqlite_error_code() {
        // What SQLite cannot open is the new file.
        Some(rusqlite::ErrorCode::CannotOpen) => StoreError::Io {
            doing: "copy to",
            file: to.to_owned(),
            source: refusal::cause(&part, error),
        },
        _ => wrong(error),
    });
    let kept = copied.and_then(|_| keep(&part, to).map_err(|error| failed(to, "copy to", error)));
    if kept.is_err() {
        let _ = fs::remove_file(&part);
    }
    kept
}

/// Gives a whole file its name, so that it is there after a loss of power.
fn keep(part: &Path, to: &Path) -> io::Result<()> {
    File::open(part)?.sync_all()?;
    // Unlike a renaming, this does not replace a file that has come meanwhile.
    fs::hard_link(part, to)?;
    fs::remove_file(part)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn beside(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push("-part");
    name.into()
}
