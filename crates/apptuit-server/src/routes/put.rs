//! `POST /api/put`: points come in.

use std::sync::Arc;

use apptuit_model::DataPoint;
use apptuit_model::limits::BATCH_POINTS;
use apptuit_model::wire::{
    ContentEncoding, DecodedPut, InflateError, PointError, PutAnswer, RefusedPoint, decode_put,
};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_ENCODING;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::task::spawn_blocking;

use super::parameters::Parameters;
use super::{finished, json};
use crate::app::App;
use crate::body::receive;
use crate::config::ServerConfig;
use crate::error::{ApiError, Kind};

/// Refused points named in one answer: every one of a full batch of a reporter.
const MAX_NAMED: usize = BATCH_POINTS;
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
    let limits = app.body_limits(app.config.max_body_bytes);
    let body = receive(body, limits, app.admission.memory()).await?;

    let turn = app.admission.put().await?;
    let mut room = app.admission.inflation(encoding, body.bytes.len()).await?;
    let work = spawn_blocking(move || {
        let decoded = decode(&body.bytes, encoding, &app.config)?;
        // What follows needs only the points.
        drop(body);
        room.shrink_to(decoded.points.len().saturating_mul(size_of::<DataPoint>()));
        if !decoded.points.is_empty() {
            tenant.append(&decoded.points, &app.config.on_trouble)?;
        }
        drop((turn, room));
        Ok(answer(decoded))
    });
    let answer = finished(work.await)?;
    Ok(respond(&answer, detail))
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

fn decode(
    body: &[u8],
    encoding: ContentEncoding,
    config: &ServerConfig,
) -> Result<DecodedPut, ApiError> {
    let json = encoding.unpack(body, config.max_inflated_bytes);
    let json = json.map_err(|error| match (error, encoding) {
        (InflateError::TooLarge { limit_bytes }, _) => ApiError::new(
            Kind::TooLarge,
            format!("the body is too large once inflated: at most {limit_bytes} bytes are taken"),
        ),
        (_, ContentEncoding::Deflate) => {
            ApiError::new(Kind::InvalidBody, "the body is not whole and sound zlib data")
        }
        _ => ApiError::new(Kind::InvalidBody, "the body is not whole and sound gzip data"),
    })?;
    Ok(decode_put(&json, config.max_points)?)
}

fn answer(decoded: DecodedPut) -> PutAnswer {
    let (kept, refused) = (decoded.points.len(), decoded.refused.len());
    let named = decoded.refused.into_iter().take(MAX_NAMED);
    let named = named.map(|RefusedPoint { index, datapoint, reason }| PointError {
        index: Some(index),
        datapoint,
        error: shortened(reason),
    });
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
