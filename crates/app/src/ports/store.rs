//! The store's port: data in, data out.
//!
//! A [`Unit`] names the rows it needs locked and a pure, synchronous function that decides on them.
//! The store reads and locks the rows, calls `decide`, writes what it answers and commits; it may
//! run several units in one SQL transaction, and it may run a unit again (deadlock, lost
//! connection, split batch), so `decide` must not have effects. The unique row of a unit is read
//! first: a re-run meets its own earlier success there and answers from it.
//!
//! Beside it stand read-only queries. All rows are plain data in the words of the domain; columns
//! that hold personal data (marked *sealed*) are encrypted by the store at rest.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::gateway::Gateway;
use domain::ids::*;
use domain::ledger::Account;
use domain::money::Money;
use domain::status::{Kind, Status};
use domain::time::{Moment, Span};

pub use super::rows::*;

use super::outbound::{OutboundLocked, OutboundLocks, OutboundWrite};

// ---------------------------------------------------------------- units

/// Names of the rows a unit reads under lock, taken in this order everywhere: wallets by id, then
/// transactions by id, then pay-ins by `(gateway, key)`, then the job.
#[derive(Clone, Debug, Default)]
pub struct Locks {
    /// Read before all else: the transaction that `(account, key)` is bound to.
    pub idempotency: Option<(String, String)>,
    pub wallets: Vec<WalletId>,
    pub transactions: Vec<TransactionId>,
    pub pay_ins: Vec<(Gateway, String)>,
    /// Held only if the job's token is still the lease's and the job is not done.
    pub lease: Option<Lease>,
    /// The values under these names in `settings`, under lock.
    pub settings: Vec<String>,
    /// Read after the transactions, whose locks order every change of them.
    pub proposals: Vec<ProposalId>,
    /// After the proposals, by id.
    pub float_moves: Vec<FloatMoveId>,
    /// Taken last.
    pub outbound: OutboundLocks,
    /// All rows of [`Store::controls`], under lock.
    pub controls: bool,
}

/// The rows, as read under their locks. What does not exist is absent.
#[derive(Clone, Debug, Default)]
pub struct Locked {
    pub replay: Option<TransactionRecord>,
    pub wallets: BTreeMap<WalletId, WalletRow>,
    pub transactions: BTreeMap<TransactionId, TransactionRecord>,
    pub pay_ins: BTreeMap<(Gateway, String), PayInRow>,
    /// All disputes over the locked pay-ins, by pay-in and number.
    pub disputes: Vec<DisputeRow>,
    /// The leased job, `None` when the lease is no longer held.
    pub job: Option<JobRow>,
    pub settings: BTreeMap<String, String>,
    pub proposals: BTreeMap<ProposalId, ProposalRow>,
    pub float_moves: BTreeMap<FloatMoveId, FloatMoveRow>,
    pub outbound: OutboundLocked,
    /// By gateway and operation; empty unless asked for.
    pub controls: Vec<ControlRow>,
}

/// What a unit writes, in order, all or nothing.
#[derive(Clone, Debug)]
pub enum Write {
    InsertUser(UserRow),
    InsertSession(SessionRow),
    DeleteSession(SessionId),
    /// Every session of a user.
    DeleteSessions(UserId),
    /// Its `blocked_at`, absolutely.
    BlockUser {
        id: UserId,
        at: Option<Moment>,
    },
    InsertApiKey(ApiKeyRow),
    RevokeApiKey {
        id: ApiKeyId,
        user_id: UserId,
        at: Moment,
    },
    InsertWallet(WalletRow),
    /// Absolute values of a locked wallet.
    SaveWallet(WalletRow),
    InsertTransaction(TransactionRow),
    /// Compare-and-set: `row.version` must be the stored version plus one.
    SaveTransaction(TransactionRow),
    InsertAttempt(AttemptRow),
    SaveAttempt(AttemptRow),
    InsertSend(SendRow),
    /// Only if the send is still open.
    CloseSend(SendRow),
    InsertEvidence(EvidenceRow),
    /// The same was seen once more: `seen` and `last_at` of the row, absolutely.
    RepeatEvidence(EvidenceRow),
    InsertProposal(ProposalRow),
    /// Only if the proposal is still open: its `state`, `decided_by` and `decided_at`.
    DecideProposal(ProposalRow),
    /// The code that a charge shows, by its SHA-256.
    InsertBrCode {
        hash: [u8; 32],
        transaction_id: TransactionId,
    },
    InsertPayIn(PayInRow),
    /// Compare-and-set on `version`, like transactions.
    SavePayIn(PayInRow),
    InsertDispute(DisputeRow),
    /// Its amount, stage and time; its pay-in is locked by the unit.
    SaveDispute(DisputeRow),
    InsertJournal(JournalRow),
    InsertJob(JobRow),
    /// A ready job of the row's transaction, visible now: the waiting one is woken, a leased one
    /// is left to its worker, and the row is inserted only when there is none.
    EnsureJob(JobRow),
    /// Only if the lease is still held.
    FinishJob(Lease),
    /// Only if the lease is still held; ends the lease. `tries` is stored absolutely.
    RescheduleJob {
        lease: Lease,
        visible_at: Moment,
        tries: u32,
        last_error: Option<String>,
    },
    /// Only if the lease is still held: keep it until then.
    ExtendLease {
        lease: Lease,
        until: Moment,
    },
    /// Only if the lease is still held.
    BuryJob {
        lease: Lease,
        last_error: String,
    },
    /// Only if the job is dead: it may be claimed from then on, with all its tries.
    ReviveJob {
        id: JobId,
        at: Moment,
    },
    /// Makes a waiting job of this transaction visible now; nothing happens when there is none.
    WakeJobs {
        transaction_id: TransactionId,
        at: Moment,
    },
    InsertEvent(EventRow),
    InsertInbound(InboundRow),
    InsertAlert(AlertRow),
    InsertAudit(AuditRow),
    InsertIncident(IncidentRow),
    PutSetting {
        name: String,
        value: String,
    },
    Outbound(OutboundWrite),
    /// The row of its gateway and operation, which exists.
    SaveControl(ControlRow),
    InsertReconciliation(ReconciliationRow),
    /// Its state, end and result, only while it has not ended.
    SaveReconciliation(ReconciliationRow),
    InsertFloatMove(FloatMoveRow),
    /// Compare-and-set on `version`, like transactions: all but what the proposal said.
    SaveFloatMove(FloatMoveRow),
}

pub type Answer = Box<dyn Any + Send>;

/// What `decide` says: write and answer, or refuse with an answer (then nothing is written).
pub enum Verdict {
    Commit { writes: Vec<Write>, answer: Answer },
    Refuse(Answer),
}

type Decide = dyn Fn(&Locked) -> Verdict + Send + Sync;

/// A unit of work. Its `decide` is pure: it may be called more than once.
#[derive(Clone)]
pub struct Unit {
    /// For logs and errors.
    pub name: &'static str,
    pub locks: Locks,
    pub decide: Arc<Decide>,
}

pub enum UnitResult {
    Committed(Answer),
    Refused(Answer),
    Failed(StoreError),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A uniqueness rule of the schema refused a row; the name of the rule, such as
    /// `users.email`, `transactions.idempotency`, `attempts.live`, `pay_ins.key`. Nothing was written.
    #[error("a row with the same {0} exists")]
    Conflict(&'static str),
    /// A compare-and-set met another version, or a lease is lost. Nothing was written.
    #[error("{0} changed meanwhile")]
    Stale(&'static str),
    /// The database is away, full, read-only … Nothing is known to be written, but a commit whose
    /// answer was lost may have happened: run the same unit again to learn it.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A stored row cannot be read: which table, column and row.
    #[error("corrupt row: {0}")]
    Corrupt(String),
}

// ---------------------------------------------------------------- queries

#[derive(Clone, Debug, Default)]
pub struct TransactionFilter {
    /// What this user asked for, and the transfers that others sent to it; beside another key
    /// (`reference`, `end_to_end_id`, `txid`, `wallet_id`) only the former. `None`: all users
    /// (operators).
    pub user_id: Option<UserId>,
    pub wallet_id: Option<WalletId>,
    pub kind: Option<Kind>,
    pub status: Option<Status>,
    pub stage: Option<String>,
    pub gateway: Option<Gateway>,
    pub reference: Option<String>,
    pub end_to_end_id: Option<String>,
    /// An attempt with this gateway reference or attempt key.
    pub txid: Option<String>,
    pub from: Option<Moment>,
    pub to: Option<Moment>,
    /// This id or younger: bounds what is read where `from` only compares.
    pub from_id: Option<TransactionId>,
    /// Newest first; older than this id.
    pub before: Option<TransactionId>,
    pub limit: u32,
}

/// A transaction with what a list shows of it beside its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTransaction {
    pub row: TransactionRow,
    /// Of a charge, oldest first.
    pub pay_ins: Vec<PayInRow>,
    /// Of a charge that was paid, oldest first.
    pub refunds: Vec<TransactionRow>,
}

/// Filters of the audit trail; newest first.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    pub subject: Option<String>,
    pub actor: Option<String>,
    pub action: Option<String>,
    /// Older than this.
    pub before: Option<AuditId>,
    pub limit: u32,
}

#[derive(Clone, Debug)]
pub struct StatementFilter {
    pub wallet_id: WalletId,
    pub from: Option<Moment>,
    pub to: Option<Moment>,
    /// Entries with a lower `seq` only (newest first).
    pub before_seq: Option<u64>,
    pub limit: u32,
}

/// One line of a wallet's statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementLine {
    pub seq: u64,
    pub at: Moment,
    pub journal_id: JournalId,
    pub journal_kind: String,
    pub transaction_id: Option<TransactionId>,
    pub account: Account,
    /// The change of the account's natural balance.
    pub cents: i64,
    pub balance_after: i64,
}

/// A line with the transaction that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldLine {
    pub line: StatementLine,
    pub transaction: Option<ListedTransaction>,
}

/// A wallet beside the fold of its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletFold {
    pub row: WalletRow,
    pub available: i64,
    pub held: i64,
    pub blocked: i64,
    pub receivable: i64,
    /// Σ (amount + fee) of its outgoing transactions from queued to in_review.
    pub open_holds: i64,
    /// Σ amount of its open disputes.
    pub open_disputes: i64,
    /// The highest entry number, and whether the numbers are dense and each `balance_after` is the
    /// running fold; else the first `seq` where it is not.
    pub last_seq: u64,
    pub first_bad_seq: Option<u64>,
}

/// Counts for the health of the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    pub ready: u64,
    pub dead: u64,
    pub oldest_ready: Option<Moment>,
}

#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Runs the units, each all or nothing, and answers each in order.
    async fn commit(&self, units: Vec<Unit>) -> Vec<UnitResult>;

    /// Claims up to `limit` visible jobs of these kinds (all when empty): token grows, invisible
    /// for `lease`. MySQL takes the time of the statement, SQLite the given one. A job whose last
    /// lease ran out unfinished has its `tries` increased by one.
    async fn claim_jobs(
        &self,
        kinds: &[&str],
        now: Moment,
        lease: Span,
        limit: u32,
    ) -> Result<Vec<JobRow>, StoreError>;
    /// When the next job becomes visible.
    /// The clock that all processes on this database share; `None` when it has none of its own.
    async fn clock(&self) -> Result<Option<Moment>, StoreError>;
    async fn next_job_at(&self) -> Result<Option<Moment>, StoreError>;
    /// Gives committed events without a position theirs, under the sequencer's fence; seals
    /// journals alike. Returns how many of both.
    async fn sequence(&self, limit: u32) -> Result<u64, StoreError>;

    async fn user(&self, id: UserId) -> Result<Option<UserRow>, StoreError>;
    async fn user_by_email(&self, email: &str) -> Result<Option<UserRow>, StoreError>;
    async fn user_by_tax_id(&self, tax_id: &str) -> Result<Option<UserRow>, StoreError>;
    async fn session_by_token_hash(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<SessionRow>, StoreError>;
    async fn api_key_by_secret_hash(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<ApiKeyRow>, StoreError>;
    /// A user's sessions, ended ones not yet forgotten included, by id.
    async fn sessions_of(&self, user: UserId) -> Result<Vec<SessionRow>, StoreError>;
    async fn api_keys_of(&self, user: UserId) -> Result<Vec<ApiKeyRow>, StoreError>;
    async fn wallet(&self, id: WalletId) -> Result<Option<WalletRow>, StoreError>;
    async fn wallets_of(&self, user: UserId) -> Result<Vec<WalletRow>, StoreError>;
    async fn statement(&self, filter: &StatementFilter) -> Result<Vec<StatementLine>, StoreError>;
    /// The lines of what can be spent (the account *available*) alone, newest first, each with its
    /// transaction.
    async fn spendable_lines(&self, filter: &StatementFilter) -> Result<Vec<ToldLine>, StoreError>;
    /// The natural balances `(available, held, blocked)` after the last entry at or before `at`.
    async fn balance_at(&self, wallet: WalletId, at: Moment)
    -> Result<(i64, i64, i64), StoreError>;

    async fn transaction(&self, id: TransactionId)
    -> Result<Option<TransactionRecord>, StoreError>;
    /// Its row alone, which is one read by primary key.
    async fn transaction_row(
        &self,
        id: TransactionId,
    ) -> Result<Option<TransactionRow>, StoreError>;
    async fn transaction_by_idempotency(
        &self,
        account: &str,
        key: &str,
    ) -> Result<Option<TransactionRecord>, StoreError>;
    async fn transactions(
        &self,
        filter: &TransactionFilter,
    ) -> Result<Vec<TransactionRow>, StoreError>;
    /// The same transactions as [`transactions`](Store::transactions), as a list shows them.
    async fn listed_transactions(
        &self,
        filter: &TransactionFilter,
    ) -> Result<Vec<ListedTransaction>, StoreError>;
    /// Refunds of a charge, oldest first.
    async fn refunds_of(&self, charge: TransactionId) -> Result<Vec<TransactionRow>, StoreError>;
    /// The attempt with this key or gateway reference, and its transaction.
    async fn attempt_by_reference(
        &self,
        gateway: Gateway,
        reference: &str,
    ) -> Result<Option<AttemptRow>, StoreError>;
    /// The charge of ours that shows the code with this SHA-256.
    async fn charge_by_br_code(&self, hash: &[u8; 32])
    -> Result<Option<TransactionId>, StoreError>;
    async fn pay_in(&self, gateway: Gateway, key: &str) -> Result<Option<PayInRow>, StoreError>;
    /// Pay-ins in suspense with money left in it, younger than `since`, after this id, by id.
    async fn suspense(
        &self,
        since: Moment,
        after: Option<PayInId>,
        limit: u32,
    ) -> Result<Vec<PayInRow>, StoreError>;
    /// Payments in review, longest known first, after this id by id.
    async fn in_review(
        &self,
        after: Option<TransactionId>,
        limit: u32,
    ) -> Result<Vec<TransactionRecord>, StoreError>;
    /// All proposals for a transaction, oldest first.
    async fn proposals_of(
        &self,
        transaction: TransactionId,
    ) -> Result<Vec<ProposalRow>, StoreError>;
    async fn journals_of(&self, transaction: TransactionId) -> Result<Vec<JournalRow>, StoreError>;

    /// Pending transactions whose stage deadline has passed.
    async fn overdue(&self, now: Moment, limit: u32) -> Result<Vec<TransactionRow>, StoreError>;
    /// Pending transactions (not in review) without a ready job, older than `before`.
    async fn jobless(&self, before: Moment, limit: u32) -> Result<Vec<TransactionRow>, StoreError>;
    /// Σ amount of payouts `in_doubt` or with an open send, per gateway.
    async fn in_doubt_cents(&self) -> Result<BTreeMap<Gateway, i64>, StoreError>;

    async fn jobs(&self, state: Option<JobState>, limit: u32) -> Result<Vec<JobRow>, StoreError>;
    async fn queue_depth(&self) -> Result<QueueDepth, StoreError>;
    async fn inbound(&self, id: InboundId) -> Result<Option<InboundRow>, StoreError>;
    /// Events after a position, in order.
    async fn events_after(
        &self,
        position: u64,
        user: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError>;
    async fn last_position(&self) -> Result<u64, StoreError>;
    async fn alerts(&self, limit: u32) -> Result<Vec<AlertRow>, StoreError>;
    async fn audit(&self, limit: u32) -> Result<Vec<AuditRow>, StoreError>;
    /// Older than this alert, newest first.
    async fn alerts_before(
        &self,
        before: Option<AlertId>,
        limit: u32,
    ) -> Result<Vec<AlertRow>, StoreError>;
    async fn audit_trail(&self, filter: &AuditFilter) -> Result<Vec<AuditRow>, StoreError>;
    /// Older than this user, newest first.
    async fn users(&self, before: Option<UserId>, limit: u32) -> Result<Vec<UserRow>, StoreError>;
    /// Older than this job, newest first.
    async fn jobs_before(
        &self,
        state: Option<JobState>,
        before: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobRow>, StoreError>;
    /// Oldest first.
    async fn jobs_of(&self, transaction: TransactionId) -> Result<Vec<JobRow>, StoreError>;
    /// By version.
    async fn events_of(&self, transaction: TransactionId) -> Result<Vec<EventRow>, StoreError>;
    async fn setting(&self, name: &str) -> Result<Option<String>, StoreError>;
    /// What operators have set, by gateway and operation.
    async fn controls(&self) -> Result<Vec<ControlRow>, StoreError>;
    async fn reconciliation(
        &self,
        id: ReconciliationId,
    ) -> Result<Option<ReconciliationRow>, StoreError>;
    async fn float_move(&self, id: FloatMoveId) -> Result<Option<FloatMoveRow>, StoreError>;
    /// Older than this one, newest first.
    async fn float_moves(
        &self,
        before: Option<FloatMoveId>,
        limit: u32,
    ) -> Result<Vec<FloatMoveRow>, StoreError>;
    /// Approved moves of this amount to this gateway, decided since, oldest first: what arrives may
    /// be one of them, also of those that have arrived.
    async fn float_moves_expected(
        &self,
        to: Gateway,
        amount: Money,
        since: Moment,
        limit: u32,
    ) -> Result<Vec<FloatMoveRow>, StoreError>;
    /// Approved moves of which not exactly what left has come back or arrived, oldest first.
    async fn float_moves_in_transit(&self, limit: u32) -> Result<Vec<FloatMoveRow>, StoreError>;
    /// Proposals whose time is over, oldest first.
    async fn float_moves_lapsed(
        &self,
        now: Moment,
        limit: u32,
    ) -> Result<Vec<FloatMoveRow>, StoreError>;
    /// Older than this comparison, newest first.
    async fn reconciliations_before(
        &self,
        before: Option<ReconciliationId>,
        limit: u32,
    ) -> Result<Vec<ReconciliationRow>, StoreError>;
    /// The natural balance of a system account.
    async fn account_balance(&self, account: Account) -> Result<i64, StoreError>;

    // For `check`: facts, found by the database, that must not exist, and folds to compare.
    /// Journals whose entries do not sum to zero, with the sum.
    async fn unbalanced_journals(&self, limit: u32) -> Result<Vec<(JournalId, i64)>, StoreError>;
    /// Wallets after this id, by id, each beside the fold of its entries.
    async fn wallet_folds(
        &self,
        after: Option<WalletId>,
        limit: u32,
    ) -> Result<Vec<WalletFold>, StoreError>;
    /// Natural balances of all system accounts.
    async fn system_balances(&self) -> Result<BTreeMap<String, i64>, StoreError>;
    /// What the tables say that system accounts hold: `suspense.efi` …, the rows in suspense;
    /// `float_blocked.efi` …, the open disputes; `in_transit`, the float moves. Accounts without rows
    /// are absent.
    async fn open_totals(&self) -> Result<BTreeMap<String, i64>, StoreError>;
    /// Number of journals, entries, transactions.
    async fn totals(&self) -> Result<Totals, StoreError>;
    /// Broken facts of fixed shapes: transactions with two live attempts, attempts after the first
    /// without a licence, events with gaps in `transaction_version`, success without a settled
    /// attempt or internal settlement, pay-ins credited other than once, duplicates. Each names the
    /// rule and the row.
    async fn broken_rows(&self, limit: u32) -> Result<Vec<BrokenRow>, StoreError>;
    /// Attempts of payouts and refunds that people went past without a proof, or that were executed
    /// besides the one that counts, of transactions changed since; after this id, by id.
    async fn attempts_to_watch(
        &self,
        since: Moment,
        after: Option<AttemptId>,
        limit: u32,
    ) -> Result<Vec<AttemptRow>, StoreError>;
    /// Attempts of payouts at a gateway whose id there is not known, their outcome neither; newest
    /// first.
    async fn nameless_attempts(
        &self,
        gateway: Gateway,
        limit: u32,
    ) -> Result<Vec<AttemptRow>, StoreError>;
    /// How many proposals were approved, by their outcome.
    async fn decisions(&self) -> Result<BTreeMap<String, u64>, StoreError>;
    /// Attempts (payouts and refunds) that are done, after this id, by id.
    async fn done_attempts(
        &self,
        after: Option<AttemptId>,
        limit: u32,
    ) -> Result<Vec<AttemptRow>, StoreError>;

    /// Alive and durable? Names what is wrong.
    async fn ready(&self) -> Result<(), StoreError>;
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub users: u64,
    pub transactions: u64,
    pub journals: u64,
    pub entries: u64,
    pub sends: u64,
    pub events: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenRow {
    pub rule: &'static str,
    pub row: String,
    pub detail: String,
}
