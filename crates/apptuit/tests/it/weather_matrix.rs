//! Everything that can happen to a request, and what is done about it: the table of
//! `docs/reference/failures.md` is what this test observes.
//!
//! With `APPTUIT_WRITE_DOCS=1` the page is written anew; without, it must be what is observed.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use apptuit::client::Response;
use apptuit::metrics::{Clock as _, Registry};
use apptuit::reporter::{DropReason, HostTag, Ledger};
use apptuit::testing::{Fault, Weather};
use apptuit::{Error, ErrorKind, Reporter, RetryPolicy, TimeRange};

use crate::point;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/failures.md");
const TABLE_BEGINS: &str = "<!-- The test `weather_matrix` writes from here on. -->\n";

/// The time of a call, and the tries after the first.
const TIMEOUT: Duration = Duration::from_mins(10);
const RETRIES: u32 = 3;

/// Whether a put is to be tried again: what the tests hold the client to, whatever the page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    Yes,
    No,
    /// In smaller parts.
    Halved,
}
use Again::{Halved, No, Yes};

struct Row {
    what: &'static str,
    again: Again,
    /// What every request meets while it lasts: each of these, with one outcome.
    faults: Vec<Fault>,
}

fn row(what: &'static str, again: Again, fault: Fault) -> Row {
    Row { what, again, faults: vec![fault] }
}

fn statuses(what: &'static str, again: Again, statuses: impl IntoIterator<Item = u16>) -> Row {
    Row { what, again, faults: statuses.into_iter().map(Fault::status).collect() }
}

fn redirects(what: &'static str, statuses: &[u16], location: &str) -> Row {
    let faults = statuses.iter().map(|status| Fault::redirect(*status, location));
    Row { what, again: No, faults: faults.collect() }
}

fn answer(status: u16, body: &'static str) -> Fault {
    Fault::answer(Response::new(status, body))
}

fn rows() -> Vec<Row> {
    let secs = Duration::from_secs;
    let again = "http://server.test/api/put?details";
    vec![
        Row {
            what: "any 2xx with an empty body",
            again: No,
            faults: (200..300).map(|status| Fault::status(status).but_kept()).collect(),
        },
        row("200 with a page of HTML", No, answer(200, "<html>hello</html>").but_kept()),
        row("400 that names a point", No, answer(400, NAMES_ONE)),
        row("200 that names a point", No, answer(200, NAMES_ONE)),
        row("400 without details", Halved, answer(400, "")),
        row("400 with a page of HTML", Halved, answer(400, "<html>no</html>")),
        statuses("401, 403", No, [401, 403]),
        statuses("408, 429", Yes, [408, 429]),
        statuses(
            "any other 4xx",
            No,
            (402..500).filter(|other| ![403, 408, 413, 429].contains(other)),
        ),
        row("413", Halved, Fault::status(413)),
        row("429 with `Retry-After` in seconds", Yes, Fault::retry_after(429, secs(45))),
        row("503 with `Retry-After` as a date", Yes, Fault::retry_at(503, secs(45))),
        row(
            "503 with a `Retry-After` beyond the timeout",
            Yes,
            Fault::retry_after(503, secs(9000)),
        ),
        statuses("any 5xx", Yes, 500..600),
        row("500 that names a point", Yes, answer(500, NAMES_ONE)),
        redirects("301, 302, 303", &[301, 302, 303], again),
        redirects("307, 308 to another server", &[307, 308], "http://elsewhere.test/"),
        redirects("307, 308 to the same server, in a circle", &[307, 308], again),
        statuses(
            "any other 3xx",
            No,
            (300..400).filter(|other| ![301, 302, 303, 307, 308].contains(other)),
        ),
        row("nobody listens", Yes, Fault::refused()),
        row("the connection breaks before the answer", Yes, Fault::reset()),
        row("the connection breaks after the points are kept", Yes, Fault::reset().but_kept()),
        row("the answer ends in the middle", Yes, Fault::cut().but_kept()),
        row("no answer in time", Yes, Fault::silence()),
        row("the answer drips in too slowly", Yes, Fault::drip(0.01)),
        row("a certificate that is not trusted", No, Fault::untrusted()),
    ]
}

const NAMES_ONE: &str =
    r#"{"success":1,"failed":1,"errors":[{"index":0,"datapoint":null,"error":"too hot"}]}"#;

fn client(weather: &Weather) -> apptuit::ClientBuilder {
    weather
        .client()
        .retry(RetryPolicy::exponential(RETRIES))
        .timeout(TIMEOUT)
        .query_timeout(TIMEOUT)
}

/// How a call ended, in the words of the page.
fn outcome(result: &Result<(), Error>, tries: usize) -> String {
    let end = match result {
        Ok(()) => return "succeeds".to_owned(),
        Err(error) if error.kind() == ErrorKind::Rejected && error.succeeded() > 0 => {
            let (named, kept) = (error.rejected().len(), error.succeeded());
            format!("`Rejected` names {named} of {}, {kept} is kept", named as u64 + kept)
        }
        Err(error) => format!("`{:?}`", error.kind()),
    };
    if tries == 1 { end } else { format!("{end} after {tries} requests") }
}

fn send(row: &Row, fault: &Fault) -> String {
    let weather = Weather::new();
    weather.from_now_on(fault.clone());
    let sent = client(&weather).build().expect("a client").send(&[point("a"), point("b")]);
    assert!(weather.clock().now() <= TIMEOUT, "{}: {:?}", row.what, weather.clock().now());
    let text = outcome(&sent, weather.exchanges().len());
    let is_retried = sent.as_ref().is_err_and(Error::is_retryable);
    assert_eq!(is_retried, row.again == Yes, "{}: {text}", row.what);
    if let Err(error) = &sent {
        assert_eq!(error.succeeded() + error.failed(), 2, "{}: {error:?}", row.what);
    }
    if row.again != Yes {
        return text;
    }
    let weather = Weather::new();
    weather.next(fault.clone());
    let sent = client(&weather).build().expect("a client").send(&[point("a"), point("b")]);
    // One that takes all the time there is leaves none for another try.
    assert_eq!(sent.is_ok(), weather.exchanges().len() == 2, "{}: {sent:?}", row.what);
    assert!(sent.is_err() || weather.kept().len() == 2, "{}", row.what);
    assert_eq!(weather.kept_twice(), vec![], "{}", row.what);
    text
}

fn query(row: &Row, fault: &Fault) -> String {
    let weather = Weather::new();
    weather.from_now_on(fault.clone());
    let asked =
        client(&weather).build().expect("a client").query("fetch('a')", TimeRange::ALL).map(drop);
    assert!(weather.clock().now() <= TIMEOUT, "{}", row.what);
    outcome(&asked, weather.exchanges().len())
}

/// What a reporter does while it lasts, and what has become of the points when it is over.
fn report(row: &Row, fault: &Fault) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let in_memory = report_to(row, fault, None);
    let on_disk = report_to(row, fault, Some(folder.path()));
    assert_eq!(in_memory, on_disk, "{}", row.what);
    in_memory
}

fn report_to(row: &Row, fault: &Fault, spool: Option<&Path>) -> String {
    let weather = Weather::new();
    weather.from_now_on(fault.clone());
    let registry = Registry::with_clock(weather.clock().clone());
    registry.counter("a").inc();
    registry.counter("b").inc();
    let builder = Reporter::builder(registry, client(&weather).build().expect("a client"));
    let builder =
        builder.ignore_environment().host_tag(HostTag::Off).tag("host", "a").on_error(|_| {});
    let builder = match spool {
        Some(folder) => builder.spool_dir(folder).ledger_metrics(false),
        None => builder,
    };
    let reporter = builder.build();
    let reported = reporter.report_now();
    let during = reporter.ledger();
    balanced(row, &during);
    if spool.is_some() {
        assert_eq!(during.queued(), 0, "{}: {during}", row.what);
    }

    weather.clear();
    weather.clock().advance(Duration::from_hours(3));
    reporter.flush(Duration::from_hours(1)).expect("a reporter");
    let after = reporter.ledger();
    balanced(row, &after);
    assert_eq!(after.queued() + after.spooled(), 0, "{}: {after}", row.what);
    assert_eq!(weather.kept_twice(), vec![], "{}", row.what);

    let waited = during.queued() + during.spooled();
    let mut said = Vec::new();
    if reported.is_ok() {
        said.push("delivered".to_owned());
    }
    if waited > 0 {
        said.push("waits, delivered later".to_owned());
    }
    said.extend(during.drops().map(|(reason, points)| {
        let some = if points == during.recorded() { "" } else { "some " };
        format!("{some}dropped as `{reason}`")
    }));
    // What waited arrived, all of it.
    let lost: u64 = DropReason::ALL.iter().map(|reason| after.dropped_for(*reason)).sum();
    assert_eq!(lost, during.dropped(), "{}: {during}, then {after}", row.what);
    said.join("; ")
}

fn balanced(row: &Row, ledger: &Ledger) {
    let places = ledger.delivered() + ledger.spooled() + ledger.queued() + ledger.dropped();
    assert_eq!(ledger.recorded(), places, "{}: {ledger}", row.what);
}

/// The one outcome of all faults of a row.
fn all_alike<'f>(
    row: &Row,
    faults: impl IntoIterator<Item = &'f Fault>,
    outcome: fn(&Row, &Fault) -> String,
) -> String {
    let mut outcomes = faults.into_iter().map(|fault| (fault, outcome(row, fault)));
    let (_, first) = outcomes.next().expect("a fault");
    for (fault, other) in outcomes {
        assert_eq!(other, first, "{}: {fault:?}", row.what);
    }
    first
}

fn table() -> String {
    let mut table = String::from("| what happens | tried again | send | query | reporter |\n");
    table.push_str("| --- | --- | --- | --- | --- |\n");
    for row in rows() {
        // A report takes longer: the ends of a range stand for it.
        let ends = row.faults.first().into_iter().chain(row.faults.last());
        let cells = [
            all_alike(&row, &row.faults, send),
            all_alike(&row, &row.faults, query),
            all_alike(&row, ends, report),
        ];
        let again = format!("{:?}", row.again).to_lowercase();
        writeln!(table, "| {} | {again} | {} |", row.what, cells.join(" | ")).expect("text");
    }
    table
}

#[test]
fn the_page_of_failures_is_what_happens() {
    let page = std::fs::read_to_string(PAGE).unwrap_or_default();
    let written = page.split_once(TABLE_BEGINS);
    let table = table();
    if std::env::var("APPTUIT_WRITE_DOCS").is_ok() {
        let intro = written.map_or(page.as_str(), |(intro, _)| intro);
        std::fs::write(PAGE, format!("{intro}{TABLE_BEGINS}\n{table}")).unwrap();
        return;
    }
    let written = written.map_or("", |(_, table)| table.trim_start());
    assert_eq!(written, table, "docs/reference/failures.md is not what happens");
}
