//! Asks for the last hour and prints a table an output: `cargo run --example query -- "fetch('cpu')"`
#![expect(clippy::print_stdout, reason = "an example speaks to its reader")]

use std::time::Duration;

use apptuit::{Client, TimeRange};

fn main() -> apptuit::Result<()> {
    let query = std::env::args().nth(1).unwrap_or_else(|| "fetch('room_celsius')".to_owned());

    // The token and the server come from APPTUIT_API_TOKEN and APPTUIT_API_ENDPOINT.
    let client = Client::builder().build()?;
    let answer = client.query(&query, TimeRange::last(Duration::from_hours(1)))?;
    for output in &answer {
        println!("{}\n{}\n", output.id(), output.to_frame());
    }
    Ok(())
}
