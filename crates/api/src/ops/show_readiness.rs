//! `GET /readyz`: requests can be served, or what is missing for that.

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
        Ok(()) => Ok(Json(ReadinessBody { status: "ready" })),
        Err(error) => Err(Problem::new(Code::Unavailable, error.to_string())),
    }
}
