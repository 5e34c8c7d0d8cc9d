//! `POST /v1/users`: a person or company signs up and gets a wallet.

use app::commands::SignUp;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use utoipa::ToSchema;

use crate::Api;
use crate::error::Problem;
use crate::extract::fields::Fields;
use crate::extract::read;
use crate::throttle::Client;
use crate::wire::people::UserBody;

/// Who signs up.
#[derive(ToSchema)]
#[schema(as = NewUser)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "describes the body that `parse` reads")]
pub(crate) struct Body {
    #[schema(min_length = 1, max_length = 200, example = "Ana Souza")]
    name: String,
    #[schema(max_length = 77, format = "email", example = "ana@example.com")]
    email: String,
    #[schema(min_length = 8, max_length = 200, format = Password)]
    password: String,
    /// A CPF or CNPJ, with or without punctuation.
    #[schema(max_length = 40, example = "529.982.247-25")]
    tax_id: String,
}

/// Sign up
///
/// Makes a user and the user's wallet. E-mail and tax id are unique.
#[utoipa::path(
    post,
    path = "/v1/users",
    operation_id = "create_user",
    tag = "Accounts",
    request_body = Body,
    responses((status = 201, description = "The user and its wallet.", body = UserBody))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    client: Client,
    fields: Fields,
) -> Result<(StatusCode, Json<UserBody>), Problem> {
    let now = api.app.now();
    let counted = api.throttle.address(client.0, now).await;
    counted.map_err(Problem::rate_limited)?;
    let sign_up = parse(fields)?;
    let counted = api.throttle.email(&sign_up.email, now).await;
    counted.map_err(Problem::rate_limited)?;
    let view = api.app.sign_up(sign_up).await?;
    Ok((StatusCode::CREATED, Json(UserBody::from(&view))))
}

fn parse(mut fields: Fields) -> Result<SignUp, Problem> {
    let name = fields.required("name", |value| read::text(value, 1..=200));
    let email = fields.required("email", read::email);
    let password = fields.required("password", |value| read::password(value, 8..=200));
    let tax_id = fields.required("tax_id", read::tax_id);
    fields.finish(|| {
        Some(SignUp {
            name: name?.trim().to_owned(),
            email: email?,
            password: password?,
            tax_id: tax_id?,
        })
    })
}
