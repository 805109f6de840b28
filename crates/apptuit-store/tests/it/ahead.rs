//! A store that is opened after a crash reads the points that were in no chunk yet, however many there
//! are, and goes on from there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use apptuit_store::{EmbeddedStore, Store, StoreOptions, check};

use crate::trouble::until;
use crate::{all, open, point};

const BATCHES: i64 = 250;
const HOSTS: i64 = 100;
/// Of one batch, so that it is the one that is worth a chunk.
const OF_THE_BUSY: i64 = 5;
/// Less than the points take that are in no chunk.
const BOUND: u64 = 64 << 10;

/// The last value of each host and millisecond.
type Kept = BTreeMap<(String, i64), f64>;

/// Appends a batch: a point of each host, and some of a busy one; not all are later than those before.
fn append(store: &EmbeddedStore, batch: i64, kept: &mut Kept) {
    let mut points = Vec::new();
    let hosts = (0..HOSTS).map(|host| format!("host{host}"));
    let busy = (0..OF_THE_BUSY).map(|_| "busy".to_owned());
    for (n, host) in (0..).zip(hosts.chain(busy)) {
        let late = if fastrand::u8(..8) == 0 { fastrand::i64(..100) } else { 0 };
        let at = 10 * batch + n % OF_THE_BUSY - late;
        let value = fastrand::f64();
        points.push(point("m", &host, at, value));
        kept.insert((host, at), value);
    }
    store.append_points(&points).expect("the disk works");
}

fn found(store: &dyn Store) -> Kept {
    let mut found = Kept::new();
    for series in all(store, "m") {
        let host = series.tags().get("host").expect("each has a host").to_owned();
        found.extend(series.iter().map(|(at, value)| ((host.clone(), at.as_millis()), value)));
    }
    found
}

/// What a crash would leave: nothing is tidied up, and nothing that is not on disk is there.
fn leave(folder: &Path, copy: &Path) {
    for name in ["points.sqlite", "points.sqlite-wal"] {
        fs::copy(folder.join(name), copy.join(name)).expect("the disk works");
    }
}

#[test]
fn a_start_with_more_ahead_than_there_may_be_has_every_point() {
    let [folder, copy] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let store = open(&folder.path().join("points.sqlite"));
    let mut kept = Kept::new();
    (0..BATCHES).for_each(|batch| append(&store, batch, &mut kept));
    // The batches of the busy one are needed for the others: some of their points are in chunks.
    until(|| store.stats().chunks_made > 0);
    (BATCHES..BATCHES + 9).for_each(|batch| append(&store, batch, &mut kept));
    assert!(store.stats().ahead_bytes > 2 * BOUND, "{}", store.stats().ahead_bytes);
    leave(folder.path(), copy.path());

    let file = copy.path().join("points.sqlite");
    let options = StoreOptions { max_ahead_bytes: BOUND, ..StoreOptions::default() };
    let again = EmbeddedStore::open(&file, options).expect("the file is sound");
    assert!(found(&again) == kept, "after the start");
    append(&again, BATCHES + 9, &mut kept);
    until(|| again.stats().ahead_bytes <= BOUND);
    assert!(found(&again) == kept, "after points were moved");
    again.close().expect("the disk works");
    assert_eq!(check(&file).expect("it can be read").findings, []);
    assert!(found(&open(&file)) == kept, "after another start");
}
