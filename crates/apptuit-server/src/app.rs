//! What all requests share, and which path leads where.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use apptuit_metrics::Clock;
use apptuit_model::wire::{PUT_PATH, QUERY_PATH, SUGGEST_PATH};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use crate::admission::Admission;
use crate::body::BodyLimits;
use crate::config::ServerConfig;
use crate::connections::Caller;
use crate::error::{ApiError, Kind};
use crate::intake::Intakes;
use crate::routes::{
    COMPLETE_PATH, FUNCTIONS_PATH, HEALTH_PATH, complete, functions, health, page, put, query,
    suggest,
};
use crate::tenants::Tenants;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: ServerConfig,
    pub(crate) tenants: Tenants,
    pub(crate) admission: Admission,
    pub(crate) intakes: Intakes,
    pub(crate) clock: Arc<dyn Clock>,
    /// Set when the time that requests have to finish is over.
    ending: AtomicBool,
}

impl App {
    pub(crate) fn new(config: ServerConfig, tenants: Tenants, clock: Arc<dyn Clock>) -> Self {
        let admission = Admission::new(&config);
        let intakes = Intakes::new(config.max_concurrent_puts);
        Self { config, tenants, admission, intakes, clock, ending: AtomicBool::new(false) }
    }

    /// The limits of a body that may have `max_bytes`.
    pub(crate) fn body_limits(&self, max_bytes: usize) -> BodyLimits {
        let ServerConfig { body_idle_timeout: idle, body_timeout: total, .. } = self.config;
        BodyLimits { max_bytes, idle, total }
    }

    /// Makes the queries that still run end.
    pub(crate) fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }
}

/// What answers requests.
#[derive(Clone, Debug)]
pub(crate) struct Routes {
    app: Arc<App>,
    router: TowerToHyperService<Router>,
}

impl Routes {
    pub(crate) fn new(app: Arc<App>) -> Self {
        let router = TowerToHyperService::new(router(Arc::clone(&app)));
        Self { app, router }
    }

    /// Answers a request. The future is in a box: connections need it to be `Unpin`.
    pub(crate) fn answer(
        &self,
        caller: &Caller,
        mut request: Request,
    ) -> Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>> {
        // Most requests are puts, and small ones: their way is a short one.
        if request.uri().path() == PUT_PATH && request.method() == Method::POST {
            let (app, caller) = (State(Arc::clone(&self.app)), Extension(caller.clone()));
            return Box::pin(async { Ok(put(app, caller, request).await.into_response()) });
        }
        request.extensions_mut().insert(caller.clone());
        Box::pin(self.router.call(request))
    }
}

/// Which path leads where.
fn router(app: Arc<App>) -> Router {
    let api = Router::new()
        .route(PUT_PATH, post(put))
        .route(QUERY_PATH, get(query).post(query))
        .route(COMPLETE_PATH, get(complete))
        .route(FUNCTIONS_PATH, get(functions))
        .route(SUGGEST_PATH, get(suggest))
        .route(HEALTH_PATH, get(health));
    let page = |router: Router<_>, file: &'static page::File| {
        router.route(file.path, get(move |headers: HeaderMap| async move { file.serve(&headers) }))
    };
    page::FILES
        .iter()
        .fold(api, page)
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(app)
}

async fn not_found(uri: Uri) -> ApiError {
    ApiError::new(Kind::NotFound, format!("there is nothing at `{}`", uri.path()))
}

async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    let message = format!("`{}` does not take the method `{method}`", uri.path());
    ApiError::new(Kind::MethodNotAllowed, message)
}
