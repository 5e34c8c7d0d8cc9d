//! `POST /webhooks/efi/{secret}`: a notification from Efí, at the address that was registered.

use axum::extract::{Request, State};
use domain::gateway::Gateway;
use http::StatusCode;

use crate::Api;
use crate::error::Problem;

/// Receive a notification of Efí, at the address that was registered
#[utoipa::path(
    post,
    path = "/webhooks/efi/{secret}",
    operation_id = "receive_efi",
    tag = "Gateways",
    params(("secret" = String, Path, description = "The configured secret.")),
    request_body(content = Value, content_type = "application/json", description = "As Efí sends it."),
    responses(
        (status = 200, description = "Stored."),
        (status = 401, description = "The secret is wrong.",
            body = crate::error::ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    request: Request,
) -> Result<StatusCode, Problem> {
    super::receive(&api, Gateway::Efi, request).await
}
