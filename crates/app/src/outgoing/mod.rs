//! Payouts and refunds on their way out: the job that drives each payment to its end.
//!
//! One job belongs to one payment for its whole life. A run reads the payment and does what its
//! stage calls for: *queued* is routed and dispatched, *sending* is sent again or given up,
//! *accepted* is looked up, *in doubt* is resolved by lookup or by the same bytes again, *in
//! review* is only watched. Intent is committed before each call and the answer after it
//! (`commits`); what an answer does to the money is decided by a pure function (`transition`).
//! Whoever takes over a payment with an attempt may ask after it or send the same bytes again, but
//! never chooses a gateway anew.

pub mod absorb;
mod adopt;
pub mod booking;
pub mod commits;
pub mod ends;
mod float;
pub mod knowledge;
pub mod lookup;
pub mod transition;

use std::collections::BTreeMap;

use domain::dispatch::{AttemptOutcome, AttemptPlan, FailoverLicence};
use domain::gateway::{Gateway, Operation, PayoutForm, Resolution};
use domain::outcome::{Consequence, Evidence, NeverSent, SendVerdict};
use domain::payout::{Failure, Outgoing, OutgoingStage};
use domain::routing::{Choice, Need, RejectReason, WaitReason, choose};
use domain::status::Status;
use domain::time::{Moment, Span};

use self::absorb::{AbsorbContext, Absorbed, absorb};
use self::commits::{Dispatch, Passed, open_first_send, open_resend};
use self::ends::{end_overdue, finish, given_back, keep_watching, note_wait, reject, reschedule};
use self::knowledge::Known;
use self::lookup::look_up;
use crate::attempt_key::attempt_key;
use crate::context::{App, CommitError};
use crate::jobs::JobError;
use crate::ports::gateway::{CannotCarry, PayoutOrder, PreparedRequest, RefundOrder};
use crate::ports::store::*;
use crate::records::outgoing::{OutgoingRecord, judge_stored};
use crate::routing::{StoredDecision, observation_of};
use crate::sabotage::{self, Sabotage};

/// Steps of one run; a run that needs more goes on in the next.
const STEPS_PER_RUN: u32 = 16;
/// Re-sends of one attempt beyond its tries, while it is in doubt.
const DOUBTFUL_RESENDS: usize = 5;
/// A payout that must wait looks again after this.
const WAIT: Span = Span::from_seconds(2);
/// A payment in review is looked at this often.
const REVIEW_LOOK: Span = Span::from_seconds(60);

/// What a step left behind.
enum Next {
    /// The stage changed: go on with it now.
    Again,
    /// The job was finished or re-timed.
    Rest,
}

/// Runs the job of a payout or refund.
pub async fn run(app: &App, job: &JobRow, lease: Lease) -> Result<(), JobError> {
    let id = job
        .transaction_id
        .ok_or_else(|| JobError::Fail("the job names no transaction".into()))?;
    for _ in 0..STEPS_PER_RUN {
        let found = app.store.transaction(id).await?;
        let found = found.ok_or_else(|| JobError::Fail(format!("{id} does not exist")))?;
        let record = OutgoingRecord::load(&found.row)?;
        let payment = Payment {
            app,
            found,
            record,
            lease,
        };
        match payment.drive().await {
            Ok(Next::Again) => {}
            Ok(Next::Rest) => return Ok(()),
            Err(CommitError::Refused(Passed::LeaseLost)) => {
                tracing::info!(transaction = %id, "another worker has taken the payment over");
                return Ok(());
            }
            Err(CommitError::Refused(Passed::Moved)) => {}
            Err(CommitError::Refused(Passed::Corrupt(error)) | CommitError::Store(error)) => {
                return Err(error.into());
            }
        }
    }
    reschedule(app, lease, app.now().plus(WAIT)).await?;
    Ok(())
}

type Step<T> = Result<T, CommitError<Passed>>;

struct Payment<'a> {
    app: &'a App,
    found: TransactionRecord,
    record: OutgoingRecord,
    lease: Lease,
}

impl Payment<'_> {
    async fn drive(&self) -> Step<Next> {
        let stage = &self.record.stage;
        if let Some(closed) = self.close_left_behind().await {
            return closed;
        }
        if stage.status() != Status::Pending {
            finish(self.app, self.lease).await?;
            return Ok(Next::Rest);
        }
        let queued = matches!(stage, OutgoingStage::Queued { .. });
        if queued && !self.app.may_dispatch() {
            return self.wait(WaitReason::DispatchStopped).await;
        }
        if self
            .found
            .row
            .stage_deadline
            .is_some_and(|deadline| self.app.now() >= deadline)
            && !self.has_open_send()
        {
            return self.overdue().await;
        }
        match *stage {
            OutgoingStage::Queued { .. } => self.route().await,
            OutgoingStage::Sending { attempt, .. } => self.send_again(attempt).await,
            OutgoingStage::Accepted { attempt, .. } => self.look_up(attempt).await,
            OutgoingStage::InDoubt { attempt, .. } => self.resolve(attempt).await,
            OutgoingStage::InReview { attempt, .. } => self.watch(attempt).await,
            OutgoingStage::Settled { .. }
            | OutgoingStage::Returned { .. }
            | OutgoingStage::Rejected { .. }
            | OutgoingStage::Cancelled { .. } => unreachable!("only pending stages come here"),
        }
    }

    fn has_open_send(&self) -> bool {
        self.found
            .attempts
            .iter()
            .flat_map(|attempt| &attempt.sends)
            .any(|send| send.closed_at.is_none())
    }

    fn attempt(&self, number: u32) -> Step<&AttemptRecord> {
        let attempt = self
            .found
            .attempts
            .iter()
            .find(|attempt| attempt.row.number == number);
        attempt.ok_or_else(|| {
            let what = format!("attempt {number} of {} is absent", self.found.row.id);
            CommitError::Store(StoreError::Corrupt(what))
        })
    }

    // ------------------------------------------------------------ queued

    /// Chooses a gateway, or waits, or gives up.
    async fn route(&self) -> Step<Next> {
        let exhausted = self.exhausted();
        let (candidates, choice, draw) = match self.record.kind {
            Outgoing::Payout => self.choose_gateway(&exhausted).await?,
            Outgoing::Refund => self.only_gateway()?,
        };
        match choice {
            Choice::Use { gateway, .. } => {
                let decision = StoredDecision::new(&candidates, draw, choice);
                self.dispatch(gateway, &decision).await
            }
            Choice::Wait(reason) => self.wait(reason).await,
            Choice::Reject(reason) => self.reject(rejection(reason, &self.found.row)).await,
        }
    }

    async fn choose_gateway(
        &self,
        exhausted: &[Gateway],
    ) -> Step<(Vec<domain::routing::Candidate>, Choice, u64)> {
        let form = if self.record.facts.dynamic {
            PayoutForm::DynamicBrCode
        } else {
            PayoutForm::Key
        };
        let mut candidates = self.candidates(form, exhausted).await?;
        // People decided to pay again: where no other gateway is left, once more at the same one.
        if let Some(doubtful) = self.decided_retry_at()
            && !candidates
                .iter()
                .any(|c| c.capable && !c.bound_elsewhere && !c.exhausted)
        {
            let others: Vec<Gateway> = exhausted
                .iter()
                .copied()
                .filter(|gateway| *gateway != doubtful)
                .collect();
            candidates = self.candidates(form, &others).await?;
        }
        let draw = self.app.draw();
        let choice = choose(Need::Payout, &candidates, draw);
        Ok((candidates, choice, draw))
    }

    async fn candidates(
        &self,
        form: PayoutForm,
        exhausted: &[Gateway],
    ) -> Step<Vec<domain::routing::Candidate>> {
        let amount = self.found.row.amount;
        let (need, operation) = (Need::Payout, Operation::Payout);
        let mut candidates = self
            .app
            .candidates(need, operation, amount, Some(form), exhausted)
            .await?;
        if let Some(carried) = self.record.float_move()? {
            for candidate in &mut candidates {
                candidate.bound_elsewhere = candidate.gateway != carried.from;
            }
        }
        Ok(candidates)
    }

    /// The licence that people gave for the next attempt, read from the stored decision.
    fn decided_licence(&self) -> Option<FailoverLicence> {
        decided_licence(&self.found, &self.record)
    }

    /// Where the attempt is that people decided to go past, while no other has followed it.
    fn decided_retry_at(&self) -> Option<Gateway> {
        self.decided_licence()?;
        let reviewed = self.record.facts.decided.as_ref()?.attempt;
        let attempts = self.found.attempts.iter();
        attempts
            .map(|attempt| &attempt.row)
            .find(|row| row.number == reviewed)
            .map(|row| row.gateway)
    }

    /// A refund goes back through the gateway that received the money.
    fn only_gateway(&self) -> Step<(Vec<domain::routing::Candidate>, Choice, u64)> {
        let gateway = self.found.row.gateway.ok_or_else(|| {
            CommitError::Store(StoreError::Corrupt(format!(
                "refund {} names no gateway",
                self.found.row.id
            )))
        })?;
        let paused = self.app.controls.is_paused(gateway, Operation::Refund);
        let choice = if self.found.attempts.is_empty() && paused {
            Choice::Wait(WaitReason::Paused)
        } else if self.found.attempts.is_empty() {
            Choice::Use {
                gateway,
                rule: domain::routing::Rule::OnlyCapable,
            }
        } else if sabotage::is(Sabotage::RefundElsewhere) && self.found.attempts.len() == 1 {
            Choice::Use {
                gateway: gateway.other(),
                rule: domain::routing::Rule::OnlyCapable,
            }
        } else {
            Choice::Reject(RejectReason::AllGatewaysUnavailable)
        };
        Ok((Vec::new(), choice, 0))
    }

    /// Gateways that refused for good or have used their tries.
    fn exhausted(&self) -> Vec<Gateway> {
        let mut attempts: BTreeMap<Gateway, u32> = BTreeMap::new();
        let mut exhausted = Vec::new();
        for attempt in &self.found.attempts {
            let count = attempts.entry(attempt.row.gateway).or_insert(0);
            *count += 1;
            let once_more = match judge_stored(attempt) {
                Some(AttemptOutcome::NotDone(proof)) => {
                    proof.consequence() == Consequence::NewAttempt && *count < 2
                }
                Some(_) | None => false,
            };
            if !once_more {
                exhausted.push(attempt.row.gateway);
            }
        }
        exhausted
    }

    /// The plan of the next attempt: free for the first, licensed after it by two people or by the
    /// last one's proof.
    fn plan(&self, gateway: Gateway) -> Step<AttemptPlan> {
        next_plan(&self.found, &self.record, gateway).ok_or_else(|| {
            let what = format!(
                "{} is queued although its last attempt is not proven not done",
                self.found.row.id
            );
            CommitError::Store(StoreError::Corrupt(what))
        })
    }

    async fn dispatch(&self, gateway: Gateway, decision: &StoredDecision) -> Step<Next> {
        let plan = self.plan(gateway)?;
        let mut key = key_of(&self.found.row, &plan);
        if sabotage::is(Sabotage::SecondLiveAttempt) {
            key = format!("{:032x}", self.app.draw());
        }
        let request = match self.prepare(gateway, &key).await {
            Ok(request) => request,
            Err(Unprepared::CannotCarry(why)) => {
                let message = format!("{gateway} cannot carry the payment: {why}");
                return self
                    .reject(Failure {
                        code: "no_capable_gateway".into(),
                        message,
                    })
                    .await;
            }
            Err(Unprepared::NotNow) => {
                reschedule(self.app, self.lease, self.app.now().plus(WAIT)).await?;
                return Ok(Next::Rest);
            }
            Err(Unprepared::Store(error)) => return Err(error.into()),
        };
        if !self.begin(gateway).await {
            reschedule(self.app, self.lease, self.app.now().plus(WAIT)).await?;
            return Ok(Next::Rest);
        }
        let why = match self.record.kind {
            Outgoing::Payout => decision.why(gateway),
            Outgoing::Refund => {
                format!("a refund goes back through {gateway}, which received the money")
            }
        };
        let routing = serde_json::to_string(decision).expect("a plain record serializes");
        let dispatch = Dispatch {
            plan,
            attempt_key: key,
            request,
            why,
            routing,
        };
        if sabotage::is(Sabotage::CallBeforeCommit) && self.record.kind == Outgoing::Payout {
            let client = self.app.gateway(gateway);
            let _unheard = client.send_payout(&dispatch.request).await;
        }
        let opened = open_first_send(self.app, &self.found.row, dispatch, self.lease).await;
        self.transmit_opened(gateway, opened).await
    }

    /// Takes a place in the gateway's circuit for a call that is about to be opened.
    async fn begin(&self, gateway: Gateway) -> bool {
        let operation = operation_of(self.record.kind);
        self.app
            .availability
            .begin(gateway, operation, self.app.now())
            .await
    }

    /// Transmits an opened send; the place of one that could not be opened is given back.
    async fn transmit_opened(
        &self,
        gateway: Gateway,
        opened: Step<commits::OpenSend>,
    ) -> Step<Next> {
        match opened {
            Ok(send) => self.transmit(send).await,
            Err(error) => {
                let (operation, now) = (operation_of(self.record.kind), self.app.now());
                self.app.availability.abandon(gateway, operation, now).await;
                Err(error)
            }
        }
    }

    async fn prepare(&self, gateway: Gateway, key: &str) -> Result<PreparedRequest, Unprepared> {
        let client = self.app.gateway(gateway);
        match self.record.kind {
            Outgoing::Payout => Ok(client.prepare_payout(&PayoutOrder {
                attempt_key: key.to_owned(),
                amount: self.found.row.amount,
                destination: self.record.destination()?,
                description: self.record.private.description.clone(),
            })?),
            Outgoing::Refund => {
                let pay_in_key = self.record.facts.pay_in_key.clone().unwrap_or_default();
                let seen = client
                    .look_up_pay_in(&pay_in_key)
                    .await
                    .map_err(|_| Unprepared::NotNow)?;
                let before = seen.map(|pay_in| pay_in.returned).unwrap_or_default();
                let order = RefundOrder {
                    attempt_key: key.to_owned(),
                    pay_in_key,
                    amount: self.found.row.amount,
                    full: self.record.facts.full,
                };
                Ok(client.prepare_refund(&order, &before)?)
            }
        }
    }

    /// The bytes of a re-send under another key, where that guard is taken away.
    fn rekeyed(&self, send: &commits::OpenSend) -> Option<PreparedRequest> {
        if !sabotage::is(Sabotage::NewKeyPerRetry) || send.send_number == 1 {
            return None;
        }
        let order = PayoutOrder {
            attempt_key: format!("{}-{}", self.found.row.id, send.send_number),
            amount: self.found.row.amount,
            destination: self.record.destination().ok()?,
            description: None,
        };
        let client = self.app.gateway(send.gateway);
        client.prepare_payout(&order).ok()
    }

    /// Calls the gateway with a committed, open send, and commits the answer.
    async fn transmit(&self, send: commits::OpenSend) -> Step<Next> {
        let operation = operation_of(self.record.kind);
        let client = self.app.gateway(send.gateway);
        let started = self.app.now();
        let rekeyed = self.rekeyed(&send);
        let request = rekeyed.as_ref().unwrap_or(&send.request);
        let stale = started.since(send.opened_at) >= self.app.settings.call_limit;
        let verdict = if stale && !sabotage::is(Sabotage::StaleSend) {
            // This process stood still since it committed its intent: its lease is lost, and the
            // window for which the send was decided may be over. Nothing leaves, and that is known.
            self.app
                .availability
                .abandon(send.gateway, operation, started)
                .await;
            SendVerdict::NeverSent(NeverSent::Stale)
        } else {
            let verdict = match self.record.kind {
                Outgoing::Payout => client.send_payout(request).await,
                Outgoing::Refund => client.send_refund(request).await,
            };
            self.app
                .observe_call(send.gateway, operation, observation_of(&verdict), started)
                .await;
            verdict
        };
        tracing::info!(
            transaction = %self.found.row.id,
            gateway = %send.gateway,
            attempt = send.attempt_number,
            send = send.send_number,
            verdict = verdict.class(),
            "gateway answered"
        );
        let known = Known::Answer {
            send_number: send.send_number,
            verdict,
        };
        self.absorb(send.attempt_number, send.gateway, known).await
    }

    async fn absorb(&self, attempt_number: u32, gateway: Gateway, known: Known) -> Step<Next> {
        let context = AbsorbContext {
            attempt_number,
            lease: Some(self.lease),
            circuit_admits: self.circuit_admits(gateway).await,
            draw: self.app.draw(),
        };
        // The row at hand only names what to lock: the unit reads everything anew.
        let absorbed = absorb(self.app, &self.found.row, known, context).await?;
        Ok(after(&absorbed))
    }

    async fn circuit_admits(&self, gateway: Gateway) -> bool {
        let health = self
            .app
            .availability
            .health(gateway, operation_of(self.record.kind), self.app.now())
            .await;
        health
            .circuit
            .allowance()
            .is_none_or(|allowance| health.in_flight < allowance)
    }

    async fn wait(&self, reason: WaitReason) -> Step<Next> {
        let now = self.app.now();
        let facts = &self.record.facts;
        // A wait for something else before does not count.
        let since = facts
            .waiting_since
            .filter(|_| facts.waiting_for.as_deref() == Some(reason.as_str()))
            .map_or(now, Moment::from_micros);
        if reason == WaitReason::FloatShort && now.since(since) >= self.app.settings.float_wait {
            let message = "no gateway holds enough of our money for this payment".to_owned();
            return self
                .reject(Failure {
                    code: "insufficient_float".into(),
                    message,
                })
                .await;
        }
        note_wait(self.app, &self.found, self.lease, reason).await?;
        Ok(Next::Rest)
    }

    async fn reject(&self, failure: Failure) -> Step<Next> {
        reject(self.app, &self.found, Some(self.lease), failure).await?;
        Ok(Next::Rest)
    }

    async fn overdue(&self) -> Step<Next> {
        end_overdue(self.app, &self.found, Some(self.lease)).await?;
        Ok(Next::Rest)
    }

    // ------------------------------------------------------------ after a dispatch

    /// A send of an earlier lease that is still open: its owner is gone.
    fn abandoned_send(attempt: &AttemptRecord) -> Option<u32> {
        attempt
            .sends
            .iter()
            .find(|send| send.closed_at.is_none())
            .map(|send| send.number)
    }

    /// A send that its process left open, of an attempt that does not hold the payment any more: a
    /// lookup may have said what became of it before anybody closed it.
    async fn close_left_behind(&self) -> Option<Step<Next>> {
        let stage = &self.record.stage;
        let live = stage
            .attempt()
            .filter(|_| stage.status() == Status::Pending);
        let mut others = self.found.attempts.iter();
        let left = others.find(|attempt| {
            Some(attempt.row.number) != live && Self::abandoned_send(attempt).is_some()
        })?;
        let closed = self.close_abandoned(left).await?;
        Some(closed.map(|_went_on| Next::Again))
    }

    async fn close_abandoned(&self, attempt: &AttemptRecord) -> Option<Step<Next>> {
        let send_number = Self::abandoned_send(attempt)?;
        let known = Known::ProcessLost { send_number };
        Some(
            self.absorb(attempt.row.number, attempt.row.gateway, known)
                .await,
        )
    }

    /// Every send so far is closed as not done, and tries are left.
    async fn send_again(&self, number: u32) -> Step<Next> {
        let attempt = self.attempt(number)?;
        if let Some(done) = self.close_abandoned(attempt).await {
            return done;
        }
        if !self.app.may_dispatch() {
            reschedule(self.app, self.lease, self.app.now().plus(WAIT)).await?;
            return Ok(Next::Rest);
        }
        let tries = u32::try_from(attempt.sends.len()).unwrap_or(u32::MAX);
        let gateway = attempt.row.gateway;
        if tries >= self.app.settings.send_retries.tries || !self.circuit_admits(gateway).await {
            return self.give_up(attempt).await;
        }
        if !self.begin(gateway).await {
            reschedule(self.app, self.lease, self.app.now().plus(WAIT)).await?;
            return Ok(Next::Rest);
        }
        let opened = open_resend(self.app, &self.found.row, number, self.lease).await;
        self.transmit_opened(gateway, opened).await
    }

    /// No more tries here: the attempt ends as not done and the payment is routed again.
    async fn give_up(&self, attempt: &AttemptRecord) -> Step<Next> {
        let last = attempt.sends.last().map_or(0, |send| send.number);
        let context = AbsorbContext {
            attempt_number: attempt.row.number,
            lease: Some(self.lease),
            circuit_admits: false,
            draw: self.app.draw(),
        };
        // Nothing new is known; judging again without a try left ends the attempt.
        let known = Known::ProcessLost { send_number: last };
        Ok(after(
            &absorb(self.app, &self.found.row, known, context).await?,
        ))
    }

    async fn look_up(&self, number: u32) -> Step<Next> {
        let attempt = self.attempt(number)?;
        let known = look_up(self.app, &self.record, attempt).await;
        self.absorb(number, attempt.row.gateway, known).await
    }

    /// In doubt: ask; where asking cannot help or finds nothing, the same bytes again, within the
    /// time in which the gateway executes one key at most once.
    async fn resolve(&self, number: u32) -> Step<Next> {
        let attempt = self.attempt(number)?;
        if let Some(done) = self.close_abandoned(attempt).await {
            return done;
        }
        let by_replay = self
            .app
            .gateway(attempt.row.gateway)
            .capabilities()
            .resolution
            == Resolution::ReplaySameBytes;
        if by_replay && attempt.row.gateway_reference.is_none() && self.may_resend(attempt) {
            return self.resend(attempt).await;
        }
        let known = look_up(self.app, &self.record, attempt).await;
        let absent = matches!(
            known,
            Known::Looked {
                evidence: Evidence::NotFound,
                ..
            }
        );
        if absent && self.may_resend(attempt) {
            return self.resend(attempt).await;
        }
        self.absorb(number, attempt.row.gateway, known).await
    }

    fn may_resend(&self, attempt: &AttemptRecord) -> bool {
        let window = self
            .app
            .gateway(attempt.row.gateway)
            .capabilities()
            .dedup_window;
        let first = attempt.sends.first().map(|send| send.opened_at);
        let limit = self.app.settings.send_retries.tries as usize + DOUBTFUL_RESENDS;
        // What is sent now may leave as late as a call may last, and the clock may be behind: the
        // window must still hold then.
        let settings = &self.app.settings;
        let arrives = self
            .app
            .now()
            .plus(settings.call_limit)
            .plus(settings.clock_tolerance);
        if sabotage::is(Sabotage::ResendPastWindow) {
            return true;
        }
        let in_time = first.is_some_and(|first| arrives.since(first) < window);
        in_time && attempt.sends.len() < limit && self.app.may_dispatch()
    }

    async fn resend(&self, attempt: &AttemptRecord) -> Step<Next> {
        // Circuits do not stop a doubtful attempt from being resolved; it only counts among the calls.
        let gateway = attempt.row.gateway;
        let _has_place = self.begin(gateway).await;
        let opened = open_resend(self.app, &self.found.row, attempt.row.number, self.lease).await;
        self.transmit_opened(gateway, opened).await
    }

    /// In review: only lookups, never a send.
    async fn watch(&self, number: u32) -> Step<Next> {
        let attempt = self.attempt(number)?;
        if let Some(done) = self.close_abandoned(attempt).await {
            return done;
        }
        let known = look_up(self.app, &self.record, attempt).await;
        let context = AbsorbContext {
            attempt_number: number,
            lease: None,
            circuit_admits: false,
            draw: self.app.draw(),
        };
        let absorbed = absorb(self.app, &self.found.row, known, context).await?;
        if absorbed.status == Status::Pending {
            keep_watching(self.app, &self.found, self.lease).await?;
        } else {
            finish(self.app, self.lease).await?;
        }
        Ok(Next::Rest)
    }
}

/// The plan of a payment's next attempt at this gateway; `None` while the last one is not proven not
/// done.
fn next_plan(
    found: &TransactionRecord,
    record: &OutgoingRecord,
    gateway: Gateway,
) -> Option<AttemptPlan> {
    let Some(last) = found.attempts.last() else {
        return Some(AttemptPlan::first(gateway));
    };
    if let Some(licence) = decided_licence(found, record) {
        return Some(AttemptPlan::after(licence, gateway));
    }
    match judge_stored(last) {
        Some(AttemptOutcome::NotDone(proof)) => {
            let licence = FailoverLicence::from_proof(last.row.number, last.row.gateway, proof);
            Some(AttemptPlan::after(licence, gateway))
        }
        Some(_) | None => None,
    }
}

fn decided_licence(found: &TransactionRecord, record: &OutgoingRecord) -> Option<FailoverLicence> {
    let last = found.attempts.last()?;
    let decided = record.facts.decided.as_ref()?;
    decided.licence(last.row.number)
}

fn key_of(row: &TransactionRow, plan: &AttemptPlan) -> String {
    let (account, key) = row.idempotency.as_ref().map_or_else(
        || ("system".to_owned(), row.id.to_string()),
        |bound| (bound.account.clone(), bound.key.clone()),
    );
    attempt_key(&account, &key, plan.gateway(), plan.number())
}

fn after(absorbed: &Absorbed) -> Next {
    if absorbed.stage == "queued" {
        Next::Again
    } else {
        Next::Rest
    }
}

enum Unprepared {
    CannotCarry(CannotCarry),
    /// The gateway had to be asked first and did not answer.
    NotNow,
    Store(StoreError),
}

impl From<CannotCarry> for Unprepared {
    fn from(why: CannotCarry) -> Unprepared {
        Unprepared::CannotCarry(why)
    }
}

impl From<StoreError> for Unprepared {
    fn from(error: StoreError) -> Unprepared {
        Unprepared::Store(error)
    }
}

const fn operation_of(kind: Outgoing) -> Operation {
    match kind {
        Outgoing::Payout => Operation::Payout,
        Outgoing::Refund => Operation::Refund,
    }
}

fn rejection(reason: RejectReason, row: &TransactionRow) -> Failure {
    let message = match reason {
        RejectReason::NoCapableGateway => "no gateway can carry this payment".to_owned(),
        RejectReason::AllGatewaysUnavailable => {
            format!("no gateway could take the payment; {}", given_back(row))
        }
    };
    Failure {
        code: reason.as_str().to_owned(),
        message,
    }
}
