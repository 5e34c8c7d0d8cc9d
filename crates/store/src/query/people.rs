//! Users, sessions, API keys, settings and the operators' records.

use app::ports::store::*;
use domain::ids::{AlertId, AuditId, InboundId, ReconciliationId, UserId};

use super::{many, one};
use crate::rows;
use crate::sql::people;
use crate::tx::{Done, Tx};
use crate::value::{Val, args};

/// No id is greater.
const LAST: [u8; 16] = [0xff; 16];

pub(crate) async fn user(tx: &mut Tx, id: UserId) -> Done<Option<UserRow>> {
    let sealer = tx.sealer.clone();
    one(tx, people::USER, args![id], |row| rows::user(row, &sealer)).await
}

pub(crate) async fn user_by_email(tx: &mut Tx, email: &str) -> Done<Option<UserRow>> {
    let sealer = tx.sealer.clone();
    let blind = sealer.blind(rows::USER_EMAIL, email);
    one(tx, people::USER_BY_EMAIL, args![blind], |row| {
        rows::user(row, &sealer)
    })
    .await
}

pub(crate) async fn user_by_tax_id(tx: &mut Tx, tax_id: &str) -> Done<Option<UserRow>> {
    let sealer = tx.sealer.clone();
    let blind = sealer.blind(rows::USER_TAX_ID, tax_id);
    one(tx, people::USER_BY_TAX_ID, args![blind], |row| {
        rows::user(row, &sealer)
    })
    .await
}

pub(crate) async fn session(tx: &mut Tx, hash: &[u8; 32]) -> Done<Option<SessionRow>> {
    one(tx, people::SESSION_BY_TOKEN, args![hash], rows::session).await
}

pub(crate) async fn sessions_of(tx: &mut Tx, user: UserId) -> Done<Vec<SessionRow>> {
    many(tx, people::SESSIONS_OF, args![user], rows::session).await
}

pub(crate) async fn api_key(tx: &mut Tx, hash: &[u8; 32]) -> Done<Option<ApiKeyRow>> {
    one(tx, people::API_KEY_BY_SECRET, args![hash], rows::api_key).await
}

pub(crate) async fn api_keys_of(tx: &mut Tx, user: UserId) -> Done<Vec<ApiKeyRow>> {
    many(tx, people::API_KEYS_OF, args![user], rows::api_key).await
}

pub(crate) async fn setting(tx: &mut Tx, name: &str) -> Done<Option<String>> {
    one(tx, people::SETTING, args![name], |row| {
        Ok(rows::Reader::new("settings", row).text("value")?)
    })
    .await
}

pub(crate) async fn controls(tx: &mut Tx) -> Done<Vec<ControlRow>> {
    let sealer = tx.sealer.clone();
    many(tx, people::CONTROLS, args![], |row| {
        rows::control(row, &sealer)
    })
    .await
}

pub(crate) async fn reconciliation(
    tx: &mut Tx,
    id: ReconciliationId,
) -> Done<Option<ReconciliationRow>> {
    one(tx, people::RECONCILIATION, args![id], rows::reconciliation).await
}

pub(crate) async fn reconciliations_before(
    tx: &mut Tx,
    before: Option<ReconciliationId>,
    limit: u32,
) -> Done<Vec<ReconciliationRow>> {
    let args = args![before.unwrap_or(ReconciliationId::from_bytes(LAST)), limit];
    many(
        tx,
        people::RECONCILIATIONS_BEFORE,
        args,
        rows::reconciliation,
    )
    .await
}

pub(crate) async fn alerts(tx: &mut Tx, limit: u32) -> Done<Vec<AlertRow>> {
    many(tx, people::ALERTS, args![limit], rows::alert).await
}

pub(crate) async fn audit(tx: &mut Tx, limit: u32) -> Done<Vec<AuditRow>> {
    many(tx, people::AUDIT, args![limit], rows::audit).await
}

pub(crate) async fn alerts_before(
    tx: &mut Tx,
    before: Option<AlertId>,
    limit: u32,
) -> Done<Vec<AlertRow>> {
    let args = args![before.unwrap_or(AlertId::from_bytes(LAST)), limit];
    many(tx, people::ALERTS_BEFORE, args, rows::alert).await
}

pub(crate) async fn users(tx: &mut Tx, before: Option<UserId>, limit: u32) -> Done<Vec<UserRow>> {
    let sealer = tx.sealer.clone();
    let args = args![before.unwrap_or(UserId::from_bytes(LAST)), limit];
    many(tx, people::USERS, args, |row| rows::user(row, &sealer)).await
}

/// The narrowest condition chooses the statement, and so the index.
pub(crate) async fn audit_trail(tx: &mut Tx, filter: &AuditFilter) -> Done<Vec<AuditRow>> {
    let (statement, path) = match (&filter.subject, &filter.actor) {
        (Some(subject), _) => (people::AUDIT_OF_SUBJECT, Some(subject)),
        (None, Some(actor)) => (people::AUDIT_OF_ACTOR, Some(actor)),
        (None, None) => (people::AUDIT_TRAIL, None),
    };
    let mut args: Vec<Val> = path.into_iter().map(Val::from).collect();
    let before = filter.before.unwrap_or(AuditId::from_bytes(LAST));
    args.extend(args![
        before,
        filter.actor.as_ref(),
        filter.actor.as_ref(),
        filter.action.as_ref(),
        filter.action.as_ref(),
        filter.limit
    ]);
    many(tx, statement, args, rows::audit).await
}

pub(crate) async fn inbound(tx: &mut Tx, id: InboundId) -> Done<Option<InboundRow>> {
    let sealer = tx.sealer.clone();
    one(tx, people::INBOUND, args![id], |row| {
        rows::inbound(row, &sealer)
    })
    .await
}
