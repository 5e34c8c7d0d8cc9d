//! `POST /v1/payouts`: pay somebody by PIX, to a key or by a BR Code.
//!
//! A static BR Code may name its amount: then `amount_cents` may be left out, and must agree when
//! given. A dynamic one holds its amount in a document that only a gateway reads, so the amount has
//! to be given.

use app::commands::{PayoutDestination, RequestPayout};
use axum::extract::State;
use axum::response::Response;
use domain::money::Money;
use domain::pix::br_code::{Decoded, Payment};
use http::StatusCode;
use serde_json::Value;
use utoipa::ToSchema;

use super::common::{MoneyHeaders, answer, money_request};
use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Payouts};
use crate::extract::fields::Fields;
use crate::extract::idempotency::IdempotencyKey;
use crate::extract::read;
use crate::wire::transaction::TransactionBody;

/// Whom to pay, and what.
#[derive(ToSchema)]
#[schema(as = NewPayout)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "describes the body that `parse` reads")]
pub(crate) struct Body {
    /// Centavos. May be left out when a static BR Code names the amount.
    #[schema(minimum = 1, maximum = 999_999_999_999_i64, example = 1050)]
    amount_cents: Option<i64>,
    /// The payee's key; either this or `br_code`.
    #[schema(max_length = 400, example = "ana@example.com")]
    pix_key: Option<String>,
    /// `cpf`, `cnpj`, `phone`, `email` or `evp`; recognized from the key when absent.
    pix_key_type: Option<String>,
    /// Pay only if the key belongs to this CPF or CNPJ.
    #[schema(max_length = 40)]
    payee_tax_id: Option<String>,
    /// The text of a PIX QR code (copia e cola); either this or `pix_key`.
    #[schema(max_length = 2000)]
    br_code: Option<String>,
    /// Shown to the payee, where the gateway carries it.
    #[schema(max_length = 140)]
    description: Option<String>,
    /// The wallet that pays; the caller's only one when absent.
    wallet_id: Option<String>,
    /// Yours, to find it again.
    #[schema(min_length = 1, max_length = 64)]
    reference: Option<String>,
    /// Yours; at most 4096 bytes of JSON.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
}

/// Pay out
///
/// Answers 202 once the money is held and the payout stored; a worker carries it out.
#[utoipa::path(
    post,
    path = "/v1/payouts",
    operation_id = "create_payout",
    tag = "Payments",
    security(("bearer" = ["payouts"])),
    params(MoneyHeaders),
    request_body = Body,
    responses((status = 202, description = "The payout.", body = TransactionBody))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Payouts>,
    key: IdempotencyKey,
    fields: Fields,
) -> Result<Response, Problem> {
    let accepted = api
        .app
        .request_payout(&authorized.caller, parse(fields, key)?)
        .await?;
    Ok(answer(StatusCode::ACCEPTED, &accepted))
}

fn parse(mut fields: Fields, key: IdempotencyKey) -> Result<RequestPayout, Problem> {
    let (amount, destination) = read_payout(&mut fields, Amount::Needed);
    let common = money_request(&mut fields, key);
    fields.finish(|| {
        Some(RequestPayout {
            common,
            amount,
            destination: destination?,
        })
    })
}

/// Whether the amount must be known by now.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Amount {
    Needed,
    Open,
}

/// The amount and the destination. A mistake in one of them is recorded in `fields`.
pub(super) fn read_payout(
    fields: &mut Fields,
    need: Amount,
) -> (Option<Money>, Option<PayoutDestination>) {
    let (has_key, has_code) = (fields.has("pix_key"), fields.has("br_code"));
    let has_amount = fields.has("amount_cents");
    let amount = fields.optional("amount_cents", read::amount);
    let (destination, code) = if has_code {
        refuse_beside_code(fields);
        let read = fields.optional("br_code", read::br_code);
        let (text, decoded) = read.unzip();
        (text.map(PayoutDestination::BrCode), decoded)
    } else {
        (destination_key(fields), None)
    };
    let may_be_missing = has_amount || need == Amount::Open;
    let amount = match (code, has_amount) {
        (Some(code), _) => amount_of_code(fields, &code, amount, may_be_missing),
        (None, true) => amount,
        (None, false) => {
            // A code that could not be read may have named the amount.
            if need == Amount::Needed && (has_key || !has_code) {
                fields.refuse("amount_cents", "required", "is required");
            }
            None
        }
    };
    (amount, destination)
}

fn refuse_beside_code(fields: &mut Fields) {
    for name in ["pix_key", "pix_key_type", "payee_tax_id"] {
        if fields.has(name) {
            fields.optional(name, |_| Ok(()));
            fields.refuse(name, "not_allowed", "must not be given beside br_code");
        }
    }
}

fn destination_key(fields: &mut Fields) -> Option<PayoutDestination> {
    let kind = fields.optional("pix_key_type", read::pix_key_kind);
    let key = if fields.has("pix_key") {
        fields.optional("pix_key", |value| read::pix_key(value, kind))
    } else {
        fields.refuse("pix_key", "required", "give pix_key or br_code");
        fields.optional("pix_key", |_| Ok(()));
        None
    };
    let payee_tax_id = fields.optional("payee_tax_id", read::tax_id);
    Some(PayoutDestination::Key {
        key: key?,
        payee_tax_id,
    })
}

/// The amount that the code names must be the one given; a code without one needs it given.
fn amount_of_code(
    fields: &mut Fields,
    code: &Decoded,
    given: Option<Money>,
    may_be_missing: bool,
) -> Option<Money> {
    let named = code.amount_centavos().filter(|cents| *cents > 0);
    let Some(named) = named else {
        // What a dynamic code asks for stands in a document; of our own codes it is known.
        let is_dynamic = matches!(code.payment, Payment::Dynamic { .. });
        if !may_be_missing && !is_dynamic {
            let message = "is required: the BR Code names no amount";
            fields.refuse("amount_cents", "required", message);
        }
        return given;
    };
    let named = i64::try_from(named)
        .ok()
        .and_then(|cents| Money::from_cents(cents).ok());
    match (named, given) {
        (None, _) => {
            fields.refuse("br_code", "invalid_br_code", "54: the amount is too large");
            None
        }
        (Some(named), Some(given)) if named != given => {
            let message = format!("must be the {} that the BR Code names", named.cents());
            fields.refuse("amount_cents", "amount_mismatch", message);
            None
        }
        (Some(named), Some(_) | None) => Some(named),
    }
}

#[cfg(test)]
mod tests {
    use super::super::common::tests::{fields, key, refused};
    use super::*;
    use domain::pix::br_code::{DynamicCode, StaticCode, encode_dynamic, encode_static};
    use domain::pix::key::PixKeyKind;
    use serde_json::json;

    fn static_code(amount_centavos: Option<u64>) -> String {
        encode_static(&StaticCode {
            key: "ana@example.com",
            info: None,
            amount_centavos,
            txid: None,
            merchant_name: "Ana",
            merchant_city: "Recife",
        })
        .unwrap()
    }

    fn dynamic_code() -> String {
        encode_dynamic(&DynamicCode {
            url: "pix.example.com/v2/0123456789abcdef0123456789abcdef",
            recurrence_url: None,
            is_single_use: true,
            merchant_name: "Ana",
            merchant_city: "Recife",
        })
        .unwrap()
    }

    fn read_body(body: Value) -> Result<RequestPayout, Problem> {
        parse(fields(body), key())
    }

    #[test]
    fn a_key_is_recognized_or_read_as_its_type() {
        let body =
            json!({"amount_cents": 1, "pix_key": "529.982.247-25", "payee_tax_id": "52998224725"});
        let payout = read_body(body).unwrap();
        let PayoutDestination::Key { key, payee_tax_id } = payout.destination else {
            panic!("a key");
        };
        assert_eq!((key.kind(), key.as_str()), (PixKeyKind::Cpf, "52998224725"));
        assert!(payee_tax_id.is_some());
        let wrong = json!({"amount_cents": 1, "pix_key": "ana@example.com", "pix_key_type": "cpf"});
        assert_eq!(
            refused(read_body(wrong)),
            [("pix_key".to_owned(), "invalid_pix_key")]
        );
    }

    #[test]
    fn exactly_one_destination_is_wanted() {
        assert_eq!(
            refused(read_body(json!({"amount_cents": 1}))),
            [("pix_key".to_owned(), "required")]
        );
        let both = json!({"pix_key": "a@example.com", "br_code": static_code(Some(5)), "payee_tax_id": "x"});
        assert_eq!(
            refused(read_body(both)),
            [
                ("pix_key".to_owned(), "not_allowed"),
                ("payee_tax_id".to_owned(), "not_allowed"),
            ]
        );
    }

    #[test]
    fn the_amount_of_a_static_code_rules() {
        let cents = |body: Value| read_body(body).unwrap().amount.unwrap().cents();
        let named = static_code(Some(1_050));
        assert_eq!(cents(json!({"br_code": named})), 1_050);
        assert_eq!(
            cents(json!({"br_code": named, "amount_cents": 1050})),
            1_050
        );
        assert_eq!(
            cents(json!({"br_code": static_code(None), "amount_cents": 7})),
            7
        );
        let other = json!({"br_code": named, "amount_cents": 1051});
        assert_eq!(
            refused(read_body(other)),
            [("amount_cents".to_owned(), "amount_mismatch")]
        );
        assert_eq!(
            refused(read_body(json!({"br_code": static_code(None)}))),
            [("amount_cents".to_owned(), "required")]
        );
        // Whether a dynamic code is one of ours, whose amount is known, is for the use case to say.
        let dynamic = read_body(json!({"br_code": dynamic_code()})).unwrap();
        assert_eq!(dynamic.amount, None);
        assert_eq!(
            cents(json!({"br_code": dynamic_code(), "amount_cents": 7})),
            7
        );
    }

    #[test]
    fn a_broken_code_says_which_part() {
        let mut code = static_code(Some(1_050));
        code.pop();
        code.push('!');
        let problem = read_body(json!({"br_code": code})).unwrap_err();
        assert_eq!(problem.errors.len(), 1, "{problem:?}");
        assert!(
            problem.errors[0].message.starts_with("63: "),
            "{}",
            problem.errors[0].message
        );
        assert!(!problem.detail.contains("ana@example.com"));
    }

    #[test]
    fn a_wrong_amount_is_told_once() {
        for bad in [
            json!(0),
            json!(-5),
            json!(10.5),
            json!("10"),
            json!(1_000_000_000_000_i64),
        ] {
            let by_key = json!({"amount_cents": bad, "pix_key": "a@example.com"});
            let by_code = json!({"amount_cents": bad, "br_code": static_code(None)});
            for body in [by_key, by_code] {
                let errors = refused(read_body(body));
                assert_eq!(errors.len(), 1, "{errors:?}");
                assert_eq!(errors[0].0, "amount_cents");
            }
        }
    }
}
