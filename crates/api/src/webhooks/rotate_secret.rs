//! `POST /v1/webhook-endpoints/{id}/rotate-secret`: a new secret, the old one beside it for a while.

use axum::Json;
use axum::extract::State;
use domain::ids::WebhookEndpointId;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Webhooks};
use crate::extract::json::NoFields;
use crate::extract::path::PathId;
use crate::wire::webhooks::EndpointWithSecretBody;

/// Rotate the secret of a webhook endpoint
///
/// Until `old_secret_until` every request carries two signatures, one by each secret, so that a
/// receiver can change over when it likes. The new secret is shown this once.
#[utoipa::path(
    post,
    path = "/v1/webhook-endpoints/{id}/rotate-secret",
    operation_id = "rotate_webhook_secret",
    tag = "Webhooks",
    security(("bearer" = ["webhooks"])),
    params(("id" = String, Path, description = "The endpoint's id, `whe_…`.")),
    responses((status = 200, description = "The endpoint with its new secret.", body = EndpointWithSecretBody))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Webhooks>,
    PathId(id): PathId<WebhookEndpointId>,
    _: NoFields,
) -> Result<Json<EndpointWithSecretBody>, Problem> {
    let row = api
        .app
        .rotate_endpoint_secret(&authorized.caller, id)
        .await?;
    Ok(Json(EndpointWithSecretBody::from(&row)))
}
