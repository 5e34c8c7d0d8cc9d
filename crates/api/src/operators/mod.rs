//! What operators see, and the stream of events.

pub mod list_alerts;
pub mod list_audit;
pub mod list_gateways;
pub mod list_jobs;
pub mod stream_events;
