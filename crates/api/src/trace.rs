//! What happens around every request: an id, a span, a log line, the security headers.
//!
//! The span and the log name the method and the *matched* path, never the raw one: paths hold
//! secrets (the Efí webhook). Bodies, queries and tokens are never logged. A problem's body gets
//! the request's id as `trace_id`, and a panic becomes a plain 500.

use std::panic::AssertUnwindSafe;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::{HeaderName, HeaderValue, Method, header};
use tracing::Instrument;

use crate::Api;
use crate::error::Problem;

/// By method, matched path and status; the time until the head of the answer.
const REQUESTS: &str = "pixwave_http_request_seconds";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(crate) async fn around(State(api): State<Api>, request: Request, next: Next) -> Response {
    let runtime = &api.app.runtime;
    let mut random = [0; 16];
    runtime.random(&mut random);
    let request_id = hex::encode(random);
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("(none)", MatchedPath::as_str)
        .to_owned();
    let method = request.method().clone();
    let is_private = path.starts_with("/v1") || path.starts_with("/webhooks");
    let started = runtime.now();
    let span = tracing::info_span!("request", %method, path, request_id);

    let answered = AssertUnwindSafe(next.run(request))
        .catch_unwind()
        .instrument(span.clone())
        .await;
    let _entered = span.enter();
    let response = answered.unwrap_or_else(|panic| {
        let cause = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("a panic without words");
        Problem::internal(cause).into_response()
    });
    let mut response = named(response, &request_id);
    harden(&mut response, is_private);
    let latency_ms = runtime.now().since(started).millis();
    let status = response.status().as_u16();
    tracing::info!(status, latency_ms, "answered");
    let labels = [
        ("method", known(&method).to_owned()),
        ("path", path),
        ("status", status.to_string()),
    ];
    metrics::histogram!(REQUESTS, &labels).record(latency_ms as f64 / 1_000.0);
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Clients may invent methods, and each label value is kept for ever.
fn known(method: &Method) -> &'static str {
    let mut usual = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"].into_iter();
    usual
        .find(|name| *name == method.as_str())
        .unwrap_or("other")
}

/// A problem's body is written again, now with the request's id; its other headers stay.
fn named(response: Response, request_id: &str) -> Response {
    let Some(problem) = response.extensions().get::<Problem>() else {
        return response;
    };
    let mut rendered = problem.render(Some(request_id));
    for (name, value) in response.headers() {
        if name != header::CONTENT_LENGTH && !rendered.headers().contains_key(name) {
            rendered.headers_mut().insert(name, value.clone());
        }
    }
    rendered
}

fn harden(response: &mut Response, is_private: bool) {
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    if is_private {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'",
        ));
}
