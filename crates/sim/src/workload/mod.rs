//! What people ask for, and what they were told.
//!
//! Every operation of the plan is a task of its own outside of the product. It asks the API process
//! as a client would: when the connection breaks or the answer is "unavailable" it asks again with
//! the same key, and it remembers every answer, so that the end can be compared with what was said.

mod money;
mod notices;
mod operators;
mod trouble;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use app::commands::*;
use app::ports::runtime::Runtime;
use app::ports::store::{EventRow, TransactionRow, UserRole};
use app::views::TransactionView;
use domain::gateway::Gateway;
use domain::ids::{EventId, TransactionId, WalletId};
use domain::money::Money;
use domain::pix::key::PixKey;
use domain::time::{Moment, Span};

use crate::mishaps::after;
use crate::plan::{Action, Operation};
use crate::runtime::Process;
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
