//! `GET /v1/events/stream`: the caller's events as server-sent events (WHATWG HTML, 9.2).
//!
//! An event's `id` is its position in the stream, so a client that reconnects with `Last-Event-ID`
//! misses nothing; without it the stream begins now. The stream reads on whenever a commit rings
//! the bell, and every second besides, because positions are given after the commit. A comment
//! every fifteen seconds keeps the connection alive; at the same pace the token is looked at again,
//! so that a revoked one ends its streams. A server that stops ends them too.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::pin;

use app::commands::Caller;
use app::events;
use app::ports::store::{EventRow, StoreError};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::time::{Moment, Span};
use futures::future::{Either, select};
use futures::stream;
use http::{HeaderMap, header};
use tokio::sync::watch;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Reads};
use crate::wire::operations::EventBody;

const PAGE: u32 = 100;
const LOOK_EVERY: Span = Span::from_seconds(1);
const ALIVE_EVERY: Span = Span::from_seconds(15);

/// Stream events
///
/// Server-sent events: `id` is the position, `event` the type, `data` an `Event`. Resume with
/// `Last-Event-ID`.
#[utoipa::path(
    get,
    path = "/v1/events/stream",
    operation_id = "stream_events",
    tag = "Events",
    security(("bearer" = ["read"])),
    params(("Last-Event-ID" = Option<u64>, Header, description = "Continue after this position; without it the stream begins now.")),
    responses((status = 200, description = "The stream; each `data` is an `Event`.",
        body = EventBody, content_type = "text/event-stream"))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Reads>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let position = match last_event_id(&headers)? {
        Some(position) => position,
        None => api.app.last_position().await?,
    };
    let feed = Feed {
        alive_at: api.app.now().plus(ALIVE_EVERY),
        api,
        caller: authorized.caller,
        bearer: authorized.bearer,
        position,
        ready: VecDeque::from([Bytes::from_static(b": connected\n\n")]),
    };
    let chunks = stream::unfold(feed, |mut feed| async move {
        let chunk = feed.next().await?;
        Some((Ok::<_, Infallible>(chunk), feed))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(chunks)).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let position = value.to_str().ok().and_then(|text| text.parse().ok());
    position
        .map(Some)
        .ok_or_else(|| Problem::field("Last-Event-ID", "invalid", "must be a position"))
}

/// One client's place in the stream.
struct Feed {
    api: Api,
    caller: Caller,
    bearer: String,
    position: u64,
    ready: VecDeque<Bytes>,
    alive_at: Moment,
}

impl Feed {
    /// The next piece of the answer, `None` when it is over.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(chunk) = self.ready.pop_front() {
                return Some(chunk);
            }
            if self.is_stopping() {
                return None;
            }
            // Listen before looking, or a commit between the two would go unheard.
            let bell = self.api.app.bell.clone();
            let mut rung = pin!(bell.notified());
            rung.as_mut().enable();
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "an event stream ended");
                return None;
            }
            if !self.ready.is_empty() {
                continue;
            }
            if self.api.app.now() >= self.alive_at {
                if !self.is_still_welcome().await {
                    return None;
                }
                self.alive_at = self.api.app.now().plus(ALIVE_EVERY);
                return Some(Bytes::from_static(b": alive\n\n"));
            }
            let pause = self.api.app.runtime.sleep(LOOK_EVERY);
            let stop = pin!(stopped(self.api.shutdown.clone()));
            match select(select(rung, pause), stop).await {
                Either::Left(_) => {}
                Either::Right(_) => return None,
            }
        }
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        let rows = self
            .api
            .app
            .events_after(&self.caller, self.position, PAGE)
            .await?;
        for row in &rows {
            // A row without a position is not committed to the order yet.
            let Some(position) = row.position else { break };
            self.position = position;
            self.ready.push_back(Bytes::from(frame(row, position)));
        }
        Ok(())
    }

    async fn is_still_welcome(&self) -> bool {
        matches!(
            self.api.app.authenticate(&self.bearer).await,
            Ok(Some(caller)) if caller == self.caller
        )
    }

    fn is_stopping(&self) -> bool {
        self.api
            .shutdown
            .as_ref()
            .is_some_and(|stop| *stop.borrow())
    }
}

/// Ends when the server stops; never when nobody can say so.
async fn stopped(shutdown: Option<watch::Receiver<bool>>) {
    match shutdown {
        Some(mut shutdown) => {
            // A sender that is gone stopped with the server.
            let _ = shutdown.wait_for(|stop| *stop).await;
        }
        None => std::future::pending().await,
    }
}

/// One event as text. The JSON has no line breaks, so it is one `data` line.
fn frame(row: &EventRow, position: u64) -> String {
    let data = events::published(row);
    format!("id: {position}\nevent: {}\ndata: {data}\n\n", row.kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::EventId;

    #[test]
    fn a_frame_is_three_lines_and_a_blank_one() {
        let row = EventRow {
            id: EventId::from_bytes([1; 16]),
            kind: "charge.paid".into(),
            transaction_id: None,
            transaction_version: None,
            wallet_id: None,
            user_id: None,
            body: "{\"note\":\"a\\nb\"}".into(),
            occurred_at: Moment::from_micros(0),
            position: Some(7),
        };
        let text = frame(&row, 7);
        let lines: Vec<&str> = text.split('\n').collect();
        assert_eq!(lines.len(), 5);
        assert_eq!(&lines[..2], ["id: 7", "event: charge.paid"]);
        let data: serde_json::Value =
            serde_json::from_str(lines[2].strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(data["data"]["note"], "a\nb");
        assert_eq!(data["position"], 7);
        assert_eq!(&lines[3..], ["", ""]);
    }

    #[test]
    fn the_last_event_id_is_a_position_or_refused() {
        let with = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("last-event-id", text.parse().unwrap());
            last_event_id(&headers)
        };
        assert_eq!(with("42"), Ok(Some(42)));
        assert_eq!(last_event_id(&HeaderMap::new()), Ok(None));
        assert!(with("evt_1").is_err());
    }
}
