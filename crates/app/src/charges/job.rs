//! The charge's job: from the request to the end, one step a run.

use domain::charge::ChargeStage;

use super::create::Creation;
use super::{finish, watch};
use crate::context::App;
use crate::jobs::JobError;
use crate::ports::store::{JobRow, Lease};
use crate::records::charge::ChargeRecord;

pub async fn run(app: &App, job: &JobRow, lease: Lease) -> Result<(), JobError> {
    let id = job
        .transaction_id
        .ok_or_else(|| JobError::Fail("it names no charge".to_owned()))?;
    let record = app.store.transaction(id).await?;
    let record = record.ok_or_else(|| JobError::Fail(format!("there is no {id}")))?;
    let charge = ChargeRecord::load(&record.row)?;
    let stage = charge.stage;
    let creation = Creation {
        app,
        record: &record,
        charge: &charge,
        lease,
    };
    match stage {
        ChargeStage::Creating => creation.run().await,
        ChargeStage::AwaitingPayment | ChargeStage::Underpaid { .. } => {
            watch::run(app, &record, &charge, job, lease).await
        }
        ChargeStage::Paid { .. }
        | ChargeStage::Expired { .. }
        | ChargeStage::Cancelled
        | ChargeStage::CreationFailed => {
            // A call may have been under way when the charge ended: its code must not stay behind.
            if creation.close_abandoned_send().await? {
                return Ok(());
            }
            finish(app, lease).await
        }
    }
}
