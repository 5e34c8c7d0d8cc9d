//! `POST /v1/users/{id}/block`: an account can no longer sign in.

use axum::extract::State;
use domain::ids::UserId;
use http::StatusCode;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Operators};
use crate::extract::json::NoFields;
use crate::extract::path::PathId;

/// Block a user
///
/// Ends its sessions; its API keys open nothing while it is blocked. Payments under way go on. Blocking
/// a blocked user changes nothing.
#[utoipa::path(
    post,
    path = "/v1/users/{id}/block",
    operation_id = "block_user",
    tag = "Operations",
    security(("bearer" = ["operator"])),
    params(("id" = String, Path, description = "The user's id, `usr_…`.")),
    responses(
        (status = 204, description = "The user is blocked."),
        (status = 403, description = "`forbidden`: the token lacks the scope, or the user is the caller.",
            body = crate::error::ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Operators>,
    PathId(id): PathId<UserId>,
    _: NoFields,
) -> Result<StatusCode, Problem> {
    api.app.block_user(&authorized.caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
