//! Payments in review, and what people propose for them.

use app::ports::store::ProposalRow;
use app::views::{AbsenceView, EvidenceView, ReviewSummary, ReviewView, ReviewedAttempt};
use domain::time::Moment;
use serde::Serialize;
use utoipa::ToSchema;

use super::people::optional_time;
use super::time;
use super::transaction::{AttemptBody, TransactionBody};

/// What an operator proposes for a payment in review.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Proposal)]
pub struct ProposalBody {
    #[schema(example = "prp_018f2f6e3b7a7c4c9d2e5f60718293a4")]
    pub id: String,
    pub transaction_id: String,
    /// The attempt in review, and the version of what was known of it.
    pub attempt: u32,
    pub evidence_version: u64,
    /// `settled`, `release` or `retry`.
    pub outcome: &'static str,
    pub evidence: String,
    pub reason: String,
    pub proposed_by: String,
    #[schema(format = DateTime)]
    pub proposed_at: String,
    /// `open`, `approved`, `superseded` by a newer one, or `withdrawn` since the payment went on.
    pub state: &'static str,
    /// Who approved it or proposed another.
    pub decided_by: Option<String>,
    #[schema(format = DateTime)]
    pub decided_at: Option<String>,
}

impl From<&ProposalRow> for ProposalBody {
    fn from(row: &ProposalRow) -> ProposalBody {
        ProposalBody {
            id: row.id.to_string(),
            transaction_id: row.transaction_id.to_string(),
            attempt: row.attempt_number,
            evidence_version: row.evidence_version,
            outcome: row.outcome.as_str(),
            evidence: row.evidence.clone(),
            reason: row.reason.clone(),
            proposed_by: row.proposed_by.to_string(),
            proposed_at: time::format(row.proposed_at),
            state: row.state.as_str(),
            decided_by: row.decided_by.map(|id| id.to_string()),
            decided_at: optional_time(row.decided_at),
        }
    }
}

/// A payment that people must decide about.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReviewListed)]
pub struct ReviewSummaryBody {
    pub transaction_id: String,
    /// `payout` or `refund`.
    pub kind: &'static str,
    pub wallet_id: String,
    pub amount_cents: i64,
    pub gateway: Option<&'static str>,
    /// The attempt whose outcome is not known.
    pub attempt: u32,
    pub evidence_version: u64,
    #[schema(format = DateTime)]
    pub in_review_since: String,
    pub age_seconds: i64,
    /// What is proposed now.
    pub proposal: Option<ProposalBody>,
}

impl ReviewSummaryBody {
    pub fn new(view: &ReviewSummary, now: Moment) -> ReviewSummaryBody {
        ReviewSummaryBody {
            transaction_id: view.transaction_id.to_string(),
            kind: view.kind.as_str(),
            wallet_id: view.wallet_id.to_string(),
            amount_cents: view.amount.cents(),
            gateway: view.gateway.map(|gateway| gateway.as_str()),
            attempt: view.attempt,
            evidence_version: view.evidence_version,
            in_review_since: time::format(view.in_review_since),
            age_seconds: now.since(view.in_review_since).millis() / 1_000,
            proposal: view.proposal.as_ref().map(ProposalBody::from),
        }
    }
}

/// Everything that people need to decide about a payment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Review)]
pub struct ReviewBody {
    pub transaction: TransactionBody,
    /// Null when it is not in review.
    #[schema(format = DateTime)]
    pub in_review_since: Option<String>,
    /// Of the attempt in review: what a proposal made now is bound to.
    pub evidence_version: Option<u64>,
    pub attempts: Vec<ReviewedAttemptBody>,
    /// All that was proposed, oldest first.
    pub proposals: Vec<ProposalBody>,
}

impl From<&ReviewView> for ReviewBody {
    fn from(view: &ReviewView) -> ReviewBody {
        let mut attempts = view.attempts.iter();
        let reviewed = attempts.find(|attempt| attempt.in_review);
        ReviewBody {
            transaction: TransactionBody::from(&view.transaction),
            in_review_since: optional_time(view.in_review_since),
            evidence_version: reviewed.map(|attempt| attempt.evidence_version),
            attempts: view
                .attempts
                .iter()
                .map(ReviewedAttemptBody::from)
                .collect(),
            proposals: view.proposals.iter().map(ProposalBody::from).collect(),
        }
    }
}

/// An attempt with the evidence about it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReviewedAttempt)]
pub struct ReviewedAttemptBody {
    #[serde(flatten)]
    pub attempt: AttemptBody,
    /// The one that is in review.
    pub in_review: bool,
    /// Grows when more is known.
    pub evidence_version: u64,
    pub evidence: Vec<EvidenceBody>,
    pub absence: AbsenceBody,
}

impl From<&ReviewedAttempt> for ReviewedAttemptBody {
    fn from(view: &ReviewedAttempt) -> ReviewedAttemptBody {
        ReviewedAttemptBody {
            attempt: AttemptBody::from(&view.attempt),
            in_review: view.in_review,
            evidence_version: view.evidence_version,
            evidence: view.evidence.iter().map(EvidenceBody::from).collect(),
            absence: AbsenceBody::from(&view.absence),
        }
    }
}

/// What was seen of an attempt, in a row of equal looks.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Evidence)]
pub struct EvidenceBody {
    /// `lookup` or `late_answer`.
    pub source: String,
    /// Such as `settled`, `refused`, `in_progress`, `not_found`, `unclear`.
    pub class: String,
    /// How often in a row.
    pub seen: u32,
    #[schema(format = DateTime)]
    pub first_at: String,
    #[schema(format = DateTime)]
    pub last_at: String,
    pub in_words: String,
}

impl From<&EvidenceView> for EvidenceBody {
    fn from(view: &EvidenceView) -> EvidenceBody {
        EvidenceBody {
            source: view.source.clone(),
            class: view.class.clone(),
            seen: view.seen,
            first_at: time::format(view.first_at),
            last_at: time::format(view.last_at),
            in_words: view.in_words.clone(),
        }
    }
}

/// Whether not being found is evidence that people may use; it never licenses by itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Absence)]
pub struct AbsenceBody {
    /// `enough`, or why not: `cannot_be_shown`, `send_open`, `gateway_unhealthy`,
    /// `too_few_lookups`, `too_short`.
    pub verdict: &'static str,
    pub in_words: String,
}

impl From<&AbsenceView> for AbsenceBody {
    fn from(view: &AbsenceView) -> AbsenceBody {
        AbsenceBody {
            verdict: view.verdict,
            in_words: view.in_words.clone(),
        }
    }
}
