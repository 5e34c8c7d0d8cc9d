//! Users, sessions, API keys; settings and what operators set; alerts, audit and incidents.

use super::statements;

macro_rules! user_columns {
    () => {
        "id, name_sealed, email_sealed, tax_id_sealed, password_hash, role, created_at, blocked_at"
    };
}
macro_rules! api_key_columns {
    () => {
        "id, user_id, name, scopes, secret_hash, created_at, revoked_at"
    };
}
macro_rules! control_select {
    ($rest:literal) => {
        concat!(
            "SELECT gateway, operation, paused, is_primary, reason_sealed, changed_by, changed_at \
             FROM gateway_controls ORDER BY gateway, operation",
            $rest
        )
    };
}

/// The trail by one access path; the other conditions only filter.
macro_rules! audit_trail {
    ($hint:literal $(, $path:literal)?) => {
        concat!(
            "SELECT id, actor, action, subject, detail, at FROM audit",
            $hint,
            " WHERE ",
            $($path, " AND ",)?
            "id < ? AND (? IS NULL OR actor = ?) AND (? IS NULL OR action = ?) \
             ORDER BY id DESC LIMIT ?"
        )
    };
}

statements! {
    INSERT_USER: users, "INSERT INTO users (id, name_sealed, email_sealed, email_blind, tax_id_sealed, tax_id_blind, password_hash, role, created_at, blocked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    USER: users, concat!("SELECT ", user_columns!(), " FROM users WHERE id = ?");
    USER_BY_EMAIL: users, concat!("SELECT ", user_columns!(), " FROM users WHERE email_blind = ?");
    USER_BY_TAX_ID: users, concat!("SELECT ", user_columns!(), " FROM users WHERE tax_id_blind = ?");

    USERS: users, concat!("SELECT ", user_columns!(), " FROM users WHERE id < ? ORDER BY id DESC LIMIT ?");
    BLOCK_USER: users, "UPDATE users SET blocked_at = ? WHERE id = ?";

    INSERT_SESSION: sessions, "INSERT INTO sessions (id, user_id, token_hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?)";
    DELETE_SESSION: sessions, "DELETE FROM sessions WHERE id = ?";
    DELETE_SESSIONS_OF: sessions, "DELETE FROM sessions WHERE user_id = ?";
    SESSION_BY_TOKEN: sessions, "SELECT id, user_id, token_hash, created_at, expires_at FROM sessions WHERE token_hash = ?";

    SESSIONS_OF: sessions, "SELECT id, user_id, token_hash, created_at, expires_at FROM sessions WHERE user_id = ? ORDER BY id";

    INSERT_API_KEY: api_keys, "INSERT INTO api_keys (id, user_id, name, scopes, secret_hash, created_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?, ?)";
    // A key once revoked keeps its first time.
    REVOKE_API_KEY: api_keys, "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, ?) WHERE id = ? AND user_id = ?";
    API_KEY_BY_SECRET: api_keys, concat!("SELECT ", api_key_columns!(), " FROM api_keys WHERE secret_hash = ?");
    API_KEYS_OF: api_keys, concat!("SELECT ", api_key_columns!(), " FROM api_keys WHERE user_id = ? ORDER BY id");

    SETTING: settings, "SELECT value FROM settings WHERE name = ?";
    LOCK_SETTING: settings, "SELECT value FROM settings WHERE name = ? FOR UPDATE",
        sqlite "SELECT value FROM settings WHERE name = ?";
    SETTINGS_LIKE: settings, "SELECT name, value FROM settings WHERE name >= ? AND name < ? ORDER BY name";
    UPDATE_SETTING: settings, "UPDATE settings SET value = ? WHERE name = ?";
    INSERT_SETTING: settings, "INSERT INTO settings (name, value) VALUES (?, ?)";

    CONTROLS: gateway_controls, control_select!("");
    LOCK_CONTROLS: gateway_controls, control_select!(" FOR UPDATE"), sqlite control_select!("");
    SAVE_CONTROL: gateway_controls, "UPDATE gateway_controls SET paused = ?, is_primary = ?, reason_sealed = ?, changed_by = ?, changed_at = ? WHERE gateway = ? AND operation = ?";
    INSERT_RECONCILIATION: reconciliations, "INSERT INTO reconciliations (id, gateway, from_at, to_at, state, requested_by, requested_at, finished_at, result) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    SAVE_RECONCILIATION: reconciliations, "UPDATE reconciliations SET state = ?, finished_at = ?, result = ? WHERE id = ? AND state IN ('queued', 'running')";
    RECONCILIATION: reconciliations, "SELECT id, gateway, from_at, to_at, state, requested_by, requested_at, finished_at, result FROM reconciliations WHERE id = ?";
    RECONCILIATIONS_BEFORE: reconciliations, "SELECT id, gateway, from_at, to_at, state, requested_by, requested_at, finished_at, result FROM reconciliations WHERE id < ? ORDER BY id DESC LIMIT ?";

    INSERT_ALERT: alerts, "INSERT INTO alerts (id, kind, transaction_id, gateway, message, raised_at) VALUES (?, ?, ?, ?, ?, ?)";
    ALERTS: alerts, "SELECT id, kind, transaction_id, gateway, message, raised_at FROM alerts ORDER BY raised_at DESC, id DESC LIMIT ?";
    INSERT_AUDIT: audit, "INSERT INTO audit (id, actor, action, subject, detail, at) VALUES (?, ?, ?, ?, ?, ?)";
    AUDIT: audit, "SELECT id, actor, action, subject, detail, at FROM audit ORDER BY at DESC, id DESC LIMIT ?";
    ALERTS_BEFORE: alerts, "SELECT id, kind, transaction_id, gateway, message, raised_at FROM alerts WHERE id < ? ORDER BY id DESC LIMIT ?";
    AUDIT_TRAIL: audit, audit_trail!("");
    AUDIT_OF_SUBJECT: audit, audit_trail!(" FORCE INDEX (audit_subject)", "subject = ?"), sqlite audit_trail!(" INDEXED BY audit_subject", "subject = ?");
    AUDIT_OF_ACTOR: audit, audit_trail!(" FORCE INDEX (audit_actor)", "actor = ?"), sqlite audit_trail!(" INDEXED BY audit_actor", "actor = ?");
    INSERT_INCIDENT: incidents, "INSERT INTO incidents (id, kind, transaction_id, detail, at) VALUES (?, ?, ?, ?, ?)";

    INSERT_INBOUND: inbound_events, "INSERT INTO inbound_events (id, gateway, received_at, verified, raw_sealed) VALUES (?, ?, ?, ?, ?)";
    INBOUND: inbound_events, "SELECT id, gateway, received_at, verified, raw_sealed FROM inbound_events WHERE id = ?";
}
