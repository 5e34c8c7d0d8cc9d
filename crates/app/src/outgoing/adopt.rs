//! Giving a payment the attempt back that a restored database has lost.
//!
//! A key follows from the request alone, so a payout that a gateway lists under the key of a queued
//! payment's next attempt is that attempt: its intent was committed, it was sent, and the commit was
//! lost with the restore. The attempt is written again as it was, its send open as its dead owner left
//! it. The payment's own job closes it as unknown and asks after it. Nothing is sent, and no other
//! gateway is chosen.

use domain::gateway::Gateway;
use domain::ids::{JobId, TransactionId};
use domain::payout::{Outgoing, OutgoingStage};

use super::commits::{Dispatch, Passed, first_send, locks};
use super::{key_of, next_plan};
use crate::context::{App, CommitError, Decision};
use crate::payouts::ensured_job;
use crate::ports::gateway::PayoutOrder;
use crate::ports::store::{Lease, Locked, StoreError, Write};
use crate::records::outgoing::OutgoingRecord;
use crate::routing::StoredDecision;

/// The sends of a lost attempt were opened under a lease that nobody holds.
const NOBODY: Lease = Lease {
    job_id: JobId::from_bytes([0; 16]),
    token: 0,
};

impl App {
    /// Writes the attempt of a queued payout again under which `gateway` lists it. `false`: it is not
    /// queued, the key is not its next one there, or it cannot be carried there.
    pub(crate) async fn adopt(
        &self,
        id: TransactionId,
        gateway: Gateway,
        key: &str,
    ) -> Result<bool, StoreError> {
        let Some(found) = self.store.transaction(id).await? else {
            return Ok(false);
        };
        let record = OutgoingRecord::load(&found.row)?;
        let queued = matches!(record.stage, OutgoingStage::Queued { .. });
        let plan = next_plan(&found, &record, gateway);
        let plan = plan.filter(|plan| key_of(&found.row, plan) == key);
        let (Some(plan), true, Outgoing::Payout) = (plan, queued, record.kind) else {
            return Ok(false);
        };
        let order = PayoutOrder {
            attempt_key: key.to_owned(),
            amount: found.row.amount,
            destination: record.destination()?,
            description: record.private.description.clone(),
        };
        let Ok(request) = self.gateway(gateway).prepare_payout(&order) else {
            return Ok(false);
        };
        let decision = StoredDecision {
            draw: 0,
            rule: "listed_by_gateway".to_owned(),
            candidates: Vec::new(),
        };
        let dispatch = Dispatch {
            plan,
            attempt_key: key.to_owned(),
            request,
            why: format!(
                "{gateway} lists it under this key; the attempt was lost with a restore of the \
                 database and is written again"
            ),
            routing: serde_json::to_string(&decision).expect("a plain record serializes"),
        };
        let (version, settings) = (found.row.version, self.settings.clone());
        let (seed, jobs) = (self.ids(), self.ids());
        let adopted =
            self.commit(
                "adopt",
                locks(&found.row, None),
                move |locked: &Locked| match first_send(
                    locked, id, version, &dispatch, NOBODY, &settings, &seed,
                ) {
                    Ok((mut writes, _)) => {
                        let saved = writes.iter().find_map(|write| match write {
                            Write::SaveTransaction(row) => Some(row.clone()),
                            _ => None,
                        });
                        writes.extend(saved.map(|row| ensured_job(&mut jobs.start(), &row)));
                        Decision::Commit(writes, ())
                    }
                    Err(passed) => Decision::Refuse(passed),
                },
            );
        match adopted.await {
            Ok(()) => {
                tracing::warn!(transaction = %id, %gateway, "a lost attempt was written again");
                Ok(true)
            }
            Err(CommitError::Refused(Passed::Moved | Passed::LeaseLost)) => Ok(false),
            Err(CommitError::Refused(Passed::Corrupt(error)) | CommitError::Store(error)) => {
                Err(error)
            }
        }
    }
}
