//! Points on their way out: as JSON, packed, and over a connection.

use std::collections::BTreeMap;
use std::io::{IoSlice, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use apptuit::client::{Body, Interrupt};
use apptuit::{Client, DataPoint, Timestamp};
use apptuit_model::wire::{ContentEncoding, PackEffort, PutPacker, encode_points};
use harness::{Effort, Pair, Table, timed};
use serde::Serialize;

use crate::MEMORY;
use crate::loopback::{ANSWER, Loopback};

const SERIES: usize = 1000;
const POINTS: usize = 50_000;

/// What a body may be larger than that of miniz at level 6.
const MAX_SIZE_RATIO: f64 = 1.10;

/// What may be allocated beside the body that is sent.
const SPARE_BYTES: usize = 256 * 1024;

const REPORT_BYTES: usize = 9000;

pub(crate) fn rows(table: &mut Table) {
    let points = points();
    table.row("C1", "JSON of 50 000 points / serde_json", 0.34, |effort| json(effort, &points));
    table.row("C2", "the same packed / serde_json + flate2's default", 0.25, |effort| {
        packed(effort, &points)
    });
    table.row("C5", "9 KB body, kept connection / raw socket", 1.4, |effort| {
        posted(effort).map_err(|error| error.to_string())
    });
    table.row("C7", "peak memory of sending 50 000 points / body + 256 KB", 1.0, |_| {
        peak(&points).map_err(|error| error.to_string())
    });
}

/// A point as `serde_json` is told of it, with all prepared that can be.
#[derive(Serialize)]
struct Peer<'a> {
    metric: &'a str,
    tags: BTreeMap<&'a str, &'a str>,
    timestamp: i64,
    value: f64,
}

/// Three tags, 180 bytes of JSON a point; values as services have them: a third whole, some with
/// three decimals, some with all the digits there are.
fn points() -> Vec<DataPoint> {
    let mut random = fastrand::Rng::with_seed(7);
    let per_series = POINTS / SERIES;
    let series = (0..SERIES).map(|n| {
        let tags = [
            ("host", format!("web-{:03}.eu-west-1.example.com", n % 100)),
            ("datacenter", format!("dc{}", n % 4)),
            ("endpoint", format!("/api/v1/orders/{}", n / 100)),
        ];
        apptuit::TimeSeriesName::from(("http_requests_duration_seconds", tags))
    });
    let mut points = Vec::with_capacity(POINTS);
    for name in series {
        for at in 0..per_series {
            let value = match random.u8(0..10) {
                0..3 => f64::from(random.u32(0..1_000_000)),
                3..7 => (random.f64() * 1e6).round() / 1e3,
                _ => random.f64() * 1e3,
            };
            let at = Timestamp::from_secs(1_600_000_000 + 10 * at as i64);
            points.push(DataPoint::new(&name, at, value));
        }
    }
    points
}

impl<'a> From<&'a DataPoint> for Peer<'a> {
    fn from(point: &'a DataPoint) -> Self {
        Self {
            metric: point.metric(),
            tags: point.tags().iter().collect(),
            timestamp: point.timestamp().as_secs(),
            value: point.value(),
        }
    }
}

fn json(effort: &Effort, points: &[DataPoint]) -> Result<Pair, String> {
    let peers: Vec<Peer<'_>> = points.iter().map(Peer::from).collect();
    let theirs = || serde_json::to_vec(&peers).expect("numbers and texts have a JSON");
    let read = |body: &[u8]| serde_json::from_slice::<serde_json::Value>(body).expect("JSON");
    if read(&encode_points(points)) != read(&theirs()) {
        return Err("the bodies differ".to_owned());
    }
    Ok(effort.turns(|| timed(|| encode_points(points)).1, || timed(theirs).1))
}

fn packed(effort: &Effort, points: &[DataPoint]) -> Result<Pair, String> {
    let peers: Vec<Peer<'_>> = points.iter().map(Peer::from).collect();
    let theirs = || {
        let json = serde_json::to_vec(&peers).expect("numbers and texts have a JSON");
        miniz_oxide::deflate::compress_to_vec_zlib(&json, 6)
    };
    let mut packer = PutPacker::new(ContentEncoding::Deflate, PackEffort::Default);
    let mut ours = || {
        let mut current = None;
        for point in points {
            if current != Some(point.name()) {
                packer.begin_series(point.name());
                current = Some(point.name());
            }
            packer.push(point.timestamp(), point.value());
        }
        packer.finish()
    };
    let (mine, other) = (ours().len(), theirs().len());
    let size_ratio = mine as f64 / other as f64;
    if size_ratio > MAX_SIZE_RATIO {
        return Err(format!("the body has {mine} bytes, the peer's {other}"));
    }
    let pair = effort.turns(|| timed(&mut ours).1, || timed(theirs).1);
    Ok(Pair { remark: Some(format!("the size is {size_ratio:.3} of the peer's")), ..pair })
}

fn client(server: &Loopback) -> apptuit::Result<Client> {
    let endpoint = format!("http://{}", server.address);
    Client::builder().token("bench").endpoint(endpoint).ignore_environment().build()
}

/// Both sides send the same bytes to the same server.
fn posted(effort: &Effort) -> Result<Pair, Box<dyn std::error::Error>> {
    let server = Loopback::start()?;
    let client = client(&server)?;
    let body = report(&client);
    let head = format!(
        "POST /api/put?details HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer bench\r\n\
         Content-Type: application/json\r\nContent-Encoding: deflate\r\nContent-Length: {}\r\n\r\n",
        server.address,
        body.bytes().len()
    );
    let mut socket = TcpStream::connect(server.address)?;
    socket.set_nodelay(true)?;
    let mut answer = [0; 256];
    let mut theirs = || {
        let all = head.len() + body.bytes().len();
        let parts = [IoSlice::new(head.as_bytes()), IoSlice::new(body.bytes())];
        let sent = socket.write_vectored(&parts).expect("the server reads");
        assert_eq!(sent, all, "the socket's buffer is larger");
        let got = socket.read(&mut answer).expect("the server answers");
        assert_eq!(&answer[..got], ANSWER);
    };
    let ours = || {
        let delivery = client.deliver(&body, Duration::from_secs(10), &Interrupt::new());
        assert_eq!(delivery.kept, body.points());
    };
    Ok(effort.turns(|| timed(ours).1, || timed(&mut theirs).1))
}

/// A body of 9 KB: of as many points as that takes.
fn report(client: &Client) -> Body {
    let points = points();
    let packed = |count: usize| client.pack(&points[..count]).bodies.remove(0);
    let counts = (100..points.len()).step_by(10);
    let mut bodies = counts.map(packed).filter(|body| body.bytes().len() >= REPORT_BYTES);
    bodies.next().expect("50 000 points have more")
}

fn peak(points: &[DataPoint]) -> Result<Pair, Box<dyn std::error::Error>> {
    let server = Loopback::start()?;
    let client = client(&server)?;
    // Connections and buffers are kept: they are part of a client, not of a call.
    client.send(&points[..1])?;
    let mut sent = Ok(());
    let ours = MEMORY.peak_of(|| sent = client.send(points));
    sent?;
    let theirs = server.last_body_bytes() + SPARE_BYTES;
    let remark = format!("the body has {} bytes", server.last_body_bytes());
    Ok(Pair { remark: Some(remark), ..Pair::bytes_each(ours, i64::try_from(theirs)?, 1) })
}
