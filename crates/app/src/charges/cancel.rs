//! Taking back a charge that nobody has paid.
//!
//! The code is cancelled where it was made, and a look afterwards says what became of it: only
//! that look ends the charge, for someone may have paid in between.

use domain::charge::{ChargeStage, ChargeStep};
use domain::ids::TransactionId;

use super::look::{Seen, look, reference};
use super::watch::{End, end_charge};
use super::{Missed, attempt_of, locked_charge, locks};
use crate::commands::CancelRefusal;
use crate::context::{App, CommitError, Decision, IdSeed};
use crate::events;
use crate::ports::gateway::ChargeState;
use crate::ports::store::{TransactionRecord, Write};
use crate::records::charge::ChargeRecord;

impl App {
    /// Cancels an unpaid charge. Nothing happens to one that is cancelled already.
    pub(crate) async fn cancel_charge(
        &self,
        record: &TransactionRecord,
    ) -> Result<(), CancelRefusal> {
        let charge = ChargeRecord::load(&record.row)?;
        match charge.stage {
            ChargeStage::Cancelled => Ok(()),
            ChargeStage::Creating => self.cancel_unmade(&charge).await,
            ChargeStage::AwaitingPayment => self.cancel_shown(record, &charge).await,
            ChargeStage::Underpaid { .. }
            | ChargeStage::Paid { .. }
            | ChargeStage::Expired { .. }
            | ChargeStage::CreationFailed => Err(CancelRefusal::AlreadyDispatched {
                stage: record.row.stage.clone(),
            }),
        }
    }

    /// No code is shown, so nobody can pay; one that is still being made becomes an orphan.
    async fn cancel_unmade(&self, charge: &ChargeRecord) -> Result<(), CancelRefusal> {
        let (seed, id) = (self.ids(), charge.row.id);
        let cancelled =
            self.commit(
                "cancel_charge",
                locks(id, None),
                move |locked| match locked_charge(locked, id).and_then(|found| unmade(found, &seed))
                {
                    Ok(writes) => Decision::Commit(writes, ()),
                    Err(missed) => Decision::Refuse(missed),
                },
            );
        self.cancelled(id, cancelled.await).await
    }

    async fn cancel_shown(
        &self,
        record: &TransactionRecord,
        charge: &ChargeRecord,
    ) -> Result<(), CancelRefusal> {
        let shown = charge
            .facts
            .attempt
            .and_then(|number| attempt_of(record, number));
        let shown = &shown.ok_or(CancelRefusal::Unconfirmed)?.row;
        let (id, amount) = (charge.row.id, charge.row.amount);
        // Whatever the answer, the look below tells what is true.
        let _answer = self
            .gateway(shown.gateway)
            .cancel_charge(&reference(shown, amount))
            .await;
        match look(self, shown, amount, "cancel").await? {
            Seen::Found {
                state: ChargeState::Removed | ChargeState::Rejected,
                paid: false,
            } => {
                let ended = end_charge(self, id, End::Removed, None).await;
                self.cancelled(id, ended).await
            }
            Seen::Found { paid: true, .. }
            | Seen::Found {
                state: ChargeState::Expired,
                ..
            } => {
                let wake = Write::WakeJobs {
                    transaction_id: id,
                    at: self.now(),
                };
                self.write_all("wake_charge", vec![wake]).await?;
                self.what_happened(id).await
            }
            Seen::Found {
                state: ChargeState::Active | ChargeState::Paid | ChargeState::Unrecognized,
                ..
            }
            | Seen::NotFound
            | Seen::Unclear => Err(CancelRefusal::Unconfirmed),
        }
    }

    async fn cancelled(
        &self,
        id: TransactionId,
        committed: Result<(), CommitError<Missed>>,
    ) -> Result<(), CancelRefusal> {
        match committed {
            Ok(()) => Ok(()),
            Err(CommitError::Refused(Missed::Moved | Missed::LeaseLost)) => {
                self.what_happened(id).await
            }
            Err(CommitError::Refused(Missed::Corrupt(error)) | CommitError::Store(error)) => {
                Err(error.into())
            }
        }
    }

    /// Something else came first: cancelled by someone else is as good.
    async fn what_happened(&self, id: TransactionId) -> Result<(), CancelRefusal> {
        let record = self.store.transaction(id).await?;
        let stage = record.ok_or(CancelRefusal::NotFound)?.row.stage;
        if stage == "cancelled" {
            Ok(())
        } else {
            Err(CancelRefusal::AlreadyDispatched { stage })
        }
    }
}

fn unmade(found: &TransactionRecord, seed: &IdSeed) -> Result<Vec<Write>, Missed> {
    let (now, mut ids) = (seed.now, seed.start());
    let charge = ChargeRecord::load(&found.row)?;
    if charge.stage != ChargeStage::Creating {
        return Err(Missed::Moved);
    }
    let charge = charge
        .step(ChargeStep::ConfirmedCancelled, now)
        .map_err(|_| Missed::Moved)?;
    let row = charge.into_row(now, None);
    let event = events::of_transaction(&mut ids, &row, "charge.cancelled");
    let wake = Write::WakeJobs {
        transaction_id: row.id,
        at: now,
    };
    let mut writes = vec![Write::SaveTransaction(row), event, wake];
    // Tries that would have been repeated are over; a call under way ends by its own answer.
    let waiting = found.attempts.iter().filter(|attempt| {
        attempt.row.outcome == "open" && attempt.sends.iter().all(|send| send.closed_at.is_some())
    });
    writes.extend(waiting.map(|attempt| {
        let mut row = attempt.row.clone();
        row.outcome = "not_done".to_owned();
        row.updated_at = now;
        Write::SaveAttempt(row)
    }));
    Ok(writes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charges::answer::tests::{attempt, record};
    use domain::time::Moment;

    #[test]
    fn a_charge_without_a_code_is_cancelled_at_once() {
        let seed = IdSeed::for_tests(Moment::from_micros(3));
        let waiting = attempt(1, "open", &[Some("never_sent")]);
        let calling = attempt(2, "open", &[None]);
        let writes = unmade(&record(vec![waiting, calling]), &seed).unwrap();
        let [
            Write::SaveTransaction(row),
            Write::InsertEvent(event),
            Write::WakeJobs { .. },
            Write::SaveAttempt(ended),
        ] = &writes[..]
        else {
            panic!("{writes:?}")
        };
        assert_eq!((row.stage.as_str(), row.version), ("cancelled", 2));
        assert_eq!(
            (event.kind.as_str(), event.transaction_version),
            ("charge.cancelled", Some(2))
        );
        assert_eq!((ended.number, ended.outcome.as_str()), (1, "not_done"));
    }

    #[test]
    fn a_code_that_appeared_meanwhile_is_not_overlooked() {
        let seed = IdSeed::for_tests(Moment::from_micros(3));
        let mut found = record(Vec::new());
        found.row.stage = "awaiting_payment".into();
        assert_eq!(unmade(&found, &seed).unwrap_err(), Missed::Moved);
    }
}
