//! `POST /api/put`: points come in.

use std::sync::Arc;

use apptuit_model::limits::BATCH_POINTS;
use apptuit_model::wire::{ContentEncoding, PointError, PutAnswer, PutLimits, RefusedPoint};
use apptuit_store::IdempotencyKey;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_ENCODING;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::task::spawn_blocking;

use super::parameters::Parameters;
use super::{finished, json};
use crate::app::App;
use crate::body::receive;
use crate::error::{ApiError, Kind};
use crate::intake::{Intake, IntakeLimits};

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
    request: Request,
) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    let tenant = app.tenants.of(&head.headers)?;
    let parameters = Parameters::of(head.uri.query().unwrap_or_default());
    let detail = match (parameters.switch("details")?, parameters.switch("summary")?) {
        (true, _) => Detail::Points,
        (false, true) => Detail::Counts,
        (false, false) => Detail::OnlyFailure,
    };
    let encoding = encoding(&head.headers)?;
    let key = idempotency_key(&head.headers)?;
    let limits = app.body_limits(app.config.max_body_bytes);
    let body = receive(body, limits, app.admission.memory()).await?;

    let turn = app.admission.put().await?;
    let mut room = app.admission.inflation(encoding, body.bytes.len()).await?;
    let work = spawn_blocking(move || {
        let config = &app.config;
        let max_told = if detail == Detail::Counts { 0 } else { MAX_NAMED };
        let put = PutLimits { max_points: config.max_points, max_told };
        let limits = IntakeLimits { max_bytes: config.max_inflated_bytes, put };
        app.intakes.with(body.bytes.len(), |intake| {
            tenant.read(intake, &body.bytes, encoding, limits)?;
            // What follows needs only the points.
            drop(body);
            room.shrink_to(intake.points().len().saturating_mul(POINT_BYTES));
            tenant.append(intake.points(), key.as_ref(), &config.on_trouble)?;
            drop((turn, room));
            Ok(answer(intake))
        })
    });
    let answer = finished(work.await)?;
    Ok(respond(&answer, detail))
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
             characters"
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
