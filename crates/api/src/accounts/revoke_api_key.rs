//! `DELETE /v1/api-keys/{id}`: the key stops working at once.

use axum::extract::State;
use domain::ids::ApiKeyId;
use http::StatusCode;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Anyone, Authorized, require_session};
use crate::extract::path::PathId;

/// Revoke an API key
///
/// Only a session may revoke keys.
#[utoipa::path(
    delete,
    path = "/v1/api-keys/{id}",
    operation_id = "revoke_api_key",
    tag = "Accounts",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The key's id, `key_…`.")),
    responses((status = 204, description = "The key is revoked."))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Anyone>,
    PathId(id): PathId<ApiKeyId>,
) -> Result<StatusCode, Problem> {
    require_session(&authorized.caller)?;
    api.app.revoke_api_key(&authorized.caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
