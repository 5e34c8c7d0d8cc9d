//! What callers may ask for, already parsed: the inputs of the use cases and their refusals.
//!
//! The API parses its wire forms into these, so that nothing malformed reaches a use case; what
//! can only be judged against stored state is refused by the use case with one of the enums here.

use domain::float_move::DecisionRefusal;
use domain::gateway::{Gateway, Operation};
use domain::ids::*;
use domain::money::Money;
use domain::pix::key::PixKey;
use domain::review::{ApprovalRefusal, ReviewOutcome};
use domain::status::{Kind, Status};
use domain::tax_id::TaxId;
use domain::time::Moment;

use crate::ports::gateway::Payer;
use crate::ports::store::{StoreError, UserRole};

/// What a bearer token or API key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Balances, statements, transactions, events.
    Read,
    Charges,
    Payouts,
    Transfers,
    Refunds,
    /// Webhook endpoints and their deliveries.
    Webhooks,
    /// Gateways, alerts, jobs, audit, resolutions.
    Operator,
}

impl Scope {
    pub const ALL: [Scope; 7] = [
        Scope::Read,
        Scope::Charges,
        Scope::Payouts,
        Scope::Transfers,
        Scope::Refunds,
        Scope::Webhooks,
        Scope::Operator,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Charges => "charges",
            Scope::Payouts => "payouts",
            Scope::Transfers => "transfers",
            Scope::Refunds => "refunds",
            Scope::Webhooks => "webhooks",
            Scope::Operator => "operator",
        }
    }

    pub fn parse(text: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// Who is asking, proven by a session or an API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub user_id: UserId,
    pub role: UserRole,
    pub scopes: Vec<Scope>,
    /// The session that was used, when it was one.
    pub session_id: Option<SessionId>,
}

impl Caller {
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

pub struct SignUp {
    /// 1 to 200 characters.
    pub name: String,
    /// Normalized.
    pub email: String,
    /// 8 to 200 characters.
    pub password: String,
    pub tax_id: TaxId,
}

#[derive(Debug, thiserror::Error)]
pub enum SignUpRefusal {
    #[error("the e-mail is taken")]
    EmailTaken,
    #[error("the tax id is taken")]
    TaxIdTaken,
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub struct NewSession {
    /// Shown once.
    pub token: String,
    pub expires_at: Moment,
}

#[derive(Debug, thiserror::Error)]
pub enum SignInRefusal {
    #[error("wrong e-mail or password")]
    WrongCredentials,
    #[error("too many tries")]
    TooManyTries,
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub struct NewApiKey {
    pub name: String,
    pub scopes: Vec<Scope>,
}

#[derive(Debug, thiserror::Error)]
pub enum ApiKeyRefusal {
    /// A key may not do more than its maker.
    #[error("scope {0} is not the caller's to give")]
    ScopeNotHeld(&'static str),
    #[error("no such key")]
    NotFound,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What every request that moves money has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoneyRequest {
    pub idempotency_key: String,
    /// `None`: the caller's only wallet.
    pub wallet_id: Option<WalletId>,
    /// At most 64 characters.
    pub reference: Option<String>,
    /// A JSON object as text, at most 4 KiB.
    pub metadata: Option<String>,
    /// At most 140 characters.
    pub description: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestCharge {
    pub common: MoneyRequest,
    pub amount: Money,
    pub expires_in_seconds: u32,
    pub payer: Option<Payer>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPayout {
    pub common: MoneyRequest,
    /// `None` only with a BR Code that names the amount.
    pub amount: Option<Money>,
    pub destination: PayoutDestination,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayoutDestination {
    Key {
        key: PixKey,
        payee_tax_id: Option<TaxId>,
    },
    /// A decodable BR Code, verbatim.
    BrCode(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestTransfer {
    pub common: MoneyRequest,
    pub amount: Money,
    pub to: TransferDestination,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferDestination {
    Wallet(WalletId),
    /// Another user's sign-up e-mail or tax id.
    Key(PixKey),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRefund {
    pub common: MoneyRequest,
    /// The charge.
    pub transaction_id: TransactionId,
    pub pay_in_id: Option<PayInId>,
    /// `None`: all that is left of the pay-in.
    pub amount: Option<Money>,
}

/// Why a request that moves money was refused; nothing was written and the key stays free.
#[derive(Debug, thiserror::Error)]
pub enum MoneyRefusal {
    #[error("the idempotency key was used with another request")]
    IdempotencyConflict,
    #[error("not enough money: {} available", available)]
    InsufficientFunds { available: Money },
    /// A field is well formed but cannot be accepted.
    #[error("{field}: {message}")]
    Invalid {
        field: &'static str,
        code: &'static str,
        message: String,
    },
    /// The wallet, charge, or pay-in does not exist or is another user's.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// An amount, day or night limit of the wallet.
    #[error("above the {kind} limit: {left} left")]
    LimitExceeded { kind: &'static str, left: Money },
    #[error("too many requests")]
    RateLimited { retry_after_seconds: u32 },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The transaction that a request made, or made earlier under the same key.
pub struct Accepted<T> {
    pub view: T,
    /// True when the answer repeats an earlier request.
    pub replayed: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum CancelRefusal {
    #[error("no such transaction")]
    NotFound,
    /// It is under way, ended, or of a kind that cannot be cancelled.
    #[error("already dispatched: stage {stage}")]
    AlreadyDispatched { stage: String },
    /// What seems unsent may have left before the database was restored.
    #[error("dispatch is stopped")]
    DispatchStopped,
    /// The gateway has not said that nobody can pay it any more: ask again.
    #[error("the gateway has not confirmed the cancellation yet")]
    Unconfirmed,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an operator proposes for a payment in review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposeOutcome {
    pub outcome: ReviewOutcome,
    /// What was seen and where; 1 to 2000 characters.
    pub evidence: String,
    /// 1 to 500 characters.
    pub reason: String,
    /// The evidence version that was looked at; `None`: whatever is known by now.
    pub evidence_version: Option<u64>,
}

/// Why nothing was proposed or approved.
#[derive(Debug, thiserror::Error)]
pub enum ReviewRefusal {
    /// Such a transaction or proposal does not exist.
    #[error("not found")]
    NotFound,
    /// Only a payment in review is decided by people.
    #[error("not in review: stage {stage}")]
    NotInReview { stage: String },
    /// A refund has nowhere else to go.
    #[error("a refund is not paid by another attempt")]
    CannotRetry,
    #[error(transparent)]
    Approval(ApprovalRefusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Our own money to be moved from one gateway to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposeFloatMove {
    pub from: Gateway,
    pub to: Gateway,
    pub amount: Money,
    /// 1 to 500 characters.
    pub reason: String,
}

/// Why no float move was proposed or decided.
#[derive(Debug, thiserror::Error)]
pub enum FloatMoveRefusal {
    #[error("no such float move")]
    NotFound,
    /// A field is well formed but cannot be accepted.
    #[error("{field}: {message}")]
    Invalid {
        field: &'static str,
        code: &'static str,
        message: String,
    },
    #[error(transparent)]
    Decision(DecisionRefusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an operator sets over one operation of a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetControl {
    /// Lookups cannot be set: what is under way is always asked after.
    pub operation: Operation,
    /// `None`: as it is.
    pub paused: Option<bool>,
    /// Prefer this gateway for payouts or charges from now on.
    pub primary: bool,
    /// 1 to 500 characters.
    pub reason: Option<String>,
}

/// From when on to compare before payments leave again, and the names of what to go past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumeDispatch {
    pub since: Moment,
    pub accept: Vec<String>,
}

/// A period to compare with what the gateways list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestReconciliation {
    /// `None`: both.
    pub gateway: Option<Gateway>,
    pub from: Moment,
    pub to: Moment,
    /// Chosen by whoever asks, so that asking twice begins one; `None`: a new one.
    pub id: Option<ReconciliationId>,
}

/// Why a dead job was not taken up again.
#[derive(Debug, thiserror::Error)]
pub enum RetryJobRefusal {
    /// Only a dead job is; the others go on by themselves.
    #[error("no such dead job")]
    NotDead,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an account was not blocked or let in again.
#[derive(Debug, thiserror::Error)]
pub enum BlockRefusal {
    #[error("not found")]
    NotFound,
    /// Nobody locks himself out.
    #[error("nobody blocks the account they are signed in with")]
    OwnAccount,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Filters of the transaction list.
#[derive(Clone, Debug, Default)]
pub struct ListTransactions {
    pub kind: Option<Kind>,
    pub status: Option<Status>,
    pub stage: Option<String>,
    pub gateway: Option<Gateway>,
    pub reference: Option<String>,
    pub end_to_end_id: Option<String>,
    pub txid: Option<String>,
    pub from: Option<Moment>,
    pub to: Option<Moment>,
    pub before: Option<TransactionId>,
    /// 1 to 200.
    pub limit: u32,
}

#[derive(Debug, thiserror::Error)]
pub enum ReadRefusal {
    /// It does not exist or is another user's.
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    Store(#[from] StoreError),
}
