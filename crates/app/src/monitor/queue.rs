//! Events for the monitor out of a queue that the topic feeds.
//!
//! A message is removed once its event is taken; one that was taken and not removed comes again and
//! counts once. A message that is no event of ours is left to the queue, which puts it aside after a
//! number of tries, if it has been told to. If not, it would come again for ever: then it is removed,
//! which the audit trail and an alert tell.

use std::sync::Arc;

use domain::ids::AlertId;
use domain::retry::Backoff;
use domain::time::Span;
use futures::FutureExt as _;
use futures::future::{Either, select};
use serde_json::json;
use tokio::sync::watch;

use super::Watch;
use crate::audit::{Audited, SYSTEM, audit};
use crate::cloud_events::SeenEvent;
use crate::events;
use crate::ports::publisher::{EventQueue, QueueMessage, Trouble};
use crate::ports::store::{AlertRow, StoreError};

/// The kind of the alert about a message that is no event.
pub const UNREADABLE: &str = "queue_message_unreadable";
const BACKOFF: Backoff = Backoff {
    first: Span::from_millis(500),
    longest: Span::from_seconds(30),
    jitter_percent: 30,
};

#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error(transparent)]
    Queue(#[from] Trouble),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Watches until told to stop.
pub async fn run(watch: Watch, queue: Arc<dyn EventQueue>, mut stop: watch::Receiver<bool>) {
    let app = watch.app().clone();
    if let Err(error) = watch.begin().await {
        tracing::warn!(%error, "the monitor begins without the newest events");
    }
    let mut failures = 0;
    while !*stop.borrow() {
        // Dropping a call that waits loses nothing: what it was handed comes again.
        let taken = turn(&watch, &*queue).boxed();
        let ended = match select(taken, stop.changed().boxed()).await {
            Either::Left((ended, _)) => ended,
            Either::Right(_) => continue,
        };
        match ended {
            Ok(_) => {
                if failures > 0 {
                    tracing::info!("the monitor's queue answers again");
                }
                failures = 0;
            }
            Err(error) => {
                failures += 1;
                if failures == 1 {
                    tracing::warn!(%error, "the monitor's queue fails; events wait in it");
                }
                let wait = BACKOFF.after(failures, app.draw());
                select(app.runtime.sleep(wait), stop.changed().boxed()).await;
            }
        }
    }
}

/// Takes what the queue hands out next; how many events that were.
pub async fn turn(watch: &Watch, queue: &dyn EventQueue) -> Result<usize, QueueError> {
    let messages = queue.receive().await?;
    let mut done = Vec::new();
    let mut taken = 0;
    for message in &messages {
        match SeenEvent::parse(&message.body) {
            Some(event) => {
                watch.take(event).await?;
                taken += 1;
                done.push(message.receipt.clone());
            }
            None => {
                if put_aside(watch, queue, message).await? {
                    done.push(message.receipt.clone());
                }
            }
        }
    }
    if !done.is_empty() {
        queue.remove(&done).await?;
    }
    Ok(taken)
}

/// Whether the message is ours to remove.
async fn put_aside(
    watch: &Watch,
    queue: &dyn EventQueue,
    message: &QueueMessage,
) -> Result<bool, QueueError> {
    let (id, received) = (&message.id, message.received);
    if queue.puts_aside().await? {
        tracing::warn!(message = %id, received, "a message is no event of ours; the queue puts it aside");
        return Ok(false);
    }
    tracing::error!(message = %id, received, "a message is no event of ours and is removed");
    let app = watch.app();
    let seed = app.ids();
    let mut ids = seed.start();
    let alert = AlertRow {
        id: AlertId::from_bytes(ids.make()),
        kind: UNREADABLE.to_owned(),
        transaction_id: None,
        gateway: None,
        message: format!("message {id} of the monitor's queue was no event and was removed"),
        raised_at: seed.now,
    };
    let mut writes = vec![audit(
        &mut ids,
        seed.now,
        Audited {
            actor: SYSTEM.to_owned(),
            action: "queue_message.removed",
            subject: id.clone(),
            detail: json!({"bytes": message.body.len(), "received": received}),
        },
    )];
    writes.extend(events::alert(&mut ids, alert));
    app.write_all("remove_queue_message", writes).await?;
    Ok(true)
}
