//! Accepted payouts reaching their end.

use super::{
    Payment,
    arrival::{Receipt, account_holder, receive},
    pay, payable,
};
use crate::{
    config::GatewayName,
    events,
    ids::{EFI_ISPB, MERCADO_PAGO_ISPB},
    ledger::EntryKind,
    state::{
        Movement, Record, State, Task,
        efi::{Refusal, Send, SendStatus},
    },
};

/// An accepted Efí send reaches its end.
pub fn send(state: &mut State, id_envio: &str) {
    let pending = state
        .book
        .sends
        .get(id_envio)
        .filter(|send| send.status == SendStatus::InProcess);
    let Some(mut send) = pending.cloned() else {
        return;
    };
    send.settle_at = None;
    let refusal = send.refusal.clone().or_else(|| refuse_charge(state, &send));
    if refusal.is_some() {
        send.status = SendStatus::NotDone;
        send.refusal = refusal;
    } else {
        send.status = SendStatus::Done;
        send.settled = Some(state.now);
        state.execute(Movement {
            gateway: GatewayName::Efi,
            kind: EntryKind::Sent,
            cents: send.cents,
            reference: send.id_envio.clone(),
            end_to_end_id: send.end_to_end_id.clone(),
            original: None,
            key: None,
            fee_cents: 0,
        });
        pay_its_charge(state, &send);
        // What pays a charge has arrived with it.
        let bare = send.payee["chave"].as_str().filter(|_| send.pays.is_none());
        if let Some(key) = bare {
            let how = Receipt::of_payout(GatewayName::Efi, send.cents, &send.end_to_end_id);
            arrive(state, key, how, send.info.clone());
        }
    }
    events::efi_sent(state, &send);
    plan_homologation_returns(state, &send);
    state.put(Record::Send(Box::new(send)));
}

/// A payout to the account's own key at the other gateway is money received there.
fn arrive(state: &mut State, key: &str, how: Receipt, info: Option<String>) {
    let at = if key == state.collector_key {
        GatewayName::MercadoPago
    } else if state.is_own_key(key) {
        GatewayName::Efi
    } else {
        return;
    };
    receive(state, at, Receipt { info, ..how });
}

/// A QR code may have been paid, removed or expired since the send was accepted (SPI code BE17).
fn refuse_charge(state: &State, send: &Send) -> Option<Refusal> {
    let charge = send.pays.as_ref()?;
    payable(state, charge, &Payment::plain())
        .err()
        .map(|_| Refusal {
            code: "BE17".to_owned(),
            origin: "PSP do usuário recebedor".to_owned(),
            reason: "QR Code rejeitado pelo PSP do usuário recebedor".to_owned(),
        })
}

fn pay_its_charge(state: &mut State, send: &Send) {
    let Some(charge) = &send.pays else { return };
    let mut how = Payment::plain();
    how.cents = Some(send.cents);
    how.end_to_end_id = Some(send.end_to_end_id.clone());
    how.payer = account_holder(EFI_ISPB);
    how.info.clone_from(&send.info);
    // `refuse_charge` has just seen that it is payable, under the same lock.
    let _ = pay(state, charge, how);
}

fn plan_homologation_returns(state: &mut State, send: &Send) {
    if !state.homologation || send.status != SendStatus::Done {
        return;
    }
    let parts: &[i64] = match send.cents {
        400 => &[200, 200],
        500 => &[500],
        _ => &[],
    };
    for &cents in parts {
        state.plan(
            state.now,
            Task::ReturnSend {
                id_envio: send.id_envio.clone(),
                cents,
            },
        );
    }
}

/// An accepted Mercado Pago payout reaches its end.
pub fn intent(state: &mut State, id: &str) {
    let Some(mut intent) = state
        .book
        .intents
        .get(id)
        .filter(|intent| intent.settle_at.is_some())
        .cloned()
    else {
        return;
    };
    intent.settle_at = None;
    intent.updated = state.now;
    (intent.status, intent.status_detail) =
        (intent.outcome.0.clone(), Some(intent.outcome.1.clone()));
    if intent.status == "processed" && !intent.test {
        let end_to_end_id = {
            let now = state.now;
            state.ids.end_to_end(MERCADO_PAGO_ISPB, now)
        };
        intent.end_to_end_id = Some(end_to_end_id.clone());
        state.execute(Movement {
            gateway: GatewayName::MercadoPago,
            kind: EntryKind::Sent,
            cents: intent.cents,
            reference: intent.external_reference.clone(),
            end_to_end_id: end_to_end_id.clone(),
            original: None,
            key: None,
            fee_cents: 0,
        });
        if let Some(key) = intent.destination["chave"]["value"].as_str() {
            let how = Receipt::of_payout(GatewayName::MercadoPago, intent.cents, &end_to_end_id);
            arrive(state, key, how, None);
        }
    }
    events::intent_updated(state, &intent);
    state.put(Record::Intent(Box::new(intent)));
}
