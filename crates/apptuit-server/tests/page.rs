//! The web page of a real server, in a real browser: see `page/browser.mjs`.

use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use apptuit_model::Timestamp;
use apptuit_server::{Server, ServerConfig};

const STEP_SECONDS: i64 = 10;
const POINTS: i64 = 60;
const HOSTILE: &str = "<img src=x onerror=window.hacked=1>";

/// The page draws the series of a typed query, shows where an error is, and treats data as text.
///
/// Skipped where the browser or what drives it is missing, but never in CI.
#[test]
fn the_page_draws_what_a_query_finds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page");
    let chromium = env::var_os("CHROMIUM").unwrap_or_else(|| OsString::from("/usr/bin/chromium"));
    let missing = missing(&folder, Path::new(&chromium));
    if !missing.is_empty() {
        let what = missing.join(", ");
        assert!(
            env::var("CI").as_deref() != Ok("true"),
            "the page cannot be tested without {what}"
        );
        println!("skipped: the test of the page needs {what}");
        return;
    }

    let data = tempfile::tempdir().expect("a temporary folder");
    let config = ServerConfig {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data_dir: data.path().to_path_buf(),
        ..ServerConfig::default()
    };
    let server = Server::bind(config).expect("a free port").start();
    let address = server.local_addr();
    put(address, &points(Timestamp::now()));

    let screenshot = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("page.png");
    let browser = Command::new("node")
        .arg("browser.mjs")
        .arg(format!("http://{address}/"))
        .arg(&screenshot)
        .current_dir(&folder)
        .env("CHROMIUM", chromium)
        .output()
        .expect("node was found before");
    server.stop().expect("the server stops cleanly");

    let said = String::from_utf8_lossy(&browser.stdout);
    let complained = String::from_utf8_lossy(&browser.stderr);
    assert!(browser.status.success(), "{}\n{said}\n{complained}", browser.status);
}

fn missing(folder: &Path, chromium: &Path) -> Vec<&'static str> {
    let mut missing = Vec::new();
    if Command::new("node").arg("--version").output().is_err() {
        missing.push("node");
    }
    if !folder.join("node_modules/playwright-core").is_dir() {
        missing.push("node_modules (npm ci in tests/page)");
    }
    if !chromium.is_file() {
        missing.push("chromium");
    }
    missing
}

/// The data that `browser.mjs` expects, as the body of a put.
fn points(now: Timestamp) -> String {
    let last = now.as_secs() / STEP_SECONDS * STEP_SECONDS;
    let mut body = String::from("[");
    for index in 0..POINTS {
        let timestamp = last - (POINTS - 1 - index) * STEP_SECONDS;
        for (host, value) in [("alpha", 20 + index % 5), (HOSTILE, 10)] {
            let comma = if body.len() > 1 { "," } else { "" };
            write!(
                body,
                r#"{comma}{{"metric":"web.requests","timestamp":{timestamp},"value":{value},"tags":{{"host":"{host}"}}}}"#
            )
            .expect("writing to a string");
        }
    }
    body.push(']');
    body
}

fn put(address: SocketAddr, body: &str) {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let length = body.len();
    let request = format!(
        "POST /api/put HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).expect("the request goes out");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let accepted = ["HTTP/1.1 200", "HTTP/1.1 204"].iter().any(|status| answer.starts_with(status));
    assert!(accepted, "the points were refused: {answer}");
}
