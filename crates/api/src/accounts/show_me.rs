//! `GET /v1/me`: the caller and the caller's wallet.

use axum::Json;
use axum::extract::State;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Anyone, Authorized};
use crate::wire::people::UserBody;

/// Who am I
#[utoipa::path(
    get,
    path = "/v1/me",
    operation_id = "show_me",
    tag = "Accounts",
    security(("bearer" = [])),
    responses((status = 200, description = "The user and its wallet.", body = UserBody))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Anyone>,
) -> Result<Json<UserBody>, Problem> {
    let view = api.app.me(&authorized.caller).await?;
    Ok(Json(UserBody::from(&view)))
}
