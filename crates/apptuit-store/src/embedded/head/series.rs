//! The points of one series that are in no chunk.

use std::sync::Arc;

use apptuit_model::{TimeRange, Timestamp};

use super::Captured;
use crate::embedded::chunk::{self, Summary};

/// Points of one series, packed, in order of time, each instant once.
#[derive(Debug)]
pub(in crate::embedded) struct Block {
    /// A chunk, as it would stand in the file.
    pub(in crate::embedded) data: Box<[u8]>,
    pub(in crate::embedded) summary: Summary,
    /// No point is from a batch before this one.
    first_batch: i64,
}

/// What a series has in memory. Where there are very many series, most of them have one point.
#[derive(Debug, Default)]
pub(super) enum Slot {
    #[default]
    Empty,
    One {
        point: (Timestamp, f64),
        first_batch: i64,
    },
    Many(Box<Active>),
}

/// More points than one. Of one instant a later block has the later value, and `open` the latest.
///
/// It has one line of the processor's cache: points of a request are of many series, and each line
/// is one to wait for.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Active {
    pub(super) blocks: Vec<Arc<Block>>,
    /// In order of time, each instant once.
    open: Vec<(Timestamp, f64)>,
    /// No point in `open` is from a batch before this one.
    first_batch: i64,
    /// The points in `blocks`.
    packed: u32,
    /// The series is among those that are full.
    pub(super) is_full: bool,
}

/// Columns that points are packed from, kept for the next ones.
pub(super) type Scratch = (Vec<Timestamp>, Vec<f64>);

impl Slot {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// What there is if it is more than one point.
    pub(super) fn many_mut(&mut self) -> Option<&mut Active> {
        match self {
            Self::Many(active) => Some(active),
            Self::Empty | Self::One { .. } => None,
        }
    }

    /// Adds a point of a batch, which follows all before; whether there is one point more: there may
    /// have been one of this instant.
    pub(super) fn insert(&mut self, new: (Timestamp, f64), batch: i64) -> bool {
        match self {
            Self::Empty => {
                *self = Self::One { point: new, first_batch: batch };
                true
            }
            Self::One { point, .. } if point.0 == new.0 => {
                point.1 = new.1;
                false
            }
            Self::One { .. } => self.make_many().is_some_and(|active| active.insert(new)),
            Self::Many(active) => {
                if active.open.is_empty() {
                    active.first_batch = batch;
                }
                active.insert(new)
            }
        }
    }

    /// Makes room for more than one point; `None` if there is none at all.
    pub(super) fn make_many(&mut self) -> Option<&mut Active> {
        if let Self::One { point, first_batch } = *self {
            let active = Active { open: vec![point], first_batch, ..Active::default() };
            *self = Self::Many(Box::new(active));
        }
        self.many_mut()
    }

    /// How many points there are.
    pub(super) fn points(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::One { .. } => 1,
            Self::Many(active) => active.points() as u64,
        }
    }

    /// When the point is that was added last, or near it.
    pub(super) fn latest(&self) -> Option<Timestamp> {
        match self {
            Self::Empty => None,
            Self::One { point, .. } => Some(point.0),
            Self::Many(active) => active.open.last().map(|(at, _)| *at),
        }
    }

    /// The earliest batch with points here.
    pub(super) fn first_batch(&self) -> Option<i64> {
        match self {
            Self::Empty => None,
            Self::One { first_batch, .. } => Some(*first_batch),
            Self::Many(active) => active.first_batch(),
        }
    }

    /// The points in `range`.
    pub(super) fn capture(&self, range: TimeRange) -> Captured {
        let (blocks, open) = match self {
            Self::Empty => (&[][..], &[][..]),
            Self::One { point, .. } => (&[][..], std::slice::from_ref(point)),
            Self::Many(active) => (&*active.blocks, &*active.open),
        };
        let overlaps = |block: &&Arc<Block>| {
            block.summary.start <= range.end() && range.start() <= block.summary.end
        };
        let open = open.iter().filter(|(at, _)| range.contains(*at)).copied();
        Captured { blocks: blocks.iter().filter(overlaps).cloned().collect(), open: open.collect() }
    }
}

impl Active {
    /// How many points there are.
    pub(super) fn points(&self) -> usize {
        self.packed as usize + self.open.len()
    }

    /// How many points are not packed.
    pub(super) fn open_points(&self) -> usize {
        self.open.len()
    }

    /// Whether there is one point more.
    fn insert(&mut self, (at, value): (Timestamp, f64)) -> bool {
        match self.open.last_mut() {
            Some((last, _)) if at < *last => {
                match self.open.binary_search_by_key(&at, |(at, _)| *at) {
                    Ok(place) => {
                        if let Some(point) = self.open.get_mut(place) {
                            point.1 = value;
                        }
                        return false;
                    }
                    Err(place) => self.open.insert(place, (at, value)),
                }
            }
            Some((last, replaced)) if at == *last => {
                *replaced = value;
                return false;
            }
            _ => self.open.push((at, value)),
        }
        true
    }

    /// Makes a block of what is not packed, and answers how many bytes it has.
    pub(super) fn pack(&mut self, (timestamps, values): &mut Scratch) -> u64 {
        if self.open.is_empty() {
            return 0;
        }
        timestamps.clear();
        values.clear();
        timestamps.extend(self.open.iter().map(|(at, _)| *at));
        values.extend(self.open.iter().map(|(_, value)| *value));
        self.open.clear();
        let mut data = Vec::new();
        let summary = chunk::encode(timestamps, values, &mut data);
        let bytes = data.len() as u64;
        let (data, first_batch) = (data.into_boxed_slice(), self.first_batch);
        self.blocks.push(Arc::new(Block { data, summary, first_batch }));
        self.packed += few(summary.count);
        bytes
    }

    /// Forgets the first of the blocks, as far as they are the same as these, and answers how many
    /// points and bytes they had.
    pub(super) fn drop_blocks(&mut self, gone: &[Arc<Block>]) -> (u64, u64) {
        // The series may have been forgotten, and have begun again.
        let same = |(one, other): (&Arc<Block>, &Arc<Block>)| Arc::ptr_eq(one, other);
        let count = self.blocks.iter().zip(gone).take_while(|pair| same(*pair)).count();
        let (mut points, mut bytes) = (0, 0);
        for block in self.blocks.drain(..count) {
            points += block.summary.count as u64;
            bytes += block.data.len() as u64;
            self.packed -= few(block.summary.count);
        }
        if self.blocks.is_empty() {
            self.blocks = Vec::new();
        }
        (points, bytes)
    }

    fn first_batch(&self) -> Option<i64> {
        let open = (!self.open.is_empty()).then_some(self.first_batch);
        self.blocks.first().map(|block| block.first_batch).or(open)
    }
}

/// A count of points in memory.
fn few(count: usize) -> u32 {
    u32::try_from(count).expect("memory ends before 2^32 points of a series")
}

const _: () = assert!(size_of::<Active>() == 64 && size_of::<Slot>() == 32);
