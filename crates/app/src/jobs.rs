//! Durable work: the kinds of job and who runs each.
//!
//! A kind is a persisted name with a version: retired kinds keep a handler for as long as a row may
//! hold them. A run ends its own job (finish, reschedule) in its last commit, under its lease; a
//! run that returns without having done so has failed.

use crate::context::{App, CommitError};
use crate::ports::store::{JobRow, Lease, StoreError};

pub const PAYOUT: &str = "payout.v1";
pub const REFUND: &str = "refund.v1";
pub const CHARGE: &str = "charge.v1";
pub const CHARGE_ORPHAN: &str = "charge_orphan.v1";
pub const INBOUND: &str = "inbound.v1";
pub const RECONCILIATION: &str = "reconciliation.v1";

pub const KINDS: [&str; 6] = [
    PAYOUT,
    REFUND,
    CHARGE,
    CHARGE_ORPHAN,
    INBOUND,
    RECONCILIATION,
];

/// How a run failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// It may work later.
    #[error("{0}")]
    Retry(String),
    /// It never will.
    #[error("{0}")]
    Fail(String),
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> JobError {
        match error {
            StoreError::Corrupt(_) => JobError::Fail(error.to_string()),
            StoreError::Conflict(_) | StoreError::Stale(_) | StoreError::Unavailable(_) => {
                JobError::Retry(error.to_string())
            }
        }
    }
}

impl<R: std::fmt::Debug> From<CommitError<R>> for JobError {
    fn from(error: CommitError<R>) -> JobError {
        match error {
            CommitError::Refused(refusal) => JobError::Retry(format!("{refusal:?}")),
            CommitError::Store(error) => error.into(),
        }
    }
}

/// Runs one claimed job.
pub async fn run(app: &App, job: &JobRow) -> Result<(), JobError> {
    let lease = Lease {
        job_id: job.id,
        token: job.token,
    };
    match job.kind.as_str() {
        PAYOUT | REFUND => crate::outgoing::run(app, job, lease).await,
        CHARGE => crate::charges::job::run(app, job, lease).await,
        CHARGE_ORPHAN => crate::charges::orphan::run(app, job, lease).await,
        INBOUND => crate::inbound::run(app, job, lease).await,
        RECONCILIATION => crate::reconcile::job::run(app, job, lease).await,
        other => Err(JobError::Fail(format!(
            "no handler for jobs of kind {other}"
        ))),
    }
}
