//! From an instrument to a data frame, against a local server (`apptuit serve`).
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example speaks to its reader")]

use std::time::Duration;

use apptuit::metrics::Registry;
use apptuit::{
    Client, DataPoint, ErrorKind, Reporter, RetryPolicy, Sanitizer, TimeRange, Timestamp,
};

pub(crate) fn run(endpoint: &str) -> apptuit::Result<()> {
    // 1. Instruments. Look a handle up once; use it from any thread. It never fails.
    let registry = Registry::new();
    let accepted = registry.counter("orders.accepted");
    let requests = registry.meter("http.requests");
    let basket = registry.histogram("basket.items");
    let latency = registry.timer(("http.latency", [("route", "/checkout")]));
    registry.gauge_fn("queue.depth", || 7.0); // read at every report

    // 2. A client. Cheap to clone: clones share one connection pool.
    let client = Client::builder()
        .token("my-token") // default: APPTUIT_API_TOKEN
        .endpoint(endpoint) // default: https://api.apptuit.ai
        .global_tag("service", "orders") // default: APPTUIT_TAGS
        .sanitizer(Sanitizer::Prometheus)
        .retry(RetryPolicy::exponential(3))
        .timeout(Duration::from_mins(1))
        .build()?;

    // 3. A reporter: registry -> points -> client, on its own thread.
    let reporter = Reporter::builder(registry, client.clone())
        .interval(Duration::from_secs(10))
        .on_error(|error| eprintln!("report failed: {error}"))
        .build()
        .start()?;

    // 4. The program works, and the instruments count.
    for items in [3, 1, 4] {
        requests.mark();
        latency.time(|| basket.record(items));
        accepted.inc();
    }
    reporter.stop()?; // reports one last time, then joins the thread

    // 5. Points can be sent by hand too. A refusal says which points, and why.
    let point = DataPoint::new(("room.celsius", [("room", "lab")]), Timestamp::now(), 21.5);
    match client.send(&[point]) {
        Err(error) if error.kind() == ErrorKind::Rejected => println!("{:?}", error.rejected()),
        other => other?,
    }

    // 6. A query, and its answer as a frame: one column a series, one row a timestamp.
    let query = "rate = fetch('http_requests_count').downsample('1m', 'avg'); output(rate)";
    let answer = client.query(query, TimeRange::last(Duration::from_hours(1)))?;
    println!("{} rows", answer["rate"].to_frame().len());
    Ok(())
}
