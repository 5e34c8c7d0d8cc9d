//! `GET /v1/dispatch`: whether payments leave.

use axum::Json;
use axum::extract::State;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Operators};
use crate::wire::reconciliation::DispatchBody;

/// Show whether payments are dispatched
///
/// They are not while the configured epoch differs from the one that the database holds, as after a
/// restore.
#[utoipa::path(
    get,
    path = "/v1/dispatch",
    operation_id = "show_dispatch",
    tag = "Operations",
    security(("bearer" = ["operator"])),
    responses((status = 200, description = "Both epochs, and what follows.", body = DispatchBody))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    _: Authorized<Operators>,
) -> Result<Json<DispatchBody>, Problem> {
    let (app, standing) = (&api.app, api.app.read_dispatch().await?);
    let stored = app.stored_epoch().await?;
    let configured = app.settings.dispatch_epoch.clone();
    Ok(Json(DispatchBody::new(&standing, stored, configured)))
}
