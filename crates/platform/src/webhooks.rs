//! Posting events to addresses that customers have chosen, which is to say: to strangers.
//!
//! A stranger must not have this host speak to itself, to its neighbors or to its cloud's metadata
//! service. Names are resolved here, and only public addresses are handed to whoever connects: what
//! is checked is what is connected to, at every connection, so a name that leads elsewhere a moment
//! later gains nothing. Addresses written out in numbers pass no resolver and are checked before.
//! Redirects are not followed, and proxies of the environment not used, since both would choose
//! another target.
//!
//! A request has a bounded time in all, and what is answered is read only to leave the connection
//! fit for the next one.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use app::ports::runtime::BoxFuture;
use app::ports::webhooks::{WebhookFailure, WebhookRequest, WebhookSender};
use async_trait::async_trait;
use domain::address::is_public;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Response, Url};
use url::Host;

const USER_AGENT: &str = concat!("pixwave/", env!("CARGO_PKG_VERSION"));
/// Of an answer's body so much is read, for so long.
const LARGEST_DRAINED: usize = 16 * 1024;
const LONGEST_DRAIN: Duration = Duration::from_secs(1);
/// Connections of thousands of endpoints must not pile up.
const POOL_IDLE: Duration = Duration::from_secs(15);

/// Bounds of one request.
#[derive(Clone, Copy, Debug)]
pub struct WebhookLimits {
    /// DNS, TCP and TLS together.
    pub connect: Duration,
    /// The whole request with its answer.
    pub total: Duration,
}

impl WebhookLimits {
    pub const STANDARD: WebhookLimits = WebhookLimits {
        connect: Duration::from_secs(3),
        total: Duration::from_secs(15),
    };
}

/// From a name to its addresses.
pub trait Lookup: Send + Sync + 'static {
    fn look_up(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// As this machine resolves names.
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn look_up(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// The sender of webhooks.
pub struct WebhookClient {
    client: Client,
    allow_private: bool,
}

/// The client cannot be built: the machine has no certificate authorities.
#[derive(Debug, thiserror::Error)]
#[error("the client for webhooks cannot be built: {0}")]
pub struct WebhookClientError(String);

impl WebhookClient {
    /// Speaks https to public addresses only, unless private ones are allowed: then anything goes.
    pub fn new(
        allow_private: bool,
        limits: WebhookLimits,
        lookup: Arc<dyn Lookup>,
    ) -> Result<WebhookClient, WebhookClientError> {
        let resolver = Guarded {
            lookup,
            allow_private,
        };
        let client = Client::builder()
            .http1_only()
            .https_only(!allow_private)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(USER_AGENT)
            .connect_timeout(limits.connect)
            .timeout(limits.total)
            .pool_max_idle_per_host(2)
            .pool_idle_timeout(POOL_IDLE)
            .tls_version_min(reqwest::tls::Version::TLS_1_2)
            .dns_resolver(Arc::new(resolver))
            .build()
            .map_err(|error| WebhookClientError(error.to_string()))?;
        Ok(WebhookClient {
            client,
            allow_private,
        })
    }

    fn checked(&self, text: &str) -> Result<Url, WebhookFailure> {
        const FORBIDDEN: WebhookFailure = WebhookFailure::ForbiddenTarget;
        let url = Url::parse(text).map_err(|_| FORBIDDEN)?;
        let is_allowed = match url.host().ok_or(FORBIDDEN)? {
            // The resolver sees to it.
            Host::Domain(_) => true,
            Host::Ipv4(address) => is_public(address.into()),
            Host::Ipv6(address) => is_public(address.into()),
        };
        let is_allowed = self.allow_private || (is_allowed && url.scheme() == "https");
        is_allowed.then_some(url).ok_or(FORBIDDEN)
    }
}

#[async_trait]
impl WebhookSender for WebhookClient {
    async fn post(&self, request: WebhookRequest) -> Result<u16, WebhookFailure> {
        let url = self.checked(&request.url)?;
        let mut post = self
            .client
            .post(url)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(request.body);
        for (name, value) in request.headers {
            post = post.header(name, value);
        }
        let response = post.send().await.map_err(|error| classify(&error))?;
        let status = response.status().as_u16();
        drain(response).await;
        Ok(status)
    }
}

/// A connection whose answer is read to its end can be used again; whose is not ends with it.
async fn drain(mut response: Response) {
    let read = async {
        let mut length = 0;
        while length <= LARGEST_DRAINED
            && let Ok(Some(chunk)) = response.chunk().await
        {
            length += chunk.len();
        }
    };
    // The status is known: whatever becomes of the body changes nothing.
    let _ended = tokio::time::timeout(LONGEST_DRAIN, read).await;
}

fn classify(error: &reqwest::Error) -> WebhookFailure {
    if finds::<Forbidden>(error) || error.is_builder() {
        return WebhookFailure::ForbiddenTarget;
    }
    if error.is_timeout() {
        return WebhookFailure::Timeout;
    }
    if error.is_dns() || finds::<Unresolved>(error) {
        return WebhookFailure::Dns;
    }
    if finds::<rustls::Error>(error) {
        return WebhookFailure::Tls;
    }
    if error.is_connect() {
        return WebhookFailure::Connect;
    }
    WebhookFailure::ConnectionLost
}

/// Whether an error of this kind is among the causes. An `io::Error` hides the error that it wraps
/// from `source()`, so it is asked for it.
fn finds<E: StdError + 'static>(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<E>() {
            return true;
        }
        next = match error.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    false
}

/// A name that leads to no public address.
#[derive(Debug)]
struct Forbidden;

/// A name that leads nowhere.
#[derive(Debug)]
struct Unresolved;

macro_rules! errors {
    ($($name:ident = $text:literal),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($text)
            }
        }
        impl StdError for $name {}
    )*};
}
errors!(
    Forbidden = "the name leads to no public address",
    Unresolved = "the name cannot be resolved"
);

/// Hands out only addresses that may be connected to.
struct Guarded {
    lookup: Arc<dyn Lookup>,
    allow_private: bool,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let looked_up = self.lookup.look_up(name.as_str().to_owned());
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = looked_up.await.map_err(|_| Unresolved)?;
            let allowed = permitted(found, allow_private)?;
            // Port 0 stands for the one of the address that is called.
            let addresses = allowed.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

fn permitted(
    mut found: Vec<IpAddr>,
    allow_private: bool,
) -> Result<Vec<IpAddr>, Box<dyn StdError + Send + Sync>> {
    if found.is_empty() {
        return Err(Unresolved.into());
    }
    found.retain(|address| allow_private || is_public(*address));
    if found.is_empty() {
        return Err(Forbidden.into());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_addresses_of_a_name_are_handed_out() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let mixed = vec![ip("127.0.0.1"), ip("8.8.8.8"), ip("fd00::1")];
        assert_eq!(permitted(mixed.clone(), false).unwrap(), [ip("8.8.8.8")]);
        assert_eq!(permitted(mixed.clone(), true).unwrap(), mixed);
        let private = permitted(vec![ip("10.0.0.1"), ip("::1")], false);
        assert!(private.unwrap_err().is::<Forbidden>());
        let none = permitted(Vec::new(), true);
        assert!(none.unwrap_err().is::<Unresolved>());
    }
}
