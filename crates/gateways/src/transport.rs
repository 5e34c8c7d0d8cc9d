//! One HTTP client per gateway: bounded, without redirects, without repetitions.
//!
//! The one question a failed call raises is whether a byte of the request may have left this host.
//! [`classify`] answers *never sent* only for errors that precede the first byte: name resolution,
//! connecting, the TLS handshake, or no free place among the calls under way. With TLS 1.3 a
//! refused client certificate shows itself only after the client believes the handshake done; the
//! server's alert proves that it read nothing after it, so it counts as a failed handshake. A bare
//! reset proves nothing and is unknown, like every other error.
//!
//! Repetitions: the client's own retry policy is off. The pool underneath opens another connection
//! only for a request that it had not begun to write, which is the same transmission still.
//!
//! Logs carry the operation's name, the status and the time taken, never path, header or body.

use std::error::Error as StdError;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::gateway::Gateway;
use domain::outcome::{NeverSent, UnknownCause};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Certificate, Client, Identity, Method};
use rustls::AlertDescription;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::answer::{Answer, Failure};
use crate::config::{ConfigError, HttpLimits};

const USER_AGENT: &str = concat!("pixwave/", env!("CARGO_PKG_VERSION"));

/// One call, as the adapters describe it.
pub(crate) struct Call<'a> {
    /// The name in the log.
    pub operation: &'static str,
    pub method: Method,
    /// Path and query below the base URL, percent-encoded.
    pub path: &'a str,
    pub authorization: Option<HeaderValue>,
    pub headers: Vec<(&'a str, &'a str)>,
    pub body: Option<Bytes>,
}

impl<'a> Call<'a> {
    pub(crate) fn get(operation: &'static str, path: &'a str) -> Call<'a> {
        Call {
            operation,
            method: Method::GET,
            path,
            authorization: None,
            headers: Vec::new(),
            body: None,
        }
    }

    pub(crate) fn with_body(
        operation: &'static str,
        method: Method,
        path: &'a str,
        body: impl Into<Bytes>,
    ) -> Call<'a> {
        Call {
            method,
            body: Some(body.into()),
            ..Call::get(operation, path)
        }
    }

    pub(crate) fn header(mut self, name: &'a str, value: &'a str) -> Call<'a> {
        self.headers.push((name, value));
        self
    }
}

/// A header value that the logs of the layers below print as `Sensitive`.
pub(crate) fn bearer(token: &SecretString) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

pub(crate) struct Transport {
    gateway: Gateway,
    client: Client,
    base_url: String,
    limits: HttpLimits,
    places: Semaphore,
}

/// What TLS needs beyond the system's own authorities.
#[derive(Default)]
pub(crate) struct Tls {
    pub identity: Option<Identity>,
    pub only_root: Option<Certificate>,
}

impl Transport {
    pub(crate) fn new(
        gateway: Gateway,
        base_url: &str,
        tls: Tls,
        limits: HttpLimits,
    ) -> Result<Transport, ConfigError> {
        let base_url = checked_base_url(base_url, tls.identity.is_some())?;
        let mut builder = Client::builder()
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(USER_AGENT)
            .connect_timeout(limits.connect)
            .timeout(limits.total)
            .pool_max_idle_per_host(limits.pool_max_idle)
            .pool_idle_timeout(limits.pool_idle)
            .tls_version_min(reqwest::tls::Version::TLS_1_2);
        if let Some(identity) = tls.identity {
            builder = builder.identity(identity);
        }
        if let Some(root) = tls.only_root {
            builder = builder.tls_certs_only([root]);
        }
        let client = builder
            .build()
            .map_err(|error| ConfigError::new("http", describe(&error)))?;
        Ok(Transport {
            gateway,
            client,
            base_url,
            places: Semaphore::new(limits.max_in_flight),
            limits,
        })
    }

    /// One transmission and its complete answer.
    pub(crate) async fn call(&self, call: Call<'_>) -> Result<Answer, Failure> {
        let operation = call.operation;
        let started = Instant::now();
        let outcome = self.transmit(call).await;
        self.log(operation, started.elapsed(), &outcome);
        outcome
    }

    async fn transmit(&self, call: Call<'_>) -> Result<Answer, Failure> {
        let _place = self.place().await?;
        let url = format!("{}{}", self.base_url, call.path);
        let mut request = self
            .client
            .request(call.method, url)
            .header(ACCEPT, "application/json");
        if let Some(authorization) = call.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        if let Some(body) = call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.send().await.map_err(|error| classify(&error))?;
        let status = response.status().as_u16();
        let body = self.read_body(response).await?;
        Ok(Answer { status, body })
    }

    async fn place(&self) -> Result<SemaphorePermit<'_>, Failure> {
        const FULL: Failure = Failure::NeverSent(NeverSent::PoolExhausted);
        match tokio::time::timeout(self.limits.connect, self.places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_closed)) => Err(FULL),
            Err(_elapsed) => Err(FULL),
        }
    }

    /// The headers have come, so the request was received: whatever goes wrong now is unknown.
    async fn read_body(&self, mut response: reqwest::Response) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(None) => return Ok(body),
                Ok(Some(chunk)) if body.len() + chunk.len() <= self.limits.max_response_bytes => {
                    body.extend_from_slice(&chunk);
                }
                Ok(Some(_)) => return Err(Failure::Unknown(UnknownCause::UnreadableBody)),
                Err(error) if error.is_timeout() => {
                    return Err(Failure::Unknown(UnknownCause::Timeout));
                }
                Err(_) => return Err(Failure::Unknown(UnknownCause::ConnectionLost)),
            }
        }
    }

    fn log(&self, operation: &str, elapsed: Duration, outcome: &Result<Answer, Failure>) {
        let gateway = self.gateway.as_str();
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        match outcome {
            Ok(answer) if answer.is_success() => {
                let status = answer.status;
                tracing::debug!(gateway, operation, status, elapsed_ms, "gateway answered");
            }
            Ok(answer) => {
                let status = answer.status;
                tracing::info!(gateway, operation, status, elapsed_ms, "gateway refused");
            }
            Err(failure) => {
                let cause = failure.as_str();
                tracing::warn!(gateway, operation, cause, elapsed_ms, "gateway call failed");
            }
        }
    }
}

fn checked_base_url(text: &str, needs_tls: bool) -> Result<String, ConfigError> {
    let url = url::Url::parse(text).map_err(|error| ConfigError::new("base_url", error))?;
    let secure = match url.scheme() {
        "https" => true,
        "http" if !needs_tls => false,
        _ => return Err(ConfigError::new("base_url", "must begin with https://")),
    };
    let host = url.host_str().unwrap_or("");
    if !secure && host.ends_with("mercadopago.com") {
        return Err(ConfigError::new("base_url", "must begin with https://"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(ConfigError::new("base_url", "must not have a query"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Whether the request may have left, by what went wrong.
fn classify(error: &reqwest::Error) -> Failure {
    if error.is_dns() {
        return Failure::NeverSent(NeverSent::Dns);
    }
    let tls = tls_error(error);
    if error.is_connect() {
        return Failure::NeverSent(match tls {
            Some(_) => NeverSent::TlsHandshake,
            None => NeverSent::Connect,
        });
    }
    if tls.is_some_and(refuses_our_certificate) {
        return Failure::NeverSent(NeverSent::TlsHandshake);
    }
    if error.is_timeout() {
        return Failure::Unknown(UnknownCause::Timeout);
    }
    Failure::Unknown(UnknownCause::ConnectionLost)
}

/// The server's verdict on the client certificate, which it gives before it reads any request.
fn refuses_our_certificate(error: &rustls::Error) -> bool {
    matches!(
        error,
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
        )
    )
}

/// The TLS library's error among the causes. An `io::Error` hides the error that it wraps from
/// `source()`, so it is asked for it.
fn tls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(tls);
        }
        next = match error.downcast_ref::<std::io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    None
}

/// An error with its causes, for configuration problems: it holds no secret there.
fn describe(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
#[path = "transport_tests.rs"]
mod tests;
