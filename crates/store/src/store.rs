//! Opening, and the port itself: each method names its function and the engine that runs it.

use std::collections::BTreeMap;
use std::sync::Arc;

use app::ports::outbound::*;
use app::ports::store::*;
use async_trait::async_trait;
use domain::gateway::Gateway;
use domain::ids::*;
use domain::ledger::Account;
use domain::money::Money;
use domain::time::{Moment, Span};

use crate::config::{MysqlOptions, OpenError, StoreConfig, Target};
use crate::fault::{Fault, unavailable};
use crate::keyring::{Keyring, Sealer};
use crate::lite::{self, Inline, Outcome, Threads};
use crate::migrate::{self, MigrationReport};
use crate::my::My;
use crate::my_open::{self, Examination};
use crate::outbound;
use crate::query::{check, float_moves, ledger, people, queue, transactions};
use crate::sql;
use crate::tx::{BoxFuture, Done, Engine, Tx, finished};
use crate::unit::{Reply, Request};
use crate::value::args;

/// The port over SQLite or MySQL.
pub struct SqlStore {
    backend: Backend,
    durability_required: bool,
}

enum Backend {
    Threads(Threads),
    Inline(Inline),
    My(My),
}

/// Opens a migrated database; changes nothing but to remember new keys of the ring. A database in
/// memory is migrated here and runs inline: it has one connection.
pub async fn open(config: &StoreConfig, keyring: Keyring) -> Result<Arc<SqlStore>, OpenError> {
    let backend = match config.target()? {
        Target::Memory => return SqlStore::inline(config, keyring),
        Target::File(path) => {
            let lock = lite::lock_file(&path)?;
            let tx = open_lite(&path, keyring)?;
            let readers = config.pool_size.clamp(2, 4);
            Backend::Threads(Threads::start(tx, lock, &path, readers)?)
        }
        Target::My(opts) => Backend::My(open_my(config, *opts, keyring, Purpose::Serving).await?),
    };
    Ok(Arc::new(SqlStore {
        backend,
        durability_required: config.durability_required,
    }))
}

/// Opens a migrated database to read it beside whatever process uses it: no lock is taken and
/// nothing is written. Commits are refused on SQLite.
pub async fn open_for_reading(
    config: &StoreConfig,
    keyring: Keyring,
) -> Result<Arc<SqlStore>, OpenError> {
    let path = match config.target()? {
        Target::File(path) => path,
        Target::Memory => return open(config, keyring).await,
        Target::My(opts) => {
            let my = open_my(config, *opts, keyring, Purpose::Reading).await?;
            return Ok(Arc::new(SqlStore {
                backend: Backend::My(my),
                durability_required: config.durability_required,
            }));
        }
    };
    if !path.exists() {
        let known = migrate::known();
        return Err(OpenError::NotMigrated { found: 0, known });
    }
    let connection =
        lite::connect_reader(&path).map_err(|error| OpenError::Unreachable(error.to_string()))?;
    let mut engine = Engine::Lite(connection);
    finished(migrate::require_current(&mut engine))?;
    let sealer = finished(migrate::unlock_for_reading(&mut engine, keyring))?;
    let tx = Tx {
        engine,
        sealer: Arc::new(sealer),
    };
    Ok(Arc::new(SqlStore {
        backend: Backend::Inline(Inline::new(tx, None)),
        durability_required: config.durability_required,
    }))
}

/// Brings the schema to this program's version; with a keyring, the database remembers its keys.
pub async fn migrate(
    config: &StoreConfig,
    keyring: Option<Keyring>,
) -> Result<MigrationReport, OpenError> {
    match config.target()? {
        Target::Memory => Err(OpenError::Address(
            "a database in memory is migrated when it is opened".into(),
        )),
        Target::File(path) => {
            let _lock = lite::lock_file(&path)?;
            let mut engine = Engine::Lite(lite::connect(&path)?);
            finished(migrate_engine(&mut engine, keyring))
        }
        Target::My(opts) => {
            let pool = my_open::pool(*opts, 1, &config.mysql.tls);
            let outcome = match my_open::connect(&pool, config).await {
                Ok(mut engine) => migrate_engine(&mut engine, keyring).await,
                Err(error) => Err(error),
            };
            my_open::let_go(pool).await;
            outcome
        }
    }
}

/// What a MySQL or MariaDB server says of itself; `None` for SQLite.
pub async fn examine(config: &StoreConfig) -> Result<Option<Examination>, OpenError> {
    let Target::My(opts) = config.target()? else {
        return Ok(None);
    };
    let pool = my_open::pool(*opts, 1, &config.mysql.tls);
    let outcome = match my_open::connect(&pool, config).await {
        Ok(mut engine) => my_open::examine(&mut engine).await,
        Err(error) => Err(error),
    };
    my_open::let_go(pool).await;
    outcome.map(Some)
}

async fn migrate_engine(
    engine: &mut Engine,
    keyring: Option<Keyring>,
) -> Result<MigrationReport, OpenError> {
    let report = migrate::run(engine).await?;
    if let Some(keyring) = keyring {
        migrate::unlock(engine, keyring).await?;
    }
    Ok(report)
}

fn open_lite(path: &std::path::Path, keyring: Keyring) -> Result<Tx, OpenError> {
    if !path.exists() {
        let known = migrate::known();
        return Err(OpenError::NotMigrated { found: 0, known });
    }
    let mut engine = Engine::Lite(lite::connect(path)?);
    finished(migrate::require_current(&mut engine))?;
    let sealer = finished(migrate::unlock(&mut engine, keyring))?;
    // The file is this process's alone, so whoever held a lease is gone: its work need not wait.
    for void in [
        sql::queue::VOID_LEASES,
        sql::outbound::VOID_ENDPOINT_LEASES,
        sql::outbound::VOID_RELAY_LEASES,
    ] {
        finished(engine.exec(void, args![]))
            .map_err(|fault| OpenError::Unreachable(fault.into_store().to_string()))?;
    }
    Ok(Tx {
        engine,
        sealer: Arc::new(sealer),
    })
}

/// What a database is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Serving,
    Reading,
}

async fn open_my(
    config: &StoreConfig,
    opts: mysql_async::Opts,
    keyring: Keyring,
    purpose: Purpose,
) -> Result<My, OpenError> {
    let pool = my_open::pool(opts, config.pool_size, &config.mysql.tls);
    match unlock_my(config, &pool, keyring, purpose).await {
        Ok(sealer) => Ok(My::new(pool, config, Arc::new(sealer))),
        Err(error) => {
            my_open::let_go(pool).await;
            Err(error)
        }
    }
}

async fn unlock_my(
    config: &StoreConfig,
    pool: &mysql_async::Pool,
    keyring: Keyring,
    purpose: Purpose,
) -> Result<Sealer, OpenError> {
    let mut engine = my_open::connect(pool, config).await?;
    let unreachable = |fault: Fault| OpenError::Unreachable(fault.into_store().to_string());
    if config.durability_required
        && let Some(trouble) = my_open::not_durable(&mut engine)
            .await
            .map_err(unreachable)?
    {
        return Err(OpenError::NotDurable(trouble));
    }
    migrate::require_current(&mut engine).await?;
    if purpose == Purpose::Reading {
        return migrate::unlock_for_reading(&mut engine, keyring).await;
    }
    my_open::require_writable(&mut engine).await?;
    migrate::unlock(&mut engine, keyring).await
}

/// Whether the statements of a query must see one state.
enum View {
    Statement,
    Snapshot,
}

impl SqlStore {
    /// SQLite on the caller, without threads: for tests on paused time and for the simulator. A
    /// database in memory is migrated here.
    pub fn inline(config: &StoreConfig, keyring: Keyring) -> Result<Arc<SqlStore>, OpenError> {
        let inline = match config.target()? {
            Target::Memory => {
                let mut engine = Engine::Lite(lite::connect_memory()?);
                finished(migrate::run(&mut engine))?;
                let sealer = Arc::new(finished(migrate::unlock(&mut engine, keyring))?);
                Inline::new(Tx { engine, sealer }, None)
            }
            Target::File(path) => {
                let lock = lite::lock_file(&path)?;
                Inline::new(open_lite(&path, keyring)?, Some(lock))
            }
            Target::My(_) => {
                return Err(OpenError::Address("only SQLite runs inline".into()));
            }
        };
        Ok(Arc::new(SqlStore {
            backend: Backend::Inline(inline),
            durability_required: config.durability_required,
        }))
    }

    /// An empty database in memory under a key of its own, which `fill` draws: what one simulated run
    /// needs.
    pub fn in_memory(fill: &mut dyn FnMut(&mut [u8])) -> Result<Arc<SqlStore>, OpenError> {
        let config = StoreConfig {
            url: "sqlite::memory:".into(),
            pool_size: 1,
            durability_required: false,
            mysql: MysqlOptions::default(),
        };
        let keyring = Keyring::parse(&Keyring::generate(fill));
        SqlStore::inline(&config, keyring.expect("a generated key is well formed"))
    }

    /// Waits for what was handed over and closes the connections; later calls are `Unavailable`.
    pub async fn close(&self) {
        match &self.backend {
            Backend::Threads(threads) => threads.close().await,
            Backend::Inline(inline) => inline.close(),
            Backend::My(my) => my.close().await,
        }
    }

    async fn write(&self, requests: Vec<Request>) -> Vec<Outcome> {
        match &self.backend {
            Backend::Threads(threads) => threads.write(requests).await,
            Backend::Inline(inline) => inline.write(&requests),
            Backend::My(my) => my.write(requests).await,
        }
    }

    async fn write_one(&self, request: Request) -> Outcome {
        let mut outcomes = self.write(vec![request]).await;
        outcomes.pop().unwrap_or_else(|| Err(unexpected()))
    }

    async fn read<T, F>(&self, view: View, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'a> Fn(&'a mut Tx) -> BoxFuture<'a, Done<T>> + Send + Sync + 'static,
    {
        match &self.backend {
            Backend::Threads(threads) => threads.read(Arc::new(query)).await,
            Backend::Inline(inline) => inline.read(&query),
            Backend::My(my) => {
                let snapshot = matches!(view, View::Snapshot);
                my.read(Arc::new(query), snapshot).await
            }
        }
    }
}

fn unexpected() -> StoreError {
    unavailable("an answer of another kind")
}

/// `query!(self, view, [captured, …] function(arguments))`: the function gets the connection first.
macro_rules! query {
    ($store:ident, $view:ident, [$($captured:ident),*] $module:ident::$function:ident($($argument:expr),*)) => {
        $store
            .read(View::$view, move |tx| {
                $(let $captured = $captured.clone();)*
                Box::pin(async move { $module::$function(tx $(, $argument)*).await })
            })
            .await
    };
}

#[async_trait]
impl Store for SqlStore {
    async fn commit(&self, units: Vec<Unit>) -> Vec<UnitResult> {
        let requests = units
            .into_iter()
            .map(|unit| Request::Unit(Box::new(unit)))
            .collect();
        let result = |outcome| match outcome {
            Ok(Reply::Committed(answer)) => UnitResult::Committed(answer),
            Ok(Reply::Refused { answer, .. }) => UnitResult::Refused(answer),
            Ok(
                Reply::Jobs(_)
                | Reply::Numbered(_)
                | Reply::Relay(_)
                | Reply::Endpoints(_)
                | Reply::Alive,
            ) => UnitResult::Failed(unexpected()),
            Err(error) => UnitResult::Failed(error),
        };
        self.write(requests).await.into_iter().map(result).collect()
    }

    async fn claim_jobs(
        &self,
        kinds: &[&str],
        now: Moment,
        lease: Span,
        limit: u32,
    ) -> Result<Vec<JobRow>, StoreError> {
        let request = Request::Claim {
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            now,
            lease,
            limit,
        };
        match self.write_one(request).await? {
            Reply::Jobs(jobs) => Ok(jobs),
            _other => Err(unexpected()),
        }
    }

    async fn clock(&self) -> Result<Option<Moment>, StoreError> {
        query!(self, Statement, [] queue::shared_clock())
    }

    async fn next_job_at(&self) -> Result<Option<Moment>, StoreError> {
        query!(self, Statement, [] queue::next_job_at())
    }

    async fn sequence(&self, limit: u32) -> Result<u64, StoreError> {
        match self.write_one(Request::Sequence { limit }).await? {
            Reply::Numbered(count) => Ok(count),
            _other => Err(unexpected()),
        }
    }

    async fn user(&self, id: UserId) -> Result<Option<UserRow>, StoreError> {
        query!(self, Statement, [] people::user(id))
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<UserRow>, StoreError> {
        let email = email.to_owned();
        query!(self, Statement, [email] people::user_by_email(&email))
    }

    async fn user_by_tax_id(&self, tax_id: &str) -> Result<Option<UserRow>, StoreError> {
        let tax_id = tax_id.to_owned();
        query!(self, Statement, [tax_id] people::user_by_tax_id(&tax_id))
    }

    async fn session_by_token_hash(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<SessionRow>, StoreError> {
        let hash = *hash;
        query!(self, Statement, [] people::session(&hash))
    }

    async fn api_key_by_secret_hash(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<ApiKeyRow>, StoreError> {
        let hash = *hash;
        query!(self, Statement, [] people::api_key(&hash))
    }

    async fn sessions_of(&self, user: UserId) -> Result<Vec<SessionRow>, StoreError> {
        query!(self, Statement, [] people::sessions_of(user))
    }

    async fn api_keys_of(&self, user: UserId) -> Result<Vec<ApiKeyRow>, StoreError> {
        query!(self, Statement, [] people::api_keys_of(user))
    }

    async fn wallet(&self, id: WalletId) -> Result<Option<WalletRow>, StoreError> {
        query!(self, Statement, [] ledger::wallet(id))
    }

    async fn wallets_of(&self, user: UserId) -> Result<Vec<WalletRow>, StoreError> {
        query!(self, Statement, [] ledger::wallets_of(user))
    }

    async fn statement(&self, filter: &StatementFilter) -> Result<Vec<StatementLine>, StoreError> {
        let filter = filter.clone();
        query!(self, Snapshot, [filter] ledger::statement(&filter))
    }

    async fn spendable_lines(&self, filter: &StatementFilter) -> Result<Vec<ToldLine>, StoreError> {
        let filter = filter.clone();
        query!(self, Snapshot, [filter] ledger::spendable_lines(&filter))
    }

    async fn balance_at(
        &self,
        wallet: WalletId,
        at: Moment,
    ) -> Result<(i64, i64, i64), StoreError> {
        query!(self, Snapshot, [] ledger::balance_at(wallet, at))
    }

    async fn transaction(
        &self,
        id: TransactionId,
    ) -> Result<Option<TransactionRecord>, StoreError> {
        query!(self, Snapshot, [] transactions::transaction(id))
    }

    async fn transaction_row(
        &self,
        id: TransactionId,
    ) -> Result<Option<TransactionRow>, StoreError> {
        query!(self, Statement, [] transactions::row(id))
    }

    async fn transaction_by_idempotency(
        &self,
        account: &str,
        key: &str,
    ) -> Result<Option<TransactionRecord>, StoreError> {
        let (account, key) = (account.to_owned(), key.to_owned());
        query!(self, Snapshot, [account, key] transactions::by_idempotency(&account, &key))
    }

    async fn transactions(
        &self,
        filter: &TransactionFilter,
    ) -> Result<Vec<TransactionRow>, StoreError> {
        let filter = filter.clone();
        query!(self, Statement, [filter] transactions::list(&filter))
    }

    async fn listed_transactions(
        &self,
        filter: &TransactionFilter,
    ) -> Result<Vec<ListedTransaction>, StoreError> {
        let filter = filter.clone();
        query!(self, Snapshot, [filter] transactions::listed(&filter))
    }

    async fn refunds_of(&self, charge: TransactionId) -> Result<Vec<TransactionRow>, StoreError> {
        query!(self, Statement, [] transactions::refunds_of(charge))
    }

    async fn attempt_by_reference(
        &self,
        gateway: Gateway,
        reference: &str,
    ) -> Result<Option<AttemptRow>, StoreError> {
        let reference = reference.to_owned();
        query!(self, Statement, [reference] transactions::attempt_by_reference(gateway, &reference))
    }

    async fn charge_by_br_code(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<TransactionId>, StoreError> {
        let hash = *hash;
        query!(self, Statement, [] transactions::charge_by_br_code(&hash))
    }

    async fn pay_in(&self, gateway: Gateway, key: &str) -> Result<Option<PayInRow>, StoreError> {
        let key = key.to_owned();
        query!(self, Statement, [key] transactions::pay_in(gateway, &key))
    }

    async fn suspense(
        &self,
        since: Moment,
        after: Option<PayInId>,
        limit: u32,
    ) -> Result<Vec<PayInRow>, StoreError> {
        query!(self, Statement, [] transactions::suspense(since, after, limit))
    }

    async fn in_review(
        &self,
        after: Option<TransactionId>,
        limit: u32,
    ) -> Result<Vec<TransactionRecord>, StoreError> {
        query!(self, Snapshot, [] transactions::in_review(after, limit))
    }

    async fn proposals_of(
        &self,
        transaction: TransactionId,
    ) -> Result<Vec<ProposalRow>, StoreError> {
        query!(self, Statement, [] transactions::proposals_of(transaction))
    }

    async fn journals_of(&self, transaction: TransactionId) -> Result<Vec<JournalRow>, StoreError> {
        query!(self, Snapshot, [] ledger::journals_of(transaction))
    }

    async fn overdue(&self, now: Moment, limit: u32) -> Result<Vec<TransactionRow>, StoreError> {
        query!(self, Statement, [] transactions::overdue(now, limit))
    }

    async fn jobless(&self, before: Moment, limit: u32) -> Result<Vec<TransactionRow>, StoreError> {
        query!(self, Statement, [] transactions::jobless(before, limit))
    }

    async fn in_doubt_cents(&self) -> Result<BTreeMap<Gateway, i64>, StoreError> {
        query!(self, Statement, [] transactions::in_doubt_cents())
    }

    async fn jobs(&self, state: Option<JobState>, limit: u32) -> Result<Vec<JobRow>, StoreError> {
        query!(self, Statement, [] queue::jobs(state, limit))
    }

    async fn queue_depth(&self) -> Result<QueueDepth, StoreError> {
        query!(self, Snapshot, [] queue::queue_depth())
    }

    async fn inbound(&self, id: InboundId) -> Result<Option<InboundRow>, StoreError> {
        query!(self, Statement, [] people::inbound(id))
    }

    async fn events_after(
        &self,
        position: u64,
        user: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        query!(self, Statement, [] queue::events_after(position, user, limit))
    }

    async fn last_position(&self) -> Result<u64, StoreError> {
        query!(self, Statement, [] queue::last_position())
    }

    async fn alerts(&self, limit: u32) -> Result<Vec<AlertRow>, StoreError> {
        query!(self, Statement, [] people::alerts(limit))
    }

    async fn audit(&self, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        query!(self, Statement, [] people::audit(limit))
    }

    async fn alerts_before(
        &self,
        before: Option<AlertId>,
        limit: u32,
    ) -> Result<Vec<AlertRow>, StoreError> {
        query!(self, Statement, [] people::alerts_before(before, limit))
    }

    async fn audit_trail(&self, filter: &AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
        let filter = filter.clone();
        query!(self, Statement, [filter] people::audit_trail(&filter))
    }

    async fn users(&self, before: Option<UserId>, limit: u32) -> Result<Vec<UserRow>, StoreError> {
        query!(self, Statement, [] people::users(before, limit))
    }

    async fn jobs_before(
        &self,
        state: Option<JobState>,
        before: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobRow>, StoreError> {
        query!(self, Statement, [] queue::jobs_before(state, before, limit))
    }

    async fn jobs_of(&self, transaction: TransactionId) -> Result<Vec<JobRow>, StoreError> {
        query!(self, Statement, [] queue::jobs_of(transaction))
    }

    async fn events_of(&self, transaction: TransactionId) -> Result<Vec<EventRow>, StoreError> {
        query!(self, Statement, [] queue::events_of(transaction))
    }

    async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        let name = name.to_owned();
        query!(self, Statement, [name] people::setting(&name))
    }

    async fn controls(&self) -> Result<Vec<ControlRow>, StoreError> {
        query!(self, Statement, [] people::controls())
    }

    async fn reconciliation(
        &self,
        id: ReconciliationId,
    ) -> Result<Option<ReconciliationRow>, StoreError> {
        query!(self, Statement, [] people::reconciliation(id))
    }

    async fn float_move(&self, id: FloatMoveId) -> Result<Option<FloatMoveRow>, StoreError> {
        query!(self, Statement, [] float_moves::float_move(id))
    }

    async fn float_moves(
        &self,
        before: Option<FloatMoveId>,
        limit: u32,
    ) -> Result<Vec<FloatMoveRow>, StoreError> {
        query!(self, Statement, [] float_moves::before(before, limit))
    }

    async fn float_moves_expected(
        &self,
        to: Gateway,
        amount: Money,
        since: Moment,
        limit: u32,
    ) -> Result<Vec<FloatMoveRow>, StoreError> {
        query!(self, Statement, [] float_moves::expected(to, amount, since, limit))
    }

    async fn float_moves_in_transit(&self, limit: u32) -> Result<Vec<FloatMoveRow>, StoreError> {
        query!(self, Statement, [] float_moves::in_transit(limit))
    }

    async fn float_moves_lapsed(
        &self,
        now: Moment,
        limit: u32,
    ) -> Result<Vec<FloatMoveRow>, StoreError> {
        query!(self, Statement, [] float_moves::lapsed(now, limit))
    }

    async fn reconciliations_before(
        &self,
        before: Option<ReconciliationId>,
        limit: u32,
    ) -> Result<Vec<ReconciliationRow>, StoreError> {
        query!(self, Statement, [] people::reconciliations_before(before, limit))
    }

    async fn account_balance(&self, account: Account) -> Result<i64, StoreError> {
        query!(self, Statement, [] ledger::account_balance(account))
    }

    async fn unbalanced_journals(&self, limit: u32) -> Result<Vec<(JournalId, i64)>, StoreError> {
        query!(self, Statement, [] check::unbalanced(limit))
    }

    async fn wallet_folds(
        &self,
        after: Option<WalletId>,
        limit: u32,
    ) -> Result<Vec<WalletFold>, StoreError> {
        query!(self, Snapshot, [] check::wallet_folds(after, limit))
    }

    async fn system_balances(&self) -> Result<BTreeMap<String, i64>, StoreError> {
        query!(self, Statement, [] check::system_balances())
    }

    async fn open_totals(&self) -> Result<BTreeMap<String, i64>, StoreError> {
        query!(self, Snapshot, [] check::open_totals())
    }

    async fn totals(&self) -> Result<Totals, StoreError> {
        query!(self, Snapshot, [] check::totals())
    }

    async fn broken_rows(&self, limit: u32) -> Result<Vec<BrokenRow>, StoreError> {
        query!(self, Snapshot, [] check::broken_rows(limit))
    }

    async fn attempts_to_watch(
        &self,
        since: Moment,
        after: Option<AttemptId>,
        limit: u32,
    ) -> Result<Vec<AttemptRow>, StoreError> {
        query!(self, Statement, [] transactions::attempts_to_watch(since, after, limit))
    }

    async fn nameless_attempts(
        &self,
        gateway: Gateway,
        limit: u32,
    ) -> Result<Vec<AttemptRow>, StoreError> {
        query!(self, Statement, [] transactions::nameless_attempts(gateway, limit))
    }

    async fn decisions(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        query!(self, Statement, [] check::decisions())
    }

    async fn done_attempts(
        &self,
        after: Option<AttemptId>,
        limit: u32,
    ) -> Result<Vec<AttemptRow>, StoreError> {
        query!(self, Statement, [] transactions::done_attempts(after, limit))
    }

    async fn ready(&self) -> Result<(), StoreError> {
        let required = self.durability_required;
        match self.write_one(Request::Ping { durable: required }).await? {
            Reply::Alive => Ok(()),
            _other => Err(unexpected()),
        }
    }
}

#[async_trait]
impl OutboundStore for SqlStore {
    async fn relay(&self, name: &str) -> Result<Option<RelayRow>, StoreError> {
        let name = name.to_owned();
        query!(self, Statement, [name] outbound::relay(&name))
    }

    async fn claim_relay(
        &self,
        name: &str,
        now: Moment,
        lease: Span,
    ) -> Result<Option<RelayRow>, StoreError> {
        let name = name.to_owned();
        let request = Request::ClaimRelay { name, now, lease };
        match self.write_one(request).await? {
            Reply::Relay(row) => Ok(row),
            _other => Err(unexpected()),
        }
    }

    async fn claim_endpoints(
        &self,
        now: Moment,
        lease: Span,
        limit: u32,
    ) -> Result<Vec<EndpointRow>, StoreError> {
        let request = Request::ClaimEndpoints { now, lease, limit };
        match self.write_one(request).await? {
            Reply::Endpoints(rows) => Ok(rows),
            _other => Err(unexpected()),
        }
    }

    async fn next_endpoint_at(&self) -> Result<Option<Moment>, StoreError> {
        query!(self, Statement, [] outbound::next_endpoint_at())
    }

    async fn due_deliveries(
        &self,
        endpoint: WebhookEndpointId,
        by: Moment,
        limit: u32,
    ) -> Result<Vec<DueDelivery>, StoreError> {
        query!(self, Statement, [] outbound::due_deliveries(endpoint, by, limit))
    }

    async fn endpoint(&self, id: WebhookEndpointId) -> Result<Option<EndpointRow>, StoreError> {
        query!(self, Statement, [] outbound::endpoint(id))
    }

    async fn endpoints_of(&self, users: &[UserId]) -> Result<Vec<EndpointRow>, StoreError> {
        let users = users.to_owned();
        query!(self, Statement, [users] outbound::endpoints_of(&users))
    }

    async fn endpoints_before(
        &self,
        before: Option<WebhookEndpointId>,
        only_disabled: bool,
        limit: u32,
    ) -> Result<Vec<EndpointRow>, StoreError> {
        query!(self, Statement, [] outbound::endpoints_before(before, only_disabled, limit))
    }

    async fn first_unnumbered(&self) -> Result<Option<Moment>, StoreError> {
        query!(self, Statement, [] outbound::first_unnumbered())
    }

    async fn first_unrelayed(&self, after: u64, to: u64) -> Result<Option<Moment>, StoreError> {
        query!(self, Statement, [] outbound::first_unrelayed(after, to))
    }

    async fn delivery(
        &self,
        endpoint: WebhookEndpointId,
        id: DeliveryId,
    ) -> Result<Option<DeliveryRow>, StoreError> {
        query!(self, Statement, [] outbound::delivery(endpoint, id))
    }

    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<DeliveryRow>, StoreError> {
        let filter = filter.clone();
        query!(self, Statement, [filter] outbound::deliveries(&filter))
    }

    async fn drop_deliveries(&self, before: Moment, limit: u32) -> Result<u64, StoreError> {
        match self
            .write_one(Request::DropDeliveries { before, limit })
            .await?
        {
            Reply::Numbered(count) => Ok(count),
            _other => Err(unexpected()),
        }
    }
}
