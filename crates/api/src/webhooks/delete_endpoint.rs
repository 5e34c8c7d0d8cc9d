//! `DELETE /v1/webhook-endpoints/{id}`: nothing is sent there any more.

use axum::extract::State;
use domain::ids::WebhookEndpointId;
use http::StatusCode;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Webhooks};
use crate::extract::path::PathId;

/// Delete a webhook endpoint
///
/// With its deliveries, sent or not.
#[utoipa::path(
    delete,
    path = "/v1/webhook-endpoints/{id}",
    operation_id = "delete_webhook_endpoint",
    tag = "Webhooks",
    security(("bearer" = ["webhooks"])),
    params(("id" = String, Path, description = "The endpoint's id, `whe_…`.")),
    responses((status = 204, description = "It is gone."))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Webhooks>,
    PathId(id): PathId<WebhookEndpointId>,
) -> Result<StatusCode, Problem> {
    api.app.delete_endpoint(&authorized.caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
