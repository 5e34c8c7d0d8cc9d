//! `POST /v1/refunds`: give back a received charge, in full or in part.

use app::commands::RequestRefund;
use axum::extract::State;
use axum::response::Response;
use domain::ids::{PayInId, TransactionId};
use http::StatusCode;
use serde_json::Value;
use utoipa::ToSchema;

use super::common::{MoneyHeaders, answer, money_request};
use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Refunds};
use crate::extract::fields::Fields;
use crate::extract::idempotency::IdempotencyKey;
use crate::extract::read;
use crate::wire::transaction::TransactionBody;

/// What to give back.
#[derive(ToSchema)]
#[schema(as = NewRefund)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "describes the body that `parse` reads")]
pub(crate) struct Body {
    /// The charge.
    #[schema(example = "txn_018f2f6e3b7a7c4c9d2e5f60718293a4")]
    transaction_id: String,
    /// Which PIX to give back; needed when several paid the charge.
    #[schema(example = "pin_018f2f6e3b7a7c4c9d2e5f60718293a4")]
    pay_in_id: Option<String>,
    /// Centavos; all that is left of the PIX when absent.
    #[schema(minimum = 1, maximum = 999_999_999_999_i64, example = 1050)]
    amount_cents: Option<i64>,
    #[schema(max_length = 140)]
    description: Option<String>,
    /// The wallet that was paid; the caller's only one when absent.
    wallet_id: Option<String>,
    /// Yours, to find it again.
    #[schema(min_length = 1, max_length = 64)]
    reference: Option<String>,
    /// Yours; at most 4096 bytes of JSON.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
}

/// Refund
///
/// Answers 202 once the money is held and the refund stored; the gateway that received the money
/// carries it out.
#[utoipa::path(
    post,
    path = "/v1/refunds",
    operation_id = "create_refund",
    tag = "Payments",
    security(("bearer" = ["refunds"])),
    params(MoneyHeaders),
    request_body = Body,
    responses((status = 202, description = "The refund.", body = TransactionBody))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Refunds>,
    key: IdempotencyKey,
    fields: Fields,
) -> Result<Response, Problem> {
    let accepted = api
        .app
        .request_refund(&authorized.caller, parse(fields, key)?)
        .await?;
    Ok(answer(StatusCode::ACCEPTED, &accepted))
}

fn parse(mut fields: Fields, key: IdempotencyKey) -> Result<RequestRefund, Problem> {
    let transaction_id = fields.required("transaction_id", read::id::<TransactionId>);
    let pay_in_id = fields.optional("pay_in_id", read::id::<PayInId>);
    let amount = fields.optional("amount_cents", read::amount);
    let common = money_request(&mut fields, key);
    fields.finish(|| {
        Some(RequestRefund {
            common,
            transaction_id: transaction_id?,
            pay_in_id,
            amount,
        })
    })
}
