//! What gateways tell us by themselves.
//!
//! A delivery is verified, stored raw and answered; a job does the rest, so that the gateway waits
//! for one commit and no more. A notification is a hint and never the truth: it says where to look,
//! and only the look changes anything. What names nothing of ours is logged and let go.

use std::fmt::Write as _;

use domain::gateway::Gateway;
use domain::ids::{InboundId, JobId};
use domain::status::{Kind, Status};
use serde::{Deserialize, Serialize};

use crate::charges::look::look;
use crate::context::App;
use crate::jobs::{self, JobError};
use crate::ports::gateway::{
    GatewayTrouble, Hint, InboundRefusal, InboundRequest, ObservedPayIn, ObservedPayer,
};
use crate::ports::store::{
    AttemptRow, InboundRow, JobRow, JobState, Lease, StoreError, TransactionRow, Write,
};
use crate::records::outgoing::OutgoingRecord;
use crate::sabotage::{self, Sabotage};

/// Attempts in doubt that one unknown id is compared with: a hint is cheap for whoever sends it.
const NAMELESS: u32 = 20;

/// Why a delivery was not taken.
#[derive(Debug, thiserror::Error)]
pub enum InboundError {
    /// Nothing was written.
    #[error(transparent)]
    Refused(#[from] InboundRefusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl App {
    /// Takes a delivery: stored and durable when this returns.
    pub async fn receive_inbound(
        &self,
        gateway: Gateway,
        request: InboundRequest,
    ) -> Result<(), InboundError> {
        let parsed = self.gateway(gateway).read_inbound(&request, self.now())?;
        if sabotage::is_known(&request.body) {
            return Ok(());
        }
        let seed = self.ids();
        let mut ids = seed.start();
        let row = InboundRow {
            id: InboundId::from_bytes(ids.make()),
            gateway,
            received_at: seed.now,
            verified: parsed.verified,
            raw: raw(&request),
        };
        let mut writes = vec![Write::InsertInbound(row.clone())];
        if !parsed.hints.is_empty() {
            writes.push(Write::InsertJob(JobRow {
                id: JobId::from_bytes(ids.make()),
                kind: jobs::INBOUND.to_owned(),
                transaction_id: None,
                payload: Payload::new(&row, &parsed.hints).text(),
                visible_at: Some(seed.now),
                state: JobState::Ready,
                tries: 0,
                token: 0,
                last_error: None,
                created_at: seed.now,
            }));
        }
        Ok(self.write_all("receive_inbound", writes).await?)
    }
}

/// The request as it came, for people who ask later what a gateway said.
fn raw(request: &InboundRequest) -> Vec<u8> {
    let mut head = format!("POST {}", request.path);
    if !request.query.is_empty() {
        head.push('?');
        head.push_str(&request.query);
    }
    for (name, value) in &request.headers {
        // Writing to a string cannot fail.
        let _written = write!(head, "\n{name}: {value}");
    }
    head.push_str("\n\n");
    let mut raw = head.into_bytes();
    raw.extend_from_slice(&request.body);
    raw
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    /// `inb_…`
    inbound_id: String,
    gateway: String,
    hints: Vec<StoredHint>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case", deny_unknown_fields)]
enum StoredHint {
    Charge { reference: String },
    PayIn { key: String },
    Payout { reference: String },
    Refund { pay_in_key: String },
}

impl Payload {
    fn new(row: &InboundRow, hints: &[Hint]) -> Payload {
        Payload {
            inbound_id: row.id.to_string(),
            gateway: row.gateway.as_str().to_owned(),
            hints: hints.iter().cloned().map(StoredHint::of).collect(),
        }
    }

    fn text(&self) -> String {
        crate::records::write(self)
    }

    fn parse(text: &str) -> Option<(Gateway, Vec<Hint>)> {
        let payload: Payload = serde_json::from_str(text).ok()?;
        let gateway = Gateway::parse(&payload.gateway)?;
        let hints = payload.hints.into_iter().map(StoredHint::restore);
        Some((gateway, hints.collect()))
    }
}

impl StoredHint {
    fn of(hint: Hint) -> StoredHint {
        match hint {
            Hint::Charge { reference } => StoredHint::Charge { reference },
            Hint::PayIn { key } => StoredHint::PayIn { key },
            Hint::Payout { reference } => StoredHint::Payout { reference },
            Hint::Refund { pay_in_key } => StoredHint::Refund { pay_in_key },
        }
    }

    fn restore(self) -> Hint {
        match self {
            StoredHint::Charge { reference } => Hint::Charge { reference },
            StoredHint::PayIn { key } => Hint::PayIn { key },
            StoredHint::Payout { reference } => Hint::Payout { reference },
            StoredHint::Refund { pay_in_key } => Hint::Refund { pay_in_key },
        }
    }
}

/// Follows the hints of one delivery. Each is idempotent, so a run that failed half way follows all
/// of them again.
pub async fn run(app: &App, job: &JobRow, lease: Lease) -> Result<(), JobError> {
    let unreadable = || JobError::Fail("its payload holds no hints".to_owned());
    let (gateway, hints) = Payload::parse(&job.payload).ok_or_else(unreadable)?;
    let follower = Follower { app, gateway };
    for hint in hints {
        match hint {
            Hint::Charge { reference } => follower.charge(&reference).await?,
            Hint::PayIn { key } => follower.pay_in(&key).await?,
            Hint::Payout { reference } => follower.payout(&reference).await?,
            Hint::Refund { pay_in_key } => follower.refund(&pay_in_key).await?,
        }
    }
    Ok(app
        .write_all("finish_inbound", vec![Write::FinishJob(lease)])
        .await?)
}

struct Follower<'a> {
    app: &'a App,
    gateway: Gateway,
}

impl From<GatewayTrouble> for JobError {
    fn from(trouble: GatewayTrouble) -> JobError {
        JobError::Retry(trouble.to_string())
    }
}

impl Follower<'_> {
    async fn charge(&self, reference: &str) -> Result<(), JobError> {
        let Some((attempt, row)) = self.attempt(reference).await? else {
            return match self.gateway {
                // A charge is a payment there: its id may be all that we do not know yet.
                Gateway::MercadoPago => self.pay_in(reference).await,
                Gateway::Efi => {
                    self.unknown("charge");
                    Ok(())
                }
            };
        };
        if row.kind != Kind::Charge {
            return Ok(self.app.look_up_attempt(row.id, attempt.number).await?);
        }
        if sabotage::is(Sabotage::CreditFromNotification) {
            let told = ObservedPayIn {
                key: format!("told-{reference}"),
                end_to_end_id: None,
                amount: row.amount,
                fee: None,
                paid_at: self.app.now(),
                payer: ObservedPayer::default(),
                charge_reference: Some(reference.to_owned()),
                returned: Vec::new(),
                disputes: Vec::new(),
            };
            self.app.credit(self.gateway, told, "webhook").await?;
        }
        look(self.app, &attempt, row.amount, "webhook").await?;
        // Expiry and removal are its own job's to conclude.
        let wake = Write::WakeJobs {
            transaction_id: row.id,
            at: self.app.now(),
        };
        Ok(self.app.write_all("wake_charge", vec![wake]).await?)
    }

    async fn pay_in(&self, key: &str) -> Result<(), JobError> {
        match self.app.gateway(self.gateway).look_up_pay_in(key).await? {
            Some(observed) => {
                self.app.credit(self.gateway, observed, "webhook").await?;
            }
            None => self.unknown("pay-in"),
        }
        Ok(())
    }

    async fn payout(&self, reference: &str) -> Result<(), JobError> {
        match self.attempt(reference).await? {
            Some((attempt, row)) if row.kind != Kind::Charge => {
                self.app.look_up_attempt(row.id, attempt.number).await?;
            }
            Some(_) => self.unknown("payout"),
            None => self.nameless_payout(reference).await?,
        }
        Ok(())
    }

    /// An id that we were never told: where the answer was lost, it may be that of an attempt in
    /// doubt. Only a lookup that shows our own key, amount and payee under it says so.
    async fn nameless_payout(&self, reference: &str) -> Result<(), JobError> {
        let store = &self.app.store;
        for attempt in store.nameless_attempts(self.gateway, NAMELESS).await? {
            if self.app.look_up_by_reference(&attempt, reference).await? {
                return Ok(());
            }
        }
        self.unknown("payout");
        Ok(())
    }

    /// A refund moved, or the gateway took money back: our refunds first, so that they are known
    /// before the pay-in is compared with them.
    async fn refund(&self, pay_in_key: &str) -> Result<(), JobError> {
        let known = self.app.store.pay_in(self.gateway, pay_in_key).await?;
        if let Some(charge) = known.and_then(|known| known.transaction_id) {
            for refund in self.app.store.refunds_of(charge).await? {
                let decided = OutgoingRecord::load(&refund)?.facts.decided.is_some();
                if refund.status == Status::Pending || decided {
                    self.app.look_up_outgoing(refund.id).await?;
                }
            }
        }
        self.pay_in(pay_in_key).await
    }

    async fn attempt(
        &self,
        reference: &str,
    ) -> Result<Option<(AttemptRow, TransactionRow)>, StoreError> {
        let store = &self.app.store;
        let Some(attempt) = store.attempt_by_reference(self.gateway, reference).await? else {
            return Ok(None);
        };
        let record = store.transaction(attempt.transaction_id).await?;
        Ok(record.map(|record| (attempt, record.row)))
    }

    fn unknown(&self, what: &'static str) {
        tracing::info!(gateway = %self.gateway, what, "a notification names nothing of ours");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::Moment;

    #[test]
    fn hints_round_trip_through_the_job() {
        let hints = vec![
            Hint::Charge {
                reference: "tx".into(),
            },
            Hint::PayIn { key: "E1".into() },
            Hint::Payout {
                reference: "p".into(),
            },
            Hint::Refund {
                pay_in_key: "E2".into(),
            },
        ];
        let row = InboundRow {
            id: InboundId::from_bytes([1; 16]),
            gateway: Gateway::Efi,
            received_at: Moment::default(),
            verified: true,
            raw: Vec::new(),
        };
        let text = Payload::new(&row, &hints).text();
        assert_eq!(Payload::parse(&text), Some((Gateway::Efi, hints)));
        assert_eq!(Payload::parse("{}"), None);
    }

    #[test]
    fn the_raw_request_keeps_every_byte_of_the_body() {
        let request = InboundRequest {
            path: "/webhooks/efi/s".into(),
            query: "hmac=1".into(),
            headers: [("x-signature".to_owned(), "ts=1".to_owned())].into(),
            body: vec![b'{', 0xff, b'}'],
        };
        let raw = raw(&request);
        assert!(raw.starts_with(b"POST /webhooks/efi/s?hmac=1\nx-signature: ts=1\n\n"));
        assert!(raw.ends_with(&[b'{', 0xff, b'}']));
    }
}
