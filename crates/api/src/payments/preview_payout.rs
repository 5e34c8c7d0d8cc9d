//! `POST /v1/payouts/preview`: what a QR code or key says, what paying it would cost, and whether it
//! could be carried now. No money moves and nothing is stored.

use app::payouts::preview::PreviewPayout;
use axum::Json;
use axum::extract::State;

use super::common::money_request;
use super::create_payout::{Amount, Body, read_payout};
use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Payouts};
use crate::extract::fields::Fields;
use crate::extract::idempotency::IdempotencyKey;
use crate::wire::preview::PayoutPreviewBody;

/// Preview a payout
///
/// Takes the body of a payout, whose amount may still be open, and needs no idempotency key. What is
/// refused here would be refused there; balance, limits and gateways are told as they are now.
#[utoipa::path(
    post,
    path = "/v1/payouts/preview",
    operation_id = "preview_payout",
    tag = "Payments",
    security(("bearer" = ["payouts"])),
    request_body = Body,
    responses((status = 200, description = "What would be paid.", body = PayoutPreviewBody))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Payouts>,
    fields: Fields,
) -> Result<Json<PayoutPreviewBody>, Problem> {
    let preview = api
        .app
        .preview_payout(&authorized.caller, parse(fields)?)
        .await?;
    Ok(Json(PayoutPreviewBody::from(&preview)))
}

fn parse(mut fields: Fields) -> Result<PreviewPayout, Problem> {
    let (amount, destination) = read_payout(&mut fields, Amount::Open);
    // Judged like those of a payout; only the wallet matters here.
    let common = money_request(&mut fields, IdempotencyKey(String::new()));
    fields.finish(|| {
        Some(PreviewPayout {
            wallet_id: common.wallet_id,
            amount,
            destination: destination?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::common::tests::{fields, refused};
    use super::*;
    use serde_json::json;

    #[test]
    fn the_amount_may_be_open_and_everything_else_is_judged() {
        let open = parse(fields(json!({"pix_key": "ana@example.com"}))).unwrap();
        assert_eq!(open.amount, None);
        let given = json!({"pix_key": "ana@example.com", "amount_cents": 5, "reference": "r"});
        assert_eq!(parse(fields(given)).unwrap().amount.unwrap().cents(), 5);
        for (body, field, code) in [
            (json!({}), "pix_key", "required"),
            (json!({"pix_key": "ana"}), "pix_key", "invalid_pix_key"),
            (
                json!({"pix_key": "a@example.com", "amount_cents": 0}),
                "amount_cents",
                "too_small",
            ),
            (
                json!({"pix_key": "a@example.com", "tip": 1}),
                "tip",
                "unknown_field",
            ),
        ] {
            assert_eq!(refused(parse(fields(body))), [(field.to_owned(), code)]);
        }
    }
}
