//! What a person sees of `spool`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use apptuit::client::{Request, Response, Transport, TransportError};
use apptuit::metrics::Registry;
use apptuit::reporter::{HostTag, SpoolOptions};
use apptuit::{Client, ErrorKind, Reporter};

use super::commands::{apptuit, stderr, stdout};
use super::server::{ServerProcess, query};

/// Reaches nobody.
#[derive(Debug)]
struct Cut;

impl Transport for Cut {
    fn send(&self, _: &Request) -> Result<Response, TransportError> {
        Err(TransportError::new(ErrorKind::Unreachable, "the wire is cut"))
    }
}

/// Leaves two reports in a spool that could not be delivered: a counter, and 18 points about the
/// reporter, each.
fn outage(directory: &Path, endpoint: &str) {
    let client = Client::builder().token("s3cret").endpoint(endpoint).ignore_environment();
    let client = client.transport(Cut).build().expect("a client");
    let registry = Registry::new();
    let orders = registry.counter("orders");
    let reporter = Reporter::builder(registry, client)
        .ignore_environment()
        .host_tag(HostTag::Off)
        .tag("shop", "blr")
        .ledger_metrics(false)
        // Shorter than a second, so that each report has a time of its own.
        .interval(Duration::from_millis(1))
        .spool(SpoolOptions::new(directory).min_free_bytes(0))
        .on_error(|_| ())
        .build();
    for _ in 0..2 {
        orders.inc();
        reporter.report_now().expect_err("the wire is cut");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// An address where nobody listens.
fn nowhere() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

fn spool(args: &[&str]) -> std::process::Output {
    apptuit(&[&["spool"], args].concat(), "")
}

fn token(directory: &Path) -> PathBuf {
    let file = directory.join("token");
    fs::write(&file, "s3cret\n").expect("a file");
    file
}

#[test]
fn what_waits_is_listed_with_the_account_of_every_point() {
    let directory = tempfile::tempdir().expect("a directory");
    let (path, endpoint) = (directory.path().to_str().expect("text"), nowhere());
    outage(directory.path(), &endpoint);
    let listed = spool(&["ls", path]);
    let text = stdout(&listed);
    assert!(listed.status.success(), "{}", stderr(&listed));
    assert!(text.contains(&format!("for `{endpoint}` under the token of fingerprint ")), "{text}");
    assert!(text.contains("\n  4 batches of 38 points, "), "{text}");
    let account = "  38 recorded = 0 delivered + 38 spooled + 0 queued + 0 dropped\n";
    assert!(text.ends_with(account), "{text}");
    assert!(!text.contains("s3cret"), "{text}");

    let listed = spool(&["ls", path, "--json"]);
    let drawer: serde_json::Value = serde_json::from_str(&stdout(&listed)).expect("a line of JSON");
    assert_eq!((&drawer["recorded"], &drawer["in_use"]), (&38.into(), &false.into()));
    assert_eq!((&drawer["batches"], &drawer["endpoint"]), (&4.into(), &endpoint.into()));
}

#[test]
fn damaged_files_are_named_and_the_exit_code_says_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().to_str().expect("text");
    outage(directory.path(), &nowhere());
    let whole = spool(&["verify", path]);
    assert!(whole.status.success(), "{}", stderr(&whole));
    assert_eq!(stderr(&whole), "all of 4 files can be sent\n");

    let listed = spool(&["ls", path, "--json"]);
    let drawer: serde_json::Value = serde_json::from_str(&stdout(&listed)).expect("JSON");
    let files = fs::read_dir(drawer["drawer"].as_str().expect("a path")).expect("a directory");
    let files = files.map(|file| file.expect("an entry").path());
    let mut files: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|end| end == "body")).collect();
    files.sort();
    let bytes = fs::read(&files[0]).expect("a file");
    fs::write(&files[0], &bytes[..bytes.len() - 1]).expect("a file");
    let verified = spool(&["verify", path]);
    assert_eq!(verified.status.code(), Some(1));
    let what = "has a body of another length than its header says, 1 point\n";
    assert_eq!(stdout(&verified), format!("{} {what}", files[0].display()));
    let said = "error: 1 file of 4 cannot be sent, with 1 point\n";
    assert!(stderr(&verified).starts_with(said), "{}", stderr(&verified));
}

#[test]
fn what_waits_is_sent_when_the_server_is_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = tempfile::tempdir().expect("a directory");
    let path = directory.path().to_str().expect("text").to_owned();
    let token = token(data.path());
    let server = ServerProcess::start(&data.path().join("store"));
    let endpoint = server.endpoint();
    outage(directory.path(), &endpoint);
    let args =
        ["drain", &path, "--endpoint", &endpoint, "--token-file", token.to_str().expect("text")];
    let drained = spool(&args);
    assert!(drained.status.success(), "{}", stderr(&drained));
    assert_eq!(stderr(&drained), "38 points stored\n");
    let series = query(server.address(), "fetch('orders_count')", 0, i64::from(u32::MAX));
    assert_eq!(series[0]["dps"].as_array().expect("points").len(), 2);
    let listed = stdout(&spool(&["ls", &path]));
    let account = "  38 recorded = 38 delivered + 0 spooled + 0 queued + 0 dropped\n";
    assert!(listed.ends_with(account), "{listed}");
    assert_eq!(stderr(&spool(&args)), "0 points stored\n");
}

#[test]
fn a_server_that_is_down_leaves_everything_where_it_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let other = tempfile::tempdir().expect("a directory");
    let (path, endpoint) = (directory.path().to_str().expect("text"), nowhere());
    outage(directory.path(), &endpoint);
    let token = token(other.path());
    let token = token.to_str().expect("text");
    let args = ["--endpoint", &endpoint, "--token-file", token, "--timeout", "1s"];
    let drained = spool(&[&["drain", path][..], &args].concat());
    assert_eq!(drained.status.code(), Some(1));
    assert!(stderr(&drained).contains("is a server running at"), "{}", stderr(&drained));
    assert!(stdout(&spool(&["ls", path])).contains(" 38 spooled "));
}

#[test]
fn a_directory_that_is_none_is_named() {
    for command in ["ls", "verify"] {
        let output = spool(&[command, "/no/such/spool"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("`/no/such/spool`"), "{}", stderr(&output));
    }
    assert_eq!(spool(&["ls"]).status.code(), Some(2), "a directory is expected");
}
