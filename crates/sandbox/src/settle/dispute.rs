//! A received Pix being contested: the gateway keeps it until it is decided.
//!
//! Mercado Pago shows a dispute as the payment's own state. Efí shows no case in its answers about
//! a Pix, only the devolução of the special return mechanism (MED), told by its `natureza`: in
//! process while the claim is open, then made or not made. Money moves at the central bank only
//! when a dispute is lost.

use super::refund;
use crate::{
    config::GatewayName,
    events,
    ids::{EFI_ISPB, MERCADO_PAGO_ISPB},
    ledger::EntryKind,
    state::{
        Movement, Record, State,
        efi::{ChargeReference, ReceivedPix, Refund, RefundStatus},
        mercado_pago::{DisputeKind, Payment, PaymentRefund, PaymentStatus},
    },
};

/// The nature of a claim that somebody was deceived into paying.
const FRAUD: &str = "MED_FRAUDE";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStep {
    #[default]
    Open,
    /// Decided for the payer: the money goes back.
    Lost,
    /// Decided for the receiver.
    Won,
}

/// What to do with the last Pix of a charge.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dispute {
    pub step: DisputeStep,
    /// Mercado Pago: what it is called while it is open.
    pub how: DisputeKind,
    /// Efí: how much is claimed; all that is left without it.
    pub cents: Option<i64>,
}

/// `None` when the charge is in no state for it.
pub fn dispute(state: &mut State, charge: &ChargeReference, asked: Dispute) -> Option<()> {
    match charge {
        ChargeReference::Cob(txid) => {
            let end_to_end_id = state.book.cobs.get(txid)?.pix.last()?.clone();
            let pix = state.book.received.get(&end_to_end_id)?.clone();
            match asked.step {
                DisputeStep::Open => claim(state, pix, asked.cents),
                DisputeStep::Lost => decide(state, pix, RefundStatus::Returned),
                DisputeStep::Won => decide(state, pix, RefundStatus::NotDone),
            }
        }
        ChargeReference::Payment(id) => {
            let payment = state.book.payments.get(id)?.clone();
            if asked.cents.is_some() {
                return None;
            }
            match asked.step {
                DisputeStep::Open => contest(state, payment, asked.how),
                DisputeStep::Lost => lose(state, payment),
                DisputeStep::Won => win(state, payment),
            }
        }
    }
}

fn claim(state: &mut State, mut pix: ReceivedPix, cents: Option<i64>) -> Option<()> {
    let left = pix.cents - pix.refunded();
    let cents = cents.unwrap_or(left);
    if cents < 1 || cents > left || pix.refunds.iter().any(Refund::is_open_claim) {
        return None;
    }
    let now = state.now;
    let id = format!("med{}", state.ids.alphanumeric(20));
    pix.refunds.push(Refund {
        id: id.clone(),
        rtr_id: state.ids.return_id(EFI_ISPB, now),
        cents,
        requested: now,
        settled: None,
        settle_at: None,
        refusal: None,
        status: RefundStatus::InProcess,
        nature: Some(FRAUD.to_owned()),
    });
    publish(state, pix, &id)
}

fn decide(state: &mut State, mut pix: ReceivedPix, end: RefundStatus) -> Option<()> {
    let now = state.now;
    let open = pix.refunds.iter_mut().find(|refund| refund.is_open_claim());
    let claim = open?;
    claim.status = end;
    if end == RefundStatus::Returned {
        claim.settled = Some(now);
        let movement = Movement {
            gateway: GatewayName::Efi,
            kind: EntryKind::Reversal,
            cents: claim.cents,
            reference: pix.txid.clone().unwrap_or_default(),
            end_to_end_id: claim.rtr_id.clone(),
            original: Some(pix.end_to_end_id.clone()),
            key: None,
            fee_cents: 0,
        };
        state.execute(movement);
    }
    let id = claim.id.clone();
    publish(state, pix, &id)
}

fn publish(state: &mut State, pix: ReceivedPix, id: &str) -> Option<()> {
    let end_to_end_id = pix.end_to_end_id.clone();
    state.put(Record::Received(Box::new(pix)));
    events::efi_refund(state, &end_to_end_id, id);
    Some(())
}

fn contest(state: &mut State, mut payment: Payment, how: DisputeKind) -> Option<()> {
    if payment.status != PaymentStatus::Approved || payment.left() < 1 {
        return None;
    }
    payment.dispute = Some(how);
    let (status, detail) = match how {
        DisputeKind::Mediation => (PaymentStatus::InMediation, "pending"),
        DisputeKind::ChargeBack => (PaymentStatus::ChargedBack, "in_process"),
    };
    change(state, payment, status, detail)
}

fn lose(state: &mut State, mut payment: Payment) -> Option<()> {
    let how = payment.dispute.take()?;
    let now = state.now;
    let taken = PaymentRefund {
        id: refund::next_refund_id(state),
        cents: payment.left(),
        created: now,
        rtr_id: state.ids.return_id(MERCADO_PAGO_ISPB, now),
        key: None,
        status: "approved".to_owned(),
        settle_at: None,
        refused: false,
        by_admin: true,
    };
    if how == DisputeKind::Mediation {
        payment.refunds.push(taken.clone());
    }
    refund::execute(state, &mut payment, &taken, EntryKind::Reversal);
    match how {
        DisputeKind::Mediation => {
            let detail = payment.status_detail.clone();
            change(state, payment, PaymentStatus::Refunded, &detail)
        }
        DisputeKind::ChargeBack => {
            payment.charged_back_cents += taken.cents;
            change(state, payment, PaymentStatus::ChargedBack, "settled")
        }
    }
}

fn win(state: &mut State, mut payment: Payment) -> Option<()> {
    match payment.dispute.take()? {
        DisputeKind::Mediation => {
            let detail = if payment.refunded() > 0 {
                "partially_refunded"
            } else {
                "accredited"
            };
            change(state, payment, PaymentStatus::Approved, detail)
        }
        DisputeKind::ChargeBack => change(state, payment, PaymentStatus::ChargedBack, "reimbursed"),
    }
}

fn change(
    state: &mut State,
    mut payment: Payment,
    status: PaymentStatus,
    detail: &str,
) -> Option<()> {
    (payment.status, payment.status_detail) = (status, detail.to_owned());
    payment.updated = state.now;
    events::payment_updated(state, &payment);
    state.put(Record::Payment(Box::new(payment)));
    Some(())
}
