//! What operators see of customers' endpoints, and what they may do: look at deliveries, have one sent
//! again, switch an endpoint off and on. Whoever calls these has made sure that an operator asks.
//!
//! They never see a secret, nor what follows the path of an address.

use domain::ids::{DeliveryId, UserId, WebhookEndpointId};
use domain::time::Moment;
use domain::webhook::{EndpointHealth, EndpointState};
use serde_json::json;

use super::deliveries::view;
use super::endpoints::{Audit, ChangeEndpoint, Reach};
use super::{DeliveryView, WebhookRefusal, url};
use crate::commands::Caller;
use crate::context::App;
use crate::ports::outbound::{DeliveryFilter, EndpointRow};
use crate::ports::store::StoreError;

/// An endpoint without what only its owner may know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointView {
    pub id: WebhookEndpointId,
    pub user_id: UserId,
    /// Without a query.
    pub address: String,
    /// `None`: all.
    pub event_types: Option<Vec<String>>,
    pub state: EndpointState,
    pub disabled_at: Option<Moment>,
    pub health: EndpointHealth,
    pub created_at: Moment,
    /// The newest delivery.
    pub last: Option<DeliveryView>,
}

impl App {
    /// Everybody's endpoints, older than this one, newest first, each with its newest delivery.
    pub async fn all_endpoints(
        &self,
        before: Option<WebhookEndpointId>,
        only_disabled: bool,
        limit: u32,
    ) -> Result<Vec<EndpointView>, StoreError> {
        let rows = self
            .outbound
            .endpoints_before(before, only_disabled, limit)
            .await?;
        let mut views = Vec::with_capacity(rows.len());
        for row in rows {
            views.push(self.seen(row).await?);
        }
        Ok(views)
    }

    /// Anybody's endpoint.
    pub async fn any_endpoint(
        &self,
        id: WebhookEndpointId,
    ) -> Result<EndpointView, WebhookRefusal> {
        let row = self.any_row(id).await?;
        Ok(self.seen(row).await?)
    }

    /// Deliveries of anybody's endpoint, newest first.
    pub async fn any_deliveries(
        &self,
        filter: DeliveryFilter,
    ) -> Result<Vec<DeliveryView>, WebhookRefusal> {
        let endpoint = self.any_row(filter.endpoint_id).await?;
        let rows = self.outbound.deliveries(&filter).await?;
        let views = rows.into_iter().map(|row| view(row, &endpoint));
        Ok(views.collect::<Result<_, _>>()?)
    }

    /// Has a delivery tried now. Who has seen it asked for a number of times, and not once more since,
    /// asks; everybody else changes nothing.
    pub async fn replay_any_delivery(
        &self,
        caller: &Caller,
        (endpoint, id): (WebhookEndpointId, DeliveryId),
        seen_replays: u32,
    ) -> Result<DeliveryView, WebhookRefusal> {
        self.any_row(endpoint).await?;
        self.replay(caller, (endpoint, id), Some(seen_replays))
            .await
    }

    /// Switches anybody's endpoint on or off, as its owner may. What is so already is left alone.
    pub async fn switch_endpoint(
        &self,
        caller: &Caller,
        id: WebhookEndpointId,
        enabled: bool,
    ) -> Result<(), WebhookRefusal> {
        if self.any_row(id).await?.state.is_enabled() == enabled {
            return Ok(());
        }
        let change = ChangeEndpoint {
            enabled: Some(enabled),
            ..ChangeEndpoint::default()
        };
        let audited = Audit("webhook_endpoint.switched", json!({"enabled": enabled}));
        let switched = self.alter((caller, Reach::Any), id, audited, move |row, seed| {
            change.apply(row, seed);
        });
        switched.await.map(drop)
    }

    async fn any_row(&self, id: WebhookEndpointId) -> Result<EndpointRow, WebhookRefusal> {
        let found = self.outbound.endpoint(id).await?;
        found
            .filter(|row| row.state != EndpointState::Deleted)
            .ok_or(WebhookRefusal::NotFound)
    }

    async fn seen(&self, row: EndpointRow) -> Result<EndpointView, StoreError> {
        let newest = DeliveryFilter {
            endpoint_id: row.id,
            state: None,
            before: None,
            limit: 1,
        };
        let newest = self.outbound.deliveries(&newest).await?.pop();
        Ok(EndpointView {
            last: newest.map(|last| view(last, &row)).transpose()?,
            address: url::shown(&row.url),
            id: row.id,
            user_id: row.user_id,
            event_types: row.event_types,
            state: row.state,
            disabled_at: row.disabled_at,
            health: row.health,
            created_at: row.created_at,
        })
    }
}
