//! Relays over the event stream, webhook endpoints and deliveries.

use super::statements;

macro_rules! endpoint_columns {
    () => {
        "id, user_id, slot, url_sealed, description_sealed, event_types, secret_sealed, old_secret_sealed, old_secret_until, state, disabled_at, after_position, failures, failing_since, rest_until, due_at, leased, token, created_at, updated_at"
    };
}
macro_rules! delivery_columns {
    () => {
        "id, endpoint_id, event_id, position, kind, state, due_at, tries, replays, log, created_at, ended_at"
    };
}
/// How many columns a delivery has before those of its event.
pub(crate) const DELIVERY_COLUMNS: usize = 12;
macro_rules! due_deliveries {
    ($join:literal) => {
        concat!(
            "SELECT d.id, d.endpoint_id, d.event_id, d.position, d.kind, d.state, d.due_at, d.tries, d.replays, d.log, d.created_at, d.ended_at, \
             e.id, e.kind, e.transaction_id, e.transaction_version, e.wallet_id, e.user_id, e.body, e.occurred_at, e.position \
             FROM webhook_deliveries d ",
            $join,
            " events e ON e.position = d.position WHERE d.endpoint_id = ? AND d.due_at <= ? ORDER BY d.due_at, d.id LIMIT ?"
        )
    };
}
macro_rules! claimable {
    ($hint:literal, $lock:literal) => {
        concat!(
            "SELECT id FROM webhook_endpoints",
            $hint,
            " WHERE due_at <= ? ORDER BY due_at, id LIMIT ?",
            $lock
        )
    };
}
/// How many users, and how many endpoints, one statement names.
pub(crate) const PLACES: usize = 16;
macro_rules! sixteen {
    () => {
        "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    };
}
macro_rules! endpoints_of {
    ($lock:literal) => {
        concat!(
            "SELECT ",
            endpoint_columns!(),
            " FROM webhook_endpoints WHERE user_id IN ",
            sixteen!(),
            " AND state <> 'deleted' ORDER BY id",
            $lock
        )
    };
}
macro_rules! endpoints_before {
    ($states:literal) => {
        concat!(
            "SELECT ",
            endpoint_columns!(),
            " FROM webhook_endpoints WHERE id < ? AND ",
            $states,
            " ORDER BY id DESC LIMIT ?"
        )
    };
}
/// In the order of the stream, so that the first that somebody wants ends the search.
macro_rules! unrelayed {
    ($join:literal, $named:literal) => {
        concat!(
            "SELECT e.occurred_at FROM events e ",
            $join,
            " webhook_endpoints w ON w.user_id = e.user_id WHERE e.position > ? AND e.position <= ? \
             AND w.state IN ('enabled', 'failing') AND w.after_position < e.position \
             AND (w.event_types IS NULL OR INSTR(w.event_types, ",
            $named,
            ") > 0) ORDER BY e.position LIMIT 1"
        )
    };
}

statements! {
    RELAY: relays, "SELECT name, position, token, leased_until FROM relays WHERE name = ?";
    LOCK_RELAY: relays, "SELECT name, position, token, leased_until FROM relays WHERE name = ? FOR UPDATE",
        sqlite "SELECT name, position, token, leased_until FROM relays WHERE name = ?";
    INSERT_RELAY: relays, "INSERT INTO relays (name, position, token, leased_until) VALUES (?, ?, ?, ?)";
    CLAIM_RELAY: relays, "UPDATE relays SET token = token + 1, leased_until = ? WHERE name = ?";
    // The caller's clock says until when; leases are liveness only.
    ADVANCE_RELAY: relays, "UPDATE relays SET position = ?, leased_until = ? WHERE name = ? AND token = ? AND position = ?";
    VOID_RELAY_LEASES: relays, "UPDATE relays SET leased_until = NULL WHERE leased_until IS NOT NULL";

    INSERT_ENDPOINT: webhook_endpoints, concat!("INSERT INTO webhook_endpoints (", endpoint_columns!(), ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    SAVE_ENDPOINT: webhook_endpoints, "UPDATE webhook_endpoints SET slot = ?, url_sealed = ?, description_sealed = ?, event_types = ?, secret_sealed = ?, old_secret_sealed = ?, old_secret_until = ?, state = ?, disabled_at = ?, failures = ?, failing_since = ?, rest_until = ?, updated_at = ? WHERE id = ?";
    ENDPOINT: webhook_endpoints, concat!("SELECT ", endpoint_columns!(), " FROM webhook_endpoints WHERE id = ?");
    LOCK_ENDPOINT: webhook_endpoints, concat!("SELECT ", endpoint_columns!(), " FROM webhook_endpoints WHERE id = ? FOR UPDATE"),
        sqlite concat!("SELECT ", endpoint_columns!(), " FROM webhook_endpoints WHERE id = ?");
    ENDPOINTS_OF: webhook_endpoints, endpoints_of!("");
    LOCK_ENDPOINTS_OF: webhook_endpoints, endpoints_of!(" FOR UPDATE"), sqlite endpoints_of!("");
    ENDPOINTS_BEFORE: webhook_endpoints, endpoints_before!("state <> 'deleted'");
    ENDPOINTS_OFF_BEFORE: webhook_endpoints, endpoints_before!("state IN ('owner', 'failing', 'gone')");
    CLAIMABLE_ENDPOINTS: webhook_endpoints, claimable!(" FORCE INDEX (webhook_endpoints_due)", " FOR UPDATE SKIP LOCKED"), sqlite claimable!("", "");
    LEASE_ENDPOINTS: webhook_endpoints, concat!("UPDATE webhook_endpoints SET token = token + 1, leased = 1, due_at = ? WHERE id IN ", sixteen!());
    LEASED_ENDPOINTS: webhook_endpoints, concat!("SELECT ", endpoint_columns!(), " FROM webhook_endpoints WHERE id IN ", sixteen!(), " ORDER BY id");
    NEXT_ENDPOINT_AT: webhook_endpoints, "SELECT MIN(due_at) FROM webhook_endpoints WHERE due_at IS NOT NULL";
    END_TURN: webhook_endpoints, "UPDATE webhook_endpoints SET leased = 0 WHERE id = ? AND token = ? AND leased = 1";
    ENDPOINT_QUEUE: webhook_endpoints, "SELECT state, rest_until, leased FROM webhook_endpoints WHERE id = ?";
    REQUEUE_ENDPOINT: webhook_endpoints, "UPDATE webhook_endpoints SET due_at = ? WHERE id = ? AND leased = 0";
    VOID_ENDPOINT_LEASES: webhook_endpoints, "UPDATE webhook_endpoints SET due_at = 0 WHERE leased = 1";
    DROP_ENDPOINTS: webhook_endpoints, "DELETE FROM webhook_endpoints WHERE state = 'deleted' AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = webhook_endpoints.id)";

    INSERT_DELIVERY: webhook_deliveries, concat!("INSERT INTO webhook_deliveries (", delivery_columns!(), ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    SAVE_DELIVERY: webhook_deliveries, "UPDATE webhook_deliveries SET state = ?, due_at = ?, tries = ?, replays = ?, log = ?, ended_at = ? WHERE endpoint_id = ? AND id = ?";
    DELIVERY: webhook_deliveries, concat!("SELECT ", delivery_columns!(), " FROM webhook_deliveries WHERE endpoint_id = ? AND id = ?");
    LOCK_DELIVERY: webhook_deliveries, concat!("SELECT ", delivery_columns!(), " FROM webhook_deliveries WHERE endpoint_id = ? AND id = ? FOR UPDATE"),
        sqlite concat!("SELECT ", delivery_columns!(), " FROM webhook_deliveries WHERE endpoint_id = ? AND id = ?");
    DUE_DELIVERIES: webhook_deliveries, due_deliveries!("FORCE INDEX (webhook_deliveries_due) STRAIGHT_JOIN"), sqlite due_deliveries!("CROSS JOIN");
    FIRST_DUE: webhook_deliveries, "SELECT MIN(due_at) FROM webhook_deliveries WHERE endpoint_id = ? AND due_at IS NOT NULL";
    DELIVERIES: webhook_deliveries, concat!("SELECT ", delivery_columns!(), " FROM webhook_deliveries WHERE endpoint_id = ? AND id < ? ORDER BY id DESC LIMIT ?");
    DELIVERIES_IN: webhook_deliveries, concat!("SELECT ", delivery_columns!(), " FROM webhook_deliveries WHERE endpoint_id = ? AND state = ? AND id < ? ORDER BY id DESC LIMIT ?");
    OLD_DELIVERIES: webhook_deliveries, "SELECT d.endpoint_id, d.id FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id WHERE d.created_at < ? AND (d.due_at IS NULL OR e.state <> 'enabled') ORDER BY d.created_at LIMIT ?";
    ORPHANED_DELIVERIES: webhook_deliveries, "SELECT d.endpoint_id, d.id FROM webhook_endpoints e JOIN webhook_deliveries d ON d.endpoint_id = e.id WHERE e.state = 'deleted' LIMIT ?";
    FIRST_UNNUMBERED: events, "SELECT occurred_at FROM events FORCE INDEX (events_position) WHERE position IS NULL ORDER BY n LIMIT 1",
        sqlite "SELECT occurred_at FROM events INDEXED BY events_position WHERE position IS NULL ORDER BY n LIMIT 1";
    FIRST_UNRELAYED: events, unrelayed!("FORCE INDEX (events_position) STRAIGHT_JOIN", "CONCAT('\"', e.kind, '\"')"), sqlite unrelayed!("CROSS JOIN", "'\"' || e.kind || '\"'");
    DELETE_DELIVERY: webhook_deliveries, "DELETE FROM webhook_deliveries WHERE endpoint_id = ? AND id = ?";
}
