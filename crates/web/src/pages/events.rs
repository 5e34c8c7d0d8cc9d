//! `GET /app/eventos`: tells open pages which transactions changed, as server-sent events.
//!
//! A page asks for what came after the position at which it was drawn (`depois`), a browser that
//! connects again for what came after the last event it saw (`Last-Event-ID`), so nothing between
//! is missed. Only ids are told; what changed is on the page that is loaded again.

use std::convert::Infallible;

use app::feed::{Feed, Told};
use app::ports::store::EventRow;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use http::{HeaderMap, header};

use crate::Web;
use crate::form::Query;
use crate::session::Signed;
use crate::stop::Stop;

pub async fn stream(
    State(web): State<Web>,
    signed: Signed,
    Query(query): Query,
    headers: HeaderMap,
) -> Result<Response, Stop> {
    let seen = headers.get("last-event-id");
    let seen = seen.and_then(|value| value.to_str().ok()?.parse().ok());
    let position = match seen.or_else(|| query.get("depois").parse().ok()) {
        Some(position) => position,
        None => web.app.last_position().await?,
    };
    let who = (signed.caller, signed.bearer);
    let feed = Feed::new(web.app, who, position, web.shutdown);
    let told = stream::unfold(feed, |mut feed| async move {
        let told = feed.next().await?;
        Some((Bytes::from(text(&told)), feed))
    });
    let greeting = stream::iter([Bytes::from_static(b"retry: 2000\n\n")]);
    let chunks = greeting.chain(told).map(Ok::<_, Infallible>);
    let kind = [(header::CONTENT_TYPE, "text/event-stream")];
    Ok((kind, Body::from_stream(chunks)).into_response())
}

fn text(told: &Told) -> String {
    match told {
        Told::Events(events) => events.iter().map(|(at, row)| frame(*at, row)).collect(),
        Told::Alive => ": alive\n\n".to_owned(),
    }
}

/// The transaction's id, or nothing for what concerns none.
fn frame(position: u64, row: &EventRow) -> String {
    let id = row.transaction_id.map(|id| id.to_string());
    format!(
        "id: {position}\nevent: change\ndata: {}\n\n",
        id.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::{EventId, TransactionId};
    use domain::time::Moment;

    #[test]
    fn only_the_id_is_told() {
        let row = EventRow {
            id: EventId::from_bytes([1; 16]),
            kind: "charge.paid".into(),
            transaction_id: Some(TransactionId::from_bytes([7; 16])),
            transaction_version: Some(2),
            wallet_id: None,
            user_id: None,
            body: "{\"amount_cents\":1}".into(),
            occurred_at: Moment::default(),
            position: Some(9),
        };
        let expected = format!("id: 9\nevent: change\ndata: txn_{}\n\n", "07".repeat(16));
        assert_eq!(text(&Told::Events(vec![(9, row)])), expected);
        assert_eq!(text(&Told::Alive), ": alive\n\n");
    }
}
