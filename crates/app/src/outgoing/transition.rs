//! What a proven outcome does to a payment: a pure function, the heart of "never paid twice".
//!
//! Money is released only where the outcome is *not done*, which [`domain::dispatch::judge`] alone
//! can prove, or where two people decided it; everything unknown keeps the hold. An attempt that
//! people went past is judged like the live one: executed, it settles the payment; while it is not
//! proven, nothing gives the money back but people. What contradicts an end corrects it where people
//! had decided or the money had been given back; where a gateway itself had settled, it is told and
//! no money moves.

use domain::dispatch::{AttemptOutcome, NotDoneProof};
use domain::gateway::Gateway;
use domain::outcome::{Consequence, Execution};
use domain::payout::{Failure, Outgoing, OutgoingStage, OutgoingStep};
use domain::review::ReviewOutcome;
use domain::status::Status;
use domain::time::Moment;

use crate::ports::store::{AttemptRecord, AttemptRow};
use crate::records::outgoing::{OutgoingRecord, judge_stored};
use crate::sabotage::{self, Sabotage};

/// The reason of an attempt that was executed besides the one that counts; its loss is booked in the
/// commit that writes this.
pub const EXECUTED_TWICE: &str = "executed_twice";

/// What happens to the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Booking {
    /// What was held left through this gateway.
    PaidOut(Gateway),
    /// What was held goes back to the wallet.
    Release,
    /// What was given back has left through this gateway.
    PaidAfterAll(Gateway),
    /// What was booked as gone through this gateway is still there.
    NotPaidAfterAll(Gateway),
}

/// What stands beside the attempt when it is judged.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// The gateway has tries left for this attempt and its circuit lets them through.
    pub may_retry: bool,
    /// What is known now was not known before.
    pub news: News,
    /// Another attempt that is not proven not done.
    pub unproven: Option<u32>,
    pub now: Moment,
}

/// What the last look brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    Nothing,
    Something,
    /// A lookup shows the attempt as not executed.
    Refusal,
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
        /// What was believed of another attempt and is not so.
        incident: Option<String>,
    },
    /// The payment's end was wrong, and is another now.
    Correct {
        record: Box<OutgoingRecord>,
        attempt: AttemptRow,
        booking: Booking,
        detail: String,
    },
    /// The payment is paid, and this attempt was executed besides: a loss, booked once.
    ExecutedTwice { attempt: AttemptRow, detail: String },
    /// The outcome contradicts an end that stays.
    Contradiction { attempt: AttemptRow, detail: String },
}

/// Applies what is proven about `attempt` to the payment.
pub fn transition(
    record: OutgoingRecord,
    attempt: &AttemptRecord,
    circumstances: Circumstances,
) -> Transition {
    let outcome = judge_stored(attempt).unwrap_or(AttemptOutcome::Unknown);
    let now = circumstances.now;
    let mut row = attempt.row.clone();
    note(&mut row, &outcome, now);
    if record.stage.status() != Status::Pending {
        return after_the_end(record, row, &outcome, circumstances);
    }
    let moves = sabotage::is(Sabotage::EarlierAttemptMoves);
    if record.stage.attempt() != Some(row.number) && !moves {
        return beside_the_live_one(record, row, &outcome, circumstances);
    }
    match outcome {
        AttemptOutcome::Done(execution) => {
            let record = executed(record, &row, &execution);
            let booking = Some(Booking::PaidOut(row.gateway));
            step(record, row, OutgoingStep::GatewaySettled, booking, now)
        }
        AttemptOutcome::NotDone(proof) => not_done(record, row, &proof, circumstances),
        AttemptOutcome::Accepted(_) => advance(record, row, OutgoingStep::GatewayAccepted, now),
        AttemptOutcome::Unknown => match record.stage {
            // An acceptance is not forgotten because a later lookup was unclear.
            OutgoingStage::Accepted { .. } => Transition::Stay(row),
            _ => advance(record, row, OutgoingStep::OutcomeUnknown, now),
        },
        AttemptOutcome::Open => Transition::Stay(row),
    }
}

/// Writes down what is known about the attempt.
fn note(row: &mut AttemptRow, outcome: &AttemptOutcome, now: Moment) {
    row.updated_at = now;
    let (word, reason, reference) = match outcome {
        AttemptOutcome::Done(execution) => (
            "done",
            row.reason.take().filter(|reason| reason == EXECUTED_TWICE),
            execution.gateway_reference.clone(),
        ),
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

/// The payment as this attempt has paid it.
fn executed(mut record: OutgoingRecord, row: &AttemptRow, execution: &Execution) -> OutgoingRecord {
    record.row.gateway = Some(row.gateway);
    record.row.end_to_end_id = execution
        .end_to_end_id
        .clone()
        .or(record.row.end_to_end_id.take());
    record
}

fn not_done(
    record: OutgoingRecord,
    mut row: AttemptRow,
    proof: &NotDoneProof,
    circumstances: Circumstances,
) -> Transition {
    let now = circumstances.now;
    let sending = matches!(record.stage, OutgoingStage::Sending { .. });
    if proof.consequence() == Consequence::RetryHere && sending && circumstances.may_retry {
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
    let goes = record.kind == Outgoing::Payout || sabotage::is(Sabotage::RefundElsewhere);
    if elsewhere && goes && !in_review {
        return step(record, row, OutgoingStep::AttemptNotDone, None, now);
    }
    give_back(record, row, proof, circumstances)
}

/// The payment ends without having been made, unless another attempt may have made it: then people
/// decide again.
fn give_back(
    record: OutgoingRecord,
    row: AttemptRow,
    proof: &NotDoneProof,
    circumstances: Circumstances,
) -> Transition {
    let now = circumstances.now;
    match circumstances.unproven {
        Some(attempt) if record.kind == Outgoing::Payout => {
            let back = OutgoingStep::ReturnToReview { attempt };
            step(record, row, back, None, now)
        }
        Some(_) | None => {
            let failure = failure_of(proof);
            let booking = Some(Booking::Release);
            step(record, row, OutgoingStep::Reject { failure }, booking, now)
        }
    }
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

/// An earlier attempt, while the payment waits for its next one or another one is live.
fn beside_the_live_one(
    record: OutgoingRecord,
    mut row: AttemptRow,
    outcome: &AttemptOutcome,
    circumstances: Circumstances,
) -> Transition {
    let now = circumstances.now;
    match outcome {
        AttemptOutcome::Done(execution) => {
            let number = row.number;
            let stage = record.stage.name();
            let detail =
                format!("attempt {number} was executed while the payment had gone on to {stage}");
            // With no other attempt live, it takes the slot for ever, like any that settled.
            row.live |= record.stage.attempt().is_none();
            let record = executed(record, &row, execution);
            let settled = OutgoingStep::OtherAttemptSettled { attempt: number };
            let booking = Some(Booking::PaidOut(row.gateway));
            match step(record, row, settled, booking, now) {
                Transition::Move {
                    record,
                    attempt,
                    booking,
                    ..
                } => Transition::Move {
                    record,
                    attempt,
                    booking,
                    incident: Some(detail),
                },
                other => other,
            }
        }
        AttemptOutcome::NotDone(proof) => {
            row.live = false;
            let waits = matches!(record.stage, OutgoingStage::Queued { .. });
            if waits && proof.consequence() == Consequence::EndsPayment {
                return give_back(record, row, proof, circumstances);
            }
            Transition::Stay(row)
        }
        AttemptOutcome::Accepted(_) | AttemptOutcome::Unknown | AttemptOutcome::Open => {
            Transition::Stay(row)
        }
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
            incident: None,
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
            incident: None,
        },
        Err(illegal) => Transition::Contradiction {
            attempt: row,
            detail: illegal.to_string(),
        },
    }
}

fn after_the_end(
    record: OutgoingRecord,
    mut row: AttemptRow,
    outcome: &AttemptOutcome,
    circumstances: Circumstances,
) -> Transition {
    let number = row.number;
    let counts = record.stage.attempt() == Some(number);
    match (&record.stage, outcome) {
        (
            OutgoingStage::Rejected { .. } | OutgoingStage::Cancelled { .. },
            AttemptOutcome::Done(execution),
        ) => {
            let detail = format!(
                "attempt {number} was executed although the payment is {}",
                record.stage.name()
            );
            let record = executed(record, &row, execution);
            let wanted = OutgoingStep::CorrectToSettled { attempt: number };
            let booking = Booking::PaidAfterAll(row.gateway);
            correct(record, row, wanted, (booking, detail), circumstances.now)
        }
        (
            OutgoingStage::Settled { .. } | OutgoingStage::Returned { .. },
            AttemptOutcome::NotDone(proof),
        ) if counts => {
            row.live = false;
            let detail = format!(
                "attempt {number} is shown as not executed although the payment is {}",
                record.stage.name()
            );
            let returned = matches!(record.stage, OutgoingStage::Returned { .. });
            if returned || !was_decided_settled(&record, number) {
                return contradiction(row, detail, circumstances.news);
            }
            let failure = failure_of(proof);
            let wanted = OutgoingStep::CorrectToRejected { failure };
            let booking = Booking::NotPaidAfterAll(row.gateway);
            correct(record, row, wanted, (booking, detail), circumstances.now)
        }
        (
            OutgoingStage::Settled { .. } | OutgoingStage::Returned { .. },
            AttemptOutcome::Done(_),
        ) if !counts => {
            if row.reason.as_deref() == Some(EXECUTED_TWICE) {
                return Transition::Stay(row);
            }
            row.reason = Some(EXECUTED_TWICE.to_owned());
            Transition::ExecutedTwice {
                attempt: row,
                detail: format!(
                    "attempt {number} was executed besides the one that settled the payment"
                ),
            }
        }
        // Settled once is settled; that the gateway says otherwise now is told.
        (
            OutgoingStage::Settled { .. } | OutgoingStage::Returned { .. },
            AttemptOutcome::Done(_),
        ) if circumstances.news == News::Refusal => {
            let detail =
                format!("attempt {number}, which settled the payment, is now shown as refused");
            contradiction(row, detail, circumstances.news)
        }
        (_, AttemptOutcome::NotDone(_)) => {
            row.live = false;
            Transition::Stay(row)
        }
        _ => Transition::Stay(row),
    }
}

/// Told once, when it becomes known.
fn contradiction(attempt: AttemptRow, detail: String, news: News) -> Transition {
    match news {
        News::Nothing => Transition::Stay(attempt),
        News::Something | News::Refusal => Transition::Contradiction { attempt, detail },
    }
}

fn correct(
    record: OutgoingRecord,
    row: AttemptRow,
    wanted: OutgoingStep,
    (booking, detail): (Booking, String),
    now: Moment,
) -> Transition {
    match record.step(wanted, now) {
        Ok(mut next) => {
            next.facts.corrected = true;
            Transition::Correct {
                record: Box::new(next),
                attempt: row,
                booking,
                detail,
            }
        }
        Err(illegal) => Transition::Contradiction {
            attempt: row,
            detail: illegal.to_string(),
        },
    }
}

/// People, not the gateway, said that this attempt was executed.
fn was_decided_settled(record: &OutgoingRecord, number: u32) -> bool {
    record.facts.decided.as_ref().is_some_and(|decided| {
        ReviewOutcome::parse(&decided.outcome) == Some(ReviewOutcome::Settled)
            && decided.attempt == number
    })
}

#[cfg(test)]
#[path = "transition_tests.rs"]
pub(crate) mod tests;
