//! From events to deliveries: one for each event and each endpoint of its owner that wants it.

use std::collections::{BTreeMap, BTreeSet};

use domain::ids::{DeliveryId, UserId, WebhookEndpointId};
use domain::webhook::DeliveryState;
use futures::FutureExt as _;
use futures::future::select;
use tokio::sync::watch;

use crate::context::{App, CommitError, Decision, IdSeed};
use crate::ports::outbound::{DeliveryRow, EndpointRow, OutboundLocks, OutboundWrite};
use crate::ports::store::{EventRow, Locked, Locks, StoreError, Write};
use crate::relay::{Hold, LEASE, Place};

/// The row that holds the place in the stream.
pub const NAME: &str = "webhooks";
/// Events read at once.
const EVENTS: u32 = 200;
/// Deliveries of one commit, about.
const DELIVERIES: usize = 500;
/// Steps of one turn: the next turn goes on.
const STEPS: u32 = 50;

/// The relay of one process.
pub struct WebhookRelay {
    place: Place,
}

impl Default for WebhookRelay {
    fn default() -> WebhookRelay {
        WebhookRelay {
            place: Place::new(NAME),
        }
    }
}

/// Relays after every commit, and at every idle look, until told to stop.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    let mut relay = WebhookRelay::default();
    while !*stop.borrow() {
        // Listening starts before the look, so that a commit between the two is not missed.
        let bell = app.bell.clone();
        let mut rung = std::pin::pin!(bell.notified());
        rung.as_mut().enable();
        if let Err(error) = relay.turn(&app).await {
            tracing::warn!(%error, "events could not be relayed to webhooks");
        }
        let idle = app.runtime.sleep(app.settings.idle_look);
        select(select(rung, idle), stop.changed().boxed()).await;
    }
    // Another process need not wait for the lease to run out.
    if let Err(error) = relay.place.give_back(&app).await {
        tracing::info!(%error, "the relay of webhooks could not be given back");
    }
}

impl WebhookRelay {
    /// Hands on what has been numbered since the last turn; how many deliveries were made.
    pub async fn turn(&mut self, app: &App) -> Result<u64, StoreError> {
        let mut made = 0;
        for _ in 0..STEPS {
            match self.step(app).await {
                Ok(Some(count)) => made += count,
                Ok(None) => break,
                Err(error) => {
                    self.place.lose();
                    return Err(error);
                }
            }
        }
        Ok(made)
    }

    /// One page of events; `None` when there is nothing to do now.
    async fn step(&mut self, app: &App) -> Result<Option<u64>, StoreError> {
        let Some(after) = self.place.begin(app).await? else {
            return Ok(None);
        };
        let mut events = app.store.events_after(after, None, EVENTS).await?;
        let owners: BTreeSet<UserId> = events.iter().filter_map(|event| event.user_id).collect();
        let owners: Vec<UserId> = owners.into_iter().collect();
        let endpoints = match owners.is_empty() {
            true => Vec::new(),
            false => app.outbound.endpoints_of(&owners).await?,
        };
        let planned = shorten(&mut events, &endpoints);
        let Some(to) = events.last().and_then(|event| event.position) else {
            return Ok(None);
        };
        if planned == 0 && !self.place.is_behind(to) {
            self.place.pass(to);
            return Ok(Some(0));
        }
        let Some(hold) = self.place.hold(app).await? else {
            return Ok(None);
        };
        match commit(app, hold, events, &endpoints).await {
            Ok(count) => {
                self.place.moved(to);
                Ok(Some(count))
            }
            Err(CommitError::Refused(())) | Err(CommitError::Store(StoreError::Stale(_))) => {
                // Another process has the relay by now.
                self.place.lose();
                Ok(None)
            }
            Err(CommitError::Store(error)) => Err(error),
        }
    }
}

/// Cuts the page to what one commit should hold, and counts its deliveries.
fn shorten(events: &mut Vec<EventRow>, endpoints: &[EndpointRow]) -> usize {
    let mut planned = 0;
    let mut kept = 0;
    for event in events.iter() {
        let more = endpoints.iter().filter(|row| wants(row, event)).count();
        if kept > 0 && planned + more > DELIVERIES {
            break;
        }
        planned += more;
        kept += 1;
    }
    events.truncate(kept);
    planned
}

/// Whether the event is one of the endpoint's.
fn wants(endpoint: &EndpointRow, event: &EventRow) -> bool {
    let is_wanted = |types: &Vec<String>| types.contains(&event.kind);
    event.user_id == Some(endpoint.user_id)
        && endpoint.state.takes_events()
        && event.position > Some(endpoint.after_position)
        && endpoint.event_types.as_ref().is_none_or(is_wanted)
}

async fn commit(
    app: &App,
    hold: Hold,
    events: Vec<EventRow>,
    endpoints: &[EndpointRow],
) -> Result<u64, CommitError<()>> {
    let owners: BTreeSet<UserId> = endpoints.iter().map(|row| row.user_id).collect();
    let locks = Locks {
        outbound: OutboundLocks {
            relay: Some(hold.lease.clone()),
            owners: owners.into_iter().collect(),
            ..OutboundLocks::default()
        },
        ..Locks::default()
    };
    let seed = app.ids();
    app.commit("relay_webhooks", locks, move |locked| {
        decide(locked, &hold, &events, seed)
    })
    .await
}

fn decide(locked: &Locked, hold: &Hold, events: &[EventRow], seed: IdSeed) -> Decision<u64, ()> {
    let place = locked.outbound.relay.as_ref();
    let is_ours = place.is_some_and(|row| row.position == hold.stored);
    let Some(to) = events.last().and_then(|event| event.position) else {
        return Decision::Refuse(());
    };
    if !is_ours {
        return Decision::Refuse(());
    }
    let mut ids = seed.start();
    let mut deliveries = BTreeMap::<WebhookEndpointId, u64>::new();
    let mut writes = Vec::new();
    for event in events {
        let wanting = locked.outbound.endpoints.values();
        for endpoint in wanting.filter(|row| wants(row, event)) {
            *deliveries.entry(endpoint.id).or_default() += 1;
            let id = DeliveryId::from_bytes(ids.make());
            let row = delivery(id, endpoint.id, event, seed);
            writes.push(Write::Outbound(OutboundWrite::InsertDelivery(row)));
        }
    }
    let due = deliveries.keys().copied();
    writes.extend(due.map(|id| Write::Outbound(OutboundWrite::Requeue(id))));
    writes.push(Write::Outbound(OutboundWrite::AdvanceRelay {
        lease: hold.lease.clone(),
        from: hold.stored,
        to,
        until: seed.now.plus(LEASE),
    }));
    Decision::Commit(writes, deliveries.values().sum())
}

fn delivery(
    id: DeliveryId,
    endpoint_id: WebhookEndpointId,
    event: &EventRow,
    seed: IdSeed,
) -> DeliveryRow {
    DeliveryRow {
        id,
        endpoint_id,
        event_id: event.id,
        position: event.position.unwrap_or(0),
        kind: event.kind.clone(),
        state: DeliveryState::Pending,
        due_at: Some(seed.now),
        tries: 0,
        replays: 0,
        log: "[]".to_owned(),
        created_at: seed.now,
        ended_at: None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use domain::ids::EventId;
    use domain::time::Moment;
    use domain::webhook::{DisabledReason, EndpointHealth, EndpointState};

    pub fn endpoint(n: u8) -> EndpointRow {
        EndpointRow {
            id: WebhookEndpointId::from_bytes([n; 16]),
            user_id: UserId::from_bytes([1; 16]),
            slot: Some(u32::from(n)),
            url: "https://shop.example/".into(),
            description: None,
            event_types: None,
            secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(),
            old_secret: None,
            state: EndpointState::Enabled,
            disabled_at: None,
            after_position: 0,
            health: EndpointHealth::default(),
            due_at: None,
            leased: false,
            token: 0,
            created_at: Moment::default(),
            updated_at: Moment::default(),
        }
    }

    fn event(position: u64) -> EventRow {
        EventRow {
            id: EventId::from_bytes([9; 16]),
            kind: "charge.paid".into(),
            transaction_id: None,
            transaction_version: None,
            wallet_id: None,
            user_id: Some(UserId::from_bytes([1; 16])),
            body: "{}".into(),
            occurred_at: Moment::default(),
            position: Some(position),
        }
    }

    #[test]
    fn an_endpoint_gets_its_owners_events_from_its_registration_on() {
        let row = endpoint(1);
        assert!(wants(&row, &event(1)));
        let later = EndpointRow {
            after_position: 1,
            ..endpoint(1)
        };
        assert!(!wants(&later, &event(1)));
        assert!(wants(&later, &event(2)));
        let others = EventRow {
            user_id: Some(UserId::from_bytes([2; 16])),
            ..event(1)
        };
        assert!(!wants(&row, &others));
        let operators = EventRow {
            user_id: None,
            ..event(1)
        };
        assert!(!wants(&row, &operators));
        for (types, wanted) in [(vec!["charge.paid"], true), (vec!["payout.created"], false)] {
            let types = types.into_iter().map(str::to_owned).collect();
            let row = EndpointRow {
                event_types: Some(types),
                ..endpoint(1)
            };
            assert_eq!(wants(&row, &event(1)), wanted);
        }
        for (reason, wanted) in [
            (DisabledReason::Owner, false),
            (DisabledReason::Gone, false),
            (DisabledReason::Failing, true),
        ] {
            let row = EndpointRow {
                state: EndpointState::Disabled(reason),
                ..endpoint(1)
            };
            assert_eq!(wants(&row, &event(1)), wanted, "{reason:?}");
        }
    }

    #[test]
    fn a_page_is_cut_to_one_commit_but_never_to_nothing() {
        let endpoints: Vec<EndpointRow> = (1..=16).map(endpoint).collect();
        let mut events: Vec<EventRow> = (1..=200).map(event).collect();
        assert_eq!(shorten(&mut events, &endpoints), 31 * 16);
        assert_eq!(events.len(), 31);
        let mut events: Vec<EventRow> = (1..=200).map(event).collect();
        assert_eq!(shorten(&mut events, &[]), 0);
        assert_eq!(events.len(), 200);
    }

    #[test]
    fn a_step_from_another_place_is_refused() {
        let hold = Hold {
            lease: crate::ports::outbound::RelayLease {
                name: NAME.into(),
                token: 3,
            },
            stored: 4,
        };
        let at = |position| {
            let mut locked = Locked::default();
            locked.outbound.relay = Some(crate::ports::outbound::RelayRow {
                name: NAME.into(),
                position,
                token: 3,
                leased_until: None,
            });
            locked
                .outbound
                .endpoints
                .insert(endpoint(1).id, endpoint(1));
            locked
        };
        let seed = IdSeed::for_tests(Moment::default());
        let decided = decide(&at(4), &hold, &[event(5)], seed);
        assert!(matches!(decided, Decision::Commit(writes, 1) if writes.len() == 3));
        let decided = decide(&at(5), &hold, &[event(5)], seed);
        assert!(matches!(decided, Decision::Refuse(())));
        let decided = decide(&Locked::default(), &hold, &[event(5)], seed);
        assert!(matches!(decided, Decision::Refuse(())));
    }
}
