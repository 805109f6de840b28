//! The answer to a request that fails: one status and one JSON body each.

use std::time::Duration;

use apptuit_model::wire::{JSON, PutBodyError, QueryEcho, QueryFailure};
use apptuit_query::{QueryError, QueryErrorKind};
use apptuit_store::StoreError;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// When a caller may come back to an overloaded server.
const COME_BACK: Duration = Duration::from_secs(5);

/// What is wrong with a request, or with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    InvalidRequest,
    InvalidBody,
    UnsupportedEncoding,
    UnsupportedMediaType,
    Authentication,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    SlowBody,
    TooLarge,
    KeyReused,
    PartsKept,
    Query(QueryErrorKind),
    Overloaded,
    Internal,
}

impl Kind {
    /// The table.
    fn status_and_type(self) -> (StatusCode, &'static str) {
        match self {
            Self::InvalidRequest => (StatusCode::BAD_REQUEST, "ERROR_INVALID_REQUEST"),
            Self::InvalidBody => (StatusCode::BAD_REQUEST, "ERROR_INVALID_BODY"),
            Self::UnsupportedEncoding => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "ERROR_UNSUPPORTED_ENCODING")
            }
            Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "ERROR_UNSUPPORTED_MEDIA_TYPE")
            }
            Self::Authentication => (StatusCode::UNAUTHORIZED, "ERROR_AUTHENTICATION"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "ERROR_FORBIDDEN"),
            Self::NotFound => (StatusCode::NOT_FOUND, "ERROR_NOT_FOUND"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "ERROR_METHOD_NOT_ALLOWED"),
            Self::SlowBody => (StatusCode::REQUEST_TIMEOUT, "ERROR_BODY_TIMEOUT"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "ERROR_LIMIT_EXCEEDED"),
            Self::KeyReused => (StatusCode::UNPROCESSABLE_ENTITY, "ERROR_IDEMPOTENCY_KEY_REUSED"),
            // A client sends halves of what is too large, and halves are what is wanted.
            Self::PartsKept => (StatusCode::PAYLOAD_TOO_LARGE, "ERROR_PARTS_KEPT"),
            Self::Query(kind) => {
                let status = match kind {
                    QueryErrorKind::LimitExceeded => StatusCode::PAYLOAD_TOO_LARGE,
                    QueryErrorKind::Cancelled => StatusCode::GATEWAY_TIMEOUT,
                    QueryErrorKind::Source => StatusCode::INTERNAL_SERVER_ERROR,
                    _ => StatusCode::BAD_REQUEST,
                };
                (status, kind.error_type())
            }
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "ERROR_OVERLOADED"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "ERROR_INTERNAL"),
        }
    }
}

/// A request that fails.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ApiError {
    kind: Kind,
    message: String,
    /// Line from 1 and byte column from 0, where the query is to blame.
    place: Option<(usize, usize)>,
    /// The query, where one was asked: its failures have a shape of their own.
    echo: Option<Box<QueryEcho>>,
    hints: Vec<String>,
}

impl ApiError {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), place: None, echo: None, hints: Vec::new() }
    }

    /// Whether the request has more of something than is taken.
    pub(crate) fn is_too_large(&self) -> bool {
        self.kind == Kind::TooLarge
    }

    /// With advice on the query.
    pub(crate) fn hinted(self, hints: Vec<String>) -> Self {
        Self { hints, ..self }
    }

    /// The failure of this query.
    pub(crate) fn about(self, echo: QueryEcho) -> Self {
        Self { echo: Some(Box::new(echo)), ..self }
    }

    fn body(&self, error_type: &str) -> Vec<u8> {
        let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        match &self.echo {
            Some(echo) => {
                let (line, column) =
                    self.place.map_or((1, -1), |(line, column)| (number(line), number(column)));
                let (error_type, message) = (error_type.to_owned(), self.message.clone());
                let hints = self.hints.clone();
                QueryFailure { error_type, message, line, column, hints }.encode(echo)
            }
            None => json!({"errors": [{"errorType": error_type, "message": self.message}]})
                .to_string()
                .into_bytes(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, error_type) = self.kind.status_and_type();
        let body = self.body(error_type);
        let mut response = (status, [(CONTENT_TYPE, JSON)], body).into_response();
        let headers = response.headers_mut();
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from(COME_BACK.as_secs()));
            }
            _ => {}
        }
        response
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let place = Some((error.line(), error.column()));
        Self { place, ..Self::new(Kind::Query(error.kind()), error.message()) }
    }
}

impl From<PutBodyError> for ApiError {
    fn from(error: PutBodyError) -> Self {
        let kind = match error {
            PutBodyError::TooManyPoints { .. } => Kind::TooLarge,
            _ => Kind::InvalidBody,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let kind = match error {
            StoreError::Busy => Kind::Overloaded,
            StoreError::TooManySeries { .. } => Kind::TooLarge,
            StoreError::KeyReused { .. } => Kind::KeyReused,
            StoreError::PartsKept { .. } => Kind::PartsKept,
            _ => Kind::Internal,
        };
        Self::new(kind, store_message(&error))
    }
}

/// What is wrong with a store, without the path of its file.
pub(crate) fn store_message(error: &StoreError) -> String {
    match error {
        StoreError::Corrupt { at, what, .. } => format!("the data is damaged at {at}: {what}"),
        StoreError::Io { doing, source, .. } => format!("cannot {doing} the data: {source}"),
        other => other.to_string(),
    }
}
