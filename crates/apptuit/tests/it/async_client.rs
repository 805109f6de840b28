//! The client on a Tokio runtime.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use apptuit::client::{MockTransport, Request, Response, Transport, TransportError};
use apptuit::{AsyncClient, DataPoint, ErrorKind, RetryPolicy, TimeRange, TimeSeries, Timestamp};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::end_to_end::{client, start};
use crate::{client_of, point};

fn runtime(blocking_threads: usize) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    let builder = builder.worker_threads(1).max_blocking_threads(blocking_threads);
    builder.enable_time().build().expect("a runtime")
}

#[test]
fn calls_overlap_and_their_points_are_found_again() {
    let running = start();
    let client = AsyncClient::from(client(&running));
    let runtime = runtime(4);
    runtime.block_on(async {
        let sends: Vec<_> = (0..20)
            .map(|n| {
                let client = client.clone();
                let name = ("load", [("host", format!("h{n:02}"))]);
                let point = DataPoint::new(name, Timestamp::from_secs(60), f64::from(n));
                tokio::spawn(async move { client.send([point]).await })
            })
            .collect();
        for send in sends {
            send.await.unwrap().unwrap();
        }
        let name = ("load", [("host", "series")]);
        let series = TimeSeries::from_points(name, [(Timestamp::from_secs(60), 99.0)]);
        client.send_series([series]).await.unwrap();

        let range = TimeRange::new(Timestamp::from_secs(0), Timestamp::from_secs(60));
        let answer = client.query("fetch('load')", range).await.unwrap();
        let mut values: Vec<_> =
            answer[0].series().iter().flat_map(|one| one.values().to_vec()).collect();
        values.sort_by(f64::total_cmp);
        let expected: Vec<_> = (0..20).map(f64::from).chain([99.0]).collect();
        assert_eq!(values, expected);
        assert!(client.explain("fetch('load')", range).await.unwrap().contains("fetch"));
    });
    running.server.stop().unwrap();
}

#[test]
fn an_error_is_that_of_the_blocking_call() {
    let server = MockTransport::new();
    server.answer(Response::new(401, ""));
    let client = AsyncClient::from(client_of(&server).build().unwrap());
    let error = runtime(1).block_on(client.send([point("a")])).unwrap_err();
    assert_eq!((error.kind(), error.failed()), (ErrorKind::Unauthorized, 1));
    assert_eq!(client.blocking().endpoint(), "http://server.test");
}

#[test]
fn a_call_that_is_dropped_between_two_tries_begins_no_further_one() {
    let server = MockTransport::new();
    for _ in 0..9 {
        server.answer(Response::new(503, "").with_header("Retry-After", "30"));
    }
    let client = client_of(&server).retry(RetryPolicy::exponential(9)).build().unwrap();
    let client = AsyncClient::from(client);
    let (runtime, all) = (runtime(1), TimeRange::ALL);
    runtime.block_on(async {
        let hurried = Duration::from_millis(200);
        timeout(hurried, client.send([point("a")])).await.unwrap_err();
        timeout(
            hurried,
            client.send_series([TimeSeries::from_points(
                ("a", [("k", "v")]),
                [(Timestamp::from_secs(1), 1.0)],
            )]),
        )
        .await
        .unwrap_err();
        timeout(hurried, client.query("fetch('a')", all)).await.unwrap_err();
    });
    // The one thread had to end each call to begin the next; this waits for the last.
    drop(runtime);
    assert_eq!(server.requests().len(), 3);
}

/// Counts requests, and meets the test at the barrier when one begins and before it ends.
#[derive(Clone, Debug)]
struct Held(Arc<(AtomicUsize, Barrier)>);

impl Transport for Held {
    fn send(&self, _request: &Request) -> Result<Response, TransportError> {
        self.0.0.fetch_add(1, Ordering::SeqCst);
        self.0.1.wait();
        self.0.1.wait();
        Ok(Response::new(204, ""))
    }
}

#[test]
fn a_call_that_is_dropped_before_a_thread_is_free_is_not_made() {
    let held = Held(Arc::new((AtomicUsize::new(0), Barrier::new(2))));
    let client = client_of(&MockTransport::new()).transport(held.clone()).build().unwrap();
    let client = AsyncClient::from(client);
    let runtime = runtime(1);
    let first = client.clone();
    let first = runtime.spawn(async move { first.send([point("a")]).await });
    held.0.1.wait();
    runtime.block_on(async {
        timeout(Duration::from_millis(200), client.send([point("b")])).await.unwrap_err();
    });
    held.0.1.wait();
    runtime.block_on(first).unwrap().unwrap();
    drop(runtime);
    assert_eq!(held.0.0.load(Ordering::SeqCst), 1);
}

#[derive(Debug)]
struct Panics;

impl Transport for Panics {
    fn send(&self, _request: &Request) -> Result<Response, TransportError> {
        panic!("a transport of the caller's")
    }
}

#[test]
fn a_panic_of_a_transport_is_the_callers() {
    let client = client_of(&MockTransport::new()).transport(Panics).build().unwrap();
    let client = AsyncClient::from(client);
    let runtime = runtime(1);
    let failed = runtime.block_on(runtime.spawn(async move { client.send([point("a")]).await }));
    let panic = failed.unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"a transport of the caller's"));
}
