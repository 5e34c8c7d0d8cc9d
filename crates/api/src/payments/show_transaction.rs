//! `GET /v1/transactions/{id}`: one transaction; with `Prefer: wait=N` it waits for its end.

use app::views::TransactionView;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::ids::TransactionId;
use domain::status::Status;
use http::HeaderValue;

use super::common::WaitHeader;
use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Reads};
use crate::extract::path::PathId;
use crate::extract::prefer::Wait;
use crate::wire::transaction::TransactionBody;

/// Show a transaction
///
/// With `Prefer: wait=N` the answer waits until the transaction is no longer pending, or N seconds.
#[utoipa::path(
    get,
    path = "/v1/transactions/{id}",
    operation_id = "show_transaction",
    tag = "Payments",
    security(("bearer" = ["read"])),
    params(("id" = String, Path, description = "The transaction's id, `txn_…`."), WaitHeader),
    responses((status = 200, description = "The transaction.", body = TransactionBody))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Reads>,
    PathId(id): PathId<TransactionId>,
    wait: Wait,
) -> Result<Response, Problem> {
    let caller = &authorized.caller;
    let view = match wait.span() {
        Some(span) => api.app.wait_for(caller, id, span, has_ended).await?,
        None => api.app.transaction(caller, id).await?,
    };
    let mut response = Json(TransactionBody::from(&view)).into_response();
    if let Some(applied) = wait
        .applied()
        .and_then(|text| HeaderValue::try_from(text).ok())
    {
        response.headers_mut().insert("preference-applied", applied);
    }
    Ok(response)
}

fn has_ended(view: &TransactionView) -> bool {
    view.status != Status::Pending
}
