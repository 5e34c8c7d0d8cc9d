//! Webhooks: every event of an account, signed, to the endpoints that the account has registered.
//!
//! ```text
//! events by position ──► relay ──► one commit: deliveries, cursor ──► endpoint is due
//!                                                                        │ leased by one worker
//!                 tries, receipt, next time, health  ◄── one commit ◄── a turn of bounded length
//! ```
//!
//! [`relay`] makes a delivery for each event and each endpoint that wants it, in the commit that
//! moves its cursor, so that none is missed and none is made twice. [`deliver`] leases endpoints, not
//! deliveries: a worker sends a few of what is due, two at a time, and writes what came of it. One
//! that fails rests, and rests longer each time, so a dead endpoint costs a try now and then however
//! much waits for it. After a day without a success it is disabled, and what waits for it is kept.
//!
//! Delivery is at least once and in no order. `webhook-id` is the event's id in every try, so that a
//! receiver knows what it has seen.

pub mod deliver;
pub mod deliveries;
pub mod endpoints;
mod operators;
pub mod relay;
mod sign;
mod tries;
mod url;

use domain::time::Span;
use domain::webhook::DeliveryPolicy;

pub use deliveries::DeliveryView;
pub use endpoints::{ChangeEndpoint, NewEndpoint};
pub use operators::EndpointView;
pub use tries::Try;
pub use url::UrlFault;

use crate::context::App;
use crate::ports::store::StoreError;

/// What the operator may set.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// Whether endpoints may be spoken to in the clear and stand in private networks.
    pub allow_private: bool,
    pub policy: DeliveryPolicy,
    /// How long a secret signs beside the one that took its place.
    pub old_secret_life: Span,
    /// How long deliveries are kept.
    pub retention: Span,
    /// Endpoints of one account.
    pub endpoints: u32,
}

impl WebhookSettings {
    pub fn standard() -> WebhookSettings {
        WebhookSettings {
            allow_private: false,
            policy: DeliveryPolicy::standard(),
            old_secret_life: Span::from_days(1),
            retention: Span::from_days(30),
            endpoints: 16,
        }
    }

    /// Whether an address may be registered, so that it can be told together with whatever else is
    /// wrong with a request.
    ///
    /// # Errors
    /// Why not.
    pub fn check_url(&self, text: &str) -> Result<(), UrlFault> {
        url::checked(text, self.allow_private).map(drop)
    }
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum WebhookRefusal {
    /// The endpoint or delivery does not exist or is another user's.
    #[error("not found")]
    NotFound,
    #[error("the address cannot be used: {0}")]
    Url(#[from] UrlFault),
    #[error("an account has at most {limit} endpoints")]
    TooMany { limit: u32 },
    /// Nothing is sent to a disabled endpoint.
    #[error("the endpoint is disabled")]
    Disabled,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Deliveries removed in one commit, and commits of one sweep.
const DROPPED_AT_ONCE: u32 = 500;
const DROPS: u32 = 20;

/// Removes deliveries that have been kept long enough, and what deleted endpoints leave behind.
pub async fn sweep(app: App) -> Result<(), StoreError> {
    let before = app.now().minus(app.settings.webhooks.retention);
    for _ in 0..DROPS {
        let dropped = app
            .outbound
            .drop_deliveries(before, DROPPED_AT_ONCE)
            .await?;
        if dropped < u64::from(DROPPED_AT_ONCE) {
            break;
        }
    }
    Ok(())
}
