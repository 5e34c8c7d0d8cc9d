//! Paying the code of one of our own charges: inside the ledger, in one commit.
//!
//! The payer's wallet pays, the payee's is credited, the payout is settled and the charge paid, all
//! at once; no gateway is asked. The gateway's code is then cancelled by an orphan's job, so that
//! nobody pays it a second time from outside (who does all the same is credited).

use domain::charge::{ChargeStage, ChargeStep};
use domain::ids::{JournalId, PayInId, TransactionId, WalletId};
use domain::money::Money;
use domain::payout::{Outgoing, OutgoingStage, OutgoingStep};
use domain::status::Kind;
use domain::time::Moment;

use super::{Asked, PayoutUnit};
use crate::calendar;
use crate::charges::answer::orphan_job;
use crate::charges::br_code_hash;
use crate::charges::orphan::OrphanPayload;
use crate::commands::{MoneyRefusal, PayoutDestination};
use crate::context::{App, Ids};
use crate::events;
use crate::ledger::{Books, Heading};
use crate::ports::gateway::ObservedPayer;
use crate::ports::store::*;
use crate::records::charge::{ChargeRecord, PayInPayer};
use crate::records::outgoing::{OutgoingFacts, OutgoingRecord};
use crate::transactions::view::masked;
use crate::views::PartyView;

/// The keys of pay-ins that no gateway carried begin with this.
pub const INSIDE_PREFIX: &str = "inside:";

/// A charge of ours whose code is to be paid, as it stood when it was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnCharge {
    pub charge: TransactionId,
    pub wallet: WalletId,
    /// What is left to pay.
    pub due: Money,
}

impl App {
    /// The charge of ours that the destination's code belongs to.
    pub(super) async fn own_charge(
        &self,
        destination: &PayoutDestination,
    ) -> Result<Option<OwnCharge>, StoreError> {
        let PayoutDestination::BrCode(code) = destination else {
            return Ok(None);
        };
        let Some(id) = self.store.charge_by_br_code(&br_code_hash(code)).await? else {
            return Ok(None);
        };
        let Some(found) = self.store.transaction(id).await? else {
            return Ok(None);
        };
        let charge = ChargeRecord::load(&found.row)?;
        Ok(Some(OwnCharge {
            charge: id,
            wallet: charge.row.wallet_id,
            due: due(&charge),
        }))
    }

    /// A charge of ours as somebody who wants to pay it from this wallet may see it: who is paid,
    /// and until when.
    pub(super) async fn payable_charge(
        &self,
        own: &OwnCharge,
        payer: WalletId,
    ) -> Result<(PartyView, Moment), MoneyRefusal> {
        let found = self.store.transaction(own.charge).await?;
        let found = found.ok_or(MoneyRefusal::NotFound("charge"))?;
        let charge = ChargeRecord::load(&found.row)?;
        check_payable(&charge, payer, self.now())?;
        let owner = self.store.user(charge.row.user_id).await?;
        let payee = owner.map_or_else(PartyView::default, |owner| PartyView {
            name: Some(owner.name),
            tax_id_masked: owner.tax_id.as_deref().and_then(masked),
            bank: None,
        });
        Ok((payee, charge.expires_at()))
    }
}

/// Whether the charge can be paid from this wallet now.
fn check_payable(charge: &ChargeRecord, payer: WalletId, now: Moment) -> Result<(), MoneyRefusal> {
    if charge.row.wallet_id == payer {
        return Err(invalid(
            "br_code",
            "own_code",
            "the code pays into this same wallet",
        ));
    }
    let open = matches!(
        charge.stage,
        ChargeStage::AwaitingPayment | ChargeStage::Underpaid { .. }
    );
    if !open || now >= charge.expires_at() {
        return Err(invalid(
            "br_code",
            "not_payable",
            "the code is paid, expired or cancelled",
        ));
    }
    Ok(())
}

fn due(charge: &ChargeRecord) -> Money {
    charge
        .row
        .amount
        .checked_sub(charge.paid())
        .unwrap_or(Money::ZERO)
}

fn invalid(field: &'static str, code: &'static str, message: &str) -> MoneyRefusal {
    MoneyRefusal::Invalid {
        field,
        code,
        message: message.to_owned(),
    }
}

impl PayoutUnit {
    pub(super) fn pay_inside(
        &self,
        locked: &Locked,
        own: &OwnCharge,
    ) -> Result<(Vec<Write>, TransactionId), MoneyRefusal> {
        let (now, mut ids) = (self.seed.now, self.seed.start());
        let payer = locked
            .wallets
            .get(&self.wallet_id)
            .ok_or(MoneyRefusal::NotFound("wallet"))?;
        let found = locked
            .transactions
            .get(&own.charge)
            .ok_or(MoneyRefusal::NotFound("charge"))?;
        let charge = ChargeRecord::load(&found.row)?;
        let amount = self.check_charge(&charge)?;
        let windows = calendar::windows(now);
        let spent = payer
            .spent
            .spend(&payer.limits, windows, amount)
            .map_err(|exceeded| MoneyRefusal::LimitExceeded {
                kind: exceeded.kind.as_str(),
                left: exceeded.left,
            })?;
        let id = TransactionId::from_bytes(ids.make());
        let mut books = Books::new(&locked.wallets);
        let heading = |ids: &mut Ids, kind, transaction| Heading {
            id: JournalId::from_bytes(ids.make()),
            kind,
            transaction_id: Some(transaction),
            at: now,
        };
        books
            .send_inside(
                heading(&mut ids, "payout_settled", id),
                self.wallet_id,
                amount,
            )
            .map_err(|_| MoneyRefusal::InsufficientFunds {
                available: payer.available,
            })?;
        books
            .receive_inside(heading(&mut ids, "pay_in", own.charge), own.wallet, amount)
            .map_err(|_| invalid("br_code", "not_payable", "its wallet cannot take the money"))?;
        books
            .set_spent(self.wallet_id, spent)
            .map_err(|_| MoneyRefusal::NotFound("wallet"))?;
        // After this point the payment succeeds.
        let facts = OutgoingFacts {
            day: windows.day,
            night: windows.night,
            ..OutgoingFacts::default()
        };
        let asked = Asked {
            id,
            kind: Kind::Payout,
            wallet_id: self.wallet_id,
            amount,
            fee: Money::ZERO,
            facts,
            private: self.order.private.clone(),
        };
        let payout = self.settled(asked);
        let mut writes = vec![
            events::of_transaction(&mut ids, &payout, "payout.settled"),
            Write::InsertTransaction(payout),
        ];
        writes.extend(self.credit(charge, (id, amount), &mut ids)?);
        writes.extend(books.into_writes());
        Ok((writes, id))
    }

    /// The amount, if the charge can be paid with it by this wallet now.
    fn check_charge(&self, charge: &ChargeRecord) -> Result<Money, MoneyRefusal> {
        check_payable(charge, self.wallet_id, self.seed.now)?;
        let due = due(charge);
        if self.order.amount != due {
            return Err(invalid(
                "amount_cents",
                "differs_from_br_code",
                &format!("the code asks for {due}"),
            ));
        }
        Ok(due)
    }

    /// The payout as a first version that has settled.
    fn settled(&self, asked: Asked) -> TransactionRow {
        let queued = OutgoingRecord {
            kind: Outgoing::Payout,
            stage: OutgoingStage::Queued {
                since: self.seed.now,
            },
            facts: asked.facts.clone(),
            private: asked.private.clone(),
            row: asked.first_row(&self.caller, &self.common, self.fingerprint, self.seed.now),
        };
        let settled = queued.step(OutgoingStep::SettleInternally, self.seed.now);
        settled
            .expect("a queued payout settles inside")
            .into_row(self.seed.now, None)
    }

    /// The charge's side: its pay-in, its next version, and the end of the gateway's code.
    fn credit(
        &self,
        charge: ChargeRecord,
        (payout, amount): (TransactionId, Money),
        ids: &mut Ids,
    ) -> Result<Vec<Write>, MoneyRefusal> {
        let now = self.seed.now;
        let gateway = charge.row.gateway.ok_or_else(|| {
            StoreError::Corrupt(format!(
                "charge {} shows a code of no gateway",
                charge.row.id
            ))
        })?;
        let pay_in = PayInRow {
            id: PayInId::from_bytes(ids.make()),
            gateway,
            key: format!("{INSIDE_PREFIX}{payout}"),
            transaction_id: Some(charge.row.id),
            wallet_id: Some(charge.row.wallet_id),
            amount,
            fee: Money::ZERO,
            reversed: Money::ZERO,
            refunded: Money::ZERO,
            disputed: Money::ZERO,
            end_to_end_id: None,
            paid_at: now,
            created_at: now,
            version: 1,
            payer: PayInPayer::text(&ObservedPayer::default()),
        };
        let total = charge.paid().checked_add(amount).unwrap_or(Money::MAX);
        let shown = charge.facts.attempt;
        let mut charge = charge
            .step(ChargeStep::PayIn { total }, now)
            .map_err(|illegal| StoreError::Corrupt(illegal.to_string()))?;
        charge.facts.paid_inside = true;
        let row = charge.into_row(now, None);
        let mut writes = vec![
            Write::InsertPayIn(pay_in),
            events::of_transaction(ids, &row, "charge.paid"),
        ];
        writes.push(Write::WakeJobs {
            transaction_id: row.id,
            at: now,
        });
        writes
            .extend(shown.map(|number| orphan_job(ids, now, &OrphanPayload::new(row.id, number))));
        writes.push(Write::SaveTransaction(row));
        Ok(writes)
    }
}
