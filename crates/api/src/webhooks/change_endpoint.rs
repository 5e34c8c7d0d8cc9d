//! `PATCH /v1/webhook-endpoints/{id}`: another address, other events, on and off.

use app::webhooks::{ChangeEndpoint, WebhookSettings};
use axum::Json;
use axum::extract::State;
use domain::ids::WebhookEndpointId;
use utoipa::ToSchema;

use super::create_endpoint::url;
use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Webhooks};
use crate::extract::fields::Fields;
use crate::extract::path::PathId;
use crate::extract::read;
use crate::wire::operations::EventTypeBody;
use crate::wire::webhooks::EndpointBody;

/// What is to change; what is absent stays.
#[derive(ToSchema)]
#[schema(as = WebhookEndpointChange)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "describes the body that `parse` reads")]
pub(crate) struct Body {
    #[schema(max_length = 2000, example = "https://shop.example/webhooks")]
    url: Option<String>,
    /// `null`: all.
    #[schema(min_items = 1, value_type = Option<Vec<EventTypeBody>>)]
    event_types: Option<Vec<String>>,
    /// `null`: none.
    #[schema(max_length = 200)]
    description: Option<String>,
    /// `true` sends what waits; `false` sends nothing, and what happens meanwhile is not kept.
    enabled: Option<bool>,
}

/// Change a webhook endpoint
#[utoipa::path(
    patch,
    path = "/v1/webhook-endpoints/{id}",
    operation_id = "change_webhook_endpoint",
    tag = "Webhooks",
    security(("bearer" = ["webhooks"])),
    params(("id" = String, Path, description = "The endpoint's id, `whe_…`.")),
    request_body = Body,
    responses((status = 200, description = "The endpoint as it is now.", body = EndpointBody))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Webhooks>,
    PathId(id): PathId<WebhookEndpointId>,
    fields: Fields,
) -> Result<Json<EndpointBody>, Problem> {
    let change = parse(fields, &api.app.settings.webhooks)?;
    let row = api
        .app
        .change_endpoint(&authorized.caller, id, change)
        .await?;
    Ok(Json(EndpointBody::from(&row)))
}

fn parse(mut fields: Fields, settings: &WebhookSettings) -> Result<ChangeEndpoint, Problem> {
    let all_types = fields.take_null("event_types").then_some(None);
    let no_description = fields.take_null("description").then_some(None);
    let url = fields.optional("url", |value| url(value, settings));
    let event_types = fields.optional("event_types", read::event_types);
    let description = fields.optional("description", |value| read::text(value, 1..=200));
    let enabled = fields.optional("enabled", read::flag);
    fields.finish(|| {
        Some(ChangeEndpoint {
            url,
            event_types: all_types.or(event_types.map(Some)),
            description: no_description.or(description.map(Some)),
            enabled,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn parsed(value: Value) -> Result<ChangeEndpoint, Problem> {
        match value {
            Value::Object(map) => parse(Fields::new(map), &WebhookSettings::standard()),
            _ => panic!("an object"),
        }
    }

    #[test]
    fn null_is_an_answer_where_nothing_is_one() {
        assert_eq!(parsed(json!({})), Ok(ChangeEndpoint::default()));
        let cleared = parsed(json!({"event_types": null, "description": null, "enabled": null}));
        assert_eq!(
            cleared,
            Ok(ChangeEndpoint {
                event_types: Some(None),
                description: Some(None),
                ..ChangeEndpoint::default()
            })
        );
        let set = parsed(json!({"event_types": ["charge.paid", "charge.paid"], "enabled": false}));
        assert_eq!(
            set,
            Ok(ChangeEndpoint {
                event_types: Some(Some(vec!["charge.paid".into()])),
                enabled: Some(false),
                ..ChangeEndpoint::default()
            })
        );
        for bad in [
            json!({"event_types": []}),
            json!({"event_types": ["charge.exploded"]}),
            json!({"event_types": ["alert.raised"]}),
            json!({"event_types": "charge.paid"}),
            json!({"enabled": "yes"}),
            json!({"secret": "mine"}),
            json!({"url": "ftp://shop.example"}),
        ] {
            assert!(parsed(bad.clone()).is_err(), "{bad}");
        }
    }
}
