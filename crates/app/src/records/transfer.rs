//! Transfers as rows.

use domain::ids::WalletId;
use domain::status::Kind;
use serde::{Deserialize, Serialize};

use super::{corrupt, read};
use crate::ports::store::{StoreError, TransactionRow};

/// The open facts of a transfer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferFacts {
    /// `wal_…`
    pub to_wallet_id: String,
    /// The limit windows in which the transfer was counted.
    pub day: i32,
    pub night: Option<i32>,
}

/// The sealed facts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TransferPrivate {
    pub description: Option<String>,
    pub metadata: Option<String>,
    pub payee_name: Option<String>,
    /// As shown: masked.
    pub payee_tax_id_masked: Option<String>,
}

/// A transfer, decided in one commit and never changed after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferRecord {
    pub to_wallet_id: WalletId,
    pub facts: TransferFacts,
    pub private: TransferPrivate,
}

impl TransferRecord {
    pub fn load(row: &TransactionRow) -> Result<TransferRecord, StoreError> {
        if row.kind != Kind::Transfer {
            return Err(corrupt(row, "kind", "not a transfer"));
        }
        let facts: TransferFacts = read(row, "facts", &row.facts)?;
        Ok(TransferRecord {
            to_wallet_id: WalletId::parse(&facts.to_wallet_id)
                .map_err(|error| corrupt(row, "facts", &error.to_string()))?,
            private: read(row, "private", &row.private)?,
            facts,
        })
    }
}
