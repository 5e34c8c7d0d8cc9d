//! `GET /v1/float-moves`: moves of our own money between the gateways.

use axum::Json;
use axum::extract::State;
use domain::ids::FloatMoveId;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Operators};
use crate::extract::page::{PageParameters, Query, next_cursor};
use crate::wire::Page;
use crate::wire::float_move::FloatMoveBody;

/// List float moves
#[utoipa::path(
    get,
    path = "/v1/float-moves",
    operation_id = "list_float_moves",
    tag = "Operations",
    security(("bearer" = ["operator"])),
    params(PageParameters),
    responses((status = 200, description = "A page, the newest first.",
        body = Page<FloatMoveBody>))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    _: Authorized<Operators>,
    mut query: Query,
) -> Result<Json<Page<FloatMoveBody>>, Problem> {
    let before = query.cursor(|last| FloatMoveId::parse(last).ok());
    let limit = query.limit();
    let (before, limit) = query.0.finish(|| Some((before, limit)))?;
    let views = api.app.float_moves(before, limit).await?;
    Ok(Json(Page {
        data: views.iter().map(FloatMoveBody::from).collect(),
        next_cursor: next_cursor(&views, limit, |view| view.row.id),
    }))
}
