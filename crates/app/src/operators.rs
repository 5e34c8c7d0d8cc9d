//! What operators see: gateways, alerts, jobs, the audit log, and whether the service can serve.

use domain::gateway::{Gateway, Operation};
use domain::ids::{AlertId, JobId, UserId};
use domain::ledger::{Account, Float};
use domain::tax_id::TaxId;
use serde_json::json;

use crate::audit::{Audited, audit};
use crate::commands::{Caller, RetryJobRefusal};
use crate::context::App;
use crate::ports::store::{
    AlertRow, AuditFilter, AuditRow, JobRow, JobState, QueueDepth, StoreError, UserRow, Write,
};
use crate::views::{GatewayView, OperationHealthView};

impl App {
    /// Every gateway with the health of each operation and our book of the money there.
    pub async fn gateways_view(&self) -> Result<Vec<GatewayView>, StoreError> {
        let in_doubt = self.store.in_doubt_cents().await?;
        let mut views = Vec::with_capacity(Gateway::ALL.len());
        for gateway in Gateway::ALL {
            let mut operations = Vec::with_capacity(Operation::ALL.len());
            for operation in Operation::ALL {
                operations.push(self.operation_health(gateway, operation).await);
            }
            let float = |part| Account::GatewayFloat(gateway, part);
            views.push(GatewayView {
                gateway,
                operations,
                float_available: self.store.account_balance(float(Float::Available)).await?,
                float_blocked: self.store.account_balance(float(Float::Blocked)).await?,
                in_doubt: in_doubt.get(&gateway).copied().unwrap_or(0),
            });
        }
        Ok(views)
    }

    pub(crate) async fn operation_health(
        &self,
        gateway: Gateway,
        operation: Operation,
    ) -> OperationHealthView {
        let health = self
            .availability
            .health(gateway, operation, self.now())
            .await;
        OperationHealthView {
            operation: operation.as_str(),
            circuit: health.circuit.state.name(),
            open_cause: health.circuit.open_cause().map(|cause| cause.as_str()),
            success_percent: health.circuit.success_percent(),
            unknown_percent: health.circuit.unknown_percent(),
            latency_ms: health
                .latency
                .and_then(|latency| u64::try_from(latency.millis()).ok()),
            primary: self.primary(operation) == gateway,
            paused: self.controls.is_paused(gateway, operation),
        }
    }

    pub async fn alerts(&self, limit: u32) -> Result<Vec<AlertRow>, StoreError> {
        self.store.alerts(limit).await
    }

    pub async fn jobs(&self, limit: u32) -> Result<Vec<JobRow>, StoreError> {
        self.store.jobs(None, limit).await
    }

    pub async fn audit(&self, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        self.store.audit(limit).await
    }

    /// Older than this alert, newest first.
    pub async fn alerts_before(
        &self,
        before: Option<AlertId>,
        limit: u32,
    ) -> Result<Vec<AlertRow>, StoreError> {
        self.store.alerts_before(before, limit).await
    }

    /// Older than this job, newest first.
    pub async fn jobs_before(
        &self,
        state: Option<JobState>,
        before: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobRow>, StoreError> {
        self.store.jobs_before(state, before, limit).await
    }

    pub async fn audit_trail(&self, filter: &AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
        self.store.audit_trail(filter).await
    }

    /// Older than this user, newest first.
    pub async fn users(
        &self,
        before: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<UserRow>, StoreError> {
        self.store.users(before, limit).await
    }

    /// The one user with this id, e-mail or tax id: personal data is sealed, so only whole values
    /// are found.
    pub async fn find_user(&self, text: &str) -> Result<Option<UserRow>, StoreError> {
        if let Ok(id) = UserId::parse(text) {
            return self.store.user(id).await;
        }
        if let Ok(tax_id) = TaxId::parse(text) {
            return self.store.user_by_tax_id(tax_id.as_str()).await;
        }
        let email = crate::accounts::normalized_email(text);
        self.store.user_by_email(&email).await
    }

    /// How much durable work waits.
    pub async fn queue(&self) -> Result<QueueDepth, StoreError> {
        self.store.queue_depth().await
    }

    /// Lets a dead job run again, with all its tries. It does what its handler does at any time, by
    /// the state of what it is about: nothing is sent outside of that.
    pub async fn retry_job(&self, caller: &Caller, id: JobId) -> Result<(), RetryJobRefusal> {
        let seed = self.ids();
        let audited = Audited {
            actor: caller.user_id.to_string(),
            action: "job.retried",
            subject: id.to_string(),
            detail: json!({}),
        };
        let writes = vec![
            Write::ReviveJob { id, at: seed.now },
            audit(&mut seed.start(), seed.now, audited),
        ];
        match self.write_all("retry_job", writes).await {
            Ok(()) => Ok(()),
            Err(StoreError::Stale(_)) => Err(RetryJobRefusal::NotDead),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether requests can be served, and what is missing.
    pub async fn ready(&self) -> Result<(), StoreError> {
        self.store.ready().await
    }
}
