//! The spool: batches that could not be delivered, as files that are sent when the server is back.
//!
//! One batch is one file, written under another name, synced and renamed: there is no log that one
//! damaged byte could end. The layout is described in `docs/reference/spool-format.md`.

mod file;
mod inspect;
mod ledger_file;
mod lock;
mod options;
mod shelf;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use apptuit_metrics::Clock;
use apptuit_model::Timestamp;

pub(crate) use self::file::Identity;
use self::file::crc32;
#[cfg(feature = "testing")]
pub(crate) use self::file::rewritten;
pub use self::inspect::{DamagedFile, Drained, Drawer, SpoolDirectory};
pub(super) use self::ledger_file::LedgerFile;
pub use self::options::SpoolOptions;
use self::shelf::{Entry, Shelf, Unreadable};
use super::DropReason;
use super::ledger::Books;
use crate::client::Body;
use crate::{Error, ErrorKind, Result};

/// Whose points a directory holds, in words.
const OWNER: &str = "owner";
/// An endpoint is written into every file.
const MAX_ENDPOINT_BYTES: usize = 4096;
/// How often drawers are looked for whose process is gone.
const ADOPT_EVERY: Duration = Duration::from_mins(1);

/// The spool of one process: a drawer of its own, and those of others that are gone.
pub(super) struct Spool {
    options: SpoolOptions,
    identity: Identity,
    directory: PathBuf,
    /// The first is this process's own; new files go there.
    shelves: Vec<Shelf>,
    clock: Arc<dyn Clock>,
    /// The date and the span of time when the spool was opened: together with the latter's course
    /// they tell a jump of the former from time that has passed.
    opened: (Timestamp, Duration),
    looked: Duration,
}

/// A file that was taken out to be sent. It stays where it is until it is settled.
pub(super) struct Taken {
    shelf: usize,
    entry: Entry,
    pub(super) body: Body,
}

/// Why a body is not in the spool.
pub(super) enum NotKept {
    /// It is larger than all that the spool may hold.
    TooLarge,
    /// It cannot be written now.
    Failed(Error),
}

impl Spool {
    /// Opens the spool of `identity`, and makes what is missing of it.
    pub(super) fn open(
        options: SpoolOptions,
        identity: Identity,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        if identity.endpoint.len() > MAX_ENDPOINT_BYTES || identity.endpoint.contains('\n') {
            let message = "the endpoint is too long for a spool, expected at most 4096 bytes and no \
                           line breaks";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        let directory = options.directory.join(identity.directory());
        make_directory(&directory).map_err(|error| trouble("make", &directory, error))?;
        write_owner(&directory, &identity)?;
        let own = Shelf::open(lock::take_one(&directory)?)?;
        let opened = (clock.timestamp(), clock.now());
        let looked = opened.1;
        let shelves = vec![own];
        let mut spool = Self { options, identity, directory, shelves, clock, opened, looked };
        spool.adopt();
        Ok(spool)
    }

    /// The account of this process's drawer.
    pub(super) fn books(&self) -> Arc<Books> {
        Arc::clone(&self.shelves[0].books)
    }

    /// The points that wait here, those of other processes that are gone among them.
    pub(super) fn points(&self) -> u64 {
        self.shelves.iter().flat_map(|shelf| &shelf.files).map(|entry| entry.points).sum()
    }

    fn holds(&self, drawer: &Path) -> bool {
        self.shelves.iter().any(|shelf| shelf.held.path == drawer)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shelves.iter().all(|shelf| shelf.files.is_empty())
    }

    /// Keeps a body that is in the account as queued, and makes room for it.
    ///
    /// On success it is on disk, synced, and in the account as spooled.
    pub(super) fn keep(&mut self, body: &Body, attempts: u32) -> Result<(), NotKept> {
        let file = file::encode(&self.identity, body, attempts);
        let size = file.len() as u64;
        if size > self.options.max_bytes {
            return Err(NotKept::TooLarge);
        }
        self.drop_old();
        self.check_free_space(size).map_err(NotKept::Failed)?;
        let own = &mut self.shelves[0];
        // The file first: if it cannot be written, nothing older is lost for it.
        own.write(&file, body).map_err(NotKept::Failed)?;
        while own.bytes > self.options.max_bytes && own.files.len() > 1 {
            own.drop_file(own.files[0], DropReason::SpoolFull);
        }
        Ok(())
    }

    /// Takes the oldest body out to be sent. What is damaged goes to `quarantine` and to `tell`.
    pub(super) fn take(&mut self, mut tell: impl FnMut(Error)) -> Option<Taken> {
        self.drop_old();
        self.let_go();
        loop {
            // Those of processes that are gone are older than this one's.
            let shelf = self.shelves.iter().rposition(|shelf| !shelf.files.is_empty())?;
            let entry = self.shelves[shelf].files[0];
            match self.shelves[shelf].read(entry, &self.identity) {
                Ok(body) => return Some(Taken { shelf, entry, body }),
                Err(Unreadable::Damaged(why)) => tell(self.shelves[shelf].quarantine(entry, why)),
                Err(Unreadable::Io(error)) => {
                    let path = self.shelves[shelf].path(entry);
                    if error.kind() == io::ErrorKind::NotFound {
                        self.shelves[shelf].drop_file(entry, DropReason::Damaged);
                        tell(trouble("find", &path, error));
                    } else {
                        // It may be readable another time; the others need not wait for it.
                        self.shelves[shelf].files.rotate_left(1);
                        tell(trouble("read", &path, error));
                        return None;
                    }
                }
            }
        }
    }

    /// All points of a body that was taken have their fate: its file goes.
    pub(super) fn settle(&mut self, taken: &Taken, delivered: u64, refused: u64, failed: u64) {
        debug_assert_eq!(delivered + refused + failed, taken.entry.points);
        let drops = [(DropReason::Refused, refused), (DropReason::Failed, failed)];
        self.shelves[taken.shelf].settle(taken.entry, delivered, &drops);
        self.let_go();
    }

    /// Gives back the locks of others' drawers that are empty, so that another process can use them.
    fn let_go(&mut self) {
        let mut is_own = true;
        self.shelves.retain(|shelf| std::mem::take(&mut is_own) || !shelf.files.is_empty());
    }

    /// Lets the next one go first, where this one fails and others do not.
    pub(super) fn postpone(&mut self, taken: &Taken) {
        let shelf = &mut self.shelves[taken.shelf];
        if shelf.files.front() == Some(&taken.entry) {
            shelf.files.rotate_left(1);
        }
    }

    /// [`adopt`](Self::adopt)s if that is a while ago.
    pub(super) fn adopt_now_and_then(&mut self) {
        if self.clock.now().saturating_sub(self.looked) >= ADOPT_EVERY {
            self.adopt();
        }
    }

    /// Takes over what processes left behind that are gone. A drawer that cannot be opened stays
    /// where it is.
    fn adopt(&mut self) {
        self.looked = self.clock.now();
        for path in lock::drawers(&self.directory) {
            if self.holds(&path) {
                continue;
            }
            let Ok(Some(held)) = lock::take(&path) else { continue };
            match Shelf::open(held) {
                Ok(shelf) if !shelf.files.is_empty() => self.shelves.push(shelf),
                _ => {}
            }
        }
    }

    /// Drops what has waited longer than it may. A date that jumped forward drops nothing: as much
    /// time must have passed, too.
    fn drop_old(&mut self) {
        let passed = self.clock.now().saturating_sub(self.opened.1);
        let now = self.clock.timestamp().min(self.opened.0.saturating_add(passed));
        let limit = now.saturating_sub(self.options.max_age);
        for shelf in &mut self.shelves {
            // They are in order, as far as clocks are.
            while let Some(first) = shelf.files.front().filter(|first| first.last < limit).copied()
            {
                shelf.drop_file(first, DropReason::TooOld);
            }
        }
    }

    fn check_free_space(&self, size: u64) -> Result<()> {
        // A file system that does not tell is written to until it says that it is full.
        let Some(free) = free_bytes(&self.directory) else { return Ok(()) };
        if free >= self.options.min_free_bytes.saturating_add(size) {
            return Ok(());
        }
        let message = format!(
            "the disk of the spool `{}` has `{free}` bytes left, expected {} that stay free and \
             {size} for a batch",
            self.options.directory.display(),
            self.options.min_free_bytes
        );
        Err(Error::new(ErrorKind::Spool, message))
    }
}

#[cfg(unix)]
#[cfg_attr(
    target_os = "linux",
    expect(clippy::useless_conversion, reason = "the types differ from system to system")
)]
fn free_bytes(directory: &Path) -> Option<u64> {
    let told = nix::sys::statvfs::statvfs(directory).ok()?;
    let (blocks, size) = (u64::from(told.blocks_available()), u64::from(told.fragment_size()));
    Some(blocks.saturating_mul(size))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}

/// Makes a directory and those above it that are missing, each synced into the one above, so that no
/// power cut takes it away with what is kept in it.
fn make_directory(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let above = directory.parent().filter(|above| !above.as_os_str().is_empty());
    above.map_or(Ok(()), make_directory)?;
    match fs::create_dir(directory) {
        // Another process has been faster.
        Err(_) if directory.is_dir() => {}
        made => made?,
    }
    let _ = sync_directory(above.unwrap_or(Path::new(".")));
    Ok(())
}

#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    fs::File::open(directory)?.sync_all()
}

/// Elsewhere a directory is no file that could be synced.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Says whose points a directory holds, for people and for the command.
fn write_owner(directory: &Path, identity: &Identity) -> Result<()> {
    // What is there may have been damaged by a power cut.
    if read_owner(directory).as_ref() == Some(identity) {
        return Ok(());
    }
    let path = directory.join(OWNER);
    let text = format!("endpoint: {}\nfingerprint: {}\n", identity.endpoint, identity.fingerprint);
    // Another process may write the same at the same time: each under a name of its own.
    let own = directory.join(format!("{OWNER}.{}", std::process::id()));
    write_synced(&own, text.as_bytes())
        .and_then(|()| fs::rename(&own, &path))
        .and_then(|()| sync_directory(directory))
        .map_err(|error| trouble("write", &path, error))
}

/// Writes a new file, which is on disk when this returns, but for its name.
fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The identity that [`write_owner`] wrote.
fn read_owner(directory: &Path) -> Option<Identity> {
    let text = fs::read_to_string(directory.join(OWNER)).ok()?;
    let mut lines = text.lines();
    let endpoint = lines.next()?.strip_prefix("endpoint: ")?.to_owned();
    let fingerprint = lines.next()?.strip_prefix("fingerprint: ")?.to_owned();
    Some(Identity { endpoint, fingerprint })
}

fn trouble(doing: &str, path: &Path, error: io::Error) -> Error {
    let message = format!("cannot {doing} `{}` of the spool: {error}", path.display());
    Error::new(ErrorKind::Spool, message).with_source(error)
}
