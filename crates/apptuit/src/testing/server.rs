//! The server that exists only in a test: it reads bodies as a real one, and remembers.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use apptuit_model::body_key::wholes;
use apptuit_model::wire::{
    ContentEncoding, JSON, PUT_PATH, PointError, PutAnswer, decode_put, encode_points,
};
use apptuit_model::{DataPoint, TimeSeriesName, Timestamp};

use crate::client::{Method, Request, Response};

/// The most bytes of a body, unpacked.
const MAX_BODY_BYTES: usize = 256 << 20;

/// Says why a point is refused, if it is.
pub(super) type Judge = Arc<dyn Fn(&DataPoint) -> Option<String> + Send + Sync>;

/// What it takes, and what it has.
pub(super) struct Server {
    pub(super) judge: Option<Judge>,
    pub(super) max_points: usize,
    pub(super) query_answer: Response,
    kept: Vec<DataPoint>,
    /// What was answered to the body of each idempotency key.
    answered: HashMap<String, (Vec<u8>, Response)>,
}

impl Server {
    pub(super) fn new() -> Self {
        Self {
            judge: None,
            max_points: usize::MAX,
            query_answer: Response::new(200, r#"{"outputs":[]}"#),
            kept: Vec::new(),
            answered: HashMap::new(),
        }
    }

    pub(super) fn kept(&self) -> &[DataPoint] {
        &self.kept
    }

    /// The points of one series and instant that are there more than once.
    pub(super) fn kept_twice(&self) -> Vec<DataPoint> {
        let mut seen: HashMap<(&TimeSeriesName, Timestamp), usize> = HashMap::new();
        let mut times = |point| {
            let times = seen.entry(place_of(point)).or_default();
            *times += 1;
            *times
        };
        self.kept.iter().filter(|point| times(*point) == 2).cloned().collect()
    }

    pub(super) fn serve(&mut self, request: &Request) -> Response {
        if !request.header("Authorization").is_some_and(|value| value.starts_with("Bearer ")) {
            return Response::new(401, "");
        }
        if is_put(request) { self.put(request) } else { self.query_answer.clone() }
    }

    fn put(&mut self, request: &Request) -> Response {
        let Some(key) = request.header("Idempotency-Key") else { return self.judge(request, true) };
        match self.answered.get(key) {
            Some((body, answer)) if body == request.body() => answer.clone(),
            Some(_) => Response::new(422, "the key was sent with another body"),
            None if wholes(key).any(|whole| self.answered.contains_key(whole)) => {
                self.judge(request, false)
            }
            None if self.answered.keys().any(|part| wholes(part).any(|whole| whole == key)) => {
                Response::new(413, "parts of it were kept")
            }
            None => {
                let answer = self.judge(request, true);
                // Only what was kept is remembered: a smaller body may come under the same key.
                if matches!(answer.status(), 200 | 400) {
                    let known = (request.body().to_vec(), answer.clone());
                    self.answered.insert(key.to_owned(), known);
                }
                answer
            }
        }
    }

    /// Keeps the good points, if they are new, and answers as a server with `?details`.
    fn judge(&mut self, request: &Request, are_new: bool) -> Response {
        let decoded = points_of(request);
        let Some((points, mut errors)) = decoded else {
            return Response::new(400, "the body is not a JSON array of points");
        };
        if points.len() + errors.len() > self.max_points {
            return Response::new(413, "");
        }
        let mut success = 0;
        for (index, point) in points {
            match self.judge.as_ref().and_then(|judge| judge(&point)) {
                None => {
                    success += 1;
                    if are_new {
                        self.kept.push(point);
                    }
                }
                Some(error) => {
                    let datapoint = String::from_utf8_lossy(&encode_points([&point])).into_owned();
                    let datapoint = datapoint.trim_matches(['[', ']']).to_owned();
                    errors.push(PointError { index: Some(index), datapoint, error });
                }
            }
        }
        errors.sort_by_key(|error| error.index);
        let answer = PutAnswer { success, failed: errors.len() as u64, errors };
        let status = if answer.failed == 0 { 200 } else { 400 };
        Response::new(status, answer.encode()).with_header("Content-Type", JSON)
    }
}

type Judged = (Vec<(usize, DataPoint)>, Vec<PointError>);

/// The points of a body under their places in it, and those that are none; `None` if it is no body
/// of points at all.
fn points_of(request: &Request) -> Option<Judged> {
    let encoding = request.header("Content-Encoding").unwrap_or_default();
    let json =
        ContentEncoding::from_header(encoding)?.unpack(request.body(), MAX_BODY_BYTES).ok()?;
    let decoded = decode_put(&json, usize::MAX).ok()?;
    let refused: Vec<PointError> = decoded
        .refused
        .into_iter()
        .map(|point| PointError {
            index: Some(point.index),
            datapoint: point.datapoint,
            error: point.reason,
        })
        .collect();
    let taken: HashSet<usize> = refused.iter().filter_map(|error| error.index).collect();
    let places = (0..).filter(|place| !taken.contains(place));
    Some((places.zip(decoded.points).collect(), refused))
}

fn is_put(request: &Request) -> bool {
    request.method() == Method::Post && request.url().contains(PUT_PATH)
}

/// The points a put carries; none if it is no put.
pub(super) fn carried(request: &Request) -> Vec<DataPoint> {
    let points = is_put(request).then(|| points_of(request)).flatten();
    let points = points.map(|(points, _)| points).unwrap_or_default();
    points.into_iter().map(|(_, point)| point).collect()
}

fn place_of(point: &DataPoint) -> (&TimeSeriesName, Timestamp) {
    (point.name(), point.timestamp())
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("kept", &self.kept.len()).finish_non_exhaustive()
    }
}
