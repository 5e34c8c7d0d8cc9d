//! An orphan: a code that may exist at a gateway but is not the one shown.
//!
//! Its job finds it, cancels it, and ends only when the gateway says that it is removed, expired or
//! paid, or when nobody could pay it any more because its time is over. A payment on it is credited
//! like any other.

use domain::ids::TransactionId;
use domain::time::{Moment, Span};
use serde::{Deserialize, Serialize};

use super::look::{Seen, look, reference};
use super::{
    Missed, again_at, attempt_of, finish, latest_expiry, locked_charge, locks, pause, run_failed,
};
use crate::context::{App, Decision};
use crate::jobs::JobError;
use crate::ports::gateway::{CancelAnswer, ChargeState};
use crate::ports::store::{AttemptRecord, JobRow, Lease, Locked, TransactionRecord, Write};
use crate::records::charge::ChargeRecord;

const SHORTEST: Span = Span::from_seconds(2);
const LONGEST: Span = Span::from_seconds(600);

/// What the job is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrphanPayload {
    transaction_id: String,
    attempt: u32,
}

impl OrphanPayload {
    pub(crate) fn new(transaction: TransactionId, attempt: u32) -> OrphanPayload {
        OrphanPayload {
            transaction_id: transaction.to_string(),
            attempt,
        }
    }

    pub(crate) fn text(&self) -> String {
        crate::records::write(self)
    }

    fn parse(text: &str) -> Option<(TransactionId, u32)> {
        let payload: OrphanPayload = serde_json::from_str(text).ok()?;
        let id = TransactionId::parse(&payload.transaction_id).ok()?;
        Some((id, payload.attempt))
    }
}

pub async fn run(app: &App, job: &JobRow, lease: Lease) -> Result<(), JobError> {
    let unreadable = || JobError::Fail("its payload names no attempt".to_owned());
    let (id, number) = OrphanPayload::parse(&job.payload).ok_or_else(unreadable)?;
    let record = app.store.transaction(id).await?;
    let record = record.ok_or_else(|| JobError::Fail(format!("there is no {id}")))?;
    let attempt = attempt_of(&record, number).ok_or_else(unreadable)?;
    let charge = ChargeRecord::load(&record.row)?;
    if is_settled(&charge, attempt) {
        return finish(app, lease).await;
    }
    let seen = look(app, &attempt.row, charge.row.amount, "charge_orphan").await?;
    let over = app.now() >= last_moment(app, &charge, attempt);
    match fate(seen, over) {
        Fate::Over(outcome, reason) => conclude(app, id, number, (outcome, reason), lease).await,
        Fate::LookAgain => look_again(app, attempt, lease, LONGEST).await,
        Fate::Cancel => {
            let wanted = reference(&attempt.row, charge.row.amount);
            let answer = app
                .gateway(attempt.row.gateway)
                .cancel_charge(&wanted)
                .await;
            match answer {
                // The next look confirms it.
                CancelAnswer::Cancelled => look_again(app, attempt, lease, SHORTEST).await,
                CancelAnswer::NotCancellable if over => {
                    conclude(app, id, number, ("not_done", "orphan_expired"), lease).await
                }
                CancelAnswer::NotCancellable
                | CancelAnswer::NotFound
                | CancelAnswer::Unclear(_) => look_again(app, attempt, lease, LONGEST).await,
            }
        }
    }
}

/// The code is shown after all (and was not paid inside the ledger), or a late answer proved that
/// there is none.
fn is_settled(charge: &ChargeRecord, attempt: &AttemptRecord) -> bool {
    let shown = charge.facts.attempt == Some(attempt.row.number) && !charge.facts.paid_inside;
    shown || attempt.row.outcome == "not_done"
}

/// From here on nobody can pay it, wherever it may be.
fn last_moment(app: &App, charge: &ChargeRecord, attempt: &AttemptRecord) -> Moment {
    latest_expiry(charge, attempt, &app.settings).plus(app.settings.expiry_grace)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The attempt's outcome and its reason.
    Over(&'static str, &'static str),
    Cancel,
    LookAgain,
}

fn fate(seen: Seen, over: bool) -> Fate {
    match seen {
        Seen::Unclear => Fate::LookAgain,
        Seen::NotFound if over => Fate::Over("not_done", "never_found"),
        Seen::NotFound => Fate::LookAgain,
        Seen::Found { state, paid } => match state {
            ChargeState::Paid if paid => Fate::Over("done", "orphan_paid"),
            // Its payment is not listed yet, and must be credited first.
            ChargeState::Paid => Fate::LookAgain,
            ChargeState::Removed => Fate::Over("not_done", "orphan_removed"),
            ChargeState::Expired => Fate::Over("not_done", "orphan_expired"),
            ChargeState::Rejected => Fate::Over("not_done", "orphan_rejected"),
            ChargeState::Active | ChargeState::Unrecognized => Fate::Cancel,
        },
    }
}

async fn look_again(
    app: &App,
    attempt: &AttemptRecord,
    lease: Lease,
    longest: Span,
) -> Result<(), JobError> {
    let now = app.now();
    let age = now.since(attempt.row.created_at);
    let at = now.plus(pause(age, SHORTEST, longest, app.draw()));
    again_at(app, lease, at, None).await
}

async fn conclude(
    app: &App,
    id: TransactionId,
    number: u32,
    (outcome, reason): (&'static str, &'static str),
    lease: Lease,
) -> Result<(), JobError> {
    let now = app.now();
    let concluded = app.commit("end_orphan", locks(id, Some(lease)), move |locked| {
        let found = locked_charge(locked, id);
        let over = found.and_then(|found| concluded(locked, found, number, (outcome, reason), now));
        match over {
            Ok(write) => Decision::Commit(vec![write, Write::FinishJob(lease)], ()),
            Err(missed) => Decision::Refuse(missed),
        }
    });
    concluded.await.map_err(run_failed)
}

fn concluded(
    locked: &Locked,
    found: &TransactionRecord,
    number: u32,
    (outcome, reason): (&str, &str),
    now: Moment,
) -> Result<Write, Missed> {
    locked.job.as_ref().ok_or(Missed::LeaseLost)?;
    let attempt = attempt_of(found, number).ok_or(Missed::Moved)?;
    let mut row = attempt.row.clone();
    row.outcome = outcome.to_owned();
    row.reason = Some(reason.to_owned());
    row.evidence_version += 1;
    row.updated_at = now;
    Ok(Write::SaveAttempt(row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charges::answer::tests::{attempt, job, record};
    use crate::records::charge::tests::creating;

    #[test]
    fn an_orphan_ends_only_when_nobody_can_pay_it() {
        let found = |state, paid| Seen::Found { state, paid };
        for (seen, before, after) in [
            (Seen::Unclear, Fate::LookAgain, Fate::LookAgain),
            (
                Seen::NotFound,
                Fate::LookAgain,
                Fate::Over("not_done", "never_found"),
            ),
            (
                found(ChargeState::Active, false),
                Fate::Cancel,
                Fate::Cancel,
            ),
            (
                found(ChargeState::Unrecognized, false),
                Fate::Cancel,
                Fate::Cancel,
            ),
            (
                found(ChargeState::Paid, false),
                Fate::LookAgain,
                Fate::LookAgain,
            ),
        ] {
            assert_eq!(fate(seen, false), before, "{seen:?}");
            assert_eq!(fate(seen, true), after, "{seen:?} over");
        }
        for (state, paid) in [
            (ChargeState::Paid, true),
            (ChargeState::Removed, false),
            (ChargeState::Expired, false),
            (ChargeState::Rejected, false),
        ] {
            assert!(
                matches!(fate(found(state, paid), false), Fate::Over(..)),
                "{state:?}"
            );
        }
    }

    #[test]
    fn a_code_that_became_the_shown_one_is_left_alone() {
        let mut charge = creating();
        let known = attempt(1, "unknown", &[Some("unknown")]);
        assert!(!is_settled(&charge, &known));
        charge.facts.attempt = Some(1);
        assert!(is_settled(&charge, &known));
        charge.facts.attempt = Some(2);
        assert!(!is_settled(&charge, &known));
        assert!(is_settled(
            &charge,
            &attempt(1, "not_done", &[Some("unknown")])
        ));
    }

    #[test]
    fn the_end_is_written_under_the_lease() {
        let found = record(vec![attempt(1, "unknown", &[Some("unknown")])]);
        let outcome = ("not_done", "orphan_removed");
        let lost = concluded(&Locked::default(), &found, 1, outcome, Moment::default());
        assert_eq!(lost.unwrap_err(), Missed::LeaseLost);
        let locked = Locked {
            job: Some(job()),
            ..Locked::default()
        };
        let write = concluded(&locked, &found, 1, outcome, Moment::default()).unwrap();
        assert!(matches!(write, Write::SaveAttempt(row)
            if row.outcome == "not_done" && row.reason.as_deref() == Some("orphan_removed")));
    }

    #[test]
    fn the_payload_round_trips() {
        let id = TransactionId::from_bytes([1; 16]);
        let payload = OrphanPayload::new(id, 2);
        assert_eq!(OrphanPayload::parse(&payload.text()), Some((id, 2)));
        assert_eq!(OrphanPayload::parse("{}"), None);
    }
}
