//! The JSON that clients see: views of the use cases in the words of the API.

pub mod float_move;
pub mod live;
pub mod operations;
pub mod people;
pub mod preview;
pub mod reconciliation;
pub mod review;
pub mod time;
pub mod transaction;
pub mod wallet;
pub mod webhooks;

use serde::Serialize;
use utoipa::ToSchema;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    pub data: Vec<T>,
    /// Ask for the next page with `?cursor=`; null on the last page.
    pub next_cursor: Option<String>,
}

/// JSON stored as text, as it was. Unreadable text is null.
pub(crate) fn stored_json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_default()
}
