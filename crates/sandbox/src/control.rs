//! The control paths: the fault panel, paying charges, money events, and what really happened.
//!
//! | method and path | |
//! |---|---|
//! | `GET`/`PUT /sandbox/gateways/{gateway}/faults` | what is armed; arms one [`Fault`] and answers when it is in force |
//! | `POST /sandbox/charges/{txid or payment id}/pay` | `{amount_cents?, payer?: {name, tax_id}, info?, allow_expired?, again?}` |
//! | `POST /sandbox/charges/{txid or payment id}/reverse` | `{amount_cents?, how?: "refund"/"charge_back"}` |
//! | `POST /sandbox/charges/{txid or payment id}/dispute` | `{step?: "open"/"lost"/"won", how?: "mediation"/"charge_back" (Mercado Pago), amount_cents? (Efí)}` |
//! | `POST /sandbox/gateways/{gateway}/receive` | `{amount_cents, payer?: {name, tax_id}, ispb?, end_to_end_id?, info?}`: a Pix to the account's bare key |
//! | `POST /sandbox/payouts/{idEnvio or external_reference}/return` | `{amount_cents?}` |
//! | `GET /sandbox/ledger` | `{"entries":[…]}`: what settled, and nothing else |
//! | `GET /sandbox/requests`, `GET /sandbox/webhooks` | every request received, every delivery |
//! | `GET /sandbox/balances` | centavos per gateway |
//! | `GET`/`PUT /sandbox/options` | [`Options`](crate::Options) |
//! | `POST /sandbox/tokens/revoke` | `{"gateway"}` |
//! | `POST /sandbox/clock/advance` | `{"milliseconds"}` |
//!
//! Money events also travel as `PUT …/faults` with `{"mode":"return"|"reverse"|"dispute","reference",…}`.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State as Shared},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::StatusCode;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    config::{GatewayName, Options},
    faults::Fault,
    panel::ControlPanel,
    settle::{self, Dispute, DisputeStep, NotPayable, Reversal},
    state::{Record, State, efi::Payer, mercado_pago::DisputeKind},
};

/// A refused control call.
struct Refused(StatusCode, &'static str, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = json!({"code": self.1, "status": self.0.as_u16(), "detail": self.2});
        (self.0, Json(body)).into_response()
    }
}

type Answer = Result<Json<Value>, Refused>;

fn bad(detail: impl std::fmt::Display) -> Refused {
    Refused(
        StatusCode::UNPROCESSABLE_ENTITY,
        "validation_failed",
        detail.to_string(),
    )
}

fn missing(detail: &str) -> Refused {
    Refused(StatusCode::NOT_FOUND, "not_found", detail.to_owned())
}

fn gateway(name: &str) -> Result<GatewayName, Refused> {
    GatewayName::parse(name).ok_or_else(|| missing("the gateways are mercado_pago and efi"))
}

/// The body as `T`; no body means `{}`.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    let text: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(text).map_err(bad)
}

pub fn router(panel: Arc<ControlPanel>) -> Router {
    Router::new()
        .route(
            "/sandbox/gateways/{gateway}/faults",
            get(faults).put(set_fault),
        )
        .route("/sandbox/gateways/{gateway}/receive", post(receive))
        .route("/sandbox/charges/{id}/pay", post(pay))
        .route("/sandbox/charges/{id}/reverse", post(reverse))
        .route("/sandbox/charges/{id}/dispute", post(dispute))
        .route("/sandbox/payouts/{reference}/return", post(return_payout))
        .route("/sandbox/ledger", get(ledger))
        .route("/sandbox/requests", get(requests))
        .route("/sandbox/webhooks", get(webhooks))
        .route("/sandbox/balances", get(balances))
        .route("/sandbox/options", get(options).put(set_options))
        .route("/sandbox/tokens/revoke", post(revoke))
        .route("/sandbox/clock/advance", post(advance))
        .with_state(panel)
}

type Panel = Shared<Arc<ControlPanel>>;

fn shown(panel: &ControlPanel, name: GatewayName) -> Value {
    json!({"gateway": name, "faults": panel.core.transact(|state| state.panel(name).list())})
}

async fn faults(Shared(panel): Panel, Path(name): Path<String>) -> Answer {
    Ok(Json(shown(&panel, gateway(&name)?)))
}

async fn set_fault(Shared(panel): Panel, Path(name): Path<String>, body: Bytes) -> Answer {
    let name = gateway(&name)?;
    let value: Value = read(&body)?;
    if let Some(event @ ("return" | "reverse" | "dispute")) = value["mode"].as_str() {
        return money_event(&panel, event, &value);
    }
    let fault: Fault = serde_json::from_value(value).map_err(bad)?;
    if let Some(problem) = fault.problem() {
        return Err(bad(problem));
    }
    let set = panel.set_fault(name, fault).await;
    set.map_err(|error| {
        Refused(
            StatusCode::INTERNAL_SERVER_ERROR,
            "not_in_force",
            format!("{error:#}"),
        )
    })?;
    Ok(Json(shown(&panel, name)))
}

fn money_event(panel: &ControlPanel, event: &str, value: &Value) -> Answer {
    let reference = value["reference"]
        .as_str()
        .ok_or_else(|| bad("reference is required"))?;
    let cents = value["amount_cents"].as_i64();
    match event {
        "return" => come_back(panel, reference, cents),
        "dispute" => {
            let (step, how) = (or_default(&value["step"])?, or_default(&value["how"])?);
            contest(panel, reference, Dispute { step, how, cents })
        }
        _ => take_back(panel, reference, cents, Reversal::default()),
    }
}

/// A member of a money event; one that is left out has its default.
fn or_default<T: DeserializeOwned + Default>(value: &Value) -> Result<T, Refused> {
    match value {
        Value::Null => Ok(T::default()),
        value => T::deserialize(value).map_err(bad),
    }
}

#[derive(Deserialize)]
struct PayerBody {
    name: String,
    tax_id: String,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PayBody {
    amount_cents: Option<i64>,
    payer: Option<PayerBody>,
    info: Option<String>,
    allow_expired: bool,
    again: bool,
}

async fn pay(Shared(panel): Panel, Path(id): Path<String>, body: Bytes) -> Answer {
    let body: PayBody = read(&body)?;
    if body
        .amount_cents
        .is_some_and(|cents| !crate::money::payable(cents))
    {
        return Err(bad("amount_cents must be positive"));
    }
    let mut how = settle::Payment::plain();
    (how.cents, how.info, how.allow_expired, how.again) =
        (body.amount_cents, body.info, body.allow_expired, body.again);
    if let Some(payer) = body.payer {
        how.payer = read_payer(payer, how.payer.ispb)?;
    }
    let paid = panel.core.transact(|state| {
        let charge = settle::find_charge(state, &id)
            .or_else(|| by_reference(state, &id))
            .ok_or(NotPayable::NotFound)?;
        settle::pay(state, &charge, how)
    });
    match paid {
        Ok((end_to_end_id, cents)) => Ok(Json(
            json!({"end_to_end_id": end_to_end_id, "amount_cents": cents}),
        )),
        Err(NotPayable::NotFound) => Err(missing("no such charge")),
        Err(NotPayable::AlreadyPaid) => Err(conflict("already_paid")),
        Err(NotPayable::Removed) => Err(conflict("removed")),
        Err(NotPayable::Expired) => Err(conflict("expired")),
    }
}

fn read_payer(body: PayerBody, ispb: String) -> Result<Payer, Refused> {
    let PayerBody { name, tax_id } = body;
    let is_number = tax_id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if ![11, 14].contains(&tax_id.len()) || !is_number {
        return Err(bad("payer.tax_id is a CPF or CNPJ without punctuation"));
    }
    Ok(Payer { name, tax_id, ispb })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReceiveBody {
    amount_cents: i64,
    payer: Option<PayerBody>,
    ispb: Option<String>,
    end_to_end_id: Option<String>,
    info: Option<String>,
}

async fn receive(Shared(panel): Panel, Path(name): Path<String>, body: Bytes) -> Answer {
    let at = gateway(&name)?;
    let body: ReceiveBody = read(&body)?;
    if !crate::money::payable(body.amount_cents) {
        return Err(bad("amount_cents must be positive"));
    }
    let usual = settle::Payment::plain().payer;
    let ispb = body.ispb.unwrap_or(usual.ispb);
    let payer = match body.payer {
        Some(payer) => read_payer(payer, ispb)?,
        None => Payer { ispb, ..usual },
    };
    let receipt = settle::Receipt {
        cents: body.amount_cents,
        payer,
        end_to_end_id: body.end_to_end_id,
        info: body.info,
    };
    let end_to_end_id = panel
        .core
        .transact(|state| settle::receive(state, at, receipt));
    Ok(Json(json!({"end_to_end_id": end_to_end_id})))
}

fn conflict(code: &'static str) -> Refused {
    Refused(
        StatusCode::CONFLICT,
        code,
        "the charge cannot be paid now".to_owned(),
    )
}

/// A Mercado Pago charge by its external_reference.
fn by_reference(state: &State, reference: &str) -> Option<crate::state::efi::ChargeReference> {
    let found = state
        .book
        .payments
        .values()
        .rev()
        .find(|payment| payment.external_reference.as_deref() == Some(reference));
    found.map(|payment| crate::state::efi::ChargeReference::Payment(payment.id))
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct EventBody {
    amount_cents: Option<i64>,
    how: Reversal,
}

async fn reverse(Shared(panel): Panel, Path(id): Path<String>, body: Bytes) -> Answer {
    let body: EventBody = read(&body)?;
    take_back(&panel, &id, body.amount_cents, body.how)
}

fn take_back(panel: &ControlPanel, id: &str, cents: Option<i64>, how: Reversal) -> Answer {
    let done = panel.core.transact(|state| {
        let charge = settle::find_charge(state, id).or_else(|| by_reference(state, id));
        charge.map(|charge| settle::reverse(state, &charge, cents, how))
    });
    moved(done, "no such charge")
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct DisputeBody {
    step: DisputeStep,
    how: DisputeKind,
    amount_cents: Option<i64>,
}

async fn dispute(Shared(panel): Panel, Path(id): Path<String>, body: Bytes) -> Answer {
    let body: DisputeBody = read(&body)?;
    let asked = Dispute {
        step: body.step,
        how: body.how,
        cents: body.amount_cents,
    };
    contest(&panel, &id, asked)
}

fn contest(panel: &ControlPanel, id: &str, asked: Dispute) -> Answer {
    let done = panel.core.transact(|state| {
        let charge = settle::find_charge(state, id).or_else(|| by_reference(state, id));
        charge.map(|charge| settle::dispute(state, &charge, asked))
    });
    match done {
        None => Err(missing("no such charge")),
        Some(None) => Err(Refused(
            StatusCode::CONFLICT,
            "not_disputable",
            "the charge is in no state for this step of a dispute".to_owned(),
        )),
        Some(Some(())) => Ok(Json(json!({}))),
    }
}

async fn return_payout(Shared(panel): Panel, Path(reference): Path<String>, body: Bytes) -> Answer {
    let body: EventBody = read(&body)?;
    come_back(&panel, &reference, body.amount_cents)
}

fn come_back(panel: &ControlPanel, reference: &str, cents: Option<i64>) -> Answer {
    let done = panel.core.transact(|state| {
        if let Some(send) = state.book.sends.get(reference) {
            let left = send.cents - send.returns.iter().map(|back| back.cents).sum::<i64>();
            return Some(settle::return_send(state, reference, cents.unwrap_or(left)));
        }
        let intent = state
            .book
            .intents
            .values()
            .find(|intent| intent.external_reference == reference || intent.id == reference)?;
        let (id, left) = (intent.id.clone(), intent.cents - intent.returned());
        Some(settle::return_intent(state, &id, cents.unwrap_or(left)))
    });
    moved(done, "no such payout")
}

fn moved(done: Option<Option<String>>, nothing: &str) -> Answer {
    match done {
        None => Err(missing(nothing)),
        Some(None) => Err(Refused(
            StatusCode::CONFLICT,
            "not_settled",
            "nothing settled is left to move back".to_owned(),
        )),
        Some(Some(id)) => Ok(Json(json!({"return_id": id}))),
    }
}

async fn ledger(Shared(panel): Panel) -> Json<Value> {
    Json(json!({"entries": panel.core.read(|state| state.book.ledger.clone())}))
}

async fn requests(Shared(panel): Panel) -> Json<Value> {
    Json(json!({"requests": panel.core.read(|state| state.book.requests.clone())}))
}

async fn webhooks(Shared(panel): Panel) -> Json<Value> {
    let all: Vec<_> = panel
        .core
        .read(|state| state.book.deliveries.values().cloned().collect());
    Json(json!({"deliveries": all}))
}

async fn balances(Shared(panel): Panel) -> Json<Value> {
    let of = |name: GatewayName| {
        panel.core.read(|state| json!({"balance_cents": state.balance(name), "available_cents": state.available(name)}))
    };
    Json(json!({"efi": of(GatewayName::Efi), "mercado_pago": of(GatewayName::MercadoPago)}))
}

async fn options(Shared(panel): Panel) -> Json<Value> {
    Json(json!(panel.core.read(|state| state.options.clone())))
}

/// Members left out keep their value.
async fn set_options(Shared(panel): Panel, body: Bytes) -> Answer {
    let changes: serde_json::Map<String, Value> = read(&body)?;
    let changed = panel.core.transact(|state| {
        let mut all = json!(state.options);
        for (name, value) in changes {
            all[name] = value;
        }
        state.options = serde_json::from_value::<Options>(all)?;
        Ok::<_, serde_json::Error>(json!(state.options))
    });
    changed.map(Json).map_err(bad)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokeBody {
    gateway: GatewayName,
}

async fn revoke(Shared(panel): Panel, body: Bytes) -> Answer {
    let body: RevokeBody = read(&body)?;
    panel
        .core
        .transact(|state| state.put(Record::TokensRevoked(body.gateway)));
    Ok(Json(json!({"revoked": body.gateway})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdvanceBody {
    milliseconds: u64,
}

async fn advance(Shared(panel): Panel, body: Bytes) -> Answer {
    let body: AdvanceBody = read(&body)?;
    panel
        .core
        .advance_clock(Duration::from_millis(body.milliseconds));
    Ok(Json(
        json!({"now": crate::clock::utc(panel.core.clock.now())}),
    ))
}
