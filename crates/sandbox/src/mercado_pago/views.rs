//! Records of the fake Mercado Pago as the JSON of its answers.

use serde_json::{Value, json};

use super::COLLECTOR;
use crate::{
    clock::minus_four,
    money, qr,
    state::mercado_pago::{Intent, Payment, PaymentRefund},
};

pub fn refund(payment: &Payment, of: &PaymentRefund) -> Value {
    let source = if of.by_admin {
        json!({"id": "1", "name": "Mercado Pago", "type": "admin"})
    } else {
        json!({"id": COLLECTOR.to_string(), "name": "Loja Sandbox", "type": "collector"})
    };
    json!({
        "id": of.id,
        "payment_id": payment.id,
        "amount": money::number(of.cents),
        "metadata": {},
        "source": source,
        "date_created": minus_four(of.created),
        "unique_sequence_number": null,
        "refund_mode": "standard",
        "adjustment_amount": 0,
        "status": of.status,
        "reason": null,
        "labels": [],
        "amount_refunded_to_payer": money::number(of.cents),
        "additional_data": null,
        "partition_details": [],
    })
}

pub fn payment(of: &Payment) -> Value {
    let refunded: i64 = of
        .refunds
        .iter()
        .filter(|refund| refund.status == "approved")
        .map(|refund| refund.cents)
        .sum();
    let paid = of.approved.is_some();
    let fees = if paid && of.fee_cents > 0 {
        json!([{"type": "mercadopago_fee", "amount": money::number(of.fee_cents), "fee_payer": "collector"}])
    } else {
        json!([])
    };
    let net = if paid { of.cents - of.fee_cents } else { 0 };
    json!({
        "id": of.id,
        "status": of.status,
        "status_detail": of.status_detail,
        "date_created": minus_four(of.created),
        "date_approved": of.approved.map(minus_four),
        "date_last_updated": minus_four(of.updated),
        "date_of_expiration": minus_four(of.expires),
        "money_release_date": of.approved.map(minus_four),
        "operation_type": "regular_payment",
        "payment_method_id": "pix",
        "payment_type_id": "bank_transfer",
        "payment_method": {"id": "pix", "type": "bank_transfer", "issuer_id": "12501"},
        "currency_id": "BRL",
        "description": of.description,
        "transaction_amount": money::number(of.cents),
        "transaction_amount_refunded": money::number(refunded),
        "external_reference": of.external_reference,
        "notification_url": of.notification_url,
        "collector_id": COLLECTOR,
        "live_mode": true,
        "captured": true,
        "installments": 1,
        "metadata": of.metadata,
        "payer": of.payer,
        "transaction_details": {
            "net_received_amount": money::number(net),
            "total_paid_amount": money::number(of.cents),
            "overpaid_amount": 0,
            "external_resource_url": null,
            "installment_amount": 0,
            "financial_institution": null,
            "payment_method_reference_id": null,
            "bank_transfer_id": null,
            "transaction_id": of.end_to_end_id,
        },
        "fee_details": fees,
        "refunds": of.refunds.iter().map(|item| refund(of, item)).collect::<Vec<_>>(),
        "point_of_interaction": interaction(of),
    })
}

fn interaction(of: &Payment) -> Value {
    let payer = of.paid_by.as_ref();
    // Money to the bare key came by no code.
    let code = Some(&of.br_code).filter(|code| !code.is_empty());
    json!({
        "type": "PIX",
        "sub_type": null,
        "application_data": {"name": null, "version": null},
        "location": {},
        "transaction_data": {
            "qr_code": code,
            "qr_code_base64": code.and_then(|code| qr::png_base64(code)),
            "ticket_url": format!("https://www.mercadopago.com.br/payments/{}/ticket", of.id),
            "bank_transfer_id": null,
            "transaction_id": of.end_to_end_id,
            "e2e_id": of.end_to_end_id,
            "financial_institution": null,
            "bank_info": {"payer": {"long_name": payer.map(|payer| payer.name.clone())}},
        },
    })
}

pub fn intent(of: &Intent) -> Value {
    let amount = money::number(of.cents);
    let paid = if of.end_to_end_id.is_some() || of.status == "processed" {
        of.cents
    } else {
        0
    };
    let mut destination = of.destination.clone();
    destination["amount"] = amount.clone();
    destination["status_detail"] = json!(of.status_detail);
    json!({
        "id": of.id,
        "status": of.status,
        "status_detail": of.status_detail,
        "external_reference": of.external_reference,
        "created_date": minus_four(of.created),
        "last_updated_date": minus_four(of.updated),
        "point_of_interaction": {"type": "PSP_TRANSFER"},
        "transaction": {
            "from": {"accounts": [{"amount": amount}]},
            "to": {"accounts": [destination]},
            "paid_amount": money::number(paid),
            "refunded_amount": money::number(of.returned()),
            "total_amount": amount,
            "payer": {"id": COLLECTOR},
        },
    })
}
