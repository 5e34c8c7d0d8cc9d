//! Webhook registration: `/v2/webhook/{chave}`, and re-delivery on request.
//!
//! An HTTPS address is tried before it is stored: without a client certificate it must refuse
//! (unless `x-skip-mtls-checking: true`), with it a test POST must be answered 2xx. Plain HTTP is
//! taken on the loopback interface alone, untried, so that a wallet on the same machine can
//! register before it listens.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Window, error};
use crate::{
    clock,
    core::Core,
    events,
    http::{Outcome, Reply, Request},
    state::{Record, State, efi::Webhook},
};

const REGISTRATION_LIMIT: Duration = Duration::from_secs(10);

pub async fn register(core: &Core, request: &Request, key: &str) -> Outcome {
    let body = super::object(request)?;
    let target = body["webhookUrl"]
        .as_str()
        .ok_or_else(|| error::malformed_json("webhookUrl é obrigatório."))?;
    if !core.read(|state| state.is_own_key(key)) {
        return Err(error::not_our_key());
    }
    let url =
        url::Url::parse(target).map_err(|_| error::invalid_value("webhookUrl não é uma URL."))?;
    match url.scheme() {
        "https" => {
            try_out(
                core,
                target,
                request.header("x-skip-mtls-checking") == Some("true"),
            )
            .await?
        }
        "http" if is_loopback(&url) => {}
        _ => return Err(error::invalid_value("webhookUrl deve utilizar HTTPS.")),
    }
    core.transact(|state| {
        let created = state.now;
        state.put(Record::Webhook(Webhook {
            key: key.to_owned(),
            url: target.to_owned(),
            created,
        }));
    });
    Ok(Reply::json(201, &json!({"webhookUrl": target})).executed())
}

fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

async fn try_out(core: &Core, target: &str, skip_mutual_tls: bool) -> Result<(), Reply> {
    let invalid = |text: &str| error::named(400, "webhook_invalido", text);
    if !skip_mutual_tls {
        // Any HTTP answer means that the connection was let through without a certificate; an edge
        // that answers 4xx is refused as well.
        let open = core
            .anonymous
            .post(target)
            .timeout(REGISTRATION_LIMIT)
            .json(&json!({}))
            .send()
            .await;
        if open.is_ok() {
            return Err(invalid(
                "A autenticação de TLS mútuo não está configurada na URL informada.",
            ));
        }
    }
    let test = json!({"evento": "teste_webhook", "data_criacao": clock::utc(core.clock.now())});
    match core
        .webhooks
        .post(target)
        .timeout(REGISTRATION_LIMIT)
        .json(&test)
        .send()
        .await
    {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(invalid(&format!(
            "A URL informada respondeu com o código HTTP {}.",
            answer.status().as_u16()
        ))),
        Err(failure) if failure.is_timeout() => {
            Err(invalid("A requisição na URL informada expirou."))
        }
        Err(_) => Err(invalid("A URL informada está inacessível.")),
    }
}

fn shown(webhook: &Webhook) -> Value {
    json!({"webhookUrl": webhook.url, "chave": webhook.key, "criacao": clock::utc(webhook.created)})
}

fn find<'a>(state: &'a State, key: &str) -> Result<&'a Webhook, Reply> {
    let missing = || {
        error::named(
            400,
            "webhook_nao_encontrado",
            "Nenhum webhook cadastrado para a chave.",
        )
    };
    state.book.webhooks.get(key).ok_or_else(missing)
}

pub fn read(state: &State, key: &str) -> Outcome {
    Ok(Reply::json(200, &shown(find(state, key)?)))
}

pub fn delete(state: &mut State, key: &str) -> Outcome {
    find(state, key)?;
    state.put(Record::WebhookRemoved(key.to_owned()));
    Ok(Reply::empty(204).executed())
}

pub fn list(state: &State, request: &Request) -> Outcome {
    let window = Window::read(request)?;
    let found = state
        .book
        .webhooks
        .values()
        .filter(|webhook| window.holds(webhook.created));
    Ok(window.answer("webhooks", found.map(shown).collect()))
}

/// `POST /v2/gn/webhook/reenviar`.
pub fn resend(state: &mut State, request: &Request) -> Outcome {
    let body = super::object(request)?;
    let ids: Option<Vec<String>> = body["e2eids"].as_array().map(|ids| {
        ids.iter()
            .filter_map(|id| id.as_str().map(str::to_owned))
            .collect()
    });
    let ids = ids.filter(|ids| (1..=1000).contains(&ids.len()));
    let ids = ids.ok_or_else(|| error::invalid_value("e2eids deve ter de 1 a 1000 itens."))?;
    for id in &ids {
        match body["tipo"].as_str() {
            Some("PIX_RECEBIDO") => events::efi_received(state, id),
            Some("DEVOLUCAO_ENVIADA") => {
                let refunds = state
                    .book
                    .received
                    .get(id)
                    .map(|pix| pix.refunds.clone())
                    .unwrap_or_default();
                for refund in refunds {
                    events::efi_refund(state, id, &refund.id);
                }
            }
            Some(kind @ ("PIX_ENVIADO" | "DEVOLUCAO_RECEBIDA")) => {
                let send = state
                    .book
                    .sends
                    .values()
                    .find(|send| send.end_to_end_id == *id)
                    .cloned();
                match send {
                    Some(send) if kind == "PIX_ENVIADO" => events::efi_sent(state, &send),
                    Some(send) => events::efi_sent_returned(state, &send),
                    None => {}
                }
            }
            _ => return Err(error::invalid_value("tipo inválido.")),
        }
    }
    Ok(Reply::empty(202).executed())
}
