//! Texts, each kept once, by number.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// Texts, numbered from 0.
#[derive(Debug, Default)]
pub(super) struct Texts {
    by_number: Vec<Arc<str>>,
    numbers: HashTable<u32>,
    hasher: RandomState,
}

impl Texts {
    /// The text of a number that was given here.
    pub(super) fn get(&self, number: u32) -> &Arc<str> {
        self.by_number.get(number as usize).expect("the number of a text was given by the texts")
    }

    /// The number of a text, if it has one.
    pub(super) fn find(&self, text: &str) -> Option<u32> {
        let is = |number: &u32| **self.get(*number) == *text;
        self.numbers.find(self.hasher.hash_one(text), is).copied()
    }

    /// The number of a text, which is given one if it has none.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        let Self { by_number, numbers, hasher } = self;
        let text_of = |number: &u32| by_number.get(*number as usize).map_or("", |text| &**text);
        let is = |number: &u32| text_of(number) == text;
        let rehash = |number: &u32| hasher.hash_one(text_of(number));
        match numbers.entry(hasher.hash_one(text), is, rehash) {
            Entry::Occupied(place) => *place.get(),
            Entry::Vacant(place) => {
                let number = u32::try_from(by_number.len()).expect("memory ends before 2^32 texts");
                place.insert(number);
                by_number.push(text.into());
                number
            }
        }
    }

    /// The one copy of a text.
    pub(super) fn shared(&mut self, text: &str) -> Arc<str> {
        let number = self.number(text);
        Arc::clone(self.get(number))
    }
}
