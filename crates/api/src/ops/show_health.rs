//! `GET /healthz`: the process is alive; nothing else is asked.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// The process answers.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub(crate) struct HealthBody {
    /// Always `alive`.
    status: &'static str,
}

/// Alive?
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "show_health",
    tag = "Health",
    responses((status = 200, description = "Alive.", body = HealthBody))
)]
pub(crate) async fn handle() -> Json<HealthBody> {
    Json(HealthBody { status: "alive" })
}
