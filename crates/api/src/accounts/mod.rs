//! Users, sessions and API keys.

pub mod create_api_key;
pub mod create_session;
pub mod create_user;
pub mod delete_session;
pub mod list_api_keys;
pub mod revoke_api_key;
pub mod show_me;
