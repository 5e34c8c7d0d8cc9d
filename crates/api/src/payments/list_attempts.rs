//! `GET /v1/transactions/{id}/attempts`: which gateways were asked, how often, and why.

use axum::Json;
use axum::extract::State;
use domain::ids::TransactionId;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Reads};
use crate::extract::path::PathId;
use crate::wire::Page;
use crate::wire::transaction::AttemptBody;

/// List attempts
#[utoipa::path(
    get,
    path = "/v1/transactions/{id}/attempts",
    operation_id = "list_attempts",
    tag = "Payments",
    security(("bearer" = ["read"])),
    params(("id" = String, Path, description = "The transaction's id, `txn_…`.")),
    responses((status = 200, description = "All attempts, on one page.", body = Page<AttemptBody>))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Reads>,
    PathId(id): PathId<TransactionId>,
) -> Result<Json<Page<AttemptBody>>, Problem> {
    let views = api.app.attempts(&authorized.caller, id).await?;
    Ok(Json(Page {
        data: views.iter().map(AttemptBody::from).collect(),
        next_cursor: None,
    }))
}
