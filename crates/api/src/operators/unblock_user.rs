//! `POST /v1/users/{id}/unblock`: an account may sign in again.

use axum::extract::State;
use domain::ids::UserId;
use http::StatusCode;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Operators};
use crate::extract::json::NoFields;
use crate::extract::path::PathId;

/// Unblock a user
///
/// The user has to sign in anew; its API keys work as before.
#[utoipa::path(
    post,
    path = "/v1/users/{id}/unblock",
    operation_id = "unblock_user",
    tag = "Operations",
    security(("bearer" = ["operator"])),
    params(("id" = String, Path, description = "The user's id, `usr_…`.")),
    responses(
        (status = 204, description = "The user is not blocked."),
        (status = 403, description = "`forbidden`: the token lacks the scope.",
            body = crate::error::ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Operators>,
    PathId(id): PathId<UserId>,
    _: NoFields,
) -> Result<StatusCode, Problem> {
    api.app.unblock_user(&authorized.caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
