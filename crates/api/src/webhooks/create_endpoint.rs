//! `POST /v1/webhook-endpoints`: an address that receives the account's events.

use app::webhooks::NewEndpoint;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use utoipa::ToSchema;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Webhooks};
use crate::extract::fields::Fields;
use crate::extract::read;
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
    let row = api
        .app
        .create_endpoint(&authorized.caller, parse(fields)?)
        .await?;
    Ok((
        StatusCode::CREATED,
        Json(EndpointWithSecretBody::from(&row)),
    ))
}

fn parse(mut fields: Fields) -> Result<NewEndpoint, Problem> {
    let url = fields.required("url", |value| read::text(value, 1..=2_000));
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
