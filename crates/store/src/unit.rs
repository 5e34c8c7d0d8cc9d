//! One request in one SQL transaction: a unit, a claim of jobs, a run of the sequencer.
//!
//! A unit reads its replay row first, then locks and reads what it names, always in the same order,
//! then decides, then writes. Whoever calls [`perform`] commits when it succeeds and rolls back when
//! it fails; a refused unit has written nothing.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use app::ports::outbound::{EndpointRow, RelayRow};
use app::ports::store::*;
use domain::ids::{JobId, TransactionId};
use domain::time::{Moment, Span};

use crate::fault::{Fault, SYSTEM_ACCOUNT, unavailable};
use crate::lite;
use crate::my_open;
use crate::outbound;
use crate::query::queue::shared_clock;
use crate::rows::{self, Reader};
use crate::sql::{Sql, float_moves, ledger, people, queue, transactions};
use crate::tx::{Columns, Done, Engine, Tx};
use crate::value::{Val, args};
use crate::write;

/// What may change the database.
#[derive(Clone)]
pub(crate) enum Request {
    Unit(Box<Unit>),
    Claim {
        kinds: Vec<String>,
        now: Moment,
        lease: Span,
        limit: u32,
    },
    Sequence {
        limit: u32,
    },
    ClaimRelay {
        name: String,
        now: Moment,
        lease: Span,
    },
    ClaimEndpoints {
        now: Moment,
        lease: Span,
        limit: u32,
    },
    DropDeliveries {
        before: Moment,
        limit: u32,
    },
    /// Writes nothing: shows that the writer is alive and, if it must be, durable.
    Ping {
        durable: bool,
    },
}

pub(crate) enum Reply {
    Committed(Answer),
    Refused {
        answer: Answer,
        /// Whether the unit met its own idempotency row, so that the answer is of that row.
        replay: bool,
    },
    Jobs(Vec<JobRow>),
    /// How many rows were numbered, or dropped.
    Numbered(u64),
    Relay(Option<RelayRow>),
    Endpoints(Vec<EndpointRow>),
    Alive,
}

pub(crate) async fn perform(tx: &mut Tx, request: &Request) -> Done<Reply> {
    match request {
        Request::Unit(unit) => run_unit(tx, unit).await,
        Request::Claim {
            kinds,
            now,
            lease,
            limit,
        } => {
            // The lease is liveness only: on MySQL all workers share the server's clock.
            let now = shared_clock(tx).await?.unwrap_or(*now);
            claim(tx, kinds, now, now.plus(*lease), *limit)
                .await
                .map(Reply::Jobs)
        }
        Request::Sequence { limit } => sequence(tx, *limit).await.map(Reply::Numbered),
        Request::ClaimRelay { name, now, lease } => {
            let claimed = outbound::claim_relay(tx, name, *now, *lease).await;
            claimed.map(Reply::Relay)
        }
        Request::ClaimEndpoints { now, lease, limit } => {
            let claimed = outbound::claim_endpoints(tx, *now, *lease, *limit).await;
            claimed.map(Reply::Endpoints)
        }
        Request::DropDeliveries { before, limit } => {
            let dropped = outbound::drop_deliveries(tx, *before, *limit).await;
            dropped.map(Reply::Numbered)
        }
        Request::Ping { durable } => {
            let trouble = match &mut tx.engine {
                Engine::Lite(connection) => lite::not_durable(connection),
                engine @ Engine::My(_) => {
                    my_open::try_to_write(engine).await?;
                    my_open::not_durable(engine).await?
                }
            };
            match trouble {
                Some(trouble) if *durable => {
                    Err(unavailable(format!("not durable: {trouble}")).into())
                }
                Some(_) | None => Ok(Reply::Alive),
            }
        }
    }
}

async fn run_unit(tx: &mut Tx, unit: &Unit) -> Done<Reply> {
    let locked = lock(tx, &unit.locks).await?;
    let decided = catch_unwind(AssertUnwindSafe(|| (unit.decide)(&locked)));
    let verdict = decided
        .map_err(|_| StoreError::Corrupt(format!("the decision of unit {} panicked", unit.name)))?;
    let (writes, answer) = match verdict {
        Verdict::Refuse(answer) => {
            let replay = locked.replay.is_some();
            return Ok(Reply::Refused { answer, replay });
        }
        Verdict::Commit { writes, answer } => (writes, answer),
    };
    for write in writes {
        if let Write::SaveWallet(row) = &write
            && !locked.wallets.contains_key(&row.id)
        {
            // Absolute balances computed from rows that were not locked would lose updates.
            return Err(crate::fault::stale("wallet"));
        }
        if let Write::Outbound(write) = &write
            && !outbound::is_of_locked(write, &locked.outbound)
        {
            return Err(crate::fault::stale("webhook"));
        }
        write::apply(tx, write).await?;
    }
    Ok(Reply::Committed(answer))
}

async fn lock(tx: &mut Tx, locks: &Locks) -> Done<Locked> {
    let mut locked = Locked::default();
    if let Some((account, key)) = &locks.idempotency {
        let found = tx
            .row(
                transactions::TRANSACTION_BY_IDEMPOTENCY,
                args![account, key],
            )
            .await?;
        locked.replay = match found {
            None => None,
            Some(columns) => Some(record(tx, columns).await?),
        };
    }
    for id in locks.wallets.iter().copied().collect::<BTreeSet<_>>() {
        if let Some(columns) = tx.row(ledger::LOCK_WALLET, args![id]).await? {
            locked.wallets.insert(id, rows::wallet(columns)?);
        }
    }
    for id in locks.transactions.iter().copied().collect::<BTreeSet<_>>() {
        if let Some(columns) = tx.row(transactions::LOCK_TRANSACTION, args![id]).await? {
            locked.transactions.insert(id, record(tx, columns).await?);
        }
    }
    for (gateway, key) in locks.pay_ins.iter().cloned().collect::<BTreeSet<_>>() {
        let found = tx
            .row(transactions::LOCK_PAY_IN, args![gateway, &key])
            .await?;
        if let Some(columns) = found {
            let row = rows::pay_in(columns, &tx.sealer)?;
            for columns in tx.rows(transactions::DISPUTES_OF, args![row.id]).await? {
                locked.disputes.push(rows::dispute(columns)?);
            }
            locked.pay_ins.insert((gateway, key), row);
        }
    }
    if let Some(lease) = locks.lease {
        let held = tx
            .row(queue::LOCK_JOB, args![lease.job_id, lease.token])
            .await?;
        locked.job = held.map(rows::job).transpose()?;
    }
    for id in &locks.proposals {
        if let Some(columns) = tx.row(transactions::PROPOSAL, args![*id]).await? {
            let row = rows::proposal(columns, &tx.sealer)?;
            locked.proposals.insert(*id, row);
        }
    }
    for id in locks.float_moves.iter().copied().collect::<BTreeSet<_>>() {
        if let Some(columns) = tx.row(float_moves::LOCK_FLOAT_MOVE, args![id]).await? {
            let row = rows::float_moves::float_move(columns, &tx.sealer)?;
            locked.float_moves.insert(id, row);
        }
    }
    for name in locks.settings.iter().collect::<BTreeSet<_>>() {
        if let Some(columns) = tx.row(people::LOCK_SETTING, args![name]).await? {
            let value = Reader::new("settings", columns).text("value")?;
            locked.settings.insert(name.clone(), value);
        }
    }
    locked.outbound = outbound::lock(tx, &locks.outbound).await?;
    if locks.controls {
        let sealer = tx.sealer.clone();
        for columns in tx.rows(people::LOCK_CONTROLS, args![]).await? {
            locked.controls.push(rows::control(columns, &sealer)?);
        }
    }
    Ok(locked)
}

/// The stage in which a transaction may have an open proposal.
const IN_REVIEW: &str = "in_review";

/// The transaction of these columns with everything that hangs on it.
pub(crate) async fn record(tx: &mut Tx, columns: Columns) -> Done<TransactionRecord> {
    let sealer = tx.sealer.clone();
    let row = rows::transaction(columns, &sealer)?;
    let mut attempts = Vec::new();
    for columns in tx.rows(transactions::ATTEMPTS_OF, args![row.id]).await? {
        attempts.push(AttemptRecord {
            row: rows::attempt(columns, &sealer)?,
            sends: Vec::new(),
            evidence: Vec::new(),
        });
    }
    if !attempts.is_empty() {
        hang_on(tx, row.id, &mut attempts).await?;
    }
    let pay_ins = tx.rows(transactions::PAY_INS_OF, args![row.id]).await?;
    let pay_ins = pay_ins
        .into_iter()
        .map(|columns| rows::pay_in(columns, &sealer))
        .collect::<Done<_>>()?;
    let proposal = if row.stage == IN_REVIEW {
        let found = tx.row(transactions::OPEN_PROPOSAL, args![row.id]).await?;
        found
            .map(|columns| rows::proposal(columns, &sealer))
            .transpose()?
    } else {
        None
    };
    Ok(TransactionRecord {
        row,
        attempts,
        pay_ins,
        proposal,
    })
}

async fn hang_on(
    tx: &mut Tx,
    transaction: TransactionId,
    attempts: &mut [AttemptRecord],
) -> Done<()> {
    for columns in tx.rows(transactions::SENDS_OF, args![transaction]).await? {
        let send = rows::send(columns)?;
        let attempt = attempts.iter_mut().find(|a| a.row.id == send.attempt_id);
        attempt
            .ok_or_else(|| orphan("sends", send.attempt_id.to_string()))?
            .sends
            .push(send);
    }
    for columns in tx
        .rows(transactions::EVIDENCE_OF, args![transaction])
        .await?
    {
        let evidence = rows::evidence(columns)?;
        let attempt = attempts
            .iter_mut()
            .find(|a| a.row.id == evidence.attempt_id);
        attempt
            .ok_or_else(|| orphan("evidence", evidence.id.to_string()))?
            .evidence
            .push(evidence);
    }
    Ok(())
}

fn orphan(table: &str, row: String) -> Fault {
    Fault::Store(StoreError::Corrupt(format!(
        "{table}: row {row} has no attempt"
    )))
}

// ---------------------------------------------------------------- jobs

async fn claim(
    tx: &mut Tx,
    kinds: &[String],
    now: Moment,
    until: Moment,
    limit: u32,
) -> Done<Vec<JobRow>> {
    let mut ids: Vec<JobId> = Vec::new();
    let groups: Vec<&[String]> = if kinds.is_empty() {
        vec![&[]]
    } else {
        kinds.chunks(queue::KINDS).collect()
    };
    for group in groups {
        let left = limit.saturating_sub(u32::try_from(ids.len()).unwrap_or(u32::MAX));
        if left == 0 {
            break;
        }
        let mut args = args![now, !group.is_empty()];
        for place in 0..queue::KINDS {
            let kind = group.get(place).or(group.last());
            args.push(kind.map_or(Val::Text(String::new()), Val::from));
        }
        args.push(Val::from(left));
        for columns in tx.rows(queue::CLAIMABLE, args).await? {
            ids.push(Reader::new("jobs", columns).id("id", JobId::from_bytes)?);
        }
    }
    let mut jobs = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(queue::LEASES) {
        let mut args = args![until];
        args.extend(padded(chunk));
        tx.exec(queue::LEASE, args).await?;
        for columns in tx.rows(queue::LEASED, padded(chunk)).await? {
            jobs.push(rows::job(columns)?);
        }
    }
    Ok(jobs)
}

/// The ids of a chunk, the last one repeated up to the statement's number of places.
fn padded(chunk: &[JobId]) -> Vec<Val> {
    let last = chunk.last().copied();
    (0..queue::LEASES)
        .map(|place| Val::from(chunk.get(place).copied().or(last)))
        .collect()
}

// ---------------------------------------------------------------- order

/// Numbers events and journals that have no number yet, in the order of their insertion. The
/// counter's row is the fence: a second sequencer waits for it and goes on from there. Rows of one
/// transaction or wallet were inserted one after the other under its lock, so their numbers follow.
async fn sequence(tx: &mut Tx, limit: u32) -> Done<u64> {
    let (_, events) = number(tx, "events.position", queue::POSITION_EVENTS, limit).await?;
    let (sealed, journals) = number(tx, "journals.seal", ledger::SEAL_JOURNALS, limit).await?;
    if journals > 0 {
        let args = args![sealed, sealed + journals];
        for columns in tx.rows(ledger::SEALED_SYSTEM_SUMS, args).await? {
            let mut row = Reader::new("entries", columns);
            let account = row.text("account")?;
            add_system_balance(tx, &account, row.int("debit_cents")?).await?;
        }
    }
    Ok(events + journals)
}

/// Answers the counter as it was and how many rows were numbered.
async fn number(
    tx: &mut Tx,
    counter: &'static str,
    statement: &'static Sql,
    limit: u32,
) -> Done<(u64, u64)> {
    let columns = tx.row(ledger::LOCK_COUNTER, args![counter]).await?;
    let columns =
        columns.ok_or_else(|| StoreError::Corrupt(format!("counters: no row {counter}")))?;
    let last = Reader::new("counters", columns).count("value")?;
    let numbered = tx.exec(statement, args![limit, last]).await?;
    if numbered > 0 {
        tx.exec(ledger::SET_COUNTER, args![last + numbered, counter])
            .await?;
    }
    Ok((last, numbered))
}

async fn add_system_balance(tx: &mut Tx, account: &str, cents: i64) -> Done<()> {
    let updated = tx
        .exec(ledger::ADD_SYSTEM_BALANCE, args![cents, account])
        .await?;
    if updated > 0 {
        return Ok(());
    }
    match tx
        .exec(ledger::INSERT_SYSTEM_BALANCE, args![account, cents])
        .await
    {
        Err(Fault::Unique(_)) => Err(Fault::Again(SYSTEM_ACCOUNT)),
        other => other.map(drop),
    }
}
