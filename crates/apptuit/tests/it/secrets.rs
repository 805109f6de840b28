//! The token is in nothing that is printed, returned, panicked with, or written to disk.

use std::error::Error as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apptuit::client::{Interrupt, MockTransport, Response};
use apptuit::metrics::Registry;
use apptuit::reporter::{HostTag, SpoolDirectory, SpoolOptions};
use apptuit::{Client, Error, Reporter, TimeRange, TimeSeries};

use crate::hostile_network::server::{HostileServer, Manner};
use crate::point;

/// Found nowhere but where it is put.
const TOKEN: &str = "tok-marked-4f2a9c";

fn client(transport: &MockTransport) -> Client {
    let builder = Client::builder().token(TOKEN).endpoint("http://server.test");
    builder.ignore_environment().transport(transport.clone()).build().expect("a client")
}

/// The error as all its readers see it: as text, in a debugger, and with what caused it.
fn everything_of(error: &Error) -> String {
    let mut text = format!("{error}\n{error:?}\n{error:#?}\n");
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}{cause}\n{cause:?}\n");
        source = cause.source();
    }
    text
}

fn clean(text: &str) {
    assert!(!text.contains(TOKEN), "{text}");
}

/// Answers in which a careless server gives the token back.
fn echoes() -> Vec<Response> {
    let bodies = [
        format!("<html>who is {TOKEN}?</html>"),
        format!(r#"{{"error":{{"code":"x","message":"who is `{TOKEN}`?"}}}}"#),
        format!(r#"{{"success":0,"failed":1,"errors":["{TOKEN}"]}}"#),
        format!(
            r#"{{"success":0,"failed":1,"errors":[{{"datapoint":"{TOKEN}","error":"{TOKEN}"}}]}}"#
        ),
        format!(
            r#"{{"errorType":"E","message":"who is {TOKEN}?","queryLineNo":1,"hints":["not {TOKEN}"]}}"#
        ),
        format!(r#"{{"outputs":"{TOKEN}"}}"#),
        format!(
            r#"{{"outputs":[{{"id":"o","result":[{{"metric":"m","dps":[["{TOKEN}",1]]}}]}}]}}"#
        ),
        TOKEN.to_owned(),
    ];
    let statuses = [200, 302, 307, 400, 401, 403, 404, 408, 413, 429, 500, 503];
    let answers = statuses
        .iter()
        .flat_map(|status| bodies.iter().map(|body| Response::new(*status, body.as_bytes())));
    let headers = ["Location", "Retry-After", "Content-Encoding", "Content-Type"];
    answers
        .flat_map(|answer| {
            let with = |name: &str| answer.clone().with_header(name, TOKEN);
            let all: Vec<_> = headers.iter().map(|name| with(name)).collect();
            std::iter::once(answer.clone()).chain(all)
        })
        .collect()
}

#[test]
fn no_error_shows_the_token_whatever_the_server_says() {
    let mut failures = 0;
    for answer in echoes() {
        let server = MockTransport::new();
        let client = client(&server);
        let mut check = |result: Result<(), Error>| {
            if let Err(error) = result {
                failures += 1;
                clean(&everything_of(&error));
            }
            (0..9).for_each(|_| server.answer(answer.clone()));
        };
        check(Ok(()));
        check(client.send(&[point("a"), point("b")]));
        check(client.send_series(&[TimeSeries::new(("m", [("a", "b")]))]));
        check(client.query("fetch('m')", TimeRange::ALL).map(drop));
        check(client.explain("fetch('m')", TimeRange::ALL).map(drop));
        let packed = client.pack(&[point("a")]);
        let delivery = client.deliver(&packed.bodies[0], Duration::from_secs(9), &Interrupt::new());
        clean(&format!("{packed:?} {delivery:?} {client:?} {:?}", server.requests()));
    }
    assert!(failures > 1000, "{failures} failures were looked at");
}

#[test]
fn no_error_shows_the_token_whatever_comes_over_the_wire() {
    for said in [
        "HTTP/1.1 200 OK\r\nbad header tok-marked-4f2a9c\r\n\r\n",
        "HTTP/1.1 tok-marked-4f2a9c\r\n\r\n",
        "tok-marked-4f2a9c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: tok-marked-4f2a9c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ntok-marked-4f2a9c\r\n",
        "HTTP/1.1 302 Found\r\nLocation: tok-marked-4f2a9c\r\nContent-Length: 0\r\n\r\n",
    ] {
        assert!(said.contains(TOKEN));
        let server = HostileServer::start([Manner::Close(said)]);
        let builder = Client::builder().token(TOKEN).endpoint(server.endpoint());
        let client = builder.ignore_environment().build().unwrap();
        for result in
            [client.send(&[point("a")]), client.query("fetch('m')", TimeRange::ALL).map(drop)]
        {
            clean(&result.map_or_else(|error| everything_of(&error), |()| String::new()));
        }
    }
}

#[test]
fn settings_that_are_refused_do_not_show_the_token() {
    let all = |builder: apptuit::ClientBuilder| {
        let shown = format!("{builder:?} {builder:#?}");
        shown + &builder.build().map_or_else(|error| everything_of(&error), |_| String::new())
    };
    let builder = || Client::builder().ignore_environment();
    for bad in [format!("{TOKEN}\n"), format!("{TOKEN} {TOKEN}"), format!("é{TOKEN}")] {
        clean(&all(builder().token(bad).endpoint("http://x")));
    }
    for endpoint in ["", "x", "ftp://x", "http://a b", "http://x?y"] {
        clean(&all(builder().token(TOKEN).endpoint(endpoint)));
    }
    clean(&all(builder().token("t").endpoint(format!("http://joe:{TOKEN}@host"))));
    clean(&all(builder().token("t").endpoint(format!("http://{TOKEN}@host"))));
}

/// All that is in a folder: names and bytes.
fn everything_in(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        text = format!("{text}{}\n", path.display());
        if path.is_dir() {
            text += &everything_in(&path);
        } else {
            // A reporter may have sent and removed it by now.
            text += &String::from_utf8_lossy(&fs::read(&path).unwrap_or_default());
        }
    }
    text
}

#[test]
fn nothing_of_a_reporter_shows_the_token_and_nothing_it_writes() {
    let folder = tempfile::tempdir().unwrap();
    let server = MockTransport::new();
    let answers: Vec<_> = echoes().into_iter().step_by(7).collect();
    for answer in &answers {
        server.answer(answer.clone());
    }
    let registry = Registry::new();
    registry.counter("orders").inc();
    registry.counter("broken{\"a\"").inc();
    let told = Arc::new(Mutex::new(String::new()));
    let list = Arc::clone(&told);
    let builder = Reporter::builder(registry, client(&server))
        .ignore_environment()
        .host_tag(HostTag::Off)
        .tag("host", "a")
        .interval(Duration::from_millis(1))
        .spool(SpoolOptions::new(folder.path()).min_free_bytes(0))
        .on_error(move |error| *list.lock().expect("no panic") += &everything_of(error));
    clean(&format!("{builder:?}"));
    let running = builder.build().start().unwrap();
    while server.requests().len() < answers.len() {
        std::thread::yield_now();
    }
    clean(&format!(
        "{running:?} {:?} {:?}",
        running.ledger(),
        running.flush(Duration::from_secs(1))
    ));
    let files = everything_in(folder.path());
    assert!(files.contains("apptuit-spool") || files.contains("ledger"), "{files}");
    clean(&files);
    clean(&format!("{:?}", SpoolDirectory::new(folder.path()).drawers().unwrap()));
    let _ = running.stop();
    let told = told.lock().unwrap();
    assert!(told.contains("Inner"), "errors were told");
    clean(&told);
}

#[test]
fn a_panic_in_what_the_client_calls_does_not_show_the_token() {
    #[derive(Debug)]
    struct Bomb;

    impl apptuit::client::Transport for Bomb {
        fn send(
            &self,
            request: &apptuit::client::Request,
        ) -> Result<Response, apptuit::client::TransportError> {
            panic!("cannot send {request:?}")
        }
    }

    let builder = Client::builder().token(TOKEN).endpoint("http://server.test");
    let client = builder.ignore_environment().transport(Bomb).build().unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| client.send(&[point("a")]))).unwrap_err();
    let text = panicked.downcast_ref::<String>().unwrap();
    assert!(text.contains("Request"), "{text}");
    clean(text);
    let reporter = Reporter::builder(Registry::new(), client).ignore_environment().on_error(|_| {});
    let reporter = reporter.process_metrics(apptuit::reporter::ProcessMetrics::new()).build();
    if let Err(error) = reporter.report_now() {
        clean(&everything_of(&error));
    }
}

/// The other tests use a token too, and print what they like: none of it is the token.
#[test]
fn what_the_tests_print_does_not_show_their_token() {
    let this = std::env::current_exe().unwrap();
    let run = Command::new(this)
        .args(["--nocapture", "--skip", "secrets", "--skip", "promises"])
        .args(["deliver::", "reporter::", "retry::", "send::", "wire::"])
        .env("RUST_BACKTRACE", "full")
        .output()
        .unwrap();
    let printed = [run.stdout, run.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    assert!(run.status.success(), "{printed}");
    assert!(printed.contains("send::"), "{printed}");
    assert!(!printed.contains("s3cret"), "{printed}");
}
