//! How transactions are stored: the domain's states as rows, and back.
//!
//! The rows carry two JSON texts, `facts` (open) and `private` (sealed by the store). Their shapes
//! live here and nowhere else; a text that cannot be read is a corrupt row, named as such.

pub mod charge;
pub mod outgoing;
pub mod transfer;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ports::store::{StoreError, TransactionRow};

/// Reads one of a row's JSON texts.
pub(crate) fn read<T: DeserializeOwned>(
    row: &TransactionRow,
    column: &str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| corrupt(row, column, &error.to_string()))
}

pub(crate) fn corrupt(row: &TransactionRow, column: &str, why: &str) -> StoreError {
    StoreError::Corrupt(format!("transactions.{column} of {}: {why}", row.id))
}

/// Writes one of a row's JSON texts.
pub(crate) fn write<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain records serialize")
}
