//! `GET /v1/events/stream`: the caller's events as server-sent events (WHATWG HTML, 9.2).
//!
//! An event's `id` is its position in the stream, so a client that reconnects with `Last-Event-ID`
//! misses nothing; without it the stream begins now. [`app::feed::Feed`] says when there is more; what
//! keeps the connection alive is a comment.

use std::convert::Infallible;

use app::events;
use app::feed::{Feed, Told};
use app::ports::store::EventRow;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use http::{HeaderMap, header};

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Reads};
use crate::wire::operations::EventBody;

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
    let who = (authorized.caller, authorized.bearer);
    let feed = Feed::new(api.app, who, position, api.shutdown);
    let told = stream::unfold(feed, |mut feed| async move {
        let told = feed.next().await?;
        Some((stream::iter(pieces(&told)), feed))
    });
    let greeting = stream::iter([Bytes::from_static(b": connected\n\n")]);
    let chunks = greeting.chain(told.flatten()).map(Ok::<_, Infallible>);
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

fn pieces(told: &Told) -> Vec<Bytes> {
    match told {
        Told::Events(events) => {
            let frames = events.iter().map(|(at, row)| frame(row, *at));
            frames.map(Bytes::from).collect()
        }
        Told::Alive => vec![Bytes::from_static(b": alive\n\n")],
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
    use domain::time::Moment;

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
