//! Where customers receive events, and what became of each.

pub mod change_endpoint;
pub mod create_endpoint;
pub mod delete_endpoint;
pub mod list_deliveries;
pub mod list_endpoints;
pub mod replay_delivery;
pub mod rotate_secret;
pub mod show_endpoint;
