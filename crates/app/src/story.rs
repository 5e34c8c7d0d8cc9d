//! Everything that is known of one transaction, for an operator who asks why it went as it did.
//!
//! Facts, not sentences: pages and programs say them in their own words. What was sent is told by
//! its length and its digest, since the bytes hold personal data; equal digests are equal requests.

use aws_lc_rs::digest::{SHA256, digest};
use domain::gateway::Gateway;
use domain::ids::TransactionId;
use domain::routing::{Choice, Need, choose};
use domain::status::Kind;
use domain::time::Moment;

use crate::commands::ReadRefusal;
use crate::context::App;
use crate::ports::store::{
    AttemptRecord, AuditFilter, AuditRow, EventRow, EvidenceRow, JobRow, JournalRow, ProposalRow,
};
use crate::routing::{StoredCandidate, StoredDecision};
use crate::transactions::{attempts, decided};
use crate::views::{AttemptView, TransactionView};

/// Rows of the audit trail that a story holds.
const AUDITED: u32 = 50;

#[derive(Clone, Debug)]
pub struct StoryView {
    pub transaction: TransactionView,
    /// By number.
    pub attempts: Vec<StoryAttempt>,
    /// Oldest first, like all that follows.
    pub proposals: Vec<ProposalRow>,
    pub journals: Vec<JournalRow>,
    pub events: Vec<EventRow>,
    pub audit: Vec<AuditRow>,
    pub jobs: Vec<JobRow>,
}

#[derive(Clone, Debug)]
pub struct StoryAttempt {
    pub attempt: AttemptView,
    /// Not proven undone: it keeps its place, and no other gateway is called without a decision.
    pub live: bool,
    /// The gateway's own id, once known.
    pub gateway_reference: Option<String>,
    pub evidence_version: u64,
    pub evidence: Vec<StoryEvidence>,
    pub request: RequestDigest,
    /// `None` where nothing was to be chosen.
    pub decision: Option<DecisionView>,
}

/// What is sent, without what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestDigest {
    pub bytes: usize,
    /// The first twelve hex digits of its SHA-256.
    pub sha256: String,
}

/// What was seen, in a row of equal looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoryEvidence {
    /// `lookup`, `late_answer`, `operator`.
    pub source: String,
    /// `settled`, `refused`, `in_progress`, `not_found`, `unclear` …
    pub class: String,
    pub seen: u32,
    pub first_at: Moment,
    pub last_at: Moment,
}

/// A routing decision from its stored inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionView {
    /// `primary`, `fallback`, `only_capable`, `last_resort`.
    pub rule: String,
    pub draw: u64,
    pub candidates: Vec<StoredCandidate>,
    /// Whether today's rules choose the same from them; `None` when they cannot be read.
    pub is_same: Option<bool>,
}

impl App {
    /// The story of a transaction, for operators.
    pub async fn story(&self, id: TransactionId) -> Result<StoryView, ReadRefusal> {
        let found = self.store.transaction(id).await?;
        let found = found.ok_or(ReadRefusal::NotFound)?;
        let decided = decided(&found)?;
        let mut told = Vec::with_capacity(found.attempts.len());
        for record in &found.attempts {
            let view = attempts::view(record, decided.as_ref())?;
            told.push(attempt(found.row.kind, record, view));
        }
        let trail = AuditFilter {
            subject: Some(id.to_string()),
            limit: AUDITED,
            ..AuditFilter::default()
        };
        let mut audit = self.store.audit_trail(&trail).await?;
        audit.reverse();
        Ok(StoryView {
            transaction: self.view_record(&found).await?,
            attempts: told,
            proposals: self.store.proposals_of(id).await?,
            journals: self.store.journals_of(id).await?,
            events: self.store.events_of(id).await?,
            audit,
            jobs: self.store.jobs_of(id).await?,
        })
    }
}

fn attempt(kind: Kind, record: &AttemptRecord, view: AttemptView) -> StoryAttempt {
    let row = &record.row;
    let hash = digest(&SHA256, &row.request);
    let digits: Vec<String> = hash.as_ref()[..6]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    StoryAttempt {
        attempt: view,
        live: row.live,
        gateway_reference: row.gateway_reference.clone(),
        evidence_version: row.evidence_version,
        evidence: record.evidence.iter().map(evidence).collect(),
        request: RequestDigest {
            bytes: row.request.len(),
            sha256: digits.concat(),
        },
        decision: decision(kind, row.gateway, &row.routing),
    }
}

fn evidence(row: &EvidenceRow) -> StoryEvidence {
    StoryEvidence {
        source: row.source.clone(),
        class: row.class.clone(),
        seen: row.seen,
        first_at: row.at,
        last_at: row.last_at,
    }
}

fn decision(kind: Kind, gateway: Gateway, stored: &str) -> Option<DecisionView> {
    let stored: StoredDecision = serde_json::from_str(stored).ok()?;
    let need = match kind {
        Kind::Charge => Need::Charge,
        Kind::Payout | Kind::Transfer | Kind::Refund => Need::Payout,
    };
    let inputs = stored.inputs().filter(|inputs| !inputs.is_empty());
    let is_same = inputs.map(|inputs| {
        let again = choose(need, &inputs, stored.draw);
        matches!(again, Choice::Use { gateway: chosen, .. } if chosen == gateway)
    });
    Some(DecisionView {
        rule: stored.rule,
        draw: stored.draw,
        candidates: stored.candidates,
        is_same,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_made_again_from_its_inputs() {
        let candidate = |gateway: &str, circuit: &str| StoredCandidate {
            gateway: gateway.into(),
            capable: true,
            bound_elsewhere: false,
            paused: false,
            exhausted: false,
            circuit: circuit.into(),
            float_short: false,
            exposure_full: false,
            failed_recently: false,
        };
        let stored = StoredDecision {
            draw: 1,
            rule: "fallback".into(),
            candidates: vec![
                candidate("efi", "shut_by_failures"),
                candidate("mercado_pago", "closed"),
            ],
        };
        let text = serde_json::to_string(&stored).unwrap();
        let told = decision(Kind::Payout, Gateway::MercadoPago, &text).unwrap();
        assert_eq!((told.is_same, told.candidates.len()), (Some(true), 2));
        let altered = decision(Kind::Payout, Gateway::Efi, &text).unwrap();
        assert_eq!(altered.is_same, Some(false));
        assert_eq!(decision(Kind::Payout, Gateway::Efi, "{}"), None);
    }
}
