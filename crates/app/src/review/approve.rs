//! Approving a proposal: the lookup is repeated, and one commit decides.

use domain::ids::{ProposalId, TransactionId, UserId};
use domain::payout::{Failure, Outgoing, OutgoingStage, OutgoingStep};
use domain::review::{Approval, ApprovalRefusal, ProposalState, ReviewOutcome};
use domain::status::Kind;
use serde_json::json;

use crate::audit::{Audited, audit};
use crate::commands::{Caller, ReviewRefusal};
use crate::context::{App, CommitError, Decision, IdSeed, Ids, Settings};
use crate::events;
use crate::outgoing::booking::book;
use crate::outgoing::commits::{self, Passed, event_name};
use crate::outgoing::transition::Booking;
use crate::payouts::ensured_job;
use crate::ports::store::{
    AttemptRow, Locked, Locks, ProposalRow, StoreError, TransactionRecord, Write,
};
use crate::records::outgoing::{OutgoingRecord, StoredDecided};
use crate::sabotage::{self, Sabotage};
use crate::views::TransactionView;

/// The failure code of a payment that two people released.
pub const RELEASED: &str = "released_by_operators";

impl App {
    /// Approves a proposal and carries it out, unless more is known by now. A refusal is audited.
    pub async fn approve_outcome(
        &self,
        caller: &Caller,
        id: TransactionId,
        proposal: ProposalId,
    ) -> Result<TransactionView, ReviewRefusal> {
        let found = self.store.transaction(id).await?;
        let found = found.ok_or(ReviewRefusal::NotFound)?;
        let proposals = self.store.proposals_of(id).await?;
        let row = proposals.into_iter().find(|row| row.id == proposal);
        let row = row.ok_or(ReviewRefusal::NotFound)?;
        let lookup = match approval(caller, &found, &row)?.judge() {
            // Whoever may not approve at all asks no gateway.
            Err(_) => None,
            Ok(()) => self.look_up_found(&found, row.attempt_number).await?,
        };
        let unit = ApproveUnit {
            caller: caller.clone(),
            id,
            proposal,
            lookup,
            settings: self.settings.clone(),
            seed: self.ids(),
        };
        let mut locks = Locks {
            proposals: vec![proposal],
            ..commits::locks(&found.row, None)
        };
        let pay_in_key = OutgoingRecord::load(&found.row)?.facts.pay_in_key;
        locks.pay_ins = found.row.gateway.zip(pay_in_key).into_iter().collect();
        let decided = self
            .commit("approve", locks, move |locked| unit.decide(locked))
            .await;
        match decided {
            Ok(Ok(())) => Ok(self.view_of(id).await?),
            Ok(Err(refusal)) => Err(ReviewRefusal::Approval(refusal)),
            Err(CommitError::Refused(refusal)) => Err(refusal),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }
}

fn approver(caller: &Caller) -> UserId {
    if sabotage::is(Sabotage::ApproveOwnProposal) {
        return UserId::from_bytes([0xff; 16]);
    }
    caller.user_id
}

/// The proposal beside the payment as it stands.
fn approval(
    caller: &Caller,
    found: &TransactionRecord,
    proposal: &ProposalRow,
) -> Result<Approval, StoreError> {
    let number = match found.row.kind {
        Kind::Charge | Kind::Transfer => None,
        Kind::Payout | Kind::Refund => match OutgoingRecord::load(&found.row)?.stage {
            OutgoingStage::InReview { attempt, .. } => Some(attempt),
            _ => None,
        },
    };
    let mut attempts = found.attempts.iter();
    let reviewed = attempts.find(|attempt| Some(attempt.row.number) == number);
    let mut sends = found.attempts.iter().flat_map(|attempt| &attempt.sends);
    let in_review = reviewed.map(|attempt| (attempt.row.number, attempt.row.evidence_version));
    let mut bound_to = (proposal.attempt_number, proposal.evidence_version);
    if sabotage::is(Sabotage::ApproveOnMovedEvidence) {
        bound_to = in_review.unwrap_or(bound_to);
    }
    Ok(Approval {
        proposed_by: proposal.proposed_by,
        approver: approver(caller),
        state: proposal.state,
        bound_to,
        in_review,
        send_open: sends.any(|send| send.closed_at.is_none()),
    })
}

struct ApproveUnit {
    caller: Caller,
    id: TransactionId,
    proposal: ProposalId,
    /// What the repeated lookup showed.
    lookup: Option<&'static str>,
    settings: std::sync::Arc<Settings>,
    seed: IdSeed,
}

type Approved = Result<(), ApprovalRefusal>;

impl ApproveUnit {
    fn decide(&self, locked: &Locked) -> Decision<Approved, ReviewRefusal> {
        let found = locked.transactions.get(&self.id);
        let proposal = locked.proposals.get(&self.proposal);
        let (Some(found), Some(proposal)) = (found, proposal) else {
            return Decision::Refuse(ReviewRefusal::NotFound);
        };
        if self.was_carried_out(proposal) {
            return Decision::Commit(Vec::new(), Ok(()));
        }
        match approval(&self.caller, found, proposal).map(Approval::judge) {
            Err(error) => Decision::Refuse(error.into()),
            Ok(Err(refusal)) => Decision::Commit(self.refused(proposal, refusal), Err(refusal)),
            Ok(Ok(())) => match self.carry_out(locked, found, proposal) {
                Ok(writes) => Decision::Commit(writes, Ok(())),
                Err(error) => Decision::Refuse(error.into()),
            },
        }
    }

    /// An earlier run of this very unit.
    fn was_carried_out(&self, proposal: &ProposalRow) -> bool {
        proposal.state == ProposalState::Approved
            && proposal.decided_by == Some(self.caller.user_id)
            && proposal.decided_at == Some(self.seed.now)
    }

    fn refused(&self, proposal: &ProposalRow, refusal: ApprovalRefusal) -> Vec<Write> {
        let detail = json!({
            "proposal": proposal.id.to_string(),
            "outcome": proposal.outcome.as_str(),
            "code": refusal.code(),
            "lookup": self.lookup,
        });
        let audited = self.audited("review.approval_refused", detail);
        vec![audit(&mut self.seed.start(), self.seed.now, audited)]
    }

    fn audited<'a>(&self, action: &'a str, detail: serde_json::Value) -> Audited<'a> {
        Audited {
            actor: self.caller.user_id.to_string(),
            action,
            subject: self.id.to_string(),
            detail,
        }
    }

    fn carry_out(
        &self,
        locked: &Locked,
        found: &TransactionRecord,
        proposal: &ProposalRow,
    ) -> Result<Vec<Write>, StoreError> {
        let (now, mut ids) = (self.seed.now, self.seed.start());
        let attempt = self.attempt_after(found, proposal)?;
        let (step, booking) = decision_of(proposal.outcome, &attempt);
        let mut record = OutgoingRecord::load(&found.row)?
            .step(step, now)
            .map_err(|illegal| StoreError::Corrupt(illegal.to_string()))?;
        if proposal.outcome == ReviewOutcome::Settled {
            record.row.gateway = Some(attempt.gateway);
        }
        record.facts.decided = Some(self.decided(found, proposal));
        record.facts.waiting_for = None;
        record.facts.waiting_since = None;
        let mut writes = match booking {
            Some(booking) => self.book(locked, &record, booking, &mut ids)?,
            None => Vec::new(),
        };
        let deadline = self.settings.stage_deadline(&record.stage);
        let pays_again = record.kind == Outgoing::Payout && booking.is_none();
        let row = record.into_row(now, deadline);
        writes.push(events::of_transaction(&mut ids, &row, &event_name(&row)));
        writes.push(self.job(&mut ids, pays_again, &row));
        writes.push(Write::SaveTransaction(row));
        writes.push(Write::SaveAttempt(attempt));
        writes.push(Write::DecideProposal(ProposalRow {
            state: ProposalState::Approved,
            decided_by: Some(approver(&self.caller)),
            decided_at: Some(now),
            ..proposal.clone()
        }));
        let detail = json!({
            "proposal": proposal.id.to_string(),
            "outcome": proposal.outcome.as_str(),
            "proposed_by": proposal.proposed_by.to_string(),
            "attempt": proposal.attempt_number,
            "evidence_version": proposal.evidence_version,
            "lookup": self.lookup,
        });
        let audited = self.audited("review.approved", detail);
        writes.push(audit(&mut ids, now, audited));
        Ok(writes)
    }

    fn book(
        &self,
        locked: &Locked,
        record: &OutgoingRecord,
        booking: Booking,
        ids: &mut Ids,
    ) -> Result<Vec<Write>, StoreError> {
        book(locked, record, booking, self.seed.now, ids).map_err(|passed| match passed {
            Passed::Corrupt(error) => error,
            Passed::Moved | Passed::LeaseLost => StoreError::Stale("wallet"),
        })
    }

    /// A payment that is queued again must have a job, whatever became of its own; one that ended
    /// lets its job find that out.
    fn job(
        &self,
        ids: &mut Ids,
        pays_again: bool,
        row: &crate::ports::store::TransactionRow,
    ) -> Write {
        if pays_again {
            return ensured_job(ids, row);
        }
        Write::WakeJobs {
            transaction_id: row.id,
            at: self.seed.now,
        }
    }

    /// The attempt in review keeps the payment's one live slot for ever, so that the schema itself
    /// lets nothing follow; only a retry frees it, in place of a proof, for the attempt that the
    /// licence of the two people permits.
    fn attempt_after(
        &self,
        found: &TransactionRecord,
        proposal: &ProposalRow,
    ) -> Result<AttemptRow, StoreError> {
        let number = proposal.attempt_number;
        let mut attempts = found.attempts.iter().map(|attempt| &attempt.row);
        let row = attempts.find(|row| row.number == number);
        let mut row = row.cloned().ok_or_else(|| {
            StoreError::Corrupt(format!("attempt {number} of {} is absent", self.id))
        })?;
        let other_is_live = found
            .attempts
            .iter()
            .any(|attempt| attempt.row.live && attempt.row.number != number);
        row.live = match proposal.outcome {
            ReviewOutcome::Settled | ReviewOutcome::Release => !other_is_live,
            ReviewOutcome::Retry => false,
        };
        row.updated_at = self.seed.now;
        Ok(row)
    }

    fn decided(&self, found: &TransactionRecord, proposal: &ProposalRow) -> StoredDecided {
        let last = found.attempts.last().map(|attempt| attempt.row.number);
        StoredDecided {
            outcome: proposal.outcome.as_str().to_owned(),
            proposal: proposal.id.to_string(),
            by: proposal.proposed_by.to_string(),
            approved_by: self.caller.user_id.to_string(),
            attempt: proposal.attempt_number,
            after: last.unwrap_or(proposal.attempt_number),
            at: self.seed.now.micros(),
        }
    }
}

fn decision_of(outcome: ReviewOutcome, attempt: &AttemptRow) -> (OutgoingStep, Option<Booking>) {
    match outcome {
        ReviewOutcome::Settled => (
            OutgoingStep::DecideSettled,
            Some(Booking::PaidOut(attempt.gateway)),
        ),
        ReviewOutcome::Release => {
            let message =
                "two operators decided that it was not made; the money is back in the wallet";
            let failure = Failure {
                code: RELEASED.to_owned(),
                message: message.to_owned(),
            };
            (
                OutgoingStep::DecideRelease { failure },
                Some(Booking::Release),
            )
        }
        ReviewOutcome::Retry => (OutgoingStep::DecideRetry, None),
    }
}
