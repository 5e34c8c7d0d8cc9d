//! Transactions by id, key and filter; attempts; pay-ins.

use std::collections::BTreeMap;

use app::ports::store::*;
use domain::gateway::Gateway;
use domain::ids::{AttemptId, PayInId, TransactionId, UserId};
use domain::status::{Kind, Status};
use domain::time::Moment;

use super::{many, one};
use crate::rows::{self, Reader};
use crate::sql::{Sql, transactions};
use crate::tx::{Columns, Done, Tx};
use crate::unit::record;
use crate::value::{Val, args};

pub(crate) async fn transaction(tx: &mut Tx, id: TransactionId) -> Done<Option<TransactionRecord>> {
    let found = tx.row(transactions::TRANSACTION, args![id]).await?;
    full(tx, found).await
}

pub(crate) async fn row(tx: &mut Tx, id: TransactionId) -> Done<Option<TransactionRow>> {
    let found = tx.row(transactions::TRANSACTION, args![id]).await?;
    let sealer = tx.sealer.clone();
    found
        .map(|columns| rows::transaction(columns, &sealer))
        .transpose()
}

pub(crate) async fn by_idempotency(
    tx: &mut Tx,
    account: &str,
    key: &str,
) -> Done<Option<TransactionRecord>> {
    let args = args![account, key];
    let found = tx
        .row(transactions::TRANSACTION_BY_IDEMPOTENCY, args)
        .await?;
    full(tx, found).await
}

async fn full(tx: &mut Tx, found: Option<Columns>) -> Done<Option<TransactionRecord>> {
    match found {
        None => Ok(None),
        Some(columns) => record(tx, columns).await.map(Some),
    }
}

/// Newest first. The narrowest condition chooses the statement, and so the index; `from` is
/// inclusive, `to` is not.
pub(crate) async fn list(tx: &mut Tx, filter: &TransactionFilter) -> Done<Vec<TransactionRow>> {
    if let Some(txid) = &filter.txid {
        return list_by_txid(tx, filter, txid).await;
    }
    let (statement, path) = if let Some(id) = &filter.end_to_end_id {
        (transactions::LIST_BY_END_TO_END_ID, Val::from(id))
    } else if let Some(reference) = &filter.reference {
        (transactions::LIST_BY_REFERENCE, Val::from(reference))
    } else if let Some(wallet) = filter.wallet_id {
        (transactions::LIST_BY_WALLET, Val::from(wallet))
    } else if let Some(user) = filter.user_id {
        return list_of_user(tx, user, filter).await;
    } else if filter.status == Some(Status::Pending) {
        (transactions::LIST_PENDING, Val::from("pending"))
    } else {
        (transactions::LIST_ALL, Val::from(&[0; 16]))
    };
    page(tx, statement, vec![path], filter).await
}

/// What a user asked for and what others sent to it: two ordered lists become one.
async fn list_of_user(
    tx: &mut Tx,
    user: UserId,
    filter: &TransactionFilter,
) -> Done<Vec<TransactionRow>> {
    // Most of what a person asks for succeeds, so that this status alone finds little.
    let rare = filter.status.filter(|status| *status != Status::Success);
    let (statement, path) = match (rare, filter.kind, filter.status) {
        (Some(status), _, _) => (
            transactions::LIST_BY_USER_STATUS,
            args![user, status.as_str()],
        ),
        (None, Some(kind), _) => (transactions::LIST_BY_USER_KIND, args![user, kind.as_str()]),
        (None, None, _) => (transactions::LIST_BY_USER, args![user]),
    };
    let mut found = page(tx, statement, path, filter).await?;
    if may_be_received(filter) {
        let sent_by_others = TransactionFilter {
            user_id: None,
            ..filter.clone()
        };
        let statement = transactions::LIST_RECEIVED;
        found.extend(page(tx, statement, args![user], &sent_by_others).await?);
        found.sort_by_key(|row| std::cmp::Reverse(row.id));
        found.truncate(filter.limit as usize);
    }
    Ok(found)
}

/// What reached a user has succeeded, inside: under other conditions nothing has to be looked for.
fn may_be_received(filter: &TransactionFilter) -> bool {
    filter.kind.is_none_or(|kind| kind == Kind::Transfer)
        && filter.status.is_none_or(|status| status == Status::Success)
        && filter.gateway.is_none()
}

/// The same with the pay-ins and refunds of charges.
pub(crate) async fn listed(
    tx: &mut Tx,
    filter: &TransactionFilter,
) -> Done<Vec<ListedTransaction>> {
    let rows = list(tx, filter).await?;
    let mut listed = Vec::with_capacity(rows.len());
    for row in rows {
        listed.push(with_pay_ins(tx, row).await?);
    }
    Ok(listed)
}

pub(crate) async fn with_pay_ins(tx: &mut Tx, row: TransactionRow) -> Done<ListedTransaction> {
    let sealer = tx.sealer.clone();
    let mut pay_ins = Vec::new();
    if row.kind == Kind::Charge {
        let found = many(tx, transactions::PAY_INS_OF, args![row.id], |columns| {
            rows::pay_in(columns, &sealer)
        });
        pay_ins = found.await?;
    }
    let refunds = match pay_ins.is_empty() {
        true => Vec::new(),
        false => refunds_of(tx, row.id).await?,
    };
    Ok(ListedTransaction {
        row,
        pay_ins,
        refunds,
    })
}

async fn list_by_txid(
    tx: &mut Tx,
    filter: &TransactionFilter,
    txid: &str,
) -> Done<Vec<TransactionRow>> {
    let mut found = Vec::new();
    let args = args![txid, txid];
    for columns in tx.rows(transactions::BY_GATEWAY_REFERENCE, args).await? {
        let id =
            Reader::new("attempts", columns).id("transaction_id", TransactionId::from_bytes)?;
        found.extend(page(tx, transactions::LIST_BY_ID, args![id], filter).await?);
    }
    found.truncate(filter.limit as usize);
    Ok(found)
}

async fn page(
    tx: &mut Tx,
    statement: &'static Sql,
    path: Vec<Val>,
    filter: &TransactionFilter,
) -> Done<Vec<TransactionRow>> {
    let sealer = tx.sealer.clone();
    let last = TransactionId::from_bytes([0xff; 16]);
    let first = TransactionId::from_bytes([0; 16]);
    let mut args = path;
    args.extend([
        Val::from(filter.from_id.unwrap_or(first)),
        Val::from(filter.before.unwrap_or(last)),
        Val::from(filter.from.map_or(i64::MIN, Moment::micros)),
        Val::from(filter.to.map_or(i64::MAX, Moment::micros)),
    ]);
    let conditions = [
        Val::from(filter.user_id),
        Val::from(filter.wallet_id),
        Val::from(filter.kind.map(|kind| kind.as_str())),
        Val::from(filter.status.map(|status| status.as_str())),
        Val::from(filter.stage.as_ref()),
        Val::from(filter.gateway),
        Val::from(filter.reference.as_ref()),
        Val::from(filter.end_to_end_id.as_ref()),
    ];
    for condition in conditions {
        args.push(condition.clone());
        args.push(condition);
    }
    args.push(Val::from(filter.limit));
    many(tx, statement, args, |row| rows::transaction(row, &sealer)).await
}

pub(crate) async fn refunds_of(tx: &mut Tx, charge: TransactionId) -> Done<Vec<TransactionRow>> {
    rows_of(tx, transactions::REFUNDS_OF, args![charge]).await
}

pub(crate) async fn overdue(tx: &mut Tx, now: Moment, limit: u32) -> Done<Vec<TransactionRow>> {
    rows_of(tx, transactions::OVERDUE, args![now, limit]).await
}

pub(crate) async fn jobless(tx: &mut Tx, before: Moment, limit: u32) -> Done<Vec<TransactionRow>> {
    rows_of(tx, transactions::JOBLESS, args![before, limit]).await
}

async fn rows_of(
    tx: &mut Tx,
    statement: &'static Sql,
    args: Vec<Val>,
) -> Done<Vec<TransactionRow>> {
    let sealer = tx.sealer.clone();
    many(tx, statement, args, |row| rows::transaction(row, &sealer)).await
}

pub(crate) async fn attempt_by_reference(
    tx: &mut Tx,
    gateway: Gateway,
    reference: &str,
) -> Done<Option<AttemptRow>> {
    let sealer = tx.sealer.clone();
    for statement in [
        transactions::ATTEMPT_BY_KEY,
        transactions::ATTEMPT_BY_REFERENCE,
    ] {
        let args = args![gateway, reference];
        let found = one(tx, statement, args, |row| rows::attempt(row, &sealer)).await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

pub(crate) async fn charge_by_br_code(tx: &mut Tx, hash: &[u8; 32]) -> Done<Option<TransactionId>> {
    one(tx, transactions::CHARGE_BY_BR_CODE, args![hash], |row| {
        Ok(rows::Reader::new("br_codes", row).id("transaction_id", TransactionId::from_bytes)?)
    })
    .await
}

pub(crate) async fn done_attempts(
    tx: &mut Tx,
    after: Option<AttemptId>,
    limit: u32,
) -> Done<Vec<AttemptRow>> {
    let sealer = tx.sealer.clone();
    let args = args![after.unwrap_or(AttemptId::from_bytes([0; 16])), limit];
    many(tx, transactions::DONE_ATTEMPTS, args, |row| {
        rows::attempt(row, &sealer)
    })
    .await
}

/// With their attempts and what is proposed for them.
pub(crate) async fn in_review(
    tx: &mut Tx,
    after: Option<TransactionId>,
    limit: u32,
) -> Done<Vec<TransactionRecord>> {
    let args = args![after.unwrap_or(TransactionId::from_bytes([0; 16])), limit];
    let mut found = Vec::new();
    for columns in tx.rows(transactions::IN_REVIEW, args).await? {
        found.push(record(tx, columns).await?);
    }
    Ok(found)
}

pub(crate) async fn proposals_of(
    tx: &mut Tx,
    transaction: TransactionId,
) -> Done<Vec<ProposalRow>> {
    let sealer = tx.sealer.clone();
    many(tx, transactions::PROPOSALS_OF, args![transaction], |row| {
        rows::proposal(row, &sealer)
    })
    .await
}

pub(crate) async fn attempts_to_watch(
    tx: &mut Tx,
    since: Moment,
    after: Option<AttemptId>,
    limit: u32,
) -> Done<Vec<AttemptRow>> {
    let sealer = tx.sealer.clone();
    let args = args![
        since,
        after.unwrap_or(AttemptId::from_bytes([0; 16])),
        limit
    ];
    many(tx, transactions::ATTEMPTS_TO_WATCH, args, |row| {
        rows::attempt(row, &sealer)
    })
    .await
}

pub(crate) async fn nameless_attempts(
    tx: &mut Tx,
    gateway: Gateway,
    limit: u32,
) -> Done<Vec<AttemptRow>> {
    let sealer = tx.sealer.clone();
    let args = args![gateway, limit];
    many(tx, transactions::NAMELESS_ATTEMPTS, args, |row| {
        rows::attempt(row, &sealer)
    })
    .await
}

pub(crate) async fn in_doubt_cents(tx: &mut Tx) -> Done<BTreeMap<Gateway, i64>> {
    let pairs = many(tx, transactions::IN_DOUBT, args![], |row| {
        let mut row = Reader::new("attempts", row);
        Ok((row.gateway("gateway")?, row.int("amount")?))
    });
    Ok(pairs.await?.into_iter().collect())
}

pub(crate) async fn pay_in(tx: &mut Tx, gateway: Gateway, key: &str) -> Done<Option<PayInRow>> {
    let sealer = tx.sealer.clone();
    one(tx, transactions::PAY_IN, args![gateway, key], |row| {
        rows::pay_in(row, &sealer)
    })
    .await
}

pub(crate) async fn suspense(
    tx: &mut Tx,
    since: Moment,
    after: Option<PayInId>,
    limit: u32,
) -> Done<Vec<PayInRow>> {
    let sealer = tx.sealer.clone();
    let after = after.unwrap_or(PayInId::from_bytes([0; 16]));
    many(
        tx,
        transactions::SUSPENSE,
        args![since, after, limit],
        |row| rows::pay_in(row, &sealer),
    )
    .await
}
