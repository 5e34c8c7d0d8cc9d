//! Readers of single fields: from a JSON value to a typed one, or the reason why not.
//!
//! Nothing is coerced: an amount is a JSON integer, never a string or a fraction, and a text is
//! never a number. Personal data that was refused is never repeated in the reason.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use app::commands::Scope;
use domain::gateway::Gateway;
use domain::ids::{PayInId, ProposalId, TransactionId, WalletId};
use domain::money::Money;
use domain::pix::br_code::{BrCode, Decoded, Payment};
use domain::pix::key::{PixKey, PixKeyError, PixKeyKind};
use domain::status::{Kind, Status};
use domain::tax_id::TaxId;
use domain::time::Moment;
use domain::webhook::DeliveryState;
use serde_json::{Number, Value};

use crate::wire::time;

/// Why a field cannot be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    pub code: &'static str,
    pub message: String,
}

pub type Read<T> = Result<T, Reason>;

pub fn reason(code: &'static str, message: impl Into<String>) -> Reason {
    Reason {
        code,
        message: message.into(),
    }
}

fn string(value: &Value) -> Read<&str> {
    match value {
        Value::String(text) => Ok(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(reason("wrong_type", "must be a string"))
        }
    }
}

/// Text of so many characters, none of them a control character.
pub fn text(value: &Value, characters: RangeInclusive<usize>) -> Read<String> {
    let text = string(value)?;
    let count = text.chars().count();
    if count < *characters.start() || (*characters.start() > 0 && text.trim().is_empty()) {
        let message = format!("must have at least {} character(s)", characters.start());
        return Err(reason("too_short", message));
    }
    if count > *characters.end() {
        let message = format!("must have at most {} characters", characters.end());
        return Err(reason("too_long", message));
    }
    if text.chars().any(char::is_control) {
        return Err(reason(
            "invalid_characters",
            "must not contain control characters",
        ));
    }
    Ok(text.to_owned())
}

/// A password: any characters, only their number counts.
pub fn password(value: &Value, characters: RangeInclusive<usize>) -> Read<String> {
    let text = string(value)?;
    let count = text.chars().count();
    if count < *characters.start() {
        let message = format!("must have at least {} characters", characters.start());
        return Err(reason("too_short", message));
    }
    if count > *characters.end() {
        let message = format!("must have at most {} characters", characters.end());
        return Err(reason("too_long", message));
    }
    Ok(text.to_owned())
}

/// Integer centavos above zero.
pub fn amount(value: &Value) -> Read<Money> {
    let cents = integer(
        value,
        1..=Money::MAX.cents(),
        "an integer number of centavos, like 1050 for R$ 10.50",
    )?;
    Money::from_cents(cents).map_err(|error| reason("too_large", error.to_string()))
}

/// An integer within bounds, `what` in words.
pub fn integer(value: &Value, bounds: RangeInclusive<i64>, what: &str) -> Read<i64> {
    let number = match value {
        Value::Number(number) => number,
        Value::String(_) => {
            return Err(reason(
                "wrong_type",
                format!("must be {what}, written as a JSON number, not as a string"),
            ));
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            return Err(reason("wrong_type", format!("must be {what}")));
        }
    };
    let too_small = || reason("too_small", format!("must be at least {}", bounds.start()));
    let too_large = || reason("too_large", format!("must be at most {}", bounds.end()));
    match (number.as_i64(), shape(number)) {
        (Some(integer), _) if integer < *bounds.start() => Err(too_small()),
        (Some(integer), _) if integer > *bounds.end() => Err(too_large()),
        (Some(integer), _) => Ok(integer),
        (None, Shape::Fraction) => Err(reason(
            "not_an_integer",
            format!("must be {what}, without a decimal point or exponent"),
        )),
        (None, Shape::Below) => Err(too_small()),
        (None, Shape::Above) => Err(too_large()),
    }
}

/// What a number is that is not a 64-bit integer, told from its text.
enum Shape {
    Fraction,
    Below,
    Above,
}

fn shape(number: &Number) -> Shape {
    let text = number.to_string();
    // An exponent is written only for what is tiny or beyond all 64-bit integers.
    if text.contains("e-") || (text.contains('.') && !text.contains('e')) {
        Shape::Fraction
    } else if text.starts_with('-') {
        Shape::Below
    } else {
        Shape::Above
    }
}

/// The longest tax id with punctuation, with room to spare.
const LONGEST_TAX_ID: usize = 40;

pub fn tax_id(value: &Value) -> Read<TaxId> {
    let text = bounded(value, LONGEST_TAX_ID)?;
    TaxId::parse(text)
        .map_err(|error| reason("invalid_tax_id", format!("{error} ({})", error.code())))
}

/// A string that is short enough to be looked at by a parser of short things.
fn bounded(value: &Value, longest: usize) -> Read<&str> {
    let text = string(value)?;
    if text.len() > longest {
        return Err(reason(
            "too_long",
            format!("must have at most {longest} characters"),
        ));
    }
    Ok(text)
}

/// The longest spelling of a key: 77 characters and punctuation.
const LONGEST_KEY_SPELLING: usize = 400;

/// A PIX key, of the given kind or recognized by its shape.
pub fn pix_key(value: &Value, kind: Option<PixKeyKind>) -> Read<PixKey> {
    let text = bounded(value, LONGEST_KEY_SPELLING)?;
    let parsed = match kind {
        Some(kind) => PixKey::parse_as(kind, text),
        None => PixKey::recognize(text),
    };
    parsed.map_err(invalid_key)
}

fn invalid_key(error: PixKeyError) -> Reason {
    let hint = error
        .hint()
        .map_or_else(String::new, |hint| format!(", hint {}", hint.code()));
    reason(
        "invalid_pix_key",
        format!("{error} ({}{hint})", error.code()),
    )
}

/// Longer than any code that a QR symbol of a phone's camera carries.
const LONGEST_BR_CODE: usize = 2_000;

/// A BR Code as it was pasted, and what it says. Which part is wrong is in the reason.
pub fn br_code(value: &Value) -> Read<(String, Decoded)> {
    let text = bounded(value, LONGEST_BR_CODE)?;
    let invalid = |message: String| reason("invalid_br_code", message);
    let decoded =
        BrCode::decode(text).map_err(|error| invalid(format!("{error} ({})", error.code())))?;
    match &decoded.payment {
        Payment::Static(payment) => {
            payment.pix_key().map_err(|error| {
                invalid(format!(
                    "26-01: the key in the code: {error} ({})",
                    error.code()
                ))
            })?;
            if payment.cash_facilitator.is_some() {
                return Err(invalid("26-03: the code asks for cash (Pix Saque)".into()));
            }
        }
        Payment::Dynamic { .. } => {}
        Payment::RecurrenceOnly => {
            return Err(invalid(
                "80: the code offers a recurrence and no payment".into(),
            ));
        }
    }
    Ok((text.to_owned(), decoded))
}

pub fn pix_key_kind(value: &Value) -> Read<PixKeyKind> {
    one_of(
        value,
        PixKeyKind::from_name,
        &PixKeyKind::ALL.map(PixKeyKind::as_str),
    )
}

/// An e-mail address in the form that keys have, so that one address is one account.
pub fn email(value: &Value) -> Read<String> {
    let text = bounded(value, LONGEST_KEY_SPELLING)?;
    match PixKey::parse_as(PixKeyKind::Email, text) {
        Ok(key) => Ok(key.as_str().to_owned()),
        Err(PixKeyError::TooLong) => Err(reason("too_long", "must have at most 77 characters")),
        Err(_) => Err(reason("invalid_email", "is not an e-mail address")),
    }
}

/// Ids that appear in bodies and queries.
pub trait Id: Sized {
    const PREFIX: &'static str;
    fn parse(text: &str) -> Option<Self>;
}

macro_rules! id {
    ($($name:ty),*) => {$(
        impl Id for $name {
            const PREFIX: &'static str = <$name>::PREFIX;
            fn parse(text: &str) -> Option<Self> {
                <$name>::parse(text).ok()
            }
        }
    )*};
}

id!(
    WalletId,
    TransactionId,
    PayInId,
    ProposalId,
    domain::ids::ApiKeyId,
    domain::ids::WebhookEndpointId,
    domain::ids::DeliveryId,
    domain::ids::ReconciliationId,
    domain::ids::FloatMoveId,
    domain::ids::JobId,
    domain::ids::UserId
);

pub fn id<T: Id>(value: &Value) -> Read<T> {
    T::parse(string(value)?).ok_or_else(|| {
        reason(
            "invalid_id",
            format!("must be {}_ and 32 lower-case hex digits", T::PREFIX),
        )
    })
}

/// The most that the caller's own data may take, as compact JSON.
const LARGEST_METADATA: usize = 4 * 1024;

/// A JSON object as compact text.
pub fn metadata(value: &Value) -> Read<String> {
    if !value.is_object() {
        return Err(reason("wrong_type", "must be an object"));
    }
    let text = value.to_string();
    if text.len() > LARGEST_METADATA {
        return Err(reason("too_long", "must be at most 4096 bytes of JSON"));
    }
    Ok(text)
}

pub fn scopes(value: &Value) -> Read<Vec<Scope>> {
    let names = Scope::ALL.map(Scope::as_str);
    let Value::Array(values) = value else {
        return Err(reason(
            "wrong_type",
            format!("must be a list of {}", names.join(", ")),
        ));
    };
    if values.is_empty() {
        return Err(reason("too_short", "must name at least one scope"));
    }
    let scopes: BTreeSet<Scope> = values
        .iter()
        .map(|value| one_of(value, Scope::parse, &names))
        .collect::<Read<_>>()?;
    Ok(scopes.into_iter().collect())
}

/// Types of events that belong to a user, each once.
pub fn event_types(value: &Value) -> Read<Vec<String>> {
    let Value::Array(values) = value else {
        return Err(reason("wrong_type", "must be a list of event types"));
    };
    if values.is_empty() {
        return Err(reason("too_short", "must name at least one event type"));
    }
    let types: BTreeSet<&str> = values
        .iter()
        .map(|value| {
            let name = string(value)?;
            let known = app::events::owners_types().find(|kind| *kind == name);
            known.ok_or_else(|| reason("not_allowed", "names an unknown event type"))
        })
        .collect::<Read<_>>()?;
    Ok(types.into_iter().map(str::to_owned).collect())
}

pub fn flag(value: &Value) -> Read<bool> {
    value
        .as_bool()
        .ok_or_else(|| reason("wrong_type", "must be true or false"))
}

pub fn delivery_state(value: &Value) -> Read<DeliveryState> {
    let names = DeliveryState::ALL.map(DeliveryState::as_str);
    one_of(value, DeliveryState::parse, &names)
}

fn one_of<T>(value: &Value, parse: impl Fn(&str) -> Option<T>, names: &[&str]) -> Read<T> {
    parse(string(value)?).ok_or_else(|| {
        reason(
            "not_allowed",
            format!("must be one of {}", names.join(", ")),
        )
    })
}

pub fn kind(value: &Value) -> Read<Kind> {
    let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    one_of(value, Kind::parse, &names)
}

pub fn status(value: &Value) -> Read<Status> {
    let names: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
    one_of(value, Status::parse, &names)
}

pub fn gateway(value: &Value) -> Read<Gateway> {
    one_of(value, Gateway::parse, &Gateway::ALL.map(Gateway::as_str))
}

pub fn moment(value: &Value) -> Read<Moment> {
    time::parse(string(value)?).ok_or_else(|| {
        reason(
            "invalid_time",
            "must be an RFC 3339 time like 2026-01-31T12:00:00Z",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn code<T>(read: Read<T>) -> &'static str {
        read.err().map_or("ok", |reason| reason.code)
    }

    #[test]
    fn an_amount_is_a_json_integer_within_bounds() {
        let table = [
            ("1", "ok"),
            ("1050", "ok"),
            ("999999999999", "ok"),
            ("0", "too_small"),
            ("-0", "not_an_integer"),
            ("-1", "too_small"),
            ("-99999999999999999999999", "too_small"),
            ("1000000000000", "too_large"),
            ("9223372036854775808", "too_large"),
            ("99999999999999999999999", "too_large"),
            ("1e300", "too_large"),
            ("123456789012345678901234567890", "too_large"),
            ("-123456789012345678901234567890", "too_small"),
            ("10.5", "not_an_integer"),
            ("10.0", "not_an_integer"),
            ("1e2", "not_an_integer"),
            ("1e-9", "not_an_integer"),
            ("\"1050\"", "wrong_type"),
            ("true", "wrong_type"),
            ("[1]", "wrong_type"),
            ("{}", "wrong_type"),
        ];
        for (json, expected) in table {
            let value: Value = serde_json::from_str(json).unwrap();
            assert_eq!(code(amount(&value)), expected, "{json}");
        }
    }

    #[test]
    fn each_wrong_amount_has_its_own_words() {
        let message = |json: &str| {
            amount(&serde_json::from_str(json).unwrap())
                .unwrap_err()
                .message
        };
        assert_eq!(message("0"), "must be at least 1");
        assert_eq!(message("1000000000000"), "must be at most 999999999999");
        assert_eq!(
            message("10.5"),
            "must be an integer number of centavos, like 1050 for R$ 10.50, without a decimal point or exponent"
        );
        assert!(message("\"1\"").ends_with("not as a string"));
    }

    #[test]
    fn text_counts_characters_and_refuses_control_characters() {
        assert_eq!(text(&json!("ação"), 1..=4), Ok("ação".into()));
        assert_eq!(code(text(&json!("ação!"), 1..=4)), "too_long");
        assert_eq!(code(text(&json!("  "), 1..=4)), "too_short");
        assert_eq!(code(text(&json!("a\u{0}b"), 1..=4)), "invalid_characters");
        assert_eq!(code(text(&json!(1), 1..=4)), "wrong_type");
    }

    #[test]
    fn a_key_says_which_part_is_wrong_and_gives_the_hint() {
        let refused = pix_key(&json!("11987654321"), None).unwrap_err();
        assert_eq!(refused.code, "invalid_pix_key");
        assert!(refused.message.contains("BAD_CHECK_DIGITS"));
        assert!(refused.message.contains("PHONE_WITHOUT_PLUS55"));
        assert!(!refused.message.contains("11987654321"));
        let key = pix_key(&json!(" Ana@Example.com "), None).unwrap();
        assert_eq!(key.as_str(), "ana@example.com");
        assert_eq!(
            code(pix_key(&json!("ana@example.com"), Some(PixKeyKind::Cpf))),
            "invalid_pix_key"
        );
        assert_eq!(code(pix_key(&json!("a".repeat(401)), None)), "too_long");
    }

    #[test]
    fn an_id_has_the_right_prefix() {
        let wallet = format!("wal_{}", "0".repeat(32));
        assert!(id::<WalletId>(&json!(wallet)).is_ok());
        assert_eq!(code(id::<TransactionId>(&json!(wallet))), "invalid_id");
        assert_eq!(code(id::<WalletId>(&json!(7))), "wrong_type");
    }

    #[test]
    fn metadata_is_a_small_object() {
        assert_eq!(
            metadata(&json!({"b": 1, "a": 2})).unwrap(),
            r#"{"a":2,"b":1}"#
        );
        assert_eq!(code(metadata(&json!([1]))), "wrong_type");
        assert_eq!(code(metadata(&json!({"a": "x".repeat(4_089)}))), "too_long");
        assert_eq!(code(metadata(&json!({"a": "x".repeat(4_088)}))), "ok");
    }

    #[test]
    fn scopes_are_known_unique_and_at_least_one() {
        assert_eq!(
            scopes(&json!(["payouts", "read", "read"])),
            Ok(vec![Scope::Read, Scope::Payouts])
        );
        assert_eq!(code(scopes(&json!([]))), "too_short");
        assert_eq!(code(scopes(&json!(["everything"]))), "not_allowed");
        assert_eq!(code(scopes(&json!("read"))), "wrong_type");
    }
}
