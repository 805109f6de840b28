//! The client for programs on a Tokio runtime.

use std::panic::resume_unwind;

use apptuit_model::{DataPoint, TimeRange, TimeSeries};
use tokio::task::spawn_blocking;

use crate::client::Interrupt;
use crate::{Client, Error, ErrorKind, QueryResult, Result};

/// A [`Client`] whose calls are awaited.
///
/// Each call is the client's own, on a thread of Tokio's pool for blocking work: the same settings,
/// retries, deadlines and errors. Calls may overlap; how many run at a time is the pool's affair
/// (`max_blocking_threads`). A clone is cheap and shares the connections.
///
/// # When a call is dropped
///
/// A future that is dropped before it is done, by `select!` or a timeout, begins no further try. A
/// call that still waits for a thread is not made at all; a request that is under way ends by itself,
/// and whether its points were kept is not known. Sent again by another call they are points of equal
/// name, instant and value, which a server keeps once.
///
/// # Panics
///
/// Calls panic outside a Tokio runtime, and where the client's own call does.
///
/// ```no_run
/// use std::time::Duration;
///
/// use apptuit::{AsyncClient, Client, DataPoint, TimeRange, Timestamp};
///
/// # async fn tour() -> apptuit::Result<()> {
/// let client: AsyncClient = Client::builder().endpoint("http://127.0.0.1:4242").build()?.into();
/// let name = ("room.celsius", [("room", "lab")]);
/// client.send([DataPoint::new(name, Timestamp::now(), 21.5)]).await?;
/// let last = TimeRange::last(Duration::from_mins(5));
/// println!("{}", client.query("fetch('room_celsius')", last).await?[0].to_frame());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct AsyncClient(Client);

impl AsyncClient {
    /// The client that does the work, for reporters and for threads.
    pub fn blocking(&self) -> &Client {
        &self.0
    }

    /// [`Client::send`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn send(&self, points: impl Into<Vec<DataPoint>>) -> Result<()> {
        let points = points.into();
        self.call(move |client, interrupt| client.send_until(&points, interrupt)).await
    }

    /// [`Client::send_series`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn send_series(&self, series: impl Into<Vec<TimeSeries>>) -> Result<()> {
        let series = series.into();
        self.call(move |client, interrupt| client.send_series_until(&series, interrupt)).await
    }

    /// [`Client::query`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn query(&self, query: impl Into<String>, range: TimeRange) -> Result<QueryResult> {
        let query = query.into();
        self.call(move |client, interrupt| client.query_until(&query, range, interrupt)).await
    }

    /// [`Client::explain`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn explain(&self, query: impl Into<String>, range: TimeRange) -> Result<String> {
        let query = query.into();
        self.call(move |client, interrupt| client.explain_until(&query, range, interrupt)).await
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Client, &Interrupt) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (client, interrupt) = (self.0.clone(), Interrupt::new());
        let _guard = Dropped(interrupt.clone());
        let done = spawn_blocking(move || {
            if interrupt.is_triggered() {
                return Err(not_made());
            }
            work(&client, &interrupt)
        });
        match done.await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => Err(not_made()),
            },
        }
    }
}

impl From<Client> for AsyncClient {
    fn from(client: Client) -> Self {
        Self(client)
    }
}

/// Nobody waits for a call any more: its future is gone, or the runtime is being shut down.
fn not_made() -> Error {
    Error::new(ErrorKind::Unreachable, "the runtime was shut down before the call was made")
}

/// Tells a call, when it is dropped, that nobody waits for it.
struct Dropped(Interrupt);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.trigger();
    }
}
