//! The units of work of outgoing money.
//!
//! Before a call: [`open_first_send`] or [`open_resend`] commits the intent, under the job's lease,
//! and keeps the lease past the end of the call. After it: [`absorb`] commits what the answer (or a
//! lookup) showed together with everything that follows from it. An answer that comes back after
//! the lease was lost is still absorbed: it is evidence like any other.

use domain::dispatch::AttemptPlan;
use domain::gateway::Gateway;
use domain::ids::{AlertId, AttemptId, EvidenceId, IncidentId, JournalId, TransactionId, WalletId};
use domain::outcome::{Evidence, SendVerdict, UnknownCause};
use domain::payout::{Outgoing, OutgoingStage, OutgoingStep};
use domain::status::Status;
use domain::time::{Moment, Span};
use serde_json::json;

use super::transition::{Booking, Transition, transition};
use crate::context::{App, CommitError, Decision, IdSeed, Ids, Settings};
use crate::events;
use crate::ledger::{Books, Heading};
use crate::ports::gateway::PreparedRequest;
use crate::ports::store::*;
use crate::records::outgoing::{
    OutgoingRecord, StoredReturn, evidence_text, late_answer_text, verdict_code, verdict_text,
};

/// Why a unit wrote nothing although nothing is wrong: the state it was meant for has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passed {
    LeaseLost,
    Moved,
    Corrupt(StoreError),
}

impl From<StoreError> for Passed {
    fn from(error: StoreError) -> Passed {
        Passed::Corrupt(error)
    }
}

/// A send that may now be transmitted.
#[derive(Clone, Debug)]
pub struct OpenSend {
    pub attempt_number: u32,
    pub send_number: u32,
    pub gateway: Gateway,
    pub request: PreparedRequest,
    pub opened_at: Moment,
}

/// A dispatch decided outside: the plan, its bytes and its reasons.
#[derive(Clone, Debug)]
pub struct Dispatch {
    pub plan: AttemptPlan,
    pub attempt_key: String,
    pub request: PreparedRequest,
    pub why: String,
    pub routing: String,
}

fn locks(row: &TransactionRow, lease: Option<Lease>) -> Locks {
    Locks {
        wallets: vec![row.wallet_id],
        transactions: vec![row.id],
        lease,
        ..Locks::default()
    }
}

fn locked_record(locked: &Locked, id: TransactionId) -> Result<&TransactionRecord, Passed> {
    locked.transactions.get(&id).ok_or(Passed::Moved)
}

/// Commits the attempt and its first send.
pub async fn open_first_send(
    app: &App,
    row: &TransactionRow,
    dispatch: Dispatch,
    lease: Lease,
) -> Result<OpenSend, CommitError<Passed>> {
    let (seed, settings, id, version) = (app.ids(), app.settings.clone(), row.id, row.version);
    app.commit(
        "open_first_send",
        locks(row, Some(lease)),
        move |locked| match first_send(locked, id, version, &dispatch, lease, &settings, &seed) {
            Ok((writes, send)) => Decision::Commit(writes, send),
            Err(passed) => Decision::Refuse(passed),
        },
    )
    .await
}

#[allow(clippy::too_many_arguments)]
fn first_send(
    locked: &Locked,
    id: TransactionId,
    version: u64,
    dispatch: &Dispatch,
    lease: Lease,
    settings: &Settings,
    seed: &IdSeed,
) -> Result<(Vec<Write>, OpenSend), Passed> {
    locked.job.as_ref().ok_or(Passed::LeaseLost)?;
    let found = locked_record(locked, id)?;
    if found.row.version != version {
        return Err(Passed::Moved);
    }
    let (now, mut ids) = (seed.now, seed.start());
    let plan = &dispatch.plan;
    let mut record = OutgoingRecord::load(&found.row)?;
    record.row.gateway = Some(plan.gateway());
    record.facts.waiting_for = None;
    record.facts.waiting_since = None;
    let record = record
        .step(
            OutgoingStep::Dispatch {
                attempt: plan.number(),
            },
            now,
        )
        .map_err(|_| Passed::Moved)?;
    let row = record.into_row(now, Some(now.plus(settings.sending_deadline)));
    let attempt = AttemptRow {
        id: AttemptId::from_bytes(ids.make()),
        transaction_id: id,
        number: plan.number(),
        gateway: plan.gateway(),
        attempt_key: dispatch.attempt_key.clone(),
        request: dispatch.request.0.clone(),
        live: true,
        outcome: "open".to_owned(),
        reason: None,
        why: dispatch.why.clone(),
        licence: plan.licence().map(licence_text),
        routing: dispatch.routing.clone(),
        gateway_reference: None,
        evidence_version: 0,
        created_at: now,
        updated_at: now,
    };
    let send = open_send_row(attempt.id, 1, now, lease);
    let opened = OpenSend {
        attempt_number: plan.number(),
        send_number: 1,
        gateway: plan.gateway(),
        request: dispatch.request.clone(),
        opened_at: now,
    };
    let event = events::of_transaction(&mut ids, &row, &event_name(&row));
    let writes = vec![
        Write::InsertAttempt(attempt),
        Write::InsertSend(send),
        Write::SaveTransaction(row),
        event,
        extend(lease, now, settings),
    ];
    Ok((writes, opened))
}

/// The licence as stored and shown.
fn licence_text(licence: &domain::dispatch::FailoverLicence) -> String {
    json!({
        "kind": licence.kind(),
        "from_attempt": licence.from_attempt(),
        "code": Some(licence.code()).filter(|code| !code.is_empty()),
        "source": licence.source().map(|source| source.as_str()),
        "in_words": licence.in_words(),
    })
    .to_string()
}

fn open_send_row(attempt_id: AttemptId, number: u32, now: Moment, lease: Lease) -> SendRow {
    SendRow {
        attempt_id,
        number,
        opened_at: now,
        closed_at: None,
        verdict: None,
        class: None,
        code: None,
        lease_token: lease.token,
    }
}

/// The lease outlives the call, so that nobody takes the job over while an answer may come.
fn extend(lease: Lease, now: Moment, settings: &Settings) -> Write {
    Write::ExtendLease {
        lease,
        until: now.plus(settings.call_limit).plus(settings.job_lease),
    }
}

/// Commits one more send of the live attempt: the same bytes under the same key.
pub async fn open_resend(
    app: &App,
    row: &TransactionRow,
    attempt_number: u32,
    lease: Lease,
) -> Result<OpenSend, CommitError<Passed>> {
    let (settings, now, id) = (app.settings.clone(), app.now(), row.id);
    app.commit(
        "open_resend",
        locks(row, Some(lease)),
        move |locked| match resend(locked, id, attempt_number, lease, now) {
            Ok((send, opened)) => Decision::Commit(
                vec![Write::InsertSend(send), extend(lease, now, &settings)],
                opened,
            ),
            Err(passed) => Decision::Refuse(passed),
        },
    )
    .await
}

fn resend(
    locked: &Locked,
    id: TransactionId,
    attempt_number: u32,
    lease: Lease,
    now: Moment,
) -> Result<(SendRow, OpenSend), Passed> {
    locked.job.as_ref().ok_or(Passed::LeaseLost)?;
    let found = locked_record(locked, id)?;
    let stage = OutgoingRecord::load(&found.row)?.stage;
    let may_send = matches!(&stage, OutgoingStage::Sending { attempt, .. } | OutgoingStage::InDoubt { attempt, .. }
        if *attempt == attempt_number);
    let attempt = found
        .attempts
        .iter()
        .find(|attempt| attempt.row.number == attempt_number);
    let attempt = attempt.filter(|attempt| {
        may_send && attempt.row.live && attempt.sends.iter().all(|send| send.closed_at.is_some())
    });
    let attempt = attempt.ok_or(Passed::Moved)?;
    let number = attempt
        .sends
        .iter()
        .map(|send| send.number)
        .max()
        .unwrap_or(0)
        + 1;
    let opened = OpenSend {
        attempt_number,
        send_number: number,
        gateway: attempt.row.gateway,
        request: PreparedRequest(attempt.row.request.clone()),
        opened_at: now,
    };
    Ok((open_send_row(attempt.row.id, number, now, lease), opened))
}

/// What became known about an attempt.
#[derive(Clone, Debug)]
pub enum Known {
    /// The answer to a send.
    Answer {
        send_number: u32,
        verdict: SendVerdict,
    },
    /// The process that opened this send is gone.
    ProcessLost { send_number: u32 },
    /// A lookup.
    Looked {
        evidence: Evidence,
        returns: Vec<StoredReturn>,
        payee_name: Option<String>,
        reference: Option<String>,
    },
}

/// Where the payment stands after the commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absorbed {
    pub stage: &'static str,
    pub status: Status,
    /// The same attempt may be sent again, after this time.
    pub retry_at: Option<Moment>,
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
        let mut writes = self.record_knowledge(&mut attempt);
        let mut record = OutgoingRecord::load(&found.row)?;
        self.learn_payee(&mut record);
        let tries = u32::try_from(attempt.sends.len()).unwrap_or(u32::MAX);
        let may_retry = self.context.circuit_admits && tries < self.settings.send_retries.tries;
        let mut absorbed = Absorbed {
            stage: record.stage.name(),
            status: record.stage.status(),
            retry_at: None,
        };
        match transition(record.clone(), &attempt, may_retry, self.now) {
            Transition::Stay(row) => {
                writes.push(Write::SaveAttempt(row));
                writes.extend(self.returned(record)?.into_iter().flatten());
                self.reschedule(&mut writes, &absorbed, found.row.stage_deadline);
            }
            Transition::Retry(row) => {
                let delay = self
                    .settings
                    .send_retries
                    .next(tries, self.context.draw)
                    .unwrap_or(Span::ZERO);
                absorbed.retry_at = Some(self.now.plus(delay));
                writes.push(Write::SaveAttempt(row));
                self.reschedule(&mut writes, &absorbed, found.row.stage_deadline);
            }
            Transition::Move {
                record,
                attempt,
                booking,
            } => {
                absorbed = Absorbed {
                    stage: record.stage.name(),
                    status: record.stage.status(),
                    retry_at: None,
                };
                writes.push(Write::SaveAttempt(attempt));
                writes.extend(self.move_to(*record, booking)?);
                self.reschedule(&mut writes, &absorbed, None);
            }
            Transition::Contradiction { attempt, detail } => {
                writes.push(Write::SaveAttempt(attempt));
                writes.extend(self.incident(&detail));
                self.reschedule(&mut writes, &absorbed, None);
            }
        }
        Ok((writes, absorbed))
    }

    /// Closes the send, or appends to the evidence, in the rows and in the attempt at hand.
    fn record_knowledge(&mut self, attempt: &mut AttemptRecord) -> Vec<Write> {
        match self.known {
            Known::Answer {
                send_number,
                verdict,
            } => self.close(attempt, *send_number, verdict),
            Known::ProcessLost { send_number } => {
                let open = attempt
                    .sends
                    .iter()
                    .any(|send| send.number == *send_number && send.closed_at.is_none());
                let lost = SendVerdict::Unknown(UnknownCause::ProcessLost);
                if open {
                    self.close(attempt, *send_number, &lost)
                } else {
                    Vec::new()
                }
            }
            Known::Looked {
                evidence,
                reference,
                ..
            } => {
                attempt.row.gateway_reference =
                    reference.clone().or(attempt.row.gateway_reference.take());
                let body = evidence_text(evidence);
                // A lookup that says what the last one said adds nothing.
                if attempt
                    .evidence
                    .last()
                    .is_some_and(|last| last.body == body)
                {
                    return Vec::new();
                }
                self.append(attempt, "lookup", body, evidence.class())
            }
        }
    }

    fn close(
        &mut self,
        attempt: &mut AttemptRecord,
        number: u32,
        verdict: &SendVerdict,
    ) -> Vec<Write> {
        let now = self.now;
        let Some(send) = attempt.sends.iter_mut().find(|send| send.number == number) else {
            return Vec::new();
        };
        if send.closed_at.is_some() {
            let body = late_answer_text(number, verdict);
            return self.append(attempt, "late_answer", body, verdict.class());
        }
        send.closed_at = Some(now);
        send.verdict = Some(verdict_text(verdict));
        send.class = Some(verdict.class().to_owned());
        send.code = verdict_code(verdict);
        vec![Write::CloseSend(send.clone())]
    }

    fn append(
        &mut self,
        attempt: &mut AttemptRecord,
        source: &str,
        body: String,
        class: &str,
    ) -> Vec<Write> {
        let row = EvidenceRow {
            id: EvidenceId::from_bytes(self.ids.make()),
            attempt_id: attempt.row.id,
            at: self.now,
            source: source.to_owned(),
            body,
            class: class.to_owned(),
        };
        attempt.evidence.push(row.clone());
        vec![Write::InsertEvidence(row)]
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
            writes.extend(self.book(&record, booking)?);
        }
        let deadline = self.settings.stage_deadline(&record.stage);
        if matches!(record.stage, OutgoingStage::InReview { .. }) {
            writes.extend(self.alert(
                "payout_in_review",
                "a payment needs people to decide",
                record.row.gateway,
            ));
        }
        let row = record.into_row(self.now, deadline);
        writes.push(events::of_transaction(
            &mut self.ids,
            &row,
            &event_name(&row),
        ));
        writes.push(Write::SaveTransaction(row));
        Ok(writes)
    }

    fn book(&mut self, record: &OutgoingRecord, booking: Booking) -> Result<Vec<Write>, Passed> {
        book(self.locked, record, booking, self.now, &mut self.ids)
    }

    /// Money of a settled payout that came back: credited once per return.
    fn returned(&mut self, record: OutgoingRecord) -> Result<Option<Vec<Write>>, Passed> {
        let Known::Looked { returns, .. } = self.known else {
            return Ok(None);
        };
        if record.kind != Outgoing::Payout || record.stage.status() != Status::Success {
            return Ok(None);
        }
        let new = new_returns(&record, returns, self.now);
        if new.is_empty() {
            return Ok(None);
        }
        let gateway = record.row.gateway.ok_or(Passed::Moved)?;
        let mut books = Books::new(&self.locked.wallets);
        let mut record = record;
        for item in new {
            let amount = domain::money::Money::from_cents(item.cents).map_err(|_| Passed::Moved)?;
            let heading = self.heading("payout_returned");
            books
                .payout_return(heading, self.wallet, gateway, amount)
                .map_err(|error| bookkeeping(&error))?;
            record.facts.returns.push(item);
        }
        let total = record.facts.returns.iter().map(|item| item.cents).sum();
        let total = domain::money::Money::from_cents(total).map_err(|_| Passed::Moved)?;
        let record = record
            .step(OutgoingStep::Return { total }, self.now)
            .map_err(|_| Passed::Moved)?;
        let row = record.into_row(self.now, None);
        let mut writes = books.into_writes();
        writes.push(events::of_transaction(
            &mut self.ids,
            &row,
            &event_name(&row),
        ));
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

    fn alert(&mut self, kind: &str, message: &str, gateway: Option<Gateway>) -> [Write; 2] {
        let alert = AlertRow {
            id: AlertId::from_bytes(self.ids.make()),
            kind: kind.to_owned(),
            transaction_id: Some(self.id),
            gateway,
            message: message.to_owned(),
            raised_at: self.now,
        };
        events::alert(&mut self.ids, alert)
    }

    fn incident(&mut self, detail: &str) -> Vec<Write> {
        let incident = IncidentRow {
            id: IncidentId::from_bytes(self.ids.make()),
            kind: "contradicting_evidence".to_owned(),
            transaction_id: Some(self.id),
            detail: detail.to_owned(),
            at: self.now,
        };
        let mut writes = vec![Write::InsertIncident(incident)];
        writes.extend(self.alert("contradicting_evidence", detail, None));
        writes
    }

    /// Ends or re-times the job that holds the lease.
    fn reschedule(&self, writes: &mut Vec<Write>, absorbed: &Absorbed, deadline: Option<Moment>) {
        let Some(lease) = self.context.lease.filter(|_| self.locked.job.is_some()) else {
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

/// Returns not yet credited: by key, or, where the gateway tells only a growing total under one
/// key, the growth.
fn new_returns(record: &OutgoingRecord, seen: &[StoredReturn], now: Moment) -> Vec<StoredReturn> {
    let mut left = record.row.amount.cents()
        - record
            .facts
            .returns
            .iter()
            .map(|item| item.cents)
            .sum::<i64>();
    let mut new = Vec::new();
    for item in seen {
        let known = record.facts.returns.iter().chain(&new);
        let credited: i64 = known
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

/// Books what a payment's end does to the money held, and frees or keeps the refunded part of its
/// pay-in and the wallet's limits.
pub fn book(
    locked: &Locked,
    record: &OutgoingRecord,
    booking: Booking,
    now: Moment,
    ids: &mut Ids,
) -> Result<Vec<Write>, Passed> {
    let (wallet, total) = (record.row.wallet_id, record.total());
    let mut books = Books::new(&locked.wallets);
    let heading = |ids: &mut Ids, kind| Heading {
        id: JournalId::from_bytes(ids.make()),
        kind,
        transaction_id: Some(record.row.id),
        at: now,
    };
    let mut writes = Vec::new();
    match (booking, record.kind) {
        (Booking::PaidOut(gateway), kind) => {
            let name = if kind == Outgoing::Payout {
                "payout_settled"
            } else {
                "refund_settled"
            };
            let heading = heading(ids, name);
            books
                .paid_out(
                    heading,
                    wallet,
                    gateway,
                    (record.row.amount, record.row.fee),
                )
                .map_err(|error| bookkeeping(&error))?;
        }
        (Booking::Release, kind) => {
            let name = if kind == Outgoing::Payout {
                "payout_released"
            } else {
                "refund_released"
            };
            let heading = heading(ids, name);
            books
                .release(heading, wallet, total)
                .map_err(|error| bookkeeping(&error))?;
            if kind == Outgoing::Payout {
                let spent = books.wallet(wallet).ok_or(Passed::Moved)?.spent;
                let spent = spent.give_back(record.windows(), record.row.amount);
                books
                    .set_spent(wallet, spent)
                    .map_err(|error| bookkeeping(&error))?;
            } else {
                writes.extend(free_pay_in(locked, record)?);
            }
        }
    }
    writes.extend(books.into_writes());
    Ok(writes)
}

/// A refund that was not made gives its part of the pay-in free again.
fn free_pay_in(locked: &Locked, record: &OutgoingRecord) -> Result<Option<Write>, Passed> {
    let pay_in = locked
        .pay_ins
        .values()
        .find(|pay_in| Some(pay_in.id) == record.pay_in_id());
    let Some(pay_in) = pay_in else {
        return Err(Passed::Corrupt(StoreError::Corrupt(format!(
            "pay-in of refund {} is absent",
            record.row.id
        ))));
    };
    let mut pay_in = pay_in.clone();
    pay_in.refunded = pay_in
        .refunded
        .checked_sub(record.row.amount)
        .unwrap_or(domain::money::Money::ZERO);
    pay_in.version += 1;
    Ok(Some(Write::SavePayIn(pay_in)))
}

/// Held money that cannot be booked means that the books are broken: nothing is written and the
/// job fails loudly.
pub fn bookkeeping(error: &crate::ledger::BookingError) -> Passed {
    Passed::Corrupt(StoreError::Corrupt(format!("the books refuse: {error}")))
}

/// How long to wait before the next lookup: it grows with the time already waited.
pub fn next_look(settings: &Settings, waited: Span, draw: u64) -> Span {
    let backoff = settings.lookups;
    let half = Span::from_millis(u32::try_from(waited.millis() / 2).unwrap_or(u32::MAX));
    let base = half.max(backoff.first).min(backoff.longest);
    domain::retry::Backoff {
        first: base,
        longest: base,
        ..backoff
    }
    .after(1, draw)
}

/// `payout.settled`, `refund.in_doubt` …; of the first version `payout.created`.
pub fn event_name(row: &TransactionRow) -> String {
    match row.version {
        1 => format!("{}.created", row.kind.as_str()),
        _ => format!("{}.{}", row.kind.as_str(), row.stage),
    }
}

impl Settings {
    /// When a stage entered at its `since` has reached its maximum age.
    pub fn stage_deadline(&self, stage: &OutgoingStage) -> Option<Moment> {
        let longest = match stage {
            OutgoingStage::Queued { .. } => self.queued_deadline,
            OutgoingStage::Sending { .. } => self.sending_deadline,
            OutgoingStage::Accepted { .. } => self.accepted_deadline,
            OutgoingStage::InDoubt { .. } => self.in_doubt_deadline,
            OutgoingStage::InReview { .. }
            | OutgoingStage::Settled { .. }
            | OutgoingStage::Returned { .. }
            | OutgoingStage::Rejected { .. }
            | OutgoingStage::Cancelled { .. } => return None,
        };
        Some(stage.since().plus(longest))
    }
}

#[cfg(test)]
mod tests {
    use super::super::transition::tests::payment;
    use super::*;
    use domain::status::Kind;

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
        let stage = OutgoingStage::Settled {
            attempt: Some(1),
            at: NOW,
        };
        let mut record = payment(Kind::Payout, stage);
        record.facts.returns = returns(credited);
        let new = new_returns(&record, &returns(seen), NOW);
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
