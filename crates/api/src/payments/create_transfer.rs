//! `POST /v1/transfers`: from wallet to wallet, in one commit.

use app::commands::{RequestTransfer, TransferDestination};
use axum::extract::State;
use axum::response::Response;
use domain::ids::WalletId;
use domain::pix::key::{PixKey, PixKeyKind};
use http::StatusCode;
use serde_json::Value;
use utoipa::ToSchema;

use super::common::{MoneyHeaders, answer, money_request};
use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Transfers};
use crate::extract::fields::Fields;
use crate::extract::idempotency::IdempotencyKey;
use crate::extract::read;
use crate::wire::transaction::TransactionBody;

/// What to move, and where to.
#[derive(ToSchema)]
#[schema(as = NewTransfer)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "describes the body that `parse` reads")]
pub(crate) struct Body {
    /// Centavos.
    #[schema(minimum = 1, maximum = 999_999_999_999_i64, example = 1050)]
    amount_cents: i64,
    /// Either this or `to_pix_key`.
    #[schema(example = "wal_018f2f6e3b7a7c4c9d2e5f60718293a4")]
    to_wallet_id: Option<String>,
    /// The e-mail or tax id with which another user signed up.
    #[schema(max_length = 400)]
    to_pix_key: Option<String>,
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

/// Transfer
///
/// Moves money to another wallet here, at once and without a gateway.
#[utoipa::path(
    post,
    path = "/v1/transfers",
    operation_id = "create_transfer",
    tag = "Payments",
    security(("bearer" = ["transfers"])),
    params(MoneyHeaders),
    request_body = Body,
    responses((status = 201, description = "The transfer.", body = TransactionBody))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Transfers>,
    key: IdempotencyKey,
    fields: Fields,
) -> Result<Response, Problem> {
    let accepted = api
        .app
        .request_transfer(&authorized.caller, parse(fields, key)?)
        .await?;
    Ok(answer(StatusCode::CREATED, &accepted))
}

fn parse(mut fields: Fields, key: IdempotencyKey) -> Result<RequestTransfer, Problem> {
    let amount = fields.required("amount_cents", read::amount);
    let to = destination(&mut fields);
    let common = money_request(&mut fields, key);
    fields.finish(|| {
        Some(RequestTransfer {
            common,
            amount: amount?,
            to: to?,
        })
    })
}

fn destination(fields: &mut Fields) -> Option<TransferDestination> {
    let (has_wallet, has_key) = (fields.has("to_wallet_id"), fields.has("to_pix_key"));
    let wallet = fields.optional("to_wallet_id", read::id::<WalletId>);
    let key = fields.optional("to_pix_key", sign_up_key);
    match (has_wallet, has_key) {
        (true, true) => {
            let message = "must not be given beside to_wallet_id";
            fields.refuse("to_pix_key", "not_allowed", message);
            None
        }
        (true, false) => wallet.map(TransferDestination::Wallet),
        (false, true) => key.map(TransferDestination::Key),
        (false, false) => {
            let message = "give to_wallet_id or to_pix_key";
            fields.refuse("to_wallet_id", "required", message);
            None
        }
    }
}

/// Users are known by the e-mail and the tax id of their sign-up, and by nothing else.
fn sign_up_key(value: &Value) -> read::Read<PixKey> {
    let key = read::pix_key(value, None)?;
    match key.kind() {
        PixKeyKind::Email | PixKeyKind::Cpf | PixKeyKind::Cnpj => Ok(key),
        PixKeyKind::Phone | PixKeyKind::Evp => Err(read::reason(
            "not_allowed",
            "must be an e-mail, CPF or CNPJ",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::common::tests::{fields, key, refused};
    use super::*;
    use serde_json::json;

    #[test]
    fn exactly_one_destination_is_wanted() {
        let wallet = format!("wal_{}", "0".repeat(32));
        let read_body = |body: Value| parse(fields(body), key());
        let by_wallet = read_body(json!({"amount_cents": 1, "to_wallet_id": wallet})).unwrap();
        assert!(matches!(by_wallet.to, TransferDestination::Wallet(_)));
        let by_key = read_body(json!({"amount_cents": 1, "to_pix_key": "A@example.com"})).unwrap();
        assert!(
            matches!(by_key.to, TransferDestination::Key(key) if key.as_str() == "a@example.com")
        );
        for (body, field, code) in [
            (json!({"amount_cents": 1}), "to_wallet_id", "required"),
            (
                json!({"amount_cents": 1, "to_wallet_id": wallet, "to_pix_key": "a@example.com"}),
                "to_pix_key",
                "not_allowed",
            ),
            (
                json!({"amount_cents": 1, "to_pix_key": "+5511987654321"}),
                "to_pix_key",
                "not_allowed",
            ),
            (
                json!({"amount_cents": 1, "to_wallet_id": "usr_1"}),
                "to_wallet_id",
                "invalid_id",
            ),
        ] {
            assert_eq!(refused(read_body(body)), [(field.to_owned(), code)]);
        }
    }
}
