//! Charges: `POST /v1/payments` with `payment_method_id: "pix"`.
//!
//! A repeat under the same key replays the stored answer, so it also tells the id of a charge
//! whose first answer was lost. Without an id the charge is searched by our reference; the search
//! index lags, so finding nothing proves nothing.

use app::ports::gateway::{
    AttemptReference, CancelAnswer, CannotCarry, ChargeAnswer, ChargeLookup, ChargeOrder,
    ChargeState, CreatedCharge, FoundCharge, Payer, PreparedRequest,
};
use domain::outcome::{Refusal, RefusalReason, UnknownCause};
use domain::time::Span;
use reqwest::Method;

use super::map::{self, Order};
use super::payout::{cannot, check_reference, encoded, identification, to_json};
use super::session::{Session, number};
use super::{OrderSettings, pay_in, wire};
use crate::answer::{Answer, Failure, Rejection, bounded};
use crate::envelope::{Envelope, Facts, Kind};
use crate::time;
use crate::transport::Call;

pub(super) const SHORTEST_EXPIRY_SECONDS: u32 = 30 * 60;
pub(super) const LONGEST_EXPIRY_SECONDS: u32 = 30 * 24 * 60 * 60;

pub(super) fn prepare(
    settings: &OrderSettings,
    order: &ChargeOrder,
) -> Result<PreparedRequest, CannotCarry> {
    check_reference(&order.attempt_key)?;
    if order.amount.is_zero() {
        return Err(cannot("amount", "must be positive"));
    }
    if !(SHORTEST_EXPIRY_SECONDS..=LONGEST_EXPIRY_SECONDS).contains(&order.expires_in_seconds) {
        return Err(cannot(
            "expires_in_seconds",
            "must be 30 minutes to 30 days",
        ));
    }
    let expires_at = order
        .created_at
        .plus(Span::from_seconds(order.expires_in_seconds));
    let body = wire::NewPayment {
        transaction_amount: number(order.amount),
        payment_method_id: "pix",
        description: order.description.as_deref(),
        external_reference: &order.attempt_key,
        notification_url: settings.notification_url.as_deref(),
        date_of_expiration: time::brasilia(expires_at),
        payer: payer(order.payer.as_ref(), &order.fallback_email),
    };
    let facts = Facts::new(&order.attempt_key, order.amount);
    let envelope = Envelope::new(
        Kind::Charge,
        "/v1/payments".to_owned(),
        to_json(&body),
        facts,
    );
    Ok(envelope
        .with_header("x-idempotency-key", &order.attempt_key)
        .seal())
}

fn payer<'a>(payer: Option<&'a Payer>, fallback_email: &'a str) -> wire::NewPayer<'a> {
    let name = payer.and_then(|payer| payer.name.as_deref()).map(str::trim);
    let (first_name, last_name) = match name {
        Some(name) => name
            .split_once(' ')
            .map_or((Some(name), None), |(first, last)| {
                (Some(first), Some(last))
            }),
        None => (None, None),
    };
    wire::NewPayer {
        email: payer
            .and_then(|payer| payer.email.as_deref())
            .unwrap_or(fallback_email),
        first_name,
        last_name,
        identification: payer
            .and_then(|payer| payer.tax_id.as_ref())
            .map(identification),
    }
}

pub(super) async fn create(session: &Session, request: &PreparedRequest) -> ChargeAnswer {
    let Ok(envelope) = Envelope::open(request) else {
        return ChargeAnswer::NotDone(Refusal {
            reason: RefusalReason::Malformed,
            code: "request_unreadable".to_owned(),
        });
    };
    match session.order("charge", &envelope).await {
        Ok(answer) => classify(&envelope.facts, &answer),
        Err(Failure::NeverSent(cause)) => ChargeAnswer::NeverSent(cause),
        Err(Failure::Unknown(cause)) => ChargeAnswer::Unknown(cause),
    }
}

pub(super) fn classify(facts: &Facts, answer: &Answer) -> ChargeAnswer {
    if !matches!(answer.status, 200 | 201) {
        return match map::reject(Order::Charge, answer) {
            Rejection::NotDone(refusal) => ChargeAnswer::NotDone(refusal),
            Rejection::Unknown(cause) => ChargeAnswer::Unknown(cause),
        };
    }
    let Some(payment) = answer.read::<wire::Payment>() else {
        return ChargeAnswer::Unknown(UnknownCause::UnreadableBody);
    };
    if !is_ours(facts, &payment) {
        return ChargeAnswer::Unknown(UnknownCause::UnrecognizedAnswer);
    }
    if payment.status.as_deref() == Some("rejected") {
        return ChargeAnswer::NotDone(Refusal {
            reason: RefusalReason::Unexplained,
            code: bounded(payment.status_detail.as_deref().unwrap_or("rejected")),
        });
    }
    created(&payment).unwrap_or(ChargeAnswer::Unknown(UnknownCause::UnrecognizedAnswer))
}

fn created(payment: &wire::Payment) -> Option<ChargeAnswer> {
    if payment.status.as_deref() != Some("pending") {
        return None;
    }
    Some(ChargeAnswer::Created(CreatedCharge {
        gateway_reference: payment.id.as_ref()?.0.clone(),
        br_code: br_code(payment)?,
        expires_at: time::parse(payment.date_of_expiration.as_deref()?)?,
    }))
}

fn br_code(payment: &wire::Payment) -> Option<String> {
    let interaction = payment.point_of_interaction.as_ref()?;
    interaction.transaction_data.as_ref()?.qr_code.clone()
}

fn is_ours(facts: &Facts, payment: &wire::Payment) -> bool {
    let amount = payment.transaction_amount.and_then(|amount| amount.0);
    payment.external_reference.as_deref() == Some(facts.attempt_key.as_str())
        && amount.map(|amount| amount.cents()) == Some(facts.amount_cents)
        && payment.currency_id.as_deref() == Some("BRL")
}

pub(super) async fn look_up(session: &Session, attempt: &AttemptReference) -> ChargeLookup {
    let payments = match find(session, attempt).await {
        Ok(payments) => payments,
        Err(cause) => return ChargeLookup::Unclear(cause),
    };
    let Some(shown) = payments
        .iter()
        .find(|payment| state(payment) == ChargeState::Paid)
        .or(payments.first())
    else {
        return ChargeLookup::NotFound;
    };
    let mut pay_ins = Vec::new();
    for payment in &payments {
        match pay_in::observed(session, payment).await {
            Ok(observed) => pay_ins.extend(observed),
            Err(_) => return ChargeLookup::Unclear(UnknownCause::UnrecognizedAnswer),
        }
    }
    ChargeLookup::Found(FoundCharge {
        gateway_reference: shown
            .id
            .as_ref()
            .map_or_else(String::new, |id| id.0.clone()),
        state: state(shown),
        br_code: br_code(shown),
        expires_at: shown.date_of_expiration.as_deref().and_then(time::parse),
        pay_ins,
    })
}

/// By id when it is known, else by reference; only what is ours in reference, amount and currency.
async fn find(
    session: &Session,
    attempt: &AttemptReference,
) -> Result<Vec<wire::Payment>, UnknownCause> {
    let facts = Facts::new(&attempt.attempt_key, attempt.amount);
    let found = match &attempt.gateway_reference {
        Some(id) => by_id(session, id).await?.into_iter().collect(),
        None => by_reference(session, &attempt.attempt_key).await?,
    };
    if found
        .iter()
        .all(|payment| payment.id.is_some() && is_ours(&facts, payment))
    {
        return Ok(found);
    }
    tracing::error!(
        gateway = "mercado_pago",
        attempt_key = attempt.attempt_key,
        "a payment under our reference has another amount or currency"
    );
    Err(UnknownCause::UnrecognizedAnswer)
}

async fn by_id(session: &Session, id: &str) -> Result<Option<wire::Payment>, UnknownCause> {
    let path = format!("/v1/payments/{}", encoded(id));
    let answer = session
        .get("charge_lookup", &path)
        .await
        .map_err(Failure::cause)?;
    match answer.status {
        200 => answer.read().map(Some).ok_or(UnknownCause::UnreadableBody),
        404 => Ok(None),
        status => Err(unlisted(status)),
    }
}

async fn by_reference(
    session: &Session,
    reference: &str,
) -> Result<Vec<wire::Payment>, UnknownCause> {
    let path = format!(
        "/v1/payments/search?external_reference={}&sort=date_created&criteria=desc",
        encoded(reference)
    );
    let answer = session
        .get("charge_search", &path)
        .await
        .map_err(Failure::cause)?;
    if answer.status != 200 {
        return Err(unlisted(answer.status));
    }
    let search: wire::Search = answer.read().ok_or(UnknownCause::UnreadableBody)?;
    Ok(search.results)
}

fn unlisted(status: u16) -> UnknownCause {
    match Rejection::unlisted(status) {
        Rejection::Unknown(cause) => cause,
        Rejection::NotDone(_) => UnknownCause::UnrecognizedAnswer,
    }
}

/// By `status` alone: the list of details is open. A payment that was refunded or disputed has
/// been paid; what was taken back stands in its returns.
fn state(payment: &wire::Payment) -> ChargeState {
    let expired = payment.status_detail.as_deref() == Some("expired");
    match payment.status.as_deref() {
        Some("pending" | "in_process" | "authorized") => ChargeState::Active,
        Some("approved" | "in_mediation" | "refunded" | "charged_back") => ChargeState::Paid,
        Some("cancelled") if expired => ChargeState::Expired,
        Some("cancelled") => ChargeState::Removed,
        Some("rejected") => ChargeState::Rejected,
        Some(_) | None => ChargeState::Unrecognized,
    }
}

pub(super) async fn cancel(session: &Session, attempt: &AttemptReference) -> CancelAnswer {
    let id = match &attempt.gateway_reference {
        Some(id) => id.clone(),
        None => match find(session, attempt).await {
            Ok(payments) => match payments.into_iter().next().and_then(|payment| payment.id) {
                Some(id) => id.0,
                None => return CancelAnswer::NotFound,
            },
            Err(cause) => return CancelAnswer::Unclear(cause),
        },
    };
    let path = format!("/v1/payments/{}", encoded(&id));
    let key = format!("{}-cancel", attempt.attempt_key);
    let call = Call::with_body(
        "charge_cancel",
        Method::PUT,
        &path,
        r#"{"status":"cancelled"}"#,
    )
    .header("x-idempotency-key", &key);
    match session.call(call).await {
        Ok(answer) => read_cancel(&answer),
        Err(failure) => CancelAnswer::Unclear(failure.cause()),
    }
}

pub(super) fn read_cancel(answer: &Answer) -> CancelAnswer {
    match answer.status {
        200 => match answer.read::<wire::Payment>() {
            Some(payment) if payment.status.as_deref() == Some("cancelled") => {
                CancelAnswer::Cancelled
            }
            Some(_) => CancelAnswer::Unclear(UnknownCause::UnrecognizedAnswer),
            None => CancelAnswer::Unclear(UnknownCause::UnreadableBody),
        },
        // Only pending payments can be cancelled; the caller looks up what it has become.
        400 => CancelAnswer::NotCancellable,
        404 => CancelAnswer::NotFound,
        status => CancelAnswer::Unclear(unlisted(status)),
    }
}

#[cfg(test)]
#[path = "charge_tests.rs"]
mod tests;
