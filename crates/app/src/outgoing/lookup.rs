//! Asking a gateway after an attempt: the payment's own job, webhooks, scans and people all end here,
//! and what is found is absorbed by the same unit.

use domain::gateway::Operation;
use domain::ids::TransactionId;
use domain::outcome::Evidence;
use domain::payout::{Outgoing, OutgoingStage};

use super::absorb::{AbsorbContext, absorb};
use super::commits::Passed;
use super::knowledge::Known;
use crate::context::{App, CommitError};
use crate::ports::gateway::{AttemptReference, ObservedReturn, PreparedRequest};
use crate::ports::store::{AttemptRecord, AttemptRow, StoreError, TransactionRecord};
use crate::records::outgoing::{OutgoingRecord, StoredReturn};

/// Asks the gateway after an attempt.
pub async fn look_up(app: &App, record: &OutgoingRecord, attempt: &AttemptRecord) -> Known {
    let client = app.gateway(attempt.row.gateway);
    let reference = AttemptReference {
        attempt_key: attempt.row.attempt_key.clone(),
        gateway_reference: attempt.row.gateway_reference.clone(),
        request: PreparedRequest(attempt.row.request.clone()),
        amount: record.row.amount,
        created_at: attempt.row.created_at,
    };
    let started = app.now();
    let known = match record.kind {
        Outgoing::Payout => {
            let found = client.look_up_payout(&reference).await;
            let stored = |item: ObservedReturn| StoredReturn {
                key: item.key,
                cents: item.amount.cents(),
                at: 0,
            };
            Known::Looked {
                evidence: found.evidence,
                returns: found
                    .returns
                    .into_iter()
                    .filter(|item| item.done)
                    .map(stored)
                    .collect(),
                payee_name: found.payee_name,
                reference: found.gateway_reference,
            }
        }
        Outgoing::Refund => Known::Looked {
            evidence: client.look_up_refund(&reference).await,
            returns: Vec::new(),
            payee_name: None,
            reference: None,
        },
    };
    let outcome = match &known {
        Known::Looked {
            evidence: Evidence::Unclear(_),
            ..
        } => domain::circuit::Observation::Failed,
        Known::Looked { .. } | Known::Answer { .. } | Known::ProcessLost { .. } => {
            domain::circuit::Observation::Answered
        }
    };
    app.observe_call(attempt.row.gateway, Operation::Lookup, outcome, started)
        .await;
    known
}

impl App {
    /// Looks a payment up now, whoever asks: a webhook, a scan, an operator. Converges on the same
    /// function as the payment's own job. The attempt is the one that counts, else the last.
    pub async fn look_up_outgoing(&self, id: TransactionId) -> Result<(), StoreError> {
        let Some(found) = self.store.transaction(id).await? else {
            return Ok(());
        };
        let counts = OutgoingRecord::load(&found.row)?.stage.attempt();
        let last = found.attempts.last().map(|attempt| attempt.row.number);
        match counts.or(last) {
            Some(number) => self.look_up_found(&found, number).await.map(drop),
            None => Ok(()),
        }
    }

    /// Looks one attempt of a payment up now, also one that is not the live one.
    pub async fn look_up_attempt(&self, id: TransactionId, number: u32) -> Result<(), StoreError> {
        match self.store.transaction(id).await? {
            Some(found) => self.look_up_found(&found, number).await.map(drop),
            None => Ok(()),
        }
    }

    /// Looks for an attempt under an id that its gateway told otherwise than in an answer. True, and
    /// absorbed, when what stands there is this attempt.
    pub(crate) async fn look_up_by_reference(
        &self,
        attempt: &AttemptRow,
        reference: &str,
    ) -> Result<bool, StoreError> {
        let Some(found) = self.store.transaction(attempt.transaction_id).await? else {
            return Ok(false);
        };
        let record = OutgoingRecord::load(&found.row)?;
        let mut named = AttemptRecord {
            row: attempt.clone(),
            sends: Vec::new(),
            evidence: Vec::new(),
        };
        named.row.gateway_reference = Some(reference.to_owned());
        let mut known = look_up(self, &record, &named).await;
        if !conclusive(&known) {
            return Ok(false);
        }
        if let Known::Looked {
            reference: told, ..
        } = &mut known
        {
            told.get_or_insert_with(|| reference.to_owned());
        }
        let context = AbsorbContext {
            attempt_number: attempt.number,
            lease: None,
            circuit_admits: false,
            draw: self.draw(),
        };
        match absorb(self, &found.row, known, context).await {
            Ok(_) | Err(CommitError::Refused(Passed::Moved | Passed::LeaseLost)) => Ok(true),
            Err(CommitError::Refused(Passed::Corrupt(error)) | CommitError::Store(error)) => {
                Err(error)
            }
        }
    }

    /// Answers the class of what the gateway showed, `None` when there is no such attempt.
    pub(crate) async fn look_up_found(
        &self,
        found: &TransactionRecord,
        number: u32,
    ) -> Result<Option<&'static str>, StoreError> {
        let record = OutgoingRecord::load(&found.row)?;
        let mut attempts = found.attempts.iter();
        let Some(attempt) = attempts.find(|attempt| attempt.row.number == number) else {
            return Ok(None);
        };
        let known = look_up(self, &record, attempt).await;
        let shown = known.lookup_class();
        let context = AbsorbContext {
            attempt_number: number,
            lease: None,
            circuit_admits: false,
            draw: self.draw(),
        };
        // While the payment's own job waits between two tries, a lookup must not take them away.
        let between_tries =
            matches!(record.stage, OutgoingStage::Sending { attempt, .. } if attempt == number);
        if between_tries && !conclusive(&known) {
            return Ok(shown);
        }
        match absorb(self, &found.row, known, context).await {
            Ok(_) | Err(CommitError::Refused(Passed::Moved | Passed::LeaseLost)) => Ok(shown),
            Err(CommitError::Refused(Passed::Corrupt(error)) | CommitError::Store(error)) => {
                Err(error)
            }
        }
    }
}

fn conclusive(known: &Known) -> bool {
    match known {
        Known::Looked { evidence, .. } => match evidence {
            Evidence::Settled(_) | Evidence::Refused(_) | Evidence::InProgress(_) => true,
            Evidence::NotFound | Evidence::Unclear(_) => false,
        },
        Known::Answer { .. } | Known::ProcessLost { .. } => true,
    }
}
