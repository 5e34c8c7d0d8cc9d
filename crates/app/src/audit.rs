//! The operators' audit trail: who did what to which thing, append only.

use domain::ids::AuditId;
use domain::time::Moment;
use serde_json::Value;

use crate::context::Ids;
use crate::ports::store::{AuditRow, Write};

/// What is done by the program itself.
pub const SYSTEM: &str = "system";

/// One line of the trail.
pub struct Audited<'a> {
    /// A user's id, or [`SYSTEM`].
    pub actor: String,
    /// Such as `review.approved`.
    pub action: &'a str,
    /// The id of what it was done to.
    pub subject: String,
    /// Without personal data.
    pub detail: Value,
}

/// The row to write beside the change that it tells.
pub fn audit(ids: &mut Ids, at: Moment, audited: Audited<'_>) -> Write {
    Write::InsertAudit(AuditRow {
        id: AuditId::from_bytes(ids.make()),
        actor: audited.actor,
        action: audited.action.to_owned(),
        subject: audited.subject,
        detail: audited.detail.to_string(),
        at,
    })
}
