//! `POST /v1/api-keys`: a scoped secret for a server.

use app::commands::NewApiKey;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use utoipa::ToSchema;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Anyone, Authorized, require_session};
use crate::extract::fields::Fields;
use crate::extract::read;
use crate::wire::people::NewApiKeyBody;

/// What the key is called and may do.
#[derive(ToSchema)]
#[schema(as = ApiKeyRequest)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "describes the body that `parse` reads")]
pub(crate) struct Body {
    #[schema(min_length = 1, max_length = 100, example = "shop backend")]
    name: String,
    /// Of `read`, `charges`, `payouts`, `transfers`, `refunds`, `webhooks`, `operator`; only what the caller holds.
    #[schema(min_items = 1, example = json!(["read", "charges"]))]
    scopes: Vec<String>,
}

/// Make an API key
///
/// The secret is shown this once; send it as `Authorization: Bearer <secret>`. Only a session may
/// make keys, so that a leaked key cannot leave others behind.
#[utoipa::path(
    post,
    path = "/v1/api-keys",
    operation_id = "create_api_key",
    tag = "Accounts",
    security(("bearer" = [])),
    request_body = Body,
    responses((status = 201, description = "The key with its secret.", body = NewApiKeyBody))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Anyone>,
    fields: Fields,
) -> Result<(StatusCode, Json<NewApiKeyBody>), Problem> {
    require_session(&authorized.caller)?;
    let (row, secret) = api
        .app
        .create_api_key(&authorized.caller, parse(fields)?)
        .await?;
    let key = (&row).into();
    Ok((StatusCode::CREATED, Json(NewApiKeyBody { key, secret })))
}

fn parse(mut fields: Fields) -> Result<NewApiKey, Problem> {
    let name = fields.required("name", |value| read::text(value, 1..=100));
    let scopes = fields.required("scopes", read::scopes);
    fields.finish(|| {
        Some(NewApiKey {
            name: name?.trim().to_owned(),
            scopes: scopes?,
        })
    })
}
