//! `GET /readyz`: requests can be served, or what is missing for that.

use app::dispatch_epoch::Dispatch;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Api;
use crate::error::{Code, Problem};

/// Requests can be served.
#[derive(Serialize, ToSchema)]
#[schema(as = Readiness)]
pub(crate) struct ReadinessBody {
    /// Always `ready`.
    status: &'static str,
    /// `running`; or `stopped`: payouts and refunds wait until the books have been compared with the
    /// gateways.
    dispatch: &'static str,
    /// What that means and what to do, while it is stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Ready?
///
/// The database answers and is durable. Otherwise 503, whose `detail` says what is missing.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "show_readiness",
    tag = "Health",
    responses((status = 200, description = "Ready.", body = ReadinessBody))
)]
pub(crate) async fn handle(State(api): State<Api>) -> Result<Json<ReadinessBody>, Problem> {
    // Here alone the cause is told: this answer is for the people who run the service.
    match api.app.ready().await {
        Ok(()) => Ok(Json(body(&api.app.dispatch()))),
        Err(error) => Err(Problem::new(Code::Unavailable, error.to_string())),
    }
}

/// A service that must not pay out yet can still be asked, and must hear of what comes in.
fn body(dispatch: &Dispatch) -> ReadinessBody {
    let (dispatch, detail) = match dispatch {
        Dispatch::Running => ("running", None),
        Dispatch::Stopped { .. } => ("stopped", Some(dispatch.in_words())),
    };
    ReadinessBody {
        status: "ready",
        dispatch,
        detail,
    }
}
