//! The log of deliveries, and asking for one again.

use domain::ids::{DeliveryId, WebhookEndpointId};
use domain::time::Moment;
use domain::webhook::DeliveryState;
use serde_json::json;

use super::WebhookRefusal;
use super::endpoints::audited;
use super::tries::{Try, read};
use crate::audit::audit;
use crate::commands::Caller;
use crate::context::{App, CommitError, Decision};
use crate::ports::outbound::{
    DeliveryFilter, DeliveryRow, EndpointRow, OutboundLocks, OutboundWrite,
};
use crate::ports::store::{Locks, StoreError, Write};

/// A delivery with its latest tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryView {
    pub row: DeliveryRow,
    /// Oldest first.
    pub tries: Vec<Try>,
    /// `None` when it is done, or its endpoint disabled.
    pub next_try_at: Option<Moment>,
}

pub(super) fn view(row: DeliveryRow, endpoint: &EndpointRow) -> Result<DeliveryView, StoreError> {
    let due = row.due_at.filter(|_| endpoint.state.is_enabled());
    Ok(DeliveryView {
        tries: read(&row.log)?,
        next_try_at: due.map(|at| at.max(endpoint.health.rest_until.unwrap_or(at))),
        row,
    })
}

impl App {
    /// Deliveries of an endpoint of the caller's, newest first.
    pub async fn deliveries(
        &self,
        caller: &Caller,
        filter: DeliveryFilter,
    ) -> Result<Vec<DeliveryView>, WebhookRefusal> {
        let endpoint = self.own_endpoint(caller, filter.endpoint_id).await?;
        let rows = self.outbound.deliveries(&filter).await?;
        let views = rows.into_iter().map(|row| view(row, &endpoint));
        Ok(views.collect::<Result<_, _>>()?)
    }

    /// Has a delivery tried now, whatever came of it before, and from then on like a new one.
    pub async fn replay_delivery(
        &self,
        caller: &Caller,
        endpoint_id: WebhookEndpointId,
        id: DeliveryId,
    ) -> Result<DeliveryView, WebhookRefusal> {
        self.own_endpoint(caller, endpoint_id).await?;
        self.replay(caller, (endpoint_id, id), None).await
    }

    /// Whoever saw it before it was asked for again changes nothing by asking, too.
    pub(super) async fn replay(
        &self,
        caller: &Caller,
        (endpoint_id, id): (WebhookEndpointId, DeliveryId),
        seen_replays: Option<u32>,
    ) -> Result<DeliveryView, WebhookRefusal> {
        let seed = self.ids();
        let caller = caller.clone();
        let locks = Locks {
            outbound: OutboundLocks {
                endpoints: vec![endpoint_id],
                deliveries: vec![(endpoint_id, id)],
                ..OutboundLocks::default()
            },
            ..Locks::default()
        };
        let replayed = self
            .commit("replay_webhook", locks, move |locked| {
                let endpoint = locked.outbound.endpoints.get(&endpoint_id);
                let found = endpoint.zip(locked.outbound.deliveries.get(&id));
                let Some((endpoint, delivery)) = found else {
                    return Decision::Refuse(WebhookRefusal::NotFound);
                };
                if !endpoint.state.is_enabled() {
                    return Decision::Refuse(WebhookRefusal::Disabled);
                }
                if seen_replays.is_some_and(|seen| seen != delivery.replays) {
                    return Decision::Commit(Vec::new(), (delivery.clone(), endpoint.clone()));
                }
                let mut endpoint = endpoint.clone();
                endpoint.health.rest_until = None;
                let row = DeliveryRow {
                    state: DeliveryState::Pending,
                    due_at: Some(seed.now),
                    tries: 0,
                    replays: delivery.replays + 1,
                    ended_at: None,
                    ..delivery.clone()
                };
                let audited = audited(&caller, "webhook_delivery.replayed", id, json!({}));
                let writes = vec![
                    Write::Outbound(OutboundWrite::SaveEndpoint(endpoint.clone())),
                    Write::Outbound(OutboundWrite::SaveDelivery(row.clone())),
                    Write::Outbound(OutboundWrite::Requeue(endpoint_id)),
                    audit(&mut seed.start(), seed.now, audited),
                ];
                Decision::Commit(writes, (row, endpoint))
            })
            .await;
        match replayed {
            Ok((row, endpoint)) => Ok(view(row, &endpoint)?),
            Err(CommitError::Refused(refusal)) => Err(refusal),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }
}
