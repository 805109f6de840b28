//! SIGTERM: what was counted goes out, and the process ends as it would have ended.
//!
//! The process is this test binary again, told by a variable what it is.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use apptuit::metrics::Registry;
use apptuit::reporter::HostTag;
use apptuit::{Client, Reporter};
use apptuit_model::wire::ContentEncoding;
use signal_hook::consts::SIGTERM;

const ENDPOINT: &str = "APPTUIT_TEST_SIGTERM_ENDPOINT";
const HANDLER: &str = "APPTUIT_TEST_SIGTERM_HANDLER";
const PATIENCE: Duration = Duration::from_secs(20);

/// The process that gets the signal; nothing where the variable is not set.
#[test]
#[expect(clippy::exit, reason = "the exit code is what is looked at")]
fn the_process_that_gets_the_signal() {
    let Ok(endpoint) = std::env::var(ENDPOINT) else { return };
    let was_handled = Arc::new(AtomicBool::new(false));
    if std::env::var_os(HANDLER).is_some() {
        signal_hook::flag::register(SIGTERM, Arc::clone(&was_handled)).expect("a handler");
    }
    let client = Client::builder().token("t").endpoint(endpoint).ignore_environment();
    let registry = Registry::new();
    let orders = registry.counter("orders");
    let running = Reporter::builder(registry, client.build().expect("a client"))
        .ignore_environment()
        .host_tag(HostTag::Off)
        .tag("shop", "blr")
        .interval(Duration::from_hours(1))
        .flush_on_sigterm()
        .build()
        .start()
        .expect("it starts");
    while running.ledger().delivered() < 19 {
        std::thread::sleep(Duration::from_millis(1));
    }
    orders.inc_by(7);
    // The server knows by this request that the signal may come.
    let ready = Client::builder().token("t").endpoint(std::env::var(ENDPOINT).expect("it is set"));
    let point = apptuit::DataPoint::new(("ready", [("a", "b")]), apptuit::Timestamp::now(), 1.0);
    ready.ignore_environment().build().expect("a client").send(&[point]).expect("it is sent");
    for _ in 0..20_000 {
        if was_handled.load(Ordering::Acquire) && running.ledger().delivered() >= 2 * 19 {
            std::process::exit(7);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("nobody sent the signal");
}

/// Bodies that a server got, as JSON.
fn server() -> (String, Receiver<serde_json::Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let (sender, bodies) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let sender = sender.clone();
            std::thread::spawn(move || {
                let mut stream = BufReader::new(stream);
                let mut length = 0;
                let mut line = String::new();
                while stream.read_line(&mut line).is_ok_and(|read| read > 0) {
                    let header = std::mem::take(&mut line).to_ascii_lowercase();
                    if let Some(("content-length", value)) = header.trim_end().split_once(": ") {
                        length = value.parse().expect("a length");
                    }
                    if header == "\r\n" {
                        let mut body = vec![0; length];
                        stream.read_exact(&mut body).expect("a body");
                        let json = ContentEncoding::Deflate.unpack(&body, 1 << 20).expect("whole");
                        let answer = b"HTTP/1.1 204 Kept\r\ncontent-length: 0\r\n\r\n";
                        stream.get_mut().write_all(answer).expect("it is read");
                        let _ = sender.send(serde_json::from_slice(&json).expect("JSON"));
                    }
                }
            });
        }
    });
    (endpoint, bodies)
}

fn next_value(bodies: &Receiver<serde_json::Value>, metric: &str) -> f64 {
    loop {
        let body = bodies.recv_timeout(PATIENCE).expect("a body");
        let points = body.as_array().expect("an array");
        if let Some(point) = points.iter().find(|point| point["metric"] == metric) {
            return point["value"].as_f64().expect("a number");
        }
    }
}

/// Lets a process report, counts to 7 after its first report, and sends it the signal.
fn terminated(handler: bool) -> (f64, ExitStatus) {
    let (endpoint, bodies) = server();
    let mut command = Command::new(std::env::current_exe().expect("the path of this test"));
    command
        .args(["--exact", "reporter_sigterm::the_process_that_gets_the_signal"])
        .env(ENDPOINT, &endpoint)
        .stdout(Stdio::null());
    if handler {
        command.env(HANDLER, "1");
    }
    let mut child = command.spawn().expect("the test starts again");
    next_value(&bodies, "ready");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
    let value = next_value(&bodies, "orders_count");
    (value, child.wait().expect("it ends"))
}

#[test]
fn a_process_without_a_handler_flushes_and_ends_by_the_signal() {
    let (value, status) = terminated(false);
    assert_eq!((value, status.signal()), (7.0, Some(SIGTERM)), "{status}");
}

#[test]
fn a_handler_of_the_program_is_called_and_decides_what_becomes_of_the_process() {
    let (value, status) = terminated(true);
    assert_eq!((value, status.code()), (7.0, Some(7)), "{status}");
}
