//! Moves of our own money between the gateways.

use app::ports::store::*;
use domain::gateway::Gateway;
use domain::ids::FloatMoveId;
use domain::money::Money;
use domain::time::Moment;

use super::{many, one};
use crate::rows::float_moves::float_move as read;
use crate::sql::{Sql, float_moves};
use crate::tx::{Done, Tx};
use crate::value::{Val, args};

pub(crate) async fn float_move(tx: &mut Tx, id: FloatMoveId) -> Done<Option<FloatMoveRow>> {
    let sealer = tx.sealer.clone();
    one(tx, float_moves::FLOAT_MOVE, args![id], |row| {
        read(row, &sealer)
    })
    .await
}

pub(crate) async fn before(
    tx: &mut Tx,
    before: Option<FloatMoveId>,
    limit: u32,
) -> Done<Vec<FloatMoveRow>> {
    let before = before.unwrap_or(FloatMoveId::from_bytes([0xff; 16]));
    list(tx, float_moves::FLOAT_MOVES_BEFORE, args![before, limit]).await
}

pub(crate) async fn expected(
    tx: &mut Tx,
    to: Gateway,
    amount: Money,
    since: Moment,
    limit: u32,
) -> Done<Vec<FloatMoveRow>> {
    let args = args![to, amount, since, limit];
    list(tx, float_moves::FLOAT_MOVES_EXPECTED, args).await
}

pub(crate) async fn in_transit(tx: &mut Tx, limit: u32) -> Done<Vec<FloatMoveRow>> {
    list(tx, float_moves::FLOAT_MOVES_IN_TRANSIT, args![limit]).await
}

pub(crate) async fn lapsed(tx: &mut Tx, now: Moment, limit: u32) -> Done<Vec<FloatMoveRow>> {
    list(tx, float_moves::FLOAT_MOVES_LAPSED, args![now, limit]).await
}

async fn list(tx: &mut Tx, sql: &'static Sql, args: Vec<Val>) -> Done<Vec<FloatMoveRow>> {
    let sealer = tx.sealer.clone();
    many(tx, sql, args, |row| read(row, &sealer)).await
}
