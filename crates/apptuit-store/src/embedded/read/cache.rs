//! Chunks of the file that were read lately, and whether they still stand there.
//!
//! Who changes chunks says so before and after ([`Chunks::change`]): of each series and month it is
//! known since when its chunks are what they are. A reader looks what time it is before the state of
//! the file that it reads is fixed: what has not changed since that moment is in that state, so what is
//! kept of it may be used, and what is read of it may be kept.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::rows::{Row, Rows};
use crate::embedded::chunks;
use crate::embedded::month::Month;

/// Places for when something changed last. Series and months share them by chance.
const SLOTS: usize = 1 << 16;
/// In place of when something changed last while it changes: later than any moment.
const CHANGING: u64 = u64::MAX;

/// A series and a month.
type Key = (u32, Month);

/// The chunks that are kept in memory.
#[derive(Debug)]
pub(in crate::embedded) struct Chunks {
    /// How many changes there were.
    moment: AtomicU64,
    /// The change after which each slot is as it is.
    since: Box<[AtomicU64]>,
    kept: Mutex<Kept>,
}

/// Two generations: what is not used while one grows to half the bytes is forgotten.
#[derive(Debug, Default)]
struct Kept {
    max_bytes: usize,
    young: HashMap<Key, Entry, RandomState>,
    young_bytes: usize,
    old: HashMap<Key, Entry, RandomState>,
}

#[derive(Clone, Debug)]
struct Entry {
    /// The change after which it stands.
    since: u64,
    rows: Arc<Rows>,
}

/// A moment between two changes, or during one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(u64);

/// Ends a change of chunks when it is dropped.
#[derive(Debug)]
pub(in crate::embedded) struct Change<'a> {
    chunks: &'a Chunks,
    /// Each with the change after which it was as it was.
    slots: Vec<(usize, u64)>,
}

impl Chunks {
    /// Keeps at most about so many bytes.
    pub(in crate::embedded) fn new(max_bytes: usize) -> Self {
        let since = std::iter::repeat_with(|| AtomicU64::new(0)).take(SLOTS).collect();
        let kept = Mutex::new(Kept { max_bytes, ..Kept::default() });
        Self { moment: AtomicU64::new(0), since, kept }
    }

    /// Says that chunks of these series and months change, until what it gives is dropped. Only one
    /// thread changes chunks.
    pub(in crate::embedded) fn change(&self, keys: impl Iterator<Item = Key>) -> Change<'_> {
        self.change_slots(keys.map(slot).collect())
    }

    /// Says that any chunk may change.
    pub(in crate::embedded) fn change_all(&self) -> Change<'_> {
        self.change_slots((0..SLOTS).collect())
    }

    fn change_slots(&self, mut slots: Vec<usize>) -> Change<'_> {
        slots.sort_unstable();
        slots.dedup();
        let begin =
            |slot: usize| Some((slot, self.since.get(slot)?.swap(CHANGING, Ordering::SeqCst)));
        Change { chunks: self, slots: slots.into_iter().filter_map(begin).collect() }
    }

    pub(super) fn moment(&self) -> Moment {
        Moment(self.moment.load(Ordering::SeqCst))
    }

    /// The change after which some chunks are as they were at a moment; `None` if there was one
    /// since, or is one.
    fn since(&self, key: Key, moment: Moment) -> Option<u64> {
        let since = self.since.get(slot(key))?.load(Ordering::SeqCst);
        (since <= moment.0).then_some(since)
    }

    /// What is kept of some series and months, as it is in a state of the file that was fixed after
    /// a moment.
    pub(super) fn find(&self, keys: &[Key], moment: Moment) -> Vec<Option<Arc<Rows>>> {
        let mut kept = self.kept();
        let mut find = |key: &Key| {
            let since = self.since(*key, moment)?;
            kept.find(*key, since)
        };
        keys.iter().map(&mut find).collect()
    }

    /// Keeps what was read from a state of the file that was fixed after a moment.
    pub(super) fn keep(&self, read: impl Iterator<Item = (Key, Arc<Rows>)>, moment: Moment) {
        let mut kept = self.kept();
        for (key, rows) in read {
            if let Some(since) = self.since(key, moment) {
                kept.insert(key, Entry { since, rows });
            }
        }
    }

    /// Counts bytes that have come to chunks which are kept.
    pub(super) fn count(&self, bytes: usize) {
        self.kept().count(bytes);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Change<'_> {
    /// Ends a change that has added chunks, and nothing else: with them, what is kept stands. Else
    /// each new chunk would have all those before it read again.
    pub(in crate::embedded) fn added(self, rows: &[chunks::Row]) {
        let after = self.chunks.moment.load(Ordering::SeqCst) + 1;
        let mut kept = self.chunks.kept();
        let of_one = |one: &chunks::Row, other: &chunks::Row| {
            (one.series, one.month) == (other.series, other.month)
        };
        for rows in rows.chunk_by(of_one) {
            let Some(key) = rows.first().map(|row| (row.series, row.month)) else { continue };
            let slot = self.slots.binary_search_by_key(&slot(key), |(slot, _)| *slot);
            let before = slot.ok().and_then(|place| self.slots.get(place));
            if let Some((_, since)) = before {
                kept.add(key, (*since, after), rows);
            }
        }
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        // A reader who sees this moment sees also what was changed.
        let after = self.chunks.moment.fetch_add(1, Ordering::SeqCst) + 1;
        for (slot, _) in &self.slots {
            if let Some(since) = self.chunks.since.get(*slot) {
                since.store(after, Ordering::SeqCst);
            }
        }
    }
}

impl Kept {
    fn find(&mut self, key: Key, since: u64) -> Option<Arc<Rows>> {
        if let Some(entry) = self.young.get(&key) {
            return (entry.since == since).then(|| Arc::clone(&entry.rows));
        }
        let entry = self.old.remove(&key).filter(|entry| entry.since == since)?;
        // Of many chunks some may be of no use any more: what is needed of their bytes is soon back.
        let rows = Arc::new(entry.rows.without_data());
        self.insert(key, Entry { rows: Arc::clone(&rows), ..entry });
        Some(rows)
    }

    fn insert(&mut self, key: Key, entry: Entry) {
        let bytes = size_of::<(Key, Entry)>() + entry.rows.bytes();
        self.young.insert(key, entry);
        self.count(bytes);
    }

    /// Adds rows to what is kept, if it stood before.
    fn add(&mut self, key: Key, (before, after): (u64, u64), added: &[chunks::Row]) {
        let entry = self.young.get_mut(&key).or_else(|| self.old.get_mut(&key));
        let Some(entry) = entry.filter(|entry| entry.since == before) else { return };
        let Some(added) = added.iter().map(Row::written).collect::<Option<Vec<_>>>() else {
            return;
        };
        let bytes = added.iter().map(Row::bytes).sum();
        // A reader goes on with what it has.
        Arc::make_mut(&mut entry.rows).extend(added);
        entry.since = after;
        self.count(bytes);
    }

    fn count(&mut self, bytes: usize) {
        self.young_bytes += bytes;
        if self.young_bytes > self.max_bytes / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
    }
}

/// Neighbours in number have epochs of their own, and so have the months of one series.
fn slot((series, month): Key) -> usize {
    (series as usize).wrapping_add((month.number() as usize).wrapping_mul(1021)) % SLOTS
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use apptuit_model::{Selector, Tags, TimeRange, TimeSeries, TimeSeriesName, Timestamp};

    use super::super::rows::tests::AT_ZERO;
    use super::*;
    use crate::embedded::chunk;
    use crate::{EmbeddedStore, Points, ReadLimits, Store as _, StoreOptions};

    fn key(series: u32) -> Key {
        (series, Month::of(Timestamp::from_secs(0)))
    }

    fn rows(bytes: usize) -> Arc<Rows> {
        let data = OnceLock::from(Arc::from(vec![0; bytes]));
        Arc::new(Rows::new(None, vec![Row { seq: 1, summary: AT_ZERO, data }]))
    }

    fn find(chunks: &Chunks, series: u32) -> Option<Arc<Rows>> {
        chunks.find(&[key(series)], chunks.moment()).pop().flatten()
    }

    fn found(chunks: &Chunks, series: u32) -> bool {
        find(chunks, series).is_some()
    }

    fn keep(chunks: &Chunks, series: u32, moment: Moment) {
        chunks.keep([(key(series), rows(100))].into_iter(), moment);
    }

    /// A chunk of one point, as it is written.
    fn written(series: u32, seq: i64) -> chunks::Row {
        let (at, mut data) = (Timestamp::from_secs(seq), Vec::new());
        chunk::encode(&[at], &[0.5], &mut data);
        chunks::Row { month: Month::of(at), series, start: at, seq, points: 1, data }
    }

    #[test]
    fn what_was_read_is_found_until_it_changes() {
        let chunks = Chunks::new(1 << 20);
        let moment = chunks.moment();
        keep(&chunks, 1, moment);
        keep(&chunks, 2, moment);
        assert!(found(&chunks, 1) && found(&chunks, 2) && !found(&chunks, 3));
        drop(chunks.change([key(1)].into_iter()));
        assert!(!found(&chunks, 1) && found(&chunks, 2));
        assert!(chunks.find(&[key(1)], moment).iter().all(Option::is_none));
        drop(chunks.change_all());
        assert!(!found(&chunks, 2));
    }

    #[test]
    fn what_was_read_around_a_change_is_not_kept() {
        let chunks = Chunks::new(1 << 20);
        let before = chunks.moment();
        let change = chunks.change([key(1), key(1)].into_iter());
        let during = chunks.moment();
        keep(&chunks, 1, during);
        assert!(!found(&chunks, 1));
        drop(change);
        keep(&chunks, 1, before);
        keep(&chunks, 1, during);
        assert!(!found(&chunks, 1));
        keep(&chunks, 1, chunks.moment());
        assert!(found(&chunks, 1));
    }

    #[test]
    fn chunks_that_come_are_found_with_those_before_but_not_by_who_began_earlier() {
        let chunks = Chunks::new(1 << 20);
        keep(&chunks, 1, chunks.moment());
        let (read, before) = (find(&chunks, 1).expect("it is kept"), chunks.moment());
        let new = [written(1, 3), written(2, 3)];
        chunks.change(new.iter().map(|row| (row.series, row.month))).added(&new);
        let seqs = |rows: &Arc<Rows>| rows.chunks.iter().map(|row| row.seq).collect::<Vec<_>>();
        assert_eq!(find(&chunks, 1).as_ref().map(seqs), Some(vec![1, 3]));
        assert_eq!(seqs(&read), [1], "a reader goes on with what it has");
        assert!(chunks.find(&[key(1)], before).iter().all(Option::is_none));
        assert!(!found(&chunks, 2), "of series 2 nothing was known");

        let change = chunks.change([key(1)].into_iter());
        assert!(!found(&chunks, 1), "it is not known yet what comes of it");
        drop(change);
        let new = [written(1, 4)];
        chunks.change([key(1)].into_iter()).added(&new);
        assert!(!found(&chunks, 1), "what did not stand before does not stand after");
    }

    #[test]
    fn what_is_used_outlives_what_is_not() {
        let chunks = Chunks::new(20_000);
        let moment = chunks.moment();
        for series in 0..1000 {
            keep(&chunks, series, moment);
            assert!(found(&chunks, 0), "after {series}");
        }
        let kept = (0..1000).filter(|series| found(&chunks, *series)).count();
        assert!(!found(&chunks, 1) && (20..200).contains(&kept), "{kept}");
    }

    #[test]
    fn bytes_of_chunks_that_nobody_asks_for_are_forgotten() {
        let chunks = Chunks::new(20_000);
        keep(&chunks, 0, chunks.moment());
        chunks.count(20_000);
        let kept = find(&chunks, 0).expect("it is used");
        assert!(kept.chunks.iter().all(|row| row.data.get().is_none()));
    }

    #[test]
    fn points_that_are_moved_leave_what_was_read_in_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("points.sqlite");
        let store = EmbeddedStore::open(&file, StoreOptions::default()).expect("it is new");
        let name = TimeSeriesName::new("m", Tags::default());
        let series = store.series(&name).expect("there is room");
        for count in 1..=3_u32 {
            let mut points = Points::default();
            points.push(series, Timestamp::from_secs(count.into()), 0.5);
            store.append(&points, None).expect("the disk works");
            store.flush().expect("the disk works");
            let kept =
                find(&store.shared.chunks, series.number()).map_or(0, |rows| rows.chunks.len());
            assert_eq!(kept, if count == 1 { 0 } else { count as usize });
            let selector = Selector::metric("m");
            let read = store.select(&selector, TimeRange::ALL, &ReadLimits::UNLIMITED);
            let read = read.expect("it is sound").unwrap_or_default();
            assert_eq!(read.iter().map(TimeSeries::len).sum::<usize>(), count as usize);
        }
    }
}
