//! `GET /v1/float-moves/{id}`: where a move of our own money stands.

use axum::Json;
use axum::extract::State;
use domain::ids::FloatMoveId;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Operators};
use crate::extract::path::PathId;
use crate::wire::float_move::FloatMoveBody;

/// Show a float move
#[utoipa::path(
    get,
    path = "/v1/float-moves/{id}",
    operation_id = "show_float_move",
    tag = "Operations",
    security(("bearer" = ["operator"])),
    params(("id" = String, Path, description = "The move's id, `fmv_…`.")),
    responses((status = 200, description = "The move.", body = FloatMoveBody))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    _: Authorized<Operators>,
    PathId(id): PathId<FloatMoveId>,
) -> Result<Json<FloatMoveBody>, Problem> {
    let view = api.app.float_move(id).await?;
    Ok(Json(FloatMoveBody::from(&view)))
}
