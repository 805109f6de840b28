//! Points on their way out: named, checked, packed, sent, and the answer understood.

use std::borrow::Cow;
use std::collections::HashMap;

use apptuit_model::wire::{
    ContentEncoding, JSON, PUT_PATH, PutAnswer, decode_put, encode_points, encode_series,
};
use apptuit_model::{DataPoint, NameError, Tags, TimeSeries, TimeSeriesName};

use super::retry::with_retries;
use super::said;
use super::{Client, Interrupt, Method, Request, Response, status_error};
use crate::error::Rejection;
use crate::reporter::PointSink;
use crate::{Error, ErrorKind, Result};

/// Bytes of an answer to a put that are unpacked.
const MAX_PUT_ANSWER_BYTES: usize = 64 << 20;

impl Client {
    /// Sends points in one request and waits until the server has them.
    ///
    /// Names are sanitised and global tags merged under the points' own. Points that cannot be sent
    /// (no tags, too many, an invalid name, a value that is not finite) stay here; the others go
    /// out. Without points nothing is sent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Rejected`] if some points were refused, here or by the server;
    /// [`Error::rejected`] names them, and the others were kept. Every other kind says that nothing
    /// is known to have been kept.
    pub fn send(&self, points: &[DataPoint]) -> Result<()> {
        self.send_interruptibly(points, &Interrupt::new())
    }

    /// Sends whole series in one request, each name sanitised and checked once.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); the index of a rejection is that of the series.
    pub fn send_series(&self, series: &[TimeSeries]) -> Result<()> {
        let mut batch = Batch::default();
        let mut kept = Vec::with_capacity(series.len());
        for (index, one) in series.iter().enumerate() {
            let name = match self.outgoing_name(one.name()) {
                Ok(name) => name,
                Err(error) => {
                    let reason = advice(&error);
                    batch.refuse(Rejection::new(Some(index), one.name(), reason), one.len());
                    continue;
                }
            };
            let finite = finite_part(one);
            let lost = one.len() - finite.len();
            if lost > 0 {
                let reason = format!("{lost} of its {} values are not finite", one.len());
                batch.refuse(Rejection::new(Some(index), one.name(), reason), lost);
            }
            batch.origins.extend(std::iter::repeat_n(index, finite.len()));
            kept.push(finite.into_owned().renamed(name));
        }
        self.send_batch(
            batch,
            || encode_series(&kept),
            || kept.iter().flat_map(TimeSeries::points).collect(),
            |index| series.get(index).map(TimeSeries::name),
            &Interrupt::new(),
        )
    }

    fn send_interruptibly(&self, points: &[DataPoint], interrupt: &Interrupt) -> Result<()> {
        let mut batch = Batch::default();
        let mut kept = Vec::with_capacity(points.len());
        let mut names: HashMap<&TimeSeriesName, Result<TimeSeriesName, NameError>> = HashMap::new();
        for (index, point) in points.iter().enumerate() {
            let name =
                names.entry(point.name()).or_insert_with(|| self.outgoing_name(point.name()));
            let reason = match name {
                Ok(name) if point.value().is_finite() => {
                    batch.origins.push(index);
                    kept.push(DataPoint::new(&*name, point.timestamp(), point.value()));
                    continue;
                }
                Ok(_) => format!("the value is `{}`, expected a finite number", point.value()),
                Err(error) => advice(error),
            };
            batch.refuse(Rejection::new(Some(index), point.name(), reason), 1);
        }
        self.send_batch(
            batch,
            || encode_points(&kept),
            || kept.clone(),
            |index| points.get(index).map(DataPoint::name),
            interrupt,
        )
    }

    /// The name as it travels: global tags merged under its own, sanitised, checked.
    fn outgoing_name(&self, name: &TimeSeriesName) -> Result<TimeSeriesName, NameError> {
        let merged = name.with_tags(name.tags().merged_over(&self.0.global_tags));
        let mut clean = self.0.sanitizer.name(&merged)?;
        if !self.0.global_tags.is_empty() {
            // Keys may have become one only now: the series' own tag wins over a global one.
            let own = self.0.sanitizer.name(name)?;
            clean = clean.with_tags(own.tags().merged_over(clean.tags()));
        }
        if clean.tags().is_empty() {
            return Err(NameError::NoTags { metric: name.metric().to_owned() });
        }
        Ok(clean)
    }

    /// Sends what is left of a batch. `sent` and `name_of` are asked only if the server refuses
    /// points: which were sent, in the body's order, and the caller's name of one.
    fn send_batch<'a>(
        &self,
        batch: Batch,
        encode: impl FnOnce() -> Vec<u8>,
        sent: impl FnOnce() -> Vec<DataPoint>,
        name_of: impl Fn(usize) -> Option<&'a TimeSeriesName>,
        interrupt: &Interrupt,
    ) -> Result<()> {
        let Batch { origins, mut rejected, refused } = batch;
        let count = as_count(origins.len());
        if count == 0 {
            return if refused == 0 { Ok(()) } else { Err(Error::refusal(0, refused, rejected)) };
        }
        let body = ContentEncoding::Deflate.pack(&encode());
        let answer = match self.put(&body, count, interrupt) {
            Ok(answer) => answer,
            Err(error) => {
                let (succeeded, failed) = match (error.succeeded(), error.failed()) {
                    (0, 0) => (0, count),
                    counts => counts,
                };
                return Err(error.with_counts(succeeded, failed + refused).with_rejected(rejected));
            }
        };
        let Some(answer) = answer else {
            return if refused == 0 {
                Ok(())
            } else {
                Err(Error::refusal(count, refused, rejected))
            };
        };
        let (succeeded, failed) = settled(&answer, count);
        rejected.extend(rejections(&answer, &origins, &sent(), name_of));
        rejected.sort_by_key(|rejection| rejection.index().unwrap_or(usize::MAX));
        let status = answer.status;
        let error = Error::refusal(succeeded, failed + refused, rejected);
        Err(error.with_status(status))
    }

    /// Posts a body; `None` if all of it was kept, the answer if a part was refused.
    fn put(&self, body: &[u8], points: u64, interrupt: &Interrupt) -> Result<Option<Refused>> {
        let mut headers = self.headers();
        headers.push(("Content-Type", JSON.to_owned()));
        headers.push(("Content-Encoding", ContentEncoding::Deflate.as_str().to_owned()));
        let mut request = Request {
            method: Method::Post,
            url: format!("{}{PUT_PATH}?details", self.0.endpoint),
            headers,
            body: body.to_vec(),
            timeout: self.0.timeout,
        };
        let clock = &*self.0.clock;
        with_retries(self.0.retry, self.0.timeout, clock, interrupt, |left| {
            request.timeout = left;
            let response = self.0.transport.send(&request).map_err(|error| {
                let message = format!("cannot send to `{}`: {error}", self.0.endpoint);
                Error::new(error.kind(), message).with_source(error)
            })?;
            understand(&response, points, request.body.len(), &self.0.token)
        })
    }
}

impl PointSink for Client {
    fn deliver(&self, points: &[DataPoint]) -> Result<()> {
        self.send(points)
    }

    fn deliver_until(&self, points: &[DataPoint], interrupt: &Interrupt) -> Result<()> {
        self.send_interruptibly(points, interrupt)
    }

    fn global_tags(&self) -> Tags {
        self.0.global_tags.clone()
    }

    fn clean_key<'a>(&self, key: &'a str) -> Cow<'a, str> {
        self.0.sanitizer.clean(key)
    }
}

/// What of a batch goes out, and what does not.
#[derive(Default)]
struct Batch {
    /// For each point of the body, its index in the call.
    origins: Vec<usize>,
    rejected: Vec<Rejection>,
    refused: u64,
}

impl Batch {
    fn refuse(&mut self, rejection: Rejection, points: usize) {
        self.rejected.push(rejection);
        self.refused += as_count(points);
    }
}

/// A put of which the server refused a part.
struct Refused {
    status: u16,
    answer: PutAnswer,
}

impl std::ops::Deref for Refused {
    type Target = PutAnswer;

    fn deref(&self) -> &PutAnswer {
        &self.answer
    }
}

fn understand(
    response: &Response,
    points: u64,
    body_bytes: usize,
    token: &str,
) -> Result<Option<Refused>> {
    let status = response.status();
    let body = unpacked(response, MAX_PUT_ANSWER_BYTES).ok();
    let answer = body.as_deref().and_then(PutAnswer::decode);
    let reason = || {
        let told = body.as_deref().and_then(|body| said::reason_in(body, token));
        told.or_else(|| said::fit(&answer.as_ref()?.errors.first()?.error, token))
    };
    let error = match (status, &answer) {
        (200..=299, Some(answer)) if answer.failed > 0 => {
            return Ok(Some(Refused { status, answer: answer.clone() }));
        }
        (200..=299, _) => return Ok(None),
        (400, Some(answer)) => return Ok(Some(Refused { status, answer: answer.clone() })),
        (400, None) => {
            let why = reason().map_or(" without saying why".to_owned(), |why| format!(": {why}"));
            let message = format!("the server refused all {points} points{why}");
            return Err(Error::new(ErrorKind::Rejected, message).with_status(status));
        }
        (413, _) => {
            let size = megabytes(body_bytes);
            let message = format!(
                "the server does not take {points} points ({size} compressed) at once, \
                 send fewer at a time"
            );
            Error::new(ErrorKind::TooLarge, message).with_status(status)
        }
        _ => status_error(response),
    };
    let error = error.with_reason(reason());
    match answer {
        Some(answer) => {
            let (succeeded, failed) = settled(&answer, points);
            Err(error.with_counts(succeeded, failed))
        }
        None => Err(error),
    }
}

/// How many of the points sent were kept and how many not: a server's counts, but never more or
/// fewer points than were sent. What it does not say was kept was not, and an error that counts
/// no failure says nothing.
fn settled(answer: &PutAnswer, points: u64) -> (u64, u64) {
    let failed = answer.failed.max(as_count(answer.errors.len())).min(points);
    let succeeded = answer.success.min(points - failed);
    if succeeded == points { (0, points) } else { (succeeded, points - succeeded) }
}

/// What is wrong with a name, and what the caller of this client can do about it.
fn advice(error: &NameError) -> String {
    match error {
        NameError::NoTags { .. } => {
            format!("{error}, of its own, in the global tags or in APPTUIT_TAGS")
        }
        _ => error.to_string(),
    }
}

fn megabytes(bytes: usize) -> String {
    let megabytes = bytes as f64 / 1e6;
    if megabytes < 0.01 { "under 0.01 MB".to_owned() } else { format!("{megabytes:.2} MB") }
}

/// The body without its compression.
///
/// # Errors
///
/// [`ErrorKind::Answer`]: it is damaged, larger than `limit_bytes`, or in an unknown encoding.
pub(super) fn unpacked(response: &Response, limit_bytes: usize) -> Result<Cow<'_, [u8]>> {
    let header = response.header("content-encoding").unwrap_or_default();
    let encoding = ContentEncoding::from_header(header).ok_or_else(|| {
        Error::new(ErrorKind::Answer, format!("the answer's encoding `{header}` is not known"))
    })?;
    encoding.unpack(response.body(), limit_bytes).map_err(|error| {
        Error::new(ErrorKind::Answer, format!("the answer cannot be unpacked: {error}"))
            .with_source(error)
    })
}

/// The server's refusals under the indices and names the caller knows.
///
/// Servers that do not tell the index of a point echo the point itself.
fn rejections<'a>(
    answer: &PutAnswer,
    origins: &[usize],
    sent: &[DataPoint],
    name_of: impl Fn(usize) -> Option<&'a TimeSeriesName>,
) -> Vec<Rejection> {
    let rejection = |error: &apptuit_model::wire::PointError| {
        let echoed = decode_put(error.datapoint.as_bytes(), 1)
            .ok()
            .and_then(|decoded| decoded.points.into_iter().next());
        let place = error.index.or_else(|| {
            let echoed = echoed.as_ref()?;
            sent.iter().position(|point| {
                point.name() == echoed.name() && point.timestamp() == echoed.timestamp()
            })
        });
        let index = place.and_then(|place| origins.get(place).copied());
        let name = index.and_then(&name_of).cloned();
        let name = name.or_else(|| echoed.map(|point| point.name().clone()));
        // Whatever is echoed, it is shown rather than dropped.
        let name = name.unwrap_or_else(|| TimeSeriesName::from(error.datapoint.as_str()));
        Rejection::new(index, name, &error.error)
    };
    answer.errors.iter().map(rejection).collect()
}

fn finite_part(series: &TimeSeries) -> Cow<'_, TimeSeries> {
    if series.values().iter().all(|value| value.is_finite()) {
        return Cow::Borrowed(series);
    }
    let finite = series.iter().filter(|(_, value)| value.is_finite());
    Cow::Owned(TimeSeries::from_points(series.name(), finite))
}

fn as_count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
