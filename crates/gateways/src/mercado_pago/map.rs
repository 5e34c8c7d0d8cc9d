//! What a refusal by Mercado Pago proves, for each kind of order.
//!
//! 400 means anything from a typing error to a rate limit, so the code in the body decides, never
//! the status alone. The payouts API names its refusals in words, whose spelling varies between
//! `Invalid chave` and `invalid_chave`; they are compared without case and punctuation, and must
//! match whole. Names that contradict each other prove nothing. Whatever no row names is unknown.

use domain::outcome::{RefusalReason, UnknownCause};

use super::wire::ErrorBody;
use crate::answer::{Answer, Rejection};

/// Every name that an error body gives the refusal: normalized texts and numeric codes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names(Vec<String>);

impl Names {
    pub(super) fn read(answer: &Answer) -> Names {
        let Some(body) = answer.read::<ErrorBody>() else {
            return Names::default();
        };
        let mut names = Vec::new();
        for cause in body.cause {
            names.extend(cause.code.map(|code| normalized(&code.0)));
            names.extend(cause.description.map(|text| normalized(&text)));
        }
        names.extend(body.code.map(|code| normalized(&code.0)));
        names.extend(body.error.map(|text| normalized(&text)));
        names.extend(body.message.map(|text| normalized(&text)));
        names.dedup();
        Names(names)
    }

    /// The reason that a table gives these names, with the name it was found under.
    fn reason(
        &self,
        table: impl Fn(&str) -> Option<RefusalReason>,
    ) -> Option<(RefusalReason, &str)> {
        let mut found: Option<(RefusalReason, &str)> = None;
        for name in &self.0 {
            match (table(name), &found) {
                (None, _) => {}
                (Some(reason), None) => found = Some((reason, name)),
                (Some(reason), Some((first, _))) if reason == *first => {}
                (Some(_), Some(_)) => return None,
            }
        }
        found
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|own| own == name)
    }
}

/// Lower case, with everything but letters and digits as single underscores.
fn normalized(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_alphanumeric() {
            out.push(character.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
    }
    out.truncate(out.trim_end_matches('_').len());
    out
}

/// The kinds of order, whose tables differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Payout,
    Charge,
    Refund,
}

/// Classifies an answer that is not a recognized success.
pub(super) fn reject(order: Order, answer: &Answer) -> Rejection {
    let names = Names::read(answer);
    match answer.status {
        401 | 403 => Rejection::not_done(RefusalReason::NotAuthorized, "unauthorized"),
        429 if names.has("too_many_requests") => {
            Rejection::not_done(RefusalReason::TryLater, "too_many_requests")
        }
        400 => by_name(order, answer, &names),
        404 if order == Order::Refund => by_name(order, answer, &names),
        409 if names.has("idempotency_key_already_used") => {
            Rejection::Unknown(UnknownCause::DuplicateKey)
        }
        // A request with this key is under way, or was.
        423 | 424 => Rejection::Unknown(UnknownCause::Locked),
        status => Rejection::unlisted(status),
    }
}

fn by_name(order: Order, answer: &Answer, names: &Names) -> Rejection {
    let found = match order {
        Order::Payout => names.reason(payout),
        Order::Charge => names.reason(charge),
        Order::Refund => names.reason(refund),
    };
    match found {
        Some((reason, name)) => Rejection::not_done(reason, name),
        None => {
            tracing::warn!(
                gateway = "mercado_pago",
                status = answer.status,
                "a refusal that no table knows"
            );
            Rejection::unlisted(answer.status)
        }
    }
}

fn payout(name: &str) -> Option<RefusalReason> {
    Some(match name {
        "invalid_site" | "unauthorized" | "invalid_token" | "invalid_signature" => {
            RefusalReason::NotAuthorized
        }
        "client_not_allowed"
        | "account_is_disabled"
        | "compliance_not_processed"
        | "flow_not_specified" => RefusalReason::AccountNotEnabled,
        "invalid_body"
        | "invalid_payload"
        | "invalid_external_reference"
        | "invalid_point_of_interaction"
        | "invalid_amount"
        | "idempotency_key_required"
        | "4292" => RefusalReason::Malformed,
        "invalid_chave" => RefusalReason::PayeeKeyNotFound,
        "invalid_identification" => RefusalReason::PayeeMismatch,
        "participant_is_not_available" | "key_psp_error" => RefusalReason::PayeeBankUnavailable,
        "many_requests" | "too_many_requests" | "rate_limit" => RefusalReason::TryLater,
        _ => return None,
    })
}

/// Cause codes of the Payments API. No money moves here, but a refusal taken for proof lets the
/// charge be made elsewhere without looking for an orphan, so the list is closed all the same.
fn charge(name: &str) -> Option<RefusalReason> {
    Some(match name {
        // 4292: no idempotency key; 2067: identification number; 23: date format.
        "4292" | "2067" | "23" => RefusalReason::Malformed,
        // 13253: the account has no PIX key; 7: credentials of the wrong kind; 2034: test and live
        // users mixed.
        "13253" | "7" | "2034" => RefusalReason::AccountNotEnabled,
        "many_requests" | "too_many_requests" | "rate_limit" => RefusalReason::TryLater,
        _ => return None,
    })
}

fn refund(name: &str) -> Option<RefusalReason> {
    Some(match name {
        "4292" => RefusalReason::Malformed,
        // 2063: not in this state; 2017: more than there is; 2000: no such payment.
        "2063" | "2017" | "2000" => RefusalReason::RefundNotAllowed,
        "many_requests" | "too_many_requests" | "rate_limit" => RefusalReason::TryLater,
        _ => return None,
    })
}

#[cfg(test)]
#[path = "map_tests.rs"]
mod tests;
