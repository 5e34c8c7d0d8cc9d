//! A Pix to the account's bare key: it pays no charge.
//!
//! At Efí it is a received Pix without a txid. At Mercado Pago everything received is a payment: one
//! that is approved from the start and has no reference of ours.

use serde_json::json;

use crate::{
    ACCOUNT_HOLDER,
    config::GatewayName,
    events,
    ids::{EFI_ISPB, MERCADO_PAGO_ISPB},
    ledger::EntryKind,
    mercado_pago, money,
    state::{
        Movement, Record, State,
        efi::{Payer, ReceivedPix},
        mercado_pago::{Payment, PaymentStatus},
    },
};

/// What is received.
#[derive(Debug, Clone)]
pub struct Receipt {
    pub cents: i64,
    pub payer: Payer,
    /// `None` draws one with the payer's ISPB.
    pub end_to_end_id: Option<String>,
    pub info: Option<String>,
}

impl Receipt {
    /// What the account's payout at a gateway brings.
    pub fn of_payout(from: GatewayName, cents: i64, end_to_end_id: &str) -> Self {
        let ispb = match from {
            GatewayName::Efi => EFI_ISPB,
            GatewayName::MercadoPago => MERCADO_PAGO_ISPB,
        };
        Self {
            cents,
            payer: account_holder(ispb),
            end_to_end_id: Some(end_to_end_id.to_owned()),
            info: None,
        }
    }
}

/// Whoever holds both accounts, paying from one of them.
pub fn account_holder(ispb: &str) -> Payer {
    Payer {
        name: "Titular da Conta".to_owned(),
        tax_id: ACCOUNT_HOLDER.to_owned(),
        ispb: ispb.to_owned(),
    }
}

/// The Pix reaches the account's key; gives its endToEndId.
pub fn receive(state: &mut State, at: GatewayName, receipt: Receipt) -> String {
    let end_to_end_id = receipt.end_to_end_id.clone().unwrap_or_else(|| {
        let now = state.now;
        state.ids.end_to_end(&receipt.payer.ispb, now)
    });
    match at {
        GatewayName::Efi => at_efi(state, receipt, &end_to_end_id),
        GatewayName::MercadoPago => at_mercado_pago(state, receipt, &end_to_end_id),
    }
    end_to_end_id
}

fn at_efi(state: &mut State, receipt: Receipt, end_to_end_id: &str) {
    let fee_cents = money::fee(receipt.cents, state.options.efi_fee_basis_points);
    let key = state.own_key.clone();
    state.put(Record::Received(Box::new(ReceivedPix {
        end_to_end_id: end_to_end_id.to_owned(),
        txid: None,
        cents: receipt.cents,
        key: key.clone(),
        at: state.now,
        info: receipt.info,
        payer: receipt.payer,
        fee_cents,
        refunds: Vec::new(),
    })));
    execute(
        state,
        GatewayName::Efi,
        (receipt.cents, fee_cents),
        (key, end_to_end_id),
    );
    events::efi_received(state, end_to_end_id);
}

fn at_mercado_pago(state: &mut State, receipt: Receipt, end_to_end_id: &str) {
    let fee_cents = money::fee(receipt.cents, state.options.mercado_pago_fee_basis_points);
    let kind = match receipt.payer.tax_id.len() {
        11 => "CPF",
        _ => "CNPJ",
    };
    let payer = json!({
        "id": "1318000098", "email": null, "type": "customer",
        "first_name": null, "last_name": null,
        "identification": {"type": kind, "number": receipt.payer.tax_id},
    });
    let payment = Payment {
        id: mercado_pago::next_payment_id(state),
        status: PaymentStatus::Approved,
        status_detail: "accredited".to_owned(),
        created: state.now,
        updated: state.now,
        approved: Some(state.now),
        expires: state.now,
        cents: receipt.cents,
        description: None,
        external_reference: None,
        notification_url: None,
        payer,
        metadata: json!({}),
        br_code: String::new(),
        end_to_end_id: Some(end_to_end_id.to_owned()),
        paid_by: Some(receipt.payer),
        fee_cents,
        refunds: Vec::new(),
        charged_back_cents: 0,
        dispute: None,
    };
    let key = state.collector_key.clone();
    let money = (receipt.cents, fee_cents);
    execute(state, GatewayName::MercadoPago, money, (key, end_to_end_id));
    events::payment_created(state, &payment);
    state.put(Record::Payment(Box::new(payment)));
}

fn execute(
    state: &mut State,
    gateway: GatewayName,
    (cents, fee_cents): (i64, i64),
    (key, end_to_end_id): (String, &str),
) {
    state.execute(Movement {
        gateway,
        kind: EntryKind::Received,
        cents,
        // No charge is paid: what the payer named is the key.
        reference: key,
        end_to_end_id: end_to_end_id.to_owned(),
        original: None,
        key: None,
        fee_cents,
    });
}
