//! The gateway's port: orders out, classified answers in.
//!
//! An adapter prepares the exact bytes of a request before anything is committed, sends exactly
//! these bytes, and classifies every answer as done, not done or unknown; nothing else crosses.
//! It never repeats a money call by itself. Lookups are harmless and may be repeated.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::dispute::ShownDispute;
use domain::gateway::{Capabilities, Gateway};
use domain::money::Money;
use domain::outcome::{Evidence, Refusal, SendVerdict, UnknownCause};
use domain::pix::key::PixKey;
use domain::tax_id::TaxId;
use domain::time::Moment;

/// Where a payout goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    Key {
        key: PixKey,
        /// When given, the gateway must refuse a key of another owner, where it can.
        owner: Option<TaxId>,
    },
    /// A dynamic BR Code, verbatim; `key` is what it names when it names one.
    BrCode(String),
}

#[derive(Clone, Debug)]
pub struct PayoutOrder {
    /// 32 lower-case hex digits; also the gateway's idempotency key.
    pub attempt_key: String,
    pub amount: Money,
    pub destination: Destination,
    /// Shown to the payee, where the gateway carries it.
    pub description: Option<String>,
}

#[derive(Clone, Debug)]
pub struct ChargeOrder {
    /// 32 lower-case hex digits: txid at Efí, external reference and idempotency key at Mercado Pago.
    pub attempt_key: String,
    pub amount: Money,
    pub description: Option<String>,
    pub expires_in_seconds: u32,
    /// When the charge was asked for: Mercado Pago wants the expiry as a date.
    pub created_at: Moment,
    pub payer: Option<Payer>,
    /// The address of our own user, for gateways that insist on some payer e-mail.
    pub fallback_email: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payer {
    pub name: Option<String>,
    pub tax_id: Option<TaxId>,
    pub email: Option<String>,
}

#[derive(Clone, Debug)]
pub struct RefundOrder {
    pub attempt_key: String,
    /// The pay-in's key at this gateway: endToEndId at Efí, payment id at Mercado Pago.
    pub pay_in_key: String,
    pub amount: Money,
    /// The whole pay-in is given back.
    pub full: bool,
}

/// An order in the adapter's own form, byte for byte what will be sent. Opaque to `app`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedRequest(pub Vec<u8>);

/// What an order cannot be turned into a request for: a field of the order, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct CannotCarry {
    pub field: &'static str,
    pub message: String,
}

/// One attempt, as lookups need to know it.
#[derive(Clone, Debug)]
pub struct AttemptReference {
    pub attempt_key: String,
    /// The gateway's own id, once known.
    pub gateway_reference: Option<String>,
    /// The request, to compare what is found against what was asked.
    pub request: PreparedRequest,
    pub amount: Money,
    pub created_at: Moment,
}

/// The answer to creating a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChargeAnswer {
    Created(CreatedCharge),
    NotDone(Refusal),
    NeverSent(domain::outcome::NeverSent),
    /// It may exist: an orphan to be found and cancelled.
    Unknown(UnknownCause),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedCharge {
    /// txid at Efí, payment id at Mercado Pago.
    pub gateway_reference: String,
    /// The copia-e-cola, verbatim.
    pub br_code: String,
    pub expires_at: Moment,
}

/// What a charge looks like at the gateway now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChargeLookup {
    Found(FoundCharge),
    NotFound,
    Unclear(UnknownCause),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundCharge {
    pub gateway_reference: String,
    pub state: ChargeState,
    pub br_code: Option<String>,
    pub expires_at: Option<Moment>,
    /// Every PIX that paid it, as an authenticated lookup shows them.
    pub pay_ins: Vec<ObservedPayIn>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChargeState {
    /// Payable, or past its expiry without the gateway having said so.
    Active,
    Paid,
    /// The gateway itself calls it expired.
    Expired,
    Removed,
    /// Refused by the gateway; nobody can pay it.
    Rejected,
    /// A status this version does not know: pending, with an alert.
    Unrecognized,
}

/// A PIX received, as an authenticated lookup shows it: our account, BRL, final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedPayIn {
    /// endToEndId at Efí, payment id at Mercado Pago.
    pub key: String,
    pub end_to_end_id: Option<String>,
    pub amount: Money,
    /// The gateway's fee when it tells one.
    pub fee: Option<Money>,
    pub paid_at: Moment,
    pub payer: ObservedPayer,
    /// The charge it names: txid at Efí, external reference at Mercado Pago.
    pub charge_reference: Option<String>,
    /// Given back or taken back at the gateway so far, our own refunds included; what a dispute
    /// took stands in `disputes`.
    pub returned: Vec<ObservedReturn>,
    pub disputes: Vec<ObservedDispute>,
}

/// A dispute over a received PIX. A gateway that shows one state of the whole pay-in shows it here
/// always, as [`ShownDispute::Nothing`] where nothing is disputed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedDispute {
    /// One name through all its states; unique among the disputes over one pay-in.
    pub key: String,
    pub shown: ShownDispute,
    /// The gateway's own time of the last change of what is shown, where it tells one.
    pub seen_at: Option<Moment>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedPayer {
    pub name: Option<String>,
    /// As told: often masked already.
    pub tax_id: Option<String>,
    pub bank: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedReturn {
    /// rtrId or refund id.
    pub key: String,
    /// The id that we chose (Efí), when it is one of ours.
    pub attempt_key: Option<String>,
    pub amount: Money,
    pub done: bool,
}

/// The answer to cancelling a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CancelAnswer {
    Cancelled,
    /// Not cancellable any more: look it up to learn why (paid, expired, removed).
    NotCancellable,
    NotFound,
    Unclear(UnknownCause),
}

/// What a lookup of a payout shows besides the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayoutLookup {
    pub evidence: Evidence,
    pub gateway_reference: Option<String>,
    pub payee_name: Option<String>,
    /// Money that came back so far: one per return where the gateway lists them, else one with the
    /// grown total.
    pub returns: Vec<ObservedReturn>,
}

/// A payout as the gateway's own list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedSent {
    /// The key that we chose, where the list tells it.
    pub attempt_key: Option<String>,
    pub end_to_end_id: Option<String>,
    pub amount: Money,
    pub state: SentState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentState {
    Executed,
    InProgress,
    NotExecuted,
    /// A status this version does not know: it may be executed.
    Unrecognized,
}

/// What a gateway says of the payouts of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SentList {
    Listed(Vec<ObservedSent>),
    /// It has no such list, so nothing can be said of what left through it.
    CannotBeListed,
}

/// A gateway notification as it came in over HTTP.
#[derive(Clone, Debug)]
pub struct InboundRequest {
    pub path: String,
    pub query: String,
    /// Lower-case names.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// What a notification claims: never the truth, only where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Something about this charge or received PIX (txid or payment id).
    Charge { reference: String },
    /// A PIX that names no charge (by endToEndId or payment id).
    PayIn { key: String },
    /// Something about this payout, by our attempt key or the gateway's id.
    Payout { reference: String },
    /// A refund of this pay-in moved.
    Refund { pay_in_key: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedInbound {
    pub verified: bool,
    pub hints: Vec<Hint>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InboundRefusal {
    #[error("the signature does not verify")]
    BadSignature,
    #[error("not a notification: {0}")]
    Malformed(String),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{gateway} did not answer clearly: {message}")]
pub struct GatewayTrouble {
    pub gateway: Gateway,
    pub message: String,
}

/// One gateway.
#[async_trait]
pub trait GatewayClient: Send + Sync + 'static {
    fn gateway(&self) -> Gateway;
    fn capabilities(&self) -> Capabilities;

    /// The exact request of a payout; pure.
    fn prepare_payout(&self, order: &PayoutOrder) -> Result<PreparedRequest, CannotCarry>;
    /// One transmission. Called only with a committed, open send.
    async fn send_payout(&self, request: &PreparedRequest) -> SendVerdict;
    async fn look_up_payout(&self, attempt: &AttemptReference) -> PayoutLookup;

    fn prepare_charge(&self, order: &ChargeOrder) -> Result<PreparedRequest, CannotCarry>;
    async fn create_charge(&self, request: &PreparedRequest) -> ChargeAnswer;
    async fn look_up_charge(&self, attempt: &AttemptReference) -> ChargeLookup;
    async fn cancel_charge(&self, attempt: &AttemptReference) -> CancelAnswer;

    /// One received PIX by its key.
    async fn look_up_pay_in(&self, key: &str) -> Result<Option<ObservedPayIn>, GatewayTrouble>;
    /// Received PIX between two moments, for what webhooks missed. At most some hundreds; the
    /// caller narrows the window.
    async fn received(
        &self,
        from: Moment,
        to: Moment,
    ) -> Result<Vec<ObservedPayIn>, GatewayTrouble>;

    /// Payouts asked of it between two moments, whatever became of them. At most some hundreds; the
    /// caller narrows the window.
    async fn sent(&self, _from: Moment, _to: Moment) -> Result<SentList, GatewayTrouble> {
        Ok(SentList::CannotBeListed)
    }

    /// `before` is the list of the pay-in's returns looked up beforehand, where the gateway has no
    /// id of ours on a refund (Mercado Pago).
    fn prepare_refund(
        &self,
        order: &RefundOrder,
        before: &[ObservedReturn],
    ) -> Result<PreparedRequest, CannotCarry>;
    async fn send_refund(&self, request: &PreparedRequest) -> SendVerdict;
    async fn look_up_refund(&self, attempt: &AttemptReference) -> Evidence;

    /// Our balance there, where the gateway tells one.
    async fn balance(&self) -> Result<Option<Money>, GatewayTrouble>;
    /// A harmless authenticated call.
    async fn probe(&self) -> Result<(), GatewayTrouble>;

    /// Verifies and reads a notification. `now` bounds the age of signatures.
    fn read_inbound(
        &self,
        request: &InboundRequest,
        now: Moment,
    ) -> Result<ParsedInbound, InboundRefusal>;
    /// Makes the gateway notify this address (with the secret path where one is needed).
    async fn ensure_webhook(&self, public_url: &str) -> Result<(), GatewayTrouble>;
}
