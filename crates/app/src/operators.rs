//! What operators see: gateways, alerts, jobs, the audit log, and whether the service can serve.

use domain::gateway::{Gateway, Operation};
use domain::ledger::{Account, Float};

use crate::context::App;
use crate::ports::store::{AlertRow, AuditRow, JobRow, StoreError};
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

    async fn operation_health(
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

    /// Whether requests can be served, and what is missing.
    pub async fn ready(&self) -> Result<(), StoreError> {
        self.store.ready().await
    }
}
