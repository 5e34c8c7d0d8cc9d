//! Publishing every event to a topic.
//!
//! ```text
//! events by position ──► a page ──► calls of up to ten ──► acknowledged?
//!                                                            │ all up to a position
//!                              one commit: the place moves, what was put aside is told
//! ```
//!
//! The place in the stream ([`Cursor`]) belongs to one process at a time and moves only past what the
//! topic has acknowledged, so that a crash or an outage repeats and never skips. What could not be
//! published waits, longer each time; where the topic keeps order, the later events of its group wait
//! with it, all others go on.
//!
//! An event that the topic will never take would stop the stream for ever. It is put aside: an entry
//! in the audit trail and an alert, in the commit that moves past it. The event itself stays in the
//! stream. A topic that refuses everything is a fault of the topic and puts nothing aside.

mod page;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::ids::AlertId;
use domain::retry::Backoff;
use domain::time::{Moment, Span};
use futures::FutureExt as _;
use futures::future::select;
use serde_json::json;
use tokio::sync::watch;

use crate::audit::{Audited, SYSTEM, audit};
use crate::cloud_events::outgoing;
use crate::context::{App, Ids};
use crate::cursor::Cursor;
use crate::events;
use crate::ports::publisher::{EventPublisher, Trouble, TroubleKind};
use crate::ports::store::{AlertRow, EventRow, StoreError, Write};

use page::{Fate, Page};

/// Events of one page.
const EVENTS: u32 = 100;
/// So often an event may be blamed before it is put aside.
const BLAMES: u32 = 10;
/// So many events of one turn are put aside although none of it was published.
const SUSPECTS: usize = 3;

/// The name of the topic's place in the stream.
pub const NAME: &str = "sns";
/// The kind of the alert when nothing is published for long.
pub const SILENT: &str = "events_not_published";
/// The kind of the alert of an event that was put aside.
pub const PUT_ASIDE: &str = "event_put_aside";

/// What the operator may set.
#[derive(Clone, Debug)]
pub struct PublishingSettings {
    /// Names this installation in every event: an address, or a path.
    pub source: String,
    /// Between tries that fail.
    pub backoff: Backoff,
    /// People are called when nothing could be published for so long.
    pub alert_after: Span,
}

impl PublishingSettings {
    pub fn standard() -> PublishingSettings {
        PublishingSettings {
            source: "/pixwave".to_owned(),
            backoff: Backoff {
                first: Span::from_millis(500),
                longest: Span::from_seconds(30),
                jitter_percent: 30,
            },
            alert_after: Span::from_seconds(5 * 60),
        }
    }
}

/// What follows a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// There is more.
    Now,
    /// Until something happens.
    Idle,
    /// Not before so long.
    After(Span),
}

/// The publisher of one process.
pub struct Publishing {
    publisher: Arc<dyn EventPublisher>,
    settings: PublishingSettings,
    cursor: Cursor,
    is_open: bool,
    /// Acknowledged beyond the place.
    published: BTreeSet<u64>,
    /// How often events beyond the place were blamed.
    blames: BTreeMap<u64, u32>,
    outage: Option<Outage>,
}

struct Outage {
    since: Moment,
    failures: u32,
    is_told: bool,
}

/// What a turn has come to so far.
#[derive(Default)]
struct Tally {
    trouble: Option<Trouble>,
    any_published: bool,
    /// The place was lost to another process.
    is_lost: bool,
}

/// Publishes after every commit, and at every idle look, until told to stop.
pub async fn run(
    app: App,
    publisher: Arc<dyn EventPublisher>,
    settings: PublishingSettings,
    mut stop: watch::Receiver<bool>,
) {
    let mut publishing = Publishing::new(publisher, settings);
    while !*stop.borrow() {
        // Listening starts before the look, so that a commit between the two is not missed.
        let bell = app.bell.clone();
        let mut rung = std::pin::pin!(bell.notified());
        rung.as_mut().enable();
        let next = match publishing.turn(&app).await {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(%error, "events could not be read for publishing");
                Next::After(app.settings.idle_look)
            }
        };
        match next {
            Next::Now => {}
            Next::Idle => {
                let idle = app.runtime.sleep(app.settings.idle_look);
                select(select(rung, idle), stop.changed().boxed()).await;
            }
            Next::After(span) => {
                select(app.runtime.sleep(span), stop.changed().boxed()).await;
            }
        }
    }
    // Another process need not wait for the lease to run out.
    if let Err(error) = publishing.cursor.give_back(&app).await {
        tracing::info!(%error, "the place in the event stream could not be given back");
    }
}

impl Publishing {
    pub fn new(publisher: Arc<dyn EventPublisher>, settings: PublishingSettings) -> Publishing {
        Publishing {
            cursor: Cursor::new(publisher.name()),
            publisher,
            settings,
            is_open: false,
            published: BTreeSet::new(),
            blames: BTreeMap::new(),
            outage: None,
        }
    }

    /// One page of the stream.
    ///
    /// # Errors
    /// The database's; what troubles the topic is not one.
    pub async fn turn(&mut self, app: &App) -> Result<Next, StoreError> {
        if !self.is_open {
            self.cursor.open(app).await?;
            self.is_open = true;
        }
        let Some(after) = self.cursor.position(app).await? else {
            return Ok(Next::Idle);
        };
        let rows = app.store.events_after(after, None, EVENTS).await?;
        if rows.is_empty() {
            return Ok(Next::Idle);
        }
        match self.cursor.hold(app).await? {
            Some(position) if position == after => {}
            Some(_) => return Ok(Next::Now),
            None => return Ok(Next::Idle),
        }
        let mut page = self.page(&rows);
        let mut tally = Tally::default();
        self.send(app, &mut page, &mut tally).await?;
        if tally.is_lost {
            return Ok(Next::Idle);
        }
        let aside = self.judge(&page, &mut tally);
        self.advance(app, after, &rows, &aside).await?;
        self.conclude(app, tally, rows.len()).await
    }

    fn page(&mut self, rows: &[EventRow]) -> Page {
        let first = rows.first().and_then(|row| row.position).unwrap_or(0);
        self.published = self.published.split_off(&first);
        self.blames = self.blames.split_off(&first);
        let is_left = |row: &&EventRow| !self.published.contains(&row.position.unwrap_or(0));
        let left = rows.iter().filter(is_left);
        let left = left.map(|row| outgoing(row, &self.settings.source));
        Page::new(left.collect(), self.publisher.shape())
    }

    /// Calls until nothing of the page can go, or the topic is in trouble.
    async fn send(
        &mut self,
        app: &App,
        page: &mut Page,
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        loop {
            let batch = page.next();
            if batch.is_empty() {
                return Ok(());
            }
            if self.cursor.hold(app).await?.is_none() {
                tally.is_lost = true;
                return Ok(());
            }
            match self.publisher.publish(&batch).await {
                Ok(outcomes) => page.absorb(&batch, outcomes),
                Err(trouble) => match trouble.kind {
                    TroubleKind::Malformed => page.not_understood(&batch, trouble.code),
                    TroubleKind::Throttled
                    | TroubleKind::Away
                    | TroubleKind::Forbidden
                    | TroubleKind::Missing => {
                        tally.trouble = Some(trouble);
                        return Ok(());
                    }
                },
            }
        }
    }

    /// What is to be put aside: by position, with the code that says why.
    fn judge(&mut self, page: &Page, tally: &mut Tally) -> BTreeMap<u64, String> {
        let mut aside = BTreeMap::new();
        let mut suspects = BTreeMap::new();
        for (event, fate) in page.fates() {
            let position = event.position;
            match fate {
                Fate::Waiting => {}
                Fate::Published => {
                    tally.any_published = true;
                    self.published.insert(position);
                }
                Fate::Delayed { code, is_blamed } => {
                    let blames = self.blames.entry(position).or_default();
                    *blames += u32::from(*is_blamed);
                    if *blames >= BLAMES {
                        suspects.insert(position, code.clone());
                    } else if tally.trouble.is_none() {
                        tally.trouble = Some(Trouble {
                            kind: TroubleKind::Away,
                            code: code.clone(),
                        });
                    }
                }
                Fate::Impossible { code, is_certain } => {
                    let of = if *is_certain {
                        &mut aside
                    } else {
                        &mut suspects
                    };
                    of.insert(position, code.clone());
                }
            }
        }
        if tally.any_published || suspects.len() <= SUSPECTS {
            aside.append(&mut suspects);
        } else if let Some((_, code)) = suspects.pop_first() {
            // Everything is refused: that is not the events' fault.
            tally.trouble = Some(Trouble {
                kind: TroubleKind::Malformed,
                code,
            });
        }
        aside
    }

    /// Moves the place past what is done, without a gap.
    async fn advance(
        &mut self,
        app: &App,
        after: u64,
        rows: &[EventRow],
        aside: &BTreeMap<u64, String>,
    ) -> Result<(), StoreError> {
        let mut to = after;
        let mut writes = Vec::new();
        let seed = app.ids();
        let mut ids = seed.start();
        for row in rows {
            let position = row.position.unwrap_or(0);
            if let Some(code) = aside.get(&position) {
                writes.extend(self.told_aside(&mut ids, row, code, seed.now));
            } else if !self.published.contains(&position) {
                break;
            }
            to = position;
        }
        if to > after && self.cursor.advance(app, to, writes).await? {
            self.published = self.published.split_off(&(to + 1));
        }
        Ok(())
    }

    fn told_aside(&self, ids: &mut Ids, row: &EventRow, code: &str, now: Moment) -> Vec<Write> {
        let (name, event) = (self.publisher.name(), row.id.to_string());
        tracing::error!(topic = name, %event, code, "an event was put aside: the topic does not take it");
        let detail = json!({"topic": name, "position": row.position, "code": code});
        let mut writes = vec![audit(
            ids,
            now,
            Audited {
                actor: SYSTEM.to_owned(),
                action: "event.put_aside",
                subject: event.clone(),
                detail,
            },
        )];
        // The alert is an event too: one that is refused itself must not bring forth another.
        if row.kind != "alert.raised" {
            let message = format!("event {event} was not published to {name}: {code}");
            writes.extend(self.alert(ids, PUT_ASIDE, message, now));
        }
        writes
    }

    fn alert(&self, ids: &mut Ids, kind: &str, message: String, now: Moment) -> [Write; 2] {
        let alert = AlertRow {
            id: AlertId::from_bytes(ids.make()),
            kind: kind.to_owned(),
            transaction_id: None,
            gateway: None,
            message,
            raised_at: now,
        };
        events::alert(ids, alert)
    }

    /// Tells of trouble once, of its end once, and calls people when it lasts.
    async fn conclude(&mut self, app: &App, tally: Tally, read: usize) -> Result<Next, StoreError> {
        let name = self.publisher.name();
        let now = app.now();
        let Some(trouble) = tally.trouble else {
            if let Some(outage) = self.outage.take() {
                let away_ms = now.since(outage.since).millis();
                tracing::info!(topic = name, away_ms, "events are published again");
            }
            return Ok(match read < EVENTS as usize {
                true => Next::Idle,
                false => Next::Now,
            });
        };
        if self.outage.is_none() {
            tracing::warn!(topic = name, %trouble, "events cannot be published; they wait");
        }
        let outage = self.outage.get_or_insert(Outage {
            since: now,
            failures: 0,
            is_told: false,
        });
        outage.failures = match tally.any_published {
            true => 1,
            false => outage.failures.saturating_add(1),
        };
        let wait = self.settings.backoff.after(outage.failures, app.draw());
        let is_long = now.since(outage.since) >= self.settings.alert_after;
        if is_long && !outage.is_told {
            let message = format!("no event could be published to {name} for a while: {trouble}");
            let writes = self.alert(&mut app.ids().start(), SILENT, message, now);
            app.write_all("alert_not_published", writes.into()).await?;
            if let Some(outage) = &mut self.outage {
                outage.is_told = true;
            }
        }
        Ok(Next::After(wait))
    }
}
