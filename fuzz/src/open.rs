//! A file that is taken for a store. The tests of `apptuit-store` include this file.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use apptuit_model::{DataPoint, Selector, TimeRange, Timestamp};
use apptuit_store::{
    EmbeddedStore, ReadLimits, Store, StoreError, StoreOptions, Suggest, backup, check,
};
use tempfile::TempDir;

/// Opens, checks and copies a file that is these bytes, or after a first byte of `p` a good one with
/// patches: each a place in three bytes, the last one first, a length up to 15, and as many bytes.
///
/// What is no store, or of a newer version, stays as it was; the others can be read and added to, or
/// the error says what is wrong.
pub(crate) fn open(data: &[u8]) {
    let folder = folder();
    let file = folder.path().join("points.sqlite");
    let bytes = match data.split_first() {
        Some((b'p', patches)) => patched(patches),
        _ => data.to_vec(),
    };
    fs::write(&file, &bytes).expect("a file");
    if let Ok(check) = check(&file) {
        let _ = check.is_sound();
    }
    let _ = backup(&file, &folder.path().join("copy"));
    match EmbeddedStore::open(&file, StoreOptions::default()) {
        Ok(store) => {
            let _ = used(&store);
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            if matches!(error, StoreError::NotAStore { .. } | StoreError::VersionTooNew { .. }) {
                assert!(fs::read(&file).expect("the file") == bytes, "changed although {error}");
            }
        }
    }
}

fn used(store: &EmbeddedStore) -> Result<(), StoreError> {
    for metric in store.suggest(Suggest::Metrics, "", 100)? {
        let selector = Selector::metric(metric);
        let limits = ReadLimits { max_points: 100_000, ..ReadLimits::UNLIMITED };
        for series in store.select(&selector, TimeRange::ALL, &limits)?.unwrap_or_default() {
            assert!(series.timestamps().is_sorted_by(|one, other| one < other), "times ascend");
        }
    }
    store.append_points(&[point("later", 0, 1.5)])?;
    store.compact()?;
    store.close()
}

fn point(metric: &str, second: i64, value: f64) -> DataPoint {
    DataPoint::new((metric, [("host", "a")]), Timestamp::from_secs(second), value)
}

/// In memory, where there is a file system for that.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.expect("a folder")
}

/// A good store with chunks and batches, and changes to it.
fn patched(mut patches: &[u8]) -> Vec<u8> {
    static GOOD: OnceLock<Vec<u8>> = OnceLock::new();
    let mut bytes = GOOD.get_or_init(good).clone();
    while let [a, b, c, length, rest @ ..] = patches {
        let place = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
        let (patch, rest) = rest.split_at(usize::from(length % 16).min(rest.len()));
        if let Some(place) = bytes.get_mut(place..).filter(|place| place.len() >= patch.len()) {
            place[..patch.len()].copy_from_slice(patch);
        }
        patches = rest;
    }
    bytes
}

fn good() -> Vec<u8> {
    let folder = folder();
    let file = folder.path().join("points.sqlite");
    let store = EmbeddedStore::open(&file, StoreOptions::default()).expect("a new store");
    let points = |from: i64| (from..from + 50).map(move |n| point("m", 60 * n, n as f64 / 4.0));
    store.append_points(&points(0).collect::<Vec<_>>()).expect("room");
    store.compact().expect("room");
    store.append_points(&points(40).collect::<Vec<_>>()).expect("room");
    store.close().expect("room");
    drop(store);
    fs::read(file).expect("the store")
}
