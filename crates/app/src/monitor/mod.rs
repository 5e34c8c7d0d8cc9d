//! Watching the event stream from inside: a live view for operators, and alerts about what only shows
//! in the sum of many payments.
//!
//! The same events come one of two ways. Without a queue they are read by position from the database
//! ([`stream`]); with one they come through it ([`queue`]), so that watching costs the database
//! nothing. What is done with them is the same ([`Watch`]), and an event that comes twice counts once.
//!
//! The view is in memory and lives as long as the process; it begins with the newest events of the
//! stream. Money depends on nothing here: the invariants are [`crate::checks`]', and payments that are
//! pending past their maximum the sweeper's.

pub mod live;
pub mod queue;
pub mod stream;

use std::sync::Arc;

use domain::ids::AlertId;

use crate::cloud_events::SeenEvent;
use crate::context::App;
use crate::events;
use crate::ports::store::{AlertRow, StoreError, Write};

pub use live::{Anomaly, GatewayEnds, LiveSnapshot, LiveView, MinuteRate};

/// The row that holds the place in the stream.
pub const NAME: &str = "monitor";
/// The kind of the alert about a gateway where most payments fail.
pub const GATEWAY_FAILING: &str = "gateway_failing";
/// Events that the view begins with.
const BEGINNING: u64 = 200;

/// Takes events, from wherever they come.
pub struct Watch {
    app: App,
    view: Arc<LiveView>,
}

impl Watch {
    pub fn new(app: App, view: Arc<LiveView>) -> Watch {
        Watch { app, view }
    }

    pub fn app(&self) -> &App {
        &self.app
    }

    /// Begins the view with the newest events, so that a restart does not empty it.
    /// Returns the position up to which it has.
    pub async fn begin(&self) -> Result<u64, StoreError> {
        let last = self.app.store.last_position().await?;
        let limit = u32::try_from(BEGINNING).unwrap_or(u32::MAX);
        let after = last.saturating_sub(BEGINNING);
        for row in self.app.store.events_after(after, None, limit).await? {
            // What it shows has been told when it happened.
            self.see(SeenEvent::of_row(&row));
        }
        Ok(last)
    }

    /// Takes an event, and leaves it to others to call people.
    pub fn see(&self, event: SeenEvent) {
        let _told_by_others = self.view.record(event, self.app.now());
    }

    /// Takes an event; people are called when it makes an anomaly.
    ///
    /// # Errors
    /// The alert could not be stored; the event is taken all the same.
    pub async fn take(&self, event: SeenEvent) -> Result<(), StoreError> {
        match self.view.record(event, self.app.now()) {
            Some(anomaly) => self.tell(&anomaly).await,
            None => Ok(()),
        }
    }

    async fn tell(&self, anomaly: &Anomaly) -> Result<(), StoreError> {
        let Anomaly {
            gateway,
            failed,
            ended,
        } = anomaly;
        let message = format!(
            "{failed} of the last {ended} payments through {gateway} failed within five minutes"
        );
        tracing::warn!(%gateway, failed, ended, "most payments through a gateway fail");
        let seed = self.app.ids();
        let mut ids = seed.start();
        let alert = AlertRow {
            id: AlertId::from_bytes(ids.make()),
            kind: GATEWAY_FAILING.to_owned(),
            transaction_id: None,
            gateway: Some(*gateway),
            message,
            raised_at: seed.now,
        };
        let writes: Vec<Write> = events::alert(&mut ids, alert).into();
        self.app.write_all("alert_gateway_failing", writes).await
    }
}
