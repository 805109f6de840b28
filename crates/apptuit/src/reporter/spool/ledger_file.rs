//! The account of a drawer, on disk: two records of fixed length, written in turn.
//!
//! A record that was cut or torn has a wrong checksum, and the one before it holds. Nothing is
//! synced: a process that is killed loses nothing of what it wrote, and after a power cut the files
//! of the drawer tell what the account misses.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{crc32, trouble};
use crate::Result;
use crate::reporter::{DropReason, Ledger};

const MAGIC: &str = "apptuit-ledger 1";
const CRC: &str = "crc32: ";
/// Longer than any record: a dozen lines with numbers of at most 20 digits.
const RECORD_BYTES: usize = 1024;

/// A record: an account, and the file whose points it counted last as arrived or gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Record {
    turn: u64,
    settled: u64,
    ledger: Ledger,
}

pub(in crate::reporter) struct LedgerFile {
    path: PathBuf,
    file: File,
    last: Record,
}

impl LedgerFile {
    /// Opens the account in `path`, an empty one if there is none that can be read.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let failed = |error| trouble("open", path, error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).map_err(failed)?;
        let last = last_record(&mut file).map_err(failed)?.unwrap_or_default();
        Ok(Self { path: path.to_owned(), file, last })
    }

    /// The account in `path`, if there is one that can be read.
    pub(in crate::reporter) fn read(path: &Path) -> Option<Ledger> {
        let record = last_record(&mut File::open(path).ok()?).ok()?;
        record.map(|record| record.ledger)
    }

    pub(in crate::reporter) fn ledger(&self) -> Ledger {
        self.last.ledger
    }

    /// The file whose points were counted last; zero if none were.
    pub(super) fn settled(&self) -> u64 {
        self.last.settled
    }

    /// Says so in the next record.
    pub(in crate::reporter) fn set_settled(&mut self, number: u64) {
        self.last.settled = number;
    }

    /// Replaces the older of the two records.
    pub(in crate::reporter) fn write(&mut self, ledger: &Ledger) -> Result<()> {
        let turn = self.last.turn + 1;
        self.last = Record { turn, ledger: *ledger, ..self.last };
        let place = SeekFrom::Start(turn % 2 * RECORD_BYTES as u64);
        let write = self.file.seek(place).and_then(|_| self.file.write_all(&self.last.encode()));
        write.map_err(|error| trouble("write", &self.path, error))
    }
}

/// The later of the records that can be read.
fn last_record(file: &mut File) -> io::Result<Option<Record>> {
    let mut bytes = Vec::new();
    file.take(2 * RECORD_BYTES as u64).read_to_end(&mut bytes)?;
    Ok(bytes.chunks(RECORD_BYTES).filter_map(Record::decode).max_by_key(|record| record.turn))
}

impl Record {
    /// Lines of text, filled up with blanks.
    fn encode(&self) -> Vec<u8> {
        let Ledger { recorded, delivered, spooled, queued, dropped } = self.ledger;
        let mut text = format!(
            "{MAGIC}\nturn: {}\nsettled: {}\nrecorded: {recorded}\ndelivered: {delivered}\n\
             spooled: {spooled}\nqueued: {queued}\n",
            self.turn, self.settled
        );
        for (reason, points) in DropReason::ALL.into_iter().zip(dropped) {
            let _ = writeln!(text, "dropped-{reason}: {points}");
        }
        let crc = crc32(text.as_bytes());
        let _ = writeln!(text, "{CRC}{crc:08x}");
        let mut record = text.into_bytes();
        record.resize(RECORD_BYTES - 1, b' ');
        record.push(b'\n');
        record
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let text = str::from_utf8(bytes).ok()?;
        let mut numbers = text.lines().skip(1).map_while(|line| {
            line.split_once(": ").and_then(|(_, number)| number.parse::<u64>().ok())
        });
        let mut next = || numbers.next();
        let record = Self {
            turn: next()?,
            settled: next()?,
            ledger: Ledger {
                recorded: next()?,
                delivered: next()?,
                spooled: next()?,
                queued: next()?,
                dropped: {
                    let mut dropped = [0; DropReason::ALL.len()];
                    for points in &mut dropped {
                        *points = next()?;
                    }
                    dropped
                },
            },
        };
        // One text for one record, its checksum included.
        (record.encode() == bytes).then_some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(n: u64) -> Ledger {
        let dropped = std::array::from_fn(|i| u64::MAX / 100 + i as u64);
        Ledger { recorded: n, delivered: n / 2, spooled: 3, queued: u64::MAX, dropped }
    }

    #[test]
    fn an_account_is_there_after_it_was_closed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger");
        let mut file = LedgerFile::open(&path).unwrap();
        assert_eq!((file.ledger(), file.settled()), (Ledger::default(), 0));
        for n in 1..=5 {
            file.set_settled(n * 7);
            file.write(&ledger(n)).unwrap();
            let again = LedgerFile::open(&path).unwrap();
            assert_eq!((again.ledger(), again.settled()), (ledger(n), n * 7));
        }
        assert_eq!(LedgerFile::read(&path), Some(ledger(5)));
        assert_eq!(LedgerFile::read(&directory.path().join("other")), None);
    }

    #[test]
    fn a_record_that_is_torn_leaves_the_one_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger");
        let mut file = LedgerFile::open(&path).unwrap();
        file.write(&ledger(1)).unwrap();
        file.write(&ledger(2)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        // The second record stands first: turn 2.
        for at in (0..RECORD_BYTES).step_by(7) {
            let mut torn = whole.clone();
            torn[at] ^= 4;
            std::fs::write(&path, &torn).unwrap();
            assert_eq!(LedgerFile::read(&path), Some(ledger(1)), "byte {at}");
        }
        for length in (0..whole.len()).step_by(31).chain([RECORD_BYTES]) {
            std::fs::write(&path, &whole[..length]).unwrap();
            let expected = (length >= RECORD_BYTES).then(|| ledger(2));
            assert_eq!(LedgerFile::read(&path), expected, "cut at {length}");
        }
    }
}
