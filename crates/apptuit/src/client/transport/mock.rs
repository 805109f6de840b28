//! The network as a script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Request, Response, Transport, TransportError};
use crate::Result;

/// Answers by a script and remembers what it was asked. Clones share both.
///
/// When the script is at its end, every further request is answered with `204 No Content`.
///
/// ```
/// use apptuit::client::{MockTransport, Response};
/// use apptuit::{Client, DataPoint, Timestamp};
///
/// let server = MockTransport::new();
/// server.answer(Response::new(503, ""));
/// let client = Client::builder().token("t").transport(server.clone()).build()?;
///
/// let point = DataPoint::new(("room.celsius", [("room", "lab")]), Timestamp::from_secs(60), 21.5);
/// assert!(client.send(&[point]).unwrap_err().is_retryable());
/// assert_eq!(server.requests().len(), 1);
/// # Ok::<(), apptuit::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MockTransport {
    state: Arc<Mutex<MockState>>,
}

#[derive(Debug, Default)]
struct MockState {
    script: VecDeque<Result<Response, TransportError>>,
    requests: Vec<Request>,
}

impl MockTransport {
    /// A transport with an empty script.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an answer at the end of the script.
    pub fn answer(&self, response: Response) {
        self.lock().script.push_back(Ok(response));
    }

    /// Adds a failure at the end of the script.
    pub fn fail(&self, error: TransportError) {
        self.lock().script.push_back(Err(error));
    }

    /// What was asked so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.lock().requests.clone()
    }

    fn lock(&self) -> MutexGuard<'_, MockState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for MockTransport {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let mut state = self.lock();
        state.requests.push(request.clone());
        state.script.pop_front().unwrap_or_else(|| Ok(Response::new(204, "")))
    }
}
