//! Asking for a refund: a received PIX given back, in full or in part.
//!
//! A refund names one pay-in and goes back through the gateway that received it, within that
//! gateway's window. The money is held first; the sum of all refunds of a pay-in is checked under
//! the pay-in's lock, and one refund of a pay-in is open at a time.

use domain::ids::{JournalId, TransactionId, WalletId};
use domain::money::Money;
use domain::status::{Kind, Status};

use crate::commands::*;
use crate::context::{App, Decision, IdSeed, Settings};
use crate::events;
use crate::idempotency::{self, Claim};
use crate::jobs;
use crate::ledger::{Books, Heading};
use crate::payouts::inside::INSIDE_PREFIX;
use crate::payouts::{Asked, job};
use crate::ports::store::*;
use crate::records::outgoing::{OutgoingFacts, OutgoingPrivate};
use crate::sabotage::{self, Sabotage};
use crate::views::TransactionView;

/// How often a request that met a change made meanwhile looks again.
const RUNS: u32 = 16;

impl App {
    /// Accepts a refund: the money is held when this returns.
    pub async fn request_refund(
        &self,
        caller: &Caller,
        request: RequestRefund,
    ) -> Result<Accepted<TransactionView>, MoneyRefusal> {
        let mut runs = 0;
        loop {
            runs += 1;
            match self.request_refund_once(caller, request.clone()).await {
                // Another refund of the pay-in came between the look and the lock: look again.
                Err(MoneyRefusal::Store(StoreError::Stale(_))) if runs < RUNS => {}
                answer => return answer,
            }
        }
    }

    async fn request_refund_once(
        &self,
        caller: &Caller,
        request: RequestRefund,
    ) -> Result<Accepted<TransactionView>, MoneyRefusal> {
        let charge = self.store.transaction(request.transaction_id).await?;
        let charge = charge
            .filter(|found| found.row.user_id == caller.user_id && found.row.kind == Kind::Charge);
        let charge = charge.ok_or(MoneyRefusal::NotFound("charge"))?;
        if request
            .common
            .wallet_id
            .is_some_and(|wallet| wallet != charge.row.wallet_id)
        {
            return Err(MoneyRefusal::NotFound("wallet"));
        }
        let pay_in = choose_pay_in(
            &charge,
            request.pay_in_id.map(|id| id.to_string()).as_deref(),
        )?;
        if pay_in.key.starts_with(INSIDE_PREFIX) {
            return Err(MoneyRefusal::Invalid {
                field: "transaction_id",
                code: "paid_inside",
                message: "it was paid from another wallet here: give it back with a transfer"
                    .to_owned(),
            });
        }
        let amount = request
            .amount
            .map(|amount| amount.cents().to_string())
            .unwrap_or_default();
        let (charge_id, pay_in_id) = (charge.row.id.to_string(), pay_in.id.to_string());
        let named = request
            .pay_in_id
            .map(|_| pay_in_id.as_str())
            .unwrap_or_default();
        let parts = [charge_id.as_str(), named, amount.as_str()];
        let fingerprint =
            idempotency::fingerprint("refund", &request.common, charge.row.wallet_id, &parts);
        let open = self.open_refund(charge.row.id, &pay_in_id).await?;
        let locks = Locks {
            idempotency: Some((
                caller.user_id.to_string(),
                request.common.idempotency_key.clone(),
            )),
            wallets: vec![charge.row.wallet_id],
            pay_ins: vec![(pay_in.gateway, pay_in.key.clone())],
            ..Locks::default()
        };
        let window = self.gateway(pay_in.gateway).capabilities().refund_window;
        let unit = RefundUnit {
            caller: caller.clone(),
            wallet_id: charge.row.wallet_id,
            charge_id: charge.row.id,
            pay_in: (pay_in.gateway, pay_in.key.clone()),
            pay_in_version: pay_in.version,
            amount: request.amount,
            too_late: self.now().since(pay_in.paid_at) > window,
            open,
            common: request.common,
            fingerprint,
            settings: self.settings.clone(),
            seed: self.ids(),
        };
        let decided = self
            .commit("request_refund", locks, move |locked| unit.decide(locked))
            .await;
        self.accepted(decided).await
    }

    /// Whether another refund of this pay-in is still open.
    async fn open_refund(
        &self,
        charge: TransactionId,
        pay_in_id: &str,
    ) -> Result<bool, StoreError> {
        let refunds = self.store.refunds_of(charge).await?;
        Ok(refunds
            .iter()
            .filter(|row| row.status == Status::Pending)
            .any(|row| {
                crate::records::outgoing::OutgoingRecord::load(row)
                    .is_ok_and(|record| record.facts.pay_in_id.as_deref() == Some(pay_in_id))
            }))
    }
}

fn choose_pay_in<'a>(
    charge: &'a TransactionRecord,
    named: Option<&str>,
) -> Result<&'a PayInRow, MoneyRefusal> {
    match (named, charge.pay_ins.as_slice()) {
        (Some(id), pay_ins) => pay_ins
            .iter()
            .find(|pay_in| pay_in.id.to_string() == id)
            .ok_or(MoneyRefusal::NotFound("pay_in")),
        (None, [only]) => Ok(only),
        (None, []) => Err(MoneyRefusal::Invalid {
            field: "transaction_id",
            code: "not_paid",
            message: "the charge has not been paid".to_owned(),
        }),
        (None, _) => Err(MoneyRefusal::Invalid {
            field: "pay_in_id",
            code: "required",
            message: "the charge was paid more than once: name the pay-in".to_owned(),
        }),
    }
}

struct RefundUnit {
    caller: Caller,
    wallet_id: WalletId,
    charge_id: TransactionId,
    pay_in: (domain::gateway::Gateway, String),
    /// The pay-in as it stood before its open refunds were looked for.
    pay_in_version: u64,
    amount: Option<Money>,
    too_late: bool,
    open: bool,
    common: MoneyRequest,
    fingerprint: [u8; 32],
    settings: std::sync::Arc<Settings>,
    seed: IdSeed,
}

impl RefundUnit {
    fn decide(&self, locked: &Locked) -> Decision<(TransactionId, bool), MoneyRefusal> {
        match idempotency::claim(locked.replay.as_ref(), &self.fingerprint) {
            Claim::Replay(record) => Decision::Commit(Vec::new(), (record.row.id, true)),
            Claim::Conflict => Decision::Refuse(MoneyRefusal::IdempotencyConflict),
            Claim::Fresh => match self.hold(locked) {
                Ok((writes, id)) => Decision::Commit(writes, (id, false)),
                Err(refusal) => Decision::Refuse(refusal),
            },
        }
    }

    fn hold(&self, locked: &Locked) -> Result<(Vec<Write>, TransactionId), MoneyRefusal> {
        let (now, mut ids) = (self.seed.now, self.seed.start());
        let pay_in = locked
            .pay_ins
            .get(&self.pay_in)
            .ok_or(MoneyRefusal::NotFound("pay_in"))?;
        if pay_in.version != self.pay_in_version {
            return Err(StoreError::Stale("pay_in").into());
        }
        let wallet = locked
            .wallets
            .get(&self.wallet_id)
            .ok_or(MoneyRefusal::NotFound("wallet"))?;
        let amount = self.amount_of(pay_in)?;
        let id = TransactionId::from_bytes(ids.make());
        let mut books = Books::new(&locked.wallets);
        let heading = Heading {
            id: JournalId::from_bytes(ids.make()),
            kind: "refund_held",
            transaction_id: Some(id),
            at: now,
        };
        books.hold(heading, self.wallet_id, amount).map_err(|_| {
            MoneyRefusal::InsufficientFunds {
                available: wallet.available,
            }
        })?;
        // After this point the request succeeds.
        let mut pay_in = pay_in.clone();
        let full = amount == pay_in.amount;
        pay_in.refunded = pay_in
            .refunded
            .checked_add(amount)
            .expect("checked against the remainder");
        pay_in.version += 1;
        let facts = OutgoingFacts {
            pay_in_id: Some(pay_in.id.to_string()),
            pay_in_key: Some(pay_in.key.clone()),
            full,
            ..OutgoingFacts::default()
        };
        let private = OutgoingPrivate {
            description: self.common.description.clone(),
            metadata: self.common.metadata.clone(),
            ..OutgoingPrivate::default()
        };
        let asked = Asked {
            id,
            kind: Kind::Refund,
            wallet_id: self.wallet_id,
            amount,
            fee: Money::ZERO,
            facts,
            private,
        };
        let mut row = asked.into_row(
            &self.caller,
            &self.common,
            self.fingerprint,
            &self.seed,
            &self.settings,
        );
        row.gateway = Some(pay_in.gateway);
        row.parent = Some(self.charge_id);
        let mut writes = vec![
            Write::InsertTransaction(row.clone()),
            job(&mut ids, jobs::REFUND, &row),
            events::of_transaction(&mut ids, &row, "refund.created"),
            Write::SavePayIn(pay_in),
        ];
        writes.extend(books.into_writes());
        Ok((writes, id))
    }

    /// What is left of the pay-in bounds the refund.
    fn amount_of(&self, pay_in: &PayInRow) -> Result<Money, MoneyRefusal> {
        let invalid = |field, code, message: String| MoneyRefusal::Invalid {
            field,
            code,
            message,
        };
        if self.open {
            let message = "another refund of this pay-in is under way".to_owned();
            return Err(invalid("transaction_id", "refund_open", message));
        }
        if !pay_in.disputed.is_zero() {
            let message =
                "the payer disputes this pay-in: its gateway decides who gets it".to_owned();
            return Err(invalid("transaction_id", "pay_in_disputed", message));
        }
        if self.too_late {
            let message = "the time in which this pay-in could be refunded is over".to_owned();
            return Err(invalid("transaction_id", "refund_window_over", message));
        }
        let gone = pay_in
            .refunded
            .checked_add(pay_in.reversed)
            .unwrap_or(Money::MAX);
        let left = pay_in.amount.checked_sub(gone).unwrap_or(Money::ZERO);
        let amount = self.amount.unwrap_or(left);
        let unbounded = sabotage::is(Sabotage::RefundOverRemainder);
        if amount.is_zero() || (amount > left && !unbounded) {
            return Err(invalid(
                "amount_cents",
                "above_remainder",
                format!("{left} of the pay-in is left"),
            ));
        }
        Ok(amount)
    }
}
