//! Comparisons with the gateways, and whether payments leave.

use app::dispatch_epoch::Dispatch;
use app::ports::store::ReconciliationRow;
use app::reconcile::Finding;
use app::reconcile::job::{GatewayReport, Report};
use app::reconcile::resume::Resumed;
use serde::Serialize;
use utoipa::ToSchema;

use super::people::optional_time;
use super::time;

/// A comparison of a period with what the gateways list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reconciliation)]
pub struct ReconciliationBody {
    #[schema(example = "rec_018f2f6e3b7a7c4c9d2e5f60718293a4")]
    pub id: String,
    /// `null`: both.
    pub gateway: Option<&'static str>,
    #[schema(format = DateTime)]
    pub from: String,
    #[schema(format = DateTime)]
    pub to: String,
    /// `queued`, `running`, `done` or `failed`.
    pub state: &'static str,
    /// A user's id.
    pub requested_by: String,
    #[schema(format = DateTime)]
    pub requested_at: String,
    #[schema(format = DateTime)]
    pub finished_at: Option<String>,
    pub gateways: Vec<ComparedGatewayBody>,
    /// How many differences were found.
    pub differences: u64,
    /// The differences, at most 1000 of them.
    pub items: Vec<DifferenceBody>,
    /// Why it failed.
    pub trouble: Option<String>,
}

/// How one gateway was compared.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ComparedGateway)]
pub struct ComparedGatewayBody {
    pub gateway: String,
    /// Listed by the gateway.
    pub received: u64,
    /// Listed by the gateway; `null` where it has no list of what it sent.
    pub sent: Option<u64>,
    /// Our books of the money there, where they are kept.
    pub books_cents: Option<i64>,
    /// The gateway's own figure, where it tells one.
    pub balance_cents: Option<i64>,
}

/// One difference.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Difference)]
pub struct DifferenceBody {
    /// Such as `received_credited`, `received_in_suspense`, `sent_unknown`, `sent_adopted`,
    /// `sent_amount_differs`, `float_differs`.
    pub kind: &'static str,
    /// What it means and what was done.
    pub in_words: &'static str,
    pub gateway: String,
    /// The gateway's id, or our key there.
    pub reference: String,
    pub transaction_id: Option<String>,
    pub gateway_cents: Option<i64>,
    pub books_cents: Option<i64>,
}

impl ReconciliationBody {
    pub fn new(row: &ReconciliationRow, report: &Report) -> ReconciliationBody {
        ReconciliationBody {
            id: row.id.to_string(),
            gateway: row.gateway.map(|gateway| gateway.as_str()),
            from: time::format(row.from),
            to: time::format(row.to),
            state: row.state.as_str(),
            requested_by: row.requested_by.clone(),
            requested_at: time::format(row.requested_at),
            finished_at: optional_time(row.finished_at),
            gateways: report
                .gateways
                .iter()
                .map(ComparedGatewayBody::from)
                .collect(),
            differences: report.differences(),
            items: report.findings.iter().map(DifferenceBody::from).collect(),
            trouble: report.trouble.clone(),
        }
    }
}

impl From<&GatewayReport> for ComparedGatewayBody {
    fn from(report: &GatewayReport) -> ComparedGatewayBody {
        ComparedGatewayBody {
            gateway: report.gateway.clone(),
            received: report.received,
            sent: report.sent,
            books_cents: report.books_cents,
            balance_cents: report.balance_cents,
        }
    }
}

impl From<&Finding> for DifferenceBody {
    fn from(finding: &Finding) -> DifferenceBody {
        DifferenceBody {
            kind: finding.kind.as_str(),
            in_words: finding.kind.in_words(),
            gateway: finding.gateway.clone(),
            reference: finding.reference.clone(),
            transaction_id: finding.transaction_id.clone(),
            gateway_cents: finding.gateway_cents,
            books_cents: finding.books_cents,
        }
    }
}

/// Whether payments leave.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Dispatch)]
pub struct DispatchBody {
    /// `running` or `stopped`.
    pub status: &'static str,
    /// The epoch that the database holds.
    pub stored_epoch: Option<String>,
    /// `DISPATCH_EPOCH`; `null` when it is not set: whichever the database holds.
    pub configured_epoch: Option<String>,
    pub in_words: String,
}

impl DispatchBody {
    pub fn new(
        standing: &Dispatch,
        stored_epoch: Option<String>,
        configured_epoch: Option<String>,
    ) -> DispatchBody {
        DispatchBody {
            status: match standing {
                Dispatch::Running => "running",
                Dispatch::Stopped { .. } => "stopped",
            },
            stored_epoch,
            configured_epoch,
            in_words: standing.in_words(),
        }
    }
}

/// Payments are dispatched again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ResumedDispatch)]
pub struct ResumedBody {
    /// Always `running`.
    pub status: &'static str,
    /// The epoch that the database holds now.
    pub epoch: String,
    /// What the comparison put in order, and what was accepted.
    pub items: Vec<DifferenceBody>,
}

impl From<&Resumed> for ResumedBody {
    fn from(resumed: &Resumed) -> ResumedBody {
        ResumedBody {
            status: "running",
            epoch: resumed.epoch.clone(),
            items: resumed.findings.iter().map(DifferenceBody::from).collect(),
        }
    }
}
