//! Where events leave for the outside: cursors over the stream, customers' endpoints, and the
//! deliveries to them.
//!
//! A relay reads events by position and keeps its place in a row of its own, which one process holds
//! at a time. An endpoint is the unit of fairness: workers lease endpoints that have something due,
//! longest due first, so that one endpoint never has more than one worker, whatever waits for it.
//!
//! What is written goes through units like everything else ([`OutboundWrite`]).

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::ids::*;
use domain::time::{Moment, Span};
use domain::webhook::{DeliveryState, EndpointHealth, EndpointState};

use super::store::{EventRow, StoreError};

// ---------------------------------------------------------------- rows

/// A reader's place in the event stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayRow {
    pub name: String,
    /// Everything up to here has been handed on.
    pub position: u64,
    /// Grows at each claim.
    pub token: u64,
    /// Until when the holder of the token has it to itself.
    pub leased_until: Option<Moment>,
}

/// The right to move a relay on: valid while the token is the relay's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayLease {
    pub name: String,
    pub token: u64,
}

/// Where a customer receives events. `url`, `description` and the secrets are sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointRow {
    pub id: WebhookEndpointId,
    pub user_id: UserId,
    /// `UNIQUE(user_id, slot)`, below the account's limit; `None` once deleted.
    pub slot: Option<u32>,
    pub url: String,
    pub description: Option<String>,
    /// `None`: all.
    pub event_types: Option<Vec<String>>,
    /// `whsec_` and base64.
    pub secret: String,
    /// The secret before, which signs as well until its time.
    pub old_secret: Option<(String, Moment)>,
    pub state: EndpointState,
    pub disabled_at: Option<Moment>,
    /// Events up to here were there before the endpoint.
    pub after_position: u64,
    pub health: EndpointHealth,
    /// When a worker may take it: when the first of its deliveries is due, while it is leased the
    /// end of the lease, `None` when there is nothing to do.
    pub due_at: Option<Moment>,
    pub leased: bool,
    /// Grows at each claim.
    pub token: u64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

/// The right to send to an endpoint: valid while the token is the endpoint's and it is leased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointLease {
    pub endpoint_id: WebhookEndpointId,
    pub token: u64,
}

/// One event on its way to one endpoint. `UNIQUE(endpoint_id, position)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    pub id: DeliveryId,
    pub endpoint_id: WebhookEndpointId,
    pub event_id: EventId,
    /// The event's position.
    pub position: u64,
    /// The event's type.
    pub kind: String,
    pub state: DeliveryState,
    /// Not to be tried before; only while it is pending.
    pub due_at: Option<Moment>,
    /// Failed tries since it was made or asked for again.
    pub tries: u32,
    /// How often it was asked for again.
    pub replays: u32,
    /// The latest tries, JSON written by `app`.
    pub log: String,
    pub created_at: Moment,
    pub ended_at: Option<Moment>,
}

/// A delivery with what it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueDelivery {
    pub row: DeliveryRow,
    pub event: EventRow,
}

// ---------------------------------------------------------------- units

/// Rows that a unit reads under lock: the relay first, then endpoints by id, then deliveries by id.
#[derive(Clone, Debug, Default)]
pub struct OutboundLocks {
    /// Held only if the relay's token is still the lease's.
    pub relay: Option<RelayLease>,
    /// All endpoints of these users.
    pub owners: Vec<UserId>,
    pub endpoints: Vec<WebhookEndpointId>,
    pub deliveries: Vec<(WebhookEndpointId, DeliveryId)>,
}

/// The rows as read under their locks. What does not exist is absent.
#[derive(Clone, Debug, Default)]
pub struct OutboundLocked {
    /// `None` when the lease is no longer held.
    pub relay: Option<RelayRow>,
    pub endpoints: BTreeMap<WebhookEndpointId, EndpointRow>,
    pub deliveries: BTreeMap<DeliveryId, DeliveryRow>,
}

#[derive(Clone, Debug)]
pub enum OutboundWrite {
    InsertEndpoint(EndpointRow),
    /// Absolute values of a locked endpoint: all but when it is due and its lease.
    SaveEndpoint(EndpointRow),
    /// Makes a locked endpoint due when the first of its pending deliveries is, not before its rest
    /// ends, and never while it is not enabled. A leased one is left to its holder.
    Requeue(WebhookEndpointId),
    /// Only if the lease is still held: ends it. [`OutboundWrite::Requeue`] must follow.
    EndTurn(EndpointLease),
    InsertDelivery(DeliveryRow),
    /// Absolute values of a locked delivery: its state, times, tries and log.
    SaveDelivery(DeliveryRow),
    /// `UNIQUE(name)`.
    InsertRelay(RelayRow),
    /// Compare-and-set on the position, only if the lease is still held; it is held until then.
    AdvanceRelay {
        lease: RelayLease,
        from: u64,
        to: u64,
        until: Moment,
    },
}

// ---------------------------------------------------------------- queries

#[derive(Clone, Debug)]
pub struct DeliveryFilter {
    pub endpoint_id: WebhookEndpointId,
    pub state: Option<DeliveryState>,
    /// Newest first; older than this id.
    pub before: Option<DeliveryId>,
    pub limit: u32,
}

#[async_trait]
pub trait OutboundStore: Send + Sync + 'static {
    async fn relay(&self, name: &str) -> Result<Option<RelayRow>, StoreError>;
    /// Takes the relay for a while: its token grows. `None` while another holds it. MySQL takes the
    /// time of the statement, SQLite the given one.
    async fn claim_relay(
        &self,
        name: &str,
        now: Moment,
        lease: Span,
    ) -> Result<Option<RelayRow>, StoreError>;

    /// Leases up to `limit` endpoints that are due, longest due first: token grows, not due for
    /// `lease`. MySQL takes the time of the statement, SQLite the given one.
    async fn claim_endpoints(
        &self,
        now: Moment,
        lease: Span,
        limit: u32,
    ) -> Result<Vec<EndpointRow>, StoreError>;
    /// When the next endpoint is due.
    async fn next_endpoint_at(&self) -> Result<Option<Moment>, StoreError>;
    /// Deliveries of an endpoint that are due by then, longest due first.
    async fn due_deliveries(
        &self,
        endpoint: WebhookEndpointId,
        by: Moment,
        limit: u32,
    ) -> Result<Vec<DueDelivery>, StoreError>;

    async fn endpoint(&self, id: WebhookEndpointId) -> Result<Option<EndpointRow>, StoreError>;
    /// All endpoints of these users that are not deleted, by id.
    async fn endpoints_of(&self, users: &[UserId]) -> Result<Vec<EndpointRow>, StoreError>;
    /// Endpoints that are not deleted, older than this one, newest first.
    async fn endpoints_before(
        &self,
        before: Option<WebhookEndpointId>,
        only_disabled: bool,
        limit: u32,
    ) -> Result<Vec<EndpointRow>, StoreError>;
    /// When the oldest committed event happened that has no position yet.
    async fn first_unnumbered(&self) -> Result<Option<Moment>, StoreError>;
    /// When the first event after one position, up to another, happened that an endpoint wants.
    async fn first_unrelayed(&self, after: u64, to: u64) -> Result<Option<Moment>, StoreError>;
    async fn delivery(
        &self,
        endpoint: WebhookEndpointId,
        id: DeliveryId,
    ) -> Result<Option<DeliveryRow>, StoreError>;
    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<DeliveryRow>, StoreError>;
    /// Removes up to `limit` deliveries: those of deleted endpoints, and those made before that moment
    /// that are done or whose endpoint is not enabled; and deleted endpoints that have none left.
    /// Returns how many deliveries.
    async fn drop_deliveries(&self, before: Moment, limit: u32) -> Result<u64, StoreError>;
}

/// For an application that hands nothing on: no relays, endpoints or deliveries.
pub struct NoOutbound;

#[async_trait]
impl OutboundStore for NoOutbound {
    async fn relay(&self, _: &str) -> Result<Option<RelayRow>, StoreError> {
        Ok(None)
    }
    async fn claim_relay(
        &self,
        _: &str,
        _: Moment,
        _: Span,
    ) -> Result<Option<RelayRow>, StoreError> {
        Ok(None)
    }
    async fn claim_endpoints(
        &self,
        _: Moment,
        _: Span,
        _: u32,
    ) -> Result<Vec<EndpointRow>, StoreError> {
        Ok(Vec::new())
    }
    async fn next_endpoint_at(&self) -> Result<Option<Moment>, StoreError> {
        Ok(None)
    }
    async fn due_deliveries(
        &self,
        _: WebhookEndpointId,
        _: Moment,
        _: u32,
    ) -> Result<Vec<DueDelivery>, StoreError> {
        Ok(Vec::new())
    }
    async fn endpoint(&self, _: WebhookEndpointId) -> Result<Option<EndpointRow>, StoreError> {
        Ok(None)
    }
    async fn endpoints_of(&self, _: &[UserId]) -> Result<Vec<EndpointRow>, StoreError> {
        Ok(Vec::new())
    }
    async fn endpoints_before(
        &self,
        _: Option<WebhookEndpointId>,
        _: bool,
        _: u32,
    ) -> Result<Vec<EndpointRow>, StoreError> {
        Ok(Vec::new())
    }
    async fn first_unnumbered(&self) -> Result<Option<Moment>, StoreError> {
        Ok(None)
    }
    async fn first_unrelayed(&self, _: u64, _: u64) -> Result<Option<Moment>, StoreError> {
        Ok(None)
    }
    async fn delivery(
        &self,
        _: WebhookEndpointId,
        _: DeliveryId,
    ) -> Result<Option<DeliveryRow>, StoreError> {
        Ok(None)
    }
    async fn deliveries(&self, _: &DeliveryFilter) -> Result<Vec<DeliveryRow>, StoreError> {
        Ok(Vec::new())
    }
    async fn drop_deliveries(&self, _: Moment, _: u32) -> Result<u64, StoreError> {
        Ok(0)
    }
}
