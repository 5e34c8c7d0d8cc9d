//! `GET /v1/live`: the newest events, how many a minute, and how payments end at each gateway.

use axum::Json;
use axum::extract::State;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Operators};
use crate::wire::live::LiveBody;

/// Show what happens now
///
/// As seen by this process since it began, and at most for an hour.
#[utoipa::path(
    get,
    path = "/v1/live",
    operation_id = "show_live",
    tag = "Operations",
    security(("bearer" = ["operator"])),
    responses((status = 200, description = "The view at this moment.", body = LiveBody))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    _: Authorized<Operators>,
) -> Result<Json<LiveBody>, Problem> {
    let snapshot = api.live.snapshot(api.app.now());
    Ok(Json(LiveBody::from(&snapshot)))
}
