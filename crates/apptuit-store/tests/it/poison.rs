//! After a write has failed the store takes no more, and loses nothing it has.

use apptuit_model::TimeSeries;
use apptuit_store::{EmbeddedStore, Store, StoreError, StoreOptions};

use crate::{all, open, point};

#[test]
fn a_failed_commit_ends_writing_until_the_store_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    // A disk with room for twenty pages.
    let options = StoreOptions { max_file_bytes: Some(20 * 16_384), ..StoreOptions::default() };
    let store = EmbeddedStore::open(&file, options.clone()).unwrap();
    let append = |store: &EmbeddedStore, n: i64| {
        let points: Vec<_> = (0..500).map(|at| point("m", "a", n * 500 + at, n as f64)).collect();
        store.append_points(&points)
    };

    let (failed, error) =
        (0..1000).find_map(|n| append(&store, n).err().map(|error| (n, error))).unwrap();
    assert!(failed > 3, "append {failed} failed");
    assert!(matches!(error, StoreError::Io { doing: "commit points to", .. }), "{error:?}");
    assert!(error.to_string().contains("is full"), "{error}");
    assert!(std::error::Error::source(&error).is_some());

    // Even what would fit is refused.
    let refused = store.append_points(&[point("m", "b", 0, 0.0)]).unwrap_err();
    let StoreError::Poisoned { since, cause } = &refused else { panic!("{refused:?}") };
    assert!(cause.contains("is full") && since.as_secs() > 0, "{refused}");
    assert!(refused.to_string().contains("until the store is opened again"), "{refused}");

    let kept = usize::try_from(failed).unwrap() * 500;
    let check = |store: &EmbeddedStore| {
        let found = all(store, "m");
        assert_eq!(found.iter().map(TimeSeries::len).collect::<Vec<_>>(), [kept]);
        let expected = (0..failed).flat_map(|n| [n as f64; 500]);
        assert!(found[0].values().iter().copied().eq(expected));
    };
    check(&store);
    store.close().unwrap();
    drop(store);

    let store = EmbeddedStore::open(&file, options).unwrap();
    check(&store);
    assert!(append(&store, failed).is_err(), "the disk is still full");
    drop(store);

    let store = open(&file);
    check(&store);
    append(&store, failed).unwrap();
    assert_eq!(all(&store, "m")[0].len(), kept + 500);
}

#[test]
fn everyone_who_waits_for_a_failed_commit_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions { max_file_bytes: Some(16 * 16_384), ..StoreOptions::default() };
    let store = EmbeddedStore::open(&folder.path().join("points.sqlite"), options).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let store = &store;
            scope.spawn(move || {
                let host = format!("host{thread}");
                let acknowledged = (0..10_000)
                    .take_while(|at| store.append_points(&[point("m", &host, *at, 1.0)]).is_ok());
                let acknowledged = acknowledged.count();
                assert!(acknowledged < 10_000, "the disk never filled");
                let found = all(store, "m");
                let own = found.iter().find(|series| series.tags().get("host") == Some(&host));
                assert_eq!(own.map_or(0, TimeSeries::len), acknowledged);
            });
        }
    });
}
