//! The ends of a payment that no answer brings: rejected or cancelled while queued, handed to people
//! when its time is over, or noted as waiting. Each is one commit, compare-and-set on the stage.
//!
//! A payment that people sent on while an attempt of it was unproven is not given back by any of
//! them: it goes back to people.

use domain::ids::AlertId;
use domain::payout::{Failure, OutgoingStage, OutgoingStep};
use domain::routing::WaitReason;
use domain::status::Status;
use domain::time::Moment;

use serde_json::json;

use super::booking::book;
use super::commits::{self, Passed};
use super::transition::Booking;
use super::{REVIEW_LOOK, WAIT};
use crate::audit::{Audited, SYSTEM, audit};
use crate::context::{App, CommitError, Decision, Ids};
use crate::events;
use crate::payouts::ensured_job;
use crate::ports::store::*;
use crate::records::outgoing::{OutgoingRecord, unproven_besides};
use crate::sabotage::{self, Sabotage};

/// Ends a queued payment as failed and gives the money back.
pub async fn reject(
    app: &App,
    found: &TransactionRecord,
    lease: Option<Lease>,
    failure: Failure,
) -> Result<(), CommitError<Passed>> {
    let alert = match failure.code.as_str() {
        "all_gateways_unavailable" => Some("all_gateways_failed"),
        "insufficient_float" => Some("insufficient_float"),
        _ => None,
    };
    let step = OutgoingStep::Reject { failure };
    end_queued(app, found, lease, step, alert).await
}

/// Where the money of a payment that was not made is, for people.
pub(super) fn given_back(row: &TransactionRow) -> &'static str {
    match row.is_systems() {
        true => "our money stayed where it was",
        false => "the money is back in the wallet",
    }
}

/// One commit that takes a queued payment to a failed end: rejected or cancelled.
pub async fn end_queued(
    app: &App,
    found: &TransactionRecord,
    lease: Option<Lease>,
    step: OutgoingStep,
    alert: Option<&'static str>,
) -> Result<(), CommitError<Passed>> {
    let (seed, id, version) = (app.ids(), found.row.id, found.row.version);
    let mut locks = commits::locks(&found.row, lease);
    let record = OutgoingRecord::load(&found.row)?;
    if let (Some(gateway), Some(key)) = (found.row.gateway, record.facts.pay_in_key.clone()) {
        locks.pay_ins = vec![(gateway, key)];
    }
    app.commit("end_queued", locks, move |locked| {
        let ended = || -> Result<Vec<Write>, Passed> {
            let found = locked
                .transactions
                .get(&id)
                .filter(|found| found.row.version == version);
            let found = found.ok_or(Passed::Moved)?;
            let mut record = OutgoingRecord::load(&found.row)?;
            let pending = record.stage.status() == Status::Pending;
            if pending && sabotage::is(Sabotage::CancelInAnyStage) {
                record.stage = OutgoingStage::Queued { since: seed.now };
            }
            if !matches!(record.stage, OutgoingStage::Queued { .. }) {
                return Err(Passed::Moved);
            }
            let (now, mut ids) = (seed.now, seed.start());
            let careless = sabotage::is(Sabotage::CancelInAnyStage)
                || sabotage::is(Sabotage::EarlierAttemptMoves);
            let unproven = unproven_besides(&found.attempts, None).filter(|_| !careless);
            if let Some(attempt) = unproven {
                return match step {
                    OutgoingStep::Cancel => Err(Passed::Moved),
                    _ => {
                        back_to_review(record, attempt, (&mut ids, now), held_lease(lease, locked))
                    }
                };
            }
            let record = record.step(step.clone(), now).map_err(|_| Passed::Moved)?;
            let mut writes = book(locked, &record, Booking::Release, now, &mut ids)?;
            if let Some(kind) = alert {
                writes.extend(raise(&mut ids, kind, &record, now));
            }
            let row = record.into_row(now, None);
            writes.push(events::of_transaction(
                &mut ids,
                &row,
                &commits::event_name(&row),
            ));
            writes.push(Write::SaveTransaction(row));
            writes.extend(held_lease(lease, locked).map(Write::FinishJob));
            Ok(writes)
        };
        match ended() {
            Ok(writes) => Decision::Commit(writes, ()),
            Err(passed) => Decision::Refuse(passed),
        }
    })
    .await
}

fn held_lease(lease: Option<Lease>, locked: &Locked) -> Option<Lease> {
    lease.filter(|_| locked.job.is_some())
}

/// The payment cannot go on, and an attempt that people went past may have paid it.
fn back_to_review(
    record: OutgoingRecord,
    attempt: u32,
    (ids, now): (&mut Ids, Moment),
    lease: Option<Lease>,
) -> Result<Vec<Write>, Passed> {
    let step = OutgoingStep::ReturnToReview { attempt };
    let record = record.step(step, now).map_err(|_| Passed::Moved)?;
    Ok(into_review(record, (ids, now), lease))
}

/// The payment's next version in review, with a job that looks at it: the one at hand, slowly, or
/// any.
fn into_review(
    record: OutgoingRecord,
    (ids, now): (&mut Ids, Moment),
    lease: Option<Lease>,
) -> Vec<Write> {
    let mut writes = enter_review(ids, &record, now);
    let row = record.into_row(now, None);
    writes.push(events::of_transaction(
        ids,
        &row,
        &commits::event_name(&row),
    ));
    writes.push(match lease {
        Some(lease) => Write::RescheduleJob {
            lease,
            visible_at: now.plus(REVIEW_LOOK),
            tries: 0,
            last_error: None,
        },
        None => ensured_job(ids, &row),
    });
    writes.push(Write::SaveTransaction(row));
    writes
}

/// Calls people: the alert and the line of the audit trail of a payment that enters review.
pub fn enter_review(ids: &mut Ids, record: &OutgoingRecord, now: Moment) -> Vec<Write> {
    let audited = Audited {
        actor: SYSTEM.to_owned(),
        action: "review.entered",
        subject: record.row.id.to_string(),
        detail: json!({"attempt": record.stage.attempt()}),
    };
    let mut writes: Vec<Write> = raise(ids, "payout_in_review", record, now).into();
    writes.push(audit(ids, now, audited));
    writes
}

fn raise(ids: &mut Ids, kind: &str, record: &OutgoingRecord, now: Moment) -> [Write; 2] {
    let message = match kind {
        "all_gateways_failed" => "no gateway could take a payment; its money was given back",
        "insufficient_float" => "no gateway held enough of our money for a payment",
        "payment_paused" => {
            "a payment waits: an operator has paused the gateways that can carry it"
        }
        "payout_in_review" => "a payment has no clear outcome in time; people must decide",
        _ => "a payment needs attention",
    };
    let alert = AlertRow {
        id: AlertId::from_bytes(ids.make()),
        kind: kind.to_owned(),
        transaction_id: Some(record.row.id),
        gateway: record.row.gateway,
        message: message.to_owned(),
        raised_at: now,
    };
    events::alert(ids, alert)
}

/// A stage has reached its maximum age: a queued payment ends, every other goes to people.
pub async fn end_overdue(
    app: &App,
    found: &TransactionRecord,
    lease: Option<Lease>,
) -> Result<(), CommitError<Passed>> {
    let record = OutgoingRecord::load(&found.row)?;
    if matches!(record.stage, OutgoingStage::Queued { .. }) {
        if !app.may_dispatch() {
            // It may have left before the database was restored: nothing is given back.
            return Err(CommitError::Refused(Passed::Moved));
        }
        let message = format!(
            "the payment could not be sent in time; {}",
            given_back(&found.row)
        );
        return reject(
            app,
            found,
            lease,
            Failure {
                code: "queued_too_long".into(),
                message,
            },
        )
        .await;
    }
    escalate(app, found, lease).await
}

/// Hands a payment with a live attempt to people. The hold stays.
pub async fn escalate(
    app: &App,
    found: &TransactionRecord,
    lease: Option<Lease>,
) -> Result<(), CommitError<Passed>> {
    let (seed, id, version) = (app.ids(), found.row.id, found.row.version);
    let locks = Locks {
        transactions: vec![id],
        lease,
        ..Locks::default()
    };
    app.commit("escalate", locks, move |locked| {
        let escalated = || -> Result<Vec<Write>, Passed> {
            let found = locked
                .transactions
                .get(&id)
                .filter(|found| found.row.version == version);
            let record = OutgoingRecord::load(&found.ok_or(Passed::Moved)?.row)?;
            let (now, mut ids) = (seed.now, seed.start());
            let record = record
                .step(OutgoingStep::Escalate, now)
                .map_err(|_| Passed::Moved)?;
            let lease = held_lease(lease, locked);
            Ok(into_review(record, (&mut ids, now), lease))
        };
        match escalated() {
            Ok(writes) => Decision::Commit(writes, ()),
            Err(passed) => Decision::Refuse(passed),
        }
    })
    .await
}

/// Writes down what a queued payment waits for, once, and looks again later.
pub async fn note_wait(
    app: &App,
    found: &TransactionRecord,
    lease: Lease,
    reason: WaitReason,
) -> Result<(), CommitError<Passed>> {
    let record = OutgoingRecord::load(&found.row)?;
    if record.facts.waiting_for.as_deref() == Some(reason.as_str()) {
        return Ok(reschedule(app, lease, app.now().plus(WAIT)).await?);
    }
    let (seed, id, version) = (app.ids(), found.row.id, found.row.version);
    let patience = app.settings.queued_deadline;
    let locks = Locks {
        transactions: vec![id],
        lease: Some(lease),
        ..Locks::default()
    };
    app.commit("note_wait", locks, move |locked| {
        let noted = || -> Result<Vec<Write>, Passed> {
            locked.job.as_ref().ok_or(Passed::LeaseLost)?;
            let found = locked
                .transactions
                .get(&id)
                .filter(|found| found.row.version == version);
            let found = found.ok_or(Passed::Moved)?;
            let mut record = OutgoingRecord::load(&found.row)?;
            let (now, mut ids) = (seed.now, seed.start());
            record.facts.waiting_for = Some(reason.as_str().to_owned());
            record.facts.waiting_since = Some(now.micros());
            let mut writes = Vec::new();
            let alert = match reason {
                WaitReason::FloatShort => Some("float_short"),
                WaitReason::Paused => Some("payment_paused"),
                // Told once for all payments.
                WaitReason::OutcomesUnknown | WaitReason::DispatchStopped => None,
            };
            writes.extend(
                alert
                    .into_iter()
                    .flat_map(|kind| raise(&mut ids, kind, &record, now)),
            );
            let deadline = match reason {
                WaitReason::DispatchStopped => None,
                WaitReason::OutcomesUnknown | WaitReason::Paused | WaitReason::FloatShort => {
                    let left = found.row.stage_deadline;
                    left.or_else(|| Some(now.plus(patience)))
                }
            };
            let row = record.into_row(now, deadline);
            writes.push(events::of_transaction(
                &mut ids,
                &row,
                &commits::event_name(&row),
            ));
            writes.push(Write::SaveTransaction(row));
            let visible_at = now.plus(WAIT);
            writes.push(Write::RescheduleJob {
                lease,
                visible_at,
                tries: 0,
                last_error: None,
            });
            Ok(writes)
        };
        match noted() {
            Ok(writes) => Decision::Commit(writes, ()),
            Err(passed) => Decision::Refuse(passed),
        }
    })
    .await
}

/// A watched payment is looked at again later, unless people have just sent it on: then at once.
/// Nothing when the lease is lost.
pub async fn keep_watching(
    app: &App,
    found: &TransactionRecord,
    lease: Lease,
) -> Result<(), StoreError> {
    let (now, id) = (app.now(), found.row.id);
    let locks = Locks {
        transactions: vec![id],
        lease: Some(lease),
        ..Locks::default()
    };
    let done: Result<(), CommitError<()>> = app
        .commit("keep_watching", locks, move |locked| {
            let in_review = locked
                .transactions
                .get(&id)
                .is_some_and(|found| found.row.stage == "in_review");
            let visible_at = if in_review {
                now.plus(REVIEW_LOOK)
            } else {
                now
            };
            match &locked.job {
                Some(_) => Decision::Commit(
                    vec![Write::RescheduleJob {
                        lease,
                        visible_at,
                        tries: 0,
                        last_error: None,
                    }],
                    (),
                ),
                None => Decision::Refuse(()),
            }
        })
        .await;
    match done {
        Ok(()) | Err(CommitError::Refused(())) => Ok(()),
        Err(CommitError::Store(error)) => Err(error),
    }
}

/// Makes the job visible again at that time; nothing when the lease is lost.
pub async fn reschedule(app: &App, lease: Lease, visible_at: Moment) -> Result<(), StoreError> {
    job_write(
        app,
        lease,
        Write::RescheduleJob {
            lease,
            visible_at,
            tries: 0,
            last_error: None,
        },
    )
    .await
}

/// Ends the job; nothing when the lease is lost.
pub async fn finish(app: &App, lease: Lease) -> Result<(), StoreError> {
    job_write(app, lease, Write::FinishJob(lease)).await
}

async fn job_write(app: &App, lease: Lease, write: Write) -> Result<(), StoreError> {
    let locks = Locks {
        lease: Some(lease),
        ..Locks::default()
    };
    let done: Result<(), CommitError<()>> = app
        .commit("job", locks, move |locked| match &locked.job {
            Some(_) => Decision::Commit(vec![write.clone()], ()),
            None => Decision::Refuse(()),
        })
        .await;
    match done {
        Ok(()) | Err(CommitError::Refused(())) => Ok(()),
        Err(CommitError::Store(error)) => Err(error),
    }
}
