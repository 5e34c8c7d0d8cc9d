//! The shared availability of the gateways against real Redis servers, which die under it.
//!
//! [`conformance`] is one suite for whatever implements the port: the twin in this process, Redis,
//! and a Redis Cluster. `sharing` has several processes, played by several links; `outage` takes
//! Redis away, empties it and makes it slow. `webhooks` sends to servers of strangers.

mod conformance;
mod outage;
mod proxy;
mod setting;
mod sharing;
mod tries;
mod webhooks;
