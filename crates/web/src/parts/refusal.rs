//! Why a request that moves money was refused, beside the field that it concerns.

use app::commands::{MoneyRefusal, MoneyRequest};

use crate::format::reais;
use crate::stop::Stop;
use crate::texts::{Texts, fill};

/// Which field the words stand beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    Amount,
    /// The key, code, payee or payment that was named.
    Target,
    /// No field: the whole form.
    Form,
}

/// The words, or a page instead of the form.
pub fn words(refusal: MoneyRefusal, t: &Texts) -> Result<(Beside, String), Stop> {
    let said = match refusal {
        MoneyRefusal::IdempotencyConflict => (Beside::Form, t.pay.used_key.to_owned()),
        MoneyRefusal::InsufficientFunds { available } => {
            (Beside::Amount, fill(t.pay.not_enough, &[&reais(available)]))
        }
        MoneyRefusal::LimitExceeded { kind, left } => {
            let text = match kind {
                "day" => t.pay.over_day,
                "night" => t.pay.over_night,
                _ => t.pay.over_transaction,
            };
            (Beside::Amount, fill(text, &[&reais(left)]))
        }
        MoneyRefusal::Invalid { field, code, .. } => invalid(field, code, t),
        MoneyRefusal::NotFound("payee") => (Beside::Target, t.transfer.unknown.to_owned()),
        MoneyRefusal::NotFound(_) => return Err(Stop::NotFound),
        MoneyRefusal::RateLimited { .. } => (Beside::Target, t.transfer.too_often.to_owned()),
        MoneyRefusal::Store(error) => return Err(error.into()),
    };
    Ok(said)
}

fn invalid(field: &str, code: &str, t: &Texts) -> (Beside, String) {
    let (beside, text) = match (field, code) {
        ("amount_cents", "required") => (Beside::Amount, t.errors.amount_needed),
        ("amount_cents", "too_small") => (Beside::Amount, t.errors.amount_zero),
        ("amount_cents", "differs_from_br_code" | "amount_mismatch") => {
            (Beside::Amount, t.pay.code_says)
        }
        ("amount_cents", "above_remainder") => (Beside::Amount, t.refund.too_much),
        ("amount_cents", _) => (Beside::Amount, t.errors.amount_too_large),
        (_, "CASH_CODE") => (Beside::Target, t.pay.cash_code),
        (_, "own_code" | "same_wallet") => (Beside::Target, t.pay.own_code),
        (_, "not_payable") => (Beside::Target, t.pay.not_payable),
        ("br_code", _) => (Beside::Target, t.pay.unreadable_code),
        (_, "paid_inside") => (Beside::Form, t.refund.inside),
        (_, "pay_in_disputed") => (Beside::Form, t.refund.disputed),
        (_, "refund_open") => (Beside::Form, t.refund.one_open),
        (_, "refund_window_over") => (Beside::Form, t.refund.too_late),
        _ => (Beside::Form, t.refund.not_possible),
    };
    (beside, text.to_owned())
}

/// What a form asks for besides its own facts.
pub fn common(key: String, description: Option<String>) -> MoneyRequest {
    MoneyRequest {
        idempotency_key: key,
        wallet_id: None,
        reference: None,
        metadata: None,
        description,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::PT;
    use domain::money::Money;

    #[test]
    fn a_refusal_stands_beside_what_it_is_about() {
        let left = Money::from_cents(1_050).unwrap();
        let night = MoneyRefusal::LimitExceeded {
            kind: "night",
            left,
        };
        let (beside, text) = words(night, &PT).unwrap();
        assert_eq!(beside, Beside::Amount);
        assert!(text.contains("10,50") && text.contains("noturno"), "{text}");
        let used = words(MoneyRefusal::IdempotencyConflict, &PT).unwrap();
        assert_eq!(used.0, Beside::Form);
        let unknown = words(MoneyRefusal::NotFound("payee"), &PT).unwrap();
        assert_eq!(unknown, (Beside::Target, PT.transfer.unknown.to_owned()));
        let gone = words(MoneyRefusal::NotFound("charge"), &PT);
        assert_eq!(gone, Err(Stop::NotFound));
    }
}
