//! Authenticated calls.
//!
//! A read may be repeated once with a new token when the old one is refused. A money call never
//! is: [`Session::order`] drops the refused token and reports the refusal, and the next send of the
//! same order, which the caller has recorded as such, fetches another one.

use std::sync::Arc;

use app::ports::runtime::Runtime;
use reqwest::Method;
use secrecy::SecretString;

use super::token::TokenCache;
use crate::answer::{Answer, Failure};
use crate::config::ConfigError;
use crate::envelope::Envelope;
use crate::transport::{Call, Transport};

pub(crate) struct Session {
    transport: Transport,
    tokens: TokenCache,
}

/// The answer to a money call.
pub(crate) struct OrderAnswer {
    pub answer: Answer,
    /// The token was fetched for this call.
    pub fresh_token: bool,
}

impl Session {
    pub(crate) fn new(
        transport: Transport,
        client_id: &str,
        client_secret: &SecretString,
        runtime: Arc<dyn Runtime>,
    ) -> Result<Session, ConfigError> {
        Ok(Session {
            transport,
            tokens: TokenCache::new(client_id, client_secret, runtime)?,
        })
    }

    /// A harmless call, made again once with a new token if the first token is refused.
    pub(crate) async fn read<'a>(
        &self,
        call: impl Fn() -> Call<'a> + Send,
    ) -> Result<Answer, Failure> {
        let first = self.once(call()).await?;
        if first.answer.status != 401 || first.fresh_token {
            return Ok(first.answer);
        }
        Ok(self.once(call()).await?.answer)
    }

    /// One transmission of a prepared order.
    pub(crate) async fn order(
        &self,
        operation: &'static str,
        envelope: &Envelope,
    ) -> Result<OrderAnswer, Failure> {
        let body = envelope.body.clone();
        self.once(Call::with_body(
            operation,
            Method::PUT,
            &envelope.path,
            body,
        ))
        .await
    }

    async fn once(&self, mut call: Call<'_>) -> Result<OrderAnswer, Failure> {
        let token = self
            .tokens
            .get(&self.transport)
            .await
            .map_err(Failure::NeverSent)?;
        call.authorization = Some(token.authorization.clone());
        let answer = self.transport.call(call).await?;
        if answer.status == 401 {
            self.tokens.drop_refused(&token).await;
        }
        Ok(OrderAnswer {
            answer,
            fresh_token: token.fresh,
        })
    }
}
