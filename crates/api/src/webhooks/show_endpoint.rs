//! `GET /v1/webhook-endpoints/{id}`.

use axum::Json;
use axum::extract::State;
use domain::ids::WebhookEndpointId;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Webhooks};
use crate::extract::path::PathId;
use crate::wire::webhooks::EndpointBody;

/// Show a webhook endpoint
#[utoipa::path(
    get,
    path = "/v1/webhook-endpoints/{id}",
    operation_id = "show_webhook_endpoint",
    tag = "Webhooks",
    security(("bearer" = ["webhooks"])),
    params(("id" = String, Path, description = "The endpoint's id, `whe_…`.")),
    responses((status = 200, description = "The endpoint, without its secret.", body = EndpointBody))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Webhooks>,
    PathId(id): PathId<WebhookEndpointId>,
) -> Result<Json<EndpointBody>, Problem> {
    let row = api.app.own_endpoint(&authorized.caller, id).await?;
    Ok(Json(EndpointBody::from(&row)))
}
