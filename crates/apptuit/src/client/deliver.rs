//! One body to the server: tried, halved where that helps, and every point accounted for.

use std::collections::HashMap;
use std::time::Duration;

use apptuit_model::wire::{JSON, PUT_PATH, PointError, PutAnswer, decode_put};
use apptuit_model::{DataPoint, TimeSeriesName, Timestamp};

use super::body::Body;
use super::retry::{Deadline, with_retries};
use super::send::unpacked;
use super::{Client, Interrupt, Method, Request, Response, redirect, said, status_error};
use crate::error::Rejection;
use crate::{Error, ErrorKind, Result};

/// Bytes of an answer to a put that are unpacked.
const MAX_PUT_ANSWER_BYTES: usize = 64 << 20;

/// How often a body is halved: into 64 parts at most.
const MAX_HALVINGS: u32 = 6;

/// What became of the points of a body. Those kept, those refused and those of the failures are
/// together all of them.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Delivery {
    /// Points the server keeps.
    pub kept: u64,
    /// Points the server has refused. They are not to be sent again.
    pub refused: u64,
    /// Which these are, as far as it told; the index is the place in the body.
    pub rejected: Vec<Rejection>,
    /// The status it refused them with.
    pub status: Option<u16>,
    /// What the server has not judged: the whole body, or parts of it.
    pub failures: Vec<Failure>,
}

/// A body, or a part of one, that the server has not judged.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// What is left. Sent again as it is, nothing of it is stored twice.
    pub body: Body,
    /// Why. Whether it is worth another try is told by [`Error::is_retryable`].
    pub error: Error,
}

impl Client {
    /// Delivers a body within `budget`, by the client's [`RetryPolicy`](super::RetryPolicy);
    /// pauses between tries end when `interrupt` is triggered.
    ///
    /// A body that is too large, or that the server refuses without naming points, is halved, at
    /// most six times.
    pub fn deliver(&self, body: &Body, budget: Duration, interrupt: &Interrupt) -> Delivery {
        let deadline = Deadline::after(budget, &*self.0.clock);
        let mut delivery = Delivery::default();
        self.deliver_part(body, 0, MAX_HALVINGS, &deadline, interrupt, &mut delivery);
        delivery
    }

    fn deliver_part(
        &self,
        body: &Body,
        // The place of its first point in the whole body.
        offset: usize,
        halvings: u32,
        deadline: &Deadline<'_>,
        interrupt: &Interrupt,
        delivery: &mut Delivery,
    ) {
        if let Some(error) = delivery.passing_failure() {
            // The server is in trouble: the rest need not be refused one by one.
            let error = error.again();
            return delivery.failures.push(Failure { body: body.clone(), error });
        }
        let verdict = match self.put(body, deadline, interrupt) {
            Ok(verdict) => verdict,
            Err(mut error) => {
                let named = error.take_rejected().into_iter().map(|one| one.moved_by(offset));
                let error = error.with_rejected(named.collect());
                return delivery.failures.push(Failure { body: body.clone(), error });
            }
        };
        match verdict {
            Verdict::Kept => delivery.kept += body.points(),
            Verdict::Judged(status, answer) => delivery.judge(body, offset, status, &answer),
            Verdict::Refused(_) | Verdict::TooLarge(_) if halvings > 0 && body.points() > 1 => {
                let Some(points) = body.unpacked() else {
                    let error = verdict.into_error(body);
                    return delivery.failures.push(Failure { body: body.clone(), error });
                };
                let halves = self.halves(body, &points);
                drop(points);
                let (judged, failures) = (delivery.judged(), delivery.failures.len());
                let mut offset = offset;
                for half in &halves {
                    let halvings = halvings - 1;
                    self.deliver_part(half, offset, halvings, deadline, interrupt, delivery);
                    offset += as_place(half.points());
                }
                if delivery.judged() == judged && delivery.are_too_large(failures) {
                    // Halving has not helped: told once, of the whole.
                    delivery.failures.truncate(failures);
                    let error = verdict.into_error(body);
                    delivery.failures.push(Failure { body: body.clone(), error });
                }
            }
            Verdict::Refused(reason) => delivery.refuse_all(body, offset, reason),
            Verdict::TooLarge(_) => {
                let error = verdict.into_error(body);
                delivery.failures.push(Failure { body: body.clone(), error });
            }
        }
    }

    /// Posts a body until it is judged, with the same key each time.
    fn put(&self, body: &Body, deadline: &Deadline<'_>, interrupt: &Interrupt) -> Result<Verdict> {
        let mut headers = self.headers();
        headers.push(("Content-Type", JSON.to_owned()));
        headers.push(("Content-Encoding", body.encoding().as_str().to_owned()));
        headers.push(("Idempotency-Key", body.key().to_owned()));
        let mut request = Request {
            method: Method::Post,
            url: format!("{}{PUT_PATH}?details", self.0.endpoint),
            headers,
            body: body.bytes().clone(),
            timeout: deadline.left(),
        };
        let (policy, clock) = (self.retry_policy(), &*self.0.clock);
        with_retries(policy, deadline.left(), clock, interrupt, |_| {
            let response = redirect::followed(&mut request, deadline, |request| {
                self.0.transport.send(request).map_err(|error| {
                    let message = format!("cannot send to `{}`: {error}", self.0.endpoint);
                    Error::new(error.kind(), message).with_source(error)
                })
            })?;
            self.understand(&response, body)
        })
    }

    fn understand(&self, response: &Response, body: &Body) -> Result<Verdict> {
        let status = response.status();
        let token = &self.0.token;
        let text = unpacked(response, MAX_PUT_ANSWER_BYTES, token).ok();
        let answer = text.as_deref().and_then(PutAnswer::decode);
        let answer = answer.map(|answer| said::of_points(answer, token));
        let reason = || {
            let told = text.as_deref().and_then(|text| said::reason_in(text, token));
            told.or_else(|| said::fit(&answer.as_ref()?.errors.first()?.error, token))
        };
        let error = match (status, &answer) {
            (200..=299 | 400, Some(told)) if blames(told) => {
                return Ok(Verdict::Judged(status, told.clone()));
            }
            (200..=299, _) => return Ok(Verdict::Kept),
            (400, _) => return Ok(Verdict::Refused(reason())),
            (413, _) => return Ok(Verdict::TooLarge(reason())),
            _ => status_error(response, token).with_reason(reason()),
        };
        let Some(answer) = answer else { return Err(error) };
        let (succeeded, failed) = settled(&answer, body.points());
        let rejected = if answer.errors.is_empty() {
            Vec::new()
        } else {
            rejections(&answer, 0, &body.unpacked().unwrap_or_default())
        };
        Err(error.with_counts(succeeded, failed).with_rejected(rejected))
    }
}

impl Delivery {
    /// The points the server judged, one by one or by their number.
    fn judge(&mut self, body: &Body, offset: usize, status: u16, answer: &PutAnswer) {
        let (kept, refused) = settled(answer, body.points());
        self.kept += kept;
        self.refused += refused;
        let points = body.unpacked().unwrap_or_default();
        self.rejected.extend(rejections(answer, offset, &points));
        self.status.get_or_insert(status);
    }

    /// All points of a body that the server refuses without saying which it minds.
    fn refuse_all(&mut self, body: &Body, offset: usize, reason: Option<String>) {
        self.refused += body.points();
        self.status.get_or_insert(400);
        let alone = if body.points() == 1 { "it" } else { "it, or one of its neighbours," };
        let reason =
            reason.unwrap_or_else(|| format!("the server refuses {alone} without saying why"));
        let points = body.unpacked().unwrap_or_default();
        let refused = points.iter().enumerate();
        self.rejected.extend(
            refused
                .map(|(place, point)| Rejection::new(Some(offset + place), point.name(), &reason))
                .zip(&points)
                .map(|(refused, point)| refused.with_sample(Some(sample(point)))),
        );
    }

    /// Points of which the server has said what becomes of them.
    fn judged(&self) -> u64 {
        self.kept + self.refused
    }

    /// Whether all failures from this one on are of bodies that are too large.
    fn are_too_large(&self, first: usize) -> bool {
        let mut kinds = self.failures.iter().skip(first).map(|failure| failure.error.kind());
        kinds.all(|kind| kind == ErrorKind::TooLarge)
    }

    fn passing_failure(&self) -> Option<&Error> {
        self.failures.iter().map(|failure| &failure.error).find(|error| error.is_retryable())
    }
}

/// What a server says of a body.
enum Verdict {
    /// All of it is kept.
    Kept,
    /// Some points are refused, the others kept.
    Judged(u16, PutAnswer),
    /// It takes none of it, for this reason, and does not say which points it minds.
    Refused(Option<String>),
    /// It is too large, for this reason.
    TooLarge(Option<String>),
}

impl Verdict {
    /// What it means where the body cannot be halved further.
    fn into_error(self, body: &Body) -> Error {
        let points = body.points();
        match self {
            Self::TooLarge(reason) => {
                let size = megabytes(body.bytes().len());
                let message = format!(
                    "the server does not take {} ({size} compressed) at once, \
                     send fewer at a time",
                    counted(points)
                );
                Error::new(ErrorKind::TooLarge, message).with_status(413).with_reason(reason)
            }
            Self::Kept | Self::Judged(..) | Self::Refused(_) => {
                let reason = if let Self::Refused(reason) = self { reason } else { None };
                let message = format!("the server refused {}", counted(points));
                Error::new(ErrorKind::Rejected, message).with_status(400).with_reason(reason)
            }
        }
    }
}

/// Whether an answer tells of points that are refused.
fn blames(answer: &PutAnswer) -> bool {
    answer.failed > 0 || !answer.errors.is_empty()
}

/// How many of the points sent were kept and how many not: a server's counts, but never more or
/// fewer points than were sent. What it does not say was kept was not, and an error that counts
/// no failure says nothing.
fn settled(answer: &PutAnswer, points: u64) -> (u64, u64) {
    let failed = answer.failed.max(answer.errors.len() as u64).min(points);
    let succeeded = answer.success.min(points - failed);
    if succeeded == points { (0, points) } else { (succeeded, points - succeeded) }
}

/// The server's refusals by their places in the body, moved by `offset`.
///
/// Servers that do not tell the index of a point echo the point itself.
fn rejections(answer: &PutAnswer, offset: usize, points: &[DataPoint]) -> Vec<Rejection> {
    let mut places: Option<HashMap<(&TimeSeriesName, Timestamp), usize>> = None;
    let mut rejection = |error: &PointError| {
        let echoed = decode_put(error.datapoint.as_bytes(), 1)
            .ok()
            .and_then(|decoded| decoded.points.into_iter().next());
        let place = error.index.filter(|index| *index < points.len()).or_else(|| {
            let echoed = echoed.as_ref()?;
            let places = places.get_or_insert_with(|| {
                let keys = points.iter().map(|point| (point.name(), point.timestamp()));
                // The first of equals wins: it is inserted last.
                keys.enumerate().rev().map(|(place, key)| (key, place)).collect()
            });
            places.get(&(echoed.name(), echoed.timestamp())).copied()
        });
        let sent = place.and_then(|place| points.get(place));
        let name = sent.map(|point| point.name().clone());
        let name = name.or_else(|| echoed.map(|point| point.name().clone()));
        // Whatever is echoed, it is shown rather than dropped.
        let name = name.unwrap_or_else(|| TimeSeriesName::from(error.datapoint.as_str()));
        Rejection::new(place.map(|place| offset + place), name, &error.error)
            .with_sample(sent.map(sample))
    };
    answer.errors.iter().map(&mut rejection).collect()
}

fn sample(point: &DataPoint) -> (Timestamp, f64) {
    (point.timestamp(), point.value())
}

fn counted(points: u64) -> String {
    format!("{points} point{}", if points == 1 { "" } else { "s" })
}

fn megabytes(bytes: usize) -> String {
    let megabytes = bytes as f64 / 1e6;
    if megabytes < 0.01 { "under 0.01 MB".to_owned() } else { format!("{megabytes:.2} MB") }
}

/// The number of points of a body in memory.
fn as_place(points: u64) -> usize {
    usize::try_from(points).unwrap_or(usize::MAX)
}
