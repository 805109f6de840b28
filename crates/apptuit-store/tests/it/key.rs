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
