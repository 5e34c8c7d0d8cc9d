//! What people ask for, and what they were told.
//!
//! Every operation of the plan is a task of its own outside of the product. It asks the API process
//! as a client would: when the connection breaks or the answer is "unavailable" it asks again with
//! the same key, and it remembers every answer, so that the end can be compared with what was said.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use app::commands::*;
use app::ports::gateway::InboundRequest;
use app::ports::runtime::Runtime;
use app::ports::store::{
    EventRow, JobState, Lease, Locks, TransactionRow, UnitResult, UserRole, Write,
};
use app::views::TransactionView;
use domain::gateway::Gateway;
use domain::ids::{EventId, TransactionId, WalletId};
use domain::money::Money;
use domain::pix::key::PixKey;
use domain::review::ReviewOutcome;
use domain::status::{Kind, Status};
use domain::time::{Moment, Span};

use crate::bank::{Order, Received};
use crate::gateway::{About, Notice, Notification, SIGNATURE};
use crate::mishaps::{after, notice_trouble};
use crate::plan::{Action, NoticeTrouble, Operation, Trouble};
use crate::runtime::{Process, START};
use crate::world::World;

/// How often a client asks again before it gives up.
const TRIES: u32 = 6;
/// How often a gateway sends a notification again.
const DELIVERIES: u32 = 5;
/// The n-th movement waits this often for what it refers to.
const PATIENCE: u32 = 40;

/// Labels of tasks: operations have their numbers.
const MISHAPS: u64 = 1 << 32;
const NOTICES: u64 = 1 << 33;

/// Operators look this many milliseconds after the plan calls them.
const REVIEW_DELAY: u32 = 270_000;

/// In this many milliseconds a notification has been acted upon.
const AT_ONCE: u32 = 20_000;

/// What was asked and what came of it.
#[derive(Default)]
pub struct Memory {
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    /// By wallet and idempotency key: what was accepted.
    bound: BTreeMap<(WalletId, String), Bound>,
    /// By operation.
    ids: BTreeMap<u32, TransactionId>,
    /// Successful cancellations.
    cancelled: Vec<TransactionId>,
    /// When the product last took a notification about this pay-in.
    delivered: BTreeMap<(Gateway, String), Moment>,
    /// When the gateway last took money of a pay-in back.
    reversed: BTreeMap<(Gateway, String), Moment>,
    /// By operation.
    notices: BTreeMap<u32, u64>,
    under_way: u32,
    consumed: Vec<EventRow>,
}

/// A request that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    pub id: TransactionId,
    pub cents: Option<i64>,
}

impl Memory {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn bound(&self) -> Vec<Bound> {
        self.told().bound.values().copied().collect()
    }

    pub fn cancelled(&self) -> Vec<TransactionId> {
        self.told().cancelled.clone()
    }

    /// Nothing that people or gateways do is still under way.
    pub fn is_quiet(&self) -> bool {
        self.told().under_way == 0
    }

    /// Pay-ins of which a reversal was notified and taken after it happened.
    pub fn notified_reversals(&self) -> Vec<(Gateway, String)> {
        let told = self.told();
        let notified = told.reversed.iter().filter(|(pay_in, at)| {
            let delivered = told.delivered.get(*pay_in);
            delivered.is_some_and(|delivered| delivered > at)
        });
        notified.map(|(pay_in, _)| pay_in.clone()).collect()
    }

    pub fn consumed(&self) -> Vec<EventRow> {
        self.told().consumed.clone()
    }
}

/// Everybody outside of the product.
#[derive(Clone)]
pub struct Outside {
    pub world: Arc<World>,
    pub memory: Arc<Memory>,
}

/// A request in the shape in which it can be asked again.
#[derive(Clone)]
enum Wanted {
    Payout(RequestPayout),
    Charge(RequestCharge),
    Transfer(RequestTransfer),
    Refund(RequestRefund),
}

type Told1 = Result<Accepted<TransactionView>, MoneyRefusal>;

impl Outside {
    /// Starts everybody.
    pub fn start(&self) {
        for operation in self.world.plan.operations.clone() {
            let outside = self.clone();
            let label = u64::from(operation.number);
            self.spawn(label, async move {
                outside.rest_until(after(operation.at)).await;
                outside.perform(&operation).await;
            });
        }
        for mishap in self.world.plan.mishaps.clone() {
            let outside = self.clone();
            let label = MISHAPS + u64::from(mishap.number);
            self.spawn(label, async move { outside.suffer(mishap.what).await });
        }
        let outside = self.clone();
        let courier = async move { outside.deliver_notices().await };
        self.world.runtime.spawn("courier", Box::pin(courier));
        let outside = self.clone();
        let reader = async move { outside.read_events().await };
        self.world.runtime.spawn("reader", Box::pin(reader));
    }

    /// Spawns something that must have ended before the run can.
    fn spawn(&self, label: u64, task: impl Future<Output = ()> + Send + 'static) {
        self.memory.told().under_way += 1;
        let memory = self.memory.clone();
        self.world.runtime.spawn_labelled(
            label,
            Box::pin(async move {
                task.await;
                memory.told().under_way -= 1;
            }),
        );
    }

    async fn rest_until(&self, at: Moment) {
        let runtime = &self.world.runtime;
        runtime.sleep(at.since(runtime.elapsed())).await;
    }

    async fn rest(&self, millis: u32) {
        self.world.runtime.sleep(Span::from_millis(millis)).await;
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        self.world.trace.tell(Process::OUTSIDE, what);
    }

    fn caller(wallet: u32) -> Caller {
        Caller {
            user_id: World::user(wallet),
            role: UserRole::Customer,
            scopes: vec![
                Scope::Read,
                Scope::Charges,
                Scope::Payouts,
                Scope::Transfers,
                Scope::Refunds,
            ],
            session_id: None,
        }
    }

    fn operation(&self, number: u32) -> Option<Operation> {
        let mut operations = self.world.plan.operations.iter();
        operations
            .find(|operation| operation.number == number)
            .cloned()
    }

    /// The transaction of an operation, once there is one.
    async fn id_of(&self, number: u32) -> Option<TransactionId> {
        for _ in 0..PATIENCE {
            if let Some(id) = self.memory.told().ids.get(&number) {
                return Some(*id);
            }
            self.rest(500).await;
        }
        None
    }

    async fn perform(&self, operation: &Operation) {
        let Operation {
            number,
            wallet,
            ref action,
            ..
        } = *operation;
        match *action {
            Action::Payout { .. } | Action::Charge { .. } | Action::Transfer { .. } => {
                if let Some(wanted) = wanted(operation, 0) {
                    self.request(number, wallet, wanted).await;
                }
            }
            Action::PayoutInside { charge } => self.pay_inside(number, wallet, charge).await,
            Action::Refund { charge, cents } => self.refund(number, charge, cents).await,
            Action::Cancel { of } => self.cancel(of).await,
            Action::Repeat { of } => self.again(of, 0).await,
            Action::Conflict { of } => self.again(of, 7).await,
            Action::Pay { charge, percent } => self.pay(charge, percent).await,
            Action::PayNobody { gateway, cents } => self.pay_nobody(gateway, cents),
            Action::SendBack { payout, percent } => self.send_back(payout, percent).await,
            Action::Reverse { charge, percent } => self.reverse(charge, percent).await,
            Action::Review { mistaken } => self.review(mistaken).await,
        }
    }

    // ------------------------------------------------------------ requests

    /// Asks until there is an answer.
    async fn request(&self, number: u32, wallet: u32, wanted: Wanted) {
        let caller = Self::caller(wallet);
        let (key, cents) = facts(&wanted);
        self.tell(|| format!("o{number} asks, wallet {wallet}, key {key}"));
        for turn in 0..TRIES {
            let (asked, by) = (wanted.clone(), caller.clone());
            let answer = self
                .world
                .ask(move |app| Box::pin(async move { asked.ask(&app, &by).await }))
                .await;
            match answer {
                Some(Ok(accepted)) => {
                    let bound = Bound {
                        id: accepted.view.id,
                        cents,
                    };
                    return self.accepted(number, wallet, key, bound);
                }
                Some(Err(MoneyRefusal::Store(error))) => {
                    self.tell(|| format!("o{number} was told: {error}"));
                }
                Some(Err(refusal)) => {
                    return self.tell(|| format!("o{number} is refused: {refusal}"));
                }
                None => self.tell(|| format!("o{number} got no answer")),
            }
            self.rest(500 << turn).await;
        }
    }

    fn accepted(&self, number: u32, wallet: u32, key: String, bound: Bound) {
        let kind = self.world.auditor.row(bound.id).map(|row| row.kind);
        self.world.trace.call(bound.id, || {
            let kind = kind.map_or("transaction", |kind| kind.as_str());
            format!("{kind} {number}")
        });
        self.tell(|| format!("o{number} is {}", self.world.trace.name(bound.id)));
        if kind.is_none() {
            let detail = format!("o{number} was told of {}, which no commit knows", bound.id);
            self.world.auditor.accuse("accepted_is_durable", detail);
        }
        let earlier = {
            let mut told = self.memory.told();
            told.ids.entry(number).or_insert(bound.id);
            told.bound
                .insert((World::wallet(wallet), key.clone()), bound)
        };
        if let Some(earlier) = earlier
            && (earlier.id, earlier.cents) != (bound.id, bound.cents)
        {
            let detail = format!("key {key}: {earlier:?}, then {bound:?}");
            self.world
                .auditor
                .accuse("same_request_same_answer", detail);
        }
    }

    /// The same request again, or (with `more`) another one under its key.
    async fn again(&self, of: u32, more: i64) {
        let Some(operation) = self.operation(of) else {
            return;
        };
        if let Some(wanted) = wanted(&operation, more) {
            self.request(of, operation.wallet, wanted).await;
        }
    }

    async fn pay_inside(&self, number: u32, wallet: u32, charge: u32) {
        let (Some(id), Some(owner)) = (self.id_of(charge).await, self.operation(charge)) else {
            return;
        };
        let caller = Self::caller(owner.wallet);
        let shown = self
            .world
            .ask(move |app| Box::pin(async move { app.transaction(&caller, id).await }))
            .await;
        let Some(Ok(view)) = shown else { return };
        let app::views::DetailsView::Charge {
            br_code: Some(code),
            ..
        } = view.details
        else {
            return;
        };
        let request = RequestPayout {
            common: common(number),
            amount: None,
            destination: PayoutDestination::BrCode(code),
        };
        // The simulated codes tell no amount.
        let request = RequestPayout {
            amount: Some(view.amount),
            ..request
        };
        self.request(number, wallet, Wanted::Payout(request)).await;
    }

    async fn refund(&self, number: u32, charge: u32, cents: Option<i64>) {
        let (Some(id), Some(owner)) = (self.id_of(charge).await, self.operation(charge)) else {
            return;
        };
        let request = RequestRefund {
            common: common(number),
            transaction_id: id,
            pay_in_id: None,
            amount: cents.and_then(|cents| Money::from_cents(cents).ok()),
        };
        self.request(number, owner.wallet, Wanted::Refund(request))
            .await;
    }

    async fn cancel(&self, of: u32) {
        let (Some(id), Some(owner)) = (self.id_of(of).await, self.operation(of)) else {
            return;
        };
        let caller = Self::caller(owner.wallet);
        let answer = self
            .world
            .ask(move |app| Box::pin(async move { app.cancel(&caller, id).await }))
            .await;
        match answer {
            Some(Ok(_)) => {
                self.tell(|| format!("{} is cancelled", self.world.trace.name(id)));
                self.memory.told().cancelled.push(id);
            }
            Some(Err(refusal)) => self.tell(|| format!("cancelling o{of} is refused: {refusal}")),
            None => self.tell(|| format!("cancelling o{of} got no answer")),
        }
    }

    // ------------------------------------------------------------ the outside's money

    fn notify(&self, gateway: Gateway, about: About, reference: String) {
        let at = self.world.runtime.elapsed();
        self.world.notices.add(Notice {
            gateway,
            at,
            about,
            reference,
        });
    }

    async fn pay(&self, charge: u32, percent: i64) {
        let Some(id) = self.id_of(charge).await else {
            return;
        };
        for _ in 0..PATIENCE {
            if self.pay_code(id, percent) {
                return;
            }
            self.rest(500).await;
        }
    }

    /// Pays one of the charge's codes, most often the first.
    fn pay_code(&self, id: TransactionId, percent: i64) -> bool {
        let now = self.world.runtime.elapsed();
        let mut keys = self.world.auditor.keys(id);
        keys.retain(|(gateway, key)| self.world.bank.code(*gateway, key).is_some());
        if keys.is_empty() {
            return false;
        }
        let drawn = usize::try_from(self.world.runtime.draw() % 4).unwrap_or(0);
        let (gateway, key) = keys.get(drawn).unwrap_or(&keys[0]).clone();
        let Some(code) = self.world.bank.code(gateway, &key) else {
            return false;
        };
        let Ok(amount) = Money::from_cents((code.amount.cents() * percent / 100).max(1)) else {
            return true;
        };
        let paid = self
            .world
            .bank
            .pay(gateway, Some(&key), amount, fee(amount), now);
        let name = self.world.trace.name(id);
        match paid {
            Some(pix) => {
                self.tell(|| format!("{name} is paid with {amount} at {gateway}: {}", pix.key));
                self.notify(gateway, About::Charge, key);
            }
            None => self.tell(|| format!("{name} cannot be paid any more")),
        }
        true
    }

    fn pay_nobody(&self, gateway: Gateway, cents: i64) {
        let now = self.world.runtime.elapsed();
        let Ok(amount) = Money::from_cents(cents) else {
            return;
        };
        let paid = self.world.bank.pay(gateway, None, amount, fee(amount), now);
        if let Some(Received { key, .. }) = paid {
            self.tell(|| format!("{amount} arrive at {gateway} for nobody: {key}"));
            self.notify(gateway, About::PayIn, key);
        }
    }

    async fn send_back(&self, payout: u32, percent: i64) {
        let Some(id) = self.id_of(payout).await else {
            return;
        };
        for _ in 0..PATIENCE {
            let now = self.world.runtime.elapsed();
            for (gateway, key) in self.world.auditor.keys(id) {
                let Some(row) = self.world.auditor.row(id) else {
                    continue;
                };
                let cents = (row.amount.cents() * percent / 100).max(1);
                let Ok(amount) = Money::from_cents(cents) else {
                    continue;
                };
                if self.world.bank.send_back(gateway, &key, amount, now) {
                    let name = self.world.trace.name(id);
                    self.tell(|| format!("{amount} of {name} are sent back"));
                    return self.notify(gateway, About::Payout, key);
                }
            }
            self.rest(1_000).await;
        }
    }

    async fn reverse(&self, charge: u32, percent: i64) {
        let Some(id) = self.id_of(charge).await else {
            return;
        };
        for _ in 0..PATIENCE {
            if self.reverse_one(id, percent) {
                return;
            }
            self.rest(1_000).await;
        }
    }

    fn reverse_one(&self, id: TransactionId, percent: i64) -> bool {
        let now = self.world.runtime.elapsed();
        for (gateway, code) in self.world.auditor.keys(id) {
            for pix in self.world.bank.all_received(gateway, now) {
                let cents = (pix.amount.cents() * percent / 100).max(1);
                let Ok(amount) = Money::from_cents(cents) else {
                    continue;
                };
                if pix.code.as_deref() != Some(&code)
                    || !self.world.bank.reverse(gateway, &pix.key, amount, now)
                {
                    continue;
                }
                self.tell(|| format!("{gateway} takes {amount} of {} back", pix.key));
                let slot = (gateway, pix.key.clone());
                self.memory.told().reversed.insert(slot, now);
                self.notify(gateway, About::Refund, pix.key);
                return true;
            }
        }
        false
    }

    // ------------------------------------------------------------ operators

    fn operator(number: usize) -> Caller {
        Caller {
            user_id: World::OPERATORS[number % World::OPERATORS.len()],
            role: UserRole::Operator,
            scopes: vec![Scope::Read, Scope::Operator],
            session_id: None,
        }
    }

    /// Two operators decide about everything in review, as they find it at the gateway; mistaken
    /// ones decide the opposite.
    async fn review(&self, mistaken: bool) {
        // Payments come into review minutes after they were asked for.
        self.rest(REVIEW_DELAY).await;
        let rows = self.world.auditor.rows();
        for row in rows.iter().filter(|row| row.stage == "in_review") {
            self.decide(row, mistaken).await;
        }
    }

    async fn decide(&self, row: &TransactionRow, mistaken: bool) {
        let now = self.world.runtime.elapsed();
        let keys = self.world.auditor.keys(row.id);
        let bank = &self.world.bank;
        let executed = keys
            .iter()
            .any(|(gateway, key)| bank.order(*gateway, key, now) == Some(Order::Executed));
        let retries = row.kind == Kind::Payout && self.world.runtime.draw().is_multiple_of(2);
        let outcome = match (executed != mistaken, retries) {
            (true, _) => ReviewOutcome::Settled,
            (false, true) => ReviewOutcome::Retry,
            (false, false) => ReviewOutcome::Release,
        };
        let request = ProposeOutcome {
            outcome,
            evidence: "seen at the gateway".to_owned(),
            reason: "simulated".to_owned(),
            evidence_version: None,
        };
        let (id, by) = (row.id, Self::operator(0));
        let proposed = self
            .world
            .ask(move |app| Box::pin(async move { app.propose_outcome(&by, id, request).await }))
            .await;
        let Some(Ok(proposal)) = proposed else {
            return self.tell(|| format!("proposing {outcome:?} brings {proposed:?}"));
        };
        let name = self.world.trace.name(id);
        self.tell(|| format!("{outcome:?} is proposed for {name}"));
        // Sometimes more becomes known before anybody approves.
        let wait = [2_000, 65_000][usize::from(self.world.runtime.draw().is_multiple_of(2))];
        self.rest(wait).await;
        for approver in [0, 1] {
            let by = Self::operator(approver);
            let approved = self
                .world
                .ask(move |app| {
                    Box::pin(async move { app.approve_outcome(&by, id, proposal.id).await.err() })
                })
                .await;
            self.tell(|| format!("operator {approver} approves for {name}: {approved:?}"));
            if approver == 0 && matches!(approved, Some(None)) {
                let detail = format!("{id}: the proposer approved");
                self.world.auditor.accuse("two_people", detail);
            }
        }
    }

    // ------------------------------------------------------------ notifications

    async fn deliver_notices(&self) {
        loop {
            self.world.notices.added.notified().await;
            for notice in self.world.notices.take() {
                let of = self
                    .world
                    .auditor
                    .operation(notice.gateway, &notice.reference);
                let number = {
                    let mut told = self.memory.told();
                    let number = told.notices.entry(of).or_insert(0);
                    *number += 1;
                    *number
                };
                let copies = match notice_trouble(&self.world.plan, of, number) {
                    None => vec![Span::ZERO],
                    Some(NoticeTrouble::Lost) => Vec::new(),
                    Some(NoticeTrouble::Doubled) => vec![Span::ZERO, Span::ZERO],
                    Some(NoticeTrouble::Late(span)) => vec![span],
                };
                for late in copies {
                    let (outside, notice) = (self.clone(), notice.clone());
                    let label = NOTICES + (u64::from(of) << 16) + number;
                    self.spawn(label, async move { outside.deliver(notice, late).await });
                }
            }
        }
    }

    async fn deliver(&self, notice: Notice, late: Span) {
        self.rest_until(notice.at.plus(late)).await;
        for turn in 0..DELIVERIES {
            self.rest(50 + u32::try_from(self.world.runtime.draw() % 2_000).unwrap_or(0))
                .await;
            if self.notify_api(&notice, true).await == Some(true) {
                if matches!(notice.about, About::Refund) {
                    let now = self.world.runtime.elapsed();
                    let slot = (notice.gateway, notice.reference);
                    self.memory.told().delivered.insert(slot.clone(), now);
                    self.watch_notified(slot).await;
                }
                return;
            }
            self.rest(2_000 << turn).await;
        }
    }

    /// What was notified is acted upon at once while nothing stands in the way: scans are for what
    /// nobody told.
    async fn watch_notified(&self, (gateway, key): (Gateway, String)) {
        let now = self.world.runtime.elapsed();
        let from = u32::try_from(now.since(START).millis()).unwrap_or(u32::MAX);
        let Some(real) = self.world.bank.received(gateway, &key, now) else {
            return;
        };
        if !self.world.plan.is_calm(from, AT_ONCE) {
            return;
        }
        self.rest(AT_ONCE).await;
        let taken: i64 = real
            .reversals
            .iter()
            .map(|(_, amount)| amount.cents())
            .sum();
        let rows = self.world.auditor.pay_ins();
        let row = rows
            .iter()
            .find(|row| row.gateway == gateway && row.key == key);
        // While a refund of ours is open, what it gave back cannot be told from this.
        let open = |row: &TransactionRow| row.kind == Kind::Refund && row.status == Status::Pending;
        if self.world.auditor.rows().iter().any(open) {
            return;
        }
        let booked = row.map_or(0, |row| row.reversed.cents());
        if booked < taken {
            let detail =
                format!("{gateway} took {taken} of {key} back and said so; booked {booked}");
            self.world.auditor.accuse("notified_is_booked", detail);
        }
    }

    /// Hands a notification to the API; whether it was taken.
    async fn notify_api(&self, notice: &Notice, genuine: bool) -> Option<bool> {
        let told = Notification {
            about: notice.about,
            reference: notice.reference.clone(),
        };
        let (name, value) = SIGNATURE;
        let signature = genuine.then(|| (name.to_owned(), value.to_owned()));
        let request = InboundRequest {
            path: format!("/webhooks/{}", notice.gateway),
            query: String::new(),
            headers: signature.into_iter().collect(),
            body: serde_json::to_vec(&told).unwrap_or_default(),
        };
        let gateway = notice.gateway;
        let taken = self
            .world
            .ask(move |app| {
                Box::pin(async move { app.receive_inbound(gateway, request).await.is_ok() })
            })
            .await;
        self.tell(|| {
            let name = self.world.trace.name(&notice.reference);
            let what = match taken {
                Some(true) => "is taken",
                Some(false) => "is refused",
                None => "gets no answer",
            };
            format!("notice of {gateway} about {name} {what}")
        });
        taken
    }

    // ------------------------------------------------------------ a consumer of events

    /// Reads the stream by position, as other systems do.
    async fn read_events(&self) {
        let caller = Self::operator(0);
        loop {
            let position = self.memory.told().consumed.last().and_then(|e| e.position);
            let by = caller.clone();
            let read = self
                .world
                .ask(move |app| {
                    let from = position.unwrap_or(0);
                    Box::pin(async move { app.events_after(&by, from, 500).await })
                })
                .await;
            if let Some(Ok(events)) = read {
                self.memory.told().consumed.extend(events);
            }
            self.rest(5_000).await;
        }
    }

    /// Where a transfer was asked to go.
    pub fn destination(&self, row: &TransactionRow) -> Option<WalletId> {
        let key = &row.idempotency.as_ref()?.key;
        let operation = self.operation(key.strip_prefix('o')?.parse().ok()?)?;
        match operation.action {
            Action::Transfer { to, .. } => Some(World::wallet(to)),
            _ => None,
        }
    }

    /// Waits until every event was read, for as long as a process may stand still.
    pub async fn catch_up(&self) {
        for _ in 0..60 {
            if self.unread().is_empty() {
                return;
            }
            self.rest(5_000).await;
        }
    }

    /// Events that were read and those that were never.
    pub fn unread(&self) -> Vec<EventId> {
        let read: std::collections::BTreeSet<EventId> =
            self.memory.told().consumed.iter().map(|e| e.id).collect();
        let all = self.world.auditor.events();
        all.difference(&read).copied().collect()
    }

    // ------------------------------------------------------------ mishaps by the clock

    async fn suffer(&self, what: Trouble) {
        let world = &self.world;
        match what {
            Trouble::CacheForgets { process, at } => {
                self.rest_until(after(at)).await;
                world.trace.tell(process, || "forgets its cache".to_owned());
                world.forget_cache(process);
            }
            Trouble::JobsDeleted { at } => {
                self.rest_until(after(at)).await;
                self.delete_jobs().await;
            }
            Trouble::ClockJumps { at, millis, back } => {
                self.rest_until(after(at)).await;
                self.tell(|| format!("the clock jumps {millis} ms, back: {back}"));
                world
                    .runtime
                    .set_wall_clock(Span::from_millis(millis), back);
            }
            Trouble::Forgery { gateway, at, of } => {
                self.rest_until(after(at)).await;
                self.forge(gateway, of).await;
            }
            Trouble::Call { .. }
            | Trouble::Lookup { .. }
            | Trouble::Outage { .. }
            | Trouble::Interrupt { .. }
            | Trouble::Stall { .. }
            | Trouble::StoreAway { .. }
            | Trouble::CommitUnanswered { .. }
            | Trouble::Notice { .. } => {}
        }
    }

    async fn delete_jobs(&self) {
        self.tell(|| "every job is deleted".to_owned());
        let store = &self.world.store;
        let jobs = store.jobs(Some(JobState::Ready), 10_000).await;
        for job in jobs.unwrap_or_default() {
            let lease = Lease {
                job_id: job.id,
                token: job.token,
            };
            let locks = Locks {
                lease: Some(lease),
                ..Locks::default()
            };
            let unit = app::ports::store::Unit {
                name: "delete_job",
                locks,
                decide: Arc::new(move |_| app::ports::store::Verdict::Commit {
                    writes: vec![Write::FinishJob(lease)],
                    answer: Box::new(()),
                }),
            };
            if let Some(UnitResult::Committed(_)) = store.commit(vec![unit]).await.pop() {
                self.world.auditor.robbed(job.id);
            }
        }
    }

    /// A notification that nobody at the gateway has sent.
    async fn forge(&self, gateway: Gateway, of: u32) {
        let id = self.memory.told().ids.get(&of).copied();
        let keys = id.map(|id| self.world.auditor.keys(id)).unwrap_or_default();
        let key = keys.into_iter().find(|(at, _)| *at == gateway);
        let reference = key.map_or_else(|| "ffffffffffffffff".to_owned(), |(_, key)| key);
        let notice = Notice {
            gateway,
            at: self.world.runtime.elapsed(),
            about: [About::Charge, About::Payout, About::PayIn, About::Refund]
                [usize::try_from(of % 4).unwrap_or(0)],
            reference,
        };
        self.tell(|| "somebody forges a notice".to_owned());
        if self.notify_api(&notice, false).await == Some(true) && gateway == Gateway::Efi {
            let detail = "a notification without a signature was taken".to_owned();
            self.world.auditor.accuse("forged_notices", detail);
        }
    }
}

impl Wanted {
    async fn ask(self, app: &app::context::App, caller: &Caller) -> Told1 {
        match self {
            Wanted::Payout(request) => app.request_payout(caller, request).await,
            Wanted::Charge(request) => app.request_charge(caller, request).await,
            Wanted::Transfer(request) => app.request_transfer(caller, request).await,
            Wanted::Refund(request) => app.request_refund(caller, request).await,
        }
    }
}

/// One centavo in a hundred.
fn fee(amount: Money) -> Money {
    Money::from_cents(amount.cents() / 100).unwrap_or(Money::ZERO)
}

fn common(number: u32) -> MoneyRequest {
    MoneyRequest {
        idempotency_key: format!("o{number}"),
        wallet_id: None,
        reference: None,
        metadata: None,
        description: None,
    }
}

/// The request of an operation that needs no other, with this much more money.
fn wanted(operation: &Operation, more: i64) -> Option<Wanted> {
    let common = common(operation.number);
    let money = |cents: i64| Money::from_cents(cents + more).ok();
    match operation.action {
        Action::Payout { cents } => {
            let key = PixKey::recognize("payee@example.org").ok()?;
            Some(Wanted::Payout(RequestPayout {
                common,
                amount: money(cents),
                destination: PayoutDestination::Key {
                    key,
                    payee_tax_id: None,
                },
            }))
        }
        Action::Charge { cents, expires_in } => Some(Wanted::Charge(RequestCharge {
            common,
            amount: money(cents)?,
            expires_in_seconds: expires_in,
            payer: None,
        })),
        Action::Transfer { cents, to } => Some(Wanted::Transfer(RequestTransfer {
            common,
            amount: money(cents)?,
            to: TransferDestination::Wallet(World::wallet(to)),
        })),
        _ => None,
    }
}

/// The key and the amount of a request.
fn facts(wanted: &Wanted) -> (String, Option<i64>) {
    let (common, amount) = match wanted {
        Wanted::Payout(request) => (&request.common, request.amount),
        Wanted::Charge(request) => (&request.common, Some(request.amount)),
        Wanted::Transfer(request) => (&request.common, Some(request.amount)),
        Wanted::Refund(request) => (&request.common, request.amount),
    };
    (common.idempotency_key.clone(), amount.map(Money::cents))
}
