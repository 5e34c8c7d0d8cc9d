//! Moves of our own money between the gateways.

use app::ports::store::*;
use domain::float_move::FloatMoveState;
use domain::ids::*;
use domain::time::Moment;

use super::Reader;
use crate::keyring::{Column, Sealer};
use crate::tx::{Columns, Done};

pub(crate) const REASON: Column = Column::new("float_moves", "reason_sealed");

/// Who decided and when, as columns.
pub(crate) fn decided(state: &FloatMoveState) -> (Option<UserId>, Option<Moment>) {
    match *state {
        FloatMoveState::Proposed => (None, None),
        FloatMoveState::Approved { by, at, .. } | FloatMoveState::Declined { by, at } => {
            (Some(by), Some(at))
        }
        FloatMoveState::Expired { at } => (None, Some(at)),
    }
}

pub(crate) fn float_move(columns: Columns, sealer: &Sealer) -> Done<FloatMoveRow> {
    let mut row = Reader::new("float_moves", columns);
    let id = row.id("id", FloatMoveId::from_bytes)?;
    let from = row.gateway("from_gateway")?;
    let to = row.gateway("to_gateway")?;
    let amount = row.money("amount")?;
    let reason = row.sealed_text(sealer, REASON, id.bytes())?;
    let state = row.text("state")?;
    let proposed_by = row.id("proposed_by", UserId::from_bytes)?;
    let proposed_at = row.moment("proposed_at")?;
    let expires_at = row.moment("expires_at")?;
    let by = row.optional_id("decided_by", UserId::from_bytes)?;
    let at = row.optional_moment("decided_at")?;
    let transaction = row.optional_id("transaction_id", TransactionId::from_bytes)?;
    let state = match (state.as_str(), by, at, transaction) {
        ("proposed", None, None, None) => FloatMoveState::Proposed,
        ("approved", Some(by), Some(at), Some(transaction)) => FloatMoveState::Approved {
            by,
            at,
            transaction,
        },
        ("declined", Some(by), Some(at), None) => FloatMoveState::Declined { by, at },
        ("expired", None, Some(at), None) => FloatMoveState::Expired { at },
        _ => return Err(row.broken("state", "does not fit what was decided").into()),
    };
    Ok(FloatMoveRow {
        id,
        from,
        to,
        amount,
        reason,
        state,
        proposed_by,
        proposed_at,
        expires_at,
        left: row.money("left_cents")?,
        returned: row.money("returned_cents")?,
        arrived: row.money("arrived_cents")?,
        arrived_at: row.optional_moment("arrived_at")?,
        alerted_at: row.optional_moment("alerted_at")?,
        version: row.count("version")?,
    })
}
