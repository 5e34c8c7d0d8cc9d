//! The events that every change of a transaction writes, in the same commit.
//!
//! Each version of a transaction has exactly one event, so that a consumer sees by
//! `transaction_version` whether it missed one. Bodies carry no personal data.

use domain::ids::{EventId, FloatMoveId};
use domain::time::Moment;
use domain::webhook::DisabledReason;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::context::Ids;
use crate::ports::outbound::EndpointRow;
use crate::ports::store::{AlertRow, EventRow, PayInRow, TransactionRow, Write};

/// The closed list of event types.
pub const EVENT_TYPES: &[&str] = &[
    "charge.creating",
    "charge.awaiting_payment",
    "charge.underpaid",
    "charge.underpaid_expired",
    "charge.paid",
    "charge.pay_in",
    "charge.disputed",
    "charge.dispute_released",
    "charge.reversed",
    "charge.refunded",
    "charge.expired",
    "charge.cancelled",
    "charge.creation_failed",
    "payout.created",
    "payout.queued",
    "payout.sending",
    "payout.accepted",
    "payout.in_doubt",
    "payout.in_review",
    "payout.settled",
    "payout.returned",
    "payout.loss_recovered",
    "payout.rejected",
    "payout.cancelled",
    "transfer.settled",
    "refund.created",
    "refund.queued",
    "refund.sending",
    "refund.accepted",
    "refund.in_doubt",
    "refund.in_review",
    "refund.settled",
    "refund.rejected",
    "suspense.resolved",
    "float_move.arrived",
    "transaction.corrected",
    "webhook_endpoint.disabled",
    "alert.raised",
];

/// Types of which operators alone hear.
const OPERATORS_TYPES: &[&str] = &["suspense.resolved", "float_move.arrived", "alert.raised"];

/// The types of events that belong to a user.
pub fn owners_types() -> impl Iterator<Item = &'static str> {
    EVENT_TYPES
        .iter()
        .copied()
        .filter(|kind| !OPERATORS_TYPES.contains(kind))
}

/// An event as everybody outside sees it, whichever way it takes: JSON on one line.
pub fn published(row: &EventRow) -> String {
    let published = Published {
        id: row.id.to_string(),
        r#type: &row.kind,
        position: row.position,
        transaction_id: row.transaction_id.map(|id| id.to_string()),
        transaction_version: row.transaction_version,
        wallet_id: row.wallet_id.map(|id| id.to_string()),
        occurred_at: rfc_3339(row.occurred_at),
        data: serde_json::from_str(&row.body).unwrap_or_default(),
    };
    serde_json::to_string(&published).expect("an event is plain data")
}

#[derive(Serialize)]
struct Published<'a> {
    id: String,
    r#type: &'a str,
    position: Option<u64>,
    transaction_id: Option<String>,
    transaction_version: Option<u64>,
    wallet_id: Option<String>,
    occurred_at: String,
    data: Value,
}

/// In UTC with six decimals, like every time that the API shows.
fn rfc_3339(moment: Moment) -> String {
    let timestamp = Timestamp::from_microsecond(moment.micros()).unwrap_or(Timestamp::MAX);
    format!("{timestamp:.6}")
}

/// Nothing is sent to an endpoint any more, by itself; its owner hears of it by the other ways.
pub fn endpoint_disabled(
    ids: &mut Ids,
    endpoint: &EndpointRow,
    reason: DisabledReason,
    at: Moment,
) -> Write {
    let body = json!({
        "endpoint_id": endpoint.id.to_string(),
        "reason": reason.as_str(),
        "failures": endpoint.health.failures,
        "failing_since": endpoint.health.failing_since.map(rfc_3339),
    });
    Write::InsertEvent(EventRow {
        id: EventId::from_bytes(ids.make()),
        kind: "webhook_endpoint.disabled".to_owned(),
        transaction_id: None,
        transaction_version: None,
        wallet_id: None,
        user_id: Some(endpoint.user_id),
        body: body.to_string(),
        occurred_at: at,
        position: None,
    })
}

/// The event of this version of the row. `kind` is one of [`EVENT_TYPES`].
pub fn of_transaction(ids: &mut Ids, row: &TransactionRow, kind: &str) -> Write {
    debug_assert!(
        EVENT_TYPES.contains(&kind),
        "{kind} is not a listed event type"
    );
    let body = json!({
        "transaction_id": row.id.to_string(),
        "kind": row.kind.as_str(),
        "status": row.status.as_str(),
        "stage": row.stage,
        "amount_cents": row.amount.cents(),
        "fee_cents": row.fee.cents(),
        "gateway": row.gateway.map(|gateway| gateway.as_str()),
        "wallet_id": row.wallet().map(|wallet| wallet.to_string()),
        "end_to_end_id": row.end_to_end_id,
        "reference": row.reference,
    });
    Write::InsertEvent(EventRow {
        id: EventId::from_bytes(ids.make()),
        kind: kind.to_owned(),
        transaction_id: Some(row.id),
        transaction_version: Some(row.version),
        wallet_id: row.wallet(),
        user_id: Some(row.user_id).filter(|_| !row.is_systems()),
        body: body.to_string(),
        occurred_at: row.updated_at,
        position: None,
    })
}

/// A pay-in that stood in suspense has found its charge; operators see it, as they saw the alert.
pub fn suspense_resolved(ids: &mut Ids, row: &PayInRow, at: Moment) -> Write {
    let body = json!({
        "pay_in_id": row.id.to_string(),
        "gateway": row.gateway.as_str(),
        "amount_cents": row.amount.cents(),
        "transaction_id": row.transaction_id.map(|id| id.to_string()),
    });
    Write::InsertEvent(EventRow {
        id: EventId::from_bytes(ids.make()),
        kind: "suspense.resolved".to_owned(),
        transaction_id: None,
        transaction_version: None,
        wallet_id: None,
        user_id: None,
        body: body.to_string(),
        occurred_at: at,
        position: None,
    })
}

/// Float of ours has reached the other gateway, or a part of it has; operators see it.
pub fn float_move_arrived(ids: &mut Ids, id: FloatMoveId, row: &PayInRow, at: Moment) -> Write {
    let body = json!({
        "float_move_id": id.to_string(),
        "pay_in_id": row.id.to_string(),
        "gateway": row.gateway.as_str(),
        "amount_cents": row.amount.cents(),
        "fee_cents": row.fee.cents(),
        "transaction_id": row.transaction_id.map(|id| id.to_string()),
    });
    Write::InsertEvent(EventRow {
        id: EventId::from_bytes(ids.make()),
        kind: "float_move.arrived".to_owned(),
        transaction_id: None,
        transaction_version: None,
        wallet_id: None,
        user_id: None,
        body: body.to_string(),
        occurred_at: at,
        position: None,
    })
}

/// An alert with the event that tells it.
pub fn alert(ids: &mut Ids, alert: AlertRow) -> [Write; 2] {
    let body = json!({
        "alert_id": alert.id.to_string(),
        "kind": alert.kind,
        "transaction_id": alert.transaction_id.map(|id| id.to_string()),
        "gateway": alert.gateway.map(|gateway| gateway.as_str()),
        "message": alert.message,
    });
    let event = EventRow {
        id: EventId::from_bytes(ids.make()),
        kind: "alert.raised".to_owned(),
        transaction_id: None,
        transaction_version: None,
        wallet_id: None,
        user_id: None,
        body: body.to_string(),
        occurred_at: alert.raised_at,
        position: None,
    };
    [Write::InsertAlert(alert), Write::InsertEvent(event)]
}
