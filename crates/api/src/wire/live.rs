//! The live view of operators.

use app::cloud_events::SeenEvent;
use app::monitor::{GatewayEnds, LiveSnapshot, MinuteRate};
use domain::gateway::Gateway;
use serde::Serialize;
use utoipa::ToSchema;

use super::time;

/// What happens now, as one process sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Live)]
pub struct LiveBody {
    /// The newest events, newest first, at most 200.
    pub recent: Vec<LiveEventBody>,
    /// The last hour, oldest first; minutes without events are left out.
    pub per_minute: Vec<MinuteBody>,
    /// How payments ended in the last hour.
    pub gateways: Vec<GatewayEndsBody>,
    /// When an event of each type happened last.
    pub last_seen: Vec<LastSeenBody>,
    /// Events seen since the process began.
    pub seen: u64,
}

/// An event in short.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LiveEvent)]
pub struct LiveEventBody {
    #[schema(example = "evt_018f2f6e3b7a7c4c9d2e5f60718293a4")]
    pub id: String,
    pub r#type: String,
    pub occurred_at: String,
    pub transaction_id: Option<String>,
    pub gateway: Option<String>,
    pub amount_cents: Option<i64>,
}

/// The events of one minute.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LiveMinute)]
pub struct MinuteBody {
    /// When the minute began.
    pub from: String,
    pub events: u64,
}

/// How payments ended at one gateway.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LiveGateway)]
pub struct GatewayEndsBody {
    /// `efi` or `mercado_pago`.
    pub name: &'static str,
    pub succeeded: u64,
    pub failed: u64,
    /// Came to be in doubt, however they ended later.
    pub in_doubt: u64,
}

/// When an event of one type happened last.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LiveLastSeen)]
pub struct LastSeenBody {
    pub r#type: String,
    pub at: String,
}

impl From<&LiveSnapshot> for LiveBody {
    fn from(snapshot: &LiveSnapshot) -> LiveBody {
        LiveBody {
            recent: snapshot.recent.iter().map(LiveEventBody::from).collect(),
            per_minute: snapshot.per_minute.iter().map(MinuteBody::from).collect(),
            gateways: snapshot.gateways.iter().map(ends).collect(),
            last_seen: snapshot
                .last_seen
                .iter()
                .map(|(kind, at)| LastSeenBody {
                    r#type: kind.clone(),
                    at: time::format(*at),
                })
                .collect(),
            seen: snapshot.seen,
        }
    }
}

impl From<&SeenEvent> for LiveEventBody {
    fn from(event: &SeenEvent) -> LiveEventBody {
        LiveEventBody {
            id: event.id.clone(),
            r#type: event.kind.clone(),
            occurred_at: time::format(event.occurred_at),
            transaction_id: event.transaction_id.clone(),
            gateway: event.gateway.clone(),
            amount_cents: event.amount_cents,
        }
    }
}

impl From<&MinuteRate> for MinuteBody {
    fn from(rate: &MinuteRate) -> MinuteBody {
        MinuteBody {
            from: time::format(rate.from),
            events: rate.events,
        }
    }
}

fn ends((gateway, ends): (&Gateway, &GatewayEnds)) -> GatewayEndsBody {
    GatewayEndsBody {
        name: gateway.as_str(),
        succeeded: ends.succeeded,
        failed: ends.failed,
        in_doubt: ends.in_doubt,
    }
}
