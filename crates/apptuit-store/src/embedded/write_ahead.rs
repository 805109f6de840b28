//! Which batches the file has, and so how much would be read when it is opened.

use std::collections::VecDeque;

use apptuit_model::Timestamp;

/// The batches in the file, in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct WriteAhead {
    batches: VecDeque<Batch>,
    bytes: u64,
    last: i64,
}

#[derive(Debug)]
struct Batch {
    id: i64,
    bytes: u64,
    since: Timestamp,
}

impl WriteAhead {
    /// Without batches. `last` is the highest number that one ever had.
    pub(super) fn after(last: i64) -> Self {
        Self { last, ..Self::default() }
    }

    /// Adds the next batch.
    pub(super) fn push(&mut self, id: i64, bytes: usize, since: Timestamp) {
        let bytes = bytes as u64;
        self.batches.push_back(Batch { id, bytes, since });
        (self.bytes, self.last) = (self.bytes + bytes, self.last.max(id));
    }

    /// The highest number that a batch ever had.
    pub(super) fn last(&self) -> i64 {
        self.last
    }

    /// The bytes of all batches.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Up to which number batches have to go, those from before `oldest` and as many more that at
    /// most `max_bytes` are left.
    pub(super) fn due(&self, oldest: Timestamp, max_bytes: u64) -> Option<i64> {
        let mut left = self.bytes;
        let is_due = |batch: &&Batch| {
            let due = left > max_bytes || batch.since < oldest;
            left -= batch.bytes;
            due
        };
        self.batches.iter().take_while(is_due).last().map(|batch| batch.id)
    }

    /// Of the batches below `keep`, some of the oldest: those below the number that is given have at
    /// most `max_bytes`, or are one. `None` if there are none.
    pub(super) fn piece(&self, keep: i64, max_bytes: u64) -> Option<i64> {
        let mut bytes = 0;
        let fits = |batch: &&Batch| {
            let fits = batch.id < keep && (bytes == 0 || bytes + batch.bytes <= max_bytes);
            bytes += batch.bytes;
            fits
        };
        self.batches.iter().take_while(fits).last().map(|batch| batch.id + 1)
    }

    /// Forgets the batches below a number.
    pub(super) fn remove_below(&mut self, keep: i64) {
        while let Some(batch) = self.batches.pop_front_if(|batch| batch.id < keep) {
            self.bytes -= batch.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_due_by_age_and_by_size() {
        let mut ahead = WriteAhead::after(4);
        assert_eq!((ahead.last(), ahead.due(Timestamp::MAX, 0)), (4, None));
        for id in 5..10 {
            ahead.push(id, 100, Timestamp::from_secs(id));
        }
        assert_eq!((ahead.last(), ahead.bytes()), (9, 500));
        let due = |secs, bytes| ahead.due(Timestamp::from_secs(secs), bytes);
        assert_eq!(due(0, 500), None);
        assert_eq!(due(7, 500), Some(6));
        assert_eq!((due(0, 499), due(0, 301), due(0, 0)), (Some(5), Some(6), Some(9)));
        assert_eq!([0, 199, 200, 900].map(|most| ahead.piece(8, most)), [6, 6, 7, 8].map(Some));
        assert_eq!(ahead.piece(5, 900), None);
        ahead.remove_below(7);
        assert_eq!((ahead.last(), ahead.bytes()), (9, 300));
        ahead.remove_below(99);
        assert_eq!((ahead.last(), ahead.bytes()), (9, 0));
    }
}
