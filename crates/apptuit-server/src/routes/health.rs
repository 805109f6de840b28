//! `GET /health`: whether the server can do its work.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::json;
use crate::app::App;
use crate::tenants::WAY_OUT;

pub(crate) const HEALTH_PATH: &str = "/health";

/// Tells nothing of tenants, as everyone may ask.
pub(crate) async fn health(State(app): State<Arc<App>>) -> Response {
    if app.tenants.can_write() {
        return json(br#"{"status":"ok"}"#.to_vec());
    }
    let body = format!(r#"{{"status":"read only","reason":"a write has failed: {WAY_OUT}"}}"#);
    (StatusCode::SERVICE_UNAVAILABLE, json(body.into_bytes())).into_response()
}
