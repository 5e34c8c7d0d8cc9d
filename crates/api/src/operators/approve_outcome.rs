//! `POST /v1/transactions/{id}/resolve/{proposal}/approve`: another person's word.

use axum::Json;
use axum::extract::State;
use domain::ids::{ProposalId, TransactionId};

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Operators};
use crate::extract::json::NoFields;
use crate::extract::path::PathIds;
use crate::wire::transaction::TransactionBody;

/// Approve a proposal
///
/// By somebody else than whoever proposed it. The gateway is asked once more; if more is known then
/// than when it was proposed, nothing is decided.
#[utoipa::path(
    post,
    path = "/v1/transactions/{id}/resolve/{proposal}/approve",
    operation_id = "approve_outcome",
    tag = "Operations",
    security(("bearer" = ["operator"])),
    params(
        ("id" = String, Path, description = "The transaction's id, `txn_…`."),
        ("proposal" = String, Path, description = "The proposal's id, `prp_…`."),
    ),
    responses(
        (status = 200, description = "The transaction as it was decided.", body = TransactionBody),
        (status = 403, description = "`same_person`: whoever proposed it cannot approve it. `forbidden`: the token lacks the scope.",
            body = crate::error::ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 409, description = "`evidence_changed`, `not_in_review` or `proposal_closed`.",
            body = crate::error::ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Operators>,
    PathIds(id, proposal): PathIds<TransactionId, ProposalId>,
    _: NoFields,
) -> Result<Json<TransactionBody>, Problem> {
    let view = api
        .app
        .approve_outcome(&authorized.caller, id, proposal)
        .await?;
    Ok(Json(TransactionBody::from(&view)))
}
