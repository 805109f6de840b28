//! What is done at each path.

mod complete;
mod health;
pub(crate) mod page;
mod parameters;
mod put;
mod query;
mod suggest;
#[cfg(test)]
mod tests;

pub(crate) use complete::{COMPLETE_PATH, FUNCTIONS_PATH, complete, functions};
pub(crate) use health::{HEALTH_PATH, health};
pub(crate) use put::put;
pub(crate) use query::query;
pub(crate) use suggest::suggest;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use apptuit_model::wire::JSON;
use tokio::task::JoinError;

use crate::error::{ApiError, Kind};

/// An answer of JSON with status 200.
fn json(body: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, JSON)], body).into_response()
}

/// What a thread did, or that it panicked.
fn finished<T>(work: Result<Result<T, ApiError>, JoinError>) -> Result<T, ApiError> {
    work.unwrap_or_else(|_| Err(ApiError::new(Kind::Internal, "the server failed at this request")))
}
