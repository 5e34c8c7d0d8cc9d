//! `POST /v1/sessions`: e-mail and password for a bearer token.
//!
//! Tries are counted before the password is looked at: per address for who guesses many accounts,
//! per e-mail for who guesses one account from many places.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use utoipa::ToSchema;

use crate::Api;
use crate::error::Problem;
use crate::extract::fields::Fields;
use crate::extract::read;
use crate::throttle::Client;
use crate::wire::people::SessionBody;

/// Who signs in.
#[derive(ToSchema)]
#[schema(as = NewSession)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "describes the body that `parse` reads")]
pub(crate) struct Body {
    #[schema(min_length = 1, max_length = 200, example = "ana@example.com")]
    email: String,
    #[schema(min_length = 1, max_length = 200, format = Password)]
    password: String,
}

/// Sign in
///
/// The token is shown this once; send it as `Authorization: Bearer <token>`. Tries are limited per
/// client address and per e-mail.
#[utoipa::path(
    post,
    path = "/v1/sessions",
    operation_id = "create_session",
    tag = "Accounts",
    request_body = Body,
    responses(
        (status = 201, description = "A session.", body = SessionBody),
        (status = 401, description = "The e-mail or the password is wrong.",
            body = crate::error::ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    client: Client,
    fields: Fields,
) -> Result<(StatusCode, Json<SessionBody>), Problem> {
    let now = api.app.now();
    let counted = api.throttle.address(client.0, now).await;
    counted.map_err(Problem::rate_limited)?;
    let (email, password) = parse(fields)?;
    let counted = api.throttle.email(&email, now).await;
    counted.map_err(Problem::rate_limited)?;
    let session = api.app.sign_in(&email, &password).await?;
    Ok((StatusCode::CREATED, Json(session.into())))
}

/// The e-mail normalized like a signed-up one. Whether it has the shape of one does not matter:
/// what nobody signed up with is simply wrong.
fn parse(mut fields: Fields) -> Result<(String, String), Problem> {
    let email = fields.required("email", |value| read::text(value, 1..=200));
    let password = fields.required("password", |value| read::password(value, 1..=200));
    fields.finish(|| Some((email?.trim().to_ascii_lowercase(), password?)))
}
