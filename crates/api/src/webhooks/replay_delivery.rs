//! `POST /v1/webhook-endpoints/{id}/deliveries/{delivery}/replay`: once more, now.

use axum::Json;
use axum::extract::State;
use domain::ids::{DeliveryId, WebhookEndpointId};
use http::StatusCode;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Webhooks};
use crate::extract::json::NoFields;
use crate::extract::path::PathIds;
use crate::wire::webhooks::DeliveryBody;

/// Replay a webhook delivery
///
/// It is tried again now, also one that was delivered, and from then on like a new one. The event
/// keeps its `webhook-id`.
#[utoipa::path(
    post,
    path = "/v1/webhook-endpoints/{id}/deliveries/{delivery}/replay",
    operation_id = "replay_webhook_delivery",
    tag = "Webhooks",
    security(("bearer" = ["webhooks"])),
    params(
        ("id" = String, Path, description = "The endpoint's id, `whe_…`."),
        ("delivery" = String, Path, description = "The delivery's id, `dlv_…`."),
    ),
    responses(
        (status = 202, description = "The delivery, about to be tried.", body = DeliveryBody),
        (status = 409, description = "`endpoint_disabled`.",
            body = crate::error::ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Webhooks>,
    PathIds(endpoint, delivery): PathIds<WebhookEndpointId, DeliveryId>,
    _: NoFields,
) -> Result<(StatusCode, Json<DeliveryBody>), Problem> {
    let view = api
        .app
        .replay_delivery(&authorized.caller, endpoint, delivery)
        .await?;
    Ok((StatusCode::ACCEPTED, Json(DeliveryBody::from(&view))))
}
