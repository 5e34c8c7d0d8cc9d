//! `POST /v1/transactions/{id}/cancel`: before dispatch, or an unpaid charge.

use app::commands::Scope;
use axum::Json;
use axum::extract::State;
use domain::ids::TransactionId;
use domain::status::Kind;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Anyone, Authorized, require};
use crate::extract::json::NoFields;
use crate::extract::path::PathId;
use crate::wire::transaction::TransactionBody;

/// Cancel
///
/// Stops a payout that no gateway was asked to carry out yet, or a charge that nobody paid. Needs
/// the scope that makes transactions of this kind. Either the cancellation or the dispatch wins;
/// the other is told `already_dispatched`.
#[utoipa::path(
    post,
    path = "/v1/transactions/{id}/cancel",
    operation_id = "cancel_transaction",
    tag = "Payments",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The transaction's id, `txn_…`.")),
    responses(
        (status = 200, description = "The transaction; a charge at a gateway may still be on its way to `cancelled`.",
            body = TransactionBody),
        (status = 403, description = "The token does not permit this.",
            body = crate::error::ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 409, description = "`already_dispatched`.",
            body = crate::error::ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Anyone>,
    PathId(id): PathId<TransactionId>,
    _: NoFields,
) -> Result<Json<TransactionBody>, Problem> {
    let caller = &authorized.caller;
    let kind = api.app.transaction(caller, id).await?.kind;
    require(caller, scope(kind))?;
    let view = api.app.cancel(caller, id).await?;
    Ok(Json(TransactionBody::from(&view)))
}

fn scope(kind: Kind) -> Scope {
    match kind {
        Kind::Charge => Scope::Charges,
        Kind::Payout => Scope::Payouts,
        Kind::Transfer => Scope::Transfers,
        Kind::Refund => Scope::Refunds,
    }
}
