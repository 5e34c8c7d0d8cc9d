//! Events for the monitor out of the database, by position.
//!
//! Every process that watches sees every event, so that each has the whole view. One of them has the
//! place in the stream, and it alone calls people. The place is stored now and then only: the view is
//! in memory.

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

/// Where this process is in the stream.
pub struct Reader {
    /// Who has it calls people; everybody else only looks.
    cursor: Cursor,
    /// Read up to here, which is ahead of the stored place; `None` before the first look.
    read: Option<u64>,
    stored_at: Moment,
}

impl Reader {
    pub fn new(now: Moment) -> Reader {
        Reader {
            cursor: Cursor::new(NAME),
            read: None,
            stored_at: now,
        }
    }

    /// One page; whether there is more.
    pub async fn turn(&mut self, watch: &Watch) -> Result<bool, StoreError> {
        let app = watch.app();
        let read = match self.read {
            Some(read) => read,
            None => {
                self.cursor.open(app).await?;
                watch.begin().await?
            }
        };
        self.read = Some(read);
        let rows = app.store.events_after(read, None, EVENTS).await?;
        let Some(last) = rows.last().and_then(|row| row.position) else {
            return Ok(false);
        };
        let stored = match self.cursor.position(app).await? {
            Some(_) => self.cursor.hold(app).await?,
            None => None,
        };
        for row in &rows {
            let event = SeenEvent::of_row(row);
            match stored {
                Some(_) => watch.take(event).await?,
                None => watch.see(event),
            }
        }
        self.read = Some(last);
        let is_due = app.now().since(self.stored_at) >= STORE_AFTER;
        if stored.is_some_and(|stored| is_due || last >= stored + LONGEST_LAG) {
            self.store(watch).await?;
        }
        Ok(rows.len() == EVENTS as usize)
    }

    async fn store(&mut self, watch: &Watch) -> Result<(), StoreError> {
        let (app, read) = (watch.app(), self.read.unwrap_or(0));
        if self
            .cursor
            .position(app)
            .await?
            .is_some_and(|stored| stored < read)
            && self
                .cursor
                .hold(app)
                .await?
                .is_some_and(|stored| stored < read)
        {
            self.cursor.advance(app, read, Vec::new()).await?;
        }
        self.stored_at = app.now();
        Ok(())
    }

    /// Stores the place and lets others have it.
    pub async fn stop(&mut self, watch: &Watch) -> Result<(), StoreError> {
        if self.read.is_some() {
            self.store(watch).await?;
        }
        self.cursor.give_back(watch.app()).await
    }
}
