//! `GET /v1/api-keys`: the caller's keys, revoked ones included, without their secrets.

use axum::Json;
use axum::extract::State;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Anyone, Authorized};
use crate::wire::Page;
use crate::wire::people::ApiKeyBody;

/// List API keys
#[utoipa::path(
    get,
    path = "/v1/api-keys",
    operation_id = "list_api_keys",
    tag = "Accounts",
    security(("bearer" = [])),
    responses((status = 200, description = "All keys, on one page.", body = Page<ApiKeyBody>))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Anyone>,
) -> Result<Json<Page<ApiKeyBody>>, Problem> {
    let rows = api.app.api_keys(&authorized.caller).await?;
    Ok(Json(Page {
        data: rows.iter().map(ApiKeyBody::from).collect(),
        next_cursor: None,
    }))
}
