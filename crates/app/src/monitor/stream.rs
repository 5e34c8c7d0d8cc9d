//! Events for the monitor out of the database, by position.
//!
//! The place is stored now and then only: the view is in memory, and what comes twice counts once.

use domain::time::{Moment, Span};
use futures::FutureExt as _;
use futures::future::select;
use tokio::sync::watch;

use super::{NAME, Watch};
use crate::cloud_events::SeenEvent;
use crate::cursor::Cursor;
use crate::ports::store::StoreError;

/// Events of one page.
const EVENTS: u32 = 200;
/// The stored place follows after so long, or so many events.
const STORE_AFTER: Span = Span::from_seconds(5);
const LONGEST_LAG: u64 = 1_000;

/// Watches after every commit, and at every idle look, until told to stop.
pub async fn run(watch: Watch, mut stop: watch::Receiver<bool>) {
    let app = watch.app().clone();
    let mut reader = Reader::new(app.now());
    while !*stop.borrow() {
        // Listening starts before the look, so that a commit between the two is not missed.
        let bell = app.bell.clone();
        let mut rung = std::pin::pin!(bell.notified());
        rung.as_mut().enable();
        let is_more = match reader.turn(&watch).await {
            Ok(is_more) => is_more,
            Err(error) => {
                tracing::warn!(%error, "the monitor could not read the event stream");
                false
            }
        };
        if !is_more {
            let idle = app.runtime.sleep(app.settings.idle_look);
            select(select(rung, idle), stop.changed().boxed()).await;
        }
    }
    if let Err(error) = reader.stop(&watch).await {
        tracing::info!(%error, "the monitor's place in the stream could not be given back");
    }
}

/// The monitor's place, as this process knows it.
pub struct Reader {
    cursor: Cursor,
    has_begun: bool,
    /// Read up to here, which is ahead of the stored place.
    read: u64,
    stored_at: Moment,
}

impl Reader {
    pub fn new(now: Moment) -> Reader {
        Reader {
            cursor: Cursor::new(NAME),
            has_begun: false,
            read: 0,
            stored_at: now,
        }
    }

    /// One page; whether there is more.
    pub async fn turn(&mut self, watch: &Watch) -> Result<bool, StoreError> {
        let app = watch.app();
        if !self.has_begun {
            watch.begin().await?;
            self.cursor.open(app).await?;
            self.has_begun = true;
        }
        let Some(stored) = self.cursor.position(app).await? else {
            return Ok(false);
        };
        self.read = self.read.max(stored);
        let rows = app.store.events_after(self.read, None, EVENTS).await?;
        let last = rows.last().and_then(|row| row.position);
        if let Some(last) = last {
            let Some(held) = self.cursor.hold(app).await? else {
                return Ok(false);
            };
            // Another process has read on meanwhile.
            if held > last {
                return Ok(true);
            }
            for row in &rows {
                watch.take(SeenEvent::of_row(row)).await?;
            }
            self.read = last;
        }
        let is_due = app.now().since(self.stored_at) >= STORE_AFTER;
        if self.read > stored && (is_due || self.read - stored >= LONGEST_LAG) {
            self.store(watch).await?;
        }
        Ok(rows.len() == EVENTS as usize)
    }

    async fn store(&mut self, watch: &Watch) -> Result<(), StoreError> {
        let app = watch.app();
        if self
            .cursor
            .hold(app)
            .await?
            .is_some_and(|held| held < self.read)
        {
            self.cursor.advance(app, self.read, Vec::new()).await?;
        }
        self.stored_at = app.now();
        Ok(())
    }

    /// Stores the place and lets others have it.
    pub async fn stop(&mut self, watch: &Watch) -> Result<(), StoreError> {
        if self.has_begun {
            self.store(watch).await?;
        }
        self.cursor.give_back(watch.app()).await
    }
}
