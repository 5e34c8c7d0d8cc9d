//! What the fake Mercado Pago keeps.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::efi::{Payer, Return};
use crate::clock::Millis;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    Pending,
    Approved,
    Rejected,
    Cancelled,
    InMediation,
    Refunded,
    ChargedBack,
}

/// A refund of a payment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PaymentRefund {
    pub id: i64,
    pub cents: i64,
    pub created: Millis,
    pub rtr_id: String,
    /// X-Idempotency-Key; absent when the gateway refunded on its own.
    pub key: Option<String>,
    /// `approved`, `in_process` or `rejected`.
    pub status: String,
    pub settle_at: Option<Millis>,
    pub refused: bool,
    /// Made in the panel, not through the API.
    pub by_admin: bool,
}

/// A Pix charge.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Payment {
    pub id: i64,
    pub status: PaymentStatus,
    pub status_detail: String,
    pub created: Millis,
    pub updated: Millis,
    pub approved: Option<Millis>,
    pub expires: Millis,
    pub cents: i64,
    pub description: Option<String>,
    pub external_reference: Option<String>,
    pub notification_url: Option<String>,
    pub payer: Value,
    pub metadata: Value,
    pub br_code: String,
    pub end_to_end_id: Option<String>,
    pub paid_by: Option<Payer>,
    pub fee_cents: i64,
    pub refunds: Vec<PaymentRefund>,
    /// Taken back by a dispute.
    pub charged_back_cents: i64,
    /// The dispute that keeps what is left of it from us.
    #[serde(default)]
    pub dispute: Option<DisputeKind>,
}

/// What an open dispute is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeKind {
    /// `in_mediation`, and when it is lost the payment is refunded.
    #[default]
    Mediation,
    /// `charged_back`, and its detail says how it goes on.
    ChargeBack,
}

impl Payment {
    /// Whether it still waits for its Pix.
    pub fn is_open(&self) -> bool {
        self.status == PaymentStatus::Pending
    }

    /// What refunds have taken or may still take.
    pub fn refunded(&self) -> i64 {
        self.refunds
            .iter()
            .filter(|refund| refund.status != "rejected")
            .map(|refund| refund.cents)
            .sum()
    }

    /// What neither refunds nor disputes have taken or may take.
    pub fn left(&self) -> i64 {
        self.cents - self.refunded() - self.charged_back_cents
    }

    /// What refunds under way and a dispute have yet to take.
    pub fn pending_cents(&self) -> i64 {
        let open = self
            .refunds
            .iter()
            .filter(|refund| refund.settle_at.is_some());
        let refunds: i64 = open.map(|refund| refund.cents).sum();
        refunds + self.dispute.map_or(0, |_| self.left())
    }

    /// The reference that the ledger shows.
    pub fn reference(&self) -> String {
        self.external_reference
            .clone()
            .unwrap_or_else(|| self.id.to_string())
    }
}

/// A payout by transaction intent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Intent {
    pub id: String,
    pub external_reference: String,
    pub cents: i64,
    /// The destination account as sent.
    pub destination: Value,
    pub notification_url: Option<String>,
    pub status: String,
    pub status_detail: Option<String>,
    pub created: Millis,
    pub updated: Millis,
    pub settle_at: Option<Millis>,
    /// Status and detail it will settle with.
    pub outcome: (String, String),
    pub end_to_end_id: Option<String>,
    pub returns: Vec<Return>,
    /// A test transaction: nothing moves and no later GET finds it.
    pub test: bool,
}

impl Intent {
    /// What it has yet to take while it is under way.
    pub fn pending_cents(&self) -> i64 {
        if self.settle_at.is_some() && !self.test {
            self.cents
        } else {
            0
        }
    }

    pub fn returned(&self) -> i64 {
        self.returns.iter().map(|back| back.cents).sum()
    }
}

/// The first answer given under an idempotency key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoredAnswer {
    /// `payments`, `refunds:{payment}` or `intents`.
    pub scope: String,
    pub key: String,
    pub body_hash: String,
    pub status: u16,
    pub body: Value,
}
