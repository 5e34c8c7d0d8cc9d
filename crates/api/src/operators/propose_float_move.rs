//! `POST /v1/float-moves`: propose to move our own money from one gateway to the other.

use app::commands::ProposeFloatMove;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use utoipa::ToSchema;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Operators};
use crate::extract::fields::Fields;
use crate::extract::read;
use crate::wire::float_move::FloatMoveBody;

const LONGEST_REASON: usize = 500;

/// What is to be moved, and why.
#[derive(ToSchema)]
#[schema(as = NewFloatMove)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "describes the body that `parse` reads")]
pub(crate) struct Body {
    /// `efi` (or `gerencianet`) or `mercado_pago`.
    #[schema(example = "efi")]
    from: String,
    #[schema(example = "mercado_pago")]
    to: String,
    #[schema(minimum = 1, example = 500_000)]
    amount_cents: i64,
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Propose a float move
///
/// Nothing moves before another operator approves it, within a day. The money then leaves by a PIX to
/// our own key at the other gateway. Fields refused: `to` (`same_gateway`, or `no_own_key` where no key
/// of ours is configured there), `from` (`account_holder_unknown`), `amount_cents` (`exceeds_float`,
/// `too_small`).
#[utoipa::path(
    post,
    path = "/v1/float-moves",
    operation_id = "propose_float_move",
    tag = "Operations",
    security(("bearer" = ["operator"])),
    request_body = Body,
    responses((status = 201, description = "The proposal.", body = FloatMoveBody))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Operators>,
    fields: Fields,
) -> Result<(StatusCode, Json<FloatMoveBody>), Problem> {
    let request = parse(fields)?;
    let view = api
        .app
        .propose_float_move(&authorized.caller, request)
        .await?;
    Ok((StatusCode::CREATED, Json(FloatMoveBody::from(&view))))
}

fn parse(mut fields: Fields) -> Result<ProposeFloatMove, Problem> {
    let from = fields.required("from", read::gateway);
    let to = fields.required("to", read::gateway);
    let amount = fields.required("amount_cents", read::amount);
    let reason = fields.required("reason", |value| read::text(value, 1..=LONGEST_REASON));
    fields.finish(|| {
        Some(ProposeFloatMove {
            from: from?,
            to: to?,
            amount: amount?,
            reason: reason?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payments::common::tests::{fields, refused};
    use domain::gateway::Gateway;
    use serde_json::json;

    #[test]
    fn each_field_is_read_or_named() {
        let good = json!({"from": "gerencianet", "to": "mercado_pago", "amount_cents": 5,
            "reason": "it runs low"});
        let read = parse(fields(good)).unwrap();
        assert_eq!((read.from, read.to), (Gateway::Efi, Gateway::MercadoPago));
        let bad = json!({"from": "itau", "amount_cents": 0, "reason": "", "key": "mine"});
        let told = refused(parse(fields(bad)));
        let told: Vec<(&str, &str)> = told.iter().map(|(f, c)| (f.as_str(), *c)).collect();
        assert_eq!(
            told,
            [
                ("from", "not_allowed"),
                ("to", "required"),
                ("amount_cents", "too_small"),
                ("reason", "too_short"),
                ("key", "unknown_field"),
            ]
        );
    }
}
