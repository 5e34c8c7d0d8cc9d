//! Proposing an outcome for a payment in review.

use domain::ids::{ProposalId, TransactionId};
use domain::payout::{Outgoing, OutgoingStage};
use domain::review::{ApprovalRefusal, ProposalState, ReviewOutcome};
use domain::status::Kind;
use serde_json::{Value, json};

use crate::audit::{Audited, audit};
use crate::commands::{Caller, ProposeOutcome, ReviewRefusal};
use crate::context::{App, CommitError, Decision, IdSeed, Ids};
use crate::ports::store::{Locked, Locks, ProposalRow, Write};
use crate::records::outgoing::OutgoingRecord;

impl App {
    /// Proposes what became of a payment in review. An open proposal, by whomever, gives way.
    pub async fn propose_outcome(
        &self,
        caller: &Caller,
        id: TransactionId,
        request: ProposeOutcome,
    ) -> Result<ProposalRow, ReviewRefusal> {
        let seed = self.ids();
        let unit = ProposeUnit {
            caller: caller.clone(),
            id,
            proposal_id: ProposalId::from_bytes(seed.start().make()),
            request,
            seed,
        };
        let locks = Locks {
            transactions: vec![id],
            proposals: vec![unit.proposal_id],
            ..Locks::default()
        };
        let decided = self
            .commit("propose", locks, move |locked| match unit.decide(locked) {
                Ok((writes, row)) => Decision::Commit(writes, row),
                Err(refusal) => Decision::Refuse(refusal),
            })
            .await;
        match decided {
            Ok(row) => Ok(row),
            Err(CommitError::Refused(refusal)) => Err(refusal),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }
}

struct ProposeUnit {
    caller: Caller,
    id: TransactionId,
    proposal_id: ProposalId,
    request: ProposeOutcome,
    seed: IdSeed,
}

impl ProposeUnit {
    fn decide(&self, locked: &Locked) -> Result<(Vec<Write>, ProposalRow), ReviewRefusal> {
        if let Some(made) = locked.proposals.get(&self.proposal_id) {
            return Ok((Vec::new(), made.clone()));
        }
        let found = locked.transactions.get(&self.id);
        let found = found.ok_or(ReviewRefusal::NotFound)?;
        let not_in_review = || ReviewRefusal::NotInReview {
            stage: found.row.stage.clone(),
        };
        if matches!(found.row.kind, Kind::Charge | Kind::Transfer) {
            return Err(not_in_review());
        }
        let record = OutgoingRecord::load(&found.row)?;
        let OutgoingStage::InReview { attempt, .. } = record.stage else {
            return Err(not_in_review());
        };
        let outcome = self.request.outcome;
        if outcome == ReviewOutcome::Retry && record.kind == Outgoing::Refund {
            return Err(ReviewRefusal::CannotRetry);
        }
        let mut attempts = found.attempts.iter();
        let reviewed = attempts.find(|one| one.row.number == attempt);
        let known = reviewed
            .ok_or(ReviewRefusal::NotFound)?
            .row
            .evidence_version;
        if self
            .request
            .evidence_version
            .is_some_and(|seen| seen != known)
        {
            return Err(ReviewRefusal::Approval(ApprovalRefusal::EvidenceChanged));
        }
        let row = ProposalRow {
            id: self.proposal_id,
            transaction_id: self.id,
            attempt_number: attempt,
            evidence_version: known,
            outcome,
            evidence: self.request.evidence.clone(),
            reason: self.request.reason.clone(),
            proposed_by: self.caller.user_id,
            proposed_at: self.seed.now,
            state: ProposalState::Open,
            decided_by: None,
            decided_at: None,
        };
        let mut ids = self.seed.start();
        // The first is the proposal's own.
        ids.make();
        let mut writes = self.supersede(found.proposal.as_ref(), &mut ids);
        writes.push(Write::InsertProposal(row.clone()));
        let detail = json!({
            "proposal": row.id.to_string(),
            "outcome": outcome.as_str(),
            "attempt": attempt,
            "evidence_version": row.evidence_version,
        });
        writes.push(self.audit(&mut ids, "review.proposed", detail));
        Ok((writes, row))
    }

    fn supersede(&self, open: Option<&ProposalRow>, ids: &mut Ids) -> Vec<Write> {
        let Some(open) = open else {
            return Vec::new();
        };
        let superseded = ProposalRow {
            state: ProposalState::Superseded,
            decided_by: Some(self.caller.user_id),
            decided_at: Some(self.seed.now),
            ..open.clone()
        };
        let detail = json!({
            "proposal": open.id.to_string(),
            "by_proposal": self.proposal_id.to_string(),
        });
        let audit = self.audit(ids, "review.superseded", detail);
        vec![Write::DecideProposal(superseded), audit]
    }

    fn audit(&self, ids: &mut Ids, action: &str, detail: Value) -> Write {
        let audited = Audited {
            actor: self.caller.user_id.to_string(),
            action,
            subject: self.id.to_string(),
            detail,
        };
        audit(ids, self.seed.now, audited)
    }
}
