//! `PATCH /v1/gateways/{name}`: pause, resume or prefer a gateway for one operation.

use app::commands::SetControl;
use axum::Json;
use axum::extract::State;
use domain::gateway::Operation;
use serde_json::Value;
use utoipa::ToSchema;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Operators};
use crate::extract::fields::Fields;
use crate::extract::path::PathGateway;
use crate::extract::read::{self, Read, reason};
use crate::wire::operations::GatewayBody;

const LONGEST_REASON: usize = 500;

/// What is set over one operation of the gateway.
#[derive(ToSchema)]
#[schema(as = GatewayChange)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "describes the body that `parse` reads")]
pub(crate) struct Body {
    /// `charge`, `payout` or `refund`.
    #[schema(example = "payout")]
    operation: String,
    /// `true`: nothing new goes there; what is under way is still looked after. `false`: it goes
    /// there again.
    paused: Option<bool>,
    /// `true`: prefer this gateway for `charge` or `payout`, whatever the configuration says.
    primary: Option<bool>,
    #[schema(min_length = 1, max_length = 500)]
    reason: Option<String>,
}

/// Pause, resume or prefer a gateway
///
/// Kept in the database, over the configuration and across restarts; every process follows within
/// about a second. A payout or refund for which every gateway that can carry it is paused waits.
#[utoipa::path(
    patch,
    path = "/v1/gateways/{name}",
    operation_id = "change_gateway",
    tag = "Operations",
    security(("bearer" = ["operator"])),
    params(("name" = String, Path, description = "`efi` (or `gerencianet`) or `mercado_pago`.")),
    request_body = Body,
    responses((status = 200, description = "The gateway as it is now.", body = GatewayBody))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Operators>,
    PathGateway(gateway): PathGateway,
    fields: Fields,
) -> Result<Json<GatewayBody>, Problem> {
    let change = parse(fields)?;
    let app = &api.app;
    app.set_control(&authorized.caller, gateway, change).await?;
    let views = app.gateways_view().await?;
    let view = views.iter().find(|view| view.gateway == gateway);
    let view = view.ok_or_else(Problem::not_found)?;
    Ok(Json(GatewayBody::from(view)))
}

fn parse(mut fields: Fields) -> Result<SetControl, Problem> {
    let is_empty = !fields.has("paused") && !fields.has("primary");
    let operation = fields.required("operation", operation);
    let paused = fields.optional("paused", flag);
    let primary = fields.optional("primary", chosen);
    let reason = fields.optional("reason", |value| read::text(value, 1..=LONGEST_REASON));
    if is_empty {
        fields.refuse("paused", "required", "give paused or primary");
    }
    if primary.is_some() && operation == Some(Operation::Refund) {
        let message = "a refund goes back through the gateway that received the money";
        fields.refuse("primary", "not_allowed", message);
    }
    fields.finish(|| {
        Some(SetControl {
            operation: operation?,
            paused,
            primary: primary.is_some(),
            reason,
        })
    })
}

fn operation(value: &Value) -> Read<Operation> {
    let text = read::text(value, 1..=16)?;
    Operation::parse(&text)
        .filter(|operation| *operation != Operation::Lookup)
        .ok_or_else(|| reason("not_allowed", "must be charge, payout or refund"))
}

fn flag(value: &Value) -> Read<bool> {
    value
        .as_bool()
        .ok_or_else(|| reason("wrong_type", "must be true or false"))
}

/// Of two gateways one is preferred always: it is changed by preferring the other.
fn chosen(value: &Value) -> Read<()> {
    match flag(value)? {
        true => Ok(()),
        false => Err(reason("not_allowed", "prefer the other gateway instead")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payments::common::tests::{fields, refused};
    use serde_json::json;

    #[test]
    fn each_field_is_read_or_named() {
        let read = parse(fields(json!({"operation": "payout", "paused": true}))).unwrap();
        assert_eq!((read.paused, read.primary), (Some(true), false));
        let both = json!({"operation": "charge", "paused": false, "primary": true, "reason": "x"});
        let read = parse(fields(both)).unwrap();
        assert_eq!((read.paused, read.primary), (Some(false), true));
        for (body, expected) in [
            (json!({"operation": "payout"}), vec![("paused", "required")]),
            (json!({"paused": true}), vec![("operation", "required")]),
            (
                json!({"operation": "lookup", "paused": "yes", "primary": false, "all": true}),
                vec![
                    ("operation", "not_allowed"),
                    ("paused", "wrong_type"),
                    ("primary", "not_allowed"),
                    ("all", "unknown_field"),
                ],
            ),
            (
                json!({"operation": "refund", "primary": true}),
                vec![("primary", "not_allowed")],
            ),
        ] {
            let told = refused(parse(fields(body)));
            let told: Vec<(&str, &str)> = told.iter().map(|(f, c)| (f.as_str(), *c)).collect();
            assert_eq!(told, expected);
        }
    }
}
