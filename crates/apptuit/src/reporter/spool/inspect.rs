//! A spool looked at, checked and emptied from outside, as the command does.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use apptuit_metrics::{Clock, SystemClock};

use super::file::{Identity, decode};
use super::ledger_file::LedgerFile;
use super::shelf::{LEDGER, QUARANTINE, entries};
use super::{Spool, SpoolOptions, lock, read_owner, trouble};
use crate::client::Interrupt;
use crate::reporter::flush::send_waiting;
use crate::reporter::outbox::{Outbox, Replayed, Trip};
use crate::reporter::waiting::{OnFull, QueueLimits};
use crate::reporter::{Ledger, PointSink};
use crate::{Client, Error, Result};

/// The directory of a spool, and the drawers in it.
///
/// ```
/// use apptuit::reporter::SpoolDirectory;
///
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = directory.path();
/// for drawer in SpoolDirectory::new(path).drawers()? {
///     println!("{}: {} points, {}", drawer.path.display(), drawer.points, drawer.ledger);
/// }
/// # Ok::<(), apptuit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SpoolDirectory {
    path: PathBuf,
}

/// What one process keeps, or left behind.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Drawer {
    /// Its directory.
    pub path: PathBuf,
    /// The server its batches are for; empty if nobody wrote it down.
    pub endpoint: String,
    /// A hash of the token they are sent under.
    pub fingerprint: String,
    /// Whether a process holds it now.
    pub is_in_use: bool,
    /// Its account. Where no process holds it, what was in memory is counted as gone.
    pub ledger: Ledger,
    /// How many batches wait.
    pub batches: u64,
    /// How many points they have.
    pub points: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// How many damaged files were put aside.
    pub quarantined: u64,
}

/// A file of a drawer that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DamagedFile {
    /// Where it is.
    pub path: PathBuf,
    /// The points its name tells of.
    pub points: u64,
    /// What is wrong with it: a clause that goes after its name.
    pub what: String,
}

/// What emptying a spool came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Points the server has acknowledged.
    pub delivered: u64,
    /// Points that were refused or damaged.
    pub dropped: u64,
    /// Points that still wait.
    pub left: u64,
    /// Drawers that a process holds, which sends what is in them itself.
    pub in_use: u64,
}

impl SpoolDirectory {
    /// The spool in this directory. Nothing is made or changed.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The drawers of all endpoints and tokens.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Spool`](crate::ErrorKind::Spool): the directory cannot be read.
    pub fn drawers(&self) -> Result<Vec<Drawer>> {
        let failed = |error| trouble("read", &self.path, error);
        let mut identities = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            identities.push(entry.map_err(failed)?.path());
        }
        identities.sort();
        let mut drawers = Vec::new();
        for identity in identities {
            for path in lock::drawers(&identity) {
                drawers.push(Drawer::look(path, &identity)?);
            }
        }
        Ok(drawers)
    }

    /// Sends what waits for the endpoint and token of `client`, and tells `on_error` what is refused
    /// or damaged. Drawers that a process holds are left to it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Spool`](crate::ErrorKind::Spool): the spool cannot be opened. Else why the server
    /// did not take what is left, if it took nothing at last.
    pub fn drain(
        &self,
        client: &Client,
        timeout: Duration,
        mut on_error: impl FnMut(&Error),
    ) -> Result<Drained> {
        let identity = Identity::new(client.endpoint(), client.token());
        let directory = self.path.join(identity.directory());
        if !directory.is_dir() {
            return Ok(Drained::default());
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let options = SpoolOptions::new(&self.path).max_age(Duration::MAX).min_free_bytes(0);
        let spool = Spool::open(options, identity, Arc::clone(&clock))?;
        let mut drained = Drained::default();
        for path in lock::drawers(&directory) {
            drained.in_use += u64::from(!spool.holds(&path) && lock::take(&path)?.is_none());
        }
        let before = spool.points();
        let limits = QueueLimits { points: u64::MAX, bytes: u64::MAX, on_full: OnFull::DropNewest };
        let sink: Arc<dyn PointSink> = Arc::new(client.clone());
        let outbox = Outbox::new(sink, Some(spool), limits, Arc::clone(&clock));
        let (deadline, interrupt) = (clock.now().saturating_add(timeout), Interrupt::new());
        let trip = Trip { deadline, interrupt: &interrupt, desk: None };
        let mut last_failure = None;
        send_waiting(&outbox, &*clock, deadline, &interrupt, || {
            let mut notices = Vec::new();
            let replayed = outbox.replay(&trip, &mut notices);
            notices.iter().for_each(&mut on_error);
            match replayed {
                Replayed::Settled { delivered } => drained.delivered += delivered,
                Replayed::Failed(error) => {
                    last_failure = Some(error);
                    return Replayed::Failed(None);
                }
                Replayed::Nothing => last_failure = None,
            }
            replayed
        });
        let (spooled, queued) = outbox.points_waiting();
        drained.left = spooled + queued;
        drained.dropped = before.saturating_sub(drained.left + drained.delivered);
        match last_failure.flatten() {
            Some(error) if drained.delivered == 0 => Err(error),
            _ => Ok(drained),
        }
    }
}

impl Drawer {
    fn look(path: PathBuf, identity: &Path) -> Result<Self> {
        // Held for a moment only; a process that looks just then takes another drawer.
        let is_in_use = lock::take(&path)?.is_none();
        let entries = entries(&path).map_err(|error| trouble("read", &path, error))?;
        let points = entries.iter().map(|entry| entry.points).sum();
        let mut ledger = LedgerFile::read(&path.join(LEDGER)).unwrap_or_default();
        if !is_in_use {
            ledger.settle(points);
        }
        let owner = read_owner(identity);
        let quarantined = fs::read_dir(path.join(QUARANTINE)).map_or(0, Iterator::count);
        Ok(Self {
            endpoint: owner.as_ref().map(|owner| owner.endpoint.clone()).unwrap_or_default(),
            fingerprint: owner.map(|owner| owner.fingerprint).unwrap_or_default(),
            is_in_use,
            ledger,
            batches: entries.len() as u64,
            points,
            bytes: entries.iter().map(|entry| entry.bytes).sum(),
            quarantined: quarantined as u64,
            path,
        })
    }

    /// Reads every file and gives back those that cannot be sent. Nothing is changed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Spool`](crate::ErrorKind::Spool): the drawer cannot be read.
    pub fn verify(&self) -> Result<Vec<DamagedFile>> {
        let mut damaged = Vec::new();
        for entry in entries(&self.path).map_err(|error| trouble("read", &self.path, error))? {
            let path = self.path.join(entry.name());
            let what = match fs::read(&path) {
                // It was delivered meanwhile.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => format!("cannot be read: {error}"),
                Ok(file) => match decode(&file) {
                    Err(damage) => damage.to_string(),
                    Ok(kept) if !self.owns(&kept.owner) => {
                        "belongs to another endpoint or token".to_owned()
                    }
                    Ok(kept) if kept.body.points() != entry.points => {
                        "has another number of points than its name".to_owned()
                    }
                    Ok(_) => continue,
                },
            };
            damaged.push(DamagedFile { path, points: entry.points, what });
        }
        Ok(damaged)
    }

    fn owns(&self, owner: &Identity) -> bool {
        self.endpoint == owner.endpoint && self.fingerprint == owner.fingerprint
    }
}
