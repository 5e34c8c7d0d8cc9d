//! What our transactions are called outside, for the panel of the played gateways: which charges
//! can be paid, which settled payments can come back, and whose a movement of the central bank is.

use domain::gateway::Gateway;
use domain::ids::TransactionId;
use domain::money::Money;
use domain::status::{Kind, Status};

use crate::context::App;
use crate::ports::store::{StoreError, TransactionFilter, TransactionRecord, TransactionRow};

/// A transaction and the name by which its gateway knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    pub id: TransactionId,
    pub kind: Kind,
    pub status: Status,
    pub stage: String,
    pub amount: Money,
    pub gateway: Gateway,
    /// txid, idEnvio or external_reference.
    pub reference: String,
}

impl App {
    /// Charges that show a code, newest first.
    pub async fn payable_outside(&self, limit: u32) -> Result<Vec<Outside>, StoreError> {
        let mut found = Vec::new();
        for stage in ["awaiting_payment", "underpaid"] {
            let filter = TransactionFilter {
                kind: Some(Kind::Charge),
                status: Some(Status::Pending),
                stage: Some(stage.to_owned()),
                limit,
                ..TransactionFilter::default()
            };
            found.extend(self.named_outside(filter).await?);
        }
        Ok(found)
    }

    /// Settled payments through gateways of one kind, newest first.
    pub async fn settled_outside(
        &self,
        kind: Kind,
        limit: u32,
    ) -> Result<Vec<Outside>, StoreError> {
        let filter = TransactionFilter {
            kind: Some(kind),
            status: Some(Status::Success),
            limit,
            ..TransactionFilter::default()
        };
        self.named_outside(filter).await
    }

    async fn named_outside(&self, filter: TransactionFilter) -> Result<Vec<Outside>, StoreError> {
        let mut named = Vec::new();
        for row in self.store.transactions(&filter).await? {
            let record = self.store.transaction(row.id).await?;
            named.extend(record.as_ref().and_then(outside));
        }
        Ok(named)
    }

    /// What its gateway calls a transaction; `None` for what no gateway carries.
    pub async fn outside(&self, id: TransactionId) -> Result<Option<Outside>, StoreError> {
        let record = self.store.transaction(id).await?;
        Ok(record.as_ref().and_then(outside))
    }

    /// The transaction that a gateway knows by this name.
    pub async fn known_outside_as(
        &self,
        gateway: Gateway,
        reference: &str,
    ) -> Result<Option<Outside>, StoreError> {
        let attempt = self.store.attempt_by_reference(gateway, reference).await?;
        let Some(attempt) = attempt else {
            return Ok(None);
        };
        let record = self.store.transaction(attempt.transaction_id).await?;
        Ok(record.map(|record| of(&record.row, gateway, reference.to_owned())))
    }
}

/// Under the name of its last attempt at the gateway that carries it.
fn outside(record: &TransactionRecord) -> Option<Outside> {
    let gateway = record.row.gateway?;
    let mut attempts = record.attempts.iter().rev();
    let attempt = attempts.find(|attempt| attempt.row.gateway == gateway)?;
    let key = attempt.row.attempt_key.clone();
    // Efí names a charge by a txid; everything else is named by the key of ours.
    let reference = match (gateway, record.row.kind) {
        (Gateway::Efi, Kind::Charge) => attempt.row.gateway_reference.clone().unwrap_or(key),
        (Gateway::Efi | Gateway::MercadoPago, _) => key,
    };
    Some(of(&record.row, gateway, reference))
}

fn of(row: &TransactionRow, gateway: Gateway, reference: String) -> Outside {
    Outside {
        id: row.id,
        kind: row.kind,
        status: row.status,
        stage: row.stage.clone(),
        amount: row.amount,
        gateway,
        reference,
    }
}
