//! `POST /oauth/token`: client credentials for an opaque token.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::error;
use crate::{
    http::{Outcome, Reply, Request},
    state::{Record, State, efi::Token},
};

/// The fake application's credentials.
pub const CLIENT_ID: &str = "Client_Id_sandbox_0000000000000000000000";
pub const CLIENT_SECRET: &str = "Client_Secret_sandbox_000000000000000000";

fn credentials_match(request: &Request) -> bool {
    let basic = request
        .header("authorization")
        .and_then(|value| value.strip_prefix("Basic "));
    let decoded = basic.and_then(|text| STANDARD.decode(text).ok());
    decoded.is_some_and(|bytes| bytes == format!("{CLIENT_ID}:{CLIENT_SECRET}").as_bytes())
}

pub fn issue(state: &mut State, request: &Request) -> Outcome {
    if !credentials_match(request) {
        return Err(error::oauth(
            401,
            "invalid_client",
            "Invalid client credentials",
        ));
    }
    let body = super::object(request)?;
    if body["grant_type"] != "client_credentials" {
        return Err(error::oauth(
            400,
            "unsupported_grant_type",
            "grant_type must be client_credentials",
        ));
    }
    let seconds = state.token_lifetime_seconds;
    let value = state.ids.alphanumeric(64);
    let lifetime = i64::try_from(seconds)
        .unwrap_or(i64::MAX / 2000)
        .saturating_mul(1000);
    state.put(Record::Token(Token {
        value: value.clone(),
        expires: state.now + lifetime,
    }));
    Ok(Reply::json(
        200,
        &json!({
            "access_token": value,
            "token_type": "Bearer",
            "expires_in": seconds,
            "scope": state.options.scopes.join(" "),
        }),
    ))
}
