//! `POST /v1/transactions/{id}/resolve`: propose what became of a payment in review.

use app::commands::ProposeOutcome;
use axum::Json;
use axum::extract::State;
use domain::ids::TransactionId;
use domain::review::ReviewOutcome;
use http::StatusCode;
use serde_json::Value;
use utoipa::ToSchema;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Operators};
use crate::extract::fields::Fields;
use crate::extract::path::PathId;
use crate::extract::read::{self, Read, reason};
use crate::wire::review::ProposalBody;

const LONGEST_EVIDENCE: usize = 2_000;
const LONGEST_REASON: usize = 500;

/// What the payment's outcome is, and how one knows.
#[derive(ToSchema)]
#[schema(as = NewProposal)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "describes the body that `parse` reads")]
pub(crate) struct Body {
    /// `settled`: the money left. `release`: it did not; it goes back to the wallet and nothing more
    /// is sent. `retry`: it did not, and another attempt pays it (payouts only).
    #[schema(example = "release")]
    outcome: String,
    /// What was seen, and where.
    #[schema(min_length = 1, max_length = 2000)]
    evidence: String,
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
    /// The evidence version that you looked at. Refused when more is known by now; left out, the
    /// proposal is bound to whatever is known when it arrives.
    #[schema(minimum = 0)]
    evidence_version: Option<u64>,
}

/// Propose an outcome
///
/// The proposal is bound to what is known of the attempt now; another operator approves it. A newer
/// proposal takes the place of an open one.
#[utoipa::path(
    post,
    path = "/v1/transactions/{id}/resolve",
    operation_id = "propose_outcome",
    tag = "Operations",
    security(("bearer" = ["operator"])),
    params(("id" = String, Path, description = "The transaction's id, `txn_…`.")),
    request_body = Body,
    responses(
        (status = 201, description = "The proposal.", body = ProposalBody),
        (status = 409, description = "`not_in_review`, `evidence_changed`.",
            body = crate::error::ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Operators>,
    PathId(id): PathId<TransactionId>,
    fields: Fields,
) -> Result<(StatusCode, Json<ProposalBody>), Problem> {
    let request = parse(fields)?;
    let row = api
        .app
        .propose_outcome(&authorized.caller, id, request)
        .await?;
    Ok((StatusCode::CREATED, Json(ProposalBody::from(&row))))
}

fn parse(mut fields: Fields) -> Result<ProposeOutcome, Problem> {
    let outcome = fields.required("outcome", outcome);
    let evidence = fields.required("evidence", |value| read::text(value, 1..=LONGEST_EVIDENCE));
    let reason = fields.required("reason", |value| read::text(value, 1..=LONGEST_REASON));
    let version = fields.optional("evidence_version", |value| {
        read::integer(value, 0..=i64::MAX, "a version")
    });
    fields.finish(|| {
        Some(ProposeOutcome {
            outcome: outcome?,
            evidence: evidence?,
            reason: reason?,
            evidence_version: version.and_then(|version| u64::try_from(version).ok()),
        })
    })
}

fn outcome(value: &Value) -> Read<ReviewOutcome> {
    let text = read::text(value, 1..=16)?;
    ReviewOutcome::parse(&text)
        .ok_or_else(|| reason("not_allowed", "must be settled, release or retry"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payments::common::tests::{fields, refused};
    use serde_json::json;

    #[test]
    fn each_field_is_read_or_named() {
        let good = json!({"outcome": "retry", "evidence": "panel", "reason": "a day has passed"});
        let read = parse(fields(good)).unwrap();
        assert_eq!(read.outcome, ReviewOutcome::Retry);
        assert_eq!(read.evidence_version, None);
        let bad = json!({"outcome": "resend", "evidence": "", "reason": 1, "force": true,
            "evidence_version": -1});
        let told = refused(parse(fields(bad)));
        let told: Vec<(&str, &str)> = told.iter().map(|(f, c)| (f.as_str(), *c)).collect();
        assert_eq!(
            told,
            [
                ("outcome", "not_allowed"),
                ("evidence", "too_short"),
                ("reason", "wrong_type"),
                ("evidence_version", "too_small"),
                ("force", "unknown_field"),
            ]
        );
        let long = json!({"outcome": "settled", "evidence": "x".repeat(2_001)});
        let told = refused(parse(fields(long)));
        assert_eq!(told[0].1, "too_long");
        assert_eq!(told[1].1, "required");
    }
}
