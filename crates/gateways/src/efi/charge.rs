//! Immediate charges: `PUT /v2/cob/{txid}` with our attempt key as txid.
//!
//! A second PUT of one txid gets 409; the charge is then read and taken for ours only when amount
//! and receiving key agree. Expiry is not a status at Efí: an expired charge stays `ATIVA`.

use app::ports::gateway::{
    AttemptReference, CancelAnswer, CannotCarry, ChargeAnswer, ChargeLookup, ChargeOrder,
    ChargeState, CreatedCharge, FoundCharge, PreparedRequest,
};
use domain::outcome::UnknownCause;
use domain::time::{Moment, Span};
use reqwest::Method;

use super::map::{self, Order};
use super::payout::{check_id, document, shortened, to_json};
use super::session::Session;
use super::{encoded, received, wire};
use crate::answer::{Answer, Failure, Rejection};
use crate::envelope::{Envelope, Facts, Kind};
use crate::time;
use crate::transport::Call;

const REMOVED_BY_US: &str = "REMOVIDA_PELO_USUARIO_RECEBEDOR";

pub(super) fn prepare(our_key: &str, order: &ChargeOrder) -> Result<PreparedRequest, CannotCarry> {
    check_id(&order.attempt_key)?;
    if order.amount.is_zero() {
        return Err(super::payout::cannot("amount", "must be positive"));
    }
    if order.expires_in_seconds == 0 {
        return Err(super::payout::cannot(
            "expires_in_seconds",
            "must be positive",
        ));
    }
    // Efí wants a debtor whole or not at all.
    let devedor = order.payer.as_ref().and_then(|payer| {
        Some(wire::Debtor {
            document: document(payer.tax_id.as_ref()?),
            nome: payer.name.as_deref()?,
        })
    });
    let body = wire::NewCharge {
        calendario: wire::NewCalendar {
            expiracao: order.expires_in_seconds,
        },
        devedor,
        valor: wire::NewAmount {
            original: order.amount.to_decimal(),
        },
        chave: our_key,
        solicitacao_pagador: order.description.as_deref().map(shortened),
    };
    let mut facts = Facts::new(&order.attempt_key, order.amount);
    facts.key = Some(our_key.to_owned());
    let path = format!("/v2/cob/{}", order.attempt_key);
    Ok(Envelope::new(Kind::Charge, path, to_json(&body), facts).seal())
}

pub(super) async fn create(session: &Session, request: &PreparedRequest) -> ChargeAnswer {
    let Ok(envelope) = Envelope::open(request) else {
        return rejected(Rejection::not_done(
            domain::outcome::RefusalReason::Malformed,
            "request_unreadable",
        ));
    };
    let sent = match session.order("charge", &envelope).await {
        Ok(sent) => sent,
        Err(Failure::NeverSent(cause)) => return ChargeAnswer::NeverSent(cause),
        Err(Failure::Unknown(cause)) => return ChargeAnswer::Unknown(cause),
    };
    if matches!(sent.answer.status, 200 | 201) {
        return created(session, &envelope.facts, &sent.answer).await;
    }
    match map::reject(Order::Charge, &sent.answer, sent.fresh_token) {
        // An earlier transmission of ours arrived, or the txid is somebody else's: read it.
        Rejection::Unknown(UnknownCause::DuplicateKey) => existing(session, &envelope).await,
        rejection => rejected(rejection),
    }
}

fn rejected(rejection: Rejection) -> ChargeAnswer {
    match rejection {
        Rejection::NotDone(refusal) => ChargeAnswer::NotDone(refusal),
        Rejection::Unknown(cause) => ChargeAnswer::Unknown(cause),
    }
}

async fn existing(session: &Session, envelope: &Envelope) -> ChargeAnswer {
    let path = envelope.path.as_str();
    match session.read(|| Call::get("charge_lookup", path)).await {
        Ok(answer) if answer.status == 200 => created(session, &envelope.facts, &answer).await,
        Ok(_) | Err(_) => ChargeAnswer::Unknown(UnknownCause::DuplicateKey),
    }
}

async fn created(session: &Session, facts: &Facts, answer: &Answer) -> ChargeAnswer {
    let Some(charge) = answer.read::<wire::Charge>() else {
        return ChargeAnswer::Unknown(UnknownCause::UnreadableBody);
    };
    let payable = charge.status.as_deref() == Some("ATIVA");
    let (true, true, Some(expires_at)) = (payable, is_ours(facts, &charge), expiry(&charge)) else {
        return ChargeAnswer::Unknown(UnknownCause::UnrecognizedAnswer);
    };
    let Some(br_code) = br_code(session, &charge).await else {
        return ChargeAnswer::Unknown(UnknownCause::UnrecognizedAnswer);
    };
    ChargeAnswer::Created(CreatedCharge {
        gateway_reference: facts.attempt_key.clone(),
        br_code,
        expires_at,
    })
}

fn is_ours(facts: &Facts, charge: &wire::Charge) -> bool {
    let amount = charge.valor.as_ref().and_then(|valor| valor.original);
    charge.txid.as_deref() == Some(facts.attempt_key.as_str())
        && amount
            .and_then(|amount| amount.0)
            .map(|amount| amount.cents())
            == Some(facts.amount_cents)
        && charge.chave.is_some()
        && charge.chave == facts.key
}

/// Creation plus lifetime.
fn expiry(charge: &wire::Charge) -> Option<Moment> {
    let calendar = charge.calendario.as_ref()?;
    let created = time::parse(calendar.criacao.as_deref()?)?;
    Some(created.plus(Span::from_seconds(calendar.expiracao?)))
}

/// The copia-e-cola, asked for at its location when the charge does not carry it.
async fn br_code(session: &Session, charge: &wire::Charge) -> Option<String> {
    if let Some(code) = &charge.pix_copia_e_cola {
        return Some(code.clone());
    }
    let path = format!("/v2/loc/{}/qrcode", charge.loc.as_ref()?.id?);
    let answer = session.read(|| Call::get("qr_code", &path)).await.ok()?;
    if answer.status != 200 {
        return None;
    }
    answer.read::<wire::QrCode>()?.qrcode
}

fn path(attempt: &AttemptReference) -> String {
    format!("/v2/cob/{}", encoded(&attempt.attempt_key))
}

pub(super) async fn look_up(session: &Session, attempt: &AttemptReference) -> ChargeLookup {
    let path = path(attempt);
    match session.read(|| Call::get("charge_lookup", &path)).await {
        Ok(answer) => read_lookup(attempt, &answer),
        Err(failure) => ChargeLookup::Unclear(failure.cause()),
    }
}

pub(super) fn read_lookup(attempt: &AttemptReference, answer: &Answer) -> ChargeLookup {
    if answer.status != 200 {
        return if map::is_not_found(answer) {
            ChargeLookup::NotFound
        } else {
            ChargeLookup::Unclear(unlisted(answer.status))
        };
    }
    let Some(charge) = answer.read::<wire::Charge>() else {
        return ChargeLookup::Unclear(UnknownCause::UnreadableBody);
    };
    let facts = Envelope::open(&attempt.request).map(|envelope| envelope.facts);
    let facts = match facts {
        Ok(facts) if is_ours(&facts, &charge) => facts,
        Ok(_) | Err(_) => {
            tracing::error!(
                gateway = "efi",
                attempt_key = attempt.attempt_key,
                "a charge under our txid has another amount or key"
            );
            return ChargeLookup::Unclear(UnknownCause::UnrecognizedAnswer);
        }
    };
    ChargeLookup::Found(FoundCharge {
        gateway_reference: facts.attempt_key.clone(),
        state: state(charge.status.as_deref()),
        expires_at: expiry(&charge),
        br_code: charge.pix_copia_e_cola.clone(),
        pay_ins: charge
            .pix
            .iter()
            .filter(|pix| pix.chave.is_none() || pix.chave == facts.key)
            .filter_map(|pix| received::observed(pix, Some(&facts.attempt_key)))
            .collect(),
    })
}

fn unlisted(status: u16) -> UnknownCause {
    match Rejection::unlisted(status) {
        Rejection::Unknown(cause) => cause,
        Rejection::NotDone(_) => UnknownCause::UnrecognizedAnswer,
    }
}

fn state(status: Option<&str>) -> ChargeState {
    match status {
        Some("ATIVA") => ChargeState::Active,
        Some("CONCLUIDA") => ChargeState::Paid,
        Some(REMOVED_BY_US | "REMOVIDA_PELO_PSP") => ChargeState::Removed,
        Some(_) | None => ChargeState::Unrecognized,
    }
}

pub(super) async fn cancel(session: &Session, attempt: &AttemptReference) -> CancelAnswer {
    let path = path(attempt);
    let body = format!("{{\"status\":\"{REMOVED_BY_US}\"}}");
    let call = || Call::with_body("charge_cancel", Method::PATCH, &path, body.clone());
    match session.read(call).await {
        Ok(answer) => read_cancel(&answer),
        Err(failure) => CancelAnswer::Unclear(failure.cause()),
    }
}

pub(super) fn read_cancel(answer: &Answer) -> CancelAnswer {
    if answer.status == 200 {
        let charge: Option<wire::Charge> = answer.read();
        let removed =
            charge.is_some_and(|charge| state(charge.status.as_deref()) == ChargeState::Removed);
        return if removed {
            CancelAnswer::Cancelled
        } else {
            CancelAnswer::Unclear(UnknownCause::UnrecognizedAnswer)
        };
    }
    if map::is_wrong_state(answer) {
        CancelAnswer::NotCancellable
    } else if map::is_not_found(answer) {
        CancelAnswer::NotFound
    } else {
        CancelAnswer::Unclear(unlisted(answer.status))
    }
}

#[cfg(test)]
#[path = "charge_tests.rs"]
mod tests;
