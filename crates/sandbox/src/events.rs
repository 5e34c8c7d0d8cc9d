//! The bodies of notifications, and who gets them.
//!
//! Efí: one POST to the URL registered for the key, with `/pix` appended to the raw URL (so that
//! a URL ending in `?ignorar=` swallows it). Mercado Pago: to the charge's own `notification_url`
//! or else to the URL of the panel, with the id in the query.

use serde_json::{Value, json};

use crate::{
    clock,
    config::GatewayName,
    delivery::{self, Draft, Topic},
    efi::views,
    state::{
        State,
        efi::{Send, SendStatus},
        mercado_pago::{Intent, Payment},
    },
};

/// A switch of `PUT /v2/gn/config` for one key; everything is on until it is switched off.
fn notifies(state: &State, key: &str, what: &str) -> bool {
    let settings = state.book.efi_settings.as_ref();
    settings
        .and_then(|all| all["pix"]["chaves"].get(key))
        .and_then(|key| {
            key.pointer("/recebimento/webhook/notificacao")?
                .get(what)?
                .as_bool()
        })
        .unwrap_or(true)
}

fn efi(state: &mut State, key: &str, pix: Value) {
    let Some(webhook) = state.book.webhooks.get(key) else {
        return;
    };
    let draft = Draft {
        topic: Topic::Efi,
        url: format!("{}/pix", webhook.url),
        body: json!({"pix": [pix]}),
        data_id: None,
    };
    delivery::queue(state, GatewayName::Efi, &draft);
}

fn received_object(state: &State, end_to_end_id: &str) -> Option<(String, Value)> {
    let pix = state.book.received.get(end_to_end_id)?;
    let mut body = json!({
        "endToEndId": pix.end_to_end_id,
        "chave": pix.key,
        "valor": crate::money::fixed(pix.cents),
        "horario": clock::utc(pix.at),
    });
    if let Some(txid) = &pix.txid {
        body["txid"] = json!(txid);
    }
    if let Some(info) = &pix.info {
        body["infoPagador"] = json!(info);
    }
    if notifies(state, &pix.key, "tarifa") {
        body["gnExtras"]["tarifa"] = json!(crate::money::fixed(pix.fee_cents));
    }
    if notifies(state, &pix.key, "pagador") {
        body["gnExtras"]["pagador"] = views::masked_payer(&pix.payer);
    }
    Some((pix.key.clone(), body))
}

/// A Pix came in.
pub fn efi_received(state: &mut State, end_to_end_id: &str) {
    if let Some((key, body)) = received_object(state, end_to_end_id) {
        efi(state, &key, body);
    }
}

/// A devolução of a received Pix reached its end.
pub fn efi_refund(state: &mut State, end_to_end_id: &str, id: &str) {
    let Some((key, mut body)) = received_object(state, end_to_end_id) else {
        return;
    };
    let refunds = state
        .book
        .received
        .get(end_to_end_id)
        .map(|pix| pix.refunds.as_slice())
        .unwrap_or_default();
    let items: Vec<Value> = refunds
        .iter()
        .filter(|refund| refund.id == id)
        .map(views::refund_with_reason)
        .collect();
    body["devolucoes"] = json!(items);
    efi(state, &key, body);
}

fn sent_object(send: &Send) -> Value {
    let mut body = json!({
        "endToEndId": send.end_to_end_id,
        "chave": send.payer_key,
        "tipo": "SOLICITACAO",
        "status": send.status,
        "valor": crate::money::fixed(send.cents),
        "horario": send.settled.map(clock::utc),
        "gnExtras": {"idEnvio": send.id_envio},
    });
    if let Some(info) = &send.info {
        body["infoPagador"] = json!(info);
    }
    if let (SendStatus::NotDone, Some(refusal)) = (send.status, &send.refusal) {
        body["gnExtras"]["erro"] =
            json!({"codigo": refusal.code, "origem": refusal.origin, "motivo": refusal.reason});
    }
    body
}

/// A send settled or was refused.
pub fn efi_sent(state: &mut State, send: &Send) {
    efi(state, &send.payer_key, sent_object(send));
}

/// A settled send came back; the documentation shows no body for this, so it is the sent object
/// with the returns beside it.
pub fn efi_sent_returned(state: &mut State, send: &Send) {
    let mut body = sent_object(send);
    body["devolucoes"] = views::returns(send);
    efi(state, &send.payer_key, body);
}

fn mercado_pago(state: &mut State, own_url: Option<&str>, topic: Topic, mut body: Value) {
    let Some(url) = own_url
        .map(str::to_owned)
        .or_else(|| state.book.panel_url.clone())
    else {
        return;
    };
    let id = body["data"]["id"].as_str().unwrap_or_default().to_owned();
    let kind = body["type"].as_str().unwrap_or_default().to_owned();
    let joint = if url.contains('?') { '&' } else { '?' };
    body["api_version"] = json!("v1");
    body["date_created"] = json!(clock::utc(state.now));
    body["live_mode"] = json!(true);
    body["user_id"] = json!(crate::mercado_pago::COLLECTOR.to_string());
    body["id"] = json!(110_000_000 + state.book.deliveries.len());
    let draft = Draft {
        topic,
        url: format!("{url}{joint}data.id={id}&type={kind}&source_news=webhooks"),
        body,
        data_id: Some(id),
    };
    delivery::queue(state, GatewayName::MercadoPago, &draft);
}

/// A payment was made.
pub fn payment_created(state: &mut State, payment: &Payment) {
    payment_event(state, payment, "payment.created");
}

/// A payment changed; the body does not say how.
pub fn payment_updated(state: &mut State, payment: &Payment) {
    payment_event(state, payment, "payment.updated");
}

fn payment_event(state: &mut State, payment: &Payment, action: &str) {
    let body = json!({"action": action, "type": "payment", "data": {"id": payment.id.to_string()}});
    mercado_pago(
        state,
        payment.notification_url.as_deref(),
        Topic::Payment,
        body,
    );
}

/// A payout changed.
pub fn intent_updated(state: &mut State, intent: &Intent) {
    let body = json!({
        "action": "transaction_intent.updated",
        "type": "transaction_intent",
        "data": {"id": intent.id},
        "status": intent.status,
        "last_updated": clock::minus_four(intent.updated),
    });
    mercado_pago(
        state,
        intent.notification_url.as_deref(),
        Topic::TransactionIntent,
        body,
    );
}
