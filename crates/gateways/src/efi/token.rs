//! The OAuth token: fetched once for all callers, renewed before it ends, dropped when refused.
//!
//! Whoever needs a token while another caller fetches one waits for that result, success or
//! failure, instead of fetching again: a token endpoint that hangs costs one time limit, not one
//! per caller.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use app::ports::runtime::Runtime;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::outcome::NeverSent;
use domain::time::{Moment, Span};
use reqwest::Method;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::wire;
use crate::answer::{Answer, Failure};
use crate::config::ConfigError;
use crate::transport::{self, Call, Transport};

const REQUEST: &str = r#"{"grant_type":"client_credentials"}"#;
/// A token is renewed so long before its end, or after nine tenths of a shorter life.
const MARGIN: Span = Span::from_seconds(60);

/// A token ready for use.
#[derive(Clone)]
pub(crate) struct Token {
    pub authorization: HeaderValue,
    /// Which fetch it came from.
    generation: u64,
    /// Fetched for this very call: if it is refused, renewing it will not help.
    pub fresh: bool,
}

struct Cached {
    authorization: HeaderValue,
    generation: u64,
    renew_at: Moment,
}

#[derive(Default)]
struct State {
    cached: Option<Cached>,
    last_failure: Option<NeverSent>,
}

pub(crate) struct TokenCache {
    basic: HeaderValue,
    runtime: Arc<dyn Runtime>,
    /// Counts finished fetches.
    fetches: AtomicU64,
    state: Mutex<State>,
}

impl TokenCache {
    pub(crate) fn new(
        client_id: &str,
        client_secret: &SecretString,
        runtime: Arc<dyn Runtime>,
    ) -> Result<TokenCache, ConfigError> {
        let secret = client_secret.expose_secret();
        let pair = Zeroizing::new(format!("{client_id}:{secret}"));
        let encoded = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
        let mut basic = HeaderValue::from_str(&encoded)
            .map_err(|_| ConfigError::new("client_id", "is not a credential"))?;
        basic.set_sensitive(true);
        Ok(TokenCache {
            basic,
            runtime,
            fetches: AtomicU64::new(0),
            state: Mutex::new(State::default()),
        })
    }

    pub(crate) async fn get(&self, transport: &Transport) -> Result<Token, NeverSent> {
        let seen = self.fetches.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        if let Some(cached) = &state.cached
            && self.runtime.now() < cached.renew_at
        {
            return Ok(Token {
                authorization: cached.authorization.clone(),
                generation: cached.generation,
                fresh: false,
            });
        }
        if self.fetches.load(Ordering::Acquire) != seen
            && let Some(failure) = state.last_failure
        {
            return Err(failure);
        }
        let fetched = self.fetch(transport).await;
        let generation = self.fetches.fetch_add(1, Ordering::AcqRel);
        state.last_failure = fetched.as_ref().err().copied();
        let (authorization, renew_at) = fetched?;
        state.cached = Some(Cached {
            authorization: authorization.clone(),
            generation,
            renew_at,
        });
        Ok(Token {
            authorization,
            generation,
            fresh: true,
        })
    }

    /// Forgets a token that was refused, unless it was renewed meanwhile.
    pub(crate) async fn drop_refused(&self, token: &Token) {
        let mut state = self.state.lock().await;
        if state
            .cached
            .as_ref()
            .is_some_and(|cached| cached.generation == token.generation)
        {
            state.cached = None;
        }
    }

    async fn fetch(&self, transport: &Transport) -> Result<(HeaderValue, Moment), NeverSent> {
        let asked_at = self.runtime.now();
        let mut call = Call::with_body("token", Method::POST, "/oauth/token", REQUEST);
        call.authorization = Some(self.basic.clone());
        let answer = transport.call(call).await.map_err(unavailable)?;
        let token = read_token(&answer)?;
        let life = Span::from_seconds(token.expires_in.unwrap_or(0));
        let renew_at = asked_at.plus(life).minus(shorter(MARGIN, tenth(life)));
        let authorization =
            transport::bearer(&token.access_token.into()).ok_or(NeverSent::TokenUnavailable)?;
        Ok((authorization, renew_at))
    }
}

fn shorter(one: Span, other: Span) -> Span {
    if one < other { one } else { other }
}

fn tenth(span: Span) -> Span {
    Span::from_millis(u32::try_from(span.millis() / 10).unwrap_or(u32::MAX))
}

/// The order behind the token was not written, whatever happened to the token's own request.
/// Errors before the first byte keep their name: they say more.
fn unavailable(failure: Failure) -> NeverSent {
    match failure {
        Failure::NeverSent(cause) => cause,
        Failure::Unknown(_) => NeverSent::TokenUnavailable,
    }
}

fn read_token(answer: &Answer) -> Result<wire::Token, NeverSent> {
    match answer.status {
        200 | 201 => answer.read().ok_or(NeverSent::TokenUnavailable),
        400 | 401 | 403 => Err(NeverSent::TokenRefused),
        _ => Err(NeverSent::TokenUnavailable),
    }
}
