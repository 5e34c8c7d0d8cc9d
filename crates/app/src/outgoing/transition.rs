//! What a proven outcome does to a payment: a pure function, the heart of "never paid twice".
//!
//! Money is released only where the outcome is *not done*, which [`domain::dispatch::judge`] alone
//! can prove; everything unknown keeps the hold. What contradicts a terminal stage changes nothing
//! and is reported as an incident.

use domain::dispatch::{AttemptOutcome, NotDoneProof};
use domain::gateway::Gateway;
use domain::outcome::{Consequence, Execution};
use domain::payout::{Failure, Outgoing, OutgoingStage, OutgoingStep};
use domain::status::Status;
use domain::time::Moment;

use crate::ports::store::{AttemptRecord, AttemptRow};
use crate::records::outgoing::{OutgoingRecord, judge_stored};

/// What happens to the money held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Booking {
    /// It left through this gateway.
    PaidOut(Gateway),
    /// It goes back to the wallet.
    Release,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// The payment stays in its stage; the attempt may know more now.
    Stay(AttemptRow),
    /// The same attempt may be sent again.
    Retry(AttemptRow),
    Move {
        record: Box<OutgoingRecord>,
        attempt: AttemptRow,
        booking: Option<Booking>,
    },
    /// The outcome contradicts a terminal stage.
    Contradiction { attempt: AttemptRow, detail: String },
}

/// Applies what is proven about `attempt` to the payment. `may_retry`: the gateway has tries left
/// for this attempt and its circuit lets them through.
pub fn transition(
    record: OutgoingRecord,
    attempt: &AttemptRecord,
    may_retry: bool,
    now: Moment,
) -> Transition {
    let outcome = judge_stored(attempt).unwrap_or(AttemptOutcome::Unknown);
    let mut row = attempt.row.clone();
    note(&mut row, &outcome, now);
    if record.stage.status() != Status::Pending {
        return after_the_end(&record, row, &outcome);
    }
    if record.stage.attempt() != Some(row.number) {
        return of_an_earlier_attempt(&record, row, &outcome);
    }
    match outcome {
        AttemptOutcome::Done(execution) => settle(record, row, &execution, now),
        AttemptOutcome::NotDone(proof) => not_done(record, row, &proof, may_retry, now),
        AttemptOutcome::Accepted(_) => advance(record, row, OutgoingStep::GatewayAccepted, now),
        AttemptOutcome::Unknown => match record.stage {
            // An acceptance is not forgotten because a later lookup was unclear.
            OutgoingStage::Accepted { .. } => Transition::Stay(row),
            _ => advance(record, row, OutgoingStep::OutcomeUnknown, now),
        },
        AttemptOutcome::Open => Transition::Stay(row),
    }
}

/// What becomes known of an attempt that does not hold the payment any more moves nothing: another
/// attempt may be under way.
fn of_an_earlier_attempt(
    record: &OutgoingRecord,
    row: AttemptRow,
    outcome: &AttemptOutcome,
) -> Transition {
    match outcome {
        AttemptOutcome::Done(_) => Transition::Contradiction {
            detail: format!(
                "attempt {} was executed although the payment went on and is {}",
                row.number,
                record.stage.name()
            ),
            attempt: row,
        },
        AttemptOutcome::NotDone(_)
        | AttemptOutcome::Accepted(_)
        | AttemptOutcome::Unknown
        | AttemptOutcome::Open => Transition::Stay(row),
    }
}

/// Writes down what is known about the attempt.
fn note(row: &mut AttemptRow, outcome: &AttemptOutcome, now: Moment) {
    row.evidence_version += 1;
    row.updated_at = now;
    let (word, reason, reference) = match outcome {
        AttemptOutcome::Done(execution) => ("done", None, execution.gateway_reference.clone()),
        AttemptOutcome::NotDone(proof) => ("not_done", Some(proof.code().to_owned()), None),
        AttemptOutcome::Open => ("open", None, None),
        AttemptOutcome::Accepted(acceptance) => {
            ("accepted", None, acceptance.gateway_reference.clone())
        }
        AttemptOutcome::Unknown => ("unknown", None, None),
    };
    row.outcome = word.to_owned();
    row.reason = reason;
    row.gateway_reference = reference.or(row.gateway_reference.take());
}

fn settle(
    mut record: OutgoingRecord,
    row: AttemptRow,
    execution: &Execution,
    now: Moment,
) -> Transition {
    record.row.gateway = Some(row.gateway);
    record.row.end_to_end_id = execution
        .end_to_end_id
        .clone()
        .or(record.row.end_to_end_id.take());
    let booking = Some(Booking::PaidOut(row.gateway));
    step(record, row, OutgoingStep::GatewaySettled, booking, now)
}

fn not_done(
    record: OutgoingRecord,
    mut row: AttemptRow,
    proof: &NotDoneProof,
    may_retry: bool,
    now: Moment,
) -> Transition {
    let sending = matches!(record.stage, OutgoingStage::Sending { .. });
    if proof.consequence() == Consequence::RetryHere && sending && may_retry {
        row.outcome = "open".to_owned();
        return Transition::Retry(row);
    }
    row.live = false;
    let elsewhere = match proof.consequence() {
        Consequence::RetryHere | Consequence::NewAttempt | Consequence::OtherGateway => true,
        Consequence::EndsPayment => false,
        // Never a proof: `judge` does not make one of it.
        Consequence::StaysUnknown => {
            return advance(record, row, OutgoingStep::OutcomeUnknown, now);
        }
    };
    let in_review = matches!(record.stage, OutgoingStage::InReview { .. });
    if elsewhere && record.kind == Outgoing::Payout && !in_review {
        return step(record, row, OutgoingStep::AttemptNotDone, None, now);
    }
    let failure = failure_of(proof);
    step(
        record,
        row,
        OutgoingStep::Reject { failure },
        Some(Booking::Release),
        now,
    )
}

/// The failure that a refusal ends a payment with.
pub fn failure_of(proof: &NotDoneProof) -> Failure {
    let message = match proof.code() {
        "risk_refused" => "the gateway's risk analysis refused the payment",
        "payee_key_not_found" => "the payee's key does not exist",
        "payee_mismatch" => "the key does not belong to the tax id given",
        "payee_refused" | "scheme_refused" => "the payee's bank refused the payment",
        "br_code_refused" => "the BR Code is expired, already paid or refused",
        "refund_not_allowed" => "the gateway does not allow this refund",
        "malformed" => "the gateway could not read the order; the operators have been told",
        _ => "the gateway refused the payment",
    };
    Failure {
        code: proof.code().to_owned(),
        message: message.to_owned(),
    }
}

/// Takes a step where it is legal; where it is not, the payment already stands further.
fn advance(
    record: OutgoingRecord,
    row: AttemptRow,
    wanted: OutgoingStep,
    now: Moment,
) -> Transition {
    match record.clone().step(wanted, now) {
        Ok(next) => Transition::Move {
            record: Box::new(next),
            attempt: row,
            booking: None,
        },
        Err(_) => Transition::Stay(row),
    }
}

fn step(
    record: OutgoingRecord,
    row: AttemptRow,
    wanted: OutgoingStep,
    booking: Option<Booking>,
    now: Moment,
) -> Transition {
    match record.clone().step(wanted, now) {
        Ok(next) => Transition::Move {
            record: Box::new(next),
            attempt: row,
            booking,
        },
        Err(illegal) => Transition::Contradiction {
            attempt: row,
            detail: illegal.to_string(),
        },
    }
}

fn after_the_end(record: &OutgoingRecord, row: AttemptRow, outcome: &AttemptOutcome) -> Transition {
    let number = row.number;
    let contradiction = match (&record.stage, outcome) {
        (
            OutgoingStage::Rejected { .. } | OutgoingStage::Cancelled { .. },
            AttemptOutcome::Done(_),
        ) => Some(format!(
            "attempt {number} was executed although the payment is {}",
            record.stage.name()
        )),
        (
            OutgoingStage::Settled { .. } | OutgoingStage::Returned { .. },
            AttemptOutcome::NotDone(_),
        ) if record.stage.attempt() == Some(number) => Some(format!(
            "attempt {number} is shown as not executed although the payment is settled"
        )),
        (
            OutgoingStage::Settled { .. } | OutgoingStage::Returned { .. },
            AttemptOutcome::Done(_),
        ) if record.stage.attempt() != Some(number) => Some(format!(
            "attempt {number} was executed besides the one that settled the payment"
        )),
        _ => None,
    };
    match contradiction {
        Some(detail) => Transition::Contradiction {
            attempt: row,
            detail,
        },
        None => Transition::Stay(row),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use domain::ids::{AttemptId, TransactionId, UserId, WalletId};
    use domain::money::Money;
    use domain::outcome::{
        Acceptance, Evidence, NeverSent, Refusal, RefusalReason, SendVerdict, UnknownCause,
    };
    use domain::status::Kind;

    use crate::ports::store::{EvidenceRow, SendRow, TransactionRow};
    use crate::records::outgoing::{
        OutgoingFacts, OutgoingPrivate, evidence_text, late_answer_text, verdict_text,
    };

    const NOW: Moment = Moment::from_micros(1_000);

    pub(crate) fn payment(kind: Kind, stage: OutgoingStage) -> OutgoingRecord {
        let row = TransactionRow {
            id: TransactionId::from_bytes([1; 16]),
            wallet_id: WalletId::from_bytes([2; 16]),
            user_id: UserId::from_bytes([3; 16]),
            kind,
            status: stage.status(),
            stage: stage.name().to_owned(),
            version: 3,
            amount: Money::from_cents(100).unwrap(),
            fee: Money::ZERO,
            gateway: Some(Gateway::Efi),
            idempotency: None,
            reference: None,
            end_to_end_id: None,
            parent: None,
            stage_deadline: None,
            created_at: Moment::default(),
            updated_at: Moment::default(),
            settled_at: None,
            facts: String::new(),
            private: String::new(),
        };
        let kind = if kind == Kind::Refund {
            Outgoing::Refund
        } else {
            Outgoing::Payout
        };
        OutgoingRecord {
            row,
            kind,
            stage,
            facts: OutgoingFacts::default(),
            private: OutgoingPrivate::default(),
        }
    }

    fn attempt(verdicts: &[Option<SendVerdict>], evidence: &[Evidence]) -> AttemptRecord {
        let id = AttemptId::from_bytes([4; 16]);
        let sends = verdicts.iter().zip(1..).map(|(verdict, number)| SendRow {
            attempt_id: id,
            number,
            opened_at: Moment::default(),
            closed_at: verdict.as_ref().map(|_| NOW),
            verdict: verdict.as_ref().map(verdict_text),
            class: verdict.as_ref().map(|verdict| verdict.class().to_owned()),
            code: None,
            lease_token: 1,
        });
        let evidence = evidence.iter().map(|item| EvidenceRow {
            id: domain::ids::EvidenceId::from_bytes([5; 16]),
            attempt_id: id,
            at: NOW,
            source: "lookup".into(),
            body: evidence_text(item),
            class: item.class().into(),
        });
        AttemptRecord {
            row: AttemptRow {
                id,
                transaction_id: TransactionId::from_bytes([1; 16]),
                number: 1,
                gateway: Gateway::Efi,
                attempt_key: "k".into(),
                request: Vec::new(),
                live: true,
                outcome: "open".into(),
                reason: None,
                why: String::new(),
                licence: None,
                routing: String::new(),
                gateway_reference: None,
                evidence_version: 0,
                created_at: Moment::default(),
                updated_at: Moment::default(),
            },
            sends: sends.collect(),
            evidence: evidence.collect(),
        }
    }

    fn sending() -> OutgoingStage {
        OutgoingStage::Sending {
            attempt: 1,
            since: Moment::default(),
        }
    }
    fn in_doubt() -> OutgoingStage {
        OutgoingStage::InDoubt {
            attempt: 1,
            since: Moment::default(),
        }
    }
    fn in_review() -> OutgoingStage {
        OutgoingStage::InReview {
            attempt: 1,
            since: Moment::default(),
        }
    }
    fn refused(reason: RefusalReason) -> SendVerdict {
        SendVerdict::NotDone(Refusal {
            reason,
            code: "code".into(),
        })
    }
    fn executed() -> Evidence {
        Evidence::Settled(Execution {
            gateway_reference: None,
            end_to_end_id: Some("E1".into()),
        })
    }
    /// `stage booking live` of what follows.
    fn shown(transition: &Transition) -> String {
        match transition {
            Transition::Stay(row) => format!("stay {}", row.outcome),
            Transition::Retry(_) => "retry".to_owned(),
            Transition::Move {
                record,
                attempt,
                booking,
            } => {
                let money = match booking {
                    None => "kept",
                    Some(Booking::PaidOut(_)) => "paid",
                    Some(Booking::Release) => "released",
                };
                format!(
                    "{} {money} {}",
                    record.stage.name(),
                    if attempt.live { "live" } else { "ended" }
                )
            }
            Transition::Contradiction { .. } => "contradiction".to_owned(),
        }
    }
    fn follows(
        kind: Kind,
        stage: OutgoingStage,
        verdicts: &[Option<SendVerdict>],
        evidence: &[Evidence],
    ) -> String {
        shown(&transition(
            payment(kind, stage),
            &attempt(verdicts, evidence),
            false,
            NOW,
        ))
    }

    #[test]
    fn money_is_released_only_by_a_proof() {
        let timeout = Some(SendVerdict::Unknown(UnknownCause::Timeout));
        type Row = (
            OutgoingStage,
            Vec<Option<SendVerdict>>,
            Vec<Evidence>,
            &'static str,
        );
        let table: Vec<Row> = vec![
            (
                sending(),
                vec![timeout.clone()],
                vec![],
                "in_doubt kept live",
            ),
            (
                in_doubt(),
                vec![timeout.clone()],
                vec![Evidence::NotFound; 9],
                "stay unknown",
            ),
            (
                in_doubt(),
                vec![timeout.clone(), Some(refused(RefusalReason::Malformed))],
                vec![],
                "stay unknown",
            ),
            (
                in_doubt(),
                vec![timeout.clone()],
                vec![executed()],
                "settled paid live",
            ),
            (
                in_review(),
                vec![timeout.clone()],
                vec![executed()],
                "settled paid live",
            ),
            (
                sending(),
                vec![Some(refused(RefusalReason::RiskRefused))],
                vec![],
                "rejected released ended",
            ),
            (
                sending(),
                vec![Some(refused(RefusalReason::InsufficientFloat))],
                vec![],
                "queued kept ended",
            ),
            (
                sending(),
                vec![Some(SendVerdict::NeverSent(NeverSent::Connect))],
                vec![],
                "queued kept ended",
            ),
            (sending(), vec![None], vec![], "stay open"),
        ];
        for (stage, verdicts, evidence, expected) in table {
            assert_eq!(
                follows(Kind::Payout, stage, &verdicts, &evidence),
                expected,
                "{verdicts:?} {evidence:?}"
            );
        }
    }

    #[test]
    fn an_earlier_attempt_moves_nothing() {
        let second = OutgoingStage::Sending {
            attempt: 2,
            since: NOW,
        };
        let failed = Evidence::Refused(Refusal {
            reason: RefusalReason::Unexplained,
            code: "failed".into(),
        });
        let timeout = [Some(SendVerdict::Unknown(UnknownCause::Timeout))];
        for stage in [second, OutgoingStage::Queued { since: NOW }] {
            let first = |evidence| follows(Kind::Payout, stage.clone(), &timeout, &[evidence]);
            assert_eq!(first(failed.clone()), "stay not_done");
            assert_eq!(first(Evidence::NotFound), "stay unknown");
            assert_eq!(first(executed()), "contradiction");
        }
    }

    #[test]
    fn a_refund_never_goes_elsewhere() {
        let refused = [Some(SendVerdict::NeverSent(NeverSent::Connect))];
        assert_eq!(
            follows(Kind::Refund, sending(), &refused, &[]),
            "rejected released ended"
        );
    }

    #[test]
    fn a_retry_keeps_the_attempt_live() {
        let unreachable = attempt(&[Some(SendVerdict::NeverSent(NeverSent::Connect))], &[]);
        let next = transition(payment(Kind::Payout, sending()), &unreachable, true, NOW);
        assert_eq!(shown(&next), "retry");
        assert!(matches!(next, Transition::Retry(row) if row.live));
    }

    #[test]
    fn a_late_answer_replaces_the_verdict_of_its_own_send_only() {
        let mut late = attempt(
            &[Some(SendVerdict::Unknown(UnknownCause::ProcessLost))],
            &[],
        );
        late.evidence.push(EvidenceRow {
            id: domain::ids::EvidenceId::from_bytes([5; 16]),
            attempt_id: late.row.id,
            at: NOW,
            source: "late_answer".into(),
            body: late_answer_text(1, &refused(RefusalReason::RiskRefused)),
            class: "not_done".into(),
        });
        let next = transition(payment(Kind::Payout, in_doubt()), &late, false, NOW);
        assert_eq!(shown(&next), "rejected released ended");
        late.sends.push(SendRow {
            number: 2,
            ..late.sends[0].clone()
        });
        let next = transition(payment(Kind::Payout, in_doubt()), &late, false, NOW);
        assert_eq!(
            shown(&next),
            "stay unknown",
            "the second send may still have been executed"
        );
    }

    #[test]
    fn contradictions_change_nothing() {
        let rejected = OutgoingStage::Rejected {
            at: NOW,
            failure: Failure {
                code: "c".into(),
                message: "m".into(),
            },
        };
        let refused = [Some(refused(RefusalReason::InsufficientFloat))];
        assert_eq!(
            follows(Kind::Payout, rejected, &refused, &[executed()]),
            "contradiction"
        );
        let settled = OutgoingStage::Settled {
            attempt: Some(2),
            at: NOW,
        };
        assert_eq!(
            follows(Kind::Payout, settled, &refused, &[executed()]),
            "contradiction"
        );
    }

    #[test]
    fn an_acceptance_is_not_forgotten() {
        let accepted = Some(SendVerdict::Accepted(Acceptance {
            gateway_reference: None,
            end_to_end_id: None,
        }));
        let stage = OutgoingStage::Accepted {
            attempt: 1,
            since: NOW,
        };
        let unclear = [Evidence::Unclear(UnknownCause::Timeout)];
        assert_eq!(
            follows(Kind::Payout, stage, &[accepted], &unclear),
            "stay accepted"
        );
    }

    #[test]
    fn a_review_ends_by_proof_without_another_dispatch() {
        let failed = Evidence::Refused(Refusal {
            reason: RefusalReason::Unexplained,
            code: "NAO_REALIZADO".into(),
        });
        let timeout = [Some(SendVerdict::Unknown(UnknownCause::Timeout))];
        assert_eq!(
            follows(Kind::Payout, in_review(), &timeout, &[failed]),
            "rejected released ended"
        );
    }
}
