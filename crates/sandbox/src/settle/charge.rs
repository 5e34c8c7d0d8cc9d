//! Charges being paid, and running out.

use crate::{
    config::GatewayName,
    events,
    ledger::EntryKind,
    money,
    state::{
        Movement, Record, State,
        efi::{ChargeReference, CobStatus, Payer, ReceivedPix},
        mercado_pago::PaymentStatus,
    },
};

/// The person who pays when nobody is named.
fn usual_payer() -> Payer {
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
                // A payer who was faster than the removal.
                CobStatus::RemovedByReceiver | CobStatus::RemovedByPsp if how.allow_expired => {
                    Ok(how.cents.unwrap_or(cob.cents))
                }
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
                PaymentStatus::Cancelled if how.allow_expired => {
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

pub(super) fn pay_by_itself(state: &mut State, txid: &str) {
    // A charge that was removed meanwhile simply stays unpaid.
    let _ = pay(
        state,
        &ChargeReference::Cob(txid.to_owned()),
        Payment::plain(),
    );
}

pub(super) fn expire_payment(state: &mut State, id: i64) {
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
