//! Something between client and server loses answers and refuses bodies as a whole. A real server
//! keeps every point once all the same.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use apptuit::client::{
    Body, Delivery, HttpTransport, Interrupt, Request, Response, Transport, TransportError,
};
use apptuit::{Client, DataPoint, ErrorKind, TimeRange, TimeSeriesName, Timestamp};

use crate::end_to_end::{Running, client, start};

/// What happens to a request on the way.
#[derive(Clone, Copy, Debug)]
enum Meets {
    /// The server answers.
    Nothing,
    /// The server keeps the body, and its answer is lost.
    Silence,
    /// A status of something before the server.
    Status(u16),
}
use Meets::{Nothing, Silence, Status};

struct Proxy {
    server: HttpTransport,
    script: Mutex<VecDeque<Meets>>,
}

impl Transport for Proxy {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        match self.script.lock().expect("no panic").pop_front().unwrap_or(Nothing) {
            Nothing => self.server.send(request),
            Silence => {
                self.server.send(request)?;
                Err(TransportError::new(ErrorKind::Unreachable, "connection reset by peer"))
            }
            Status(status) => Ok(Response::new(status, "")),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proxy")
    }
}

/// Four points of one series.
fn four(value: f64) -> Vec<DataPoint> {
    let name = TimeSeriesName::from(("m", [("host", "a")]));
    (1..5).map(|at| DataPoint::new(name.clone(), Timestamp::from_secs(at), value)).collect()
}

fn meeting(running: &Running, script: &[Meets]) -> Client {
    let script = Mutex::new(script.iter().copied().collect());
    let proxy = Proxy { server: HttpTransport::new().expect("no certificates"), script };
    let client = Client::builder().token("t").endpoint(&running.endpoint).ignore_environment();
    client.transport(proxy).build().expect("a client")
}

fn deliver(client: &Client, body: &Body) -> Delivery {
    client.deliver(body, Duration::from_secs(10), &Interrupt::new())
}

/// What the server has: a value that was kept again has replaced what was sent meanwhile.
fn values(client: &Client) -> Vec<f64> {
    let range = TimeRange::new(Timestamp::from_secs(0), Timestamp::from_secs(10));
    let answer = client.query("fetch('m')", range).expect("an answer");
    answer[0].series()[0].values().to_vec()
}

#[test]
fn a_body_that_was_kept_without_an_answer_is_not_kept_again_in_halves() {
    for status in [400, 413] {
        let running = start();
        let direct = client(&running);
        // The whole, one half, and of the other half the halves, are refused before one arrives.
        let script = [Silence, Status(status), Nothing, Status(status), Silence, Nothing];
        let proxied = meeting(&running, &script);
        let body = proxied.pack(&four(1.0)).bodies.remove(0);
        let lost = deliver(&proxied, &body);
        assert_eq!((lost.kept, lost.failures.len()), (0, 1));
        direct.send(&four(2.0)).unwrap();

        let halved = deliver(&proxied, &body);
        assert_eq!((halved.kept, halved.failures.len()), (2, 2), "{halved:?}");
        for failure in &halved.failures {
            assert_eq!(deliver(&proxied, &failure.body).kept, 1);
        }
        assert_eq!(values(&direct), [2.0; 4], "{status}");
        drop((direct, proxied));
        running.server.stop().unwrap();
    }
}

#[test]
fn halves_that_were_kept_are_not_kept_again_with_the_whole() {
    let running = start();
    let direct = client(&running);
    // As of a process that is killed after the first half of its body has arrived.
    let proxied = meeting(&running, &[Status(413), Silence]);
    let body = proxied.pack(&four(1.0)).bodies.remove(0);
    assert_eq!(deliver(&proxied, &body).failures.len(), 2);
    direct.send(&four(2.0)[..2]).unwrap();

    assert_eq!(deliver(&proxied, &body).kept, 4);
    assert_eq!(values(&direct), [2.0, 2.0, 1.0, 1.0]);
    drop((direct, proxied));
    running.server.stop().unwrap();
}
