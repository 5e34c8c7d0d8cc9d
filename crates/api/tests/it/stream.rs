//! The event stream: resumable, alive, and over when it has to be.

use std::sync::atomic::Ordering;
use std::time::Duration;

use api::ApiOptions;
use app::ports::store::EventRow;
use axum::body::{Body, BodyDataStream};
use domain::ids::EventId;
use domain::time::{Moment, Span};
use futures::StreamExt;
use http::StatusCode;
use testkit::wait_until;
use tokio::sync::watch;
use tokio::time::timeout;
use tower::ServiceExt;

use crate::world::*;

const LIMIT: Duration = Duration::from_secs(10);

fn event(position: u64) -> EventRow {
    EventRow {
        id: EventId::from_bytes([9; 16]),
        kind: "charge.paid".into(),
        transaction_id: None,
        transaction_version: None,
        wallet_id: Some(WALLET),
        user_id: Some(USER),
        body: "{}".into(),
        occurred_at: Moment::default(),
        position: Some(position),
    }
}

async fn open(api: &Api, last_event_id: Option<&str>) -> BodyDataStream {
    let mut request = request("GET", "/v1/events/stream", Some(SESSION), Body::empty());
    if let Some(id) = last_event_id {
        let value = id.parse().expect("a header");
        request.headers_mut().insert("last-event-id", value);
    }
    let response = api
        .router
        .clone()
        .oneshot(request)
        .await
        .expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut stream = response.into_body().into_data_stream();
    assert_eq!(next(&mut stream).await.as_deref(), Some(": connected\n\n"));
    stream
}

/// The next piece, `None` at the end.
async fn next(stream: &mut BodyDataStream) -> Option<String> {
    let piece = timeout(LIMIT, stream.next())
        .await
        .expect("a piece in time")?;
    let bytes = piece.expect("the stream does not fail");
    Some(String::from_utf8(bytes.to_vec()).expect("UTF-8"))
}

async fn next_id(stream: &mut BodyDataStream) -> String {
    let frame = next(stream).await.expect("not over");
    frame.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_client_resumes_where_it_was_and_hears_of_new_commits() {
    let api = Api::new(World::default());
    api.world
        .events
        .lock()
        .expect("no holder panics")
        .extend([event(1), event(2), event(3)]);
    let mut resumed = open(&api, Some("1")).await;
    assert_eq!(next_id(&mut resumed).await, "id: 2");
    assert_eq!(next_id(&mut resumed).await, "id: 3");
    let mut fresh = open(&api, None).await;

    api.world
        .events
        .lock()
        .expect("no holder panics")
        .push(event(4));
    let bell = api.app.bell.clone();
    let both = async {
        assert_eq!(next_id(&mut resumed).await, "id: 4");
        assert_eq!(next_id(&mut fresh).await, "id: 4");
    };
    let ring = async {
        // Whoever is waiting hears it; whoever is not looks before waiting.
        tokio::task::yield_now().await;
        bell.notify_waiters();
    };
    tokio::join!(both, ring);
}

#[tokio::test]
async fn without_a_bell_the_stream_looks_again_and_stays_alive_while_the_token_lives() {
    let api = Api::new(World {
        session_expires_at: testkit::runtime::START.plus(Span::from_seconds(20)),
        ..World::default()
    });
    let mut stream = open(&api, None).await;
    let runtime = api.runtime.clone();
    let reader = tokio::spawn(async move {
        let mut pieces = Vec::new();
        while let Some(piece) = next(&mut stream).await {
            pieces.push(piece);
        }
        pieces
    });
    // Asleep again after so many looks, or over.
    let looks = || api.world.looks.load(Ordering::SeqCst);
    let settled = |after: u32| {
        let is_settled = reader.is_finished() || (looks() > after && runtime.sleepers() > 0);
        async move { is_settled.then_some(()) }
    };
    wait_until("the stream waits", LIMIT, || settled(0)).await;
    api.world
        .events
        .lock()
        .expect("no holder panics")
        .push(event(1));
    for _ in 0..40 {
        let before = looks();
        runtime.advance(Span::from_seconds(1));
        wait_until("the stream settles", LIMIT, || settled(before)).await;
    }
    let pieces = reader.await.expect("the reader ends");
    assert!(pieces[0].starts_with("id: 1\n"), "{pieces:?}");
    assert_eq!(pieces[1..], [": alive\n\n"]);
}

#[tokio::test]
async fn a_server_that_stops_ends_its_streams() {
    let (stop, shutdown) = watch::channel(false);
    let api = Api::with(
        World::default(),
        ApiOptions {
            shutdown: Some(shutdown),
            ..ApiOptions::all()
        },
    );
    let mut stream = open(&api, None).await;
    let (ended, ()) = tokio::join!(next(&mut stream), async {
        tokio::task::yield_now().await;
        stop.send_replace(true);
    });
    assert_eq!(ended, None);
    let mut late = open(&api, None).await;
    assert_eq!(next(&mut late).await, None);
}

#[tokio::test]
async fn a_position_that_is_none_is_refused() {
    let api = Api::new(World::default());
    let mut request = request("GET", "/v1/events/stream", Some(SESSION), Body::empty());
    request
        .headers_mut()
        .insert("last-event-id", "evt_1".parse().expect("a header"));
    let answer = api.send(request).await;
    assert_eq!(answer.errors(), [("Last-Event-ID", "invalid")]);
}
