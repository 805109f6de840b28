//! A drawer that is open: its files, in order, and its account.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use apptuit_model::Timestamp;

use super::file::{Damage, Identity, decode};
use super::lock::Held;
use super::{LedgerFile, sync_directory, trouble, write_synced};
use crate::client::Body;
use crate::reporter::DropReason;
use crate::reporter::ledger::Books;
use crate::{Error, ErrorKind, Result};

pub(super) const LEDGER: &str = "ledger";
pub(super) const QUARANTINE: &str = "quarantine";
const FILE_END: &str = ".body";
const UNFINISHED: &str = "unfinished";

pub(super) struct Shelf {
    pub(super) held: Held,
    pub(super) books: Arc<Books>,
    /// In the order they are sent: the oldest first.
    pub(super) files: VecDeque<Entry>,
    /// Of all files.
    pub(super) bytes: u64,
    next: u64,
}

/// A file by its name: `00000000000000000007-50000-1700000000123.body` is number 7, has 50 000
/// points, and the latest is of that millisecond.
///
/// The name says what the account needs, so that nothing has to be read to open a spool, and a file
/// whose content is damaged is accounted for all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) number: u64,
    pub(super) points: u64,
    pub(super) last: Timestamp,
    pub(super) bytes: u64,
}

/// Why there is no body in a file.
pub(super) enum Unreadable {
    Damaged(Damage),
    Io(io::Error),
}

impl Shelf {
    /// Opens a drawer. What was being written when its process ended is removed: nobody counted it
    /// as kept.
    pub(super) fn open(held: Held) -> Result<Self> {
        let path = &held.path;
        let _ = fs::remove_file(path.join(UNFINISHED));
        let mut files = entries(path).map_err(|error| trouble("read", path, error))?;
        let account = LedgerFile::open(&path.join(LEDGER))?;
        let settled = account.settled();
        if let Some(at) = files.iter().position(|entry| entry.number == settled) {
            let counted = files.remove(at);
            let path = path.join(counted.name());
            fs::remove_file(&path).map_err(|error| trouble("remove", &path, error))?;
        }
        let points = files.iter().map(|entry| entry.points).sum();
        let last = files.last().map_or(0, |entry| entry.number);
        Ok(Self {
            books: Arc::new(Books::open(account, points)?),
            bytes: files.iter().map(|entry| entry.bytes).sum(),
            files: files.into(),
            next: last.max(settled).saturating_add(1),
            held,
        })
    }

    /// Writes a file that is either not there or whole, whatever happens meanwhile, and counts its
    /// points, which were queued, as spooled.
    pub(super) fn write(&mut self, file: &[u8], body: &Body) -> Result<()> {
        let (number, points, last) = (self.next, body.points(), body.last());
        let entry = Entry { number, points, last, bytes: file.len() as u64 };
        let (unfinished, path) = (self.held.path.join(UNFINISHED), self.path(entry));
        let written = write_synced(&unfinished, file).and_then(|()| fs::rename(&unfinished, &path));
        if let Err(error) = written {
            let _ = fs::remove_file(&unfinished);
            return Err(trouble("write", &path, error));
        }
        // Renamed it is there for every process; that a power cut does not undo it is one sync more,
        // whose failure leaves nothing to be done.
        let _ = sync_directory(&self.held.path);
        self.next = self.next.saturating_add(1);
        self.bytes += entry.bytes;
        self.files.push_back(entry);
        self.books.spool(points);
        Ok(())
    }

    /// The body of a file, unless it is damaged or another's.
    pub(super) fn read(&self, entry: Entry, owner: &Identity) -> Result<Body, Unreadable> {
        let file = fs::read(self.path(entry)).map_err(Unreadable::Io)?;
        let kept = decode(&file).map_err(Unreadable::Damaged)?;
        if kept.owner != *owner {
            return Err(Unreadable::Damaged(Damage("belongs to another endpoint or token")));
        }
        if kept.body.points() != entry.points {
            return Err(Unreadable::Damaged(Damage("has another number of points than its name")));
        }
        Ok(kept.body)
    }

    /// Counts the points of a file as arrived or gone, and then removes it: should the process end in
    /// between, the account says that the file was counted.
    pub(super) fn settle(&mut self, entry: Entry, delivered: u64, drops: &[(DropReason, u64)]) {
        self.books.settle_spooled(entry.number, delivered, drops);
        self.forget(entry);
        let _ = fs::remove_file(self.path(entry));
    }

    /// Counts the points of a file as gone, and then removes it.
    pub(super) fn drop_file(&mut self, entry: Entry, reason: DropReason) {
        self.settle(entry, 0, &[(reason, entry.points)]);
    }

    /// Moves a damaged file aside, and says so.
    pub(super) fn quarantine(&mut self, entry: Entry, damage: Damage) -> Error {
        let (from, directory) = (self.path(entry), self.held.path.join(QUARANTINE));
        self.books.settle_spooled(entry.number, 0, &[(DropReason::Damaged, entry.points)]);
        self.forget(entry);
        let moved = fs::create_dir_all(&directory)
            .and_then(|()| fs::rename(&from, directory.join(entry.name())));
        if moved.is_err() {
            // It must not be found again as one that waits.
            let _ = fs::remove_file(&from);
        }
        let (file, aside) = (from.display(), directory.display());
        let message = format!(
            "the file `{file}` of the spool {damage}: its {} points are lost, and it was moved to \
             `{aside}`",
            entry.points
        );
        Error::new(ErrorKind::Spool, message)
    }

    fn forget(&mut self, entry: Entry) {
        self.files.retain(|file| file.number != entry.number);
        self.bytes = self.bytes.saturating_sub(entry.bytes);
    }

    pub(super) fn path(&self, entry: Entry) -> PathBuf {
        self.held.path.join(entry.name())
    }
}

impl Entry {
    pub(super) fn name(self) -> String {
        format!("{:020}-{}-{}{FILE_END}", self.number, self.points, self.last.as_millis())
    }

    /// What a name tells; the size is not in it.
    fn from_name(name: &str) -> Option<Self> {
        let mut parts = name.strip_suffix(FILE_END)?.splitn(3, '-');
        let mut next = || parts.next();
        let (number, points) = (next()?.parse().ok()?, next()?.parse().ok()?);
        let last = Timestamp::from_millis(next()?.parse().ok()?);
        let entry = Self { number, points, last, bytes: 0 };
        (entry.name() == name).then_some(entry)
    }
}

/// The files of a drawer, the oldest first. Others that lie there are left alone.
pub(super) fn entries(drawer: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for file in fs::read_dir(drawer)? {
        let file = file?;
        let Some(entry) = file.file_name().to_str().and_then(Entry::from_name) else { continue };
        // It may be gone by now, where its drawer is only looked at.
        let Ok(metadata) = file.metadata() else { continue };
        entries.push(Entry { bytes: metadata.len(), ..entry });
    }
    entries.sort_unstable();
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_what_the_account_needs() {
        for (number, points, last) in [(7, 50_000, 1_700_000_000_123), (u64::MAX, 0, -5)] {
            let last = Timestamp::from_millis(last);
            let entry = Entry { number, points, last, bytes: 0 };
            assert_eq!(Entry::from_name(&entry.name()), Some(entry));
        }
        let name = "00000000000000000007-50000-1700000000123.body";
        assert_eq!(Entry::from_name(name).map(Entry::name).as_deref(), Some(name));
        for other in ["lock", "ledger", "7-1-1.body", "00000000000000000007-+1-1.body", ".body"] {
            assert_eq!(Entry::from_name(other), None, "{other}");
        }
    }
}
