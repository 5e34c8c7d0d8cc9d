//! `POST /v1/charges`: ask to be paid by PIX.
//!
//! The charge is committed before the answer; a gateway makes its QR code afterwards. With
//! `Prefer: wait=N` the answer waits for it: 201 when the `br_code` is there, else 202. A wait that
//! breaks off never hides that the charge was accepted.

use app::commands::{Accepted, RequestCharge};
use app::ports::gateway::Payer;
use app::views::{DetailsView, TransactionView};
use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, StatusCode};
use serde_json::Value;
use utoipa::ToSchema;

use super::common::{MoneyHeaders, WaitHeader, answer, money_request};
use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Charges};
use crate::extract::fields::Fields;
use crate::extract::idempotency::IdempotencyKey;
use crate::extract::prefer::Wait;
use crate::extract::read;
use crate::wire::transaction::TransactionBody;

const DEFAULT_EXPIRY_SECONDS: u32 = 3_600;
const EXPIRY_SECONDS: std::ops::RangeInclusive<i64> = 60..=2_592_000;

/// What to charge.
#[derive(ToSchema)]
#[schema(as = NewCharge)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "describes the body that `parse` reads")]
pub(crate) struct Body {
    /// Centavos.
    #[schema(minimum = 1, maximum = 999_999_999_999_i64, example = 1050)]
    amount_cents: i64,
    /// Shown to the payer.
    #[schema(max_length = 140)]
    description: Option<String>,
    #[schema(minimum = 60, maximum = 2_592_000, default = 3600)]
    expires_in_seconds: Option<u32>,
    payer: Option<PayerBody>,
    /// The wallet to credit; the caller's only one when absent.
    wallet_id: Option<String>,
    /// Yours, to find it again.
    #[schema(min_length = 1, max_length = 64)]
    reference: Option<String>,
    /// Yours; at most 4096 bytes of JSON.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
}

/// Who is expected to pay.
#[derive(ToSchema)]
#[schema(as = ExpectedPayer)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "describes the object that `payer` reads")]
pub(crate) struct PayerBody {
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// A CPF or CNPJ, with or without punctuation.
    #[schema(max_length = 40)]
    tax_id: Option<String>,
    #[schema(max_length = 77, format = "email")]
    email: Option<String>,
}

/// Charge
///
/// Answers 202 when the charge is stored, and to a repeat; the QR code follows. With `Prefer: wait=N` it
/// answers 201 with `br_code` if a gateway makes the code in time.
#[utoipa::path(
    post,
    path = "/v1/charges",
    operation_id = "create_charge",
    tag = "Payments",
    security(("bearer" = ["charges"])),
    params(MoneyHeaders, WaitHeader),
    request_body = Body,
    responses(
        (status = 201, description = "The charge with its `br_code`.", body = TransactionBody),
        (status = 202, description = "The charge; its `br_code` follows.", body = TransactionBody),
    )
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Charges>,
    key: IdempotencyKey,
    wait: Wait,
    fields: Fields,
) -> Result<Response, Problem> {
    let caller = &authorized.caller;
    let mut accepted = api.app.request_charge(caller, parse(fields, key)?).await?;
    if let Some(span) = wait.span()
        && !is_decided(&accepted.view)
    {
        match api
            .app
            .wait_for(caller, accepted.view.id, span, is_decided)
            .await
        {
            Ok(view) => accepted = Accepted { view, ..accepted },
            Err(error) => tracing::warn!(%error, "the wait for a charge broke off"),
        }
    }
    // A repeat is answered like the first: who did not wait was told 202, also once the code is there.
    let status = match (wait.span(), br_code(&accepted.view)) {
        (Some(_), Some(_)) => StatusCode::CREATED,
        (Some(_), None) | (None, _) => StatusCode::ACCEPTED,
    };
    let mut response = answer(status, &accepted);
    if let Some(applied) = wait
        .applied()
        .and_then(|text| HeaderValue::try_from(text).ok())
    {
        response.headers_mut().insert("preference-applied", applied);
    }
    Ok(response)
}

/// The copia-e-cola of a charge that has one.
pub(crate) fn br_code(view: &TransactionView) -> Option<&str> {
    match &view.details {
        DetailsView::Charge { br_code, .. } => br_code.as_deref(),
        DetailsView::Payout { .. }
        | DetailsView::Transfer { .. }
        | DetailsView::Received { .. }
        | DetailsView::Refund { .. } => None,
    }
}

/// There is a code, or there will never be one.
fn is_decided(view: &TransactionView) -> bool {
    br_code(view).is_some() || view.stage != "creating"
}

fn parse(mut fields: Fields, key: IdempotencyKey) -> Result<RequestCharge, Problem> {
    let amount = fields.required("amount_cents", read::amount);
    let expires_in_seconds = fields.optional("expires_in_seconds", expiry);
    let payer = fields.object("payer", payer);
    let common = money_request(&mut fields, key);
    fields.finish(|| {
        Some(RequestCharge {
            common,
            amount: amount?,
            expires_in_seconds: expires_in_seconds.unwrap_or(DEFAULT_EXPIRY_SECONDS),
            payer,
        })
    })
}

fn expiry(value: &Value) -> read::Read<u32> {
    let seconds = read::integer(value, EXPIRY_SECONDS, "an integer number of seconds")?;
    u32::try_from(seconds).map_err(|_| read::reason("too_large", "is too long"))
}

fn payer(fields: &mut Fields) -> Option<Payer> {
    Some(Payer {
        name: fields.optional("name", |value| read::text(value, 1..=200)),
        tax_id: fields.optional("tax_id", read::tax_id),
        email: fields.optional("email", read::email),
    })
}

#[cfg(test)]
mod tests {
    use super::super::common::tests::{fields, key, refused};
    use super::*;
    use serde_json::json;

    #[test]
    fn a_full_body_is_read() {
        let body = json!({
            "amount_cents": 1050,
            "description": "Pedido 7",
            "expires_in_seconds": 60,
            "payer": {"name": "Ana", "tax_id": "529.982.247-25", "email": "ANA@example.com"},
            "reference": "order-7",
            "metadata": {"order": 7},
        });
        let charge = parse(fields(body), key()).unwrap();
        assert_eq!(charge.amount.cents(), 1_050);
        assert_eq!(charge.expires_in_seconds, 60);
        assert_eq!(charge.common.idempotency_key, "key-1");
        assert_eq!(charge.common.metadata.as_deref(), Some(r#"{"order":7}"#));
        let payer = charge.payer.unwrap();
        assert_eq!(payer.tax_id.unwrap().as_str(), "52998224725");
        assert_eq!(payer.email.as_deref(), Some("ana@example.com"));
    }

    #[test]
    fn the_expiry_has_a_default_and_bounds() {
        let with = |seconds: Value| {
            parse(
                fields(json!({"amount_cents": 1, "expires_in_seconds": seconds})),
                key(),
            )
        };
        assert_eq!(with(Value::Null).unwrap().expires_in_seconds, 3_600);
        assert_eq!(
            with(json!(2_592_000)).unwrap().expires_in_seconds,
            2_592_000
        );
        for (bad, code) in [
            (json!(59), "too_small"),
            (json!(2_592_001), "too_large"),
            (json!(60.5), "not_an_integer"),
            (json!("60"), "wrong_type"),
        ] {
            assert_eq!(
                refused(with(bad)),
                [("expires_in_seconds".to_owned(), code)]
            );
        }
    }

    #[test]
    fn what_is_not_built_is_unknown() {
        let body = json!({"amount_cents": 1, "scheduled_for": "2026-01-01T00:00:00Z", "payer": {"phone": "1"}});
        assert_eq!(
            refused(parse(fields(body), key())),
            [
                ("payer.phone".to_owned(), "unknown_field"),
                ("scheduled_for".to_owned(), "unknown_field"),
            ]
        );
    }
}
