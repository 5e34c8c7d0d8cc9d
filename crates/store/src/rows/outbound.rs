//! Rows of relays, webhook endpoints and deliveries.

use app::ports::outbound::*;
use app::ports::store::StoreError;
use domain::ids::*;
use domain::webhook::{DeliveryState, DisabledReason, EndpointHealth, EndpointState};

use super::Reader;
use crate::keyring::{Column, Sealer};
use crate::sql::outbound::DELIVERY_COLUMNS;
use crate::tx::{Columns, Done};

pub(crate) const URL: Column = Column::new("webhook_endpoints", "url_sealed");
pub(crate) const DESCRIPTION: Column = Column::new("webhook_endpoints", "description_sealed");
pub(crate) const SECRET: Column = Column::new("webhook_endpoints", "secret_sealed");
pub(crate) const OLD_SECRET: Column = Column::new("webhook_endpoints", "old_secret_sealed");

const ENABLED: &str = "enabled";
const DELETED: &str = "deleted";

pub(crate) fn endpoint_state_name(state: EndpointState) -> &'static str {
    match state {
        EndpointState::Enabled => ENABLED,
        EndpointState::Disabled(reason) => reason.as_str(),
        EndpointState::Deleted => DELETED,
    }
}

pub(crate) fn endpoint_state(row: &mut Reader) -> Result<EndpointState, StoreError> {
    row.named("state", |name| match name {
        ENABLED => Some(EndpointState::Enabled),
        DELETED => Some(EndpointState::Deleted),
        reason => DisabledReason::parse(reason).map(EndpointState::Disabled),
    })
}

pub(crate) fn relay(columns: Columns) -> Done<RelayRow> {
    let mut row = Reader::new("relays", columns);
    Ok(RelayRow {
        name: row.text("name")?,
        position: row.count("position")?,
        token: row.count("token")?,
        leased_until: row.optional_moment("leased_until")?,
    })
}

fn optional_sealed(
    row: &mut Reader,
    sealer: &Sealer,
    column: Column,
    id: &[u8; 16],
) -> Result<Option<String>, StoreError> {
    let Some(sealed) = row.optional_bytes(column.name)? else {
        return Ok(None);
    };
    let text = String::from_utf8(sealer.open(column, id, &sealed)?);
    text.map(Some)
        .map_err(|_| row.broken(column.name, "not UTF-8"))
}

pub(crate) fn endpoint(columns: Columns, sealer: &Sealer) -> Done<EndpointRow> {
    let mut row = Reader::new("webhook_endpoints", columns);
    let id = row.id("id", WebhookEndpointId::from_bytes)?;
    let key = id.bytes();
    Ok(EndpointRow {
        id,
        user_id: row.id("user_id", UserId::from_bytes)?,
        slot: row
            .optional_count("slot")?
            .map(|slot| u32::try_from(slot).unwrap_or(u32::MAX)),
        url: row.sealed_text(sealer, URL, key)?,
        description: optional_sealed(&mut row, sealer, DESCRIPTION, key)?,
        event_types: match row.optional_text("event_types")? {
            None => None,
            Some(text) => Some(
                serde_json::from_str(&text)
                    .map_err(|_| row.broken("event_types", "not a list of names"))?,
            ),
        },
        secret: row.sealed_text(sealer, SECRET, key)?,
        old_secret: {
            let secret = optional_sealed(&mut row, sealer, OLD_SECRET, key)?;
            secret.zip(row.optional_moment("old_secret_until")?)
        },
        state: endpoint_state(&mut row)?,
        disabled_at: row.optional_moment("disabled_at")?,
        after_position: row.count("after_position")?,
        health: EndpointHealth {
            failures: row.small("failures")?,
            failing_since: row.optional_moment("failing_since")?,
            rest_until: row.optional_moment("rest_until")?,
        },
        due_at: row.optional_moment("due_at")?,
        leased: row.int("leased")? == 1,
        token: row.count("token")?,
        created_at: row.moment("created_at")?,
        updated_at: row.moment("updated_at")?,
    })
}

pub(crate) fn delivery(columns: Columns) -> Done<DeliveryRow> {
    let mut row = Reader::new("webhook_deliveries", columns);
    Ok(DeliveryRow {
        id: row.id("id", DeliveryId::from_bytes)?,
        endpoint_id: row.id("endpoint_id", WebhookEndpointId::from_bytes)?,
        event_id: row.id("event_id", EventId::from_bytes)?,
        position: row.count("position")?,
        kind: row.text("kind")?,
        state: row.named("state", DeliveryState::parse)?,
        due_at: row.optional_moment("due_at")?,
        tries: row.small("tries")?,
        replays: row.small("replays")?,
        log: row.text("log")?,
        created_at: row.moment("created_at")?,
        ended_at: row.optional_moment("ended_at")?,
    })
}

/// The columns of a delivery, then those of its event.
pub(crate) fn due_delivery(mut columns: Columns) -> Done<DueDelivery> {
    let event = columns.split_off(DELIVERY_COLUMNS.min(columns.len()));
    Ok(DueDelivery {
        row: delivery(columns)?,
        event: super::event(event)?,
    })
}
