//! The JSON API: HTTP in, use cases of `app` called, JSON out.
//!
//! The list in `routes` is the one from which both the router and the OpenAPI
//! description are made, so neither knows an endpoint that the other does not. A request passes
//! [`trace`], then the extractors of [`extract`] in the order of its handler's arguments (who asks,
//! the idempotency key, the path, the query, the body), then its handler: one endpoint, one file.
//! Every refusal is an [`error::Problem`].

mod accounts;
pub mod error;
mod extract;
mod gateways;
mod html;
mod openapi;
mod operators;
mod ops;
mod payments;
mod routes;
mod throttle;
mod trace;
mod webhooks;
mod wire;

use std::sync::Arc;

use app::context::App;
use app::monitor::LiveView;
use app::throttle::Throttle;
use app::tries::Tries;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;

pub use app::throttle::SignInLimits;
pub use openapi::openapi;
pub use routes::Area;

use error::{Code, Problem};

/// Writes metrics out in Prometheus' text format.
pub type Exposition = Arc<dyn Fn() -> String + Send + Sync>;

/// What a server serves, and how.
pub struct ApiOptions {
    /// Health, readiness and metrics are always served.
    pub areas: Vec<Area>,
    pub sign_in_limits: SignInLimits,
    /// Counts tries to sign in and up.
    pub tries: Arc<dyn Tries>,
    /// What operators see live; whoever serves it sees to it that it is fed.
    pub live: Arc<LiveView>,
    /// Writes out what was counted.
    pub metrics: Exposition,
    /// Becomes true when the server stops: event streams end, so that a graceful stop can.
    pub shutdown: Option<watch::Receiver<bool>>,
}

impl ApiOptions {
    /// Everything in one process.
    pub fn all() -> ApiOptions {
        ApiOptions {
            areas: Area::ALL.to_vec(),
            sign_in_limits: SignInLimits::STANDARD,
            tries: Arc::new(app::tries::InProcess::default()),
            live: Arc::default(),
            metrics: Arc::new(String::new),
            shutdown: None,
        }
    }
}

/// What every handler may use.
#[derive(Clone)]
pub(crate) struct Api {
    app: App,
    throttle: Arc<Throttle>,
    live: Arc<LiveView>,
    metrics: Exposition,
    shutdown: Option<watch::Receiver<bool>>,
}

/// The router of these areas. Serve it with `into_make_service_with_connect_info::<SocketAddr>()`:
/// without the peer's address, tries to sign in are counted per e-mail only.
pub fn router(app: App, options: ApiOptions) -> Router {
    let api = Api {
        app,
        throttle: Arc::new(Throttle::new(options.sign_in_limits, options.tries)),
        live: options.live,
        metrics: options.metrics,
        shutdown: options.shutdown,
    };
    let mut router = Router::new();
    for endpoint in routes::endpoints() {
        if endpoint.area == Area::Ops || options.areas.contains(&endpoint.area) {
            router = router.route(&endpoint.path, endpoint.route);
        }
    }
    router
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn_with_state(api.clone(), trace::around))
        .with_state(api)
}

async fn no_such_path() -> Response {
    Problem::new(Code::NotFound, "There is no such path.").into_response()
}

async fn no_such_method() -> Response {
    Problem::new(
        Code::MethodNotAllowed,
        "The Allow header names the methods of this path.",
    )
    .into_response()
}
