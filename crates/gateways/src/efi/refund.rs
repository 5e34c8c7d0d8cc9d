//! Refunds (devolução): `PUT /v2/pix/{e2eId}/devolucao/{id}` with our attempt key as id.
//!
//! The id is unique per pay-in; a second PUT gets 409 and the refund is then looked up by it.

use app::ports::gateway::{AttemptReference, CannotCarry, PreparedRequest, RefundOrder};
use domain::outcome::{
    Acceptance, Evidence, Execution, Refusal, RefusalReason, SendVerdict, UnknownCause,
};

use super::map::{self, Order};
use super::payout::{cannot, check_id, to_json, unclear, unreadable_request};
use super::session::Session;
use super::{encoded, wire};
use crate::answer::{Answer, bounded};
use crate::envelope::{Envelope, Facts, Kind};
use crate::transport::Call;

pub(super) fn prepare(order: &RefundOrder) -> Result<PreparedRequest, CannotCarry> {
    check_id(&order.attempt_key)?;
    if order.amount.is_zero() {
        return Err(cannot("amount", "must be positive"));
    }
    if order.pay_in_key.is_empty() {
        return Err(cannot("pay_in_key", "is empty"));
    }
    let mut facts = Facts::new(&order.attempt_key, order.amount);
    facts.pay_in_key = Some(order.pay_in_key.clone());
    let path = path(&order.pay_in_key, &order.attempt_key);
    let body = to_json(&wire::NewRefund {
        valor: order.amount.to_decimal(),
    });
    Ok(Envelope::new(Kind::Refund, path, body, facts).seal())
}

fn path(pay_in_key: &str, id: &str) -> String {
    format!("/v2/pix/{}/devolucao/{}", encoded(pay_in_key), encoded(id))
}

pub(super) async fn send(session: &Session, request: &PreparedRequest) -> SendVerdict {
    let Ok(envelope) = Envelope::open(request) else {
        return unreadable_request();
    };
    match session.order("refund", &envelope).await {
        Ok(sent) => classify(&envelope.facts, &sent.answer, sent.fresh_token),
        Err(failure) => failure.into(),
    }
}

pub(super) fn classify(facts: &Facts, answer: &Answer, fresh_token: bool) -> SendVerdict {
    if !matches!(answer.status, 200 | 201) {
        return map::reject(Order::Refund, answer, fresh_token).into();
    }
    let Some(refund) = answer.read::<wire::Refund>() else {
        return SendVerdict::Unknown(UnknownCause::UnreadableBody);
    };
    let known = matches!(
        refund.status.as_deref(),
        Some("EM_PROCESSAMENTO" | "DEVOLVIDO" | "NAO_REALIZADO")
    );
    if known && is_ours(facts, &refund) {
        SendVerdict::Accepted(acceptance(&refund))
    } else {
        SendVerdict::Unknown(UnknownCause::UnrecognizedAnswer)
    }
}

fn is_ours(facts: &Facts, refund: &wire::Refund) -> bool {
    let amount = refund.valor.and_then(|valor| valor.0);
    refund.id.as_deref() == Some(facts.attempt_key.as_str())
        && amount.map(|amount| amount.cents()) == Some(facts.amount_cents)
}

fn acceptance(refund: &wire::Refund) -> Acceptance {
    Acceptance {
        gateway_reference: refund.id.clone(),
        end_to_end_id: refund.rtr_id.clone(),
    }
}

pub(super) async fn look_up(session: &Session, attempt: &AttemptReference) -> Evidence {
    let Ok(envelope) = Envelope::open(&attempt.request) else {
        return Evidence::Unclear(UnknownCause::UnrecognizedAnswer);
    };
    let path = envelope.path.as_str();
    match session.read(|| Call::get("refund_lookup", path)).await {
        Ok(answer) => read_lookup(&envelope.facts, &answer),
        Err(failure) => Evidence::Unclear(failure.cause()),
    }
}

pub(super) fn read_lookup(facts: &Facts, answer: &Answer) -> Evidence {
    if answer.status != 200 {
        return if map::is_not_found(answer) {
            Evidence::NotFound
        } else {
            unclear(answer)
        };
    }
    let Some(refund) = answer.read::<wire::Refund>() else {
        return Evidence::Unclear(UnknownCause::UnreadableBody);
    };
    if !is_ours(facts, &refund) {
        return Evidence::Unclear(UnknownCause::UnrecognizedAnswer);
    }
    match refund.status.as_deref() {
        Some("DEVOLVIDO") => Evidence::Settled(Execution {
            gateway_reference: refund.id.clone(),
            end_to_end_id: refund.rtr_id.clone(),
        }),
        Some("EM_PROCESSAMENTO") => Evidence::InProgress(acceptance(&refund)),
        // `motivo` is free text: kept for people, never decided on.
        Some("NAO_REALIZADO") => Evidence::Refused(Refusal {
            reason: RefusalReason::Unexplained,
            code: bounded(refund.motivo.as_deref().unwrap_or("NAO_REALIZADO")),
        }),
        Some(_) | None => {
            tracing::warn!(
                gateway = "efi",
                "a refund status that this version does not know"
            );
            Evidence::Unclear(UnknownCause::UnrecognizedAnswer)
        }
    }
}

#[cfg(test)]
#[path = "refund_tests.rs"]
mod tests;
