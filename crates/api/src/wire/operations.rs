//! What operators see: gateways, alerts, jobs, the audit trail; and events.

use std::borrow::Cow;

use app::ports::store::{AlertRow, AuditRow, JobRow, JobState};
use app::views::{GatewayView, OperationHealthView};
use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::people::optional_time;
use super::{stored_json, time};

/// One gateway: its availability per operation and our money there.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Gateway)]
pub struct GatewayBody {
    /// `efi` or `mercado_pago`.
    pub name: &'static str,
    pub operations: Vec<OperationBody>,
    /// Our book of the money that lies there, in centavos.
    pub float_available_cents: i64,
    /// What it keeps from us while disputes are open, in centavos.
    pub float_blocked_cents: i64,
    /// Payouts whose end is not known, in centavos.
    pub in_doubt_cents: i64,
}

/// The availability of one operation at one gateway.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GatewayOperation)]
pub struct OperationBody {
    /// `charge`, `payout`, `refund` or `lookup`.
    pub operation: &'static str,
    /// `closed`, `open` or `half_open`.
    pub circuit: &'static str,
    /// Why the circuit is open.
    pub open_cause: Option<&'static str>,
    pub success_percent: u64,
    pub unknown_percent: u64,
    pub latency_ms: Option<u64>,
    /// Preferred over the other gateway.
    pub primary: bool,
    pub paused: bool,
}

impl From<&GatewayView> for GatewayBody {
    fn from(view: &GatewayView) -> GatewayBody {
        GatewayBody {
            name: view.gateway.as_str(),
            operations: view.operations.iter().map(OperationBody::from).collect(),
            float_available_cents: view.float_available,
            float_blocked_cents: view.float_blocked,
            in_doubt_cents: view.in_doubt,
        }
    }
}

impl From<&OperationHealthView> for OperationBody {
    fn from(view: &OperationHealthView) -> OperationBody {
        OperationBody {
            operation: view.operation,
            circuit: view.circuit,
            open_cause: view.open_cause,
            success_percent: view.success_percent,
            unknown_percent: view.unknown_percent,
            latency_ms: view.latency_ms,
            primary: view.primary,
            paused: view.paused,
        }
    }
}

/// Something a person should look at.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Alert)]
pub struct AlertBody {
    #[schema(example = "alt_018f2f6e3b7a7c4c9d2e5f60718293a4")]
    pub id: String,
    /// Such as `all_gateways_failed`, `payout_in_review`, `suspense`.
    pub kind: String,
    pub transaction_id: Option<String>,
    pub gateway: Option<&'static str>,
    pub message: String,
    #[schema(format = DateTime)]
    pub raised_at: String,
}

impl From<&AlertRow> for AlertBody {
    fn from(row: &AlertRow) -> AlertBody {
        AlertBody {
            id: row.id.to_string(),
            kind: row.kind.clone(),
            transaction_id: row.transaction_id.map(|id| id.to_string()),
            gateway: row.gateway.map(|gateway| gateway.as_str()),
            message: row.message.clone(),
            raised_at: time::format(row.raised_at),
        }
    }
}

/// A piece of durable work.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub struct JobBody {
    #[schema(example = "job_018f2f6e3b7a7c4c9d2e5f60718293a4")]
    pub id: String,
    pub kind: String,
    pub transaction_id: Option<String>,
    /// `ready`, `done` or `dead`.
    pub state: &'static str,
    /// Runs so far that did not end well.
    pub tries: u32,
    #[schema(format = DateTime)]
    pub visible_at: Option<String>,
    pub last_error: Option<String>,
    #[schema(format = DateTime)]
    pub created_at: String,
}

impl From<&JobRow> for JobBody {
    fn from(row: &JobRow) -> JobBody {
        JobBody {
            id: row.id.to_string(),
            kind: row.kind.clone(),
            transaction_id: row.transaction_id.map(|id| id.to_string()),
            state: match row.state {
                JobState::Ready => "ready",
                JobState::Done => "done",
                JobState::Dead => "dead",
            },
            tries: row.tries,
            visible_at: optional_time(row.visible_at),
            last_error: row.last_error.clone(),
            created_at: time::format(row.created_at),
        }
    }
}

/// Who did what.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct AuditBody {
    pub id: String,
    /// A user's id, or `system`.
    pub actor: String,
    pub action: String,
    pub subject: String,
    #[schema(value_type = Object)]
    pub detail: Value,
    #[schema(format = DateTime)]
    pub at: String,
}

impl From<&AuditRow> for AuditBody {
    fn from(row: &AuditRow) -> AuditBody {
        AuditBody {
            id: row.id.to_string(),
            actor: row.actor.clone(),
            action: row.action.clone(),
            subject: row.subject.clone(),
            detail: stored_json(&row.detail),
            at: time::format(row.at),
        }
    }
}

/// The types of events. Of `suspense.resolved`, `float_move.arrived` and `alert.raised` operators alone
/// hear.
pub enum EventTypeBody {}

impl PartialSchema for EventTypeBody {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(
                "Of `suspense.resolved`, `float_move.arrived` and `alert.raised` operators alone hear.",
            ))
            .enum_values(Some(app::events::EVENT_TYPES.iter().copied()))
            .into()
    }
}

impl ToSchema for EventTypeBody {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("EventType")
    }
}

/// One event, as the `data` of a server-sent event and the body of a webhook.
#[derive(ToSchema)]
#[schema(as = Event)]
#[allow(dead_code, reason = "describes what `app::events::published` writes")]
pub struct EventBody {
    #[schema(example = "evt_018f2f6e3b7a7c4c9d2e5f60718293a4")]
    pub id: String,
    /// Such as `payout.created`, `charge.paid`, `alert.raised`.
    #[schema(value_type = EventTypeBody)]
    pub r#type: String,
    /// Dense and in the order of commits; also the server-sent event's `id`.
    pub position: Option<u64>,
    pub transaction_id: Option<String>,
    /// Without gaps per transaction.
    pub transaction_version: Option<u64>,
    pub wallet_id: Option<String>,
    #[schema(format = DateTime)]
    pub occurred_at: String,
    #[schema(value_type = Object)]
    pub data: Value,
}

#[cfg(test)]
mod tests {
    use super::*;
    use app::ports::store::EventRow;
    use domain::ids::EventId;
    use domain::time::Moment;

    #[test]
    fn an_event_is_what_its_description_says() {
        let row = EventRow {
            id: EventId::from_bytes([1; 16]),
            kind: "charge.paid".into(),
            transaction_id: None,
            transaction_version: Some(3),
            wallet_id: None,
            user_id: None,
            body: r#"{"amount_cents":5}"#.into(),
            occurred_at: Moment::from_micros(1),
            position: Some(7),
        };
        let published: Value = serde_json::from_str(&app::events::published(&row)).unwrap();
        assert_eq!(published["occurred_at"], time::format(row.occurred_at));
        assert_eq!(published["data"]["amount_cents"], 5);
        let described = serde_json::to_value(EventBody::schema()).unwrap();
        let names = |value: &Value| -> Vec<String> {
            let mut names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
            names.sort();
            names
        };
        assert_eq!(names(&published), names(&described["properties"]));
    }
}
