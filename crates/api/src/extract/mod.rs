//! From an HTTP request to what a handler needs: who is asking, the idempotency key, strict JSON,
//! path ids, the query and preferences. Each part refuses with a [`crate::error::Problem`], and in
//! the order of the handler's arguments: who asks is settled before what is asked is read.

pub mod caller;
pub mod fields;
pub mod idempotency;
pub mod json;
pub mod page;
pub mod path;
pub mod prefer;
pub mod read;
