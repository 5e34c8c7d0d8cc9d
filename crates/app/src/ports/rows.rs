//! The rows that the store keeps, as plain data in the words of the domain. Columns that hold personal
//! data (marked *sealed*) are encrypted by the store at rest.

use domain::dispute::Dispute;
use domain::float_move::{FloatMoveState, Proposal};
use domain::gateway::{Gateway, Operation};
use domain::ids::*;
use domain::ledger::Account;
use domain::limits::{Limits, Spent};
use domain::money::Money;
use domain::review::{ProposalState, ReviewOutcome};
use domain::status::{Kind, Status};
use domain::time::Moment;

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
    /// [`WalletId::SYSTEM`] and [`UserId::SYSTEM`] for the platform's own.
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
    /// Whose wallet a transfer reached; `None` for every other kind. Never changes.
    pub payee_user_id: Option<UserId>,
}

impl TransactionRow {
    /// Whether it is the platform's own, so that no wallet stands behind it.
    pub fn is_systems(&self) -> bool {
        self.wallet_id == WalletId::SYSTEM
    }

    /// The wallet whose money it moves.
    pub fn wallet(&self) -> Option<WalletId> {
        Some(self.wallet_id).filter(|_| !self.is_systems())
    }
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
    /// [`WalletId::SYSTEM`]: a float move has arrived by it.
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

/// Our own money on its way from one gateway to the other, from its proposal on.
///
/// `left`, `returned` and `arrived` are what is booked of it; what is left of `left` is in transit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FloatMoveRow {
    pub id: FloatMoveId,
    pub from: Gateway,
    pub to: Gateway,
    pub amount: Money,
    /// Sealed.
    pub reason: String,
    pub state: FloatMoveState,
    pub proposed_by: UserId,
    pub proposed_at: Moment,
    pub expires_at: Moment,
    /// Left the source, every execution counted.
    pub left: Money,
    /// Came back to the source.
    pub returned: Money,
    /// Reached the target, less what was taken back there.
    pub arrived: Money,
    /// When the last of it did.
    pub arrived_at: Option<Moment>,
    /// When people were told that it is late.
    pub alerted_at: Option<Moment>,
    /// Every change is compare-and-set on it.
    pub version: u64,
}

impl FloatMoveRow {
    pub fn proposal(&self) -> Proposal {
        Proposal {
            proposed_by: self.proposed_by,
            expires_at: self.expires_at,
        }
    }

    /// In centavos; negative while more has arrived than is known to have left.
    pub fn in_transit(&self) -> i64 {
        self.left.cents() - self.returned.cents() - self.arrived.cents()
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
