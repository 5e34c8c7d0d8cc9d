//! The read-only queries, as functions over one connection.

pub(crate) mod check;
pub(crate) mod float_moves;
pub(crate) mod ledger;
pub(crate) mod people;
pub(crate) mod queue;
pub(crate) mod transactions;

use crate::sql::Sql;
use crate::tx::{Columns, Done, Tx};
use crate::value::Val;

/// The one row of a statement, read by `read`.
async fn one<T>(
    tx: &mut Tx,
    sql: &'static Sql,
    args: Vec<Val>,
    read: impl FnOnce(Columns) -> Done<T>,
) -> Done<Option<T>> {
    tx.row(sql, args).await?.map(read).transpose()
}

async fn many<T>(
    tx: &mut Tx,
    sql: &'static Sql,
    args: Vec<Val>,
    read: impl Fn(Columns) -> Done<T>,
) -> Done<Vec<T>> {
    tx.rows(sql, args).await?.into_iter().map(read).collect()
}
