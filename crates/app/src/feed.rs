//! The event stream as callers read it: by position, in commit order, nothing skipped.
//!
//! [`Feed`] follows the stream for one caller. It reads on whenever a commit rings the bell, and
//! every second besides, because positions are given after the commit and other processes ring no
//! bell in this one. Every fifteen seconds it says that it is alive; at the same pace the token is
//! looked at again, so that a revoked one ends its feeds. A process that stops ends them too.

use std::pin::pin;

use domain::ids::UserId;
use domain::time::{Moment, Span};
use futures::future::{Either, select};
use tokio::sync::watch;

use crate::commands::{Caller, Scope};
use crate::context::App;
use crate::ports::store::{EventRow, StoreError};
use crate::sabotage::{self, Sabotage};

/// Events of one page.
const LONGEST_PAGE: u32 = 1_000;
/// Events that a feed tells at once.
const TOLD_AT_ONCE: u32 = 100;
const LOOK_EVERY: Span = Span::from_seconds(1);
const ALIVE_EVERY: Span = Span::from_seconds(15);

impl App {
    /// Events after a position, in order: the caller's own, or all for operators.
    pub async fn events_after(
        &self,
        caller: &Caller,
        position: u64,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        let limit = limit.clamp(1, LONGEST_PAGE);
        if sabotage::is(Sabotage::EventsById) {
            let mut all = self
                .store
                .events_after(0, audience(caller), u32::MAX >> 1)
                .await?;
            let last = all.iter().find(|event| event.position == Some(position));
            let last = last.map(|event| event.id);
            all.retain(|event| last.is_none_or(|last| event.id > last));
            return Ok(all);
        }
        self.store
            .events_after(position, audience(caller), limit)
            .await
    }

    /// The position of the newest event.
    pub async fn last_position(&self) -> Result<u64, StoreError> {
        self.store.last_position().await
    }
}

/// What a feed tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// At least one, in order, each with its position.
    Events(Vec<(u64, EventRow)>),
    /// Nothing happened, and the connection is to be kept.
    Alive,
}

/// One caller's place in the stream.
pub struct Feed {
    app: App,
    caller: Caller,
    bearer: String,
    position: u64,
    alive_at: Moment,
    shutdown: Option<watch::Receiver<bool>>,
}

impl Feed {
    /// The events after `position`; `bearer` is what proved the caller. `shutdown` becomes true when
    /// the process stops.
    pub fn new(
        app: App,
        (caller, bearer): (Caller, String),
        position: u64,
        shutdown: Option<watch::Receiver<bool>>,
    ) -> Feed {
        Feed {
            alive_at: app.now().plus(ALIVE_EVERY),
            app,
            caller,
            bearer,
            position,
            shutdown,
        }
    }

    /// Waits for what comes next, `None` when the feed is over.
    pub async fn next(&mut self) -> Option<Told> {
        loop {
            if self.is_stopping() {
                return None;
            }
            // Listen before looking, or a commit between the two would go unheard.
            let bell = self.app.bell.clone();
            let mut rung = pin!(bell.notified());
            rung.as_mut().enable();
            match self.look().await {
                Ok(events) if events.is_empty() => {}
                Ok(events) => return Some(Told::Events(events)),
                Err(error) => {
                    tracing::warn!(%error, "an event stream ended");
                    return None;
                }
            }
            if self.app.now() >= self.alive_at {
                if !self.is_still_welcome().await {
                    return None;
                }
                self.alive_at = self.app.now().plus(ALIVE_EVERY);
                return Some(Told::Alive);
            }
            let pause = self.app.runtime.sleep(LOOK_EVERY);
            let stop = pin!(stopped(self.shutdown.clone()));
            match select(select(rung, pause), stop).await {
                Either::Left(_) => {}
                Either::Right(_) => return None,
            }
        }
    }

    async fn look(&mut self) -> Result<Vec<(u64, EventRow)>, StoreError> {
        let rows = self
            .app
            .events_after(&self.caller, self.position, TOLD_AT_ONCE)
            .await?;
        let mut events = Vec::with_capacity(rows.len());
        for row in rows {
            // A row without a position is not committed to the order yet.
            let Some(position) = row.position else { break };
            self.position = position;
            events.push((position, row));
        }
        Ok(events)
    }

    async fn is_still_welcome(&self) -> bool {
        matches!(
            self.app.authenticate(&self.bearer).await,
            Ok(Some(caller)) if caller == self.caller
        )
    }

    fn is_stopping(&self) -> bool {
        self.shutdown.as_ref().is_some_and(|stop| *stop.borrow())
    }
}

/// Ends when the process stops; never when nobody can say so.
async fn stopped(shutdown: Option<watch::Receiver<bool>>) {
    match shutdown {
        Some(mut shutdown) => {
            // A sender that is gone stopped with the process.
            let _ = shutdown.wait_for(|stop| *stop).await;
        }
        None => std::future::pending().await,
    }
}

fn audience(caller: &Caller) -> Option<UserId> {
    (!caller.may(Scope::Operator)).then_some(caller.user_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::store::UserRole;

    #[test]
    fn only_operators_hear_everything() {
        let caller = |scope| Caller {
            user_id: UserId::from_bytes([1; 16]),
            role: UserRole::Customer,
            scopes: vec![scope],
            session_id: None,
        };
        assert_eq!(
            audience(&caller(Scope::Read)),
            Some(UserId::from_bytes([1; 16]))
        );
        assert_eq!(audience(&caller(Scope::Operator)), None);
    }
}
