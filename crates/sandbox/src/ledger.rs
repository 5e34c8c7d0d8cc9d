//! The fake central bank's ledger: what really settled, and nothing else.

use serde::{Deserialize, Serialize};

use crate::config::GatewayName;

/// The kind of an executed movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A Pix came in and paid a charge.
    Received,
    /// A payout went out.
    Sent,
    /// A received Pix was given back at our request.
    Refund,
    /// A payout came back from the payee.
    Return,
    /// The gateway took back a received Pix on its own.
    Reversal,
}

/// One executed movement of money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// From 1, without gaps.
    pub seq: u64,
    pub gateway: GatewayName,
    pub kind: EntryKind,
    pub amount_cents: i64,
    /// txid, idEnvio or external_reference of the charge or payout concerned.
    pub reference: String,
    /// The movement's own id: `E…` of a Pix, `D…` of a refund, return or reversal.
    pub end_to_end_id: String,
    /// RFC 3339, UTC.
    pub executed_at: String,
    /// The Pix that a refund, return or reversal gives back.
    pub original_end_to_end_id: Option<String>,
    /// What our side chose to tell this movement from others of the same reference: the devolução
    /// id, or the X-Idempotency-Key of a refund.
    pub key: Option<String>,
    /// What the gateway kept of a received Pix.
    pub fee_cents: i64,
}

impl LedgerEntry {
    /// What it does to the account at the gateway.
    pub fn balance_change(&self) -> i64 {
        match self.kind {
            EntryKind::Received | EntryKind::Return => self.amount_cents - self.fee_cents,
            EntryKind::Sent | EntryKind::Refund | EntryKind::Reversal => -self.amount_cents,
        }
    }
}
