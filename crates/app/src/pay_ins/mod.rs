//! Crediting received PIX: the one function that does it.
//!
//! Webhook, poller, charge job and cancellation all bring what an authenticated lookup showed to
//! [`App::credit`], which books it once however often it is brought. A pay-in is credited to the
//! charge whose attempt it names, in any stage; one that names none of ours stands in suspense with
//! an alert until its charge is known ([`matched`]), unless it is float of ours that has come from the
//! other gateway ([`moved`]). When a known pay-in shows more given back than
//! our own refunds explain, or a dispute, that is booked once too ([`taken`]). Each change is one
//! commit with one event; what is brought is followed until nothing more changes.

mod matched;
mod moved;
mod taken;

use std::sync::Arc;

use domain::charge::{ChargeStage, ChargeStep};
use domain::dispute::ShownDispute;
use domain::fee::FeeRule;
use domain::gateway::Gateway;
use domain::ids::{AlertId, JournalId, PayInId, TransactionId, WalletId};
use domain::money::Money;
use domain::status::Kind;

use self::moved::Moved;
use crate::charges::{attempt_of, deadline, latest_expiry};
use crate::context::{App, CommitError, Decision, IdSeed, Ids, Settings};
use crate::events;
use crate::ledger::{BookingError, Books, Heading, Owner};
use crate::ports::gateway::{ObservedDispute, ObservedPayIn};
use crate::ports::store::{
    AlertRow, AttemptRow, Locked, Locks, PayInRow, StoreError, TransactionRecord, TransactionRow,
    Write,
};
use crate::records::charge::{ChargeRecord, PayInPayer};
use crate::sabotage::{self, Sabotage};

/// How often a unit that met a change made meanwhile reads again and decides anew.
const RUNS: u32 = 5;

/// More changes than any look can show, times some: a bound, not a rule.
const MOST_CHANGES: usize = 32;

/// What a pay-in turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credited {
    /// Booked to a charge, or as a float move that has arrived, now.
    New,
    /// Booked before; nothing has changed.
    Known,
    /// A part that the gateway took back was booked now.
    Reversed,
    /// A dispute over it was booked now, or grew.
    Disputed,
    /// A dispute over it ended now, and its money is free again.
    Released,
    /// It names no charge of ours and was put into suspense now.
    Suspense,
    /// It stood in suspense and was credited to its charge, or to its float move, now.
    Matched,
}

/// Where a pay-in belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Home {
    transaction: TransactionId,
    wallet: WalletId,
    /// The attempt that it paid, where that is known.
    attempt: Option<u32>,
    /// It is the arrival of this float move, and no wallet's.
    moved: Option<Moved>,
}

impl App {
    /// Books a received PIX, or what has been taken back of it, exactly once. `source` says for the
    /// log who noticed it.
    pub async fn credit(
        &self,
        gateway: Gateway,
        observed: ObservedPayIn,
        source: &'static str,
    ) -> Result<Credited, StoreError> {
        let observed = Arc::new(observed);
        let is_quiet = is_quiet(&observed);
        let mut first = None;
        let (mut runs, mut changes) = (0, 0);
        loop {
            runs += 1;
            match self.credit_once(gateway, &observed).await {
                Ok(Credited::Known) => return Ok(first.unwrap_or(Credited::Known)),
                Ok(credited) => {
                    tracing::info!(%gateway, source, outcome = ?credited, "a pay-in was booked");
                    let first = *first.get_or_insert(credited);
                    (runs, changes) = (0, changes + 1);
                    // What was seen for the first time may have been taken back already.
                    if is_quiet {
                        return Ok(first);
                    }
                    if changes == MOST_CHANGES {
                        tracing::error!(%gateway, "what is shown of a pay-in never comes to rest");
                        return Ok(first);
                    }
                }
                Err(StoreError::Stale(_) | StoreError::Conflict("pay_ins.key")) if runs < RUNS => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn credit_once(
        &self,
        gateway: Gateway,
        observed: &Arc<ObservedPayIn>,
    ) -> Result<Credited, StoreError> {
        let known = self.store.pay_in(gateway, &observed.key).await?;
        let credited = known.as_ref().and_then(Home::of_known);
        let home = match credited {
            Some(home) if home.is_systems() => Some(self.arrived_before(home).await?),
            Some(home) => Some(home),
            // New, or in suspense: its charge may be known by now.
            None => self.home_of(gateway, observed).await?,
        };
        let unit = CreditUnit {
            gateway,
            observed: observed.clone(),
            home,
            settings: self.settings.clone(),
            seed: self.ids(),
        };
        let charge = home.filter(|home| home.moved.is_none());
        let moved = home.and_then(|home| home.moved);
        let locks = Locks {
            wallets: charge.iter().map(|home| home.wallet).collect(),
            transactions: charge.iter().map(|home| home.transaction).collect(),
            pay_ins: vec![(gateway, observed.key.clone())],
            float_moves: moved.iter().map(|moved| moved.id).collect(),
            ..Locks::default()
        };
        match self
            .commit("credit", locks, move |locked| unit.decide(locked))
            .await
        {
            Ok(credited) => {
                self.told_by_arrival(home, observed).await?;
                Ok(credited)
            }
            Err(CommitError::Refused(Ok(credited))) => Ok(credited),
            Err(CommitError::Refused(Err(error)) | CommitError::Store(error)) => Err(error),
        }
    }

    /// The charge that a pay-in names: by what it says of itself, else by its own id, which is the
    /// id of the charge at gateways where a charge is a payment.
    async fn home_of(
        &self,
        gateway: Gateway,
        observed: &ObservedPayIn,
    ) -> Result<Option<Home>, StoreError> {
        let mut attempt: Option<AttemptRow> = None;
        for name in observed.charge_reference.iter().chain([&observed.key]) {
            if attempt.is_none() {
                attempt = self.store.attempt_by_reference(gateway, name).await?;
            }
        }
        let Some(attempt) = attempt else {
            return self.home_of_move(gateway, observed).await;
        };
        let record = self.store.transaction(attempt.transaction_id).await?;
        // A payout's reference on a pay-in is a coincidence or a fraud, never a charge.
        let charge = record.filter(|record| record.row.kind == Kind::Charge);
        Ok(charge.map(|record| Home {
            transaction: record.row.id,
            wallet: record.row.wallet_id,
            attempt: Some(attempt.number),
            moved: None,
        }))
    }
}

impl Home {
    fn is_systems(self) -> bool {
        self.wallet == WalletId::SYSTEM
    }

    fn owner(self) -> Owner {
        match self.moved {
            Some(_) => Owner::InTransit,
            None => Owner::Wallet(self.wallet),
        }
    }

    fn place(self) -> (TransactionId, WalletId) {
        (self.transaction, self.wallet)
    }

    fn of_known(known: &PayInRow) -> Option<Home> {
        let (transaction, wallet) = known.transaction_id.zip(known.wallet_id)?;
        Some(Home {
            transaction,
            wallet,
            attempt: None,
            moved: None,
        })
    }
}

type Refused = Result<Credited, StoreError>;

struct CreditUnit {
    gateway: Gateway,
    observed: Arc<ObservedPayIn>,
    home: Option<Home>,
    settings: Arc<Settings>,
    seed: IdSeed,
}

impl CreditUnit {
    fn decide(&self, locked: &Locked) -> Decision<Credited, Refused> {
        let key = (self.gateway, self.observed.key.clone());
        let decided = match locked.pay_ins.get(&key) {
            Some(known) => self.follow(locked, known),
            None => self.arrived(locked),
        };
        match decided {
            Ok((writes, credited)) if writes.is_empty() => Decision::Refuse(Ok(credited)),
            Ok((writes, credited)) => Decision::Commit(writes, credited),
            Err(error) => Decision::Refuse(Err(error)),
        }
    }

    /// The next change of a pay-in that is booked: one at a time, money that is gone first.
    fn follow(
        &self,
        locked: &Locked,
        known: &PayInRow,
    ) -> Result<(Vec<Write>, Credited), StoreError> {
        let mut home = Home::of_known(known);
        if home.is_some() && home.map(Home::place) != self.home.map(Home::place) {
            // It found its charge after the look: its wallet is not locked here.
            return Err(StoreError::Stale("pay_in"));
        }
        if home.is_some() {
            home = self.home;
        }
        let taken = self.taken(locked, known, home)?;
        if let Some(change) = taken {
            return Ok(change);
        }
        match self.home.filter(|_| home.is_none()) {
            Some(home) => self.matched(locked, known, home),
            None => Ok((Vec::new(), Credited::Known)),
        }
    }

    // ------------------------------------------------------------ first seen

    fn arrived(&self, locked: &Locked) -> Result<(Vec<Write>, Credited), StoreError> {
        let Some(home) = self.home else {
            return self.to_suspense("it names no charge of ours");
        };
        if let Some(moved) = home.moved {
            return self.move_arrived(locked, home, moved);
        }
        let wallet = locked
            .wallets
            .get(&home.wallet)
            .ok_or_else(missing("wallets"))?;
        let found = locked.transactions.get(&home.transaction);
        let found = found.ok_or_else(missing("transactions"))?;
        if wallet.available.checked_add(self.observed.amount).is_none() {
            return self.to_suspense("its wallet cannot hold that much");
        }
        let mut ids = self.seed.start();
        let row = self.pay_in_row(&mut ids, Some(home));
        let mut books = Books::new(&locked.wallets);
        let heading = self.heading(&mut ids, "pay_in", Some(home.transaction));
        books
            .pay_in(heading, home.wallet, self.gateway, (row.amount, row.fee))
            .map_err(unbookable)?;
        let mut writes = vec![Write::InsertPayIn(row)];
        writes.extend(books.into_writes());
        writes.extend(self.step_charge(found, home, &mut ids)?);
        Ok((writes, Credited::New))
    }

    fn step_charge(
        &self,
        found: &TransactionRecord,
        home: Home,
        ids: &mut Ids,
    ) -> Result<Vec<Write>, StoreError> {
        let now = self.seed.now;
        let before = ChargeRecord::load(&found.row)?;
        let earlier = found.pay_ins.iter().map(|pay_in| pay_in.amount);
        let mut total = Money::sum(earlier.chain([self.observed.amount])).unwrap_or(Money::MAX);
        if sabotage::is(Sabotage::PartPaymentPays) {
            total = total.max(found.row.amount);
        }
        let was = before.stage;
        let mut charge = before
            .step(ChargeStep::PayIn { total }, now)
            .map_err(|illegal| StoreError::Corrupt(illegal.to_string()))?;
        charge.row.gateway = charge.row.gateway.or(Some(self.gateway));
        if let (None, Some(number)) = (charge.facts.attempt, home.attempt) {
            // Paid before its making was answered: until when the code lives is not known.
            if let Some(attempt) = attempt_of(found, number) {
                let latest = latest_expiry(&charge, attempt, &self.settings).micros();
                charge.facts.expires_at = charge.facts.expires_at.max(latest);
            }
            charge.facts.attempt = Some(number);
        }
        if charge.row.end_to_end_id.is_none() {
            charge.row.end_to_end_id = self.observed.end_to_end_id.clone();
        }
        let kind = event_kind(was, charge.stage);
        let deadline = deadline(&charge, &self.settings);
        let row = charge.into_row(now, deadline);
        let event = events::of_transaction(ids, &row, kind);
        // The charge's job finds that it is done.
        let wake = Write::WakeJobs {
            transaction_id: row.id,
            at: now,
        };
        Ok(vec![Write::SaveTransaction(row), event, wake])
    }

    fn to_suspense(&self, why: &str) -> Result<(Vec<Write>, Credited), StoreError> {
        let mut ids = self.seed.start();
        let row = self.pay_in_row(&mut ids, None);
        let mut books = Books::new(&Default::default());
        let heading = self.heading(&mut ids, "suspense", None);
        books
            .suspense(heading, self.gateway, (row.amount, row.fee))
            .map_err(unbookable)?;
        let message = format!("{} arrived at {}: {why}", row.amount, self.gateway);
        let mut writes = vec![Write::InsertPayIn(row)];
        writes.extend(books.into_writes());
        writes.extend(self.alert(&mut ids, "suspense", None, message));
        Ok((writes, Credited::Suspense))
    }

    fn pay_in_row(&self, ids: &mut Ids, home: Option<Home>) -> PayInRow {
        let observed = &self.observed;
        let rule = self.settings.pay_in_fee.get(&self.gateway);
        let estimate = rule.unwrap_or(&FeeRule::FREE).on(observed.amount);
        PayInRow {
            id: PayInId::from_bytes(ids.make()),
            gateway: self.gateway,
            key: observed.key.clone(),
            transaction_id: home.map(|home| home.transaction),
            wallet_id: home.map(|home| home.wallet),
            amount: observed.amount,
            // The gateway's own figure is what counts; never more than what arrived.
            fee: observed.fee.unwrap_or(estimate).min(observed.amount),
            reversed: Money::ZERO,
            refunded: Money::ZERO,
            disputed: Money::ZERO,
            end_to_end_id: observed.end_to_end_id.clone(),
            paid_at: observed.paid_at,
            created_at: self.seed.now,
            version: 1,
            payer: PayInPayer::text(&observed.payer),
        }
    }

    // ------------------------------------------------------------ shared

    /// The charge keeps its stage: it was paid. Its next version says that something happened.
    fn tell(
        &self,
        row: &TransactionRow,
        kind: &'static str,
        ids: &mut Ids,
    ) -> Result<[Write; 2], StoreError> {
        let charge = ChargeRecord::load(row)?;
        let deadline = row.stage_deadline;
        let row = charge.into_row(self.seed.now, deadline);
        let event = events::of_transaction(ids, &row, kind);
        Ok([Write::SaveTransaction(row), event])
    }

    fn heading(
        &self,
        ids: &mut Ids,
        kind: &'static str,
        transaction_id: Option<TransactionId>,
    ) -> Heading {
        Heading {
            id: JournalId::from_bytes(ids.make()),
            kind,
            transaction_id,
            at: self.seed.now,
        }
    }

    fn alert(
        &self,
        ids: &mut Ids,
        kind: &str,
        transaction_id: Option<TransactionId>,
        message: String,
    ) -> [Write; 2] {
        let alert = AlertRow {
            id: AlertId::from_bytes(ids.make()),
            kind: kind.to_owned(),
            transaction_id,
            gateway: Some(self.gateway),
            message,
            raised_at: self.seed.now,
        };
        events::alert(ids, alert)
    }
}

/// Nothing can follow from it once it is booked.
fn is_quiet(observed: &ObservedPayIn) -> bool {
    let is_nothing = |dispute: &ObservedDispute| dispute.shown == ShownDispute::Nothing;
    observed.returned.is_empty() && observed.disputes.iter().all(is_nothing)
}

fn event_kind(before: ChargeStage, after: ChargeStage) -> &'static str {
    match (before, after) {
        (ChargeStage::Paid { .. }, _) => "charge.pay_in",
        (_, ChargeStage::Paid { .. }) => "charge.paid",
        (ChargeStage::Underpaid { .. }, ChargeStage::Underpaid { .. }) => "charge.pay_in",
        (_, ChargeStage::Underpaid { .. }) => "charge.underpaid",
        // Too little and too late: credited, and nothing else changes.
        (
            _,
            ChargeStage::Creating
            | ChargeStage::AwaitingPayment
            | ChargeStage::Expired { .. }
            | ChargeStage::Cancelled
            | ChargeStage::CreationFailed,
        ) => "charge.pay_in",
    }
}

fn missing(table: &'static str) -> impl Fn() -> StoreError {
    move || {
        StoreError::Corrupt(format!(
            "{table}: a row that a pay-in belongs to is missing"
        ))
    }
}

fn unbookable(error: BookingError) -> StoreError {
    StoreError::Corrupt(format!("a pay-in cannot be booked: {error}"))
}

#[cfg(test)]
mod tests;
