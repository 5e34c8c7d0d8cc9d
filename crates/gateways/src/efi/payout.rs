//! Payouts: `PUT /v3/gn/pix/{idEnvio}` by key, `PUT /v2/gn/pix/{idEnvio}/qrcode` by BR Code.
//!
//! `idEnvio` is unique over both and for ever: a second PUT gets 409, never a replay, so a repeat
//! after a timeout executes once or is refused as a duplicate. The answer to a PUT is at best an
//! acceptance; the end is told by `GET /v2/gn/pix/enviados/id-envio/{idEnvio}`.
//!
//! The BR Code payment carries no amount: the gateway pays what the code says at that moment. So
//! the code is resolved just before, and an amount other than the order's is refused here.

use app::ports::gateway::{
    AttemptReference, CannotCarry, Destination, ObservedReturn, PayoutLookup, PayoutOrder,
    PreparedRequest,
};
use domain::money::Money;
use domain::outcome::{
    Acceptance, Evidence, Execution, Refusal, RefusalReason, SendVerdict, UnknownCause,
};
use domain::tax_id::TaxId;
use reqwest::Method;

use super::map::{self, Order};
use super::session::Session;
use super::{encoded, wire};
use crate::answer::{Answer, Rejection, bounded};
use crate::envelope::{Envelope, Facts, Kind};
use crate::transport::Call;

const LONGEST_TEXT: usize = 140;

pub(super) fn prepare(our_key: &str, order: &PayoutOrder) -> Result<PreparedRequest, CannotCarry> {
    check_id(&order.attempt_key)?;
    if order.amount.is_zero() {
        return Err(cannot("amount", "must be positive"));
    }
    let id = &order.attempt_key;
    let pagador = wire::Payer {
        chave: our_key,
        info_pagador: order.description.as_deref().map(shortened),
    };
    let mut facts = Facts::new(id, order.amount);
    let (kind, path, body) = match &order.destination {
        Destination::Key { key, owner } => {
            facts.key = Some(key.as_str().to_owned());
            let body = wire::SendByKey {
                valor: order.amount.to_decimal(),
                pagador,
                favorecido: wire::Payee {
                    chave: key.as_str(),
                    owner: owner.as_ref().map(document),
                },
            };
            (Kind::Payout, format!("/v3/gn/pix/{id}"), to_json(&body))
        }
        Destination::BrCode(code) => {
            facts.br_code = Some(code.clone());
            let body = wire::SendByBrCode {
                pagador,
                pix_copia_e_cola: code,
            };
            let path = format!("/v2/gn/pix/{id}/qrcode");
            (Kind::PayoutByBrCode, path, to_json(&body))
        }
    };
    Ok(Envelope::new(kind, path, body, facts).seal())
}

/// `idEnvio`, `txid` and refund ids: letters and digits. Ours are 32 hex digits.
pub(super) fn check_id(id: &str) -> Result<(), CannotCarry> {
    let fits = (26..=35).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits {
        Ok(())
    } else {
        Err(cannot("attempt_key", "must be 26 to 35 letters and digits"))
    }
}

pub(super) fn cannot(field: &'static str, message: &str) -> CannotCarry {
    CannotCarry {
        field,
        message: message.to_owned(),
    }
}

pub(super) fn to_json(body: &impl serde::Serialize) -> String {
    serde_json::to_string(body).expect("texts and integers always serialize")
}

/// Efí takes 140 characters; what the payee reads may be cut, a payment need not fail for it.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}

pub(super) fn document(tax_id: &TaxId) -> wire::Document<'_> {
    match tax_id {
        TaxId::Cpf(cpf) => wire::Document::Cpf(cpf.as_str()),
        TaxId::Cnpj(cnpj) => wire::Document::Cnpj(cnpj.as_str()),
    }
}

pub(super) async fn send(session: &Session, request: &PreparedRequest) -> SendVerdict {
    let Ok(envelope) = Envelope::open(request) else {
        return unreadable_request();
    };
    if let Some(code) = &envelope.facts.br_code
        && let Err(refusal) = check_br_code(session, code, &envelope.facts).await
    {
        return SendVerdict::NotDone(refusal);
    }
    match session.order("payout", &envelope).await {
        Ok(sent) => classify(&envelope.facts, &sent.answer, sent.fresh_token),
        Err(failure) => failure.into(),
    }
}

/// Nothing was sent, and nothing ever can be from these bytes.
pub(super) fn unreadable_request() -> SendVerdict {
    Rejection::not_done(RefusalReason::Malformed, "request_unreadable").into()
}

/// What one answer to the PUT proves about that transmission.
pub(super) fn classify(facts: &Facts, answer: &Answer, fresh_token: bool) -> SendVerdict {
    if !matches!(answer.status, 200 | 201) {
        return map::reject(Order::Payout, answer, fresh_token).into();
    }
    let Some(sent) = answer.read::<wire::Sent>() else {
        return SendVerdict::Unknown(UnknownCause::UnreadableBody);
    };
    let ours = sent.id_envio.as_deref() == Some(facts.attempt_key.as_str());
    // A final status in this answer is left to the lookup, which shows amount and payee.
    let known = matches!(
        sent.status.as_deref(),
        Some("EM_PROCESSAMENTO" | "REALIZADO" | "NAO_REALIZADO")
    );
    if ours && known {
        SendVerdict::Accepted(acceptance(&sent))
    } else {
        SendVerdict::Unknown(UnknownCause::UnrecognizedAnswer)
    }
}

fn acceptance(sent: &wire::Sent) -> Acceptance {
    Acceptance {
        gateway_reference: sent.id_envio.clone(),
        end_to_end_id: sent.end_to_end_id(),
    }
}

/// Resolves the code and compares the amount. Not a byte of the order has been sent yet, so every
/// failure here is a proven *not done* of this send.
async fn check_br_code(session: &Session, code: &str, facts: &Facts) -> Result<(), Refusal> {
    let refusal = |reason, code: &str| Refusal {
        reason,
        code: bounded(code),
    };
    let later = || refusal(RefusalReason::TryLater, "br_code_unresolved");
    let body = to_json(&serde_json::json!({ "pixCopiaECola": code }));
    let answer = session
        .read(|| {
            Call::with_body(
                "resolve_br_code",
                Method::POST,
                "/v2/gn/qrcodes/detalhar",
                body.clone(),
            )
        })
        .await
        .map_err(|_| later())?;
    if matches!(answer.status, 400 | 404) {
        let code = map::ErrorCode::read(&answer).code;
        return Err(refusal(RefusalReason::BrCodeRefused, &code));
    }
    if answer.status != 200 {
        return match map::reject(Order::Payout, &answer, true) {
            Rejection::NotDone(refusal) => Err(refusal),
            Rejection::Unknown(_) => Err(later()),
        };
    }
    let resolved: wire::ResolvedBrCode = answer.read().ok_or_else(later)?;
    if resolved
        .status
        .as_deref()
        .is_some_and(|status| status != "ATIVA")
    {
        return Err(refusal(RefusalReason::BrCodeRefused, "br_code_not_active"));
    }
    let amount = resolved
        .valor
        .as_ref()
        .and_then(wire::ResolvedAmount::text)
        .and_then(|text| Money::parse_decimal(text).ok());
    match amount {
        Some(amount) if amount.cents() == facts.amount_cents => Ok(()),
        Some(_) | None => Err(refusal(
            RefusalReason::BrCodeRefused,
            "br_code_amount_differs",
        )),
    }
}

pub(super) async fn look_up(session: &Session, attempt: &AttemptReference) -> PayoutLookup {
    let path = format!(
        "/v2/gn/pix/enviados/id-envio/{}",
        encoded(&attempt.attempt_key)
    );
    let answer = session.read(|| Call::get("payout_lookup", &path)).await;
    match answer {
        Ok(answer) => read_lookup(attempt, &answer),
        Err(failure) => evidence(Evidence::Unclear(failure.cause())),
    }
}

fn evidence(evidence: Evidence) -> PayoutLookup {
    PayoutLookup {
        evidence,
        gateway_reference: None,
        payee_name: None,
        returns: Vec::new(),
    }
}

pub(super) fn read_lookup(attempt: &AttemptReference, answer: &Answer) -> PayoutLookup {
    if answer.status != 200 {
        return evidence(if map::is_not_found(answer) && answer.status == 404 {
            Evidence::NotFound
        } else {
            unclear(answer)
        });
    }
    let Some(sent) = answer.read::<wire::Sent>() else {
        return evidence(Evidence::Unclear(UnknownCause::UnreadableBody));
    };
    if !is_ours(attempt, &sent) {
        tracing::error!(
            gateway = "efi",
            attempt_key = attempt.attempt_key,
            "a payout under our key has another amount or payee"
        );
        return evidence(Evidence::Unclear(UnknownCause::UnrecognizedAnswer));
    }
    PayoutLookup {
        evidence: by_status(&sent),
        gateway_reference: sent.id_envio.clone(),
        payee_name: sent
            .favorecido
            .as_ref()
            .and_then(|payee| payee.identificacao.as_ref())
            .and_then(|identified| identified.nome.clone()),
        returns: sent.devolucoes.iter().filter_map(returned).collect(),
    }
}

/// A lookup's answer that is neither the movement nor its absence.
pub(super) fn unclear(answer: &Answer) -> Evidence {
    match Rejection::unlisted(answer.status) {
        Rejection::Unknown(cause) => Evidence::Unclear(cause),
        Rejection::NotDone(_) => Evidence::Unclear(UnknownCause::UnrecognizedAnswer),
    }
}

fn by_status(sent: &wire::Sent) -> Evidence {
    match sent.status.as_deref() {
        Some("REALIZADO") => Evidence::Settled(Execution {
            gateway_reference: sent.id_envio.clone(),
            end_to_end_id: sent.end_to_end_id(),
        }),
        Some("EM_PROCESSAMENTO") => Evidence::InProgress(acceptance(sent)),
        Some("NAO_REALIZADO") => Evidence::Refused(match sent.scheme_code() {
            Some(code) => Refusal {
                reason: RefusalReason::Scheme(bounded(code)),
                code: bounded(code),
            },
            None => Refusal {
                reason: RefusalReason::Unexplained,
                code: "NAO_REALIZADO".to_owned(),
            },
        }),
        Some(_) | None => {
            tracing::warn!(
                gateway = "efi",
                "a payout status that this version does not know"
            );
            Evidence::Unclear(UnknownCause::UnrecognizedAnswer)
        }
    }
}

/// Same key, same amount, and the payee where the answer names one.
fn is_ours(attempt: &AttemptReference, sent: &wire::Sent) -> bool {
    let same_id = sent
        .id_envio
        .as_deref()
        .is_none_or(|id| id == attempt.attempt_key);
    let same_amount = sent.valor.and_then(|valor| valor.0) == Some(attempt.amount);
    let told = sent.favorecido.as_ref().and_then(|to| to.chave.as_deref());
    let same_payee = match (Envelope::open(&attempt.request), told) {
        (Ok(envelope), Some(told)) => envelope.facts.is_paid_to(told),
        (Ok(_), None) => true,
        (Err(_), _) => false,
    };
    same_id && same_amount && same_payee
}

/// Money that came back. Here only finished returns are listed.
fn returned(item: &wire::Returned) -> Option<ObservedReturn> {
    Some(ObservedReturn {
        key: item.rtr_id.clone()?,
        attempt_key: None,
        amount: item.valor?.0?,
        done: true,
    })
}

#[cfg(test)]
#[path = "payout_tests.rs"]
mod tests;
