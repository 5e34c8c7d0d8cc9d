//! Nothing stays pending without someone knowing: periodic tasks without input.
//!
//! The sweeper makes a new job for every pending transaction that has none, and ends or hands to
//! people what its own job has left standing past its maximum age. Probes ask gateways whose
//! circuit is open something harmless. The scans look at settled payouts for money that came back,
//! at received PIX for money that was taken back, and at what stands in suspense for its charge.

use domain::circuit::CircuitState;
use domain::gateway::{Gateway, Operation};
use domain::ids::{PayInId, TransactionId};
use domain::status::{Kind, Status};
use domain::time::Span;

use crate::context::{App, CommitError, Decision};
use crate::jobs;
use crate::outgoing::commits::Passed;
use crate::outgoing::ends::end_overdue;
use crate::payouts::inside::INSIDE_PREFIX;
use crate::payouts::job;
use crate::ports::store::{
    Locks, PayInRow, StoreError, TransactionFilter, TransactionRecord, TransactionRow, Write,
};
use crate::records::charge::ChargeRecord;
use crate::sabotage::{self, Sabotage};

/// Rows of one sweep; the next sweep takes more.
const ROWS: u32 = 200;
/// A transaction this old without a job has lost it.
const JOBLESS_AGE: Span = Span::from_seconds(5);
/// How long after the end money is looked for that came back.
const RETURNS_AGE: Span = Span::from_days(90);
/// How long after the payment a gateway may take a received PIX back.
const REVERSALS_AGE: Span = Span::from_days(180);
/// Pay-ins in suspense that one turn looks at; each costs a call.
const SUSPENSE_ROWS: u32 = 20;
/// The setting that holds the pay-in in suspense that was looked at last.
const SUSPENSE_CURSOR: &str = "suspense.cursor";

/// One sweep.
pub async fn sweep(app: App) -> Result<(), StoreError> {
    if sabotage::is(Sabotage::NoSweep) {
        return Ok(());
    }
    for row in app
        .store
        .jobless(app.now().minus(JOBLESS_AGE), ROWS)
        .await?
    {
        tracing::warn!(transaction = %row.id, stage = row.stage, "a pending transaction had no job; it gets a new one");
        give_job(&app, row.id).await?;
    }
    // The payment's own job comes first: it knows whether an answer is still expected.
    let patience = app.settings.job_lease.times(2);
    for row in app.store.overdue(app.now().minus(patience), ROWS).await? {
        if row.kind != Kind::Payout && row.kind != Kind::Refund {
            continue;
        }
        let Some(found) = app.store.transaction(row.id).await? else {
            continue;
        };
        if has_fresh_send(&app, &found) {
            continue;
        }
        match end_overdue(&app, &found, None).await {
            Ok(()) | Err(CommitError::Refused(Passed::Moved | Passed::LeaseLost)) => {}
            Err(CommitError::Refused(Passed::Corrupt(error)) | CommitError::Store(error)) => {
                return Err(error);
            }
        }
    }
    Ok(())
}

/// A send so young that its answer may still come.
fn has_fresh_send(app: &App, found: &TransactionRecord) -> bool {
    let limit = app.settings.call_limit.times(2);
    found
        .attempts
        .iter()
        .flat_map(|attempt| &attempt.sends)
        .any(|send| send.closed_at.is_none() && app.now().since(send.opened_at) < limit)
}

async fn give_job(app: &App, id: TransactionId) -> Result<(), StoreError> {
    let seed = app.ids();
    let locks = Locks {
        transactions: vec![id],
        ..Locks::default()
    };
    let given: Result<(), CommitError<()>> = app
        .commit("give_job", locks, move |locked| {
            let pending = locked
                .transactions
                .get(&id)
                .filter(|found| found.row.status == Status::Pending);
            let kind = pending.and_then(|found| match found.row.kind {
                Kind::Payout => Some((jobs::PAYOUT, found)),
                Kind::Refund => Some((jobs::REFUND, found)),
                Kind::Charge => Some((jobs::CHARGE, found)),
                Kind::Transfer => None,
            });
            match kind {
                Some((kind, found)) => {
                    let mut row = found.row.clone();
                    row.updated_at = seed.now;
                    Decision::Commit(vec![job(&mut seed.start(), kind, &row)], ())
                }
                None => Decision::Refuse(()),
            }
        })
        .await;
    match given {
        Ok(()) | Err(CommitError::Refused(())) => Ok(()),
        Err(CommitError::Store(error)) => Err(error),
    }
}

/// Asks every gateway with an open circuit something harmless; an answer lets the circuit admit
/// one call.
pub async fn probe(app: App) -> Result<(), StoreError> {
    for gateway in Gateway::ALL {
        let mut open = Vec::new();
        for operation in Operation::ALL {
            let health = app.availability.health(gateway, operation, app.now()).await;
            if matches!(health.circuit.state, CircuitState::Open { .. }) {
                open.push(operation);
            }
        }
        if open.is_empty() || app.gateway(gateway).probe().await.is_err() {
            continue;
        }
        for operation in open {
            app.availability
                .probe_succeeded(gateway, operation, app.now())
                .await;
        }
    }
    Ok(())
}

/// Looks at every payout settled in the last months for money that came back, and at every attempt
/// that people went past without a proof, for what it turns out to have been.
pub async fn scan_returns(app: App) -> Result<(), StoreError> {
    watch_unproven(&app).await?;
    let filter = TransactionFilter {
        kind: Some(Kind::Payout),
        status: Some(Status::Success),
        from: Some(app.now().minus(RETURNS_AGE)),
        ..TransactionFilter::default()
    };
    let mut pages = Pages::new(filter);
    while let Some(page) = pages.next(&app).await? {
        for row in page.iter().filter(|row| row.gateway.is_some()) {
            app.look_up_outgoing(row.id).await?;
        }
    }
    Ok(())
}

/// Attempts of released, settled-by-decision and retried payments, earlier ones included.
async fn watch_unproven(app: &App) -> Result<(), StoreError> {
    let since = app.now().minus(RETURNS_AGE);
    let mut after = None;
    loop {
        let page = app.store.attempts_to_watch(since, after, ROWS).await?;
        for attempt in &page {
            app.look_up_attempt(attempt.transaction_id, attempt.number)
                .await?;
        }
        match page.last() {
            Some(last) if page.len() == ROWS as usize => after = Some(last.id),
            Some(_) | None => return Ok(()),
        }
    }
}

/// Looks at every PIX received in the last months for money that its gateway took back.
pub async fn scan_reversals(app: App) -> Result<(), StoreError> {
    // A refund that people released may have been made: it must be known before its pay-in is
    // compared with what came back of it.
    watch_unproven(&app).await?;
    let filter = TransactionFilter {
        kind: Some(Kind::Charge),
        from: Some(app.now().minus(REVERSALS_AGE)),
        ..TransactionFilter::default()
    };
    let mut pages = Pages::new(filter);
    while let Some(page) = pages.next(&app).await? {
        for row in page {
            if ChargeRecord::load(&row)?.paid().is_zero() {
                continue;
            }
            let found = app.store.transaction(row.id).await?;
            for pay_in in found.map(|found| found.pay_ins).unwrap_or_default() {
                look_at_pay_in(&app, &pay_in).await?;
            }
        }
    }
    Ok(())
}

pub(crate) async fn look_at_pay_in(app: &App, pay_in: &PayInRow) -> Result<(), StoreError> {
    if pay_in.key.starts_with(INSIDE_PREFIX) {
        return Ok(());
    }
    match app
        .gateway(pay_in.gateway)
        .look_up_pay_in(&pay_in.key)
        .await
    {
        Ok(Some(observed)) => app.credit(pay_in.gateway, observed, "scan").await.map(drop),
        // What is not found or not told now is looked at again at the next scan.
        Ok(None) => Ok(()),
        Err(trouble) => {
            tracing::info!(pay_in = %pay_in.id, %trouble, "a received PIX could not be looked at");
            Ok(())
        }
    }
}

/// Looks again at pay-ins in suspense: their charge may be known by now, and they may have been
/// taken back. A turn looks at some, the next one at those that follow, and so round.
pub async fn match_suspense(app: App) -> Result<(), StoreError> {
    let stored = app.store.setting(SUSPENSE_CURSOR).await?;
    let after = stored.and_then(|text| PayInId::parse(&text).ok());
    let since = app.now().minus(REVERSALS_AGE);
    let rows = app.store.suspense(since, after, SUSPENSE_ROWS).await?;
    for row in &rows {
        // One row that cannot be followed must not keep the others from their turn.
        if let Err(error) = look_at_pay_in(&app, row).await {
            tracing::warn!(pay_in = %row.id, %error, "a pay-in in suspense could not be followed");
        }
    }
    let next = next_turn(&rows);
    if next == after {
        return Ok(());
    }
    let cursor = Write::PutSetting {
        name: SUSPENSE_CURSOR.to_owned(),
        value: next.map(|id| id.to_string()).unwrap_or_default(),
    };
    app.write_all("suspense_cursor", vec![cursor]).await
}

/// After which pay-in the next turn begins: after the last of a full page, else with the first.
fn next_turn(rows: &[PayInRow]) -> Option<PayInId> {
    let is_full = rows.len() == SUSPENSE_ROWS as usize;
    rows.last().filter(|_| is_full).map(|row| row.id)
}

/// All transactions of a filter, page by page, newest first.
struct Pages {
    filter: TransactionFilter,
    done: bool,
}

impl Pages {
    fn new(filter: TransactionFilter) -> Pages {
        Pages {
            filter: TransactionFilter {
                limit: ROWS,
                ..filter
            },
            done: false,
        }
    }

    async fn next(&mut self, app: &App) -> Result<Option<Vec<TransactionRow>>, StoreError> {
        if self.done {
            return Ok(None);
        }
        let page = app.store.transactions(&self.filter).await?;
        self.filter.before = page.last().map(|row| row.id);
        self.done = page.len() < ROWS as usize;
        Ok(Some(page))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::money::Money;
    use domain::time::Moment;

    fn row(n: u8) -> PayInRow {
        PayInRow {
            id: PayInId::from_bytes([n; 16]),
            gateway: Gateway::Efi,
            key: format!("E{n}"),
            transaction_id: None,
            wallet_id: None,
            amount: Money::ZERO,
            fee: Money::ZERO,
            reversed: Money::ZERO,
            refunded: Money::ZERO,
            disputed: Money::ZERO,
            end_to_end_id: None,
            paid_at: Moment::default(),
            created_at: Moment::default(),
            version: 1,
            payer: "{}".to_owned(),
        }
    }

    #[test]
    fn turns_over_suspense_go_round() {
        let rows = |count: u32| -> Vec<PayInRow> {
            (1..=count).map(|n| row(u8::try_from(n).unwrap())).collect()
        };
        let full = rows(SUSPENSE_ROWS);
        assert_eq!(next_turn(&full), full.last().map(|row| row.id));
        assert_eq!(next_turn(&rows(SUSPENSE_ROWS - 1)), None);
        assert_eq!(next_turn(&[]), None);
    }
}
