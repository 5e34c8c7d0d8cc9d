//! Refunds: `POST /v1/payments/{id}/refunds`, under `X-Idempotency-Key`.
//!
//! A refund carries no id of ours, so the list of refunds that stood there before is part of the
//! prepared request, and a lost answer is resolved by comparing lists: one new refund of our amount
//! is ours; none, or several, decide nothing. The amount is always written out, also for a full
//! refund: an empty body would give back whatever is left at that moment.

use app::ports::gateway::{
    AttemptReference, CannotCarry, GatewayTrouble, ObservedReturn, PreparedRequest, RefundOrder,
};
use domain::outcome::{
    Acceptance, Evidence, Execution, Refusal, RefusalReason, SendVerdict, UnknownCause,
};

use super::map::{self, Order};
use super::payout::{cannot, check_reference, encoded, to_json, unclear, unreadable_request};
use super::session::{Session, number};
use super::{trouble, wire};
use crate::answer::Answer;
use crate::envelope::{Envelope, Facts, Kind};

pub(super) fn prepare(
    order: &RefundOrder,
    before: &[ObservedReturn],
) -> Result<PreparedRequest, CannotCarry> {
    check_reference(&order.attempt_key)?;
    if order.amount.is_zero() {
        return Err(cannot("amount", "must be positive"));
    }
    if order.pay_in_key.is_empty() {
        return Err(cannot("pay_in_key", "is empty"));
    }
    let mut facts = Facts::new(&order.attempt_key, order.amount);
    facts.pay_in_key = Some(order.pay_in_key.clone());
    facts.before = before.iter().map(|item| item.key.clone()).collect();
    let body = to_json(&wire::NewRefund {
        amount: number(order.amount),
    });
    let envelope = Envelope::new(Kind::Refund, path(&order.pay_in_key), body, facts);
    Ok(envelope
        .with_header("x-idempotency-key", &order.attempt_key)
        // Without it a refund that is under way is answered like a refused one.
        .with_header("x-render-in-process-refunds", "true")
        .seal())
}

fn path(payment_id: &str) -> String {
    format!("/v1/payments/{}/refunds", encoded(payment_id))
}

pub(super) async fn send(session: &Session, request: &PreparedRequest) -> SendVerdict {
    let Ok(envelope) = Envelope::open(request) else {
        return unreadable_request();
    };
    match session.order("refund", &envelope).await {
        Ok(answer) => classify(&envelope.facts, &answer),
        Err(failure) => failure.into(),
    }
}

/// Only a 201 with our payment and amount says something good.
pub(super) fn classify(facts: &Facts, answer: &Answer) -> SendVerdict {
    // A repeat under a used key: 200, and nothing in it.
    if answer.status == 200 && answer.is_empty() {
        return SendVerdict::Unknown(UnknownCause::DuplicateKey);
    }
    if answer.status != 201 {
        return map::reject(Order::Refund, answer).into();
    }
    let Some(refund) = answer.read::<wire::Refund>() else {
        return SendVerdict::Unknown(UnknownCause::UnreadableBody);
    };
    if refund.id.is_none() || !is_ours(facts, &refund) {
        return SendVerdict::Unknown(UnknownCause::UnrecognizedAnswer);
    }
    let gateway_reference = refund.id.map(|id| id.0);
    match refund.status.as_deref() {
        Some("approved") => SendVerdict::Settled(Execution {
            gateway_reference,
            end_to_end_id: None,
        }),
        // Its end, a rejection too, is told by the lookup.
        Some("in_process" | "rejected") => SendVerdict::Accepted(Acceptance {
            gateway_reference,
            end_to_end_id: None,
        }),
        Some(_) | None => SendVerdict::Unknown(UnknownCause::UnrecognizedAnswer),
    }
}

fn is_ours(facts: &Facts, refund: &wire::Refund) -> bool {
    let payment = refund.payment_id.as_ref().map(|id| id.0.as_str());
    let amount = refund.amount.and_then(|amount| amount.0);
    let same_payment = payment.is_none() || payment == facts.pay_in_key.as_deref();
    same_payment && amount.map(|amount| amount.cents()) == Some(facts.amount_cents)
}

/// Every refund of a payment.
pub(super) async fn list(
    session: &Session,
    payment_id: &str,
) -> Result<Vec<wire::Refund>, GatewayTrouble> {
    let answer = session
        .get("refund_list", &path(payment_id))
        .await
        .map_err(|failure| trouble(failure.as_str()))?;
    match read_list(&answer) {
        Ok(refunds) => Ok(refunds),
        Err(_) => Err(trouble(format!("refund list answered {}", answer.status))),
    }
}

fn read_list(answer: &Answer) -> Result<Vec<wire::Refund>, Evidence> {
    if answer.status != 200 {
        return Err(unclear(answer.status));
    }
    answer
        .read()
        .ok_or(Evidence::Unclear(UnknownCause::UnreadableBody))
}

pub(super) async fn look_up(session: &Session, attempt: &AttemptReference) -> Evidence {
    let facts = match Envelope::open(&attempt.request) {
        Ok(envelope) => envelope.facts,
        Err(_) => return Evidence::Unclear(UnknownCause::UnrecognizedAnswer),
    };
    let Some(payment_id) = &facts.pay_in_key else {
        return Evidence::Unclear(UnknownCause::UnrecognizedAnswer);
    };
    match &attempt.gateway_reference {
        Some(id) => {
            let path = format!("{}/{}", path(payment_id), encoded(id));
            match session.get("refund_lookup", &path).await {
                Ok(answer) => read_one(&facts, id, &answer),
                Err(failure) => Evidence::Unclear(failure.cause()),
            }
        }
        None => match session.get("refund_lookup", &path(payment_id)).await {
            Ok(answer) => match read_list(&answer) {
                Ok(refunds) => compare(&facts, &refunds),
                Err(evidence) => evidence,
            },
            Err(failure) => Evidence::Unclear(failure.cause()),
        },
    }
}

fn read_one(facts: &Facts, id: &str, answer: &Answer) -> Evidence {
    match answer.status {
        200 => {}
        404 => return Evidence::NotFound,
        status => return unclear(status),
    }
    let Some(refund) = answer.read::<wire::Refund>() else {
        return Evidence::Unclear(UnknownCause::UnreadableBody);
    };
    let same_id = refund.id.as_ref().is_some_and(|told| told.0 == id);
    if !same_id || !is_ours(facts, &refund) {
        return Evidence::Unclear(UnknownCause::UnrecognizedAnswer);
    }
    match refund.status.as_deref() {
        Some("rejected") => Evidence::Refused(Refusal {
            reason: RefusalReason::Unexplained,
            code: "rejected".to_owned(),
        }),
        status => by_status(status, id),
    }
}

/// The refunds that were not there before: ours is the only one of our amount, if there is one.
/// A rejected one is not taken for ours without an id: ours may still be on its way.
fn compare(facts: &Facts, refunds: &[wire::Refund]) -> Evidence {
    let fresh = refunds.iter().filter(|refund| {
        let id = refund.id.as_ref().map(|id| id.0.as_str());
        let known = id.is_some_and(|id| facts.before.iter().any(|before| before == id));
        !known && is_ours(facts, refund)
    });
    match fresh.collect::<Vec<_>>().as_slice() {
        [] => Evidence::NotFound,
        [only] => match &only.id {
            Some(id) => by_status(only.status.as_deref(), &id.0),
            None => Evidence::Unclear(UnknownCause::UnrecognizedAnswer),
        },
        _ => Evidence::Unclear(UnknownCause::UnrecognizedAnswer),
    }
}

fn by_status(status: Option<&str>, id: &str) -> Evidence {
    let gateway_reference = Some(id.to_owned());
    match status {
        Some("approved") => Evidence::Settled(Execution {
            gateway_reference,
            end_to_end_id: None,
        }),
        Some("in_process") => Evidence::InProgress(Acceptance {
            gateway_reference,
            end_to_end_id: None,
        }),
        Some(_) | None => Evidence::Unclear(UnknownCause::UnrecognizedAnswer),
    }
}

#[cfg(test)]
#[path = "refund_tests.rs"]
mod tests;
