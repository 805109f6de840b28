//! `POST /api/put`: points come in.

use std::sync::Arc;

use apptuit_model::limits::BATCH_POINTS;
use apptuit_model::wire::{ContentEncoding, PointError, PutAnswer, PutLimits, RefusedPoint};
use apptuit_store::{IdempotencyKey, StoreError};
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_ENCODING;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::task::spawn_blocking;

use super::parameters::Parameters;
use super::{finished, json};
use crate::admission::Room;
use crate::answers::Answers;
use crate::app::App;
use crate::body::{Received, receive};
use crate::config::ServerConfig;
use crate::connections::Caller;
use crate::error::{ApiError, Kind};
use crate::intake::{Intake, IntakeLimits, Lent, SMALL_BODY_BYTES, SMALL_INFLATED_BYTES};
use crate::tenants::Tenant;
use crate::turns::{Client, Turn};

/// What makes a resend recognisable.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Refused points named in one answer: every one of a full batch of a reporter.
const MAX_NAMED: usize = BATCH_POINTS;
/// What a point takes once it is read.
const POINT_BYTES: usize = 48;
/// Characters of the reason a point is refused for: it may quote what the caller sent.
const MAX_REASON_CHARS: usize = 300;

/// How much an answer tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    /// Nothing if all is well.
    OnlyFailure,
    /// How many points were kept.
    Counts,
    /// And which were refused.
    Points,
}

/// Keeps the good points of the body and names the others.
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    let put = Put::announced(&app, &head)?;
    drop(head);
    let limits = app.body_limits(app.config.max_body_bytes);
    let body = receive(body, limits, app.admission.memory()).await?;

    let client = app.tenants.client(&put.tenant, &caller);
    let turn = app.admission.put(client).await?;
    let detail = put.detail;
    let answer = if let Some(read) = put.read_small(&app, &body.bytes) {
        put.keep_small(app, read?, &caller.answers).await?
    } else {
        // In a box, so that what small bodies need is small.
        Box::pin(put.keep_large(app, body, client)).await?
    };
    drop(turn);
    Ok(respond(&answer, detail))
}

/// What there is to know of a body before it is read.
struct Put {
    tenant: Arc<Tenant>,
    encoding: ContentEncoding,
    key: Option<IdempotencyKey>,
    detail: Detail,
}

impl Put {
    fn announced(app: &App, head: &Parts) -> Result<Self, ApiError> {
        let tenant = app.tenants.of(&head.headers)?;
        let parameters = Parameters::of(head.uri.query().unwrap_or_default());
        let detail = match (parameters.switch("details")?, parameters.switch("summary")?) {
            (true, _) => Detail::Points,
            (false, true) => Detail::Counts,
            (false, false) => Detail::OnlyFailure,
        };
        let (encoding, key) = (encoding(&head.headers)?, idempotency_key(&head.headers)?);
        Ok(Self { tenant, encoding, key, detail })
    }

    /// Reads a small body where it is: to hand it to another thread would cost more. `None` if it
    /// turns out to be a large one.
    fn read_small(&self, app: &App, body: &[u8]) -> Option<Result<Lent, ApiError>> {
        let limits = self.limits(&app.config);
        if body.len() > SMALL_BODY_BYTES || limits.max_bytes < SMALL_INFLATED_BYTES {
            return None;
        }
        let mut intake = app.intakes.lend(body.len());
        let small = IntakeLimits { max_bytes: SMALL_INFLATED_BYTES, ..limits };
        match self.tenant.read(&mut intake, body, self.encoding, small) {
            Ok(()) => Some(Ok(intake)),
            Err(error) if error.is_too_large() => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// Keeps the points of a small body, without a thread that waits for the disk.
    async fn keep_small(
        self,
        app: Arc<App>,
        intake: Lent,
        answers: &Answers,
    ) -> Result<PutAnswer, ApiError> {
        if intake.points().is_empty() {
            return Ok(answer(&intake));
        }
        let (points, key) = (intake.points(), self.key.as_ref());
        let told = match self.tenant.begin_append(points, key, answers) {
            Ok(outcome) => outcome.await.map_err(|_| {
                ApiError::new(Kind::Internal, "the store ended before the points were written")
            })?,
            // It may have room in a while.
            Err(StoreError::Busy) => {
                let work = spawn_blocking(move || self.keep(&app, &intake));
                return finished(work.await);
            }
            Err(error) => Err(error),
        };
        self.tenant.told(told, &app.config.on_trouble)?;
        Ok(answer(&intake))
    }

    /// Keeps the points of a large body, once it may be read.
    async fn keep_large(
        self,
        app: Arc<App>,
        body: Received,
        client: Client,
    ) -> Result<PutAnswer, ApiError> {
        let reading = app.admission.reading(client).await?;
        let room = app.admission.inflation(self.encoding, body.bytes.len()).await?;
        let work = spawn_blocking(move || self.large(&app, body, reading, room));
        finished(work.await)
    }

    /// Reads a large body and keeps its points.
    fn large(
        &self,
        app: &App,
        body: Received,
        reading: Turn,
        mut room: Room,
    ) -> Result<PutAnswer, ApiError> {
        let mut intake = app.intakes.lend(body.bytes.len());
        self.tenant.read(&mut intake, &body.bytes, self.encoding, self.limits(&app.config))?;
        // What follows needs only the points, and hardly any work.
        drop((body, reading));
        room.shrink_to(intake.points().len().saturating_mul(POINT_BYTES));
        self.keep(app, &intake)
    }

    fn keep(&self, app: &App, intake: &Lent) -> Result<PutAnswer, ApiError> {
        if !intake.points().is_empty() {
            let on_trouble = &app.config.on_trouble;
            self.tenant.append(intake.points(), self.key.as_ref(), on_trouble)?;
        }
        Ok(answer(intake))
    }

    fn limits(&self, config: &ServerConfig) -> IntakeLimits {
        let max_told = if self.detail == Detail::Counts { 0 } else { MAX_NAMED };
        let put = PutLimits { max_points: config.max_points, max_told };
        IntakeLimits { max_bytes: config.max_inflated_bytes, put }
    }
}

/// The key the sender chose for this body, if there is one.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, ApiError> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().ok().and_then(IdempotencyKey::new).filter(|_| values.next().is_none());
    key.map(Some).ok_or_else(|| {
        let shown: String = String::from_utf8_lossy(value.as_bytes())
            .chars()
            .take(IdempotencyKey::MAX_LENGTH)
            .collect();
        let most = IdempotencyKey::MAX_LENGTH;
        let message = format!(
            "idempotency key `{shown}` is not taken: expected one of 1 to {most} visible ASCII \
             characters, a `~` only before digits 0 and 1"
        );
        ApiError::new(Kind::InvalidRequest, message)
    })
}

/// How the body is packed, as its headers say.
fn encoding(headers: &HeaderMap) -> Result<ContentEncoding, ApiError> {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    let Some(value) = values.next() else { return Ok(ContentEncoding::Identity) };
    let value = String::from_utf8_lossy(value.as_bytes());
    match (ContentEncoding::from_header(&value), values.next()) {
        (Some(encoding), None) => Ok(encoding),
        _ => Err(ApiError::new(
            Kind::UnsupportedEncoding,
            format!(
                "content encoding `{value}` is not taken: expected one of `deflate`, `gzip` \
                     and `identity`"
            ),
        )),
    }
}

fn answer(intake: &Intake) -> PutAnswer {
    let (named, refused) = intake.refused();
    let named = named.iter().map(|RefusedPoint { index, datapoint, reason }| PointError {
        index: Some(*index),
        datapoint: datapoint.clone(),
        error: shortened(reason.clone()),
    });
    let kept = intake.points().len();
    PutAnswer { success: kept as u64, failed: refused as u64, errors: named.collect() }
}

fn shortened(mut reason: String) -> String {
    if let Some((end, _)) = reason.char_indices().nth(MAX_REASON_CHARS) {
        reason.truncate(end);
        reason.push('…');
    }
    reason
}

fn respond(answer: &PutAnswer, detail: Detail) -> Response {
    let body = match detail {
        Detail::OnlyFailure if answer.failed == 0 => {
            return StatusCode::NO_CONTENT.into_response();
        }
        Detail::Counts => {
            let PutAnswer { success, failed, .. } = answer;
            format!("{{\"success\":{success},\"failed\":{failed}}}").into_bytes()
        }
        Detail::OnlyFailure | Detail::Points => answer.encode(),
    };
    let status = if answer.failed == 0 { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    (status, json(body)).into_response()
}
