//! One record per request that reached a gateway, whatever became of it.

use serde::{Deserialize, Serialize};

use crate::{
    config::GatewayName,
    faults::{FaultMode, Operation},
};

/// A request, and whether it took effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    pub seq: u64,
    pub gateway: GatewayName,
    /// RFC 3339, UTC.
    pub received_at: String,
    pub method: String,
    pub path: String,
    pub operation: Operation,
    /// txid, idEnvio, devolução id or X-Idempotency-Key.
    pub key: Option<String>,
    /// SHA-256 of the body, hexadecimal.
    pub body_hash: String,
    /// The status the endpoint answered, before any fault changed it; `None` while it runs and
    /// when a fault kept it from running.
    pub status: Option<u16>,
    /// Whether the operation took effect through this very request.
    pub executed: bool,
    /// The fault that struck.
    pub fault: Option<FaultMode>,
}
