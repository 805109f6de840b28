//! Counts for ten seconds and reports every second.

use std::time::Duration;

use apptuit::metrics::Registry;
use apptuit::{Client, Reporter};

fn main() -> apptuit::Result<()> {
    let registry = Registry::new();
    let steps = registry.meter("example.steps");
    let length = registry.timer("example.step");

    // The token and the server come from APPTUIT_API_TOKEN and APPTUIT_API_ENDPOINT.
    let client = Client::builder().build()?;
    let reporter = Reporter::builder(registry, client)
        .interval(Duration::from_secs(1))
        .tag("service", "example")
        .build()
        .start()?;

    for _ in 0..100 {
        length.time(|| std::thread::sleep(Duration::from_millis(100)));
        steps.mark();
    }
    reporter.stop()
}
