//! What leaves by the event stream: the locks and writes of its units, its claims, and what is
//! removed in time.

use std::collections::BTreeSet;

use app::ports::outbound::*;
use app::ports::store::StoreError;
use domain::ids::{DeliveryId, UserId, WebhookEndpointId};
use domain::time::{Moment, Span};
use domain::webhook::EndpointState;

use crate::keyring::Column;
use crate::query::queue::shared_clock;
use crate::rows::Reader;
use crate::rows::outbound as rows;
use crate::sql::outbound as sql;
use crate::tx::{Columns, Done, Tx};
use crate::value::{Val, args};

// ---------------------------------------------------------------- locks

pub(crate) async fn lock(tx: &mut Tx, locks: &OutboundLocks) -> Done<OutboundLocked> {
    let mut locked = OutboundLocked::default();
    if let Some(lease) = &locks.relay {
        let found = tx.row(sql::LOCK_RELAY, args![&lease.name]).await?;
        let row = found.map(rows::relay).transpose()?;
        locked.relay = row.filter(|row| row.token == lease.token);
    }
    let sealer = tx.sealer.clone();
    for chunk in locks.owners.chunks(sql::PLACES) {
        let args = padded(chunk);
        for columns in tx.rows(sql::LOCK_ENDPOINTS_OF, args).await? {
            let row = rows::endpoint(columns, &sealer)?;
            locked.endpoints.insert(row.id, row);
        }
    }
    for id in locks.endpoints.iter().copied().collect::<BTreeSet<_>>() {
        if let Some(columns) = tx.row(sql::LOCK_ENDPOINT, args![id]).await? {
            locked
                .endpoints
                .insert(id, rows::endpoint(columns, &sealer)?);
        }
    }
    for (endpoint, id) in locks.deliveries.iter().copied().collect::<BTreeSet<_>>() {
        let args = args![endpoint, id];
        if let Some(columns) = tx.row(sql::LOCK_DELIVERY, args).await? {
            locked.deliveries.insert(id, rows::delivery(columns)?);
        }
    }
    Ok(locked)
}

/// The values of a chunk, the last one repeated up to the statement's number of places.
fn padded<T: Copy + Into<Val>>(chunk: &[T]) -> Vec<Val> {
    let last = chunk.last().copied();
    (0..sql::PLACES)
        .map(|place| Val::from(chunk.get(place).copied().or(last)))
        .collect()
}

// ---------------------------------------------------------------- writes

/// Whether the unit may write this: absolute values computed from rows that were not locked would
/// lose updates.
pub(crate) fn is_of_locked(write: &OutboundWrite, locked: &OutboundLocked) -> bool {
    match write {
        OutboundWrite::SaveEndpoint(row) => locked.endpoints.contains_key(&row.id),
        OutboundWrite::Requeue(id) => locked.endpoints.contains_key(id),
        OutboundWrite::SaveDelivery(row) => locked.deliveries.contains_key(&row.id),
        OutboundWrite::InsertEndpoint(_)
        | OutboundWrite::EndTurn(_)
        | OutboundWrite::InsertDelivery(_)
        | OutboundWrite::InsertRelay(_)
        | OutboundWrite::AdvanceRelay { .. } => true,
    }
}

pub(crate) async fn apply(tx: &mut Tx, write: OutboundWrite) -> Done<()> {
    match write {
        OutboundWrite::InsertEndpoint(row) => insert_endpoint(tx, row).await,
        OutboundWrite::SaveEndpoint(row) => save_endpoint(tx, row).await,
        OutboundWrite::Requeue(id) => requeue(tx, id).await,
        OutboundWrite::EndTurn(lease) => {
            let args = args![lease.endpoint_id, lease.token];
            tx.exec_one(sql::END_TURN, args, "lease").await
        }
        OutboundWrite::InsertDelivery(row) => {
            let args = args![
                row.id,
                row.endpoint_id,
                row.event_id,
                row.position,
                row.kind,
                row.state.as_str(),
                row.due_at,
                row.tries,
                row.replays,
                row.log,
                row.created_at,
                row.ended_at
            ];
            tx.exec(sql::INSERT_DELIVERY, args).await.map(drop)
        }
        OutboundWrite::SaveDelivery(row) => {
            let args = args![
                row.state.as_str(),
                row.due_at,
                row.tries,
                row.replays,
                row.log,
                row.ended_at,
                row.endpoint_id,
                row.id
            ];
            tx.exec_one(sql::SAVE_DELIVERY, args, "delivery").await
        }
        OutboundWrite::InsertRelay(row) => {
            let args = args![row.name, row.position, row.token, row.leased_until];
            tx.exec(sql::INSERT_RELAY, args).await.map(drop)
        }
        OutboundWrite::AdvanceRelay {
            lease,
            from,
            to,
            until,
        } => {
            let args = args![to, until, lease.name, lease.token, from];
            tx.exec_one(sql::ADVANCE_RELAY, args, "relay").await
        }
    }
}

/// The sealed columns of an endpoint: address, description, secret, the secret before.
struct Sealed {
    url: Vec<u8>,
    description: Option<Vec<u8>>,
    secret: Vec<u8>,
    old_secret: Option<Vec<u8>>,
}

fn seal(tx: &Tx, row: &EndpointRow) -> Result<Sealed, StoreError> {
    let key = row.id.bytes();
    let seal = |column: Column, text: &str| tx.sealer.seal(column, key, text.as_bytes());
    let description = row.description.as_deref();
    let old = row.old_secret.as_ref();
    Ok(Sealed {
        url: seal(rows::URL, &row.url)?,
        description: description
            .map(|text| seal(rows::DESCRIPTION, text))
            .transpose()?,
        secret: seal(rows::SECRET, &row.secret)?,
        old_secret: old
            .map(|(text, _)| seal(rows::OLD_SECRET, text))
            .transpose()?,
    })
}

fn event_types(row: &EndpointRow) -> Option<String> {
    let types = row.event_types.as_ref()?;
    Some(serde_json::to_string(types).expect("names are plain data"))
}

async fn insert_endpoint(tx: &mut Tx, row: EndpointRow) -> Done<()> {
    let sealed = seal(tx, &row)?;
    let types = event_types(&row);
    let args = args![
        row.id,
        row.user_id,
        row.slot,
        sealed.url,
        sealed.description,
        types,
        sealed.secret,
        sealed.old_secret,
        row.old_secret.map(|(_, until)| until),
        rows::endpoint_state_name(row.state),
        row.disabled_at,
        row.after_position,
        row.health.failures,
        row.health.failing_since,
        row.health.rest_until,
        row.due_at,
        row.leased,
        row.token,
        row.created_at,
        row.updated_at
    ];
    tx.exec(sql::INSERT_ENDPOINT, args).await.map(drop)
}

async fn save_endpoint(tx: &mut Tx, row: EndpointRow) -> Done<()> {
    let sealed = seal(tx, &row)?;
    let types = event_types(&row);
    let args = args![
        row.slot,
        sealed.url,
        sealed.description,
        types,
        sealed.secret,
        sealed.old_secret,
        row.old_secret.map(|(_, until)| until),
        rows::endpoint_state_name(row.state),
        row.disabled_at,
        row.health.failures,
        row.health.failing_since,
        row.health.rest_until,
        row.updated_at,
        row.id
    ];
    tx.exec_one(sql::SAVE_ENDPOINT, args, "webhook endpoint")
        .await
}

/// The endpoint's row is locked, so that deliveries inserted meanwhile wait for this, and what has
/// been inserted before is seen.
async fn requeue(tx: &mut Tx, id: WebhookEndpointId) -> Done<()> {
    let Some(columns) = tx.row(sql::ENDPOINT_QUEUE, args![id]).await? else {
        return Ok(());
    };
    let mut row = Reader::new("webhook_endpoints", columns);
    let state = rows::endpoint_state(&mut row)?;
    let rest_until = row.optional_int("rest_until")?;
    if row.int("leased")? == 1 {
        return Ok(());
    }
    let due_at = match state {
        EndpointState::Enabled => tx.int(sql::FIRST_DUE, args![id]).await?,
        EndpointState::Disabled(_) | EndpointState::Deleted => None,
    };
    let due_at = due_at.map(|at| at.max(rest_until.unwrap_or(at)));
    let args = args![due_at, id];
    tx.exec_one(sql::REQUEUE_ENDPOINT, args, "webhook endpoint")
        .await
}

// ---------------------------------------------------------------- claims

pub(crate) async fn claim_relay(
    tx: &mut Tx,
    name: &str,
    now: Moment,
    lease: Span,
) -> Done<Option<RelayRow>> {
    let now = shared_clock(tx).await?.unwrap_or(now);
    let found = tx.row(sql::LOCK_RELAY, args![name]).await?;
    let Some(row) = found.map(rows::relay).transpose()? else {
        return Err(StoreError::Corrupt(format!("relays: no row {name}")).into());
    };
    if row.leased_until.is_some_and(|until| until > now) {
        return Ok(None);
    }
    let until = now.plus(lease);
    tx.exec_one(sql::CLAIM_RELAY, args![until, name], "relay")
        .await?;
    Ok(Some(RelayRow {
        token: row.token + 1,
        leased_until: Some(until),
        ..row
    }))
}

pub(crate) async fn claim_endpoints(
    tx: &mut Tx,
    now: Moment,
    lease: Span,
    limit: u32,
) -> Done<Vec<EndpointRow>> {
    let now = shared_clock(tx).await?.unwrap_or(now);
    let mut ids: Vec<WebhookEndpointId> = Vec::new();
    for columns in tx.rows(sql::CLAIMABLE_ENDPOINTS, args![now, limit]).await? {
        let mut row = Reader::new("webhook_endpoints", columns);
        ids.push(row.id("id", WebhookEndpointId::from_bytes)?);
    }
    let sealer = tx.sealer.clone();
    let mut claimed = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(sql::PLACES) {
        let mut args = args![now.plus(lease)];
        args.extend(padded(chunk));
        tx.exec(sql::LEASE_ENDPOINTS, args).await?;
        for columns in tx.rows(sql::LEASED_ENDPOINTS, padded(chunk)).await? {
            claimed.push(rows::endpoint(columns, &sealer)?);
        }
    }
    Ok(claimed)
}

/// What is left of deleted endpoints first, then what is old; then deleted endpoints without any.
pub(crate) async fn drop_deliveries(tx: &mut Tx, before: Moment, limit: u32) -> Done<u64> {
    let mut found = tx.rows(sql::ORPHANED_DELIVERIES, args![limit]).await?;
    let left = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
    if left > 0 {
        found.extend(tx.rows(sql::OLD_DELIVERIES, args![before, left]).await?);
    }
    let mut dropped = 0;
    for columns in found {
        let (endpoint, id) = key(columns)?;
        dropped += tx.exec(sql::DELETE_DELIVERY, args![endpoint, id]).await?;
    }
    tx.exec(sql::DROP_ENDPOINTS, args![]).await?;
    Ok(dropped)
}

fn key(columns: Columns) -> Done<(WebhookEndpointId, DeliveryId)> {
    let mut row = Reader::new("webhook_deliveries", columns);
    let endpoint = row.id("endpoint_id", WebhookEndpointId::from_bytes)?;
    Ok((endpoint, row.id("id", DeliveryId::from_bytes)?))
}

// ---------------------------------------------------------------- queries

pub(crate) async fn relay(tx: &mut Tx, name: &str) -> Done<Option<RelayRow>> {
    let found = tx.row(sql::RELAY, args![name]).await?;
    found.map(rows::relay).transpose()
}

pub(crate) async fn next_endpoint_at(tx: &mut Tx) -> Done<Option<Moment>> {
    let micros = tx.int(sql::NEXT_ENDPOINT_AT, args![]).await?;
    Ok(micros.map(Moment::from_micros))
}

pub(crate) async fn due_deliveries(
    tx: &mut Tx,
    endpoint: WebhookEndpointId,
    by: Moment,
    limit: u32,
) -> Done<Vec<DueDelivery>> {
    let args = args![endpoint, by, limit];
    let found = tx.rows(sql::DUE_DELIVERIES, args).await?;
    found.into_iter().map(rows::due_delivery).collect()
}

pub(crate) async fn endpoint(tx: &mut Tx, id: WebhookEndpointId) -> Done<Option<EndpointRow>> {
    let sealer = tx.sealer.clone();
    let found = tx.row(sql::ENDPOINT, args![id]).await?;
    found
        .map(|columns| rows::endpoint(columns, &sealer))
        .transpose()
}

pub(crate) async fn endpoints_of(tx: &mut Tx, users: &[UserId]) -> Done<Vec<EndpointRow>> {
    let sealer = tx.sealer.clone();
    let mut all = Vec::new();
    for chunk in users.chunks(sql::PLACES) {
        for columns in tx.rows(sql::ENDPOINTS_OF, padded(chunk)).await? {
            all.push(rows::endpoint(columns, &sealer)?);
        }
    }
    all.sort_by_key(|row: &EndpointRow| row.id);
    Ok(all)
}

pub(crate) async fn endpoints_before(
    tx: &mut Tx,
    before: Option<WebhookEndpointId>,
    only_disabled: bool,
    limit: u32,
) -> Done<Vec<EndpointRow>> {
    /// After every id.
    const LAST: WebhookEndpointId = WebhookEndpointId::from_bytes([0xff; 16]);
    let statement = match only_disabled {
        true => sql::ENDPOINTS_OFF_BEFORE,
        false => sql::ENDPOINTS_BEFORE,
    };
    let sealer = tx.sealer.clone();
    let found = tx
        .rows(statement, args![before.unwrap_or(LAST), limit])
        .await?;
    found
        .into_iter()
        .map(|columns| rows::endpoint(columns, &sealer))
        .collect()
}

pub(crate) async fn first_unnumbered(tx: &mut Tx) -> Done<Option<Moment>> {
    let micros = tx.int(sql::FIRST_UNNUMBERED, args![]).await?;
    Ok(micros.map(Moment::from_micros))
}

pub(crate) async fn first_unrelayed(tx: &mut Tx, after: u64, to: u64) -> Done<Option<Moment>> {
    let micros = tx.int(sql::FIRST_UNRELAYED, args![after, to]).await?;
    Ok(micros.map(Moment::from_micros))
}

pub(crate) async fn delivery(
    tx: &mut Tx,
    endpoint: WebhookEndpointId,
    id: DeliveryId,
) -> Done<Option<DeliveryRow>> {
    let found = tx.row(sql::DELIVERY, args![endpoint, id]).await?;
    found.map(rows::delivery).transpose()
}

pub(crate) async fn deliveries(tx: &mut Tx, filter: &DeliveryFilter) -> Done<Vec<DeliveryRow>> {
    /// After every id.
    const LAST: DeliveryId = DeliveryId::from_bytes([0xff; 16]);
    let (endpoint, before) = (filter.endpoint_id, filter.before.unwrap_or(LAST));
    let found = match filter.state {
        None => {
            let args = args![endpoint, before, filter.limit];
            tx.rows(sql::DELIVERIES, args).await?
        }
        Some(state) => {
            let args = args![endpoint, state.as_str(), before, filter.limit];
            tx.rows(sql::DELIVERIES_IN, args).await?
        }
    };
    found.into_iter().map(rows::delivery).collect()
}
