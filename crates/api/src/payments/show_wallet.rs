//! `GET /v1/wallets/{id}`: a wallet and its balances.

use axum::Json;
use axum::extract::State;
use domain::ids::WalletId;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Reads};
use crate::extract::path::PathId;
use crate::wire::wallet::WalletBody;

/// Show a wallet
#[utoipa::path(
    get,
    path = "/v1/wallets/{id}",
    operation_id = "show_wallet",
    tag = "Wallets",
    security(("bearer" = ["read"])),
    params(("id" = String, Path, description = "The wallet's id, `wal_…`.")),
    responses((status = 200, description = "The wallet.", body = WalletBody))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Reads>,
    PathId(id): PathId<WalletId>,
) -> Result<Json<WalletBody>, Problem> {
    let row = api.app.wallet(&authorized.caller, id).await?;
    Ok(Json(WalletBody::from(&row)))
}
