//! `GET /v1/gateways`: how each gateway is doing, per operation, and our money there.

use axum::Json;
use axum::extract::State;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Operators};
use crate::wire::Page;
use crate::wire::operations::GatewayBody;

/// List gateways
#[utoipa::path(
    get,
    path = "/v1/gateways",
    operation_id = "list_gateways",
    tag = "Operations",
    security(("bearer" = ["operator"])),
    responses((status = 200, description = "Both gateways.", body = Page<GatewayBody>))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    _: Authorized<Operators>,
) -> Result<Json<Page<GatewayBody>>, Problem> {
    let views = api.app.gateways_view().await?;
    Ok(Json(Page {
        data: views.iter().map(GatewayBody::from).collect(),
        next_cursor: None,
    }))
}
