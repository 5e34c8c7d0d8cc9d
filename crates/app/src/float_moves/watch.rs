//! What becomes of moves by themselves, as a periodic task: proposals expire, what stands in suspense
//! is looked at again while a move of that amount is on its way, and people are told what is late.

use domain::ids::{AlertId, FloatMoveId};
use domain::status::Status;
use domain::time::{Moment, Span};
use serde_json::json;

use crate::audit::{Audited, SYSTEM, audit};
use crate::context::{App, CommitError, Decision};
use crate::events;
use crate::ports::store::{AlertRow, FloatMoveRow, Locks, StoreError, Write};
use crate::sweeper::look_at_pay_in;

/// Moves of one turn; the next turn takes more.
const ROWS: u32 = 100;
/// How long after their arrival moves are looked at for money that was taken back.
const REVERSALS_AGE: Span = Span::from_days(180);

/// One turn.
pub async fn watch(app: App) -> Result<(), StoreError> {
    for row in app.store.float_moves_lapsed(app.now(), ROWS).await? {
        expire(&app, row.id).await?;
    }
    for row in app.store.float_moves_in_transit(ROWS).await? {
        look_for(&app, &row).await?;
        if row.alerted_at.is_none() {
            tell_late(&app, &row).await?;
        }
    }
    Ok(())
}

/// Looks at every arrival of the last months for money that its gateway took back.
pub async fn scan_arrivals(app: App) -> Result<(), StoreError> {
    let since = app.now().minus(REVERSALS_AGE);
    let mut before = None;
    loop {
        let page = app.store.float_moves(before, ROWS).await?;
        for row in page.iter().filter(|row| row.proposed_at >= since) {
            let found = match row.state.transaction() {
                Some(id) => app.store.transaction(id).await?,
                None => None,
            };
            for pay_in in found.map(|found| found.pay_ins).unwrap_or_default() {
                look_at_pay_in(&app, &pay_in).await?;
            }
        }
        match page.last() {
            Some(last) if page.len() == ROWS as usize && last.proposed_at >= since => {
                before = Some(last.id);
            }
            Some(_) | None => return Ok(()),
        }
    }
}

async fn expire(app: &App, id: FloatMoveId) -> Result<(), StoreError> {
    let seed = app.ids();
    let locks = Locks {
        float_moves: vec![id],
        ..Locks::default()
    };
    let expired: Result<(), CommitError<()>> = app
        .commit("expire_float_move", locks, move |locked| {
            let row = locked.float_moves.get(&id);
            let next = row.and_then(|row| {
                let state = row.state.expire(row.proposal(), seed.now).ok()?;
                Some(FloatMoveRow {
                    state,
                    version: row.version + 1,
                    ..row.clone()
                })
            });
            let Some(next) = next else {
                return Decision::Refuse(());
            };
            let audited = Audited {
                actor: SYSTEM.to_owned(),
                action: "float_move.expired",
                subject: id.to_string(),
                detail: json!({"proposed_by": next.proposed_by.to_string()}),
            };
            let line = audit(&mut seed.start(), seed.now, audited);
            Decision::Commit(vec![Write::SaveFloatMove(next), line], ())
        })
        .await;
    settled(expired)
}

/// What arrived before its move was known to have left stands in suspense until then.
async fn look_for(app: &App, row: &FloatMoveRow) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let since = row.proposed_at.minus(Span::from_days(1));
        let page = app.store.suspense(since, after, ROWS).await?;
        let may_be_it = page
            .iter()
            .filter(|pay_in| pay_in.gateway == row.to && pay_in.amount == row.amount);
        for pay_in in may_be_it {
            look_at_pay_in(app, pay_in).await?;
        }
        match page.last() {
            Some(last) if page.len() == ROWS as usize => after = Some(last.id),
            Some(_) | None => return Ok(()),
        }
    }
}

/// Calls people, once, when what left has not arrived in time, or the other way round.
async fn tell_late(app: &App, row: &FloatMoveRow) -> Result<(), StoreError> {
    let payout = match row.state.transaction() {
        Some(id) => app.store.transaction(id).await?.map(|found| found.row),
        None => None,
    };
    let Some(payout) = payout.filter(|payout| payout.status != Status::Pending) else {
        // Its own stages have their deadlines.
        return Ok(());
    };
    let left_at = payout.settled_at.or(row.arrived_at);
    if !is_late(left_at, app.now(), app.settings.float_arrival_wait) {
        return Ok(());
    }
    let (seed, id, version) = (app.ids(), row.id, row.version);
    let locks = Locks {
        float_moves: vec![id],
        ..Locks::default()
    };
    let told: Result<(), CommitError<()>> = app
        .commit("float_move_late", locks, move |locked| {
            let row = locked.float_moves.get(&id);
            let Some(row) = row.filter(|row| row.version == version) else {
                return Decision::Refuse(());
            };
            let mut ids = seed.start();
            let alert = AlertRow {
                id: AlertId::from_bytes(ids.make()),
                kind: "float_move_late".to_owned(),
                transaction_id: row.state.transaction(),
                gateway: Some(row.to),
                message: format!(
                    "{} centavos from {} have not arrived at {} in time ({id})",
                    row.in_transit(),
                    row.from,
                    row.to
                ),
                raised_at: seed.now,
            };
            let next = FloatMoveRow {
                alerted_at: Some(seed.now),
                version: row.version + 1,
                ..row.clone()
            };
            let mut writes = vec![Write::SaveFloatMove(next)];
            writes.extend(events::alert(&mut ids, alert));
            Decision::Commit(writes, ())
        })
        .await;
    settled(told)
}

fn is_late(left_at: Option<Moment>, now: Moment, wait: Span) -> bool {
    left_at.is_some_and(|at| now.since(at) >= wait)
}

/// Whoever changed the move meanwhile has done what is to be done.
fn settled(done: Result<(), CommitError<()>>) -> Result<(), StoreError> {
    match done {
        Ok(()) | Err(CommitError::Refused(())) => Ok(()),
        Err(CommitError::Store(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn float_is_late_after_its_time_and_only_once_it_left() {
        let at = |seconds: u32| Moment::default().plus(Span::from_seconds(seconds));
        let wait = Span::from_seconds(60);
        assert!(!is_late(Some(at(10)), at(69), wait));
        assert!(is_late(Some(at(10)), at(70), wait));
        assert!(!is_late(None, at(1_000), wait));
    }
}
