//! The unit of work after a call: [`absorb`] commits what an answer or a lookup showed together with
//! everything that follows from it. An answer that comes back after the lease was lost is still
//! absorbed: it is evidence like any other.

use domain::gateway::Gateway;
use domain::ids::{AlertId, IncidentId, JournalId, TransactionId, WalletId};
use domain::money::Money;
use domain::payout::{Outgoing, OutgoingStage, OutgoingStep};
use domain::review::ProposalState;
use domain::status::Status;
use domain::time::{Moment, Span};
use serde_json::json;

use super::booking::{book, bookkeeping};
use super::commits::{Passed, event_name, locked_record, locks, next_look};
use super::ends::enter_review;
use super::float;
use super::knowledge::{self, Known};
use super::transition::{Booking, Circumstances, EXECUTED_TWICE, News, Transition, transition};
use crate::audit::{Audited, SYSTEM, audit};
use crate::context::{App, CommitError, Decision, Ids, Settings};
use crate::events;
use crate::ledger::{Books, Heading};
use crate::ports::store::*;
use crate::records::outgoing::{OutgoingRecord, StoredReturn, unproven_besides};
use crate::sabotage::{self, Sabotage};

/// Where the payment stands after the commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absorbed {
    pub stage: &'static str,
    pub status: Status,
    /// The same attempt may be sent again, after this time.
    pub retry_at: Option<Moment>,
}

impl Absorbed {
    fn of(record: &OutgoingRecord) -> Absorbed {
        Absorbed {
            stage: record.stage.name(),
            status: record.stage.status(),
            retry_at: None,
        }
    }
}

/// What `absorb` needs besides the knowledge itself.
#[derive(Clone, Copy, Debug)]
pub struct AbsorbContext {
    pub attempt_number: u32,
    /// The lease of the job that works on the payment, when this is that job.
    pub lease: Option<Lease>,
    /// The gateway's circuit lets another try through.
    pub circuit_admits: bool,
    /// For jitter.
    pub draw: u64,
}

/// Commits what became known and all that follows: stage, money, attempt, event, alert, job.
pub async fn absorb(
    app: &App,
    row: &TransactionRow,
    known: Known,
    context: AbsorbContext,
) -> Result<Absorbed, CommitError<Passed>> {
    let returned = matches!(&known, Known::Looked { returns, .. } if !returns.is_empty());
    let once_more = (returned && row.status == Status::Pending).then(|| known.clone());
    let absorbed = absorb_once(app, row, known, context).await?;
    // The look that settles a payment may show already that money came back.
    if let Some(known) = once_more.filter(|_| absorbed.status == Status::Success) {
        let context = AbsorbContext {
            lease: None,
            ..context
        };
        absorb_once(app, row, known, context).await?;
    }
    Ok(absorbed)
}

async fn absorb_once(
    app: &App,
    row: &TransactionRow,
    known: Known,
    context: AbsorbContext,
) -> Result<Absorbed, CommitError<Passed>> {
    let (seed, settings, id, wallet) = (app.ids(), app.settings.clone(), row.id, row.wallet_id);
    let mut wanted = locks(row, context.lease);
    let record = OutgoingRecord::load(row)?;
    if let (Some(gateway), Some(key)) = (row.gateway, record.facts.pay_in_key.clone()) {
        wanted.pay_ins = vec![(gateway, key)];
    }
    app.commit("absorb", wanted, move |locked| {
        let mut unit = AbsorbUnit {
            locked,
            id,
            wallet,
            known: &known,
            context,
            settings: &settings,
            now: seed.now,
            ids: seed.start(),
        };
        match unit.decide() {
            Ok((writes, absorbed)) => Decision::Commit(writes, absorbed),
            Err(passed) => Decision::Refuse(passed),
        }
    })
    .await
}

struct AbsorbUnit<'a> {
    locked: &'a Locked,
    id: TransactionId,
    wallet: WalletId,
    known: &'a Known,
    context: AbsorbContext,
    settings: &'a Settings,
    now: Moment,
    ids: Ids,
}

impl AbsorbUnit<'_> {
    fn decide(&mut self) -> Result<(Vec<Write>, Absorbed), Passed> {
        let found = locked_record(self.locked, self.id)?;
        let number = self.context.attempt_number;
        let mut attempt = found
            .attempts
            .iter()
            .find(|attempt| attempt.row.number == number)
            .cloned()
            .ok_or(Passed::Moved)?;
        let version = attempt.row.evidence_version;
        let mut writes = knowledge::record(self.known, &mut attempt, &mut self.ids, self.now);
        let mut record = OutgoingRecord::load(&found.row)?;
        self.learn_payee(&mut record);
        let tries = u32::try_from(attempt.sends.len()).unwrap_or(u32::MAX);
        let circumstances = Circumstances {
            may_retry: self.context.circuit_admits && tries < self.settings.send_retries.tries,
            news: self.news(attempt.row.evidence_version > version),
            unproven: unproven_besides(&found.attempts, Some(number)),
            now: self.now,
        };
        let mut absorbed = Absorbed::of(&record);
        let mut deadline = None;
        match transition(record.clone(), &attempt, circumstances) {
            Transition::Stay(row) => {
                writes.extend(self.returned(record, &row)?.into_iter().flatten());
                writes.push(Write::SaveAttempt(row));
                deadline = found.row.stage_deadline;
            }
            Transition::Retry(row) => {
                let policy = self.settings.send_retries;
                let delay = policy.next(tries, self.context.draw).unwrap_or(Span::ZERO);
                absorbed.retry_at = Some(self.now.plus(delay));
                writes.push(Write::SaveAttempt(row));
                deadline = found.row.stage_deadline;
            }
            Transition::Move {
                record,
                attempt,
                booking,
                incident,
            } => {
                absorbed = Absorbed::of(&record);
                writes.push(Write::SaveAttempt(attempt));
                if let Some(detail) = incident {
                    writes.extend(self.incident("contradicting_evidence", &detail));
                }
                writes.extend(self.withdraw(found.proposal.as_ref()));
                writes.extend(self.move_to(*record, booking)?);
            }
            Transition::Correct {
                record,
                attempt,
                booking,
                detail,
            } => {
                absorbed = Absorbed::of(&record);
                writes.push(Write::SaveAttempt(attempt));
                writes.extend(self.correct(*record, booking, &detail)?);
            }
            Transition::ExecutedTwice { attempt, detail } => {
                writes.extend(self.lose(&record, attempt.gateway)?);
                writes.extend(self.incident(EXECUTED_TWICE, &detail));
                writes.push(Write::SaveAttempt(attempt));
            }
            Transition::Contradiction { attempt, detail } => {
                writes.push(Write::SaveAttempt(attempt));
                writes.extend(self.incident("contradicting_evidence", &detail));
            }
        }
        self.reschedule(&mut writes, &absorbed, deadline);
        Ok((writes, absorbed))
    }

    fn news(&self, grew: bool) -> News {
        match (grew, self.known.shows_refusal()) {
            (false, _) => News::Nothing,
            (true, false) => News::Something,
            (true, true) => News::Refusal,
        }
    }

    fn learn_payee(&self, record: &mut OutgoingRecord) {
        if let Known::Looked {
            payee_name: Some(name),
            ..
        } = self.known
        {
            record.private.payee_name = Some(name.clone());
        }
    }

    /// Saves the new stage with its money, event and alert.
    fn move_to(
        &mut self,
        record: OutgoingRecord,
        booking: Option<Booking>,
    ) -> Result<Vec<Write>, Passed> {
        let mut writes = Vec::new();
        if let Some(booking) = booking {
            writes.extend(book(
                self.locked,
                &record,
                booking,
                self.now,
                &mut self.ids,
            )?);
        }
        let deadline = self.settings.stage_deadline(&record.stage);
        if matches!(record.stage, OutgoingStage::InReview { .. }) {
            writes.extend(enter_review(&mut self.ids, &record, self.now));
        }
        let row = record.into_row(self.now, deadline);
        let name = event_name(&row);
        let event = events::of_transaction(&mut self.ids, &row, &name);
        if row.status != Status::Success || !sabotage::is(Sabotage::SilentSettlement) {
            writes.push(event);
        }
        writes.push(Write::SaveTransaction(row));
        Ok(writes)
    }

    /// The payment goes on by what was learnt: what people proposed is moot.
    fn withdraw(&mut self, proposal: Option<&ProposalRow>) -> Vec<Write> {
        let Some(open) = proposal else {
            return Vec::new();
        };
        let audited = Audited {
            actor: SYSTEM.to_owned(),
            action: "review.withdrawn",
            subject: self.id.to_string(),
            detail: json!({"proposal": open.id.to_string()}),
        };
        let withdrawn = ProposalRow {
            state: ProposalState::Withdrawn,
            decided_at: Some(self.now),
            ..open.clone()
        };
        let audit = audit(&mut self.ids, self.now, audited);
        vec![Write::DecideProposal(withdrawn), audit]
    }

    // ------------------------------------------------------------ after the end

    fn correct(
        &mut self,
        record: OutgoingRecord,
        booking: Booking,
        detail: &str,
    ) -> Result<Vec<Write>, Passed> {
        let mut writes = book(self.locked, &record, booking, self.now, &mut self.ids)?;
        let row = record.into_row(self.now, None);
        let audited = Audited {
            actor: SYSTEM.to_owned(),
            action: "transaction.corrected",
            subject: self.id.to_string(),
            detail: json!({"stage": row.stage, "why": detail}),
        };
        writes.push(audit(&mut self.ids, self.now, audited));
        writes.push(events::of_transaction(
            &mut self.ids,
            &row,
            "transaction.corrected",
        ));
        writes.push(Write::SaveTransaction(row));
        writes.extend(self.incident("corrected", detail));
        Ok(writes)
    }

    /// The float at that gateway is less by a payment that nobody owes us.
    fn lose(&mut self, record: &OutgoingRecord, gateway: Gateway) -> Result<Vec<Write>, Passed> {
        if let Some(carried) = record.float_move()? {
            // Our own money went twice where it was to go once: all of it is on its way.
            let heading = self.heading(EXECUTED_TWICE);
            let amount = record.row.amount;
            return float::left_again(self.locked, carried, (heading, amount));
        }
        let mut books = Books::new(&self.locked.wallets);
        let heading = self.heading(EXECUTED_TWICE);
        books
            .executed_twice(heading, gateway, record.row.amount)
            .map_err(|error| bookkeeping(&error))?;
        Ok(books.into_writes())
    }

    /// Money that came back, credited once per return: to the wallet that of the attempt that paid,
    /// against the loss that of one that was executed besides.
    fn returned(
        &mut self,
        mut record: OutgoingRecord,
        attempt: &AttemptRow,
    ) -> Result<Option<Vec<Write>>, Passed> {
        let Known::Looked { returns, .. } = self.known else {
            return Ok(None);
        };
        if record.kind != Outgoing::Payout || record.stage.status() != Status::Success {
            return Ok(None);
        }
        let paid = record.stage.attempt() == Some(attempt.number);
        let known = if paid {
            &mut record.facts.returns
        } else if attempt.reason.as_deref() == Some(EXECUTED_TWICE) {
            &mut record.facts.recovered
        } else {
            return Ok(None);
        };
        let new = new_returns(record.row.amount, known, returns, self.now);
        if new.is_empty() {
            return Ok(None);
        }
        known.extend(new.iter().cloned());
        let total = money_of(known.iter().map(|item| item.cents).sum())?;
        let carried = record.float_move()?;
        let mut books = Books::new(&self.locked.wallets);
        for item in new.iter().filter(|_| carried.is_none()) {
            let amount = money_of(item.cents)?;
            let booked = if paid {
                let heading = self.heading("payout_returned");
                books.payout_return(heading, self.wallet, attempt.gateway, amount)
            } else {
                let heading = self.heading("loss_recovered");
                books.loss_recovered(heading, attempt.gateway, amount)
            };
            booked.map_err(|error| bookkeeping(&error))?;
        }
        let (record, event) = if paid {
            let step = OutgoingStep::Return { total };
            let returned = record.step(step, self.now).map_err(|_| Passed::Moved)?;
            (returned, "payout.returned")
        } else {
            (record, "payout.loss_recovered")
        };
        let row = record.into_row(self.now, None);
        let mut writes = books.into_writes();
        if let Some(carried) = carried {
            let amount = money_of(new.iter().map(|item| item.cents).sum())?;
            let heading = self.heading("float_returned");
            let money = (heading, amount);
            writes.extend(float::returned(
                self.locked,
                carried,
                attempt.gateway,
                money,
            )?);
        }
        writes.push(events::of_transaction(&mut self.ids, &row, event));
        writes.push(Write::SaveTransaction(row));
        Ok(Some(writes))
    }

    fn heading(&mut self, kind: &'static str) -> Heading {
        Heading {
            id: JournalId::from_bytes(self.ids.make()),
            kind,
            transaction_id: Some(self.id),
            at: self.now,
        }
    }

    fn incident(&mut self, kind: &str, detail: &str) -> Vec<Write> {
        let incident = IncidentRow {
            id: IncidentId::from_bytes(self.ids.make()),
            kind: kind.to_owned(),
            transaction_id: Some(self.id),
            detail: detail.to_owned(),
            at: self.now,
        };
        let alert = AlertRow {
            id: AlertId::from_bytes(self.ids.make()),
            kind: kind.to_owned(),
            transaction_id: Some(self.id),
            gateway: None,
            message: detail.to_owned(),
            raised_at: self.now,
        };
        let mut writes = vec![Write::InsertIncident(incident)];
        writes.extend(events::alert(&mut self.ids, alert));
        writes
    }

    /// Ends or re-times the job that holds the lease. Where another one brought the news that the
    /// payment must be dispatched anew, its own job hears of it now and not at its next look.
    fn reschedule(&self, writes: &mut Vec<Write>, absorbed: &Absorbed, deadline: Option<Moment>) {
        let Some(lease) = self.context.lease.filter(|_| self.locked.job.is_some()) else {
            if absorbed.stage == "queued" {
                let (transaction_id, at) = (self.id, self.now);
                writes.push(Write::WakeJobs { transaction_id, at });
            }
            return;
        };
        if absorbed.status != Status::Pending {
            writes.push(Write::FinishJob(lease));
            return;
        }
        // A queued payment is routed again at once, by the same run.
        if absorbed.stage == "queued" {
            return;
        }
        let since = self
            .locked
            .transactions
            .get(&self.id)
            .map_or(self.now, |found| found.row.updated_at);
        let look_at = absorbed.retry_at.unwrap_or_else(|| {
            self.now.plus(next_look(
                self.settings,
                self.now.since(since),
                self.context.draw,
            ))
        });
        let visible_at = deadline.map_or(look_at, |deadline| look_at.min(deadline.max(self.now)));
        writes.push(Write::RescheduleJob {
            lease,
            visible_at,
            tries: 0,
            last_error: None,
        });
    }
}

fn money_of(cents: i64) -> Result<Money, Passed> {
    Money::from_cents(cents).map_err(|_| Passed::Moved)
}

/// Returns not yet known: by key, or, where the gateway tells only a growing total under one key,
/// the growth; never more than the payment in all.
fn new_returns(
    amount: Money,
    known: &[StoredReturn],
    seen: &[StoredReturn],
    now: Moment,
) -> Vec<StoredReturn> {
    let mut left = amount.cents() - known.iter().map(|item| item.cents).sum::<i64>();
    let mut new = Vec::new();
    for item in seen {
        let credited: i64 = known
            .iter()
            .chain(&new)
            .filter(|old| old.key == item.key)
            .map(|old| old.cents)
            .sum();
        let growth = (item.cents - credited).min(left);
        if growth > 0 {
            left -= growth;
            new.push(StoredReturn {
                key: item.key.clone(),
                cents: growth,
                at: now.micros(),
            });
        }
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_micros(9);

    fn returns(items: &[(&str, i64)]) -> Vec<StoredReturn> {
        let stored = items.iter().map(|(key, cents)| StoredReturn {
            key: (*key).to_owned(),
            cents: *cents,
            at: NOW.micros(),
        });
        stored.collect()
    }

    /// What is new of what is seen, of a payout over R$ 1.00 with these returns credited.
    fn new_of(credited: &[(&str, i64)], seen: &[(&str, i64)]) -> Vec<(String, i64)> {
        let amount = Money::from_cents(100).unwrap();
        let new = new_returns(amount, &returns(credited), &returns(seen), NOW);
        new.into_iter().map(|item| (item.key, item.cents)).collect()
    }

    #[test]
    fn each_return_is_new_once_also_of_the_same_amount() {
        let new = |key: &str, cents| vec![(key.to_owned(), cents)];
        assert_eq!(new_of(&[], &[("D1", 40)]), new("D1", 40));
        assert_eq!(new_of(&[("D1", 40)], &[("D1", 40)]), []);
        assert_eq!(
            new_of(&[("D1", 40)], &[("D1", 40), ("D2", 40)]),
            new("D2", 40)
        );
        assert_eq!(new_of(&[("D1", 40), ("D2", 40)], &[("D2", 40)]), []);
        // One list may show one return twice.
        assert_eq!(new_of(&[], &[("D1", 40), ("D1", 40)]), new("D1", 40));
    }

    #[test]
    fn a_total_is_credited_as_it_grows() {
        let new = |cents| vec![("total".to_owned(), cents)];
        assert_eq!(new_of(&[], &[("total", 30)]), new(30));
        assert_eq!(new_of(&[("total", 30)], &[("total", 30)]), []);
        assert_eq!(new_of(&[("total", 30)], &[("total", 60)]), new(30));
        let twice = [("total", 30), ("total", 30)];
        assert_eq!(new_of(&twice, &[("total", 60)]), []);
        // An older look shows less, and takes nothing away.
        assert_eq!(new_of(&twice, &[("total", 30)]), []);
        assert_eq!(new_of(&twice, &[("total", 100)]), new(40));
    }

    #[test]
    fn no_more_comes_back_than_left() {
        let total = |new: &[(String, i64)]| new.iter().map(|(_, cents)| cents).sum::<i64>();
        assert_eq!(total(&new_of(&[], &[("D1", 70), ("D2", 70)])), 100);
        assert_eq!(new_of(&[("D1", 100)], &[("D1", 100), ("D2", 1)]), []);
    }
}
