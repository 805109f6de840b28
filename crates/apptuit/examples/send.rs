//! Sends a point and says what became of it: `cargo run --example send -- room.celsius 21.5`
#![expect(clippy::print_stdout, reason = "an example speaks to its reader")]

use apptuit::{Client, DataPoint, ErrorKind, RetryPolicy, Timestamp};

fn main() -> apptuit::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let metric = arguments.next().unwrap_or_else(|| "room.celsius".to_owned());
    let value = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(21.5);

    // The token and the server come from APPTUIT_API_TOKEN and APPTUIT_API_ENDPOINT.
    let client = Client::builder().retry(RetryPolicy::exponential(2)).build()?;
    let point = DataPoint::new((metric, [("room", "lab")]), Timestamp::now(), value);
    match client.send(&[point]) {
        Ok(()) => println!("kept by {}", client.endpoint()),
        Err(error) if error.kind() == ErrorKind::Rejected => {
            for rejection in error.rejected() {
                println!("{}: {}", rejection.name(), rejection.reason());
            }
        }
        Err(error) => return Err(error),
    }
    Ok(())
}
