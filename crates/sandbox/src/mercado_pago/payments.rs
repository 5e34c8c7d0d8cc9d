//! Pix charges: `/v1/payments` (Mercado Pago, Payments API).
//!
//! The idempotency key is mandatory; a repeat is answered with the stored first answer.

use serde_json::{Value, json};

use super::{TXID_PREFIX, error, idempotency_key, store, stored, text, views};
use crate::{
    br_code, clock, events,
    http::{Outcome, Reply, Request},
    ids::is_alphanumeric,
    money,
    pipeline::{Effect, body_hash},
    state::{
        Record, State, Task,
        mercado_pago::{Payment, PaymentStatus, StoredAnswer},
    },
};

const SCOPE: &str = "payments";
const MINUTE: i64 = 60_000;
/// Ids are larger than 32 bits, as the real ones are.
const FIRST_ID: i64 = 118_000_000_001;

pub fn create(state: &mut State, request: &Request, effect: Effect) -> Outcome {
    let key = idempotency_key(request).ok_or_else(error::missing_key)?;
    if let Some(known) = stored(state, SCOPE, key) {
        if state.options.conflict_on_other_body && known.body_hash != body_hash(&request.body) {
            return Err(error::plain(
                409,
                "Idempotency key already used with another body",
            ));
        }
        return Ok(Reply::json(known.status, &known.body));
    }
    let body = request
        .object()
        .ok_or_else(|| error::plain(400, "Malformed JSON body"))?;
    let payment = read_body(state, &body)?;
    let payment = Payment {
        status: if effect.refused_later() {
            PaymentStatus::Rejected
        } else {
            PaymentStatus::Pending
        },
        status_detail: if effect.refused_later() {
            "rejected_by_bank"
        } else {
            "pending_waiting_transfer"
        }
        .to_owned(),
        ..payment
    };
    let mut answer = views::payment(&payment);
    (answer["status"], answer["status_detail"]) =
        (json!("pending"), json!("pending_waiting_transfer"));
    store(
        state,
        StoredAnswer {
            scope: SCOPE.to_owned(),
            key: key.to_owned(),
            body_hash: body_hash(&request.body),
            status: 201,
            body: answer.clone(),
        },
    );
    state.plan(payment.expires, Task::ExpirePayment(payment.id));
    if effect.refused_later() {
        events::payment_updated(state, &payment);
    } else {
        events::payment_created(state, &payment);
    }
    state.put(Record::Payment(Box::new(payment)));
    Ok(Reply::json(201, &answer).executed())
}

fn read_body(state: &State, body: &Value) -> Result<Payment, Reply> {
    let cents =
        money::parse_number(&body["transaction_amount"]).filter(|&cents| money::payable(cents));
    let cents = cents.ok_or_else(|| error::plain(400, "Invalid transaction_amount"))?;
    if body["payment_method_id"] != "pix" {
        return Err(error::plain(400, "The payment_method_id is not valid"));
    }
    if !body["payer"]["email"]
        .as_str()
        .is_some_and(|email| email.contains('@'))
    {
        return Err(error::plain(400, "payer.email must be a valid email"));
    }
    check_identification(&body["payer"])?;
    let reference = text(body, "external_reference");
    if reference
        .as_ref()
        .is_some_and(|reference| reference.chars().count() > 256)
    {
        return Err(error::plain(400, "external_reference is too long"));
    }
    let expires = expiry(state, body)?;
    if state.options.collector_without_key {
        return Err(error::cause(
            400,
            13253,
            "Collector user without key enabled for QR render",
        ));
    }
    let id = next_id(state);
    let payer = json!({
        "id": "1318000099", "email": null, "type": "customer",
        "first_name": null, "last_name": null,
        "identification": body["payer"]["identification"],
    });
    Ok(Payment {
        id,
        status: PaymentStatus::Pending,
        status_detail: String::new(),
        created: state.now,
        updated: state.now,
        approved: None,
        expires,
        cents,
        description: text(body, "description"),
        external_reference: reference,
        notification_url: text(body, "notification_url"),
        payer,
        metadata: body.get("metadata").cloned().unwrap_or_else(|| json!({})),
        br_code: br_code::mercado_pago(
            &state.collector_key,
            &format!("{TXID_PREFIX}{id}"),
            &money::fixed(cents),
        ),
        end_to_end_id: None,
        paid_by: None,
        fee_cents: 0,
        refunds: Vec::new(),
        charged_back_cents: 0,
        dispute: None,
    })
}

/// Ids follow one another, whatever the payment is.
pub fn next_id(state: &State) -> i64 {
    let last = state.book.payments.keys().next_back();
    last.map_or(FIRST_ID, |last| last + 1)
}

fn check_identification(payer: &Value) -> Result<(), Reply> {
    let Some(identification) = payer.get("identification").filter(|value| !value.is_null()) else {
        return Ok(());
    };
    let number = identification["number"].as_str().unwrap_or_default();
    let length = match identification["type"].as_str() {
        Some("CPF") => 11,
        Some("CNPJ") => 14,
        _ => {
            return Err(error::cause(
                400,
                2067,
                "Invalid user identification number",
            ));
        }
    };
    let one_digit = number
        .bytes()
        .collect::<std::collections::BTreeSet<_>>()
        .len()
        < 2;
    if is_alphanumeric(number, length..=length) && !one_digit {
        Ok(())
    } else {
        Err(error::cause(
            400,
            2067,
            "Invalid user identification number",
        ))
    }
}

/// Between 30 minutes and 30 days, 24 hours by default.
fn expiry(state: &State, body: &Value) -> Result<i64, Reply> {
    let Some(value) = body
        .get("date_of_expiration")
        .filter(|value| !value.is_null())
    else {
        return Ok(state.now + 24 * 60 * MINUTE);
    };
    let at = value.as_str().and_then(clock::parse);
    // A minute of grace on both sides for the way to us.
    let allowed = state.now + 29 * MINUTE..=state.now + (30 * 24 * 60 + 1) * MINUTE;
    at.filter(|at| allowed.contains(at))
        .ok_or_else(|| error::cause(400, 23, "The following parameters must be valid date and format (yyyy-MM-dd'T'HH:mm:ssz): date_of_expiration"))
}

fn find(state: &State, id: i64) -> Result<Payment, Reply> {
    state
        .book
        .payments
        .get(&id)
        .cloned()
        .ok_or_else(error::not_found)
}

pub fn read(state: &State, id: i64, effect: Effect) -> Outcome {
    let payment = find(state, id)?;
    if effect.hides(state.now, payment.created) {
        return Err(error::not_found());
    }
    Ok(Reply::json(200, &views::payment(&payment)))
}

pub fn search(state: &State, request: &Request, effect: Effect) -> Outcome {
    let number = |name: &str, default: usize| {
        request
            .query(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (limit, offset) = (number("limit", 30).min(1000), number("offset", 0));
    let (begin, end) = (
        request.query("begin_date").and_then(clock::parse),
        request.query("end_date").and_then(clock::parse),
    );
    let wanted = |payment: &&Payment| {
        let reference = request.query("external_reference");
        !effect.hides(state.now, payment.created)
            && reference
                .is_none_or(|reference| payment.external_reference.as_deref() == Some(reference))
            && request
                .query("status")
                .is_none_or(|status| json!(payment.status) == status)
            && begin.is_none_or(|begin| payment.created >= begin)
            && end.is_none_or(|end| payment.created <= end)
    };
    let mut found: Vec<&Payment> = state.book.payments.values().filter(wanted).collect();
    if request.query("criteria") == Some("desc") {
        found.reverse();
    }
    let total = found.len();
    let results: Vec<Value> = found
        .into_iter()
        .skip(offset)
        .take(limit)
        .map(views::payment)
        .collect();
    Ok(Reply::json(
        200,
        &json!({"paging": {"total": total, "limit": limit, "offset": offset}, "results": results}),
    ))
}

/// Cancels a charge that waits.
pub fn change(state: &mut State, request: &Request, id: i64) -> Outcome {
    let mut payment = find(state, id)?;
    let body = request
        .object()
        .ok_or_else(|| error::plain(400, "Malformed JSON body"))?;
    if body["status"] != "cancelled" {
        return Err(error::plain(
            400,
            "Only the status cancelled can be set on a Pix payment",
        ));
    }
    if !payment.is_open() {
        return Err(error::cause(
            400,
            2063,
            "The action requested is not valid for the current payment state",
        ));
    }
    payment.status = PaymentStatus::Cancelled;
    payment.status_detail = "by_collector".to_owned();
    payment.updated = state.now;
    let answer = views::payment(&payment);
    events::payment_updated(state, &payment);
    state.put(Record::Payment(Box::new(payment)));
    Ok(Reply::json(200, &answer).executed())
}
