//! A server that keeps what it is sent, once for each idempotency key, and fails when it is told to.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use apptuit::client::{Interrupt, Request, Response, Transport, TransportError};
use apptuit::{Client, ErrorKind, RetryPolicy};
use apptuit_model::body_key::wholes;

use crate::json_of;

/// A series and a time: the metric, its tags and the timestamp as they were sent.
pub(crate) type Instant = (String, String, String);

#[derive(Clone, Default)]
pub(crate) struct Depot(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    weather: Weather,
    keys: HashSet<String>,
    kept: BTreeMap<Instant, Vec<f64>>,
    /// The keys of all requests, in order, and whether they were kept.
    requests: Vec<(String, bool)>,
    pause: Duration,
    refused_key: Option<String>,
}

#[derive(Clone, Default)]
pub(crate) enum Weather {
    #[default]
    Fine,
    Unreachable,
    /// Keeps the points, and then the connection breaks before the answer.
    Mute,
    Status(u16),
    /// Answers with this status to bodies of more than one point.
    OneByOne(u16),
    /// Answers nothing until the interrupt is triggered.
    Hangs(Interrupt),
}

impl Depot {
    pub(crate) fn turns(&self, weather: Weather) {
        self.state().weather = weather;
    }

    /// Lets every answer take so long.
    pub(crate) fn takes(&self, pause: Duration) {
        self.state().pause = pause;
    }

    /// Fails whenever it is sent the body of this key.
    pub(crate) fn fails_on(&self, key: String) {
        self.state().refused_key = Some(key);
    }

    pub(crate) fn client(&self, token: &str) -> Client {
        let builder = Client::builder().token(token).endpoint("http://server.test");
        // What waits is tried again soon, in tests whose clock stands still too.
        let retry = RetryPolicy::never().base_pause(Duration::from_millis(20));
        let builder = builder.ignore_environment().transport(self.clone()).retry(retry);
        builder.build().expect("a client")
    }

    /// What it keeps, and how often: once each, if all is well.
    pub(crate) fn kept(&self) -> BTreeMap<Instant, Vec<f64>> {
        self.state().kept.clone()
    }

    /// How many points of this metric it keeps, asserting that none is there twice.
    pub(crate) fn count(&self, metric: &str) -> usize {
        let kept = self.kept();
        let of_metric = kept.iter().filter(|((name, ..), _)| name == metric);
        of_metric.inspect(|(point, values)| assert_eq!(values.len(), 1, "{point:?}")).count()
    }

    pub(crate) fn points(&self) -> u64 {
        self.state().kept.values().map(|values| values.len() as u64).sum()
    }

    pub(crate) fn requests(&self) -> Vec<(String, bool)> {
        self.state().requests.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic")
    }
}

impl Transport for Depot {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let key = request.header("idempotency-key").expect("a key").to_owned();
        let mut weather = self.state().weather.clone();
        let pause = self.state().pause;
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
        if self.state().refused_key.as_ref() == Some(&key) {
            weather = Weather::Status(500);
        }
        if let Weather::OneByOne(status) = weather {
            let points = json_of(request).as_array().map_or(0, Vec::len);
            weather = if points > 1 { Weather::Status(status) } else { Weather::Fine };
        }
        let mut keeps = matches!(weather, Weather::Fine | Weather::Mute);
        let mut state = self.state();
        let has_parts = state.keys.iter().any(|part| wholes(part).any(|whole| whole == key));
        if keeps && has_parts && !state.keys.contains(&key) {
            (keeps, weather) = (false, Weather::Status(413));
        }
        let is_new = !wholes(&key).any(|whole| state.keys.contains(whole));
        state.requests.push((key.clone(), keeps));
        if keeps && is_new && state.keys.insert(key) {
            for point in json_of(request).as_array().expect("an array") {
                let text = |field: &str| point[field].to_string().trim_matches('"').to_owned();
                let instant = (text("metric"), text("tags"), text("timestamp"));
                let value = point["value"].as_f64().expect("a number");
                state.kept.entry(instant).or_default().push(value);
            }
        }
        drop(state);
        match weather {
            Weather::Fine => Ok(Response::new(204, "")),
            Weather::Status(status) | Weather::OneByOne(status) => Ok(Response::new(status, "")),
            Weather::Unreachable | Weather::Mute => {
                Err(TransportError::new(ErrorKind::Unreachable, "connection refused"))
            }
            Weather::Hangs(until) => {
                until.wait(Duration::from_secs(20));
                Err(TransportError::new(ErrorKind::Timeout, "no answer"))
            }
        }
    }
}

impl fmt::Debug for Depot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Depot")
    }
}
