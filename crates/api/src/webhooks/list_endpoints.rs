//! `GET /v1/webhook-endpoints`: the caller's endpoints, without their secrets.

use axum::Json;
use axum::extract::State;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Webhooks};
use crate::wire::Page;
use crate::wire::webhooks::EndpointBody;

/// List webhook endpoints
#[utoipa::path(
    get,
    path = "/v1/webhook-endpoints",
    operation_id = "list_webhook_endpoints",
    tag = "Webhooks",
    security(("bearer" = ["webhooks"])),
    responses((status = 200, description = "All endpoints, on one page, oldest first.", body = Page<EndpointBody>))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Webhooks>,
) -> Result<Json<Page<EndpointBody>>, Problem> {
    let rows = api.app.endpoints(&authorized.caller).await?;
    Ok(Json(Page {
        data: rows.iter().map(EndpointBody::from).collect(),
        next_cursor: None,
    }))
}
