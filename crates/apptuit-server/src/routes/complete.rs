//! `GET /api/query/complete` and `/api/query/functions`: help for whom is writing a query.

use std::sync::Arc;

use apptuit_query::{ArgumentHelp, Candidate, Completion, FunctionHelp, complete as candidates};
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::{Value, json as object};
use tokio::task::spawn_blocking;

use super::parameters::{Parameters, invalid};
use super::{finished, json};
use crate::app::App;
use crate::connections::Caller;
use crate::error::ApiError;
use crate::names::StoreNames;

pub(crate) const COMPLETE_PATH: &str = "/api/query/complete";
pub(crate) const FUNCTIONS_PATH: &str = "/api/query/functions";

/// Answers with what may be written at a place of a query.
pub(crate) async fn complete(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let tenant = app.tenants.of(request.headers())?;
    let parameters = Parameters::of(request.uri().query().unwrap_or_default());
    let text = parameters.get("q")?;
    let text = text.ok_or_else(|| invalid("parameter `q` is missing: expected a query"))?;
    let at = match parameters.get("at")? {
        None => text.len(),
        Some(at) => at.parse().ok().filter(|at| text.is_char_boundary(*at)).ok_or_else(|| {
            invalid(format!("parameter `at` is `{at}`: expected the first byte of a character"))
        })?,
    };
    let client = app.tenants.client(&tenant, &caller);
    let turn = app.admission.suggestion(client).await?;
    let work = spawn_blocking(move || {
        let completion = candidates(&text, at, &StoreNames(tenant.store()));
        drop(turn);
        Ok(completion)
    });
    let Completion { span, candidates } = finished(work.await)?;
    let candidates: Vec<Value> = candidates.into_iter().map(candidate).collect();
    let body = object!({"from": span.start, "to": span.end, "candidates": candidates});
    Ok(json(body.to_string().into_bytes()))
}

fn candidate(Candidate { text, insert, kind, about }: Candidate) -> Value {
    object!({"text": text, "insert": insert, "kind": kind.as_str(), "about": about})
}

/// Answers with all functions and methods.
pub(crate) async fn functions(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, ApiError> {
    app.tenants.of(request.headers())?;
    let all: Vec<Value> = apptuit_query::functions().into_iter().map(function).collect();
    Ok(json(Value::from(all).to_string().into_bytes()))
}

fn function(FunctionHelp { name, is_method, example, about, arguments }: FunctionHelp) -> Value {
    let arguments: Vec<Value> = arguments.into_iter().map(argument).collect();
    object!({
        "name": name, "isMethod": is_method, "example": example, "about": about,
        "arguments": arguments,
    })
}

fn argument(argument: ArgumentHelp) -> Value {
    let ArgumentHelp { name, is_keyword, is_required, about, values } = argument;
    let value = |(value, about)| object!({"value": value, "about": about});
    let values: Vec<Value> = values.into_iter().map(value).collect();
    object!({
        "name": name, "isKeyword": is_keyword, "isRequired": is_required, "about": about,
        "values": values,
    })
}
