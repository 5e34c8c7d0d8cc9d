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
use domain::dispute::Dispute;
use domain::gateway::{Gateway, Operation};
use domain::ids::*;
use domain::ledger::Account;
use domain::limits::{Limits, Spent};
use domain::money::Money;
use domain::review::{ProposalState, ReviewOutcome};
use domain::status::{Kind, Status};
use domain::time::{Moment, Span};

use super::outbound::{OutboundLocked, OutboundLocks, OutboundWrite};

// ---------------------------------------------------------------- rows

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserRole {
    Customer,
    Operator,
}

/// `name`, `email` and `tax_id` are sealed; e-mail and tax id have blind indexes and are unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    pub id: UserId,
    pub name: String,
    /// Normalized: trimmed, lower case.
    pub email: String,
    /// Normalized CPF or CNPJ; operators have none.
    pub tax_id: Option<String>,
    pub password_hash: String,
    pub role: UserRole,
    pub created_at: Moment,
    /// Since when it cannot sign in and its keys open nothing.
    pub blocked_at: Option<Moment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    pub id: SessionId,
    pub user_id: UserId,
    /// SHA-256 of the bearer token; unique.
    pub token_hash: [u8; 32],
    pub created_at: Moment,
    pub expires_at: Moment,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyRow {
    pub id: ApiKeyId,
    pub user_id: UserId,
    pub name: String,
    pub scopes: Vec<String>,
    /// SHA-256 of the secret; unique.
    pub secret_hash: [u8; 32],
    pub created_at: Moment,
    pub revoked_at: Option<Moment>,
}

/// A wallet with its balances, limits and what was spent in the current windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletRow {
    pub id: WalletId,
    pub user_id: UserId,
    pub available: Money,
    pub held: Money,
    pub blocked: Money,
    pub receivable: Money,
    /// The number of the wallet's last entry.
    pub seq: u64,
    pub limits: Limits,
    pub spent: Spent,
    pub created_at: Moment,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The owning user's id, or `system`.
    pub account: String,
    pub key: String,
    /// SHA-256 of the canonical request.
    pub fingerprint: [u8; 32],
}

/// One movement that a user asked for or received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionRow {
    pub id: TransactionId,
    pub wallet_id: WalletId,
    pub user_id: UserId,
    pub kind: Kind,
    pub status: Status,
    pub stage: String,
    /// Grows by one with every change; every change is compare-and-set on it.
    pub version: u64,
    pub amount: Money,
    /// The fee reserved (pending) or taken (ended) beside the amount.
    pub fee: Money,
    /// The gateway that carries or carried it.
    pub gateway: Option<Gateway>,
    /// `UNIQUE(account, key)`.
    pub idempotency: Option<Idempotency>,
    pub reference: Option<String>,
    pub end_to_end_id: Option<String>,
    /// The charge that a refund gives back; the pay-in is in `facts`.
    pub parent: Option<TransactionId>,
    /// When the present stage has reached its maximum age; `None` once ended.
    pub stage_deadline: Option<Moment>,
    pub created_at: Moment,
    pub updated_at: Moment,
    pub settled_at: Option<Moment>,
    /// The kind's facts without personal data, JSON written by `app`.
    pub facts: String,
    /// The facts with personal data (description, payee, keys, BR Code, metadata), JSON; sealed.
    pub private: String,
}

/// One gateway's go at a transaction. `UNIQUE(transaction_id, number)`, `UNIQUE(transaction_id,
/// live)` where `live` is 1 or NULL, `UNIQUE(gateway, attempt_key)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    pub id: AttemptId,
    pub transaction_id: TransactionId,
    pub number: u32,
    pub gateway: Gateway,
    pub attempt_key: String,
    /// The exact request, as the gateway adapter prepared it; sealed.
    pub request: Vec<u8>,
    /// True until the commit that stores the proof of not done. Charge attempts that may stand
    /// beside each other are not live.
    pub live: bool,
    /// `open`, `accepted`, `done`, `not_done`, `unknown`.
    pub outcome: String,
    /// The stable code of the reason, when there is one.
    pub reason: Option<String>,
    /// In plain words why this gateway was chosen.
    pub why: String,
    /// The failover licence, JSON written by `app`.
    pub licence: Option<String>,
    /// The inputs of the routing decision, JSON written by `app`.
    pub routing: String,
    /// The gateway's own id (txid, payment id, e2e id …), indexed by `(gateway, gateway_reference)`.
    pub gateway_reference: Option<String>,
    /// Grows when more is known: a send closed, a late answer, a lookup that shows something else.
    pub evidence_version: u64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

/// One transmission. Primary key `(attempt_id, number)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendRow {
    pub attempt_id: AttemptId,
    pub number: u32,
    pub opened_at: Moment,
    pub closed_at: Option<Moment>,
    /// The verdict, JSON written by `app`; `None` while open.
    pub verdict: Option<String>,
    /// The class of the verdict for people and queries: settled, accepted, not_done, never_sent, unknown.
    pub class: Option<String>,
    /// The gateway's code.
    pub code: Option<String>,
    /// The token of the job lease under which it was opened.
    pub lease_token: u64,
}

/// What a lookup, a webhook-triggered lookup or a statement showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceRow {
    pub id: EvidenceId,
    pub attempt_id: AttemptId,
    pub at: Moment,
    /// `lookup`, `late_answer`, `operator`.
    pub source: String,
    /// The evidence, JSON written by `app`.
    pub body: String,
    pub class: String,
    /// How often in a row it was seen, from `at` to `last_at`.
    pub seen: u32,
    pub last_at: Moment,
}

/// What an operator proposes for a payment in review. At most one of a transaction is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposalRow {
    pub id: ProposalId,
    pub transaction_id: TransactionId,
    /// The attempt in review, and what was known of it.
    pub attempt_number: u32,
    pub evidence_version: u64,
    pub outcome: ReviewOutcome,
    /// What was seen and where; sealed.
    pub evidence: String,
    /// Sealed.
    pub reason: String,
    pub proposed_by: UserId,
    pub proposed_at: Moment,
    pub state: ProposalState,
    /// Who approved it or proposed another; `None` while it is open and when the payment went on
    /// without it.
    pub decided_by: Option<UserId>,
    pub decided_at: Option<Moment>,
}

/// One PIX that reached us. `UNIQUE(gateway, key)`: credited once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayInRow {
    pub id: PayInId,
    pub gateway: Gateway,
    /// endToEndId at Efí, payment id at Mercado Pago.
    pub key: String,
    /// `None`: it stands in `suspense`.
    pub transaction_id: Option<TransactionId>,
    pub wallet_id: Option<WalletId>,
    pub amount: Money,
    pub fee: Money,
    /// Taken back by the gateway so far.
    pub reversed: Money,
    /// Given back by our refunds so far, open ones included.
    pub refunded: Money,
    /// Blocked by open disputes now.
    pub disputed: Money,
    pub end_to_end_id: Option<String>,
    pub paid_at: Moment,
    pub created_at: Moment,
    pub version: u64,
    /// Payer as the gateway told it, JSON; sealed.
    pub payer: String,
}

/// A dispute over a pay-in. `UNIQUE(pay_in_id, number)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisputeRow {
    pub pay_in_id: PayInId,
    /// From 1, in the order in which the pay-in's disputes were booked.
    pub number: u32,
    pub gateway: Gateway,
    /// The wallet whose money it blocks; `None` for a pay-in in suspense.
    pub wallet_id: Option<WalletId>,
    /// What the gateway tells its disputes over this pay-in apart by.
    pub key: String,
    pub dispute: Dispute,
    pub opened_at: Moment,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRow {
    pub account: Account,
    /// Debit positive.
    pub debit_cents: i64,
    /// For wallet accounts: the wallet's entry number and the account's natural balance after it.
    pub seq: Option<u64>,
    pub balance_after: Option<i64>,
}

/// A double-entry record; append only. Entries `UNIQUE(journal_id, leg)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalRow {
    pub id: JournalId,
    pub transaction_id: Option<TransactionId>,
    /// `payout_hold`, `payout_settled`, `pay_in` …
    pub kind: String,
    pub created_at: Moment,
    pub entries: Vec<EntryRow>,
}

/// Durable work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    pub id: JobId,
    /// The versioned kind, such as `payout.v1`.
    pub kind: String,
    pub transaction_id: Option<TransactionId>,
    /// JSON written by `app`.
    pub payload: String,
    /// When it may be claimed; `None` when done or dead.
    pub visible_at: Option<Moment>,
    /// `ready`, `done`, `dead`.
    pub state: JobState,
    /// Claims so far whose run did not end well.
    pub tries: u32,
    /// Grows at each claim; the lease's token.
    pub token: u64,
    pub last_error: Option<String>,
    pub created_at: Moment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    Ready,
    Done,
    Dead,
}

/// The right to work on a job: valid while the token is the job's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub job_id: JobId,
    pub token: u64,
}

/// A row that must be published. `UNIQUE(transaction_id, transaction_version)` where a transaction
/// is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    pub id: EventId,
    /// `payout.created`, `charge.paid`, `alert.raised` …
    pub kind: String,
    pub transaction_id: Option<TransactionId>,
    pub transaction_version: Option<u64>,
    pub wallet_id: Option<WalletId>,
    pub user_id: Option<UserId>,
    /// JSON without personal data.
    pub body: String,
    pub occurred_at: Moment,
    /// Dense, in commit order; set by the sequencer.
    pub position: Option<u64>,
}

/// A stored gateway notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundRow {
    pub id: InboundId,
    pub gateway: Gateway,
    pub received_at: Moment,
    /// Whether its signature (or secret path and certificate) was verified.
    pub verified: bool,
    /// The request as received; sealed.
    pub raw: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRow {
    pub id: AlertId,
    /// `all_gateways_failed`, `payout_in_review`, `suspense`, `float_mismatch` …
    pub kind: String,
    pub transaction_id: Option<TransactionId>,
    pub gateway: Option<Gateway>,
    pub message: String,
    pub raised_at: Moment,
}

/// Who did what; append only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    pub id: AuditId,
    /// A user's id, or `system`.
    pub actor: String,
    pub action: String,
    pub subject: String,
    /// JSON without personal data.
    pub detail: String,
    pub at: Moment,
}

/// Evidence contradicted a decision, or an invariant broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentRow {
    pub id: IncidentId,
    pub kind: String,
    pub transaction_id: Option<TransactionId>,
    pub detail: String,
    pub at: Moment,
}

/// What operators have set over one operation of one gateway. There is a row for every pair of
/// gateway and `charge`, `payout` or `refund`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlRow {
    pub gateway: Gateway,
    pub operation: Operation,
    pub paused: bool,
    /// Preferred over what the configuration says; at most one gateway of an operation.
    pub primary: bool,
    /// Why it was changed last; sealed.
    pub reason: Option<String>,
    /// By whom and when it was changed last; `None` while nobody has.
    pub changed: Option<(UserId, Moment)>,
}

/// A comparison of the books with what gateways list of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReconciliationRow {
    pub id: ReconciliationId,
    /// `None`: every gateway.
    pub gateway: Option<Gateway>,
    pub from: Moment,
    pub to: Moment,
    pub state: ReconciliationState,
    /// A user's id, or `system`.
    pub requested_by: String,
    pub requested_at: Moment,
    pub finished_at: Option<Moment>,
    /// Where it stands and what was found, JSON written by `app`; without personal data.
    pub result: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReconciliationState {
    Queued,
    Running,
    Done,
    Failed,
}

impl ReconciliationState {
    pub const fn as_str(self) -> &'static str {
        match self {
            ReconciliationState::Queued => "queued",
            ReconciliationState::Running => "running",
            ReconciliationState::Done => "done",
            ReconciliationState::Failed => "failed",
        }
    }

    pub fn parse(text: &str) -> Option<ReconciliationState> {
        [
            ReconciliationState::Queued,
            ReconciliationState::Running,
            ReconciliationState::Done,
            ReconciliationState::Failed,
        ]
        .into_iter()
        .find(|state| state.as_str() == text)
    }
}

/// A transaction with everything that hangs on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionRecord {
    pub row: TransactionRow,
    /// By number.
    pub attempts: Vec<AttemptRecord>,
    /// The pay-ins credited to this transaction, by time of creation.
    pub pay_ins: Vec<PayInRow>,
    /// Of a transaction in review: what is proposed for it now.
    pub proposal: Option<ProposalRow>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRecord {
    pub row: AttemptRow,
    /// By number.
    pub sends: Vec<SendRow>,
    /// By time.
    pub evidence: Vec<EvidenceRow>,
}

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
    /// `None`: all users (operators).
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
    /// Newest first; older than this id.
    pub before: Option<TransactionId>,
    pub limit: u32,
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
    /// The natural balances `(available, held, blocked)` after the last entry at or before `at`.
    async fn balance_at(&self, wallet: WalletId, at: Moment)
    -> Result<(i64, i64, i64), StoreError>;

    async fn transaction(&self, id: TransactionId)
    -> Result<Option<TransactionRecord>, StoreError>;
    async fn transaction_by_idempotency(
        &self,
        account: &str,
        key: &str,
    ) -> Result<Option<TransactionRecord>, StoreError>;
    async fn transactions(
        &self,
        filter: &TransactionFilter,
    ) -> Result<Vec<TransactionRow>, StoreError>;
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
    /// `float_blocked.efi` …, the open disputes. Accounts without rows are absent.
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
