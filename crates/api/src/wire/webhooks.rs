//! Webhook endpoints and deliveries.

use app::ports::outbound::EndpointRow;
use app::webhooks::{DeliveryView, Try};
use domain::webhook::EndpointState;
use serde::Serialize;
use utoipa::ToSchema;

use super::operations::EventTypeBody;
use super::people::optional_time;
use super::time;

/// Where events are sent, without the secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookEndpoint)]
pub struct EndpointBody {
    #[schema(example = "whe_018f2f6e3b7a7c4c9d2e5f60718293a4")]
    pub id: String,
    #[schema(example = "https://shop.example/webhooks")]
    pub url: String,
    /// Null: all.
    #[schema(value_type = Option<Vec<EventTypeBody>>)]
    pub event_types: Option<Vec<String>>,
    pub description: Option<String>,
    pub enabled: bool,
    /// Why it is not: `owner` (you or an operator said so), `failing` (too long without a success; events are kept
    /// and sent once it is enabled again) or `gone` (it answered 410).
    pub disabled_reason: Option<&'static str>,
    #[schema(format = DateTime)]
    pub disabled_at: Option<String>,
    /// Failed tries since the last success, and since when.
    pub failures: u32,
    #[schema(format = DateTime)]
    pub failing_since: Option<String>,
    /// Until when the secret before the last rotation signs as well.
    #[schema(format = DateTime)]
    pub old_secret_until: Option<String>,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}

impl From<&EndpointRow> for EndpointBody {
    fn from(row: &EndpointRow) -> EndpointBody {
        EndpointBody {
            id: row.id.to_string(),
            url: row.url.clone(),
            event_types: row.event_types.clone(),
            description: row.description.clone(),
            enabled: row.state.is_enabled(),
            disabled_reason: match row.state {
                EndpointState::Disabled(reason) => Some(reason.as_str()),
                EndpointState::Enabled | EndpointState::Deleted => None,
            },
            disabled_at: optional_time(row.disabled_at),
            failures: row.health.failures,
            failing_since: optional_time(row.health.failing_since),
            old_secret_until: optional_time(row.old_secret.as_ref().map(|(_, until)| *until)),
            created_at: time::format(row.created_at),
            updated_at: time::format(row.updated_at),
        }
    }
}

/// An endpoint with its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookEndpointWithSecret)]
pub struct EndpointWithSecretBody {
    #[serde(flatten)]
    pub endpoint: EndpointBody,
    /// `whsec_` and the base64 of the key; shown this once.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub secret: String,
}

impl From<&EndpointRow> for EndpointWithSecretBody {
    fn from(row: &EndpointRow) -> EndpointWithSecretBody {
        EndpointWithSecretBody {
            endpoint: row.into(),
            secret: row.secret.clone(),
        }
    }
}

/// One event on its way to one endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub struct DeliveryBody {
    #[schema(example = "dlv_018f2f6e3b7a7c4c9d2e5f60718293a4")]
    pub id: String,
    /// Also the `webhook-id` of every request.
    #[schema(example = "evt_018f2f6e3b7a7c4c9d2e5f60718293a4")]
    pub event_id: String,
    #[schema(value_type = EventTypeBody)]
    pub event_type: String,
    /// `pending`, `delivered` or `failed`.
    pub status: &'static str,
    /// The latest tries, oldest first.
    pub tries: Vec<TryBody>,
    /// Null when it is done, and while the endpoint is disabled.
    #[schema(format = DateTime)]
    pub next_try_at: Option<String>,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub ended_at: Option<String>,
}

impl From<&DeliveryView> for DeliveryBody {
    fn from(view: &DeliveryView) -> DeliveryBody {
        let row = &view.row;
        DeliveryBody {
            id: row.id.to_string(),
            event_id: row.event_id.to_string(),
            event_type: row.kind.clone(),
            status: row.state.as_str(),
            tries: view.tries.iter().map(TryBody::from).collect(),
            next_try_at: optional_time(view.next_try_at),
            created_at: time::format(row.created_at),
            ended_at: optional_time(row.ended_at),
        }
    }
}

/// One request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookTry)]
pub struct TryBody {
    #[schema(format = DateTime)]
    pub at: String,
    /// The HTTP status of the answer; null when none came.
    pub status: Option<u16>,
    /// Why none came: `forbidden_target`, `dns`, `connect`, `tls`, `timeout` or `connection_lost`.
    pub error: Option<String>,
    pub duration_ms: u64,
}

impl From<&Try> for TryBody {
    fn from(tried: &Try) -> TryBody {
        TryBody {
            at: time::format(tried.began_at()),
            status: tried.status,
            error: tried.error.clone(),
            duration_ms: tried.duration_ms,
        }
    }
}
