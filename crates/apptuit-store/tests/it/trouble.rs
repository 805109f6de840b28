//! Work in the background that fails, and is tried again.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use apptuit_model::Timestamp;
use apptuit_store::{EmbeddedStore, OnTrouble, Store, StoreOptions, WallClock};
use rusqlite::Connection;

use crate::{open, point};

const MINUTE: i64 = 60_000;

fn rename(file: &Path, from: &str, to: &str) {
    let connection = Connection::open(file).expect("a database");
    connection.execute_batch(&format!("ALTER TABLE {from} RENAME TO {to}")).expect("SQL");
}

pub(crate) fn until(holds: impl Fn() -> bool) {
    for _ in 0..3000 {
        if holds() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("it did not come");
}

#[test]
fn a_chore_that_fails_is_told_once_counted_each_time_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    open(&file).close().unwrap();
    let (told, now) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicI64::new(0)));
    let options = {
        let (told, now) = (Arc::clone(&told), Arc::clone(&now));
        StoreOptions {
            on_trouble: OnTrouble::new(move |error| told.lock().unwrap().push(error.to_string())),
            clock: WallClock::new(move || Timestamp::from_millis(now.load(Ordering::SeqCst))),
            ..StoreOptions::default()
        }
    };
    let store = EmbeddedStore::open(&file, options).unwrap();
    // What the chores look at is away.
    rename(&file, "month", "away");
    let later = || now.fetch_add(MINUTE, Ordering::SeqCst);
    let fails = || {
        let before = store.stats().chores_failed;
        later();
        until(|| store.stats().chores_failed > before);
    };
    let times_told = || told.lock().unwrap().len();
    fails();
    fails();
    assert_eq!(times_told(), 1);
    assert!(told.lock().unwrap()[0].contains("month"), "{:?}", told.lock().unwrap());
    // Nothing else is the worse for it.
    store.append_points(&[point("m", "a", 1, 1.0)]).unwrap();

    // It is told again once it has gone well in between, which shows in nothing else.
    until(|| {
        rename(&file, "away", "month");
        later();
        thread::sleep(Duration::from_millis(1500));
        rename(&file, "month", "away");
        fails();
        times_told() == 2
    });
    rename(&file, "away", "month");
    store.close().unwrap();
}
