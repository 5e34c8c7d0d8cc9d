//! What the fake Efí keeps.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Millis;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CobStatus {
    #[serde(rename = "ATIVA")]
    Active,
    #[serde(rename = "CONCLUIDA")]
    Concluded,
    #[serde(rename = "REMOVIDA_PELO_USUARIO_RECEBEDOR")]
    RemovedByReceiver,
    #[serde(rename = "REMOVIDA_PELO_PSP")]
    RemovedByPsp,
}

/// An immediate charge. Expiry is no status: it follows from creation and lifetime.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cob {
    pub txid: String,
    pub revision: u32,
    pub created: Millis,
    pub expiration_seconds: i64,
    pub debtor: Option<Value>,
    pub cents: i64,
    pub key: String,
    pub request: Option<String>,
    pub details: Option<Value>,
    pub location: i64,
    pub status: CobStatus,
    /// endToEndIds that paid it, in order.
    pub pix: Vec<String>,
}

impl Cob {
    pub fn is_expired(&self, now: Millis) -> bool {
        now >= self.created + self.expiration_seconds * 1000
    }
}

/// A payload location; it outlives the charge it is linked to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Location {
    pub id: i64,
    pub url: String,
    pub kind: String,
    pub created: Millis,
    pub txid: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundStatus {
    #[serde(rename = "EM_PROCESSAMENTO")]
    InProcess,
    #[serde(rename = "DEVOLVIDO")]
    Returned,
    #[serde(rename = "NAO_REALIZADO")]
    NotDone,
}

/// A devolução of a received Pix.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refund {
    pub id: String,
    pub rtr_id: String,
    pub cents: i64,
    pub requested: Millis,
    pub settled: Option<Millis>,
    pub settle_at: Option<Millis>,
    /// Set when the settlement is going to be refused.
    pub refusal: Option<String>,
    pub status: RefundStatus,
    /// The `natureza` of one that was not asked for here: the special return mechanism's.
    #[serde(default)]
    pub nature: Option<String>,
}

impl Refund {
    /// A claim that is not decided.
    pub fn is_open_claim(&self) -> bool {
        self.nature.is_some() && self.status == RefundStatus::InProcess
    }
}

/// Who pays through the control paths.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Payer {
    pub name: String,
    /// CPF (11 digits) or CNPJ.
    pub tax_id: String,
    pub ispb: String,
}

/// A Pix that reached the account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReceivedPix {
    pub end_to_end_id: String,
    pub txid: Option<String>,
    pub cents: i64,
    pub key: String,
    pub at: Millis,
    pub info: Option<String>,
    pub payer: Payer,
    pub fee_cents: i64,
    pub refunds: Vec<Refund>,
}

impl ReceivedPix {
    /// What refunds have taken or may still take.
    pub fn refunded(&self) -> i64 {
        self.refunds
            .iter()
            .filter(|refund| refund.status != RefundStatus::NotDone)
            .map(|refund| refund.cents)
            .sum()
    }
}

impl ReceivedPix {
    /// What refunds under way and claims have yet to take.
    pub fn pending_cents(&self) -> i64 {
        let open = self
            .refunds
            .iter()
            .filter(|refund| refund.settle_at.is_some() || refund.is_open_claim());
        open.map(|refund| refund.cents).sum()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SendStatus {
    #[serde(rename = "EM_PROCESSAMENTO")]
    InProcess,
    #[serde(rename = "REALIZADO")]
    Done,
    #[serde(rename = "NAO_REALIZADO")]
    NotDone,
}

/// Why a payout is or will be refused.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refusal {
    /// SPI reason code.
    pub code: String,
    pub origin: String,
    pub reason: String,
}

/// Money that came back from a settled payout.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Return {
    pub rtr_id: String,
    pub cents: i64,
    pub at: Millis,
}

/// A charge of this sandbox, at either gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeReference {
    Cob(String),
    Payment(i64),
}

/// A Pix sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Send {
    pub id_envio: String,
    pub end_to_end_id: String,
    pub cents: i64,
    pub payer_key: String,
    pub info: Option<String>,
    /// `{"chave":…}` or `{"contaBanco":{…}}`.
    pub payee: Value,
    pub requested: Millis,
    pub settled: Option<Millis>,
    pub settle_at: Option<Millis>,
    pub status: SendStatus,
    pub refusal: Option<Refusal>,
    pub returns: Vec<Return>,
    /// The charge that its QR code belongs to.
    pub pays: Option<ChargeReference>,
}

impl Send {
    /// What it has yet to take while it is under way.
    pub fn pending_cents(&self) -> i64 {
        if self.settle_at.is_some() {
            self.cents
        } else {
            0
        }
    }
}

/// A webhook registered for one key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Webhook {
    pub key: String,
    pub url: String,
    pub created: Millis,
}

/// An access token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Token {
    pub value: String,
    pub expires: Millis,
}
