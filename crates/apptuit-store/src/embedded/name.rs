//! The tags of a series as the blob `series.tags`.

use apptuit_model::Tags;

use super::bytes::{Damage, Reader};
use super::checksum::Checksum;

/// The blob of `tags`, with a checksum over `metric` too.
pub(super) fn encode(metric: &str, tags: &Tags) -> Vec<u8> {
    let mut blob = Vec::new();
    put_length(&mut blob, tags.len());
    for text in tags.iter().flat_map(|(key, value)| [key, value]) {
        put_length(&mut blob, text.len());
        blob.extend_from_slice(text.as_bytes());
    }
    let checksum = Checksum::new().add(metric.as_bytes()).add(&blob).value();
    blob.extend_from_slice(&checksum.to_le_bytes());
    blob
}

/// The tags, by key, in the blob of a series of `metric`.
pub(super) fn decode<'a>(metric: &str, blob: &'a [u8]) -> Result<Vec<(&'a str, &'a str)>, Damage> {
    let mut reader = Reader::checked(metric.as_bytes(), blob)?;
    let count = reader.u32()?;
    let mut tags: Vec<(&str, &str)> = Vec::new();
    for _ in 0..count {
        let tag = (reader.text()?, reader.text()?);
        if tags.last().is_some_and(|(before, _)| *before >= tag.0) {
            return Err(reader.damage(format!("tag `{}` is out of order", tag.0)));
        }
        tags.push(tag);
    }
    reader.end()?;
    Ok(tags)
}

fn put_length(blob: &mut Vec<u8>, length: usize) {
    let length = u32::try_from(length).expect("a name has less than 4 GiB: SQLite takes 1 GB");
    blob.extend_from_slice(&length.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of docs/reference/storage-format.md; its checksum comes from Python's zlib.
    const DOCUMENTED: [u8; 19] =
        [1, 0, 0, 0, 2, 0, 0, 0, b'd', b'c', 1, 0, 0, 0, b'b', 0xb4, 0x3e, 0x41, 0x08];

    #[test]
    fn a_name_is_written_as_documented() {
        assert_eq!(encode("up", &Tags::from([("dc", "b")])), DOCUMENTED);
        assert_eq!(decode("up", &DOCUMENTED), Ok(vec![("dc", "b")]));
    }

    #[test]
    fn free_text_comes_back() {
        for tags in [Tags::new(), Tags::from([("", "\0"), ("ключ", "{=,}\n"), ("z", "")])] {
            let blob = encode("m", &tags);
            assert_eq!(decode("m", &blob).map(Tags::from_iter), Ok(tags));
        }
    }

    #[test]
    fn a_changed_metric_or_byte_is_damage() {
        assert!(decode("uq", &DOCUMENTED).is_err());
        for at in 0..DOCUMENTED.len() {
            let mut damaged = DOCUMENTED;
            damaged[at] ^= 0x20;
            assert!(decode("up", &damaged).is_err(), "byte {at}");
            assert!(decode("up", &DOCUMENTED[..at]).is_err(), "cut at byte {at}");
        }
    }

    #[test]
    fn what_a_right_checksum_guards_is_checked_too() {
        let with_checksum = |body: &[u8]| {
            let checksum = Checksum::new().add(b"m").add(body).value();
            [body, &checksum.to_le_bytes()].concat()
        };
        let damage = |body: &[u8]| decode("m", &with_checksum(body)).unwrap_err();
        assert_eq!(damage(&[1, 0, 0, 0]).offset, Some(4));
        assert_eq!(damage(&[0, 0, 0, 0, 9]).what, "`1` bytes are left over");
        let twice = [2, 0, 0, 0, 1, 0, 0, 0, b'k', 0, 0, 0, 0, 1, 0, 0, 0, b'k', 0, 0, 0, 0];
        assert_eq!(damage(&twice).what, "tag `k` is out of order");
        let endless = [1, 0, 0, 0, 255, 255, 255, 255, b'k'];
        assert_eq!(damage(&endless).what, "`1` bytes are left, expected `4294967295`");
    }
}
