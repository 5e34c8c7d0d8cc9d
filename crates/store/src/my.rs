//! MySQL and MariaDB: a pool, one SQL transaction per request, and when a request is run again.
//!
//! Every request and query runs in a task of its own: a caller that goes away leaves a complete
//! exchange behind, never half a statement on a pooled connection.
//!
//! A request is run again, from its first read, when
//! - the server ended it (deadlock, lock timeout, a row changed under a statement): up to
//!   [`TRIES`] times with a random pause;
//! - the connection was lost before COMMIT was sent: its transaction died with it, nothing is
//!   written, and another connection may be fine (after a restart of the server all pooled ones are
//!   dead);
//! - another unit inserted the unique row that this one had read as absent: the second run finds the
//!   row and answers from it;
//! - the answer to COMMIT was lost, once, and only for a unit that names a row by which it meets its
//!   own success (its idempotency key, transactions under compare-and-set, pay-ins, its lease).
//!
//! The last cannot write twice: every row a unit inserts has an id that was made before the unit,
//! so a blind repetition meets a primary key; every change is guarded by the version, the open send
//! or the token it read. If the second run is refused, by such a guard or by the unit's own decision
//! over rows that the first one may have changed, the first may have been written: the answer is
//! `Unavailable`, never "nothing was written". Only a unit that met its own idempotency row knows.

use std::sync::Arc;
use std::time::Duration;

use app::ports::store::{Locks, StoreError};
use mysql_async::Pool;
use rand::Rng;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::config::StoreConfig;
use crate::fault::{Fault, rule_name, unavailable};
use crate::keyring::Sealer;
use crate::lite::{Outcome, Query};
use crate::tx::{Done, Engine, Tx};
use crate::unit::{Reply, Request, perform};

/// How often a request is run when the server ends it.
const TRIES: u32 = 8;
/// The longest that one run may take: a stalled server must not hold its callers for ever.
const RUN_LIMIT: Duration = Duration::from_secs(30);
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
/// After a lost answer to COMMIT, when a second run could not tell.
const MAY_BE_WRITTEN: &str =
    "the answer to a commit was lost and a second run met its rows: it may be written";
/// Tasks that may run at once; closing takes all of these permits.
const TASKS: u32 = 1 << 20;

pub(crate) struct My {
    shared: Arc<Shared>,
    tasks: Arc<Semaphore>,
}

struct Shared {
    pool: Pool,
    size: u32,
    acquire_limit: Duration,
    sealer: Arc<Sealer>,
}

impl My {
    pub(crate) fn new(pool: Pool, config: &StoreConfig, sealer: Arc<Sealer>) -> My {
        let size = u32::try_from(config.pool_size.max(1)).unwrap_or(u32::MAX);
        My {
            shared: Arc::new(Shared {
                pool,
                size,
                acquire_limit: config.mysql.acquire_limit,
                sealer,
            }),
            tasks: Arc::new(Semaphore::new(TASKS as usize)),
        }
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        let tasks = Arc::clone(&self.tasks);
        tasks
            .acquire_owned()
            .await
            .map_err(|_| unavailable("the store is closed"))
    }

    /// Runs the requests one after the other, each in its own SQL transaction.
    pub(crate) async fn write(&self, requests: Vec<Request>) -> Vec<Outcome> {
        let count = requests.len();
        let failed = |error: &StoreError| -> Vec<Outcome> {
            (0..count).map(|_| Err(error.clone())).collect()
        };
        let permit = match self.permit().await {
            Ok(permit) => permit,
            Err(error) => return failed(&error),
        };
        let shared = Arc::clone(&self.shared);
        let task = tokio::spawn(async move {
            let mut outcomes = Vec::with_capacity(requests.len());
            for request in &requests {
                outcomes.push(shared.run(request).await);
            }
            drop(permit);
            outcomes
        });
        task.await
            .unwrap_or_else(|error| failed(&unavailable(error.to_string())))
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        query: Arc<Query<T>>,
        snapshot: bool,
    ) -> Result<T, StoreError> {
        let permit = self.permit().await?;
        let shared = Arc::clone(&self.shared);
        let task = tokio::spawn(async move {
            let outcome = shared.query(&*query, snapshot).await;
            drop(permit);
            outcome
        });
        task.await
            .unwrap_or_else(|error| Err(unavailable(error.to_string())))
    }

    /// Waits for what runs, then lets the connections go.
    pub(crate) async fn close(&self) {
        if let Ok(all) = self.tasks.acquire_many(TASKS).await {
            self.tasks.close();
            all.forget();
            let _ = timeout(CLOSE_LIMIT, self.shared.pool.clone().disconnect()).await;
        }
    }
}

/// A run that did not succeed.
struct Failed {
    fault: Fault,
    /// Whether COMMIT had been sent.
    committing: bool,
}

/// What is known of a request between its runs.
#[derive(Default)]
struct Runs {
    ended: u32,
    lost: u32,
    met_own_row: bool,
    commit_lost: bool,
}

impl Runs {
    /// Whether the request is worth, and safe for, another run.
    fn again(&mut self, request: &Request, failed: &Failed, pool_size: u32) -> bool {
        match &failed.fault {
            Fault::Again(why) => {
                self.ended += 1;
                tracing::debug!(why, run = self.ended, "the server ended a transaction");
                self.ended < TRIES
            }
            Fault::Lost(why) if failed.committing => {
                let first = !self.commit_lost;
                self.commit_lost = true;
                tracing::warn!(why, "the connection was lost during a commit");
                first && meets_its_own_success(request)
            }
            Fault::Lost(_) => {
                self.lost += 1;
                self.lost <= pool_size + 1
            }
            Fault::Unique(key) => {
                let first = !self.met_own_row;
                self.met_own_row = true;
                first && !self.commit_lost && has_read_as_absent(request, rule_name(key))
            }
            Fault::Store(_) => false,
        }
    }
}

impl Shared {
    async fn acquire(&self) -> Done<Tx> {
        let connection = match timeout(self.acquire_limit, self.pool.get_conn()).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => {
                let fault = crate::fault::from_mysql(error, "connection");
                return Err(Fault::Store(unavailable(fault.into_store().to_string())));
            }
            Err(_) => {
                return Err(Fault::Store(unavailable(format!(
                    "no connection within {} s: all {} are in use, or the server does not answer",
                    self.acquire_limit.as_secs_f32(),
                    self.size
                ))));
            }
        };
        Ok(Tx {
            engine: Engine::My(connection),
            sealer: Arc::clone(&self.sealer),
        })
    }

    async fn run(&self, request: &Request) -> Outcome {
        let mut runs = Runs::default();
        loop {
            let failed = match self.run_once(request).await {
                // What this run refused may be what the first one wrote: the hold that leaves too
                // little for a second, the stage that nothing may follow.
                Ok(Reply::Refused { replay: false, .. }) if runs.commit_lost => {
                    return Err(unavailable(MAY_BE_WRITTEN));
                }
                Ok(reply) => return Ok(reply),
                Err(failed) => failed,
            };
            if !runs.again(request, &failed, self.size) {
                return Err(answer(failed, &runs));
            }
            if runs.ended > 0 {
                let most = 5u64 << runs.ended.min(6);
                let pause = rand::rng().random_range(0..=most);
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
        }
    }

    async fn run_once(&self, request: &Request) -> Result<Reply, Failed> {
        let before = |fault| Failed {
            fault,
            committing: false,
        };
        let mut tx = self.begin().await.map_err(before)?;
        let reply = match limited(perform(&mut tx, request)).await {
            Ok(reply) => reply,
            Err(fault) => {
                roll_back(tx, &fault).await;
                return Err(before(fault));
            }
        };
        let end = match reply {
            Reply::Refused { .. } | Reply::Alive => "ROLLBACK",
            Reply::Committed(_)
            | Reply::Jobs(_)
            | Reply::Numbered(_)
            | Reply::Relay(_)
            | Reply::Endpoints(_) => "COMMIT",
        };
        match limited(tx.control(end)).await {
            Ok(()) => Ok(reply),
            Err(fault) => {
                roll_back(tx, &fault).await;
                let committing = end == "COMMIT";
                Err(Failed { fault, committing })
            }
        }
    }

    async fn begin(&self) -> Done<Tx> {
        let mut tx = self.acquire().await?;
        match limited(tx.control("START TRANSACTION")).await {
            Ok(()) => Ok(tx),
            Err(fault) => {
                discard(tx).await;
                Err(fault)
            }
        }
    }

    async fn query<T>(&self, query: &Query<T>, snapshot: bool) -> Result<T, StoreError> {
        let mut lost = 0;
        loop {
            match self.query_once(query, snapshot).await {
                Ok(value) => return Ok(value),
                Err(Fault::Lost(_)) if lost <= self.size => lost += 1,
                Err(fault) => return Err(fault.into_store()),
            }
        }
    }

    async fn query_once<T>(&self, query: &Query<T>, snapshot: bool) -> Done<T> {
        let mut tx = self.acquire().await?;
        let outcome = limited(async {
            if !snapshot {
                return query(&mut tx).await;
            }
            // READ COMMITTED would let each statement see another state.
            tx.control("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                .await?;
            tx.control("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
                .await?;
            let value = query(&mut tx).await?;
            tx.control("COMMIT").await?;
            Ok(value)
        })
        .await;
        if let Err(fault) = &outcome {
            roll_back(tx, fault).await;
        }
        outcome
    }
}

async fn limited<T>(run: impl Future<Output = Done<T>>) -> Done<T> {
    match timeout(RUN_LIMIT, run).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Fault::Lost(format!(
            "no answer within {} s",
            RUN_LIMIT.as_secs()
        ))),
    }
}

/// Leaves a connection without an open transaction, or without use.
async fn roll_back(mut tx: Tx, fault: &Fault) {
    let gone = matches!(fault, Fault::Lost(_));
    if gone || limited(tx.control("ROLLBACK")).await.is_err() {
        discard(tx).await;
    }
}

async fn discard(tx: Tx) {
    if let Engine::My(connection) = tx.engine {
        let _ = timeout(CLOSE_LIMIT, connection.disconnect()).await;
    }
}

/// Whether a second run would find what a first one wrote, or be refused by a guard.
fn meets_its_own_success(request: &Request) -> bool {
    match request {
        Request::Unit(unit) => {
            let Locks {
                idempotency,
                wallets: _,
                transactions,
                pay_ins,
                lease,
                settings: _,
                proposals,
                float_moves,
                outbound,
                controls,
            } = &unit.locks;
            idempotency.is_some()
                || !transactions.is_empty()
                || !pay_ins.is_empty()
                || lease.is_some()
                || !proposals.is_empty()
                || !float_moves.is_empty()
                || outbound.relay.is_some()
                || *controls
        }
        // A claim whose answer is lost comes back when its leases run out.
        Request::Claim { .. }
        | Request::Sequence { .. }
        | Request::ClaimRelay { .. }
        | Request::ClaimEndpoints { .. }
        | Request::DropDeliveries { .. }
        | Request::Ping { .. } => false,
    }
}

fn has_read_as_absent(request: &Request, rule: &str) -> bool {
    match request {
        Request::Unit(unit) => match rule {
            "transactions.idempotency" => unit.locks.idempotency.is_some(),
            "pay_ins.key" => !unit.locks.pay_ins.is_empty(),
            _ => false,
        },
        Request::Claim { .. }
        | Request::Sequence { .. }
        | Request::ClaimRelay { .. }
        | Request::ClaimEndpoints { .. }
        | Request::DropDeliveries { .. }
        | Request::Ping { .. } => false,
    }
}

fn answer(failed: Failed, runs: &Runs) -> StoreError {
    let error = failed.fault.into_store();
    match &error {
        StoreError::Conflict(_) | StoreError::Stale(_) if runs.commit_lost => {
            unavailable(MAY_BE_WRITTEN)
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use app::ports::store::{Unit, Verdict};

    fn request(locks: Locks) -> Request {
        Request::Unit(Box::new(Unit {
            name: "test",
            locks,
            decide: Arc::new(|_| Verdict::Refuse(Box::new(()))),
        }))
    }

    fn keyed() -> Request {
        request(Locks {
            idempotency: Some(("usr".into(), "key".into())),
            ..Locks::default()
        })
    }

    fn failed(fault: Fault, committing: bool) -> Failed {
        Failed { fault, committing }
    }

    fn lost(committing: bool) -> Failed {
        failed(Fault::Lost("reset".into()), committing)
    }

    #[test]
    fn what_the_server_ended_is_run_again_but_not_for_ever() {
        let mut runs = Runs::default();
        let again = (0..20)
            .take_while(|_| runs.again(&keyed(), &failed(Fault::Again("deadlock"), false), 4))
            .count();
        assert_eq!(again as u32, TRIES - 1);
    }

    #[test]
    fn a_connection_lost_before_the_commit_is_replaced_for_any_request() {
        let mut runs = Runs::default();
        let any = request(Locks::default());
        let again = (0..20)
            .take_while(|_| runs.again(&any, &lost(false), 4))
            .count();
        assert_eq!(again, 5, "each pooled connection may be dead");
    }

    #[test]
    fn a_lost_commit_is_repeated_once_and_only_where_the_unit_meets_itself() {
        let mut runs = Runs::default();
        assert!(runs.again(&keyed(), &lost(true), 4));
        assert!(!runs.again(&keyed(), &lost(true), 4));
        let blind = request(Locks::default());
        assert!(!Runs::default().again(&blind, &lost(true), 4));
        assert!(!Runs::default().again(&Request::Sequence { limit: 1 }, &lost(true), 4));
    }

    #[test]
    fn after_a_lost_commit_nothing_is_called_unwritten() {
        let mut runs = Runs::default();
        let stale = || failed(crate::fault::stale("transaction"), false);
        assert_eq!(answer(stale(), &runs), StoreError::Stale("transaction"));
        assert!(runs.again(&keyed(), &lost(true), 4));
        assert!(matches!(answer(stale(), &runs), StoreError::Unavailable(_)));
        let conflict = failed(Fault::Unique("events_id".into()), false);
        assert!(!runs.again(&keyed(), &conflict, 4));
        assert!(matches!(
            answer(conflict, &runs),
            StoreError::Unavailable(_)
        ));
    }

    #[test]
    fn a_row_read_as_absent_and_met_is_read_once_more() {
        let taken = || failed(Fault::Unique("transactions_idempotency".into()), false);
        let mut runs = Runs::default();
        assert!(runs.again(&keyed(), &taken(), 4));
        assert!(!runs.again(&keyed(), &taken(), 4));
        let unread = request(Locks::default());
        assert!(!Runs::default().again(&unread, &taken(), 4));
        assert_eq!(
            answer(taken(), &runs),
            StoreError::Conflict("transactions.idempotency")
        );
    }
}
