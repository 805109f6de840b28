//! The end of a server, and its next beginning.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use apptuit_metrics::{Clock as _, SystemClock};
use apptuit_server::Server;

use crate::support::{config, connect, exchange, point, read_reply, request};

#[test]
fn what_was_acknowledged_is_there_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::bind(config(folder.path())).expect("it binds").start();
    let body = point("m", "a", 60, 0.1);
    let put = request("POST", "/api/put", &[], body.as_bytes());
    assert_eq!(exchange(connect(server.local_addr()), &put).status, 204);
    server.stop().expect("it stops");
    assert!(folder.path().join("default.sqlite").is_file());

    let server = Server::bind(config(folder.path())).expect("it binds again").start();
    let query = request("GET", "/api/query?start=0&q=fetch('m')", &[], b"");
    assert_eq!(exchange(connect(server.local_addr()), &query).values(), [0.1]);
    server.stop().expect("it stops");
}

#[test]
fn a_request_under_way_is_finished_and_a_new_one_is_not_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::bind(config(folder.path())).expect("it binds").start();
    let address = server.local_addr();
    let body = point("m", "a", 60, 1.0);
    let put = request("POST", "/api/put", &[], body.as_bytes());
    let (first, last) = put.split_at(put.len() - 5);
    let mut stream = connect(address);
    stream.write_all(first).expect("most of it goes out");
    thread::sleep(Duration::from_millis(200));

    let stopping = thread::spawn(move || server.stop());
    let refused = (0..100).any(|_| {
        thread::sleep(Duration::from_millis(20));
        TcpStream::connect(address).is_err()
    });
    assert!(refused, "the port is let go");
    assert!(!stopping.is_finished());
    stream.write_all(last).expect("the rest goes out");
    assert_eq!(read_reply(stream).status, 204);
    stopping.join().expect("no panic").expect("it stops");
}

#[test]
fn idle_connections_do_not_delay_the_end_and_a_slow_request_only_so_long() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = config(folder.path());
    config.stop_timeout = Duration::from_secs(30);
    let server = Server::bind(config.clone()).expect("it binds").start();
    let _silent = connect(server.local_addr());
    let mut used = connect(server.local_addr());
    used.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it goes out");
    thread::sleep(Duration::from_millis(200));
    let start = SystemClock.now();
    server.stop().expect("it stops");
    assert!(SystemClock.now().saturating_sub(start) < Duration::from_secs(15));

    config.stop_timeout = Duration::from_millis(300);
    let server = Server::bind(config).expect("it binds").start();
    let mut slow = connect(server.local_addr());
    slow.write_all(b"POST /api/put HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n[")
        .expect("it goes out");
    thread::sleep(Duration::from_millis(200));
    let start = SystemClock.now();
    server.stop().expect("it stops");
    assert!(SystemClock.now().saturating_sub(start) < Duration::from_secs(15));
}

#[test]
fn a_server_that_is_dropped_stops() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::bind(config(folder.path())).expect("it binds").start();
    let address = server.local_addr();
    drop(server);
    assert!(TcpStream::connect(address).is_err());
    // The data was let go too.
    drop(Server::bind(config(folder.path())).expect("it binds again"));
}

#[test]
fn a_server_can_be_stopped_where_a_runtime_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let server = Server::bind(config(folder.path())).expect("it binds").start();
        server.stop().expect("it stops");
    });
}

#[test]
fn what_stands_in_the_way_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::bind(config(folder.path())).expect("it binds").start();

    let second = Server::bind(config(folder.path())).expect_err("the data is in use").to_string();
    assert!(second.starts_with("data of tenant `default`: `"), "{second}");
    assert!(second.ends_with("is in use by another store or process"), "{second}");

    let other = tempfile::tempdir().expect("a folder");
    let mut taken = config(other.path());
    taken.listen = server.local_addr();
    let taken = Server::bind(taken).expect_err("the port is taken").to_string();
    let expected = format!("cannot listen on `{}`: ", server.local_addr());
    assert!(taken.starts_with(&expected), "{taken}");

    let file = other.path().join("file");
    std::fs::write(&file, "").expect("a file");
    let not_a_folder = Server::bind(config(&file)).expect_err("it is a file").to_string();
    assert!(not_a_folder.starts_with("cannot make the data folder `"), "{not_a_folder}");
    server.stop().expect("it stops");
}
