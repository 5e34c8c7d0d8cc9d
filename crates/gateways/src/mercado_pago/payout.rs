//! Payouts: `POST /v1/transaction-intents/process`, `GET /v1/transaction-intents/{id}`.
//!
//! The answer to the POST tells the id and is at best an acceptance, whatever status it carries:
//! a repeat under the same key may be answered with a stored state. Only the GET is believed. The
//! vendor's status tables contradict each other; the rule here takes the narrowest reading of
//! *done* and treats a bare `approved` as merely created.

use app::ports::gateway::{
    AttemptReference, CannotCarry, Destination, ObservedReturn, PayoutLookup, PayoutOrder,
    PreparedRequest,
};
use domain::money::Money;
use domain::outcome::{
    Acceptance, Evidence, Execution, Refusal, RefusalReason, SendVerdict, UnknownCause,
};
use domain::pix::key::{PixKey, PixKeyKind};
use domain::tax_id::TaxId;

use super::map::{self, Order};
use super::session::{Session, number};
use super::{OrderSettings, wire};
use crate::answer::{Answer, Rejection, bounded};
use crate::envelope::{Envelope, Facts, Kind};

const PATH: &str = "/v1/transaction-intents/process";
const LONGEST_REFERENCE: usize = 64;

pub(super) fn prepare(
    settings: &OrderSettings,
    order: &PayoutOrder,
) -> Result<PreparedRequest, CannotCarry> {
    check_reference(&order.attempt_key)?;
    if order.amount.is_zero() {
        return Err(cannot("amount", "must be positive"));
    }
    let Destination::Key { key, owner } = &order.destination else {
        return Err(cannot(
            "destination",
            "Mercado Pago pays to a key, not to a dynamic BR Code",
        ));
    };
    let body = to_json(&intent(settings, order, key, owner.as_ref()));
    let mut facts = Facts::new(&order.attempt_key, order.amount);
    facts.key = Some(key.as_str().to_owned());
    let signature = settings
        .signer
        .as_ref()
        .map(|signer| signer.sign(body.as_bytes()));
    let flag = |set: bool| if set { "true" } else { "false" };
    let envelope = Envelope::new(Kind::Payout, PATH.to_owned(), body, facts)
        .with_header("x-idempotency-key", &order.attempt_key)
        .with_header("x-enforce-signature", flag(settings.enforce_signature))
        .with_header("x-test-token", flag(settings.test_token));
    Ok(match signature {
        Some(signature) => envelope.with_header("x-signature", signature),
        None => envelope,
    }
    .seal())
}

/// The three amounts are equal, and there is one destination.
fn intent<'a>(
    settings: &'a OrderSettings,
    order: &'a PayoutOrder,
    key: &'a PixKey,
    owner: Option<&'a TaxId>,
) -> wire::NewIntent<'a> {
    let notification_url = settings.notification_url.as_deref();
    wire::NewIntent {
        external_reference: &order.attempt_key,
        point_of_interaction: wire::PointOfInteraction {
            r#type: "PSP_TRANSFER",
        },
        seller_configuration: notification_url.map(|notification_url| wire::SellerConfiguration {
            notification_info: wire::NotificationInfo { notification_url },
        }),
        transaction: wire::NewTransaction {
            from: wire::Accounts {
                accounts: [wire::From {
                    amount: number(order.amount),
                }],
            },
            to: wire::Accounts {
                accounts: [wire::To {
                    r#type: "current",
                    amount: number(order.amount),
                    chave: wire::Chave {
                        r#type: key_type(key.kind()),
                        value: key.as_str(),
                    },
                    owner: owner.map(|owner| wire::Owner {
                        identification: identification(owner),
                    }),
                }],
            },
            total_amount: number(order.amount),
        },
    }
}

/// `external_reference` of a payout: at most 64 letters, digits, hyphens and underscores.
pub(super) fn check_reference(reference: &str) -> Result<(), CannotCarry> {
    let fits = (1..=LONGEST_REFERENCE).contains(&reference.len())
        && reference
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if fits {
        Ok(())
    } else {
        Err(cannot("attempt_key", "must be 1 to 64 of [A-Za-z0-9_-]"))
    }
}

pub(super) fn cannot(field: &'static str, message: &str) -> CannotCarry {
    CannotCarry {
        field,
        message: message.to_owned(),
    }
}

pub(super) fn to_json(body: &impl serde::Serialize) -> String {
    serde_json::to_string(body).expect("texts and numbers always serialize")
}

fn key_type(kind: PixKeyKind) -> &'static str {
    match kind {
        PixKeyKind::Cpf => "CPF",
        PixKeyKind::Cnpj => "CNPJ",
        PixKeyKind::Phone => "PHONE",
        PixKeyKind::Email => "EMAIL",
        PixKeyKind::Evp => "PIX_CODE",
    }
}

pub(super) fn identification(tax_id: &TaxId) -> wire::Identification<'_> {
    wire::Identification {
        r#type: match tax_id {
            TaxId::Cpf(_) => "CPF",
            TaxId::Cnpj(_) => "CNPJ",
        },
        number: tax_id.as_str(),
    }
}

pub(super) async fn send(session: &Session, request: &PreparedRequest) -> SendVerdict {
    let Ok(envelope) = Envelope::open(request) else {
        return unreadable_request();
    };
    match session.order("payout", &envelope).await {
        Ok(answer) => classify(&envelope.facts, &answer),
        Err(failure) => failure.into(),
    }
}

/// Nothing was sent, and nothing ever can be from these bytes.
pub(super) fn unreadable_request() -> SendVerdict {
    Rejection::not_done(RefusalReason::Malformed, "request_unreadable").into()
}

/// What one answer to the POST proves about that transmission. Any status is an acceptance once
/// reference and amount are ours, even one that nobody documented: the id is the only way to ask
/// again, and an acceptance claims nothing about the end.
pub(super) fn classify(facts: &Facts, answer: &Answer) -> SendVerdict {
    if !answer.is_success() {
        return map::reject(Order::Payout, answer).into();
    }
    let Some(intent) = answer.read::<wire::Intent>() else {
        return SendVerdict::Unknown(UnknownCause::UnreadableBody);
    };
    let amount = Money::from_cents(facts.amount_cents).ok();
    match &intent.id {
        Some(id) if !id.0.is_empty() && is_ours(&facts.attempt_key, amount, &intent) => {
            SendVerdict::Accepted(Acceptance {
                gateway_reference: Some(id.0.clone()),
                end_to_end_id: None,
            })
        }
        Some(_) | None => SendVerdict::Unknown(UnknownCause::UnrecognizedAnswer),
    }
}

fn is_ours(attempt_key: &str, amount: Option<Money>, intent: &wire::Intent) -> bool {
    let told = intent
        .transaction
        .as_ref()
        .and_then(|transaction| transaction.total_amount)
        .and_then(|total| total.0);
    intent.external_reference.as_deref() == Some(attempt_key) && amount.is_some() && told == amount
}

pub(super) async fn look_up(session: &Session, attempt: &AttemptReference) -> PayoutLookup {
    // Without the id there is nothing to ask for: that shows neither presence nor absence.
    let Some(id) = &attempt.gateway_reference else {
        return only(Evidence::Unclear(UnknownCause::UnrecognizedAnswer));
    };
    let path = format!("/v1/transaction-intents/{}", encoded(id));
    match session.get("payout_lookup", &path).await {
        Ok(answer) => read_lookup(attempt, id, &answer),
        Err(failure) => only(Evidence::Unclear(failure.cause())),
    }
}

/// Ids are letters, digits and hyphens; anything else is escaped.
pub(super) fn encoded(id: &str) -> String {
    url::form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

fn only(evidence: Evidence) -> PayoutLookup {
    PayoutLookup {
        evidence,
        gateway_reference: None,
        payee_name: None,
        returns: Vec::new(),
    }
}

pub(super) fn read_lookup(attempt: &AttemptReference, id: &str, answer: &Answer) -> PayoutLookup {
    match answer.status {
        200 => {}
        404 => return only(Evidence::NotFound),
        status => return only(unclear(status)),
    }
    let Some(intent) = answer.read::<wire::Intent>() else {
        return only(Evidence::Unclear(UnknownCause::UnreadableBody));
    };
    let same_id = intent.id.as_ref().is_some_and(|told| told.0 == id);
    if !same_id
        || !has_our_payee(attempt, &intent)
        || !is_ours(&attempt.attempt_key, Some(attempt.amount), &intent)
    {
        tracing::error!(
            gateway = "mercado_pago",
            attempt_key = attempt.attempt_key,
            "a payout under our id has another reference or amount"
        );
        return only(Evidence::Unclear(UnknownCause::UnrecognizedAnswer));
    }
    let end = end(&intent);
    PayoutLookup {
        evidence: evidence(&end, id),
        gateway_reference: Some(id.to_owned()),
        payee_name: receiver(&intent)
            .and_then(|receiver| receiver.owner.as_ref())
            .and_then(|owner| owner.name.clone()),
        returns: returns(&end, &intent, id, attempt.amount),
    }
}

fn has_our_payee(attempt: &AttemptReference, intent: &wire::Intent) -> bool {
    let told = receiver(intent)
        .and_then(|receiver| receiver.chave.as_ref())
        .and_then(|chave| chave.value.as_deref());
    match (Envelope::open(&attempt.request), told) {
        (Ok(envelope), Some(told)) => envelope.facts.is_paid_to(told),
        (Ok(_), None) => true,
        (Err(_), _) => false,
    }
}

/// A lookup's answer that is neither the movement nor its absence.
pub(super) fn unclear(status: u16) -> Evidence {
    match Rejection::unlisted(status) {
        Rejection::Unknown(cause) => Evidence::Unclear(cause),
        Rejection::NotDone(_) => Evidence::Unclear(UnknownCause::UnrecognizedAnswer),
    }
}

fn receiver(intent: &wire::Intent) -> Option<&wire::Receiver> {
    match intent
        .transaction
        .as_ref()?
        .to
        .as_ref()?
        .accounts
        .as_slice()
    {
        [receiver] => Some(receiver),
        _ => None,
    }
}

/// What status and details together say.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Done,
    DoneThenReturned,
    Refused(RefusalReason, String),
    InProgress,
    Unclear,
}

/// The rule. Details stand on the intent or on the receiving account; both are heard, and a detail
/// that speaks of a part makes everything unclear, since each order has one destination.
fn end(intent: &wire::Intent) -> End {
    let own = intent.status_detail.as_deref();
    let receiver = receiver(intent);
    let account = receiver.and_then(|receiver| receiver.status_detail.as_deref());
    let status = intent.status.as_deref().unwrap_or("");
    let partial = [Some(status), own, account]
        .into_iter()
        .flatten()
        .any(|text| text.starts_with("partially_"));
    if partial {
        return End::Unclear;
    }
    let detail = own.or(account);
    match status {
        "processed" | "approved" if own == Some("approved") || account == Some("approved") => {
            End::Done
        }
        "success" if detail == Some("accredited") || account == Some("approved") => End::Done,
        "refunded" | "reverted" => End::DoneThenReturned,
        "rejected" | "failed" | "error" | "canceled" | "cancelled" => refused(status, own, account),
        "new"
        | "created"
        | "approved"
        | "in_process"
        | "transaction_in_process"
        | "pending"
        | "processed" => End::InProgress,
        "success" if matches!(detail, None | Some("in_progress")) => End::InProgress,
        _ => End::Unclear,
    }
}

/// A failure, unless the receiving account claims the opposite.
fn refused(status: &str, own: Option<&str>, account: Option<&str>) -> End {
    if [own, account]
        .into_iter()
        .flatten()
        .any(|detail| matches!(detail, "approved" | "accredited"))
    {
        return End::Unclear;
    }
    let detail = own.or(account);
    let code = detail.map_or_else(|| status.to_owned(), |detail| format!("{status}/{detail}"));
    End::Refused(reason(detail.unwrap_or("")), code)
}

fn reason(detail: &str) -> RefusalReason {
    match detail {
        "by_bank" => RefusalReason::PayeeRefused,
        "high_risk" | "by_high_risk" | "by_compliance" | "review_manual" => {
            RefusalReason::RiskRefused
        }
        "insufficient_funds" => RefusalReason::InsufficientFloat,
        "by_caps" => RefusalReason::GatewayLimit,
        "by_provider" => RefusalReason::PayeeBankUnavailable,
        _ => RefusalReason::Unexplained,
    }
}

fn evidence(end: &End, id: &str) -> Evidence {
    match end {
        End::Done | End::DoneThenReturned => Evidence::Settled(Execution {
            gateway_reference: Some(id.to_owned()),
            end_to_end_id: None,
        }),
        End::InProgress => Evidence::InProgress(Acceptance {
            gateway_reference: Some(id.to_owned()),
            end_to_end_id: None,
        }),
        End::Refused(reason, code) => Evidence::Refused(Refusal {
            reason: reason.clone(),
            code: bounded(code),
        }),
        End::Unclear => {
            tracing::warn!(
                gateway = "mercado_pago",
                "a payout status that this version does not know"
            );
            Evidence::Unclear(UnknownCause::UnrecognizedAnswer)
        }
    }
}

/// Part of a payout that was done came back. As evidence of its outcome such a status is unclear,
/// but what it tells of the money is no less true.
fn is_partly_returned(intent: &wire::Intent) -> bool {
    let account = receiver(intent).and_then(|receiver| receiver.status_detail.as_deref());
    let words = [
        intent.status.as_deref(),
        intent.status_detail.as_deref(),
        account,
    ];
    let mut words = words.into_iter().flatten();
    words.any(|word| matches!(word, "partially_refunded" | "partially_reverted"))
}

/// Mercado Pago tells a total, not single returns: one entry whose amount grows.
fn returns(end: &End, intent: &wire::Intent, id: &str, whole: Money) -> Vec<ObservedReturn> {
    let told = intent
        .transaction
        .as_ref()
        .and_then(|transaction| transaction.refunded_amount)
        .and_then(|amount| amount.0)
        .filter(|amount| !amount.is_zero());
    let amount = match (end, told) {
        (End::Done | End::DoneThenReturned, Some(amount)) => amount,
        (End::Unclear, Some(amount)) if is_partly_returned(intent) => amount,
        (End::DoneThenReturned, None) => whole,
        (End::Done | End::InProgress | End::Refused(..) | End::Unclear, _) => return Vec::new(),
    };
    vec![ObservedReturn {
        key: format!("{id}:returned"),
        attempt_key: None,
        amount,
        done: true,
    }]
}

#[cfg(test)]
#[path = "payout_tests.rs"]
mod tests;
