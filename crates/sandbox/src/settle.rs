//! Money moving at the fake central bank, and the events that follow.
//!
//! Charges are paid, payouts and refunds settle or are refused, settled payouts come back,
//! received money is taken back. Each ends in at most one ledger entry, through
//! [`State::execute`], together with the new state of the record and its webhook.

use crate::{
    config::GatewayName,
    events,
    ids::{EFI_ISPB, MERCADO_PAGO_ISPB},
    ledger::EntryKind,
    money,
    state::{
        Movement, Record, State, Task,
        efi::{
            ChargeReference, CobStatus, Payer, ReceivedPix, Refund, RefundStatus, Refusal, Return,
            Send, SendStatus,
        },
        mercado_pago::{Intent, PaymentRefund, PaymentStatus},
    },
};

/// Runs one task that has come due; a task whose record has moved on does nothing.
pub fn run(state: &mut State, task: Task) {
    match task {
        Task::SettleSend(id) => send(state, &id),
        Task::SettleRefund { end_to_end_id, id } => refund(state, &end_to_end_id, &id),
        Task::SettleIntent(id) => intent(state, &id),
        Task::SettlePaymentRefund { payment, refund } => payment_refund(state, payment, refund),
        Task::ExpirePayment(id) => expire_payment(state, id),
        Task::PayCob(txid) => pay_by_itself(state, &txid),
        Task::ReturnSend { id_envio, cents } => drop(return_send(state, &id_envio, cents)),
        Task::Deliver(_) => {}
    }
}

/// The person who pays when nobody is named.
pub fn usual_payer() -> Payer {
    Payer {
        name: "Ana Souza".to_owned(),
        tax_id: "12345678909".to_owned(),
        ispb: crate::ids::PAYER_ISPB.to_owned(),
    }
}

/// Why a charge cannot be paid, in the words of the control answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotPayable {
    NotFound,
    AlreadyPaid,
    Removed,
    Expired,
}

/// How a charge is paid.
#[derive(Debug, Clone)]
pub struct Payment {
    /// `None` pays exactly what is asked.
    pub cents: Option<i64>,
    pub payer: Payer,
    /// `None` draws one with the payer's ISPB.
    pub end_to_end_id: Option<String>,
    pub info: Option<String>,
    pub allow_expired: bool,
    /// Pays a charge that has been paid before.
    pub again: bool,
}

impl Payment {
    pub fn plain() -> Self {
        Self {
            cents: None,
            payer: usual_payer(),
            end_to_end_id: None,
            info: None,
            allow_expired: false,
            again: false,
        }
    }
}

/// Finds a charge by txid, or by payment id.
pub fn find_charge(state: &State, id: &str) -> Option<ChargeReference> {
    if state.book.cobs.contains_key(id) {
        return Some(ChargeReference::Cob(id.to_owned()));
    }
    let id: i64 = id.parse().ok()?;
    state
        .book
        .payments
        .contains_key(&id)
        .then_some(ChargeReference::Payment(id))
}

/// Whether a charge can be paid now, and the amount it asks for.
pub fn payable(state: &State, charge: &ChargeReference, how: &Payment) -> Result<i64, NotPayable> {
    match charge {
        ChargeReference::Cob(txid) => {
            let cob = state.book.cobs.get(txid).ok_or(NotPayable::NotFound)?;
            match cob.status {
                CobStatus::Concluded if !how.again => Err(NotPayable::AlreadyPaid),
                CobStatus::RemovedByReceiver | CobStatus::RemovedByPsp => Err(NotPayable::Removed),
                CobStatus::Active | CobStatus::Concluded
                    if cob.is_expired(state.now) && !how.allow_expired =>
                {
                    Err(NotPayable::Expired)
                }
                CobStatus::Active | CobStatus::Concluded => Ok(how.cents.unwrap_or(cob.cents)),
            }
        }
        ChargeReference::Payment(id) => {
            let payment = state.book.payments.get(id).ok_or(NotPayable::NotFound)?;
            let expired =
                payment.status == PaymentStatus::Cancelled && payment.status_detail == "expired";
            match payment.status {
                PaymentStatus::Pending => Ok(how.cents.unwrap_or(payment.cents)),
                PaymentStatus::Cancelled if expired && how.allow_expired => {
                    Ok(how.cents.unwrap_or(payment.cents))
                }
                PaymentStatus::Cancelled if expired => Err(NotPayable::Expired),
                PaymentStatus::Cancelled | PaymentStatus::Rejected => Err(NotPayable::Removed),
                PaymentStatus::Approved
                | PaymentStatus::InMediation
                | PaymentStatus::Refunded
                | PaymentStatus::ChargedBack => Err(NotPayable::AlreadyPaid),
            }
        }
    }
}

/// A Pix pays a charge; gives its endToEndId and amount.
pub fn pay(
    state: &mut State,
    charge: &ChargeReference,
    how: Payment,
) -> Result<(String, i64), NotPayable> {
    let cents = payable(state, charge, &how)?;
    let end_to_end_id = match how.end_to_end_id {
        Some(known) => known,
        None => {
            let now = state.now;
            state.ids.end_to_end(&how.payer.ispb, now)
        }
    };
    match charge {
        ChargeReference::Cob(txid) => {
            receive_cob(state, txid, cents, &end_to_end_id, how.payer, how.info)
        }
        ChargeReference::Payment(id) => {
            receive_payment(state, *id, cents, &end_to_end_id, how.payer)
        }
    }
    Ok((end_to_end_id, cents))
}

fn receive_cob(
    state: &mut State,
    txid: &str,
    cents: i64,
    end_to_end_id: &str,
    payer: Payer,
    info: Option<String>,
) {
    let Some(mut cob) = state.book.cobs.get(txid).cloned() else {
        return;
    };
    let fee_cents = money::fee(cents, state.options.efi_fee_basis_points);
    let pix = ReceivedPix {
        end_to_end_id: end_to_end_id.to_owned(),
        txid: Some(txid.to_owned()),
        cents,
        key: cob.key.clone(),
        at: state.now,
        info,
        payer,
        fee_cents,
        refunds: Vec::new(),
    };
    cob.status = CobStatus::Concluded;
    cob.pix.push(end_to_end_id.to_owned());
    state.put(Record::Cob(Box::new(cob)));
    state.put(Record::Received(Box::new(pix)));
    state.execute(Movement {
        gateway: GatewayName::Efi,
        kind: EntryKind::Received,
        cents,
        reference: txid.to_owned(),
        end_to_end_id: end_to_end_id.to_owned(),
        original: None,
        key: None,
        fee_cents,
    });
    events::efi_received(state, end_to_end_id);
}

fn receive_payment(state: &mut State, id: i64, cents: i64, end_to_end_id: &str, payer: Payer) {
    let Some(mut payment) = state.book.payments.get(&id).cloned() else {
        return;
    };
    payment.status = PaymentStatus::Approved;
    payment.status_detail = "accredited".to_owned();
    payment.approved = Some(state.now);
    payment.updated = state.now;
    payment.end_to_end_id = Some(end_to_end_id.to_owned());
    payment.paid_by = Some(payer);
    payment.cents = cents;
    payment.fee_cents = money::fee(cents, state.options.mercado_pago_fee_basis_points);
    state.execute(Movement {
        gateway: GatewayName::MercadoPago,
        kind: EntryKind::Received,
        cents,
        reference: payment.reference(),
        end_to_end_id: end_to_end_id.to_owned(),
        original: None,
        key: None,
        fee_cents: payment.fee_cents,
    });
    events::payment_updated(state, &payment);
    state.put(Record::Payment(Box::new(payment)));
}

fn pay_by_itself(state: &mut State, txid: &str) {
    // A charge that was removed meanwhile simply stays unpaid.
    let _ = pay(
        state,
        &ChargeReference::Cob(txid.to_owned()),
        Payment::plain(),
    );
}

fn expire_payment(state: &mut State, id: i64) {
    let Some(mut payment) = state
        .book
        .payments
        .get(&id)
        .filter(|payment| payment.is_open())
        .cloned()
    else {
        return;
    };
    payment.status = PaymentStatus::Cancelled;
    payment.status_detail = "expired".to_owned();
    payment.updated = state.now;
    events::payment_updated(state, &payment);
    state.put(Record::Payment(Box::new(payment)));
}

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
    }
    events::efi_sent(state, &send);
    plan_homologation_returns(state, &send);
    state.put(Record::Send(Box::new(send)));
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
    how.payer = Payer {
        name: "Titular da Conta".to_owned(),
        tax_id: "11222333000181".to_owned(),
        ispb: EFI_ISPB.to_owned(),
    };
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

fn refund(state: &mut State, end_to_end_id: &str, id: &str) {
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
pub fn refund_or_plan(state: &mut State, end_to_end_id: &str, id: &str, at: crate::clock::Millis) {
    if at <= state.now {
        refund(state, end_to_end_id, id);
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
            end_to_end_id,
            original: None,
            key: None,
            fee_cents: 0,
        });
    }
    events::intent_updated(state, &intent);
    state.put(Record::Intent(Box::new(intent)));
}

fn payment_refund(state: &mut State, payment: i64, refund: i64) {
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
        execute_payment_refund(state, &mut payment, &refund, EntryKind::Refund);
    }
    events::payment_updated(state, &payment);
    state.put(Record::Payment(Box::new(payment)));
}

/// Settles a refund at once or plans it; the payment must have been put with it.
pub fn payment_refund_or_plan(
    state: &mut State,
    payment: i64,
    refund: i64,
    at: crate::clock::Millis,
) {
    if at <= state.now {
        payment_refund(state, payment, refund);
    } else {
        state.plan(at, Task::SettlePaymentRefund { payment, refund });
    }
}

fn execute_payment_refund(
    state: &mut State,
    payment: &mut crate::state::mercado_pago::Payment,
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
    let now = state.now;
    let rtr_id = state.ids.return_id(crate::ids::PAYER_ISPB, now);
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
    let now = state.now;
    let rtr_id = state.ids.return_id(crate::ids::PAYER_ISPB, now);
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
    let left = payment.cents - payment.refunded() - payment.charged_back_cents;
    let cents = cents.unwrap_or(left);
    if payment.approved.is_none() || cents < 1 || cents > left {
        return None;
    }
    let now = state.now;
    let rtr_id = state.ids.return_id(MERCADO_PAGO_ISPB, now);
    payment.updated = now;
    let refund = PaymentRefund {
        id: next_refund_id(state),
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
        payment.refunds.push(refund.clone());
    }
    execute_payment_refund(state, &mut payment, &refund, EntryKind::Reversal);
    if how == Reversal::ChargeBack {
        payment.charged_back_cents += cents;
        (payment.status, payment.status_detail) =
            (PaymentStatus::ChargedBack, "settled".to_owned());
    }
    events::payment_updated(state, &payment);
    state.put(Record::Payment(Box::new(payment)));
    Some(rtr_id)
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
