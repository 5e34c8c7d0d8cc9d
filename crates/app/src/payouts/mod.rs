//! Asking for a payout, and taking it back before it is sent.
//!
//! The request is one commit: idempotency, transaction, hold, limits, job and event. What follows
//! is the job's business (`outgoing`). A code of one of our own charges never leaves the ledger
//! (`inside`).

pub mod inside;
pub mod preview;

use domain::ids::{JobId, JournalId, TransactionId, WalletId};
use domain::money::Money;
use domain::payout::{Outgoing, OutgoingStage, OutgoingStep};
use domain::pix::br_code::{BrCode, Decoded, Payment};
use domain::pix::key::PixKey;
use domain::status::{Kind, Status};
use domain::tax_id::TaxId;
use domain::time::Moment;

use crate::calendar;
use crate::commands::*;
use crate::context::{App, CommitError, Decision, IdSeed, Settings};
use crate::events;
use crate::idempotency::{self, Claim};
use crate::jobs;
use crate::ledger::{Books, Heading};
use crate::outgoing::commits::Passed;
use crate::outgoing::ends::end_queued;
use crate::ports::store::*;
use crate::records::outgoing::{OutgoingFacts, OutgoingPrivate, OutgoingRecord};
use crate::sabotage::{self, Sabotage};
use crate::views::TransactionView;

/// A payout request with its destination read.
struct Order {
    amount: Money,
    private: OutgoingPrivate,
    dynamic: bool,
}

impl App {
    /// Accepts a payout: the money is held when this returns.
    pub async fn request_payout(
        &self,
        caller: &Caller,
        mut request: RequestPayout,
    ) -> Result<Accepted<TransactionView>, MoneyRefusal> {
        if sabotage::is(Sabotage::ForgottenKeys) {
            let fresh = format!("-{}", self.draw());
            request.common.idempotency_key.push_str(&fresh);
        }
        let wallet_id = self.wallet_of(caller, request.common.wallet_id).await?;
        let own = self.own_charge(&request.destination).await?;
        let order = read_order(&request, own.as_ref().map(|own| own.due))?;
        // As asked, not as resolved: what a code asks for may change between two equal requests.
        let cents = request.amount.map(|amount| amount.cents().to_string());
        let cents = cents.unwrap_or_default();
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let destination = [
            text(&order.private.pix_key),
            text(&order.private.payee_tax_id),
            text(&order.private.br_code),
        ];
        let parts = [
            cents.as_str(),
            &destination[0],
            &destination[1],
            &destination[2],
        ];
        let fingerprint = idempotency::fingerprint("payout", &request.common, wallet_id, &parts);
        let mut wallets = vec![wallet_id];
        wallets.extend(own.as_ref().map(|own| own.wallet));
        let transactions = own.iter().map(|own| own.charge).collect();
        let unit = PayoutUnit {
            own,
            caller: caller.clone(),
            wallet_id,
            order,
            common: request.common,
            fingerprint,
            settings: self.settings.clone(),
            seed: self.ids(),
        };
        let locks = Locks {
            idempotency: Some((
                caller.user_id.to_string(),
                unit.common.idempotency_key.clone(),
            )),
            wallets,
            transactions,
            ..Locks::default()
        };
        let decided = self
            .commit("request_payout", locks, move |locked| unit.decide(locked))
            .await;
        if let (Ok((id, _)), true) = (&decided, sabotage::is(Sabotage::CommitThenEnqueue))
            && let Some(found) = self.store.transaction(*id).await?
        {
            let job = job(&mut self.ids().start(), jobs::PAYOUT, &found.row);
            self.write_all("enqueue", vec![job]).await?;
        }
        self.accepted(decided).await
    }

    /// The accepted transaction as its owner sees it.
    pub(crate) async fn accepted(
        &self,
        decided: Result<(TransactionId, bool), CommitError<MoneyRefusal>>,
    ) -> Result<Accepted<TransactionView>, MoneyRefusal> {
        match decided {
            Ok((id, replayed)) => Ok(Accepted {
                view: self.view_of(id).await?,
                replayed,
            }),
            Err(CommitError::Refused(refusal)) => Err(refusal),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }

    /// Takes a payout back, if no attempt is live. Dispatch and cancel are the same compare-and-set.
    pub async fn cancel_payout(&self, found: &TransactionRecord) -> Result<(), CancelRefusal> {
        let record = OutgoingRecord::load(&found.row)?;
        let refused = || CancelRefusal::AlreadyDispatched {
            stage: found.row.stage.clone(),
        };
        let queued = matches!(record.stage, OutgoingStage::Queued { .. })
            || sabotage::is(Sabotage::CancelInAnyStage);
        if record.kind != Outgoing::Payout || !queued {
            return Err(refused());
        }
        if !self.may_dispatch() {
            return Err(CancelRefusal::DispatchStopped);
        }
        match end_queued(self, found, None, OutgoingStep::Cancel, None).await {
            Ok(()) => Ok(()),
            Err(CommitError::Refused(Passed::Moved | Passed::LeaseLost)) => Err(refused()),
            Err(CommitError::Refused(Passed::Corrupt(error)) | CommitError::Store(error)) => {
                Err(error.into())
            }
        }
    }
}

/// Reads where the money goes and how much. A static code is paid as the key it holds.
fn read_order(request: &RequestPayout, due: Option<Money>) -> Result<Order, MoneyRefusal> {
    let invalid = |field, code, message: &str| MoneyRefusal::Invalid {
        field,
        code,
        message: message.to_owned(),
    };
    let needed = || invalid("amount_cents", "required", "the amount is needed");
    let base = OutgoingPrivate {
        description: request.common.description.clone(),
        metadata: request.common.metadata.clone(),
        ..OutgoingPrivate::default()
    };
    let with_key = |key: &PixKey, owner: Option<&TaxId>| OutgoingPrivate {
        pix_key: Some(key.as_str().to_owned()),
        pix_key_type: Some(key.kind().as_str().to_owned()),
        payee_tax_id: owner.map(|owner| owner.as_str().to_owned()),
        ..base.clone()
    };
    match &request.destination {
        PayoutDestination::Key { key, payee_tax_id } => Ok(Order {
            amount: request.amount.ok_or_else(needed)?,
            private: with_key(key, payee_tax_id.as_ref()),
            dynamic: false,
        }),
        PayoutDestination::BrCode(text) => {
            let code = BrCode::decode(text)
                .map_err(|error| invalid("br_code", error.code(), &error.to_string()))?;
            read_br_code((request.amount, due), text, &code, base.clone(), with_key)
        }
    }
}

fn read_br_code(
    (asked, due): (Option<Money>, Option<Money>),
    text: &str,
    code: &Decoded,
    base: OutgoingPrivate,
    with_key: impl Fn(&PixKey, Option<&TaxId>) -> OutgoingPrivate,
) -> Result<Order, MoneyRefusal> {
    let invalid = |field, code, message: String| MoneyRefusal::Invalid {
        field,
        code,
        message,
    };
    match &code.payment {
        Payment::Static(payment) if payment.cash_facilitator.is_some() => {
            let message =
                "the code asks for cash (Pix Saque), which is no ordinary payment".to_owned();
            Err(invalid("br_code", "CASH_CODE", message))
        }
        Payment::Static(payment) => {
            let key = payment.pix_key().map_err(|error| {
                invalid(
                    "br_code",
                    error.code(),
                    format!("the key in the code: {error}"),
                )
            })?;
            let named = payment.amount_centavos.filter(|cents| *cents > 0);
            let named = named
                .and_then(|cents| i64::try_from(cents).ok())
                .map(Money::from_cents)
                .transpose();
            let named =
                named.map_err(|error| invalid("br_code", "BAD_AMOUNT", error.to_string()))?;
            let amount = match (asked, named) {
                (Some(asked), Some(named)) if asked != named => {
                    let message = format!("the code asks for {named}");
                    return Err(invalid("amount_cents", "differs_from_br_code", message));
                }
                (Some(amount), _) | (None, Some(amount)) => amount,
                (None, None) => {
                    let message = "the code leaves the amount to the payer".to_owned();
                    return Err(invalid("amount_cents", "required", message));
                }
            };
            let private = OutgoingPrivate {
                br_code: Some(text.to_owned()),
                ..with_key(&key, None)
            };
            Ok(Order {
                amount,
                private,
                dynamic: false,
            })
        }
        Payment::Dynamic { .. } => {
            let message = "a dynamic code needs the amount: it is named by a document that only the gateway reads";
            let amount = asked
                .or(due)
                .ok_or_else(|| invalid("amount_cents", "required", message.to_owned()))?;
            let private = OutgoingPrivate {
                br_code: Some(text.trim().to_owned()),
                payee_name: Some(code.merchant_name.clone()),
                ..base
            };
            Ok(Order {
                amount,
                private,
                dynamic: true,
            })
        }
        Payment::RecurrenceOnly => {
            let message = "the code only asks for a recurring payment to be agreed".to_owned();
            Err(invalid("br_code", "RECURRENCE_ONLY", message))
        }
    }
}

struct PayoutUnit {
    /// The charge of ours whose code is to be paid.
    own: Option<inside::OwnCharge>,
    caller: Caller,
    wallet_id: WalletId,
    order: Order,
    common: MoneyRequest,
    fingerprint: [u8; 32],
    settings: std::sync::Arc<Settings>,
    seed: IdSeed,
}

impl PayoutUnit {
    fn decide(&self, locked: &Locked) -> Decision<(TransactionId, bool), MoneyRefusal> {
        match idempotency::claim(locked.replay.as_ref(), &self.fingerprint) {
            Claim::Replay(record) => Decision::Commit(Vec::new(), (record.row.id, true)),
            Claim::Conflict => Decision::Refuse(MoneyRefusal::IdempotencyConflict),
            Claim::Fresh => match self.fresh(locked) {
                Ok((writes, id)) => Decision::Commit(writes, (id, false)),
                Err(refusal) => Decision::Refuse(refusal),
            },
        }
    }

    fn fresh(&self, locked: &Locked) -> Result<(Vec<Write>, TransactionId), MoneyRefusal> {
        match &self.own {
            Some(own) => self.pay_inside(locked, own),
            None => self.hold(locked),
        }
    }

    fn hold(&self, locked: &Locked) -> Result<(Vec<Write>, TransactionId), MoneyRefusal> {
        let (now, mut ids) = (self.seed.now, self.seed.start());
        let wallet = locked
            .wallets
            .get(&self.wallet_id)
            .ok_or(MoneyRefusal::NotFound("wallet"))?;
        let amount = self.order.amount;
        let fee = self.settings.payout_fee.on(amount);
        let too_large = || MoneyRefusal::Invalid {
            field: "amount_cents",
            code: "too_large",
            message: "the amount with its fee is too large".to_owned(),
        };
        let total = amount.checked_add(fee).ok_or_else(too_large)?;
        let windows = calendar::windows(now);
        let spent = wallet
            .spent
            .spend(&wallet.limits, windows, amount)
            .map_err(|exceeded| MoneyRefusal::LimitExceeded {
                kind: exceeded.kind.as_str(),
                left: exceeded.left,
            })?;
        let id = TransactionId::from_bytes(ids.make());
        let mut books = Books::new(&locked.wallets);
        let heading = Heading {
            id: JournalId::from_bytes(ids.make()),
            kind: "payout_held",
            transaction_id: Some(id),
            at: now,
        };
        books.hold(heading, self.wallet_id, total).map_err(|_| {
            MoneyRefusal::InsufficientFunds {
                available: wallet.available,
            }
        })?;
        books
            .set_spent(self.wallet_id, spent)
            .map_err(|_| MoneyRefusal::NotFound("wallet"))?;
        // After this point the request succeeds.
        let facts = OutgoingFacts {
            day: windows.day,
            night: windows.night,
            dynamic: self.order.dynamic,
            ..OutgoingFacts::default()
        };
        let asked = Asked {
            id,
            kind: Kind::Payout,
            wallet_id: self.wallet_id,
            amount,
            fee,
            facts,
            private: self.order.private.clone(),
        };
        let row = asked.into_row(
            &self.caller,
            &self.common,
            self.fingerprint,
            &self.seed,
            &self.settings,
        );
        let mut writes = vec![Write::InsertTransaction(row.clone())];
        let job = job(&mut ids, jobs::PAYOUT, &row);
        if !sabotage::is(Sabotage::CommitThenEnqueue) {
            writes.push(job);
        }
        writes.push(events::of_transaction(&mut ids, &row, "payout.created"));
        writes.extend(books.into_writes());
        Ok((writes, id))
    }
}

/// Outgoing money that was just asked for.
pub(crate) struct Asked {
    pub id: TransactionId,
    pub kind: Kind,
    pub wallet_id: WalletId,
    pub amount: Money,
    pub fee: Money,
    pub facts: OutgoingFacts,
    pub private: OutgoingPrivate,
}

impl Asked {
    /// The first version of its row: queued.
    pub(crate) fn into_row(
        self,
        caller: &Caller,
        common: &MoneyRequest,
        fingerprint: [u8; 32],
        seed: &IdSeed,
        settings: &Settings,
    ) -> TransactionRow {
        let now = seed.now;
        let kind = if self.kind == Kind::Refund {
            Outgoing::Refund
        } else {
            Outgoing::Payout
        };
        let stage = OutgoingStage::Queued { since: now };
        let deadline = settings.stage_deadline(&stage);
        let row = self.first_row(caller, common, fingerprint, now);
        let Asked { facts, private, .. } = self;
        OutgoingRecord {
            row,
            kind,
            stage,
            facts,
            private,
        }
        .into_row(now, deadline)
    }

    /// The row before its first version, without its stage and facts.
    fn first_row(
        &self,
        caller: &Caller,
        common: &MoneyRequest,
        fingerprint: [u8; 32],
        now: Moment,
    ) -> TransactionRow {
        TransactionRow {
            id: self.id,
            wallet_id: self.wallet_id,
            user_id: caller.user_id,
            kind: self.kind,
            status: Status::Pending,
            stage: String::new(),
            version: 0,
            amount: self.amount,
            fee: self.fee,
            gateway: None,
            idempotency: Some(idempotency::bind(
                caller.user_id,
                &common.idempotency_key,
                fingerprint,
            )),
            reference: common.reference.clone(),
            end_to_end_id: None,
            parent: None,
            stage_deadline: None,
            created_at: now,
            updated_at: now,
            settled_at: None,
            facts: String::new(),
            private: String::new(),
            payee_user_id: None,
        }
    }
}

/// The job that drives a payment.
pub(crate) fn job(ids: &mut crate::context::Ids, kind: &str, row: &TransactionRow) -> Write {
    Write::InsertJob(job_row(ids, kind, row))
}

/// The same, where the payment may have its job already.
pub(crate) fn ensured_job(ids: &mut crate::context::Ids, row: &TransactionRow) -> Write {
    let kind = match row.kind {
        Kind::Refund => jobs::REFUND,
        Kind::Payout | Kind::Charge | Kind::Transfer => jobs::PAYOUT,
    };
    Write::EnsureJob(job_row(ids, kind, row))
}

fn job_row(ids: &mut crate::context::Ids, kind: &str, row: &TransactionRow) -> JobRow {
    JobRow {
        id: JobId::from_bytes(ids.make()),
        kind: kind.to_owned(),
        transaction_id: Some(row.id),
        payload: "{}".to_owned(),
        visible_at: Some(row.updated_at),
        state: JobState::Ready,
        tries: 0,
        token: 0,
        last_error: None,
        created_at: row.updated_at,
    }
}
