//! What can go wrong inside the store, before it is told to the caller in the port's words.
//!
//! A driver's error becomes one of four faults: a uniqueness rule met, worth another run, the
//! connection gone, or an answer for the caller. The texts that leave here name tables, columns
//! and rules, never values: MySQL quotes the offending value in its duplicate-key message.

use app::ports::store::StoreError;

#[derive(Debug)]
pub(crate) enum Fault {
    /// A uniqueness rule refused a row; the engine's own name of it (see [`rule_name`]).
    Unique(String),
    /// Deadlock, lock timeout, or a row changed under the statement: run the whole unit again.
    Again(&'static str),
    /// The connection is gone, and with it whatever was not committed.
    Lost(String),
    Store(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Fault {
        Fault::Store(error)
    }
}

impl Fault {
    /// The answer to a caller for whom nothing more will be tried.
    pub(crate) fn into_store(self) -> StoreError {
        match self {
            Fault::Unique(key) => StoreError::Conflict(rule_name(&key)),
            Fault::Again(what) => unavailable(format!("given up after many tries: {what}")),
            Fault::Lost(what) => unavailable(format!("the connection was lost: {what}")),
            Fault::Store(error) => error,
        }
    }
}

pub(crate) fn unavailable(what: impl Into<String>) -> StoreError {
    StoreError::Unavailable(what.into())
}

pub(crate) fn stale(what: &'static str) -> Fault {
    Fault::Store(StoreError::Stale(what))
}

/// `(rule, index on MySQL, columns as SQLite names them)`. Primary keys are told by their table.
const RULES: &[(&str, &str, &str)] = &[
    ("users.email", "users_email", "users.email_blind"),
    ("users.tax_id", "users_tax_id", "users.tax_id_blind"),
    ("sessions.token", "sessions_token", "sessions.token_hash"),
    ("api_keys.secret", "api_keys_secret", "api_keys.secret_hash"),
    (
        "transactions.idempotency",
        "transactions_idempotency",
        "transactions.account, transactions.idempotency_key",
    ),
    ("transactions.id", "transactions_id", "transactions.id"),
    (
        "transactions.id",
        "transactions.PRIMARY",
        "transactions.wallet_id, transactions.id",
    ),
    (
        "attempts.live",
        "attempts_live",
        "attempts.transaction_id, attempts.live",
    ),
    (
        "attempts.number",
        "attempts_number",
        "attempts.transaction_id, attempts.number",
    ),
    (
        "attempts.key",
        "attempts_key",
        "attempts.gateway, attempts.attempt_key",
    ),
    (
        "sends.number",
        "sends.PRIMARY",
        "sends.attempt_id, sends.number",
    ),
    (
        "pay_ins.key",
        "pay_ins_key",
        "pay_ins.gateway, pay_ins.pay_in_key",
    ),
    ("journals.id", "journals_id", "journals.id"),
    (
        "entries.leg",
        "entries.PRIMARY",
        "entries.journal_id, entries.leg",
    ),
    (
        "entries.seq",
        "entries_wallet",
        "entries.wallet_id, entries.seq",
    ),
    ("events.id", "events_id", "events.id"),
    (
        "events.transaction_version",
        "events_transaction_version",
        "events.transaction_id, events.transaction_version",
    ),
    ("users.id", "users.PRIMARY", "users.id"),
    ("sessions.id", "sessions.PRIMARY", "sessions.id"),
    ("api_keys.id", "api_keys.PRIMARY", "api_keys.id"),
    ("wallets.id", "wallets.PRIMARY", "wallets.id"),
    (
        "wallets.id",
        "wallet_balances.PRIMARY",
        "wallet_balances.wallet_id",
    ),
    ("attempts.id", "attempts.PRIMARY", "attempts.id"),
    ("evidence.id", "evidence.PRIMARY", "evidence.id"),
    ("pay_ins.id", "pay_ins.PRIMARY", "pay_ins.id"),
    ("pay_ins.id", "suspense.PRIMARY", "suspense.pay_in_id"),
    (
        "disputes.number",
        "disputes.PRIMARY",
        "disputes.pay_in_id, disputes.number",
    ),
    ("jobs.id", "jobs.PRIMARY", "jobs.id"),
    (
        "inbound_events.id",
        "inbound_events.PRIMARY",
        "inbound_events.id",
    ),
    ("alerts.id", "alerts.PRIMARY", "alerts.id"),
    ("audit.id", "audit.PRIMARY", "audit.id"),
    ("incidents.id", "incidents.PRIMARY", "incidents.id"),
    ("proposals.id", "proposals.PRIMARY", "proposals.id"),
    ("relays.name", "relays.PRIMARY", "relays.name"),
    (
        "webhook_endpoints.id",
        "webhook_endpoints.PRIMARY",
        "webhook_endpoints.id",
    ),
    (
        "webhook_endpoints.slot",
        "webhook_endpoints_slot",
        "webhook_endpoints.user_id, webhook_endpoints.slot",
    ),
    (
        "webhook_deliveries.id",
        "webhook_deliveries.PRIMARY",
        "webhook_deliveries.endpoint_id, webhook_deliveries.id",
    ),
    (
        "webhook_deliveries.event",
        "webhook_deliveries_event",
        "webhook_deliveries.endpoint_id, webhook_deliveries.position",
    ),
    (
        "proposals.open",
        "proposals_open",
        "proposals.transaction_id, proposals.is_open",
    ),
    (
        "gateway_controls.primary",
        "gateway_controls_primary",
        "gateway_controls.operation, gateway_controls.is_primary",
    ),
    (
        "reconciliations.id",
        "reconciliations.PRIMARY",
        "reconciliations.id",
    ),
    ("float_moves.id", "float_moves.PRIMARY", "float_moves.id"),
    (
        "float_moves.transaction",
        "float_moves_transaction",
        "float_moves.transaction_id",
    ),
    (SETTING_NAME, "settings.PRIMARY", "settings.name"),
    (
        SYSTEM_ACCOUNT,
        "system_balances.PRIMARY",
        "system_balances.account",
    ),
];

/// Rows that units insert when an update found none: meeting another's row means run again.
pub(crate) const SETTING_NAME: &str = "settings.name";
pub(crate) const SYSTEM_ACCOUNT: &str = "system_balances.account";

/// The port's name of a uniqueness rule.
pub(crate) fn rule_name(key: &str) -> &'static str {
    RULES
        .iter()
        .find(|(_, mysql, sqlite)| key == *mysql || key == *sqlite)
        .map_or("an unnamed rule", |(rule, _, _)| rule)
}

/// SQLite: the code says what it is, the message names columns and constraints only.
pub(crate) fn from_sqlite(error: rusqlite::Error) -> Fault {
    use rusqlite::ErrorCode;
    use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
    let rusqlite::Error::SqliteFailure(code, message) = &error else {
        return Fault::Store(StoreError::Corrupt(format!("a statement failed: {error}")));
    };
    let text = message.clone().unwrap_or_else(|| code.to_string());
    if matches!(
        code.extended_code,
        SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_PRIMARYKEY
    ) {
        let columns = text.strip_prefix("UNIQUE constraint failed: ");
        return Fault::Unique(columns.unwrap_or(&text).to_owned());
    }
    match code.code {
        ErrorCode::ConstraintViolation
        | ErrorCode::TypeMismatch
        | ErrorCode::TooBig
        | ErrorCode::DatabaseCorrupt
        | ErrorCode::NotADatabase => Fault::Store(StoreError::Corrupt(text)),
        _ => Fault::Store(unavailable(text)),
    }
}

/// MySQL: by number; 1062's message holds the value, so only the name of its key is kept.
pub(crate) fn from_mysql(error: mysql_async::Error, table: &str) -> Fault {
    let server = match error {
        mysql_async::Error::Server(server) => server,
        mysql_async::Error::Io(error) => return Fault::Lost(error.to_string()),
        mysql_async::Error::Driver(error) => return Fault::Lost(driver_text(&error)),
        mysql_async::Error::Other(error) => return Fault::Lost(error.to_string()),
        mysql_async::Error::Url(error) => return Fault::Lost(error.to_string()),
    };
    match server.code {
        1062 => Fault::Unique(mysql_key(&server.message, table)),
        1213 => Fault::Again("deadlock"),
        1205 => Fault::Again("lock wait timeout"),
        1020 => Fault::Again("the record has changed since it was read"),
        // Shutting down, killed (each server in its own words), gone away, lost, idle for too long,
        // and the server's own trouble with reading from or writing to us.
        1053 | 1927 | 3169 | 2006 | 2013 | 4031 | 1158..=1161 => {
            Fault::Lost(format!("error {}", server.code))
        }
        // It only reads: a former primary perhaps, and a new connection may find the next one.
        1290 | 1792 | 1836 => Fault::Lost("the server is read-only".to_owned()),
        // A CHECK, NULL in a NOT NULL column, a value too long or out of range: named, not quoted.
        3819 | 4025 | 1048 | 1406 | 1264 => {
            Fault::Store(StoreError::Corrupt(format!("{table}: {}", server.message)))
        }
        code => Fault::Store(unavailable(format!(
            "{table}: error {code}: {}",
            server.message
        ))),
    }
}

/// The driver's errors can carry rows and packets; only their kind is told.
fn driver_text(error: &mysql_async::DriverError) -> String {
    use mysql_async::DriverError;
    match error {
        DriverError::FromValue { .. } => "a value of an unexpected type".to_owned(),
        DriverError::FromRow { .. } => "a row of an unexpected shape".to_owned(),
        DriverError::UnexpectedPacket { .. } => "an unexpected packet".to_owned(),
        other => other.to_string(),
    }
}

/// `… for key 'users_email'` (MariaDB) or `… for key 'users.users_email'` (MySQL 8).
fn mysql_key(message: &str, table: &str) -> String {
    let name = message
        .rsplit_once("for key '")
        .map_or("", |(_, rest)| rest.trim_end_matches('\''));
    match name.rsplit_once('.').map_or(name, |(_, key)| key) {
        "PRIMARY" => format!("{table}.PRIMARY"),
        key => key.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_servers_dialects_name_the_same_rule() {
        for message in [
            "Duplicate entry 'x for key 'y' for key 'attempts_live'",
            "Duplicate entry 'x' for key 'attempts.attempts_live'",
        ] {
            assert_eq!(rule_name(&mysql_key(message, "attempts")), "attempts.live");
        }
        assert_eq!(
            rule_name(&mysql_key("Duplicate entry '1' for key 'PRIMARY'", "jobs")),
            "jobs.id"
        );
        assert_eq!(
            rule_name("attempts.transaction_id, attempts.live"),
            "attempts.live"
        );
        assert_eq!(rule_name("elsewhere"), "an unnamed rule");
    }
}
