//! Relays over the event stream, webhook endpoints that are leased as a whole, and deliveries.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use app::ports::outbound::*;
use app::ports::store::*;
use domain::ids::*;
use domain::time::{Moment, Span};
use domain::webhook::{DeliveryState, DisabledReason, EndpointHealth, EndpointState};
use testkit::wait_until;

use crate::build::*;
use crate::environment::Environment;

const LONG: Span = Span::from_seconds(3_600);
const MOMENT: Span = Span::from_millis(1);
const LIMIT: Duration = Duration::from_secs(20);
const RELAY: &str = "webhooks";

fn endpoint(n: u64, user: u64) -> EndpointRow {
    EndpointRow {
        id: WebhookEndpointId::from_bytes(bytes(n)),
        user_id: UserId::from_bytes(bytes(user)),
        slot: Some(u32::try_from(n).unwrap()),
        url: format!("https://shop{n}.example/hooks"),
        description: Some("the shop".into()),
        event_types: Some(vec!["charge.paid".into(), "payout.settled".into()]),
        secret: "whsec_bmV3".into(),
        old_secret: Some(("whsec_b2xk".into(), after(60))),
        state: EndpointState::Enabled,
        disabled_at: None,
        after_position: 7,
        health: EndpointHealth {
            failures: 3,
            failing_since: Some(after(1)),
            rest_until: None,
        },
        due_at: None,
        leased: false,
        token: 0,
        created_at: START,
        updated_at: after(2),
    }
}

fn delivery(n: u64, endpoint: u64, due_at: Moment) -> DeliveryRow {
    DeliveryRow {
        id: DeliveryId::from_bytes(bytes(n)),
        endpoint_id: WebhookEndpointId::from_bytes(bytes(endpoint)),
        event_id: EventId::from_bytes(bytes(n)),
        position: n,
        kind: "charge.paid".into(),
        state: DeliveryState::Pending,
        due_at: Some(due_at),
        tries: 0,
        replays: 0,
        log: "[]".into(),
        created_at: START,
        ended_at: None,
    }
}

fn done(row: &DeliveryRow) -> DeliveryRow {
    DeliveryRow {
        state: DeliveryState::Delivered,
        due_at: None,
        ended_at: Some(after(9)),
        log: r#"[{"at":1}]"#.into(),
        ..row.clone()
    }
}

fn out(write: OutboundWrite) -> Write {
    Write::Outbound(write)
}

fn save(row: &EndpointRow) -> Write {
    out(OutboundWrite::SaveEndpoint(row.clone()))
}

fn requeue(row: &EndpointRow) -> Write {
    out(OutboundWrite::Requeue(row.id))
}

fn lock(endpoints: &[&EndpointRow], deliveries: &[&DeliveryRow]) -> Locks {
    Locks {
        outbound: OutboundLocks {
            endpoints: endpoints.iter().map(|row| row.id).collect(),
            deliveries: deliveries
                .iter()
                .map(|row| (row.endpoint_id, row.id))
                .collect(),
            ..OutboundLocks::default()
        },
        ..Locks::default()
    }
}

async fn put_locked(store: &dyn Store, locks: Locks, writes: Vec<Write>) {
    must(commit_one(store, locking(locks, writes)).await);
}

/// Registers an endpoint and makes these deliveries to it.
async fn register(environment: &Environment, row: &EndpointRow, deliveries: &[DeliveryRow]) {
    let store = environment.port();
    put(store, vec![out(OutboundWrite::InsertEndpoint(row.clone()))]).await;
    let mut writes: Vec<Write> = deliveries
        .iter()
        .map(|row| out(OutboundWrite::InsertDelivery(row.clone())))
        .collect();
    writes.push(requeue(row));
    put_locked(store, lock(&[row], &[]), writes).await;
}

async fn claim(environment: &Environment, lease: Span) -> Vec<EndpointRow> {
    let now = environment.now();
    environment
        .store
        .claim_endpoints(now, lease, 100)
        .await
        .unwrap()
}

pub async fn endpoints_keep_what_they_are_and_give_their_slot_back(environment: Arc<Environment>) {
    let store = environment.port();
    let mut row = endpoint(1, 1);
    register(&environment, &row, &[]).await;
    let read = environment.store.endpoint(row.id).await.unwrap();
    assert_eq!(read.as_ref(), Some(&row));
    let all = EndpointRow {
        slot: Some(5),
        event_types: None,
        description: None,
        old_secret: None,
        ..endpoint(2, 1)
    };
    register(&environment, &all, &[]).await;
    register(&environment, &endpoint(3, 2), &[]).await;
    let of = |users: Vec<u64>| {
        let environment = Arc::clone(&environment);
        async move {
            let users: Vec<UserId> = users
                .into_iter()
                .map(|n| UserId::from_bytes(bytes(n)))
                .collect();
            environment.store.endpoints_of(&users).await.unwrap()
        }
    };
    assert_eq!(of(vec![1]).await, [row.clone(), all.clone()]);
    let many: Vec<u64> = (1..40).collect();
    let found = of(many.clone()).await;
    assert_eq!(found.len(), 3, "more users than one statement names");
    let owners = many.into_iter().map(|n| UserId::from_bytes(bytes(n)));
    let locks = Locks {
        outbound: OutboundLocks {
            owners: owners.collect(),
            ..OutboundLocks::default()
        },
        ..Locks::default()
    };
    assert_eq!(see(store, locks).await.outbound.endpoints.len(), 3);

    let twin = EndpointRow {
        slot: row.slot,
        ..endpoint(9, 1)
    };
    let insert = || vec![out(OutboundWrite::InsertEndpoint(twin.clone()))];
    let refused = refusal(store, insert()).await;
    assert_eq!(refused, StoreError::Conflict("webhook_endpoints.slot"));
    let unlocked = refusal(store, vec![save(&row)]).await;
    assert_eq!(unlocked, StoreError::Stale("webhook"));
    row.state = EndpointState::Deleted;
    row.slot = None;
    row.url = String::new();
    row.disabled_at = Some(after(5));
    put_locked(store, lock(&[&row], &[]), vec![save(&row)]).await;
    let read = environment.store.endpoint(row.id).await.unwrap();
    assert_eq!(read, Some(row));
    assert_eq!(of(vec![1]).await, [all]);
    put(store, insert()).await;
}

pub async fn a_relay_is_held_by_one_and_moves_once(environment: Arc<Environment>) {
    let store = environment.port();
    let outbound = &environment.store;
    let row = outbound.relay(RELAY).await.unwrap().unwrap();
    assert_eq!((row.position, row.leased_until), (0, None));
    assert_eq!(outbound.relay("nobody").await.unwrap(), None);
    let claim = |lease| outbound.claim_relay(RELAY, environment.now(), lease);
    let held = claim(LONG).await.unwrap().unwrap();
    assert_eq!(held.token, row.token + 1);
    assert_eq!(claim(LONG).await.unwrap(), None, "one at a time");
    let lease = |row: &RelayRow| RelayLease {
        name: row.name.clone(),
        token: row.token,
    };
    let advance = |row: &RelayRow, from, to, until| {
        out(OutboundWrite::AdvanceRelay {
            lease: lease(row),
            from,
            to,
            until,
        })
    };
    // Its holder lets it run out.
    let soon = environment.now();
    put(store, vec![advance(&held, 0, 5, soon)]).await;
    let twice = refusal(store, vec![advance(&held, 0, 5, soon)]).await;
    assert_eq!(twice, StoreError::Stale("relay"));
    let locks = |row: &RelayRow| Locks {
        outbound: OutboundLocks {
            relay: Some(lease(row)),
            ..OutboundLocks::default()
        },
        ..Locks::default()
    };
    let seen = see(store, locks(&held)).await.outbound.relay.unwrap();
    assert_eq!((seen.position, seen.leased_until), (5, Some(soon)));
    let next = wait_until("the lease's end", LIMIT, || async {
        claim(LONG).await.unwrap()
    })
    .await;
    assert_eq!((next.position, next.token), (5, held.token + 1));
    assert_eq!(see(store, locks(&held)).await.outbound.relay, None);
    let late = refusal(
        store,
        vec![
            Write::InsertEvent(event(1, None)),
            advance(&held, 5, 6, soon),
        ],
    )
    .await;
    assert_eq!(late, StoreError::Stale("relay"));
    assert_eq!(store.totals().await.unwrap().events, 0);
    let unknown = outbound.claim_relay("nobody", soon, LONG).await;
    assert!(matches!(unknown, Err(StoreError::Corrupt(_))));
}

pub async fn a_relay_is_opened_once_where_it_is_told(environment: Arc<Environment>) {
    let store = environment.port();
    let outbound = &environment.store;
    let row = RelayRow {
        name: "topic".to_owned(),
        position: 7,
        token: 0,
        leased_until: None,
    };
    let open = |position| {
        let row = RelayRow {
            position,
            ..row.clone()
        };
        vec![out(OutboundWrite::InsertRelay(row))]
    };
    put(store, open(7)).await;
    assert_eq!(
        refusal(store, open(9)).await,
        StoreError::Conflict("relays.name")
    );
    assert_eq!(outbound.relay("topic").await.unwrap(), Some(row));
    let claimed = outbound.claim_relay("topic", environment.now(), LONG).await;
    assert_eq!(claimed.unwrap().unwrap().position, 7);
}

pub async fn an_endpoint_is_due_with_its_first_delivery(environment: Arc<Environment>) {
    let store = environment.port();
    let outbound = &environment.store;
    for n in 1..=3 {
        put(store, vec![Write::InsertEvent(event(n, None))]).await;
    }
    store.sequence(10).await.unwrap();
    let now = environment.now();
    let (past, longer) = (now.minus(LONG), now.minus(LONG.times(2)));
    let rows = [
        delivery(1, 1, past),
        delivery(2, 1, longer),
        delivery(3, 1, now.plus(LONG)),
    ];
    let row = endpoint(1, 1);
    register(&environment, &row, &rows).await;
    assert_eq!(outbound.next_endpoint_at().await.unwrap(), Some(longer));

    let claimed = claim(&environment, LONG).await;
    assert_eq!(claimed.len(), 1);
    assert!(claimed[0].leased && claimed[0].token == 1);
    assert_eq!(claim(&environment, LONG).await, []);
    let due = outbound.due_deliveries(row.id, now, 10).await.unwrap();
    let ids: Vec<DeliveryId> = due.iter().map(|due| due.row.id).collect();
    assert_eq!(ids, [rows[1].id, rows[0].id], "longest due first");
    assert_eq!(due[0].row, rows[1]);
    let position = due[0].event.position;
    assert_eq!((due[0].event.id, position), (rows[1].event_id, Some(2)));
    assert_eq!(
        outbound.due_deliveries(row.id, now, 1).await.unwrap().len(),
        1
    );
    // More comes while it is leased: the lease stands.
    let until = claimed[0].due_at;
    put_locked(store, lock(&[&row], &[]), vec![requeue(&row)]).await;
    assert_eq!(outbound.next_endpoint_at().await.unwrap(), until);

    let lease = EndpointLease {
        endpoint_id: row.id,
        token: 1,
    };
    let unlocked = out(OutboundWrite::SaveDelivery(done(&rows[1])));
    let unlocked = refusal(store, vec![unlocked]).await;
    assert_eq!(unlocked, StoreError::Stale("webhook"));
    let writes = vec![
        out(OutboundWrite::SaveDelivery(done(&rows[1]))),
        out(OutboundWrite::EndTurn(lease)),
        requeue(&row),
    ];
    put_locked(store, lock(&[&row], &[&rows[1]]), writes.clone()).await;
    assert_eq!(outbound.next_endpoint_at().await.unwrap(), Some(past));
    let read = outbound.delivery(row.id, rows[1].id).await.unwrap();
    assert_eq!(read, Some(done(&rows[1])));
    let again = commit_one(store, locking(lock(&[&row], &[&rows[1]]), writes)).await;
    assert_eq!(error_of(again), StoreError::Stale("lease"));

    // It rests, then is disabled, then enabled again.
    let rest = now.plus(LONG.times(3));
    let mut changed = row.clone();
    changed.health.rest_until = Some(rest);
    let writes = |row: &EndpointRow| vec![save(row), requeue(row)];
    put_locked(store, lock(&[&row], &[]), writes(&changed)).await;
    assert_eq!(outbound.next_endpoint_at().await.unwrap(), Some(rest));
    changed.state = EndpointState::Disabled(DisabledReason::Failing);
    changed.disabled_at = Some(now);
    put_locked(store, lock(&[&row], &[]), writes(&changed)).await;
    assert_eq!(outbound.next_endpoint_at().await.unwrap(), None);
    put_locked(store, lock(&[&row], &[]), writes(&row)).await;
    assert_eq!(outbound.next_endpoint_at().await.unwrap(), Some(past));
}

pub async fn a_lapsed_lease_of_an_endpoint_goes_to_another(environment: Arc<Environment>) {
    let row = endpoint(1, 1);
    let past = environment.now().minus(LONG);
    register(&environment, &row, &[delivery(1, 1, past)]).await;
    let first = claim(&environment, MOMENT).await.remove(0);
    let second = wait_until("the lease's end", LIMIT, || async {
        claim(&environment, LONG).await.pop()
    })
    .await;
    assert_eq!((first.token, second.token), (1, 2));
    let end = |token| {
        out(OutboundWrite::EndTurn(EndpointLease {
            endpoint_id: row.id,
            token,
        }))
    };
    let late = refusal(environment.port(), vec![end(1)]).await;
    assert_eq!(late, StoreError::Stale("lease"));
    put(environment.port(), vec![end(2)]).await;
}

pub async fn endpoints_are_shared_by_workers_once_each(environment: Arc<Environment>) {
    const ENDPOINTS: u64 = 120;
    let past = environment.now().minus(LONG);
    for n in 0..ENDPOINTS {
        let row = endpoint(n, n);
        register(&environment, &row, &[delivery(n, n, past)]).await;
    }
    let mut workers = Vec::new();
    for _ in 0..4 {
        let environment = Arc::clone(&environment);
        workers.push(tokio::spawn(async move {
            let mut mine = Vec::new();
            loop {
                let now = environment.now();
                let claim = environment.store.claim_endpoints(now, LONG, 7);
                let claimed = claim.await.unwrap();
                if claimed.is_empty() {
                    return mine;
                }
                mine.extend(claimed.into_iter().map(|row| row.id));
            }
        }));
    }
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.unwrap());
    }
    all.extend(claim(&environment, LONG).await.iter().map(|row| row.id));
    let distinct: BTreeSet<WebhookEndpointId> = all.iter().copied().collect();
    assert_eq!(distinct.len(), all.len(), "an endpoint was leased twice");
    assert_eq!(all.len() as u64, ENDPOINTS);
}

/// One task makes deliveries while another takes the endpoint and gives it back: what is made just
/// as it is given back must not be forgotten.
pub async fn no_delivery_is_left_without_a_call(environment: Arc<Environment>) {
    const DELIVERIES: u64 = 60;
    let row = endpoint(1, 1);
    register(&environment, &row, &[]).await;
    let making = Arc::clone(&environment);
    let maker = tokio::spawn(async move {
        let row = endpoint(1, 1);
        for n in 1..=DELIVERIES {
            let made = delivery(n, 1, making.now().minus(LONG));
            let event = EventRow {
                position: None,
                ..event(n, None)
            };
            let writes = vec![
                Write::InsertEvent(event),
                out(OutboundWrite::InsertDelivery(made)),
                requeue(&row),
            ];
            put_locked(making.port(), lock(&[&row], &[]), writes).await;
            making.port().sequence(10).await.unwrap();
        }
    });
    let mut seen = 0;
    while seen < DELIVERIES {
        seen = delivered(&environment, &row).await;
        let claimed = claim(&environment, LONG).await;
        if claimed.is_empty() {
            if maker.is_finished() {
                let left = environment.store.next_endpoint_at().await.unwrap();
                seen = delivered(&environment, &row).await;
                assert!(seen == DELIVERIES || left.is_some(), "{seen} and no call");
            }
            tokio::task::yield_now().await;
            continue;
        }
        finish(&environment, &claimed[0]).await;
    }
    maker.await.unwrap();
}

async fn delivered(environment: &Environment, row: &EndpointRow) -> u64 {
    let filter = DeliveryFilter {
        endpoint_id: row.id,
        state: Some(DeliveryState::Delivered),
        before: None,
        limit: 1_000,
    };
    let found = environment.store.deliveries(&filter).await.unwrap();
    found.len() as u64
}

/// Delivers what is due and gives the endpoint back.
async fn finish(environment: &Environment, claimed: &EndpointRow) {
    let store = &environment.store;
    let by = environment.now();
    let due = store.due_deliveries(claimed.id, by, 3).await.unwrap();
    let rows: Vec<DeliveryRow> = due.into_iter().map(|due| due.row).collect();
    let saved = rows.iter().map(done).map(OutboundWrite::SaveDelivery);
    let mut writes: Vec<Write> = saved.map(out).collect();
    writes.push(out(OutboundWrite::EndTurn(EndpointLease {
        endpoint_id: claimed.id,
        token: claimed.token,
    })));
    writes.push(requeue(claimed));
    let locked: Vec<&DeliveryRow> = rows.iter().collect();
    put_locked(environment.port(), lock(&[claimed], &locked), writes).await;
}

pub async fn deliveries_come_newest_first_by_state_and_page(environment: Arc<Environment>) {
    let store = environment.port();
    let row = endpoint(1, 1);
    let rows: Vec<DeliveryRow> = (1..=5).map(|n| delivery(n, 1, after(60))).collect();
    register(&environment, &row, &rows).await;
    register(&environment, &endpoint(2, 1), &[delivery(6, 2, after(60))]).await;
    let twin = DeliveryRow {
        position: 1,
        ..delivery(99, 1, after(60))
    };
    let twin = refusal(store, vec![out(OutboundWrite::InsertDelivery(twin))]).await;
    assert_eq!(twin, StoreError::Conflict("webhook_deliveries.event"));
    let ended = [&rows[1], &rows[3]];
    let writes = ended.map(|row| out(OutboundWrite::SaveDelivery(done(row))));
    put_locked(store, lock(&[], &ended), writes.to_vec()).await;
    let list = |state, before: Option<&DeliveryRow>, limit| {
        let filter = DeliveryFilter {
            endpoint_id: row.id,
            state,
            before: before.map(|row| row.id),
            limit,
        };
        let environment = Arc::clone(&environment);
        async move {
            let found = environment.store.deliveries(&filter).await.unwrap();
            found.iter().map(|row| row.position).collect::<Vec<_>>()
        }
    };
    assert_eq!(list(None, None, 10).await, [5, 4, 3, 2, 1]);
    assert_eq!(list(None, Some(&rows[3]), 2).await, [3, 2]);
    let delivered = Some(DeliveryState::Delivered);
    assert_eq!(list(delivered, None, 10).await, [4, 2]);
    assert_eq!(list(delivered, Some(&rows[3]), 10).await, [2]);
    let pending = Some(DeliveryState::Pending);
    assert_eq!(list(pending, None, 10).await, [5, 3, 1]);
    let failed = list(Some(DeliveryState::Failed), None, 10).await;
    assert!(failed.is_empty(), "{failed:?}");
}

pub async fn what_is_old_or_orphaned_is_dropped(environment: Arc<Environment>) {
    let store = environment.port();
    let outbound = &environment.store;
    let old = |n, endpoint| delivery(n, endpoint, after(60));
    let young = |n, endpoint| DeliveryRow {
        created_at: after(500),
        ..delivery(n, endpoint, after(600))
    };
    let (enabled, failing, deleted) = (endpoint(1, 1), endpoint(2, 1), endpoint(3, 1));
    register(&environment, &enabled, &[old(1, 1), old(2, 1), young(3, 1)]).await;
    register(&environment, &failing, &[old(4, 2), young(5, 2)]).await;
    register(&environment, &deleted, &[old(6, 3), young(7, 3)]).await;
    let writes = vec![out(OutboundWrite::SaveDelivery(done(&old(1, 1))))];
    put_locked(store, lock(&[], &[&old(1, 1)]), writes).await;
    let off = EndpointRow {
        state: EndpointState::Disabled(DisabledReason::Failing),
        disabled_at: Some(after(3)),
        ..failing.clone()
    };
    let gone = EndpointRow {
        state: EndpointState::Deleted,
        slot: None,
        disabled_at: Some(after(3)),
        ..deleted.clone()
    };
    let writes = vec![save(&off), save(&gone)];
    put_locked(store, lock(&[&failing, &deleted], &[]), writes).await;

    let before = after(100);
    assert_eq!(outbound.drop_deliveries(before, 1).await.unwrap(), 1);
    assert!(outbound.endpoint(deleted.id).await.unwrap().is_some());
    assert_eq!(outbound.drop_deliveries(before, 100).await.unwrap(), 3);
    assert_eq!(outbound.drop_deliveries(before, 100).await.unwrap(), 0);
    assert_eq!(outbound.endpoint(deleted.id).await.unwrap(), None);
    let mut left = Vec::new();
    for row in [&enabled, &failing] {
        let filter = DeliveryFilter {
            endpoint_id: row.id,
            state: None,
            before: None,
            limit: 10,
        };
        let rows = outbound.deliveries(&filter).await.unwrap();
        left.extend(rows.iter().map(|row| row.position));
    }
    assert_eq!(left, [3, 2, 5], "pending ones of an enabled endpoint stay");
}

pub async fn endpoints_of_everybody_come_newest_first(environment: Arc<Environment>) {
    let outbound = &environment.store;
    let off = EndpointRow {
        state: EndpointState::Disabled(DisabledReason::Gone),
        disabled_at: Some(after(3)),
        ..endpoint(2, 8)
    };
    let gone = EndpointRow {
        state: EndpointState::Deleted,
        slot: None,
        disabled_at: Some(after(3)),
        ..endpoint(4, 9)
    };
    for row in [&endpoint(1, 7), &off, &endpoint(3, 7), &gone] {
        register(&environment, row, &[]).await;
    }
    let all = outbound.endpoints_before(None, false, 2).await.unwrap();
    assert_eq!(all, [endpoint(3, 7), off.clone()]);
    let last = Some(off.id);
    let older = outbound.endpoints_before(last, false, 9).await.unwrap();
    assert_eq!(older, [endpoint(1, 7)]);
    let disabled = outbound.endpoints_before(None, true, 9).await.unwrap();
    assert_eq!(disabled, [off]);
}

pub async fn the_oldest_that_waits_is_known(environment: Arc<Environment>) {
    let (store, outbound) = (environment.port(), &environment.store);
    let at = |n: u64, user: u64, kind: &str| EventRow {
        kind: kind.into(),
        user_id: Some(UserId::from_bytes(bytes(user))),
        occurred_at: after(u32::try_from(n).unwrap()),
        ..event(n, None)
    };
    assert_eq!(outbound.first_unnumbered().await.unwrap(), None);
    // Of nobody, of somebody else, of a kind that is not wanted, and the one that is.
    let events = [
        event(1, None),
        at(2, 2, "charge.paid"),
        at(3, 1, "charge.created"),
        at(4, 1, "charge.paid"),
    ];
    put(store, events.map(Write::InsertEvent).into()).await;
    let oldest = outbound.first_unnumbered().await.unwrap();
    assert_eq!(oldest, Some(START));
    store.sequence(10).await.unwrap();
    assert_eq!(outbound.first_unnumbered().await.unwrap(), None);

    let first = |after, to| {
        let environment = Arc::clone(&environment);
        async move { environment.store.first_unrelayed(after, to).await.unwrap() }
    };
    assert_eq!(first(0, 100).await, None, "nobody listens");
    let picky = EndpointRow {
        after_position: 0,
        event_types: Some(vec!["charge.paid".into()]),
        ..endpoint(1, 1)
    };
    let deaf = EndpointRow {
        state: EndpointState::Disabled(DisabledReason::Owner),
        disabled_at: Some(after(3)),
        after_position: 0,
        event_types: None,
        ..endpoint(2, 2)
    };
    let late = EndpointRow {
        after_position: 4,
        event_types: None,
        ..endpoint(3, 2)
    };
    for row in [&picky, &deaf, &late] {
        register(&environment, row, &[]).await;
    }
    assert_eq!(first(0, 100).await, Some(after(4)));
    assert_eq!(first(0, 3).await, None);
    assert_eq!(first(4, 100).await, None);
    put_locked(
        store,
        lock(&[&picky], &[]),
        vec![save(&EndpointRow {
            event_types: None,
            ..picky.clone()
        })],
    )
    .await;
    assert_eq!(first(0, 100).await, Some(after(3)), "of every kind");
}
