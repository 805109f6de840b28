//! `GET /api/suggest`: names that begin with some letters, as `OpenTSDB` tells them.

use std::sync::Arc;

use apptuit_store::Suggest;
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::parameters::{Parameters, invalid};
use super::{finished, json};
use crate::app::App;
use crate::connections::Caller;
use crate::error::ApiError;

/// Names in an answer, if the caller does not say.
const DEFAULT_NAMES: usize = 25;
/// Names in an answer, whatever the caller says.
const MAX_NAMES: usize = 10_000;

/// Answers with an array of names, sorted.
pub(crate) async fn suggest(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let tenant = app.tenants.of(request.headers())?;
    let parameters = Parameters::of(request.uri().query().unwrap_or_default());
    let kind = kind(&parameters)?;
    let (metric, key) = (parameters.get("metric")?, parameters.get("key")?);
    let prefix = parameters.get("q")?.unwrap_or_default();
    let max = max(&parameters)?;
    let client = app.tenants.client(&tenant, &caller);
    let turn = app.admission.suggestion(client).await?;
    let work = spawn_blocking(move || {
        let metric = metric.as_deref();
        let what = match kind {
            Kind::Metrics => Suggest::Metrics,
            Kind::TagKeys => Suggest::TagKeys(metric),
            Kind::TagValues => Suggest::TagValues { metric, key: key.as_deref() },
        };
        let names = tenant.store().suggest(what, &prefix, max);
        drop(turn);
        Ok(names?)
    });
    let names = finished(work.await)?;
    Ok(json(Value::from(names).to_string().into_bytes()))
}

enum Kind {
    Metrics,
    TagKeys,
    TagValues,
}

fn kind(parameters: &Parameters<'_>) -> Result<Kind, ApiError> {
    match parameters.get("type")?.as_deref() {
        Some("metrics") => Ok(Kind::Metrics),
        Some("tagk") => Ok(Kind::TagKeys),
        Some("tagv") => Ok(Kind::TagValues),
        Some(other) => Err(invalid(format!(
            "parameter `type` is `{other}`: expected `metrics`, `tagk` or `tagv`"
        ))),
        None => Err(invalid("parameter `type` is missing: expected `metrics`, `tagk` or `tagv`")),
    }
}

fn max(parameters: &Parameters<'_>) -> Result<usize, ApiError> {
    match parameters.get("max")? {
        None => Ok(DEFAULT_NAMES),
        Some(text) => match text.parse::<usize>() {
            Ok(max) => Ok(max.min(MAX_NAMES)),
            Err(_) => Err(invalid(format!("parameter `max` is `{text}`: expected a whole number"))),
        },
    }
}
