//! Money going back without being asked for: returned payouts, reversed pay-ins.

use super::refund;
use crate::{
    config::GatewayName,
    events,
    ids::{EFI_ISPB, MERCADO_PAGO_ISPB, PAYER_ISPB},
    ledger::EntryKind,
    state::{
        Movement, Record, State,
        efi::{ChargeReference, Refund, RefundStatus, Return, SendStatus},
        mercado_pago::{Intent, PaymentRefund, PaymentStatus},
    },
};

/// A settled Efí send comes back, in whole or in part; gives the rtrId.
pub fn return_send(state: &mut State, id_envio: &str, cents: i64) -> Option<String> {
    let mut send = state
        .book
        .sends
        .get(id_envio)
        .filter(|send| send.status == SendStatus::Done)?
        .clone();
    let back: i64 = send.returns.iter().map(|back| back.cents).sum();
    if cents < 1 || back + cents > send.cents {
        return None;
    }
    take_from_ours(state, &send.end_to_end_id, cents)?;
    let now = state.now;
    let rtr_id = state.ids.return_id(PAYER_ISPB, now);
    send.returns.push(Return {
        rtr_id: rtr_id.clone(),
        cents,
        at: now,
    });
    execute_return(
        state,
        GatewayName::Efi,
        (&send.id_envio, Some(send.end_to_end_id.clone())),
        &rtr_id,
        cents,
    );
    events::efi_sent_returned(state, &send);
    state.put(Record::Send(Box::new(send)));
    Some(rtr_id)
}

/// The same for a Mercado Pago payout.
pub fn return_intent(state: &mut State, id: &str, cents: i64) -> Option<String> {
    let mut intent: Intent = state
        .book
        .intents
        .get(id)
        .filter(|intent| intent.end_to_end_id.is_some())?
        .clone();
    if cents < 1 || intent.returned() + cents > intent.cents {
        return None;
    }
    let end_to_end_id = intent.end_to_end_id.clone()?;
    take_from_ours(state, &end_to_end_id, cents)?;
    let now = state.now;
    let rtr_id = state.ids.return_id(PAYER_ISPB, now);
    intent.returns.push(Return {
        rtr_id: rtr_id.clone(),
        cents,
        at: now,
    });
    intent.updated = now;
    if intent.returned() == intent.cents {
        (intent.status, intent.status_detail) =
            ("refunded".to_owned(), Some("refunded".to_owned()));
    }
    let original = intent.end_to_end_id.clone();
    execute_return(
        state,
        GatewayName::MercadoPago,
        (&intent.external_reference, original),
        &rtr_id,
        cents,
    );
    events::intent_updated(state, &intent);
    state.put(Record::Intent(Box::new(intent)));
    Some(rtr_id)
}

/// Where the payee is the account itself, at the other gateway, the money leaves it there. `None`:
/// it holds no more of that Pix.
fn take_from_ours(state: &mut State, end_to_end_id: &str, cents: i64) -> Option<()> {
    if state.book.received.contains_key(end_to_end_id) {
        return reverse_pix(state, end_to_end_id, Some(cents)).map(drop);
    }
    let mut payments = state.book.payments.values();
    let paid = payments.find(|payment| payment.end_to_end_id.as_deref() == Some(end_to_end_id));
    let Some(id) = paid.map(|payment| payment.id) else {
        return Some(());
    };
    reverse_payment(state, id, Some(cents), Reversal::Refund).map(drop)
}

fn execute_return(
    state: &mut State,
    gateway: GatewayName,
    of: (&str, Option<String>),
    rtr_id: &str,
    cents: i64,
) {
    state.execute(Movement {
        gateway,
        kind: EntryKind::Return,
        cents,
        reference: of.0.to_owned(),
        end_to_end_id: rtr_id.to_owned(),
        original: of.1,
        key: None,
        fee_cents: 0,
    });
}

/// How the gateway takes received money back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reversal {
    /// Refunded in the panel, or returned by the special return mechanism.
    #[default]
    Refund,
    /// Lost in a dispute (Mercado Pago `charged_back`).
    ChargeBack,
}

/// The gateway takes a received Pix back on its own; gives the rtrId.
pub fn reverse(
    state: &mut State,
    charge: &ChargeReference,
    cents: Option<i64>,
    how: Reversal,
) -> Option<String> {
    match charge {
        ChargeReference::Cob(txid) => {
            let end_to_end_id = state.book.cobs.get(txid)?.pix.last()?.clone();
            reverse_pix(state, &end_to_end_id, cents)
        }
        ChargeReference::Payment(id) => reverse_payment(state, *id, cents, how),
    }
}

fn reverse_pix(state: &mut State, end_to_end_id: &str, cents: Option<i64>) -> Option<String> {
    let mut pix = state.book.received.get(end_to_end_id)?.clone();
    let left = pix.cents - pix.refunded();
    let cents = cents.unwrap_or(left);
    if cents < 1 || cents > left {
        return None;
    }
    let now = state.now;
    let rtr_id = state.ids.return_id(EFI_ISPB, now);
    let id = format!("med{}", state.ids.alphanumeric(20));
    pix.refunds.push(Refund {
        id: id.clone(),
        rtr_id: rtr_id.clone(),
        cents,
        requested: now,
        settled: Some(now),
        settle_at: None,
        refusal: None,
        status: RefundStatus::Returned,
        nature: None,
    });
    state.execute(Movement {
        gateway: GatewayName::Efi,
        kind: EntryKind::Reversal,
        cents,
        reference: pix.txid.clone().unwrap_or_default(),
        end_to_end_id: rtr_id.clone(),
        original: Some(end_to_end_id.to_owned()),
        key: None,
        fee_cents: 0,
    });
    state.put(Record::Received(Box::new(pix)));
    events::efi_refund(state, end_to_end_id, &id);
    Some(rtr_id)
}

fn reverse_payment(
    state: &mut State,
    id: i64,
    cents: Option<i64>,
    how: Reversal,
) -> Option<String> {
    let mut payment = state.book.payments.get(&id)?.clone();
    let left = payment.left();
    let cents = cents.unwrap_or(left);
    if payment.approved.is_none() || payment.dispute.is_some() || cents < 1 || cents > left {
        return None;
    }
    // A payment has one state: it is charged back as a whole.
    if how == Reversal::ChargeBack && cents != left {
        return None;
    }
    let now = state.now;
    let rtr_id = state.ids.return_id(MERCADO_PAGO_ISPB, now);
    payment.updated = now;
    let taken = PaymentRefund {
        id: refund::next_refund_id(state),
        cents,
        created: now,
        rtr_id: rtr_id.clone(),
        key: None,
        status: "approved".to_owned(),
        settle_at: None,
        refused: false,
        by_admin: true,
    };
    if how == Reversal::Refund {
        payment.refunds.push(taken.clone());
    }
    refund::execute(state, &mut payment, &taken, EntryKind::Reversal);
    if how == Reversal::ChargeBack {
        payment.charged_back_cents += cents;
        (payment.status, payment.status_detail) =
            (PaymentStatus::ChargedBack, "settled".to_owned());
    }
    events::payment_updated(state, &payment);
    state.put(Record::Payment(Box::new(payment)));
    Some(rtr_id)
}
