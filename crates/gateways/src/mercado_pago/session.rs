//! Authenticated calls, and which account the token belongs to.

use domain::money::Money;
use reqwest::Method;
use reqwest::header::HeaderValue;
use secrecy::SecretString;
use tokio::sync::OnceCell;

use super::{trouble, wire};
use crate::answer::{Answer, Failure};
use crate::config::ConfigError;
use crate::envelope::Envelope;
use crate::transport::{self, Call, Transport};
use app::ports::gateway::GatewayTrouble;

pub(super) struct Session {
    transport: Transport,
    authorization: HeaderValue,
    account: OnceCell<String>,
}

impl Session {
    pub(super) fn new(
        transport: Transport,
        access_token: &SecretString,
    ) -> Result<Session, ConfigError> {
        let authorization = transport::bearer(access_token)
            .ok_or_else(|| ConfigError::new("access_token", "is not a credential"))?;
        Ok(Session {
            transport,
            authorization,
            account: OnceCell::new(),
        })
    }

    pub(super) async fn call(&self, mut call: Call<'_>) -> Result<Answer, Failure> {
        call.authorization = Some(self.authorization.clone());
        self.transport.call(call).await
    }

    pub(super) async fn get(&self, operation: &'static str, path: &str) -> Result<Answer, Failure> {
        self.call(Call::get(operation, path)).await
    }

    /// One transmission of a prepared order.
    pub(super) async fn order(
        &self,
        operation: &'static str,
        envelope: &Envelope,
    ) -> Result<Answer, Failure> {
        let body = envelope.body.clone();
        let mut call = Call::with_body(operation, Method::POST, &envelope.path, body);
        for (name, value) in &envelope.headers {
            call = call.header(name, value);
        }
        self.call(call).await
    }

    /// Our own account's id: a token also shows payments that its owner made, and only those that
    /// it collected are money for us.
    pub(super) async fn account(&self) -> Result<&str, GatewayTrouble> {
        self.account
            .get_or_try_init(|| self.fetch_account())
            .await
            .map(String::as_str)
    }

    pub(super) async fn fetch_account(&self) -> Result<String, GatewayTrouble> {
        let answer = self
            .get("account", "/users/me")
            .await
            .map_err(|failure| trouble(failure.as_str()))?;
        let account: Option<wire::Account> = if answer.status == 200 {
            answer.read()
        } else {
            None
        };
        account
            .map(|account| account.id.0)
            .ok_or_else(|| trouble(format!("the account lookup answered {}", answer.status)))
    }
}

/// Reais as the text of a JSON number, digit by digit from centavos.
pub(super) fn number(amount: Money) -> Box<serde_json::value::RawValue> {
    serde_json::value::RawValue::from_string(amount.to_short_decimal())
        .expect("digits and a point are a JSON number")
}
