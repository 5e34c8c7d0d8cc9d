//! Refunds of received Pix reaching their end.

use crate::{
    clock::Millis,
    config::GatewayName,
    events,
    ledger::EntryKind,
    state::{
        Movement, Record, State, Task,
        efi::{Refund, RefundStatus},
        mercado_pago::{Payment, PaymentRefund, PaymentStatus},
    },
};

pub(super) fn settle(state: &mut State, end_to_end_id: &str, id: &str) {
    let Some(mut pix) = state.book.received.get(end_to_end_id).cloned() else {
        return;
    };
    let reference = pix.txid.clone().unwrap_or_default();
    let open = |refund: &&mut Refund| refund.id == id && refund.status == RefundStatus::InProcess;
    let Some(refund) = pix.refunds.iter_mut().find(open) else {
        return;
    };
    refund.settle_at = None;
    let movement = Movement {
        gateway: GatewayName::Efi,
        kind: EntryKind::Refund,
        cents: refund.cents,
        reference,
        end_to_end_id: refund.rtr_id.clone(),
        original: Some(end_to_end_id.to_owned()),
        key: Some(id.to_owned()),
        fee_cents: 0,
    };
    if refund.refusal.is_some() {
        refund.status = RefundStatus::NotDone;
    } else {
        refund.status = RefundStatus::Returned;
        refund.settled = Some(state.now);
        state.execute(movement);
    }
    state.put(Record::Received(Box::new(pix)));
    events::efi_refund(state, end_to_end_id, id);
}

/// Settles a devolução at once or plans it.
pub fn refund_or_plan(state: &mut State, end_to_end_id: &str, id: &str, at: Millis) {
    if at <= state.now {
        settle(state, end_to_end_id, id);
    } else {
        state.plan(
            at,
            Task::SettleRefund {
                end_to_end_id: end_to_end_id.to_owned(),
                id: id.to_owned(),
            },
        );
    }
}

pub(super) fn settle_payment(state: &mut State, payment: i64, refund: i64) {
    let Some(mut payment) = state.book.payments.get(&payment).cloned() else {
        return;
    };
    let Some(at) = payment
        .refunds
        .iter()
        .position(|found| found.id == refund && found.settle_at.is_some())
    else {
        return;
    };
    payment.refunds[at].settle_at = None;
    payment.updated = state.now;
    if payment.refunds[at].refused {
        payment.refunds[at].status = "rejected".to_owned();
    } else {
        payment.refunds[at].status = "approved".to_owned();
        let refund = payment.refunds[at].clone();
        execute(state, &mut payment, &refund, EntryKind::Refund);
    }
    events::payment_updated(state, &payment);
    state.put(Record::Payment(Box::new(payment)));
}

/// Settles a refund at once or plans it; the payment must have been put with it.
pub fn payment_refund_or_plan(state: &mut State, payment: i64, refund: i64, at: Millis) {
    if at <= state.now {
        settle_payment(state, payment, refund);
    } else {
        state.plan(at, Task::SettlePaymentRefund { payment, refund });
    }
}

pub(super) fn execute(
    state: &mut State,
    payment: &mut Payment,
    refund: &PaymentRefund,
    kind: EntryKind,
) {
    state.execute(Movement {
        gateway: GatewayName::MercadoPago,
        kind,
        cents: refund.cents,
        reference: payment.reference(),
        end_to_end_id: refund.rtr_id.clone(),
        original: payment.end_to_end_id.clone(),
        key: refund.key.clone(),
        fee_cents: 0,
    });
    let settled: i64 = payment
        .refunds
        .iter()
        .filter(|found| found.status == "approved")
        .map(|found| found.cents)
        .sum();
    if settled >= payment.cents {
        payment.status = PaymentStatus::Refunded;
        payment.status_detail = if refund.by_admin {
            "by_admin"
        } else {
            "refunded"
        }
        .to_owned();
    } else {
        payment.status_detail = "partially_refunded".to_owned();
    }
}

/// Refund ids are unique over all payments.
pub fn next_refund_id(state: &State) -> i64 {
    let last = state
        .book
        .payments
        .values()
        .flat_map(|payment| &payment.refunds)
        .map(|refund| refund.id)
        .max();
    last.unwrap_or(1_900_000_000) + 1
}
