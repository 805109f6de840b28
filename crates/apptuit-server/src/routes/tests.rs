//! What a real store rarely does: failing, and taking too long.

mod stores;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apptuit_metrics::SystemClock;
use apptuit_model::Timestamp;
use apptuit_store::{EmbeddedStore, Kept, Store, StoreOptions, WallClock};
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

use self::stores::{Busy, Endless, FullDisk, Gate, Odd};
use crate::answers::Answers;
use crate::app::{App, Routes};
use crate::config::{OnTrouble, ServerConfig};
use crate::connections::{Caller, serve};
use crate::loops::Loops;
use crate::tenants::Tenants;

const HERE: [u8; 4] = [127, 0, 0, 1];
const POINT: &str = r#"{"metric":"m","timestamp":60,"value":1,"tags":{"host":"a"}}"#;

fn app(store: Arc<dyn Store>, config: ServerConfig) -> (Arc<App>, Routes) {
    let app = Arc::new(App::new(config, Tenants::with_store(store), Arc::new(SystemClock)));
    (Arc::clone(&app), Routes::new(app))
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(test)
}

fn caller(address: [u8; 4]) -> Caller {
    let answers = Answers::default();
    tokio::spawn(answers.clone().pass_on());
    Caller { address: address.into(), answers }
}

async fn ask(routes: &Routes, method: &str, path: &str, body: &str) -> Response<Body> {
    let request = Request::builder().method(method).uri(path).body(Body::from(body.to_owned()));
    let Ok(response) = routes.answer(&caller(HERE), request.expect("a request")).await;
    response
}

/// Status, kind of error and message.
async fn failure(response: Response<Body>) -> (u16, String, String) {
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 1 << 20).await.expect("a body");
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    let text = |name: &str| body["errors"][0][name].as_str().expect(name).to_owned();
    (status, text("errorType"), text("message"))
}

#[test]
fn a_write_that_fails_is_not_acknowledged_and_the_health_shows_it() {
    run(async {
        let (_, routes) = app(Arc::new(Odd::<FullDisk>::default()), ServerConfig::default());
        assert_eq!(ask(&routes, "GET", "/health", "").await.status(), 200);

        let first = failure(ask(&routes, "POST", "/api/put?details", POINT).await).await;
        assert_eq!((first.0, first.1.as_str()), (500, "ERROR_INTERNAL"));
        assert_eq!(first.2, "cannot commit points to the data: no space left on device");
        let second = failure(ask(&routes, "POST", "/api/put", POINT).await).await;
        assert_eq!(second.0, 500);
        assert!(second.2.starts_with("writes are refused until the store is opened again"));
        let health = ask(&routes, "GET", "/health", "").await;
        assert_eq!(health.status(), 503);
        let health = to_bytes(health.into_body(), 1 << 20).await.expect("a body");
        let health: Value = serde_json::from_slice(&health).expect("JSON");
        assert_eq!(
            health,
            json!({
                "status": "read only",
                "reason": "a write has failed: free space if the disk is full, then restart the \
                           server",
            })
        );
    });
}

#[test]
fn a_key_is_forgotten_after_a_day() {
    let folder = tempfile::tempdir().expect("a folder");
    let hours = Arc::new(AtomicI64::new(0));
    let clock = {
        let hours = Arc::clone(&hours);
        WallClock::new(move || {
            Timestamp::from_secs(1_500_000_000 + 3600 * hours.load(Ordering::SeqCst))
        })
    };
    let options = StoreOptions { clock, ..StoreOptions::default() };
    let store = EmbeddedStore::open(&folder.path().join("points.sqlite"), options);
    run(async {
        let (app, routes) = app(Arc::new(store.expect("a store")), ServerConfig::default());
        let appends =
            || app.tenants.of(&HeaderMap::new()).expect("a tenant").store().stats().appends;
        // The key lives from the first append on; a resend does not prolong it.
        for (hour, kept) in [(0, 1), (1, 1), (23, 1), (25, 2), (26, 2), (48, 2), (50, 3)] {
            hours.store(hour, Ordering::SeqCst);
            let request = Request::post("/api/put").header("Idempotency-Key", "k");
            let request = request.body(Body::from(POINT)).expect("a request");
            let Ok(response) = routes.answer(&caller(HERE), request).await;
            assert_eq!(response.status(), 204);
            assert_eq!(appends(), kept, "after {hour} hours");
        }
    });
}

#[test]
fn a_body_waits_for_room_in_the_store_and_is_then_told_to_come_back() {
    run(async {
        let store = Arc::new(Odd::<Busy>::default());
        let (_, routes) = app(Arc::clone(&store) as Arc<dyn Store>, ServerConfig::default());
        let answer = ask(&routes, "POST", "/api/put", POINT).await;
        assert_eq!(answer.headers()["retry-after"], "5");
        let (status, kind, message) = failure(answer).await;
        assert_eq!((status, kind.as_str()), (503, "ERROR_OVERLOADED"));
        assert_eq!(message, "too much waits to be written, try again later");
        assert_eq!(store.0.waited.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_client_with_many_requests_leaves_turns_to_others() {
    run(async {
        let gate = Arc::new(Odd::<Gate>::default());
        let config = ServerConfig { max_concurrent_puts: 8, ..ServerConfig::default() };
        let (_, routes) = app(Arc::clone(&gate) as Arc<dyn Store>, config);
        let put = |from: [u8; 4], body: String| {
            let request = Request::post("/api/put").body(Body::from(body)).expect("a request");
            let answer = routes.answer(&caller(from), request);
            tokio::spawn(async { answer.await.expect("a response").status() })
        };
        let waiting = || gate.0.waiting.lock().expect("no panic").len();
        let many: Vec<_> = (0..20).map(|_| put([10, 0, 0, 1], POINT.to_owned())).collect();
        until(|| waiting() == 6).await;
        for _ in 0..3 {
            let quick = put([10, 0, 0, 2], POINT.replace("\"value\":1", "\"value\":2"));
            assert_eq!(quick.await.expect("no panic"), 204);
        }
        assert_eq!(waiting(), 6);
        // Nobody is forgotten.
        while many.iter().any(|put| !put.is_finished()) {
            for then in std::mem::take(&mut *gate.0.waiting.lock().expect("no panic")) {
                then(Ok(Kept::Now));
            }
            sleep(Duration::from_millis(1)).await;
        }
        for put in many {
            assert_eq!(put.await.expect("no panic"), 204);
        }
    });
}

#[test]
fn a_client_with_many_queries_leaves_turns_to_others() {
    run(async {
        let store = Arc::new(Odd::<Endless>::default());
        let (app, routes) = app(Arc::clone(&store) as Arc<dyn Store>, ServerConfig::default());
        let get = |from: [u8; 4], path: &str| {
            let request = Request::get(path).body(Body::empty()).expect("a request");
            let answer = routes.answer(&caller(from), request);
            tokio::spawn(async { answer.await.expect("a response") })
        };
        let endless = "/api/query?start=0&q=fetch('m')";
        let many: Vec<_> = (0..20).map(|_| get([10, 0, 0, 1], endless)).collect();
        until(|| store.0.reading.load(Ordering::SeqCst) == 3).await;
        for _ in 0..3 {
            let quick = get([10, 0, 0, 2], "/api/query?start=0&q=fetch('other')");
            let (_, kind, _) = failure(quick.await.expect("no panic")).await;
            assert_eq!(kind, "ERROR_FETCHING_FROM_DATASOURCE");
            let looked_up = get([10, 0, 0, 2], "/api/suggest?type=metrics").await;
            assert_eq!(looked_up.expect("no panic").status(), 200);
        }
        assert_eq!(store.0.reading.load(Ordering::SeqCst), 3);
        app.end();
        for query in many {
            assert_eq!(query.await.expect("no panic").status(), 503);
        }
    });
}

#[test]
fn whoever_takes_nothing_of_an_answer_is_left() {
    run(async {
        let config = ServerConfig {
            body_idle_timeout: Duration::from_millis(100),
            ..ServerConfig::default()
        };
        let (app, routes) = app(Arc::new(Odd::<Endless>::default()), config);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let loops = Loops::start(8).expect("threads");
        let (tell, stop) = watch::channel(false);
        let host = Arc::clone(&app);
        let served = tokio::spawn(async move {
            serve(listener, loops, routes, None, &host.config, stop).await;
        });
        // The answer names every one of these points: much more than sockets hold.
        let point = format!("{{\"a\":\"{}\"}}", "a".repeat(1000));
        let points = vec![point; 15_000].join(",");
        let head =
            "POST /api/put HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\nContent-Length:";
        let request = format!("{head} {}\r\n\r\n[{points}]", points.len() + 2);
        let mut caller = TcpStream::connect(address).await.expect("a connection");
        caller.write_all(request.as_bytes()).await.expect("it is sent");
        let mut taken = [0; 1];
        caller.read_exact(&mut taken).await.expect("the answer begins");
        sleep(Duration::from_millis(500)).await;
        let mut rest = Vec::new();
        let end = caller.read_to_end(&mut rest).await;
        assert!(!rest.ends_with(b"]}"), "{end:?}: the answer came whole");
        tell.send(true).expect("it listens");
        served.await.expect("it ends");
    });
}

#[test]
fn whoever_runs_the_server_is_told_once_that_a_tenant_is_read_only() {
    run(async {
        let told = Arc::new(Mutex::new(Vec::new()));
        let on_trouble = {
            let told = Arc::clone(&told);
            OnTrouble::new(move |what| told.lock().expect("no panic").push(what.to_owned()))
        };
        let config = ServerConfig { on_trouble, ..ServerConfig::default() };
        let (_, routes) = app(Arc::new(Odd::<FullDisk>::default()), config);
        for _ in 0..3 {
            assert_eq!(ask(&routes, "POST", "/api/put", POINT).await.status(), 500);
        }
        assert_eq!(
            *told.lock().expect("no panic"),
            ["data of tenant `default` is read-only now: cannot commit points to \
              `/srv/secret-folder/default.sqlite`: no space left on device; free space if the disk \
              is full, then restart the server"]
        );
    });
}

#[test]
fn a_read_that_fails_is_an_error_of_the_server_and_names_no_path() {
    run(async {
        let (_, routes) = app(Arc::new(Odd::<FullDisk>::default()), ServerConfig::default());
        for path in ["/api/query?start=0&q=fetch('m')", "/api/suggest?type=metrics"] {
            let (status, kind, message) = failure(ask(&routes, "GET", path, "").await).await;
            assert_eq!((status, kind.as_str()), (500, "ERROR_INTERNAL"), "{message}");
            assert!(message.contains("no space left"), "{message}");
            assert!(!message.contains("secret-folder"), "{message}");
        }
    });
}

#[test]
fn a_query_that_takes_too_long_is_ended() {
    run(async {
        let store = Arc::new(Odd::<Endless>::default());
        let query_timeout = Duration::from_millis(50);
        let config = ServerConfig { query_timeout, ..ServerConfig::default() };
        let (_, routes) = app(Arc::clone(&store) as Arc<dyn Store>, config);
        let answer = ask(&routes, "GET", "/api/query?start=0&q=fetch('m')", "").await;
        let (status, kind, message) = failure(answer).await;
        assert_eq!((status, kind.as_str()), (504, "ERROR_QUERY_TIMEOUT"));
        assert_eq!(message, "the query took more than 50ms: ask for less time or fewer series");
        assert!(store.0.cancelled.load(Ordering::SeqCst));
    });
}

#[test]
fn who_finds_no_turn_comes_back_later_and_who_leaves_ends_the_query() {
    run(async {
        let store = Arc::new(Odd::<Endless>::default());
        let config = ServerConfig {
            max_concurrent_queries: 1,
            max_wait: Duration::from_millis(20),
            ..ServerConfig::default()
        };
        let (_, routes) = app(Arc::clone(&store) as Arc<dyn Store>, config);
        let path = "/api/query?start=0&q=fetch('m')";
        let first = tokio::spawn({
            let routes = routes.clone();
            async move { ask(&routes, "GET", path, "").await }
        });
        until(|| store.0.reading.load(Ordering::SeqCst) > 0).await;

        let second = ask(&routes, "GET", path, "").await;
        assert_eq!(second.headers()["retry-after"], "5");
        let (status, kind, message) = failure(second).await;
        assert_eq!((status, kind.as_str()), (503, "ERROR_OVERLOADED"));
        assert_eq!(message, "too many queries wait for their turn");

        first.abort();
        until(|| store.0.cancelled.load(Ordering::SeqCst)).await;
    });
}

#[test]
fn a_query_ends_when_the_connection_it_came_by_is_closed() {
    run(async {
        let store = Arc::new(Odd::<Endless>::default());
        let (app, routes) = app(Arc::clone(&store) as Arc<dyn Store>, ServerConfig::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let loops = Loops::start(8).expect("threads");
        let (tell, stop) = watch::channel(false);
        let served = tokio::spawn(async move {
            serve(listener, loops, routes, None, &app.config, stop).await;
        });

        let mut caller = TcpStream::connect(address).await.expect("a connection");
        let request = "GET /api/query?start=0&q=fetch('m') HTTP/1.1\r\nHost: localhost\r\n\r\n";
        caller.write_all(request.as_bytes()).await.expect("it is sent");
        until(|| store.0.reading.load(Ordering::SeqCst) > 0).await;
        assert!(!store.0.cancelled.load(Ordering::SeqCst));
        drop(caller);
        until(|| store.0.cancelled.load(Ordering::SeqCst)).await;

        tell.send(true).expect("it listens");
        served.await.expect("it ends");
    });
}

#[test]
fn the_end_of_the_server_ends_queries() {
    run(async {
        let store = Arc::new(Odd::<Endless>::default());
        let (app, routes) = app(Arc::clone(&store) as Arc<dyn Store>, ServerConfig::default());
        let asked = tokio::spawn(async move {
            failure(ask(&routes, "GET", "/api/query?start=0&q=fetch('m')", "").await).await
        });
        until(|| store.0.reading.load(Ordering::SeqCst) > 0).await;
        app.end();
        let (status, _, message) = asked.await.expect("an answer");
        assert_eq!((status, message.as_str()), (503, "the server is being stopped"));
    });
}

async fn until(condition: impl Fn() -> bool) {
    for _ in 0..5000 {
        if condition() {
            return;
        }
        sleep(Duration::from_millis(1)).await;
    }
    panic!("it did not happen within five seconds");
}
