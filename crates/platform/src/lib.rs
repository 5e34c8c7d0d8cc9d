//! Adapters of what stands outside: Redis, which shares hints and counts between processes, the
//! servers of customers, to which webhooks are sent ([`WebhookClient`]), and with the feature `aws` the
//! topic and the queue of events there.
//!
//! Nothing of Redis is truth. What Redis holds may vanish at any moment and come back empty; everything
//! has a twin in the process that takes over at once. [`RedisAddress`] says where it is, [`Link`]
//! holds the connection and notices when it is away, [`RedisAvailability`] and [`WithTwin`] share how
//! each gateway is doing, [`RedisTries`] how often somebody tried, and [`examine`] tells an operator what stands at an address.
//!
//! An address with `rediss` needs the process-wide TLS provider to be installed.

mod address;
mod availability;
pub mod aws;
mod connect;
mod examine;
mod link;
mod stored;
mod tries;
mod webhooks;

pub use address::{AddressError, RedisAddress};
pub use availability::{KEY_LIFE, RedisAvailability, WithTwin, key, slot};
pub use examine::{Examined, OLDEST_MAJOR, Unfit, examine};
pub use link::{Cause, Counts, Limits, Link};
pub use tries::RedisTries;
pub use webhooks::{Lookup, SystemLookup, WebhookClient, WebhookClientError, WebhookLimits};
