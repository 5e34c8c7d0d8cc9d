//! A place in the event stream that one process has to itself while it hands events on.
//!
//! Unlike [`crate::relay::Place`], whose steps are commits that the database judges, what is done
//! here is done outside: so the lease is kept for as long as that goes on, and never used once it
//! may have run out.

use domain::time::{Moment, Span};

use crate::context::App;
use crate::ports::outbound::{OutboundWrite, RelayLease, RelayRow};
use crate::ports::store::{StoreError, Write};

/// How long a process that has stopped keeps the place from the others.
pub const LEASE: Span = Span::from_seconds(30);
/// What is left of a lease when it is renewed: longer than any one call outside.
const SHORTEST_REST: Span = Span::from_seconds(15);

/// This process's view of the place.
#[derive(Debug)]
pub struct Cursor {
    name: &'static str,
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    lease: RelayLease,
    position: u64,
    until: Moment,
}

impl Cursor {
    pub fn new(name: &'static str) -> Cursor {
        Cursor { name, held: None }
    }

    /// Makes the place where there is none yet, at the newest event: what was before concerns nobody.
    pub async fn open(&self, app: &App) -> Result<(), StoreError> {
        if app.outbound.relay(self.name).await?.is_some() {
            return Ok(());
        }
        let position = app.store.last_position().await?;
        let row = RelayRow {
            name: self.name.to_owned(),
            position,
            token: 0,
            leased_until: None,
        };
        let write = Write::Outbound(OutboundWrite::InsertRelay(row));
        match app.write_all("open_relay", vec![write]).await {
            // Another process was faster.
            Ok(()) | Err(StoreError::Conflict(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// After which position to read on; `None` while another process has the place.
    pub async fn position(&mut self, app: &App) -> Result<Option<u64>, StoreError> {
        let now = app.now();
        if let Some(held) = self.held.as_ref().filter(|held| held.until > now) {
            return Ok(Some(held.position));
        }
        self.held = None;
        let row = app.outbound.relay(self.name).await?;
        let row = row.ok_or_else(|| StoreError::Corrupt(format!("no relay {}", self.name)))?;
        let is_free = row.leased_until.is_none_or(|until| until <= now);
        Ok(is_free.then_some(row.position))
    }

    /// Has the place to itself long enough for a call outside; from which position on, or `None` when
    /// another process has it.
    pub async fn hold(&mut self, app: &App) -> Result<Option<u64>, StoreError> {
        let now = app.now();
        if let Some(held) = &self.held {
            let position = held.position;
            if held.until > now.plus(SHORTEST_REST) {
                return Ok(Some(position));
            }
            if held.until > now {
                let is_held = self.advance(app, position, Vec::new()).await?;
                return Ok(is_held.then_some(position));
            }
            self.held = None;
        }
        let claimed = app.outbound.claim_relay(self.name, now, LEASE).await?;
        Ok(claimed.map(|row| {
            self.held = Some(Held {
                lease: RelayLease {
                    name: row.name,
                    token: row.token,
                },
                position: row.position,
                until: now.plus(LEASE),
            });
            row.position
        }))
    }

    /// Moves the place and writes what belongs to that, in one commit that also renews the lease.
    /// False: the place was lost, and nothing is written.
    pub async fn advance(
        &mut self,
        app: &App,
        to: u64,
        mut writes: Vec<Write>,
    ) -> Result<bool, StoreError> {
        let now = app.now();
        // Whatever goes wrong, the row will tell.
        let Some(held) = self.held.take() else {
            return Ok(false);
        };
        let until = now.plus(LEASE);
        writes.push(Write::Outbound(OutboundWrite::AdvanceRelay {
            lease: held.lease.clone(),
            from: held.position,
            to,
            until,
        }));
        match app.write_all("advance_relay", writes).await {
            Ok(()) => {
                self.held = Some(Held {
                    position: to,
                    until,
                    ..held
                });
                Ok(true)
            }
            Err(StoreError::Stale(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Lets others have the place at once.
    pub async fn give_back(&mut self, app: &App) -> Result<(), StoreError> {
        let Some(held) = self.held.take() else {
            return Ok(());
        };
        let write = OutboundWrite::AdvanceRelay {
            from: held.position,
            to: held.position,
            until: app.now(),
            lease: held.lease,
        };
        let write = Write::Outbound(write);
        match app.write_all("give_back_relay", vec![write]).await {
            Ok(()) | Err(StoreError::Stale(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// How far a reader of the stream is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    pub events: u64,
    /// When the oldest event that waits happened.
    pub oldest: Option<Moment>,
}

impl App {
    /// How far the reader with this name is behind; `None` when nobody has begun to read under it.
    pub async fn lag(&self, name: &str) -> Result<Option<Lag>, StoreError> {
        let Some(row) = self.outbound.relay(name).await? else {
            return Ok(None);
        };
        let last = self.store.last_position().await?;
        let next = self.store.events_after(row.position, None, 1).await?;
        Ok(Some(Lag {
            events: last.saturating_sub(row.position),
            oldest: next.first().map(|event| event.occurred_at),
        }))
    }
}
