//! `GET /v1/wallets`: the caller's wallets.

use axum::Json;
use axum::extract::State;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Reads};
use crate::wire::Page;
use crate::wire::wallet::WalletBody;

/// List wallets
#[utoipa::path(
    get,
    path = "/v1/wallets",
    operation_id = "list_wallets",
    tag = "Wallets",
    security(("bearer" = ["read"])),
    responses((status = 200, description = "All wallets, on one page.", body = Page<WalletBody>))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Reads>,
) -> Result<Json<Page<WalletBody>>, Problem> {
    let rows = api.app.wallets(&authorized.caller).await?;
    Ok(Json(Page {
        data: rows.iter().map(WalletBody::from).collect(),
        next_cursor: None,
    }))
}
