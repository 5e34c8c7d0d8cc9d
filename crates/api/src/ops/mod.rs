//! Health, readiness, and the description of the API.

mod docs_html;
pub mod show_docs;
pub mod show_health;
pub mod show_metrics;
pub mod show_openapi;
pub mod show_readiness;
