//! Sending one signed event to a customer's server.

use async_trait::async_trait;

/// A request in the making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookRequest {
    /// As registered: chosen by a customer, so whoever sends decides whether it may be reached.
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: String,
}

/// Why no status came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookFailure {
    /// The address is not one that customers may have us call, or its name leads to one that is not.
    ForbiddenTarget,
    Dns,
    Connect,
    Tls,
    Timeout,
    ConnectionLost,
}

impl WebhookFailure {
    pub const fn as_str(self) -> &'static str {
        match self {
            WebhookFailure::ForbiddenTarget => "forbidden_target",
            WebhookFailure::Dns => "dns",
            WebhookFailure::Connect => "connect",
            WebhookFailure::Tls => "tls",
            WebhookFailure::Timeout => "timeout",
            WebhookFailure::ConnectionLost => "connection_lost",
        }
    }
}

/// Posts within a bounded time, follows no redirect and never repeats by itself.
#[async_trait]
pub trait WebhookSender: Send + Sync + 'static {
    /// The status of the answer; its body is of no interest.
    async fn post(&self, request: WebhookRequest) -> Result<u16, WebhookFailure>;
}
