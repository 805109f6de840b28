//! Many threads write and read at once.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::Duration;

use apptuit_model::{Selector, TimeRange, TimeSeries};
use apptuit_store::{Piece, ReadLimits, Store};

use crate::{all, open, point};

const WRITERS: i64 = 12;
const APPENDS: i64 = 40;

#[test]
fn appends_that_wait_together_share_a_commit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let store = open(&file);
    let start = Barrier::new(usize::try_from(WRITERS).unwrap());
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (store, start) = (&store, &start);
            scope.spawn(move || {
                start.wait();
                for append in 0..APPENDS {
                    let value = (writer * APPENDS + append) as f64;
                    store.append_points(&[point("m", &writer.to_string(), append, value)]).unwrap();
                    // One's own write is there at once.
                    let own = all(store, "m");
                    let own = own
                        .iter()
                        .find(|series| series.tags().get("host") == Some(&writer.to_string()));
                    assert_eq!(own.unwrap().values().last(), Some(&value));
                }
            });
        }
    });
    let stats = store.stats();
    assert_eq!(stats.appends, u64::try_from(WRITERS * APPENDS).unwrap());
    assert!(0 < stats.commits && stats.commits < stats.appends, "{stats:?}");
    store.close().unwrap();

    let found = all(&open(&file), "m");
    assert_eq!(found.len(), usize::try_from(WRITERS).unwrap());
    for series in found {
        let writer: i64 = series.tags().get("host").unwrap().parse().unwrap();
        let expected = (0..APPENDS).map(|append| (writer * APPENDS + append) as f64);
        assert!(series.values().iter().copied().eq(expected), "{series:?}");
    }
}

/// Each append writes one instant of two series: a reader sees both or neither, and no gap.
#[test]
fn a_reader_sees_whole_appends_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("points.sqlite"));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut seen = 0;
                while !done.load(Ordering::Acquire) {
                    let found = all(&store, "m");
                    let lengths: Vec<_> = found.iter().map(TimeSeries::len).collect();
                    assert!(matches!(lengths[..], [] | [_, _]), "{lengths:?}");
                    let length = lengths.first().copied().unwrap_or_default();
                    assert!(lengths.iter().all(|other| *other == length), "{lengths:?}");
                    assert!(length >= seen, "{length} after {seen}");
                    for series in &found {
                        let times = series.timestamps().iter().map(|at| at.as_millis());
                        assert!(times.eq(0..i64::try_from(length).unwrap()), "a gap");
                    }
                    seen = length;
                    thread::yield_now();
                }
            });
        }
        // Meanwhile points go from memory to chunks, and from small chunks to large ones.
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                store.flush().unwrap();
                store.flush().unwrap();
                store.compact().unwrap();
            }
        });
        for at in 0..300 {
            store.append_points(&[point("m", "a", at, 1.0), point("m", "b", at, 2.0)]).unwrap();
        }
        done.store(true, Ordering::Release);
    });
}

/// A reader who takes its time, between two pieces of what it reads, holds up nobody.
#[test]
fn writing_and_tidying_go_on_beside_a_reader_who_stands_still() {
    const PATIENCE: Duration = Duration::from_secs(30);
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("points.sqlite"));
    for at in 0..50 {
        store.append_points(&[point("m", "a", at, 1.0)]).unwrap();
    }
    store.flush().unwrap();
    store.append_points(&[point("m", "a", 50, 1.0)]).unwrap();
    let scan = store.scan(&Selector::metric("m"), TimeRange::ALL, &ReadLimits::UNLIMITED);
    let scan = scan.unwrap().expect("a metric that was kept");
    let (begin, begun) = mpsc::channel();
    let (go, on) = mpsc::channel();
    thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut read = 0;
            scan.read(0, None, &mut |piece| {
                let Piece::Points(times, _) = piece else { unreachable!("there is no step") };
                if read == 0 {
                    begin.send(()).unwrap();
                    on.recv_timeout(PATIENCE).expect("the reader held up the writer");
                }
                read += times.len();
                ControlFlow::Continue(())
            })
            .unwrap();
            read
        });
        begun.recv().unwrap();
        store.append_points(&[point("m", "a", 51, 1.0)]).unwrap();
        store.compact().unwrap();
        store.append_points(&[point("m", "a", 52, 1.0)]).unwrap();
        assert_eq!(all(&store, "m")[0].len(), 53);
        go.send(()).unwrap();
        assert_eq!(reader.join().unwrap(), 51, "it reads what there was when it began");
    });
}

#[test]
fn closing_while_others_append_keeps_what_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let store = open(&file);
    let acknowledged: Vec<usize> = thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let (store, host) = (&store, format!("host{writer}"));
                scope.spawn(move || {
                    let append =
                        |at: &i64| store.append_points(&[point("m", &host, *at, 0.0)]).is_ok();
                    (0..100_000).take_while(append).count()
                })
            })
            .collect();
        while store.stats().appends < 20 {
            thread::yield_now();
        }
        store.close().unwrap();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    let store = open(&file);
    let kept: Vec<_> = all(&store, "m").iter().map(TimeSeries::len).collect();
    let acknowledged: Vec<_> = acknowledged.into_iter().filter(|count| *count > 0).collect();
    assert_eq!(kept, acknowledged);
}
