//! The keys of bodies that are sent in parts: `KEY~0` and `KEY~1` are those of the halves of the body
//! of `KEY`, `KEY~00` and `KEY~01` those of the halves of its first half.
//!
//! By them a server tells that a part's points were kept with the whole, and a whole's with its parts.

/// Stands between the key of a whole and the places of a part. It has no other use in a key.
const MARK: char = '~';

/// Which half of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The points that come first, fewer by one if their number is odd.
    First,
    /// The others.
    Second,
}

/// The key of one half of the body of `key`, which may be a part itself.
pub fn half(key: &str, half: Half) -> String {
    let mut part = String::with_capacity(key.len() + 2);
    part.push_str(key);
    if !key.contains(MARK) {
        part.push(MARK);
    }
    part.push(match half {
        Half::First => '0',
        Half::Second => '1',
    });
    part
}

/// The keys of the bodies that the body of `key` is a part of, the largest first; none if it is no part.
pub fn wholes(key: &str) -> impl Iterator<Item = &str> {
    let mark = key.find(MARK).unwrap_or(key.len());
    // The whole itself has no mark; the others have at least one place after it.
    let ends = (mark..key.len()).filter(move |end| *end != mark + 1);
    ends.filter_map(|end| key.get(..end))
}

/// The first text from which on, and the first before which, keys of parts of the body of `key` stand
/// in the order of their characters. No other key that [is sound](is_sound) is there.
pub fn parts(key: &str) -> [String; 2] {
    let mark = if key.contains(MARK) { "" } else { "~" };
    ["0", "2"].map(|place| format!("{key}{mark}{place}"))
}

/// Whether the mark of parts, if it is in `key`, is where it belongs.
pub fn is_sound(key: &str) -> bool {
    key.split_once(MARK).is_none_or(|(whole, places)| {
        !whole.is_empty()
            && !places.is_empty()
            && places.bytes().all(|place| matches!(place, b'0' | b'1'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_knows_its_wholes_and_a_whole_the_place_of_its_parts() {
        let first = half("k-1", Half::First);
        let quarter = half(&half(&first, Half::Second), Half::First);
        assert_eq!((first.as_str(), quarter.as_str()), ("k-1~0", "k-1~010"));
        assert_eq!(wholes(&quarter).collect::<Vec<_>>(), ["k-1", "k-1~0", "k-1~01"]);
        assert_eq!(wholes(&first).collect::<Vec<_>>(), ["k-1"]);
        assert_eq!(wholes("k-1").count(), 0);

        let keys = ["k-1", "k-1~0", "k-1~01", "k-1~010", "k-1~1", "k-12", "k-1A", "k-1~00", "k-1}"];
        for whole in keys {
            let [from, to] = parts(whole);
            for key in keys {
                let is_part = wholes(key).any(|one| one == whole);
                let is_there = (from.as_str()..to.as_str()).contains(&key);
                assert_eq!(is_there, is_part, "{key} of {whole}");
            }
        }
    }

    #[test]
    fn the_mark_is_for_parts_alone() {
        for (key, expected) in [
            ("k", true),
            ("k.1", true),
            ("k~0110", true),
            ("k~", false),
            ("~0", false),
            ("k~2", false),
            ("k~0~1", false),
            ("k~0a", false),
        ] {
            assert_eq!(is_sound(key), expected, "{key}");
        }
    }
}
