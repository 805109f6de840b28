//! Outages for the tests of your own program, without a network and without waiting.
//!
//! A [`Weather`] is a [`Transport`] to a server that exists only in the test. It reads bodies as a
//! real one, keeps their points, gives verdicts, and honours `Idempotency-Key`, so that a test can
//! ask which points [arrived](Weather::kept), and whether any did [twice](Weather::kept_twice). What
//! goes wrong is a script of [`Fault`]s: for [the next request](Weather::next), or for all
//! [between two instants](Weather::between).
//!
//! Its [clock](Weather::clock) is simulated: pauses between retries, delays of the server and the
//! interval of a reporter take no real time. Three hours of outage, through a reporter with its
//! thread and a client that retries:
//!
//! ```
//! use std::time::Duration;
//!
//! use apptuit::metrics::Registry;
//! use apptuit::testing::{Fault, Weather};
//! use apptuit::{Reporter, RetryPolicy};
//!
//! let weather = Weather::new();
//! let hours = Duration::from_hours;
//! weather.between(hours(1), hours(4), Fault::retry_after(503, Duration::from_secs(20)));
//!
//! let client = weather.client().retry(RetryPolicy::exponential(2)).build()?;
//! let registry = Registry::with_clock(weather.clock().clone());
//! let orders = registry.counter("orders");
//! let builder = Reporter::builder(registry, client).ignore_environment().on_error(|_| {});
//! let running = builder.interval(Duration::from_mins(1)).build().start()?;
//!
//! weather.clock().pass(hours(3));
//! orders.inc();
//! weather.clock().pass(hours(2));
//!
//! let kept = weather.kept();
//! let last = kept.iter().rfind(|point| point.metric() == "orders_count").unwrap();
//! assert!(last.timestamp().as_secs() > 5 * 3600 - 60 && last.value() == 1.0);
//! assert!(weather.kept_twice().is_empty());
//! running.stop()?;
//! # Ok::<(), apptuit::Error>(())
//! ```
//!
//! What a program records is tested with [`metrics::testing`](apptuit_metrics::testing).

mod clock;
mod fault;
#[doc(hidden)]
pub mod hostile;
mod server;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use apptuit_metrics::Clock as _;
use apptuit_model::DataPoint;

pub use clock::SimulatedClock;
pub use fault::Fault;

use self::fault::{Ending, come_back_at};
use self::server::{Server, carried};
use crate::client::{Request, Response, Transport, TransportError};
use crate::{Client, ClientBuilder, ErrorKind};

/// A server that exists only in a test, the way to it, and what goes wrong on it.
///
/// A clone is the same. See the [module](self) for an example.
#[derive(Clone, Debug)]
pub struct Weather {
    clock: SimulatedClock,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    server: Server,
    next: VecDeque<Option<Fault>>,
    spells: Vec<Spell>,
    exchanges: Vec<Exchange>,
}

/// A time of faults.
#[derive(Debug)]
struct Spell {
    from: Duration,
    until: Duration,
    fault: Fault,
}

/// One request and what came of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// When the request was made, on the clock of the weather.
    pub at: Duration,
    /// The request.
    pub request: Request,
    /// The answer, or why there was none.
    pub outcome: Result<Response, TransportError>,
}

impl Exchange {
    /// The points the request carried.
    pub fn points(&self) -> Vec<DataPoint> {
        carried(&self.request)
    }
}

impl Weather {
    /// Fair weather, at zero of a new clock that this thread drives.
    pub fn new() -> Self {
        let state = State {
            server: Server::new(),
            next: VecDeque::new(),
            spells: Vec::new(),
            exchanges: Vec::new(),
        };
        Self { clock: SimulatedClock::new(), state: Arc::new(Mutex::new(state)) }
    }

    /// The clock, to be handed to whatever waits or tells the time.
    pub fn clock(&self) -> &SimulatedClock {
        &self.clock
    }

    /// A client that is out in this weather: with its transport, its clock, a token, and nothing of
    /// the environment.
    pub fn client(&self) -> ClientBuilder {
        Client::builder()
            .token("a-token-for-tests")
            .endpoint("http://server.test")
            .ignore_environment()
            .transport(self.clone())
            .clock(self.clock.clone())
    }

    /// Adds what happens to one request, after those that were added before.
    pub fn next(&self, fault: Fault) {
        self.lock().next.push_back(Some(fault));
    }

    /// Lets one request be served well, whatever the time, after those that were added before.
    pub fn next_is_fair(&self) {
        self.lock().next.push_back(None);
    }

    /// What happens to every request made from one instant of the clock until before another. Of
    /// two that overlap, the one added later; what [`next`](Self::next) added goes first.
    pub fn between(&self, from: Duration, until: Duration, fault: Fault) {
        self.lock().spells.push(Spell { from, until, fault });
    }

    /// What happens to every request from now on, until [`clear`](Self::clear).
    pub fn from_now_on(&self, fault: Fault) {
        self.between(self.clock.now(), Duration::MAX, fault);
    }

    /// Takes back all that was to go wrong.
    pub fn clear(&self) {
        let mut state = self.lock();
        state.next.clear();
        state.spells.clear();
    }

    /// Has the server refuse the points for which `reason` gives one. It keeps the others, and
    /// answers with status 400 and the reasons.
    pub fn refuse(&self, reason: impl Fn(&DataPoint) -> Option<String> + Send + Sync + 'static) {
        self.lock().server.judge = Some(Arc::new(reason));
    }

    /// The most points the server takes at once: to more it answers with status 413.
    pub fn max_points(&self, points: usize) {
        self.lock().server.max_points = points;
    }

    /// What the server answers to queries. Default: an answer without outputs.
    pub fn query_answer(&self, answer: Response) {
        self.lock().server.query_answer = answer;
    }

    /// The points the server has, in the order they came.
    pub fn kept(&self) -> Vec<DataPoint> {
        self.lock().server.kept().to_vec()
    }

    /// One point for each series and instant of which the server has more than one.
    pub fn kept_twice(&self) -> Vec<DataPoint> {
        self.lock().server.kept_twice()
    }

    /// All requests so far, in order, with what came of them.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.lock().exchanges.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to go wrong with a request made now.
    fn due(&self, at: Duration) -> Option<Fault> {
        let mut state = self.lock();
        if let Some(next) = state.next.pop_front() {
            return next;
        }
        let spells = state.spells.iter().rev();
        let mut current = spells.filter(|spell| spell.from <= at && at < spell.until);
        current.next().map(|spell| spell.fault.clone())
    }

    /// Sleeps, at most for the time the request has; whether that was enough.
    fn wait(
        &self,
        delay: Duration,
        request: &Request,
        began: Duration,
    ) -> Result<(), TransportError> {
        let left = began.saturating_add(request.timeout()).saturating_sub(self.clock.now());
        self.clock.sleep(delay.min(left));
        if delay < left { Ok(()) } else { Err(no_answer(request)) }
    }

    fn exchange(&self, request: &Request, began: Duration) -> Result<Response, TransportError> {
        let Some(Fault { delay, is_kept, ending }) = self.due(began) else {
            return Ok(self.lock().server.serve(request));
        };
        if is_kept {
            self.lock().server.serve(request);
        }
        // A body that has arrived is kept, whether the answer comes in time or not.
        let served = match ending {
            Ending::Served => Some(self.lock().server.serve(request)),
            _ => None,
        };
        self.wait(delay, request, began)?;
        match ending {
            Ending::Served => Ok(served.unwrap_or_else(|| Response::new(204, ""))),
            Ending::Answer(response) => Ok(response),
            Ending::RetryAt(status, pause) => {
                Ok(come_back_at(status, self.clock.timestamp().saturating_add(pause)))
            }
            Ending::Failure(error) => Err(error),
            Ending::Silence => {
                self.wait(Duration::MAX, request, began).and(Err(no_answer(request)))
            }
        }
    }
}

impl Default for Weather {
    fn default() -> Self {
        Self::new()
    }
}

impl Transport for Weather {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let at = self.clock.now();
        let outcome = self.exchange(request, at);
        let exchange = Exchange { at, request: request.clone(), outcome: outcome.clone() };
        self.lock().exchanges.push(exchange);
        outcome
    }
}

fn no_answer(request: &Request) -> TransportError {
    let seconds = request.timeout().as_secs_f64();
    TransportError::new(ErrorKind::Timeout, format!("no answer within {seconds:.1} s"))
}
