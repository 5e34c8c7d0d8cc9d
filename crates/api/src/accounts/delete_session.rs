//! `DELETE /v1/sessions/current`: the token that was sent stops working.

use axum::extract::State;
use http::StatusCode;

use crate::Api;
use crate::error::{Code, Problem};
use crate::extract::caller::{Anyone, Authorized};

/// Sign out
#[utoipa::path(
    delete,
    path = "/v1/sessions/current",
    operation_id = "delete_session",
    tag = "Accounts",
    security(("bearer" = [])),
    responses(
        (status = 204, description = "The session is over."),
        (status = 404, description = "The bearer is an API key, which has no session.",
            body = crate::error::ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Anyone>,
) -> Result<StatusCode, Problem> {
    let session_id = authorized.caller.session_id.ok_or_else(|| {
        Problem::new(
            Code::NotFound,
            "An API key has no session; revoke it at /v1/api-keys.",
        )
    })?;
    api.app.sign_out(session_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
