//! A value for each lane, made at its first use.

use std::sync::OnceLock;

use super::Place;

/// Shelves of 4, 16, 64 … slots: enough for 87 380 lanes, and small while there are few.
const SHELVES: usize = 8;
const FIRST: usize = 4;

impl Place {
    /// Where nothing is.
    pub(super) const NONE: Self = Self { shelf: u32::MAX, slot: 0 };

    /// The place of the lane of this number.
    pub(super) fn of(number: usize) -> Self {
        let (mut shelf, mut slot, mut size) = (0, number, FIRST);
        while slot >= size {
            slot -= size;
            size *= 4;
            shelf += 1;
        }
        Self { shelf, slot: u32::try_from(slot).unwrap_or(u32::MAX) }
    }
}

/// A `T` for each lane that uses it.
#[derive(Debug)]
pub(crate) struct PerLane<T> {
    shelves: [OnceLock<Box<[Slot<T>]>>; SHELVES],
}

type Slot<T> = OnceLock<Box<T>>;

impl<T> PerLane<T> {
    pub(crate) fn new() -> Self {
        Self { shelves: [const { OnceLock::new() }; SHELVES] }
    }

    /// That of a place, if it has one.
    #[inline]
    pub(crate) fn get(&self, place: Place) -> Option<&T> {
        let shelf = self.shelves.get(place.shelf as usize)?.get()?;
        shelf.get(place.slot as usize)?.get().map(|value| &**value)
    }

    /// That of a place, made if need be; `None` beyond the last shelf.
    pub(crate) fn get_or_make(&self, place: Place, make: impl FnOnce() -> T) -> Option<&T> {
        let size = FIRST << (2 * place.shelf);
        let shelf = self.shelves.get(place.shelf as usize)?;
        let shelf = shelf.get_or_init(|| (0..size).map(|_| OnceLock::new()).collect());
        Some(shelf.get(place.slot as usize)?.get_or_init(|| Box::new(make())))
    }

    /// All that were made.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let shelves = self.shelves.iter().filter_map(OnceLock::get);
        shelves.flat_map(|shelf| shelf.iter()).filter_map(|slot| slot.get().map(|value| &**value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_has_a_place_of_its_own() {
        let values = PerLane::new();
        for number in 0..2000 {
            let place = Place::of(number);
            assert!(values.get(place).is_none());
            assert_eq!(values.get_or_make(place, || number), Some(&number));
            assert_eq!(values.get_or_make(place, || 0), Some(&number));
        }
        assert_eq!(values.iter().copied().collect::<Vec<_>>(), (0..2000).collect::<Vec<_>>());
    }

    #[test]
    fn beyond_the_last_shelf_there_is_nothing() {
        let values = PerLane::new();
        assert!(values.get_or_make(Place::of(87_379), || ()).is_some());
        assert!(values.get_or_make(Place::of(87_380), || ()).is_none());
    }
}
