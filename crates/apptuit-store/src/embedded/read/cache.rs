//! Chunks of the file that were read lately, and whether they still stand there.
//!
//! Who changes chunks says so before and after ([`Chunks::change`]): each series and month has an
//! epoch, which is odd during a change. A reader looks at the epochs before the state of the file
//! that it reads is fixed, and again after. Where an epoch is even and the same, nothing changed in
//! between: what was kept in that epoch is what stands in that state, and what is read from that
//! state may be kept.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::embedded::chunk::Summary;
use crate::embedded::month::Month;

/// Epochs. Series and months share them by chance.
const SLOTS: usize = 4096;

/// The chunks of a series in a month, in the order of their writing.
pub(super) type Rows = Arc<Vec<Row>>;

/// A chunk of the file. Its bytes are here once somebody has needed them.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) seq: i64,
    pub(super) summary: Summary,
    pub(super) data: OnceLock<Box<[u8]>>,
}

/// A series and a month.
type Key = (u32, Month);

/// The chunks that are kept in memory.
#[derive(Debug)]
pub(in crate::embedded) struct Chunks {
    epochs: Box<[AtomicU64]>,
    kept: Mutex<Kept>,
}

/// Two generations: what is not used while one grows to half the bytes is forgotten.
#[derive(Debug, Default)]
struct Kept {
    max_bytes: usize,
    young: HashMap<Key, Entry>,
    young_bytes: usize,
    old: HashMap<Key, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    epoch: u64,
    rows: Rows,
}

/// The epochs as they were at some moment.
#[derive(Debug)]
pub(super) struct Epochs(Vec<u64>);

/// Ends a change of chunks when it is dropped.
#[derive(Debug)]
pub(in crate::embedded) struct Change<'a> {
    chunks: &'a Chunks,
    slots: Vec<usize>,
}

impl Chunks {
    /// Keeps at most about so many bytes.
    pub(in crate::embedded) fn new(max_bytes: usize) -> Self {
        let epochs = std::iter::repeat_with(|| AtomicU64::new(0)).take(SLOTS).collect();
        Self { epochs, kept: Mutex::new(Kept { max_bytes, ..Kept::default() }) }
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
        self.step_on(&slots);
        Change { chunks: self, slots }
    }

    fn step_on(&self, slots: &[usize]) {
        for epoch in slots.iter().filter_map(|slot| self.epochs.get(*slot)) {
            epoch.fetch_add(1, Ordering::SeqCst);
        }
    }

    pub(super) fn epochs(&self) -> Epochs {
        Epochs(self.epochs.iter().map(|epoch| epoch.load(Ordering::SeqCst)).collect())
    }

    /// What is kept of some series and months, as it is in a state of the file that was fixed after
    /// `epochs` were.
    pub(super) fn find(&self, keys: &[Key], epochs: &Epochs) -> Vec<Option<Rows>> {
        let now = self.epochs();
        let mut kept = self.kept();
        let stands = |key: &Key, found: &Entry| {
            found.epoch == epochs.of(*key) && found.epoch == now.of(*key)
        };
        let find = |key: &Key| kept.find(*key).filter(|found| stands(key, found));
        keys.iter().map(find).map(|found| found.map(|entry| entry.rows)).collect()
    }

    /// Keeps what was read from a state of the file that was fixed after `epochs` were.
    pub(super) fn keep(&self, read: impl Iterator<Item = (Key, Rows)>, epochs: &Epochs) {
        let now = self.epochs();
        let mut kept = self.kept();
        for (key, rows) in read {
            let epoch = epochs.of(key);
            if epoch.is_multiple_of(2) && epoch == now.of(key) {
                kept.insert(key, Entry { epoch, rows });
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

impl Epochs {
    fn of(&self, key: Key) -> u64 {
        self.0.get(slot(key)).copied().unwrap_or_default()
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.chunks.step_on(&self.slots);
    }
}

impl Kept {
    fn find(&mut self, key: Key) -> Option<Entry> {
        if let Some(entry) = self.young.get(&key) {
            return Some(entry.clone());
        }
        let entry = self.old.remove(&key)?;
        self.insert(key, entry.clone());
        Some(entry)
    }

    fn insert(&mut self, key: Key, entry: Entry) {
        let bytes = size_of::<(Key, Entry)>() + entry.rows.iter().map(Row::bytes).sum::<usize>();
        self.young.insert(key, entry);
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

impl Row {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.data.get().map_or(0, |data| data.len())
    }
}

/// Neighbours in number have epochs of their own, and so have the months of one series.
fn slot((series, month): Key) -> usize {
    (series as usize).wrapping_add((month.number() as usize).wrapping_mul(1021)) % SLOTS
}

#[cfg(test)]
mod tests {
    use apptuit_model::Timestamp;

    use super::*;

    fn key(series: u32) -> Key {
        (series, Month::of(Timestamp::from_secs(0)))
    }

    fn rows(bytes: usize) -> Rows {
        let summary = Summary {
            count: 1,
            start: Timestamp::from_secs(0),
            end: Timestamp::from_secs(0),
            first: 0.0,
            last: 0.0,
            min: 0.0,
            max: 0.0,
            sum: 0.0,
        };
        let data = OnceLock::from(vec![0; bytes].into_boxed_slice());
        Arc::new(vec![Row { seq: 1, summary, data }])
    }

    fn found(chunks: &Chunks, series: u32) -> bool {
        chunks.find(&[key(series)], &chunks.epochs()).iter().all(Option::is_some)
    }

    fn keep(chunks: &Chunks, series: u32, epochs: &Epochs) {
        chunks.keep([(key(series), rows(100))].into_iter(), epochs);
    }

    #[test]
    fn what_was_read_is_found_until_it_changes() {
        let chunks = Chunks::new(1 << 20);
        let epochs = chunks.epochs();
        keep(&chunks, 1, &epochs);
        keep(&chunks, 2, &epochs);
        assert!(found(&chunks, 1) && found(&chunks, 2) && !found(&chunks, 3));
        drop(chunks.change([key(1)].into_iter()));
        assert!(!found(&chunks, 1) && found(&chunks, 2));
        assert!(chunks.find(&[key(1)], &epochs).iter().all(Option::is_none));
        drop(chunks.change_all());
        assert!(!found(&chunks, 2));
    }

    #[test]
    fn what_was_read_around_a_change_is_not_kept() {
        let chunks = Chunks::new(1 << 20);
        let before = chunks.epochs();
        let change = chunks.change([key(1), key(1)].into_iter());
        let during = chunks.epochs();
        keep(&chunks, 1, &during);
        assert!(!found(&chunks, 1));
        drop(change);
        keep(&chunks, 1, &before);
        keep(&chunks, 1, &during);
        assert!(!found(&chunks, 1));
        keep(&chunks, 1, &chunks.epochs());
        assert!(found(&chunks, 1));
    }

    #[test]
    fn what_is_used_outlives_what_is_not() {
        let chunks = Chunks::new(20_000);
        let epochs = chunks.epochs();
        for series in 0..1000 {
            keep(&chunks, series, &epochs);
            assert!(found(&chunks, 0), "after {series}");
        }
        let kept = (0..1000).filter(|series| found(&chunks, *series)).count();
        assert!(!found(&chunks, 1) && (20..200).contains(&kept), "{kept}");
    }
}
