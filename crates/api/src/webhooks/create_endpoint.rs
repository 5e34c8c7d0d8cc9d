//! `POST /v1/webhook-endpoints`: an address that receives the account's events.

use app::webhooks::{NewEndpoint, WebhookSettings};
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::Value;
use utoipa::ToSchema;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Webhooks};
use crate::extract::fields::Fields;
use crate::extract::read::{self, Read, reason};
use crate::wire::operations::EventTypeBody;
use crate::wire::webhooks::EndpointWithSecretBody;

/// Where to send what.
#[derive(ToSchema)]
#[schema(as = WebhookEndpointRequest)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "describes the body that `parse` reads")]
pub(crate) struct Body {
    /// An https address on the public Internet, without credentials.
    #[schema(max_length = 2000, example = "https://shop.example/webhooks")]
    url: String,
    /// Absent: all, those of later versions too. Types of which operators alone hear are refused.
    #[schema(min_items = 1, value_type = Option<Vec<EventTypeBody>>)]
    event_types: Option<Vec<String>>,
    #[schema(max_length = 200)]
    description: Option<String>,
}

/// Register a webhook endpoint
///
/// From now on every event of the account is posted there, at least once, in no order, signed with
/// the secret in the manner of Standard Webhooks. The secret is shown this once.
#[utoipa::path(
    post,
    path = "/v1/webhook-endpoints",
    operation_id = "create_webhook_endpoint",
    tag = "Webhooks",
    security(("bearer" = ["webhooks"])),
    request_body = Body,
    responses(
        (status = 201, description = "The endpoint with its secret.", body = EndpointWithSecretBody),
        (status = 409, description = "`limit_reached`.",
            body = crate::error::ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Webhooks>,
    fields: Fields,
) -> Result<(StatusCode, Json<EndpointWithSecretBody>), Problem> {
    let request = parse(fields, &api.app.settings.webhooks)?;
    let row = api.app.create_endpoint(&authorized.caller, request).await?;
    Ok((
        StatusCode::CREATED,
        Json(EndpointWithSecretBody::from(&row)),
    ))
}

fn parse(mut fields: Fields, settings: &WebhookSettings) -> Result<NewEndpoint, Problem> {
    let url = fields.required("url", |value| url(value, settings));
    let event_types = fields.optional("event_types", read::event_types);
    let description = fields.optional("description", |value| read::text(value, 1..=200));
    fields.finish(|| {
        Some(NewEndpoint {
            url: url?,
            event_types,
            description,
        })
    })
}

/// An address that may be registered: told here, so that it is told beside the other fields.
pub(super) fn url(value: &Value, settings: &WebhookSettings) -> Read<String> {
    let text = read::text(value, 1..=2_000)?;
    match settings.check_url(&text) {
        Ok(()) => Ok(text),
        Err(fault) => Err(reason(fault.code(), fault.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payments::common::tests::{fields, refused};
    use serde_json::json;

    #[test]
    fn every_wrong_field_is_told_at_once() {
        let settings = WebhookSettings::standard();
        let body = json!({"url": "http://shop.example/", "event_types": ["x"], "description": ""});
        let told = refused(parse(fields(body), &settings));
        let told: Vec<(&str, &str)> = told.iter().map(|(f, c)| (f.as_str(), *c)).collect();
        let expected = [
            ("url", "not_https"),
            ("event_types", "not_allowed"),
            ("description", "too_short"),
        ];
        assert_eq!(told, expected);
        let good = json!({"url": "https://shop.example/hooks"});
        assert_eq!(
            parse(fields(good), &settings).unwrap().url,
            "https://shop.example/hooks"
        );
    }
}
