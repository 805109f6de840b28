//! Series by how bodies spell their names: most points are of a series that was spelled so before.

use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::{AtomicUsize, Ordering};

use apptuit_store::SeriesId;
use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Text is kept in pieces of so many bytes: to grow, it is not copied. Longer spellings are not kept.
const PIECE_BITS: u32 = 20;
const PIECE_BYTES: usize = 1 << PIECE_BITS;
/// What an entry takes besides its text: itself, its place, and a byte of the table.
const ENTRY_BYTES: usize = size_of::<Entry>() + size_of::<Place>() + 1;

/// The series of the names that bodies spell, as far as there is room for them.
///
/// A look-up compares all bytes of the spelling. Once there is no more room, what is new is not kept;
/// but when since then more was missed than found, and more than is kept, the names have changed,
/// and all are forgotten.
#[derive(Debug)]
pub(crate) struct Spellings {
    /// In the order in which they came: who sends the same series again mostly does so in the same
    /// order.
    entries: Vec<Entry>,
    places: HashTable<Place>,
    text: Text,
    max_bytes: usize,
    hasher: RandomState,
    /// Points whose series was found, and spellings that found no room, since all were forgotten.
    found: AtomicUsize,
    missed: usize,
}

/// Where a spelling stands in the order in which they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u32);

impl Place {
    /// The one that came so many later.
    pub(crate) fn later(self, by: u32) -> Self {
        Self(self.0.saturating_add(by))
    }
}

/// The text of all spellings.
#[derive(Debug, Default)]
struct Text {
    pieces: Vec<String>,
    bytes: usize,
}

impl Text {
    /// Adds a spelling, which fits into a piece, and tells where it begins: the number of its piece
    /// and the place there.
    fn push(&mut self, metric: &str, tags: &str) -> u32 {
        let bytes = metric.len() + tags.len();
        let has_room = |piece: &String| piece.len() + bytes <= PIECE_BYTES;
        if !self.pieces.last().is_some_and(has_room) {
            self.pieces.push(String::new());
        }
        let number = self.pieces.len() - 1;
        let piece = self.pieces.last_mut().expect("there is one with room");
        let start = number * PIECE_BYTES + piece.len();
        piece.extend([metric, tags]);
        self.bytes += bytes;
        short(start)
    }

    /// What begins in some place, as far as its piece goes.
    #[inline]
    fn from(&self, start: u32) -> &str {
        let piece = self.pieces.get((start >> PIECE_BITS) as usize);
        let at = start as usize % PIECE_BYTES;
        piece.and_then(|piece| piece.get(at..)).unwrap_or_default()
    }
}

/// Where the JSON of a metric is in the text, followed by that of the tags.
#[derive(Debug)]
struct Entry {
    start: u32,
    metric: u32,
    tags: u32,
    series: SeriesId,
}

impl Entry {
    #[inline]
    fn spelling<'text>(&self, text: &'text Text) -> (&'text str, &'text str) {
        let text = text.from(self.start);
        let tags = self.metric as usize;
        let part = |from, to| text.get(from..to).unwrap_or_default();
        (part(0, tags), part(tags, tags + self.tags as usize))
    }
}

impl Spellings {
    /// None at first, and never more than fit into so many bytes.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            entries: Vec::new(),
            places: HashTable::new(),
            text: Text::default(),
            // Where text begins is 32 bits, with what stays free at the ends of pieces.
            max_bytes: max_bytes.min(u32::MAX as usize / 2),
            hasher: RandomState::default(),
            found: AtomicUsize::new(0),
            missed: 0,
        }
    }

    /// Where the metric and the tags are that are spelled so.
    #[inline]
    pub(crate) fn find(&self, metric: &str, tags: &str) -> Option<Place> {
        let hash = hash(&self.hasher, (metric, tags));
        let is_it = |place: &Place| self.spelling(*place) == Some((metric, tags));
        self.places.find(hash, is_it).copied()
    }

    /// The metric and the tags that stand there.
    #[inline]
    pub(crate) fn spelling(&self, place: Place) -> Option<(&str, &str)> {
        self.entries.get(place.0 as usize).map(|entry| entry.spelling(&self.text))
    }

    /// Their series.
    #[inline]
    pub(crate) fn series(&self, place: Place) -> Option<SeriesId> {
        self.entries.get(place.0 as usize).map(|entry| entry.series)
    }

    /// Counts points whose series were found.
    pub(crate) fn count_found(&self, points: usize) {
        self.found.fetch_add(points, Ordering::Relaxed);
    }

    /// Keeps a spelling that was not found, if there is room.
    pub(crate) fn insert(&mut self, metric: &str, tags: &str, series: SeriesId) {
        let bytes = metric.len() + tags.len() + ENTRY_BYTES;
        if bytes > self.max_bytes.min(PIECE_BYTES) || self.find(metric, tags).is_some() {
            return;
        }
        if self.text.bytes + self.entries.len() * ENTRY_BYTES + bytes > self.max_bytes {
            self.missed += 1;
            if self.missed <= self.entries.len().max(*self.found.get_mut()) {
                return;
            }
            self.entries.clear();
            self.places.clear();
            self.text = Text::default();
            (self.missed, *self.found.get_mut()) = (0, 0);
        }
        let start = self.text.push(metric, tags);
        let Self { entries, places, text, hasher, .. } = self;
        let place = Place(short(entries.len()));
        entries.push(Entry { start, metric: short(metric.len()), tags: short(tags.len()), series });
        let rehash = |place: &Place| {
            let spelling = entries.get(place.0 as usize).map(|entry| entry.spelling(text));
            hash(hasher, spelling.unwrap_or_default())
        };
        places.insert_unique(hash(hasher, (metric, tags)), place, rehash);
    }
}

fn short(length: usize) -> u32 {
    u32::try_from(length).expect("`max_bytes` is not more")
}

#[inline]
fn hash(hasher: &RandomState, (metric, tags): (&str, &str)) -> u64 {
    let mut hasher = hasher.build_hasher();
    hasher.write(metric.as_bytes());
    hasher.write(tags.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelling(n: u32) -> (String, String) {
        (format!("\"m{}\"", n % 7), format!("{{\"n\":\"{n}\"}}"))
    }

    fn get(spellings: &Spellings, metric: &str, tags: &str) -> Option<SeriesId> {
        let place = spellings.find(metric, tags)?;
        assert_eq!(spellings.spelling(place), Some((metric, tags)));
        spellings.series(place)
    }

    fn learn(spellings: &mut Spellings, numbers: impl IntoIterator<Item = u32>) {
        for n in numbers {
            let (metric, tags) = spelling(n);
            match get(spellings, &metric, &tags) {
                Some(series) => {
                    assert_eq!(series, SeriesId::new(n));
                    spellings.count_found(1);
                }
                None => spellings.insert(&metric, &tags, SeriesId::new(n)),
            }
        }
    }

    fn known(spellings: &Spellings, numbers: impl IntoIterator<Item = u32>) -> usize {
        let is_known = |n: &u32| {
            let (metric, tags) = spelling(*n);
            get(spellings, &metric, &tags)
                .inspect(|series| assert_eq!(series.number(), *n))
                .is_some()
        };
        numbers.into_iter().filter(is_known).count()
    }

    #[test]
    fn each_spelling_leads_to_its_series_and_no_other_text_does() {
        let mut spellings = Spellings::new(1 << 20);
        learn(&mut spellings, 0..5000);
        assert_eq!(known(&spellings, 0..5000), 5000);
        assert_eq!(known(&spellings, 5000..6000), 0);
        // The same bytes, cut in another place.
        assert_eq!(get(&spellings, "\"m0\"{\"n\"", ":\"0\"}"), None);
        assert_eq!(get(&spellings, "\"m0\"", "{\"n\":\"0\"} "), None);
        assert_eq!(get(&spellings, "", ""), None);
    }

    #[test]
    fn text_goes_on_in_the_next_piece_and_what_fits_in_none_is_not_kept() {
        let mut spellings = Spellings::new(64 << 20);
        let long =
            |n: u32| format!("{{\"n\":\"{n}\",\"long\":\"{}\"}}", "x".repeat(n as usize % 4096));
        for n in 0..3000 {
            spellings.insert("\"m\"", &long(n), SeriesId::new(n));
        }
        assert!(spellings.text.pieces.len() > 2);
        for n in 0..3000 {
            assert_eq!(get(&spellings, "\"m\"", &long(n)), Some(SeriesId::new(n)));
        }
        let longest = "x".repeat(PIECE_BYTES);
        spellings.insert("\"m\"", &longest, SeriesId::new(1));
        assert_eq!(get(&spellings, "\"m\"", &longest), None);
    }

    #[test]
    fn a_spelling_learned_twice_takes_its_room_once() {
        let mut spellings = Spellings::new(1 << 20);
        for _ in 0..2 {
            spellings.insert("\"m\"", "{}", SeriesId::new(1));
        }
        assert_eq!((spellings.entries.len(), spellings.text.bytes), (1, 5));
    }

    #[test]
    fn what_is_kept_never_takes_more_than_it_may() {
        let mut spellings = Spellings::new(10_000);
        for n in 0..20_000 {
            learn(&mut spellings, [n]);
            let bytes = spellings.text.bytes + spellings.entries.len() * ENTRY_BYTES;
            assert!(bytes <= 10_000, "{bytes} bytes after {n}");
        }
        spellings.insert(&"m".repeat(10_000), "", SeriesId::new(1));
        assert_eq!(get(&spellings, &"m".repeat(10_000), ""), None);
    }

    #[test]
    fn with_more_series_than_room_some_stay_known_and_new_ones_take_over_from_old_ones() {
        let mut spellings = Spellings::new(10_000);
        for _ in 0..50 {
            learn(&mut spellings, 0..500);
        }
        // Without the rule that forgets rarely, each round would forget what the next one needs.
        let kept = known(&spellings, 0..500);
        assert!((200..500).contains(&kept), "{kept} of 500 are known");
        for _ in 0..500 {
            learn(&mut spellings, 1000..1200);
        }
        assert_eq!(known(&spellings, 1000..1200), 200);
    }
}
