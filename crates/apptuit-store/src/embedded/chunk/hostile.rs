//! What is done with hostile bytes, and what must hold then: it panics only where the codec has a
//! fault.

use apptuit_model::Timestamp;

use super::{MAX_POINTS, decode, encode, summary};
use crate::embedded::checksum::Checksum;

/// Takes bytes for a chunk, for one whose checksums hold, and for points.
///
/// # Panics
///
/// The codec has a fault.
#[cfg_attr(
    not(feature = "fuzz"),
    expect(unreachable_pub, reason = "the program of the fuzzer reaches it")
)]
pub fn chunk(data: &[u8]) {
    read(data);
    if let Some((length, rest)) = data.split_first() {
        let (header, body) = rest.split_at(usize::from(*length).min(rest.len()));
        let sealed: Vec<u8> = [header, body]
            .into_iter()
            .flat_map(|part| [part, &Checksum::new().add(part).value().to_le_bytes()].concat())
            .collect();
        read(&sealed);
    }
    write(data);
}

/// A chunk is damaged, or its points are as many as its header says, and ascend.
fn read(chunk: &[u8]) {
    let (mut timestamps, mut values) = (Vec::new(), Vec::new());
    match (summary(chunk), decode(chunk, &mut timestamps, &mut values)) {
        (Ok(summary), Ok(_)) => {
            assert_eq!((timestamps.len(), values.len()), (summary.count, summary.count));
            assert!(timestamps.is_sorted_by(|one, other| one < other), "timestamps ascend");
            assert_eq!(timestamps.first(), Some(&summary.start));
            assert_eq!(timestamps.last(), Some(&summary.end));
        }
        (_, Err(_)) => assert!(timestamps.len() <= MAX_POINTS && values.len() <= MAX_POINTS),
        (Err(error), Ok(_)) => panic!("read without a header: {error:?}"),
    }
}

/// Each sixteen bytes are the time since the point before, and the bits of a value.
fn write(data: &[u8]) {
    let (numbers, _) = data.as_chunks();
    let (points, _) = numbers.as_chunks::<2>();
    let mut at = i64::MIN / 2;
    let ascending = points.iter().map_while(|[step, value]| {
        at = at.checked_add(1)?.checked_add_unsigned(u64::from_le_bytes(*step))?;
        Some((Timestamp::from_millis(at), f64::from_bits(u64::from_le_bytes(*value))))
    });
    let (timestamps, values): (Vec<_>, Vec<_>) = ascending.take(MAX_POINTS).unzip();
    if timestamps.is_empty() {
        return;
    }
    let (mut chunk, mut again) = (Vec::new(), (Vec::new(), Vec::new()));
    encode(&timestamps, &values, &mut chunk);
    decode(&chunk, &mut again.0, &mut again.1).expect("what was packed is a chunk");
    assert_eq!(timestamps, again.0);
    assert!(values.iter().map(|value| value.to_bits()).eq(again.1.iter().map(|v| v.to_bits())));
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    fn kept(folder: &str) -> Vec<PathBuf> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(folder);
        let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn what_the_fuzzer_starts_from_and_has_found_breaks_nothing() {
        let seeds = kept("corpus/chunk");
        assert!(seeds.len() > 10, "{} seeds", seeds.len());
        let is_ours = |file: &PathBuf| {
            file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("chunk-"))
        };
        for file in seeds.into_iter().chain(kept("regressions").into_iter().filter(is_ours)) {
            println!("{}", file.display());
            super::chunk(&fs::read(file).unwrap());
        }
    }
}
