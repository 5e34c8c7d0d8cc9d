//! `POST /v1/float-moves/{id}/approve`: another person's word.

use axum::Json;
use axum::extract::State;
use domain::ids::FloatMoveId;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Operators};
use crate::extract::json::NoFields;
use crate::extract::path::PathId;
use crate::wire::float_move::FloatMoveBody;

/// Approve a float move
///
/// By somebody else than whoever proposed it. The payout is under way when this answers; it leaves
/// through the source alone, and fails rather than leave elsewhere.
#[utoipa::path(
    post,
    path = "/v1/float-moves/{id}/approve",
    operation_id = "approve_float_move",
    tag = "Operations",
    security(("bearer" = ["operator"])),
    params(("id" = String, Path, description = "The move's id, `fmv_…`.")),
    responses(
        (status = 200, description = "The move under way.", body = FloatMoveBody),
        (status = 403, description = "`same_person`: whoever proposed it cannot approve it. `forbidden`: the token lacks the scope.",
            body = crate::error::ProblemBody<'static>, content_type = "application/problem+json"),
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
    let view = api.app.approve_float_move(&authorized.caller, id).await?;
    Ok(Json(FloatMoveBody::from(&view)))
}
