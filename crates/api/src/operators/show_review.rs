//! `GET /v1/transactions/{id}/review`: what is known of a doubtful payment, and what is proposed.

use axum::Json;
use axum::extract::State;
use domain::ids::TransactionId;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Operators};
use crate::extract::path::PathId;
use crate::wire::review::ReviewBody;

/// Show what is known of a payment
///
/// Of a payout or refund, in review or not: its attempts with the evidence in words, the rule by
/// which absence is evidence for people, and every proposal.
#[utoipa::path(
    get,
    path = "/v1/transactions/{id}/review",
    operation_id = "show_review",
    tag = "Operations",
    security(("bearer" = ["operator"])),
    params(("id" = String, Path, description = "The transaction's id, `txn_…`.")),
    responses((status = 200, description = "The payment as people need to see it.", body = ReviewBody))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    _: Authorized<Operators>,
    PathId(id): PathId<TransactionId>,
) -> Result<Json<ReviewBody>, Problem> {
    let view = api.app.review(id).await?;
    Ok(Json(ReviewBody::from(&view)))
}
