//! What callers are shown: the answers of the use cases, before any wire format.

use domain::gateway::Gateway;
use domain::ids::*;
use domain::money::Money;
use domain::status::{Kind, Status};
use domain::time::Moment;

use crate::ports::store::{FloatMoveRow, ProposalRow, UserRow, WalletRow};

#[derive(Clone, Debug)]
pub struct UserView {
    pub user: UserRow,
    pub wallets: Vec<WalletRow>,
}

/// A transaction as its owner (or an operator) sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionView {
    pub id: TransactionId,
    pub kind: Kind,
    pub status: Status,
    pub stage: String,
    pub version: u64,
    pub amount: Money,
    pub fee: Money,
    pub user_id: UserId,
    pub wallet_id: WalletId,
    pub gateway: Option<Gateway>,
    pub description: Option<String>,
    pub reference: Option<String>,
    /// JSON object as text.
    pub metadata: Option<String>,
    pub end_to_end_id: Option<String>,
    pub failure: Option<FailureView>,
    /// Evidence contradicted an earlier decision.
    pub corrected: bool,
    pub created_at: Moment,
    pub updated_at: Moment,
    pub settled_at: Option<Moment>,
    pub details: DetailsView,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureView {
    pub code: String,
    pub message: String,
}

/// The kind's own facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DetailsView {
    Charge {
        br_code: Option<String>,
        txid: Option<String>,
        expires_at: Moment,
        payer: Option<PartyView>,
        paid: Money,
        paid_late: bool,
        overpaid: bool,
        refunded: Money,
        pay_ins: Vec<PayInView>,
        refunds: Vec<TransactionId>,
    },
    Payout {
        /// The key that was asked for, in full: it is the caller's own input.
        pix_key: Option<String>,
        pix_key_type: Option<&'static str>,
        br_code: Option<String>,
        payee: Option<PartyView>,
        returned: Money,
        returns: Vec<ReturnView>,
        /// Why it waits, when it waits for something.
        waiting_for: Option<String>,
    },
    /// As the one who sent it sees it.
    Transfer {
        to_wallet_id: WalletId,
        payee: Option<PartyView>,
    },
    /// A transfer as the one whom it reached sees it: the common facts are of the reader's own
    /// wallet, and of the sender nothing is told but the name.
    Received { payer: PartyView },
    Refund {
        charge_id: TransactionId,
        pay_in_id: PayInId,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartyView {
    pub name: Option<String>,
    pub tax_id_masked: Option<String>,
    pub bank: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayInView {
    pub id: PayInId,
    pub gateway: Option<Gateway>,
    pub amount: Money,
    pub fee: Money,
    pub end_to_end_id: Option<String>,
    pub paid_at: Moment,
    pub refunded: Money,
    pub reversed: Money,
    /// Blocked by an open dispute.
    pub disputed: Money,
    pub payer: PartyView,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnView {
    pub id: String,
    pub amount: Money,
    pub at: Moment,
}

/// One attempt in plain words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptView {
    pub number: u32,
    pub gateway: Gateway,
    pub attempt_key: String,
    /// `done`, `accepted`, `not_done`, `unknown`.
    pub outcome: String,
    pub reason: Option<String>,
    pub why: String,
    pub licence: Option<LicenceView>,
    /// What two people decided when this attempt was in review, in plain words.
    pub decision: Option<String>,
    pub sends: Vec<SendView>,
    pub created_at: Moment,
}

/// A payment in review, as it stands in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewSummary {
    pub transaction_id: TransactionId,
    pub kind: Kind,
    pub wallet_id: WalletId,
    pub amount: Money,
    pub gateway: Option<Gateway>,
    /// The attempt whose outcome is not known, and what is known of it.
    pub attempt: u32,
    pub evidence_version: u64,
    pub in_review_since: Moment,
    /// What is proposed now.
    pub proposal: Option<ProposalRow>,
}

/// Everything that people need to decide about a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewView {
    pub transaction: TransactionView,
    /// Since when it is in review; `None` when it is not.
    pub in_review_since: Option<Moment>,
    pub attempts: Vec<ReviewedAttempt>,
    /// Oldest first.
    pub proposals: Vec<ProposalRow>,
}

/// An attempt with the evidence about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewedAttempt {
    pub attempt: AttemptView,
    /// The one that is in review.
    pub in_review: bool,
    pub evidence_version: u64,
    pub evidence: Vec<EvidenceView>,
    pub absence: AbsenceView,
}

/// What was seen, in a row of equal looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceView {
    pub source: String,
    pub class: String,
    pub seen: u32,
    pub first_at: Moment,
    pub last_at: Moment,
    pub in_words: String,
}

/// Whether not being found is evidence that people may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbsenceView {
    /// `enough`, or why not: `cannot_be_shown`, `send_open`, `gateway_unhealthy`,
    /// `too_few_lookups`, `too_short`.
    pub verdict: &'static str,
    pub in_words: String,
}

/// A move of our own money between the gateways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FloatMoveView {
    pub row: FloatMoveRow,
    /// `proposed`, `declined`, `expired`; once approved `sending`, `in_transit`, `arrived`,
    /// `returned`, `failed`.
    pub state: &'static str,
    /// Why its payout failed.
    pub failure: Option<FailureView>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LicenceView {
    /// `never_sent`, `definitive_refusal`, `operator_decision`.
    pub kind: String,
    pub from_attempt: u32,
    pub code: Option<String>,
    /// `answer` or `lookup`.
    pub source: Option<String>,
    pub in_words: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendView {
    pub number: u32,
    pub sent_at: Moment,
    pub closed_at: Option<Moment>,
    /// `settled`, `accepted`, `not_done`, `never_sent`, `unknown`; `None` while open.
    pub verdict: Option<String>,
    pub code: Option<String>,
}

/// Availability of one operation at one gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationHealthView {
    pub operation: &'static str,
    /// `closed`, `open`, `half_open`.
    pub circuit: &'static str,
    pub open_cause: Option<&'static str>,
    pub success_percent: u64,
    pub unknown_percent: u64,
    pub latency_ms: Option<u64>,
    pub primary: bool,
    pub paused: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayView {
    pub gateway: Gateway,
    pub operations: Vec<OperationHealthView>,
    /// Our book of the float there.
    pub float_available: i64,
    /// What the gateway keeps from us while disputes are open.
    pub float_blocked: i64,
    pub in_doubt: i64,
}
