//! `POST /webhooks/mercado-pago`: a notification from Mercado Pago.

use axum::extract::{Request, State};
use domain::gateway::Gateway;
use http::StatusCode;

use crate::Api;
use crate::error::Problem;

/// Receive a notification of Mercado Pago
#[utoipa::path(
    post,
    path = "/webhooks/mercado-pago",
    operation_id = "receive_mercado_pago",
    tag = "Gateways",
    request_body(content = Value, content_type = "application/json", description = "As Mercado Pago sends it."),
    responses(
        (status = 200, description = "Stored."),
        (status = 401, description = "The signature does not verify.",
            body = crate::error::ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    request: Request,
) -> Result<StatusCode, Problem> {
    super::receive(&api, Gateway::MercadoPago, request).await
}
