//! The HTTP server: bounded connections, slow senders cut off, a stop that lets answers end.
//!
//! Each connection is a task. A server leaves in two steps. First it only says so: `/readyz` is 503
//! and every answer closes its connection, so that whoever spreads requests goes elsewhere while
//! those under way are still taken. Then the listener closes, idle connections end, and those in the
//! middle of a request get their answer and are closed after it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// Connections at once; more wait to be accepted.
const CONNECTIONS: usize = 4_096;
/// A request's head must have arrived by then.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// After a failed accept, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Where a server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Serving,
    /// Still serving, but whoever can should go elsewhere.
    Leaving,
    Stopping,
}

/// Serves until told to stop; returns when the last connection has ended.
pub async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<Stage>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = told(&mut stop) => break,
        };
        let (stream, peer, place) = accepted;
        connections.spawn(converse(stream, peer, router.clone(), stop.clone(), place));
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    loop {
        let place = places.clone().acquire_owned().await;
        let place = place.expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, place),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Waits until the server is to stop, also when whoever would say so has gone.
async fn told(stop: &mut watch::Receiver<Stage>) {
    let _gone = stop.wait_for(|stage| *stage == Stage::Stopping).await;
}

async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    mut stop: watch::Receiver<Stage>,
    _place: OwnedSemaphorePermit,
) {
    // Small answers go out at once; where it cannot be set, they go out a little later.
    let _ = stream.set_nodelay(true);
    let stage = stop.clone();
    let service = service_fn(move |request| answer(router.clone(), request, peer, stage.clone()));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // The other side went away or spoke something else: nothing that anybody here must know.
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn answer(
    router: Router,
    request: Request<Incoming>,
    peer: SocketAddr,
    stage: watch::Receiver<Stage>,
) -> Result<Response<Body>, Infallible> {
    let is_leaving = || *stage.borrow() != Stage::Serving;
    let mut response = if is_leaving() && request.uri().path() == "/readyz" {
        not_ready()
    } else {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.oneshot(request).await?
    };
    // Asked once more: the server may have begun to leave meanwhile.
    if is_leaving() {
        let close = http::HeaderValue::from_static("close");
        response
            .headers_mut()
            .insert(http::header::CONNECTION, close);
    }
    Ok(response)
}

/// A server that stops takes no new work, whatever its database says.
fn not_ready() -> Response<Body> {
    let body = r#"{"type":"about:blank","title":"Unavailable","status":503,"code":"unavailable","detail":"The server is stopping."}"#;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let kind = http::HeaderValue::from_static("application/problem+json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, kind);
    response
}
