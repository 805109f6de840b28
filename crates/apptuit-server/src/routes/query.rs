//! `GET` and `POST /api/query`: series go out.

use std::str;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use apptuit_model::wire::{AnswerOutput, AnswerSeries, QueryAnswer, QueryEcho, QueryStats, Timing};
use apptuit_model::{TimeRange, Timestamp};
use apptuit_query::{
    Answer, Engine, Limits, Output, OutputSeries, QueryError, QueryErrorKind, parse,
};
use apptuit_store::{Cancelled, ReadLimits};
use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::parameters::{Parameters, invalid};
use super::{finished, json};
use crate::app::App;
use crate::body::receive;
use crate::connections::Caller;
use crate::error::{ApiError, Kind};
use crate::names::StoreNames;
use crate::source::StoreSource;
use crate::tenants::Tenant;
use crate::turns::Client;

/// Bytes of a form: more than the longest query that is parsed, in percent-encoding.
const MAX_FORM_BYTES: usize = 4 << 20;
const FORM: &str = "application/x-www-form-urlencoded";
/// How long a query that has been cancelled is waited for.
const CANCEL_TIME: Duration = Duration::from_secs(1);

/// Answers a query; its failures too have the shape of an answer.
pub(crate) async fn query(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    let nothing = QueryEcho { text: String::new(), range: epoch() };
    let tenant = app.tenants.of(&head.headers).map_err(|error| error.about(nothing.clone()))?;
    let client = app.tenants.client(&tenant, &caller);
    let asked = asked(&app, &head, body).await.map_err(|error| error.about(nothing))?;
    let range = asked.range.as_ref().copied().unwrap_or_else(|_| epoch());
    let echo = QueryEcho { text: asked.text, range };
    let answered = match asked.range {
        Ok(_) => evaluate(app, (tenant, client), echo.clone(), asked.explain).await,
        Err(error) => Err(error),
    };
    answered.map(json).map_err(|error| error.about(echo))
}

/// What was asked, as far as it could be understood.
struct Asked {
    text: String,
    /// The plan is asked for, not the answer.
    explain: bool,
    range: Result<TimeRange, ApiError>,
}

async fn asked(app: &App, head: &Parts, body: Body) -> Result<Asked, ApiError> {
    let parameters = Parameters::of(head.uri.query().unwrap_or_default());
    if head.method != Method::POST {
        return understand(&parameters, app.clock.timestamp());
    }
    check_form(&head.headers)?;
    let form = receive(body, app.body_limits(MAX_FORM_BYTES), app.admission.memory()).await?;
    let form = str::from_utf8(&form.bytes).map_err(|_| invalid("the form is not UTF-8"))?;
    understand(&parameters.and(form), app.clock.timestamp())
}

fn check_form(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(media_type) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let media_type = String::from_utf8_lossy(media_type.as_bytes());
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(FORM) {
        return Ok(());
    }
    let message = format!("content type `{essence}` is not taken: expected `{FORM}`");
    Err(ApiError::new(Kind::UnsupportedMediaType, message))
}

fn understand(parameters: &Parameters<'_>, now: Timestamp) -> Result<Asked, ApiError> {
    let text = parameters.get("q")?;
    let text = text.ok_or_else(|| invalid("parameter `q` is missing: expected a query"))?;
    Ok(Asked { text, explain: parameters.switch("explain")?, range: range(parameters, now) })
}

fn range(parameters: &Parameters<'_>, now: Timestamp) -> Result<TimeRange, ApiError> {
    let start = parameters.get("start")?;
    let start = start
        .ok_or_else(|| invalid("parameter `start` is missing: expected seconds since the epoch"))?;
    let start = instant("start", &start)?;
    let end = match parameters.get("end")? {
        Some(end) => instant("end", &end)?,
        None => now,
    };
    if start > end {
        return Err(invalid(format!("`start` is `{start}`, after `end`, which is `{end}`")));
    }
    Ok(TimeRange::new(start, end))
}

/// Seconds or milliseconds, with or without a fraction.
fn instant(key: &str, text: &str) -> Result<Timestamp, ApiError> {
    let number = text.trim().parse().ok();
    number.and_then(Timestamp::from_number).ok_or_else(|| {
        invalid(format!("parameter `{key}` is `{text}`: expected seconds since the epoch"))
    })
}

fn epoch() -> TimeRange {
    TimeRange::new(Timestamp::default(), Timestamp::default())
}

async fn evaluate(
    app: Arc<App>,
    (tenant, client): (Arc<Tenant>, Client),
    echo: QueryEcho,
    explain: bool,
) -> Result<Vec<u8>, ApiError> {
    let turn = app.admission.query(client).await?;
    let limit = app.config.query_timeout;
    let gone = Gone::default();
    let cancelled = cancelled(&app, &gone);
    let work = spawn_blocking(move || {
        let body = answer(&app, &tenant, echo, explain, cancelled).map(|answer| answer.encode());
        drop(turn);
        body
    });
    // If the caller leaves, this is dropped where it waits, and `gone` ends the query.
    let done = timeout(limit.saturating_add(CANCEL_TIME), work).await;
    drop(gone);
    done.map_or_else(|_| Err(too_slow(limit)), finished)
}

/// Whether a query should end: too much time has passed, the caller has left, or the server ends.
fn cancelled(app: &Arc<App>, gone: &Gone) -> Cancelled {
    let (app, gone) = (Arc::clone(app), Arc::clone(&gone.0));
    let deadline = app.clock.now().saturating_add(app.config.query_timeout);
    Arc::new(move || gone.load(Ordering::Relaxed) || app.is_ending() || app.clock.now() >= deadline)
}

/// Tells a query, when it is dropped, that nobody waits for it.
#[derive(Debug, Default)]
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn answer(
    app: &App,
    tenant: &Tenant,
    echo: QueryEcho,
    explain: bool,
    cancelled: Cancelled,
) -> Result<QueryAnswer, ApiError> {
    let (config, clock) = (&app.config, &*app.clock);
    let (max_series, max_points) = (config.max_query_series, config.max_query_points);
    let reading = ReadLimits { max_series, max_points, cancelled: Some(Arc::clone(&cancelled)) };
    let engine = Engine::new(Limits {
        max_series,
        max_points,
        max_bytes: config.max_query_bytes,
        cancelled: Some(cancelled),
        ..Limits::default()
    });

    let start = clock.now();
    let query = parse(&echo.text)?;
    let parsed = clock.now();
    let plan = engine.plan(&query)?;
    let planned = clock.now();
    let source = StoreSource::new(tenant.store(), reading, clock);
    let names = StoreNames(tenant.store());
    let failed = |error: QueryError| match error.kind() {
        QueryErrorKind::Cancelled if app.is_ending() => {
            ApiError::new(Kind::Overloaded, "the server is being stopped")
        }
        QueryErrorKind::Cancelled => too_slow(config.query_timeout),
        _ => {
            let hints = query.advice(Err(&error), &names);
            ApiError::from(error).hinted(hints)
        }
    };
    let (found, hints) = if explain {
        let told = engine.explain(&plan, echo.range, &source).map_err(failed)?.to_string();
        let nothing = Answer { outputs: Vec::new(), points_read: 0, series_read: 0 };
        (nothing, told.lines().map(str::to_owned).collect())
    } else {
        let found = engine.run_plan(&plan, echo.range, &source).map_err(failed)?;
        let hints = query.advice(Ok(&found), &names);
        (found, hints)
    };
    let end = clock.now();

    let timing = |tag: &str, count: u64, elapsed: Duration| Timing {
        tag: tag.to_owned(),
        count,
        elapsed_millis: millis(elapsed),
    };
    let total = end.saturating_sub(start);
    Ok(QueryAnswer {
        hints,
        query: echo,
        stats: QueryStats {
            points_processed: found.points_read,
            series: found.series_read,
            elapsed_millis: millis(total),
        },
        timings: vec![
            timing("QUERY_EXECUTION_TOTAL_TIME", 1, total),
            timing("AST_BUILD_TOTAL_TIME", 1, parsed.saturating_sub(start)),
            timing("PLAN_BUILDING_TOTAL_TIME", 1, planned.saturating_sub(parsed)),
            timing("PLAN_EXECUTION_TOTAL_TIME", 1, end.saturating_sub(planned)),
            timing("DATASOURCE_FETCH_TOTAL_TIME", source.reads(), source.elapsed()),
        ],
        outputs: outputs(found),
    })
}

fn too_slow(limit: Duration) -> ApiError {
    let message = format!("the query took more than {limit:?}: ask for less time or fewer series");
    ApiError::new(Kind::Query(QueryErrorKind::Cancelled), message)
}

fn outputs(answer: Answer) -> Vec<AnswerOutput> {
    let series =
        |OutputSeries { series, aggregated_tags }| AnswerSeries { series, aggregated_tags };
    let output = |output: Output| AnswerOutput {
        id: output.id,
        series: output.series.into_iter().map(series).collect(),
    };
    answer.outputs.into_iter().map(output).collect()
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
