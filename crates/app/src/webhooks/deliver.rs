//! Sending: a worker leases endpoints that have something due, and gives each a turn.
//!
//! A turn sends a few deliveries, [`AT_ONCE`] at a time, and ends early when one fails or when it has
//! taken long: whoever is slow or dead takes a place for little more than one request. What came of
//! it is one commit under the endpoint's lease. A worker that dies leaves the lease behind; another
//! takes the endpoint after it has run out and sends again what was not written.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::ids::{AlertId, DeliveryId};
use domain::time::{Moment, Span};
use domain::webhook::{
    DeliveryPolicy, DeliveryState, DisabledReason, EndpointHealth, EndpointState, Receipt,
};
use futures::FutureExt as _;
use futures::future::{join_all, select};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::sign;
use super::tries::{Try, append};
use crate::audit::{Audited, SYSTEM, audit};
use crate::context::{App, CommitError, Decision, IdSeed, Ids};
use crate::events;
use crate::ports::outbound::{
    DeliveryRow, DueDelivery, EndpointLease, EndpointRow, OutboundLocks, OutboundWrite,
};
use crate::ports::store::{AlertRow, Locked, Locks, StoreError, Write};
use crate::ports::webhooks::{WebhookRequest, WebhookSender};

/// Requests under way to one endpoint.
const AT_ONCE: usize = 2;
/// Deliveries of one turn.
const DELIVERIES: u32 = 32;
/// Nothing more is begun in a turn that has taken so long.
const TURN: Span = Span::from_seconds(5);
/// Outlives a turn with its last request.
pub const LEASE: Span = Span::from_seconds(60);
/// An endpoint that is due and could not be claimed is not asked for in a spin.
const SHORTEST_PAUSE: Span = Span::from_millis(10);
const TROUBLE_WAIT: Span = Span::from_seconds(1);
/// Between turns that found nothing, of an endpoint that seemed to have something.
const EMPTY_WAIT: Span = Span::from_seconds(1);

/// Delivers until told to stop, then waits for the turns under way.
pub async fn work(
    app: App,
    sender: Arc<dyn WebhookSender>,
    at_once: usize,
    mut stop: watch::Receiver<bool>,
) {
    let slots = Arc::new(Semaphore::new(at_once));
    while !*stop.borrow() {
        // Listening starts before the look, so that a commit between the two is not missed.
        let bell = app.bell.clone();
        let mut rung = std::pin::pin!(bell.notified());
        rung.as_mut().enable();
        let pause = match take_up(&app, &sender, &slots).await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::warn!(%error, "cannot claim webhook endpoints");
                TROUBLE_WAIT
            }
        };
        if pause == Span::ZERO {
            continue;
        }
        let all_taken = slots.available_permits() == 0;
        let rested = select(app.runtime.sleep(pause), freed(&slots, all_taken).boxed()).boxed();
        select(select(rung, rested), stop.changed().boxed()).await;
    }
    let all = u32::try_from(at_once).unwrap_or(u32::MAX);
    let _drained = slots.acquire_many(all).await;
}

async fn freed(slots: &Semaphore, all_taken: bool) {
    if all_taken {
        let _freed = slots.acquire().await;
    } else {
        std::future::pending::<()>().await;
    }
}

/// Begins turns for what is due; how long to wait until the next look.
async fn take_up(
    app: &App,
    sender: &Arc<dyn WebhookSender>,
    slots: &Arc<Semaphore>,
) -> Result<Span, StoreError> {
    let longest = app.settings.idle_look;
    let free = slots.available_permits();
    if free == 0 {
        return Ok(longest);
    }
    let now = app.now();
    match app.outbound.next_endpoint_at().await? {
        None => return Ok(longest),
        Some(at) if at > now => return Ok(at.since(now).max(SHORTEST_PAUSE).min(longest)),
        Some(_) => {}
    }
    let limit = u32::try_from(free).unwrap_or(u32::MAX);
    let claimed = app.outbound.claim_endpoints(now, LEASE, limit).await?;
    if claimed.is_empty() {
        return Ok(SHORTEST_PAUSE);
    }
    for endpoint in claimed {
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            // Another loop on the same slots took it; the lease runs out and the endpoint comes back.
            continue;
        };
        let turn = run_turn(app.clone(), sender.clone(), endpoint, slot);
        app.runtime.spawn("webhook", turn.boxed());
    }
    Ok(Span::ZERO)
}

async fn run_turn(
    app: App,
    sender: Arc<dyn WebhookSender>,
    endpoint: EndpointRow,
    slot: OwnedSemaphorePermit,
) {
    if let Err(error) = turn(&app, &*sender, &endpoint).await {
        // The lease runs out and another turn sends again.
        tracing::warn!(endpoint = %endpoint.id, %error, "a turn of a webhook endpoint failed");
    }
    drop(slot);
}

/// What one request came to.
struct Tried {
    delivery: DeliveryRow,
    tried: Try,
}

/// One turn of a leased endpoint. Public for tests.
pub async fn turn(
    app: &App,
    sender: &dyn WebhookSender,
    endpoint: &EndpointRow,
) -> Result<(), StoreError> {
    let began = app.now();
    let mut tried = Vec::new();
    if endpoint.state.is_enabled() {
        // By the clock that the lease was taken with.
        let by = endpoint.due_at.map_or(began, |until| until.minus(LEASE));
        let outbound = &app.outbound;
        let due = outbound.due_deliveries(endpoint.id, by, DELIVERIES).await?;
        for some in due.chunks(AT_ONCE) {
            let sent = join_all(some.iter().map(|due| send(app, sender, endpoint, due))).await;
            for one in sent {
                tried.push(one?);
            }
            let is_going_well = |one: &Tried| one.tried.receipt() == Receipt::Delivered;
            if !tried.iter().all(is_going_well) || app.now().since(began) >= TURN {
                break;
            }
        }
    }
    end_turn(app, endpoint, tried).await
}

async fn send(
    app: &App,
    sender: &dyn WebhookSender,
    endpoint: &EndpointRow,
    due: &DueDelivery,
) -> Result<Tried, StoreError> {
    let at = app.now();
    let body = events::published(&due.event);
    let headers = sign::headers(endpoint, &due.event.id.to_string(), &body, at)?;
    let request = WebhookRequest {
        url: endpoint.url.clone(),
        headers,
        body,
    };
    let outcome = sender.post(request).await;
    let tried = Try::new(at, app.now(), &outcome);
    let (status, error) = (tried.status, tried.error.as_deref());
    let (endpoint, delivery, duration_ms) = (endpoint.id, due.row.id, tried.duration_ms);
    match tried.receipt() {
        Receipt::Delivered => {
            tracing::debug!(%endpoint, %delivery, status, duration_ms, "a webhook was delivered");
        }
        Receipt::Gone | Receipt::Refused => {
            tracing::info!(%endpoint, %delivery, status, error, duration_ms, "a webhook failed");
        }
    }
    Ok(Tried {
        delivery: due.row.clone(),
        tried,
    })
}

/// Everything that the decision about a turn needs.
struct Turn {
    lease: EndpointLease,
    tried: BTreeMap<DeliveryId, Tried>,
    policy: DeliveryPolicy,
    seed: IdSeed,
    draw: u64,
}

async fn end_turn(app: &App, endpoint: &EndpointRow, tried: Vec<Tried>) -> Result<(), StoreError> {
    let turn = Turn {
        lease: EndpointLease {
            endpoint_id: endpoint.id,
            token: endpoint.token,
        },
        tried: tried
            .into_iter()
            .map(|one| (one.delivery.id, one))
            .collect(),
        policy: app.settings.webhooks.policy.clone(),
        seed: app.ids(),
        draw: app.draw(),
    };
    let locks = Locks {
        outbound: OutboundLocks {
            endpoints: vec![endpoint.id],
            deliveries: turn.tried.keys().map(|id| (endpoint.id, *id)).collect(),
            ..OutboundLocks::default()
        },
        ..Locks::default()
    };
    let ended = app
        .commit("end_webhook_turn", locks, move |locked| {
            match turn.decide(locked) {
                Ok(Some(end)) => Decision::Commit(end.writes, end.disabled),
                // Another worker has the endpoint by now, and sends again what this one sent.
                Ok(None) => Decision::Refuse(StoreError::Stale("lease")),
                Err(error) => Decision::Refuse(error),
            }
        })
        .await;
    match ended {
        Ok(disabled) => {
            if let Some(reason) = disabled {
                let reason = reason.as_str();
                tracing::warn!(endpoint = %endpoint.id, reason, "a webhook endpoint was disabled");
            }
            Ok(())
        }
        Err(CommitError::Refused(StoreError::Stale(_))) => Ok(()),
        Err(CommitError::Refused(error) | CommitError::Store(error)) => Err(error),
    }
}

/// What a turn comes to.
struct End {
    writes: Vec<Write>,
    /// Why the endpoint is left alone from now on.
    disabled: Option<DisabledReason>,
}

impl Turn {
    /// What to write; `None` when the lease is no longer held.
    fn decide(&self, locked: &Locked) -> Result<Option<End>, StoreError> {
        let held = locked.outbound.endpoints.get(&self.lease.endpoint_id);
        let held = held.filter(|row| row.leased && row.token == self.lease.token);
        let Some(endpoint) = held else {
            return Ok(None);
        };
        let (mut writes, mut disabled) = (Vec::new(), None);
        if endpoint.state != EndpointState::Deleted {
            for (nth, (id, one)) in (0u32..).zip(&self.tried) {
                if let Some(row) = locked.outbound.deliveries.get(id) {
                    let row = self.after_try(row, one, nth)?;
                    writes.push(Write::Outbound(OutboundWrite::SaveDelivery(row)));
                }
            }
            disabled = self.disabling(endpoint);
            writes.extend(self.judge(endpoint, disabled));
        }
        writes.push(Write::Outbound(OutboundWrite::EndTurn(self.lease)));
        writes.push(Write::Outbound(OutboundWrite::Requeue(endpoint.id)));
        Ok(Some(End { writes, disabled }))
    }

    /// The delivery after its try.
    fn after_try(
        &self,
        row: &DeliveryRow,
        one: &Tried,
        nth: u32,
    ) -> Result<DeliveryRow, StoreError> {
        let now = self.seed.now;
        let mut row = row.clone();
        row.log = append(&row.log, &one.tried)?;
        if row.replays != one.delivery.replays {
            // It was asked for again meanwhile: that is one more try, whatever this one came to.
            return Ok(row);
        }
        let (state, due_at) = match one.tried.receipt() {
            Receipt::Delivered => (DeliveryState::Delivered, None),
            Receipt::Gone | Receipt::Refused => {
                row.tries += 1;
                match self.policy.next_wait(row.tries, self.draw.rotate_left(nth)) {
                    Some(wait) => (DeliveryState::Pending, Some(now.plus(wait))),
                    None => (DeliveryState::Failed, None),
                }
            }
        };
        row.state = state;
        row.due_at = due_at;
        row.ended_at = due_at.is_none().then_some(now);
        Ok(row)
    }

    /// Why the endpoint is to be disabled, if it is.
    fn disabling(&self, before: &EndpointRow) -> Option<DisabledReason> {
        let is_gone = self
            .tried
            .values()
            .any(|one| one.tried.receipt() == Receipt::Gone);
        let health = self.health(before.health);
        let reason = if is_gone {
            Some(DisabledReason::Gone)
        } else if health.is_hopeless(self.seed.now, &self.policy) {
            Some(DisabledReason::Failing)
        } else {
            None
        };
        reason.filter(|_| before.state.is_enabled())
    }

    /// The endpoint after its turn, and who is told when it is disabled.
    fn judge(&self, before: &EndpointRow, disabled: Option<DisabledReason>) -> Vec<Write> {
        let now = self.seed.now;
        let mut endpoint = before.clone();
        endpoint.health = self.health(before.health);
        let mut writes = Vec::new();
        if let Some(reason) = disabled {
            endpoint.state = EndpointState::Disabled(reason);
            endpoint.disabled_at = Some(now);
            endpoint.updated_at = now;
            writes.extend(told(&mut self.seed.start(), &endpoint, reason, now));
        }
        writes.insert(0, Write::Outbound(OutboundWrite::SaveEndpoint(endpoint)));
        writes
    }

    fn health(&self, before: EndpointHealth) -> EndpointHealth {
        let now = self.seed.now;
        let failed = self.tried.values();
        let failed = failed.filter(|one| one.tried.receipt() != Receipt::Delivered);
        let failed = u32::try_from(failed.count()).unwrap_or(u32::MAX);
        if self.tried.is_empty() {
            EndpointHealth {
                rest_until: Some(now.plus(EMPTY_WAIT)).max(before.rest_until),
                ..before
            }
        } else if failed as usize == self.tried.len() {
            before.failed(failed, now, &self.policy, self.draw)
        } else {
            EndpointHealth::default()
        }
    }
}

/// The owner is told by an event, operators by an alert, and it stands in the audit trail.
fn told(ids: &mut Ids, endpoint: &EndpointRow, reason: DisabledReason, at: Moment) -> Vec<Write> {
    let subject = endpoint.id.to_string();
    let failures = endpoint.health.failures;
    let detail = json!({"reason": reason.as_str(), "failures": failures});
    let mut writes = vec![events::endpoint_disabled(ids, endpoint, reason, at)];
    let alert = AlertRow {
        id: AlertId::from_bytes(ids.make()),
        kind: "webhook_endpoint_disabled".to_owned(),
        transaction_id: None,
        gateway: None,
        message: format!(
            "webhook endpoint {subject} was disabled ({}) after {failures} failures in a row",
            reason.as_str()
        ),
        raised_at: at,
    };
    writes.extend(events::alert(ids, alert));
    writes.push(audit(
        ids,
        at,
        Audited {
            actor: SYSTEM.to_owned(),
            action: "webhook_endpoint.disabled",
            subject,
            detail,
        },
    ));
    writes
}
