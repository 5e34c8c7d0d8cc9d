//! The shared availability of the gateways against real Redis servers, which die under it.
//!
//! [`conformance`] is one suite for whatever implements the port: the twin in this process, Redis,
//! and a Redis Cluster. `sharing` has several processes, played by several links; `outage` takes
//! Redis away, empties it and makes it slow. `webhooks` sends to servers of strangers, and `topic`
//! publishes to a double of SNS that fails in every way.

mod conformance;
mod outage;
mod proxy;
mod setting;
mod sharing;
#[cfg(feature = "aws")]
mod topic;
mod tries;
mod webhooks;
