//! The client and the reporter through their public API.

#[cfg(feature = "tokio")]
mod async_client;
mod deliver;
mod depot;
mod end_to_end;
mod environment;
#[cfg(feature = "testing")]
mod fuzz;
mod halves;
mod hostile_network;
mod ledger;
mod promises;
mod query;
mod reporter;
#[cfg(all(unix, feature = "sigterm"))]
mod reporter_sigterm;
mod retry;
mod secrets;
mod send;
mod source;
mod spool;
mod spool_kill;
mod spool_power;
mod tour;
#[cfg(feature = "testing")]
mod weather;
#[cfg(feature = "testing")]
mod weather_matrix;
#[cfg(feature = "testing")]
mod weather_reliability;
mod wire;

use apptuit::client::MockTransport;
use apptuit::{Client, ClientBuilder, DataPoint, Timestamp};

/// Says what a test lacks on this machine; continuous integration has to have it.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn skip(lacking: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{lacking}");
    println!("skipped: {lacking}");
}

/// A client that speaks to `server` and knows nothing of the environment.
fn client_of(server: &MockTransport) -> ClientBuilder {
    let builder = Client::builder().token("s3cret").endpoint("http://server.test");
    builder.ignore_environment().transport(server.clone())
}

/// A point that is fine.
fn point(metric: &str) -> DataPoint {
    DataPoint::new((metric, [("host", "a")]), Timestamp::from_secs(60), 1.5)
}

/// The JSON of a put.
fn json_of(request: &apptuit::client::Request) -> serde_json::Value {
    use apptuit_model::wire::ContentEncoding;
    let encoding = request.header("content-encoding").and_then(ContentEncoding::from_header);
    let body = encoding.expect("a known encoding").unpack(request.body(), 1 << 26);
    serde_json::from_slice(&body.expect("a whole body")).expect("JSON")
}
