//! Adapters of rented services: Redis, which shares hints and counts between processes.
//!
//! Nothing here is truth. What Redis holds may vanish at any moment and come back empty; everything
//! has a twin in the process that takes over at once. [`RedisAddress`] says where it is, [`Link`]
//! holds the connection and notices when it is away, [`RedisAvailability`] and [`WithTwin`] share how
//! each gateway is doing, [`RedisTries`] how often somebody tried, and [`examine`] tells an operator what stands at an address.
//!
//! An address with `rediss` needs the process-wide TLS provider to be installed.

mod address;
mod availability;
mod connect;
mod examine;
mod link;
mod stored;
mod tries;

pub use address::{AddressError, RedisAddress};
pub use availability::{KEY_LIFE, RedisAvailability, WithTwin, key, slot};
pub use examine::{Examined, OLDEST_MAJOR, Unfit, examine};
pub use link::{Cause, Counts, Limits, Link};
pub use tries::RedisTries;
