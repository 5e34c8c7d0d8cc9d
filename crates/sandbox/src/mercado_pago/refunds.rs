//! Refunds of an approved payment: `/v1/payments/{id}/refunds`.
//!
//! A repeat under the same key is 200 with an empty body and refunds nothing. A refund that is
//! still in process is told only to callers that send `X-Render-In-Process-Refunds: true`; the
//! others get a 400 for the same situation.

use serde_json::{Value, json};

use super::{error, idempotency_key, store, stored, views};
use crate::{
    config::GatewayName,
    http::{Outcome, Reply, Request},
    ids::MERCADO_PAGO_ISPB,
    money,
    pipeline::{Effect, body_hash},
    settle,
    state::{
        Record, State,
        mercado_pago::{Payment, PaymentRefund, PaymentStatus, StoredAnswer},
    },
};

const WINDOW_DAYS: i64 = 180;

fn find(state: &State, id: i64) -> Result<Payment, Reply> {
    state
        .book
        .payments
        .get(&id)
        .cloned()
        .ok_or_else(error::not_found)
}

pub fn create(state: &mut State, request: &Request, id: i64, effect: Effect) -> Outcome {
    let key = idempotency_key(request)
        .ok_or_else(error::missing_key)?
        .to_owned();
    let scope = format!("refunds:{id}");
    if stored(state, &scope, &key).is_some() {
        return Ok(Reply::empty(200));
    }
    let mut payment = find(state, id)?;
    let cents = amount(state, request, &payment)?;
    let now = state.now;
    let settle_at = effect.settle_at(state);
    let refund = PaymentRefund {
        id: settle::next_refund_id(state),
        cents,
        created: now,
        rtr_id: state.ids.return_id(MERCADO_PAGO_ISPB, now),
        key: Some(key.clone()),
        status: "in_process".to_owned(),
        settle_at: Some(settle_at),
        refused: effect.refused_later(),
        by_admin: false,
    };
    let refund_id = refund.id;
    payment.refunds.push(refund);
    state.put(Record::Payment(Box::new(payment)));
    // A refusal that comes later was in process first.
    let at = if effect.refused_later() {
        settle_at.max(now + 1)
    } else {
        settle_at
    };
    settle::payment_refund_or_plan(state, id, refund_id, at);
    let payment = find(state, id)?;
    let made = payment
        .refunds
        .iter()
        .find(|refund| refund.id == refund_id)
        .ok_or_else(error::internal)?;
    let body = views::refund(&payment, made);
    let in_process = made.status == "in_process";
    let answer = StoredAnswer {
        scope,
        key,
        body_hash: body_hash(&request.body),
        status: 201,
        body: body.clone(),
    };
    store(state, answer);
    if in_process && request.header("x-render-in-process-refunds") != Some("true") {
        return Ok(error::cause(400, 2084, "The refund is in process").executed());
    }
    Ok(Reply::json(201, &body).executed())
}

/// The amount asked for, or everything that is left.
fn amount(state: &State, request: &Request, payment: &Payment) -> Result<i64, Reply> {
    let body: Value = if request.body.is_empty() {
        json!({})
    } else {
        request
            .object()
            .ok_or_else(|| error::plain(400, "Malformed JSON body"))?
    };
    let refundable = matches!(payment.status, PaymentStatus::Approved);
    if !refundable || state.now - payment.approved.unwrap_or(state.now) > WINDOW_DAYS * 86_400_000 {
        return Err(error::cause(
            400,
            2063,
            "The action requested is not valid for the current payment state",
        ));
    }
    let left = payment.cents - payment.refunded();
    let cents = match body.get("amount").filter(|value| !value.is_null()) {
        None => left,
        Some(value) => {
            money::parse_number(value).ok_or_else(|| error::plain(400, "Invalid amount"))?
        }
    };
    if cents < 1 || cents > left || cents > state.available(GatewayName::MercadoPago) {
        return Err(error::cause(
            400,
            2017,
            "The amount is greater than the balance",
        ));
    }
    Ok(cents)
}

pub fn list(state: &State, id: i64, effect: Effect) -> Outcome {
    let payment = find(state, id)?;
    let shown: Vec<Value> = payment
        .refunds
        .iter()
        .filter(|refund| !effect.hides(state.now, refund.created))
        .map(|refund| views::refund(&payment, refund))
        .collect();
    Ok(Reply::json(200, &shown.into()))
}

pub fn read(state: &State, id: i64, refund: i64, effect: Effect) -> Outcome {
    let payment = find(state, id)?;
    let found = payment
        .refunds
        .iter()
        .find(|found| found.id == refund && !effect.hides(state.now, found.created));
    let found = found.ok_or_else(|| error::cause(404, 2024, "Refund not found"))?;
    Ok(Reply::json(200, &views::refund(&payment, found)))
}
