//! `POST /v1/float-moves/{id}/decline`: a proposal turned down, or withdrawn by its proposer.

use axum::Json;
use axum::extract::State;
use domain::ids::FloatMoveId;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Operators};
use crate::extract::json::NoFields;
use crate::extract::path::PathId;
use crate::wire::float_move::FloatMoveBody;

/// Decline a float move
///
/// By any operator, whoever proposed it included.
#[utoipa::path(
    post,
    path = "/v1/float-moves/{id}/decline",
    operation_id = "decline_float_move",
    tag = "Operations",
    security(("bearer" = ["operator"])),
    params(("id" = String, Path, description = "The move's id, `fmv_…`.")),
    responses(
        (status = 200, description = "The declined proposal.", body = FloatMoveBody),
        (status = 409, description = "`proposal_closed` or `proposal_expired`.",
            body = crate::error::ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Operators>,
    PathId(id): PathId<FloatMoveId>,
    _: NoFields,
) -> Result<Json<FloatMoveBody>, Problem> {
    let view = api.app.decline_float_move(&authorized.caller, id).await?;
    Ok(Json(FloatMoveBody::from(&view)))
}
