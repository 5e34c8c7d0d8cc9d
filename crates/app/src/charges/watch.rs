//! Watching a charge whose code is shown until it is paid or can no longer be.
//!
//! Webhooks wake the job; between them it looks by itself, rarely in the middle of a long life, more
//! often while the charge is young and when its end comes near. After the expiry and
//! some grace the code is first taken away at the gateway, and then looked at once more: only that
//! look decides that the charge has expired. Efí shows an expired charge as active for ever, so
//! "active, past its time, nothing paid" is expired too.

use domain::charge::{ChargeStage, ChargeStep};
use domain::ids::{AlertId, TransactionId};
use domain::status::Status;
use domain::time::{Moment, Span};

use super::look::{Seen, look, reference};
use super::{
    Missed, SHORTEST_LOOK, again_at, attempt_of, closing_time, finish, locked_charge, locks, pause,
    run_failed, watch_pause,
};
use crate::context::{App, CommitError, Decision, IdSeed};
use crate::events;
use crate::jobs::JobError;
use crate::ports::gateway::ChargeState;
use crate::ports::store::{
    AlertRow, AttemptRow, JobRow, Lease, Locked, StoreError, TransactionRecord, Write,
};
use crate::records::charge::ChargeRecord;
use crate::records::outgoing::StoredFailure;
use crate::sabotage::{self, Sabotage};

/// Between looks after the expiry, until the gateway's word settles it.
const LONGEST_PAST: Span = Span::from_seconds(60);

/// What people are told once about a charge that stays pending. The job notes that it has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Notice {
    alert: &'static str,
    text: &'static str,
}

const UNRECOGNIZED: Notice = Notice {
    alert: "unrecognized_status",
    text: "the gateway shows a status that is not known: a charge stays pending",
};
const UNCONFIRMED: Notice = Notice {
    alert: "expiry_unconfirmed",
    text: "the gateway does not say whether an expired charge was paid: it stays pending",
};

pub(super) async fn run(
    app: &App,
    record: &TransactionRecord,
    charge: &ChargeRecord,
    job: &JobRow,
    lease: Lease,
) -> Result<(), JobError> {
    let shown = charge
        .facts
        .attempt
        .and_then(|number| attempt_of(record, number));
    let shown = shown.ok_or_else(|| JobError::Fail("it shows no attempt's code".to_owned()))?;
    let past = app.now() >= closing_time(charge, &app.settings);
    if past && sabotage::is(Sabotage::ExpiryByClock) {
        let ended = end_charge(app, charge.row.id, End::Expired, Some(lease)).await;
        return ended.map_err(run_failed);
    }
    if past {
        // Whatever the answer, the look below tells what is true.
        let _answer = app
            .gateway(shown.row.gateway)
            .cancel_charge(&reference(&shown.row, charge.row.amount))
            .await;
    }
    let seen = look(app, &shown.row, charge.row.amount, "charge_job").await?;
    if status_now(app, charge.row.id).await? != Status::Pending {
        return finish(app, lease).await;
    }
    let watched = Watched {
        app,
        charge,
        attempt: &shown.row,
        job,
        lease,
    };
    match conclusion(seen, past, watched.is_overdue()) {
        Conclusion::LookAgain => watched.look_again(None).await,
        Conclusion::Tell(notice) => watched.tell(notice).await,
        Conclusion::End(end) => {
            let ended = end_charge(app, charge.row.id, end, Some(lease)).await;
            ended.map_err(run_failed)
        }
    }
}

async fn status_now(app: &App, id: TransactionId) -> Result<Status, StoreError> {
    let record = app.store.transaction(id).await?;
    Ok(record.map_or(Status::Failed, |record| record.row.status))
}

/// How an unpaid charge ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Expired,
    /// Taken away on the owner's wish or by the gateway.
    Removed,
    /// The gateway will not let anyone pay it.
    Rejected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Conclusion {
    LookAgain,
    Tell(Notice),
    End(End),
}

/// What a look means. `past`: it was made after the expiry and its grace. `overdue`: so long after
/// that even a gateway that finds nothing has had its time.
fn conclusion(seen: Seen, past: bool, overdue: bool) -> Conclusion {
    match seen {
        Seen::Unclear if overdue => Conclusion::Tell(UNCONFIRMED),
        Seen::Unclear => Conclusion::LookAgain,
        Seen::NotFound if overdue => Conclusion::End(End::Expired),
        Seen::NotFound => Conclusion::LookAgain,
        Seen::Found { state, .. } => match state {
            // What was paid in part is credited already; the charge is over all the same.
            ChargeState::Active if past => Conclusion::End(End::Expired),
            // Paid, but the payment is still not listed, so that it could not be credited.
            ChargeState::Paid if overdue => Conclusion::Tell(UNCONFIRMED),
            ChargeState::Active | ChargeState::Paid => Conclusion::LookAgain,
            ChargeState::Expired => Conclusion::End(End::Expired),
            ChargeState::Removed if past => Conclusion::End(End::Expired),
            ChargeState::Removed => Conclusion::End(End::Removed),
            ChargeState::Rejected => Conclusion::End(End::Rejected),
            ChargeState::Unrecognized => Conclusion::Tell(UNRECOGNIZED),
        },
    }
}

struct Watched<'a> {
    app: &'a App,
    charge: &'a ChargeRecord,
    attempt: &'a AttemptRow,
    job: &'a JobRow,
    lease: Lease,
}

impl Watched<'_> {
    fn is_overdue(&self) -> bool {
        let settings = &self.app.settings;
        let last = closing_time(self.charge, settings).plus(settings.in_doubt_deadline);
        self.app.now() >= last
    }

    async fn look_again(&self, note: Option<&str>) -> Result<(), JobError> {
        let now = self.app.now();
        let since = Moment::from_micros(self.charge.facts.since);
        let (age, draw) = (now.since(since), self.app.draw());
        let closing = closing_time(self.charge, &self.app.settings);
        let at = if now < closing {
            let longest = self.app.settings.charge_look_interval;
            let next = now.plus(watch_pause(age, closing.since(now), longest, draw));
            // The expiry is looked at when it comes.
            next.min(closing)
        } else {
            now.plus(pause(age, SHORTEST_LOOK, LONGEST_PAST, draw))
        };
        again_at(self.app, self.lease, at, note).await
    }

    /// Tells people once, and goes on looking.
    async fn tell(&self, notice: Notice) -> Result<(), JobError> {
        if self.job.last_error.as_deref() != Some(notice.text) {
            let mut ids = self.app.ids().start();
            let alert = AlertRow {
                id: AlertId::from_bytes(ids.make()),
                kind: notice.alert.to_owned(),
                transaction_id: Some(self.charge.row.id),
                gateway: Some(self.attempt.gateway),
                message: notice.text.to_owned(),
                raised_at: self.app.now(),
            };
            let writes = events::alert(&mut ids, alert).into();
            self.app.write_all(notice.alert, writes).await?;
        }
        self.look_again(Some(notice.text)).await
    }
}

/// Commits the end of a charge that cannot be paid any more. Without a lease (its owner asked) the
/// charge's job is woken to find that it is done.
pub(super) async fn end_charge(
    app: &App,
    id: TransactionId,
    end: End,
    lease: Option<Lease>,
) -> Result<(), CommitError<Missed>> {
    let seed = app.ids();
    app.commit("end_charge", locks(id, lease), move |locked| {
        let ended =
            locked_charge(locked, id).and_then(|found| ended(locked, found, end, lease, &seed));
        match ended {
            Ok(writes) => Decision::Commit(writes, ()),
            Err(missed) => Decision::Refuse(missed),
        }
    })
    .await
}

fn ended(
    locked: &Locked,
    found: &TransactionRecord,
    end: End,
    lease: Option<Lease>,
    seed: &IdSeed,
) -> Result<Vec<Write>, Missed> {
    if lease.is_some() && locked.job.is_none() {
        return Err(Missed::LeaseLost);
    }
    let (now, mut ids) = (seed.now, seed.start());
    let charge = ChargeRecord::load(&found.row)?;
    // What was paid in part stays credited: such a charge expires, it is never cancelled.
    let partly_paid = matches!(charge.stage, ChargeStage::Underpaid { .. });
    let step = match end {
        End::Expired => ChargeStep::ConfirmedExpired,
        End::Removed | End::Rejected if partly_paid => ChargeStep::ConfirmedExpired,
        End::Removed | End::Rejected => ChargeStep::ConfirmedCancelled,
    };
    let mut charge = charge.step(step, now).map_err(|_| Missed::Moved)?;
    if end == End::Rejected {
        charge.facts.failure = Some(StoredFailure {
            code: "refused_by_gateway".to_owned(),
            message: "the gateway will not let anyone pay it".to_owned(),
        });
    }
    let kind = match charge.stage {
        ChargeStage::Cancelled => "charge.cancelled",
        _ if partly_paid => "charge.underpaid_expired",
        _ => "charge.expired",
    };
    let row = charge.into_row(now, None);
    let event = events::of_transaction(&mut ids, &row, kind);
    let job = match lease {
        Some(lease) => Write::FinishJob(lease),
        None => Write::WakeJobs {
            transaction_id: row.id,
            at: now,
        },
    };
    Ok(vec![Write::SaveTransaction(row), event, job])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charges::answer::tests::{job, lease};
    use crate::records::charge::tests::{cents, creating};

    #[test]
    fn table_of_conclusions() {
        let found = |state| Seen::Found { state, paid: false };
        let end = Conclusion::End;
        for (seen, before, after) in [
            (
                found(ChargeState::Active),
                Conclusion::LookAgain,
                end(End::Expired),
            ),
            (
                found(ChargeState::Paid),
                Conclusion::LookAgain,
                Conclusion::LookAgain,
            ),
            (
                found(ChargeState::Expired),
                end(End::Expired),
                end(End::Expired),
            ),
            (
                found(ChargeState::Removed),
                end(End::Removed),
                end(End::Expired),
            ),
            (
                found(ChargeState::Rejected),
                end(End::Rejected),
                end(End::Rejected),
            ),
            (
                found(ChargeState::Unrecognized),
                Conclusion::Tell(UNRECOGNIZED),
                Conclusion::Tell(UNRECOGNIZED),
            ),
            (Seen::Unclear, Conclusion::LookAgain, Conclusion::LookAgain),
            (Seen::NotFound, Conclusion::LookAgain, Conclusion::LookAgain),
        ] {
            assert_eq!(conclusion(seen, false, false), before, "{seen:?} before");
            assert_eq!(conclusion(seen, true, false), after, "{seen:?} after");
        }
        assert_eq!(conclusion(Seen::NotFound, true, true), end(End::Expired));
        for silent in [Seen::Unclear, found(ChargeState::Paid)] {
            assert_eq!(
                conclusion(silent, true, true),
                Conclusion::Tell(UNCONFIRMED)
            );
        }
    }

    fn record(steps: &[ChargeStep]) -> TransactionRecord {
        let mut charge = creating();
        for step in steps {
            charge = charge.step(*step, Moment::default()).unwrap();
        }
        TransactionRecord {
            row: charge.into_row(Moment::default(), None),
            attempts: Vec::new(),
            pay_ins: Vec::new(),
            proposal: None,
        }
    }

    fn end(found: &TransactionRecord, end: End) -> Result<(String, String), Missed> {
        let locked = Locked {
            job: Some(job()),
            ..Locked::default()
        };
        let seed = IdSeed::for_tests(Moment::from_micros(3));
        let writes = ended(&locked, found, end, Some(lease()), &seed)?;
        let [
            Write::SaveTransaction(row),
            Write::InsertEvent(event),
            Write::FinishJob(_),
        ] = &writes[..]
        else {
            panic!("{writes:?}")
        };
        assert_eq!(event.transaction_version, Some(row.version));
        Ok((row.stage.clone(), event.kind.clone()))
    }

    fn pair(stage: &str, kind: &str) -> Result<(String, String), Missed> {
        Ok((stage.to_owned(), kind.to_owned()))
    }

    #[test]
    fn an_unpaid_charge_ends_as_it_was_ended_and_a_part_paid_one_expires() {
        let waiting = record(&[ChargeStep::Created]);
        assert_eq!(
            end(&waiting, End::Expired),
            pair("expired", "charge.expired")
        );
        assert_eq!(
            end(&waiting, End::Removed),
            pair("cancelled", "charge.cancelled")
        );
        assert_eq!(
            end(&waiting, End::Rejected),
            pair("cancelled", "charge.cancelled")
        );
        let part = record(&[ChargeStep::Created, ChargeStep::PayIn { total: cents(40) }]);
        for how in [End::Expired, End::Removed] {
            assert_eq!(end(&part, how), pair("expired", "charge.underpaid_expired"));
        }
    }

    #[test]
    fn a_charge_that_was_paid_meanwhile_does_not_end() {
        let paid = record(&[ChargeStep::Created, ChargeStep::PayIn { total: cents(100) }]);
        assert_eq!(end(&paid, End::Expired), Err(Missed::Moved));
    }

    #[test]
    fn nothing_ends_under_a_lost_lease() {
        let seed = IdSeed::for_tests(Moment::from_micros(3));
        let waiting = record(&[ChargeStep::Created]);
        let missed = ended(
            &Locked::default(),
            &waiting,
            End::Expired,
            Some(lease()),
            &seed,
        );
        assert_eq!(missed.unwrap_err(), Missed::LeaseLost);
    }
}
