//! A resend under the same key is kept once.

use apptuit_model::{TimeSeriesName, Timestamp};
use apptuit_store::{IdempotencyKey, Kept, Points, Store, StoreError};

use crate::{all, open};

fn points(store: &dyn Store, value: f64) -> Points {
    points_of(store, "m", value)
}

fn points_of(store: &dyn Store, metric: &str, value: f64) -> Points {
    let series = store.series(&TimeSeriesName::from(metric)).expect("there is room");
    let mut points = Points::default();
    for at in 0..3 {
        points.push(series, Timestamp::from_millis(at), value);
    }
    points
}

#[test]
fn a_resend_is_recognised_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("points.sqlite"));
    let key = IdempotencyKey::new("first").unwrap();
    assert_eq!(store.append(&points(&store, 1.0), Some(&key)).unwrap(), Kept::Now);
    assert_eq!(store.append(&points(&store, 2.0), None).unwrap(), Kept::Now);
    assert_eq!(store.append(&points(&store, 1.0), Some(&key)).unwrap(), Kept::Before);
    assert_eq!(all(&store, "m")[0].values(), [2.0; 3]);
}

#[test]
fn a_key_of_other_points_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("points.sqlite"));
    let key = IdempotencyKey::new("first").unwrap();
    store.append(&points(&store, 1.0), Some(&key)).unwrap();
    let refused = store.append(&points(&store, 2.0), Some(&key)).unwrap_err();
    assert!(matches!(&refused, StoreError::KeyReused { key: used } if *used == key), "{refused:?}");
    assert_eq!(refused.to_string(), "idempotency key `first` was used for other points");
    // The same times and values, but of another series.
    let refused = store.append(&points_of(&store, "n", 1.0), Some(&key)).unwrap_err();
    assert!(matches!(&refused, StoreError::KeyReused { .. }), "{refused:?}");
    assert_eq!(all(&store, "m")[0].values(), [1.0; 3]);
}

#[test]
fn points_of_a_body_and_of_its_halves_are_kept_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("points.sqlite"));
    let key = |text: &str| IdempotencyKey::new(text).unwrap();
    let some = |times: &[i64]| {
        let series = store.series(&TimeSeriesName::from("m")).unwrap();
        let mut points = Points::default();
        for at in times {
            points.push(series, Timestamp::from_millis(*at), 1.0);
        }
        points
    };
    let append = |points: &Points, text: &str| store.append(points, Some(&key(text)));
    // The whole first: its halves, and theirs, are kept with it.
    let later = some(&[1, 2, 3]);
    assert_eq!(append(&some(&[0, 1, 2, 3]), "w").unwrap(), Kept::Now);
    for (part, times) in [("w~0", &[0, 1][..]), ("w~1", &[2, 3]), ("w~10", &[2])] {
        assert_eq!(append(&some(times), part).unwrap(), Kept::Before, "{part}");
    }
    // A half with more points than its whole is none.
    let refused = append(&some(&[0, 1, 2, 3, 4]), "w~1").unwrap_err();
    assert!(matches!(refused, StoreError::KeyReused { .. }), "{refused:?}");
    // Part of it first: the whole is asked for in halves.
    assert_eq!(append(&some(&[10]), "v~01").unwrap(), Kept::Now);
    for whole in ["v", "v~0"] {
        let refused = append(&later, whole).unwrap_err();
        assert!(matches!(&refused, StoreError::PartsKept { key } if key.as_str() == whole));
    }
    assert_eq!(append(&some(&[11]), "v~1").unwrap(), Kept::Now);
    assert_eq!(append(&some(&[9]), "v~00").unwrap(), Kept::Now);
    // Keys that only begin alike have nothing to do with each other.
    for other in ["v.", "w0", "w.0", "v-1", "vv", "u"] {
        assert_eq!(append(&later, other).unwrap(), Kept::Now, "{other}");
    }
    assert_eq!(all(&store, "m")[0].len(), 7);
}
