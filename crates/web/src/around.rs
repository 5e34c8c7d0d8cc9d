//! What happens around every page: who visits is read once, an id, a span and a log line are made,
//! a [`Stop`] becomes a page in the visitor's language, HTML is compressed, and the headers that
//! protect pages are set.
//!
//! The log names the *matched* path, never the raw one, and nothing that was typed.

use std::io::Write as _;
use std::panic::AssertUnwindSafe;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use tracing::Instrument;

use crate::stop::Stop;
use crate::visitor::Visitor;
use crate::{Web, cookies, pages};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Nothing inline, no other host, no frames, and forms that only post to us.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

pub(crate) async fn around(State(web): State<Web>, request: Request, next: Next) -> Response {
    dressed(web, request, |request| next.run(request)).await
}

/// A path that nobody serves: a page for whoever would rather read one, the JSON of the others else.
pub(crate) async fn nowhere(State(web): State<Web>, request: Request, next: Next) -> Response {
    let is_served = request.extensions().get::<MatchedPath>().is_some();
    if is_served || is_of_programs(request.uri().path()) || !prefers_pages(request.headers()) {
        return next.run(request).await;
    }
    dressed(web, request, async |_| Stop::NotFound.into_response()).await
}

/// Programs ask there, whatever they say they take.
fn is_of_programs(path: &str) -> bool {
    ["/v1", "/webhooks"].iter().any(|place| {
        path.strip_prefix(place)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Whether HTML is taken rather than JSON (RFC 9110 section 12.5.1): browsers say so, and a program
/// that takes anything does not.
fn prefers_pages(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT);
    let accepted = accepted.and_then(|value| value.to_str().ok()).unwrap_or("");
    let weight = |kind: &str| {
        let general = format!("{}/*", kind.split('/').next().unwrap_or_default());
        let named = |name: &str| weight_of(accepted, name);
        named(kind)
            .or_else(|| named(&general))
            .or_else(|| named("*/*"))
            .unwrap_or(0)
    };
    weight("text/html") > weight("application/json")
}

/// The weight of exactly this range, in thousandths.
fn weight_of(accepted: &str, range: &str) -> Option<u32> {
    accepted.split(',').find_map(|one| {
        let mut parts = one.split(';').map(str::trim);
        if !parts.next()?.eq_ignore_ascii_case(range) {
            return None;
        }
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        let Some(weight) = weight else {
            return Some(1_000);
        };
        let (whole, part) = weight.split_once('.').unwrap_or((weight, ""));
        let thousandths = format!("{whole}{part:0<3}");
        Some(thousandths.parse().unwrap_or(0))
    })
}

async fn dressed<A>(web: Web, mut request: Request, answer: impl FnOnce(Request) -> A) -> Response
where
    A: Future<Output = Response>,
{
    let started = web.app.now();
    let request_id = hex::encode(web.random::<16>());
    let path = request.extensions().get::<MatchedPath>();
    let path = path.map_or("(none)", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("page", method = %request.method(), path, request_id);
    let raw = request.uri().path_and_query();
    let raw = raw.map_or("/", |raw| raw.as_str()).to_owned();
    let fresh = hex::encode(web.random::<16>());
    let is_new = cookies::read(request.headers(), cookies::VISIT).is_none();
    let visitor = Visitor::read(request.headers(), raw, fresh, web.secure);
    let takes_gzip = takes_gzip(request.headers());
    request.extensions_mut().insert(visitor.clone());

    let answered = AssertUnwindSafe(answer(request))
        .catch_unwind()
        .instrument(span.clone())
        .await;
    let response =
        answered.unwrap_or_else(|_| Stop::Internal("a page panicked".into()).into_response());
    let response = in_words(&web, response, &visitor);
    let mut response = if takes_gzip {
        compressed(response).await
    } else {
        response
    };
    harden(&mut response);
    if is_html(&response) {
        keep_visit(&web, &mut response, &visitor, is_new);
    }
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let _entered = span.enter();
    let latency_ms = web.app.now().since(started).millis();
    tracing::info!(status = response.status().as_u16(), latency_ms, "answered");
    response
}

/// A stop as a page; where it is already an answer of its own (a redirect) it stays.
fn in_words(web: &Web, response: Response, visitor: &Visitor) -> Response {
    let stop = match response.extensions().get::<Stop>() {
        Some(stop) => stop.clone(),
        None if response.status() == StatusCode::METHOD_NOT_ALLOWED => Stop::NoSuchMethod,
        None => return response,
    };
    if stop.status() == StatusCode::SEE_OTHER {
        return response;
    }
    let mut page = pages::error::page(web, visitor, &stop);
    if let Some(allowed) = response.headers().get(header::ALLOW) {
        page.headers_mut().insert(header::ALLOW, allowed.clone());
    }
    page
}

/// Remembers the visit, and forgets a notice that was shown.
fn keep_visit(web: &Web, response: &mut Response, visitor: &Visitor, is_new: bool) {
    let headers = response.headers_mut();
    if is_new {
        let cookie = cookies::set(cookies::VISIT, &visitor.visit, None, web.secure);
        headers.append(header::SET_COOKIE, cookie);
    }
    if visitor.notice.is_some() {
        let cookie = cookies::set(cookies::NOTICE, "", Some(0), web.secure);
        headers.append(header::SET_COOKIE, cookie);
    }
}

fn is_html(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING);
    let accepted = accepted.and_then(|value| value.to_str().ok());
    accepted.is_some_and(|list| list.split(',').any(|one| one.trim().starts_with("gzip")))
}

/// A page, which is in memory whole, as gzip.
async fn compressed(response: Response) -> Response {
    if !is_html(&response) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(collected) = body.collect().await else {
        return Stop::Internal("a page without an end".into()).into_response();
    };
    let plain = collected.to_bytes();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = encoder.write_all(&plain).and_then(|()| encoder.finish());
    let Ok(packed) = packed else {
        return Response::from_parts(parts, Body::from(plain));
    };
    let headers = &mut parts.headers;
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    Response::from_parts(parts, Body::from(packed))
}

fn harden(response: &mut Response) {
    let headers = response.headers_mut();
    let mut always = |name, value| headers.insert(name, HeaderValue::from_static(value));
    always(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // Not `no-referrer`: with it browsers post our own forms with the origin "null".
    always(header::REFERRER_POLICY, "same-origin");
    always(header::X_FRAME_OPTIONS, "DENY");
    always(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_used_where_it_is_understood() {
        let with = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, text.parse().unwrap());
            takes_gzip(&headers)
        };
        assert!(with("gzip, deflate, br") && with("br, gzip;q=0.8"));
        assert!(!with("br") && !takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn browsers_get_pages_and_programs_do_not() {
        let prefers = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, text.parse().unwrap());
            prefers_pages(&headers)
        };
        for browser in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/html",
            "application/json;q=0.5, text/html;q=0.9",
            "text/*;q=0.4, */*;q=0.3",
        ] {
            assert!(prefers(browser), "{browser}");
        }
        for program in [
            "*/*",
            "",
            "application/json",
            "application/json, text/html",
            "text/html;q=0.5, application/json",
            "text/html;q=x",
            "application/problem+json",
        ] {
            assert!(!prefers(program), "{program}");
        }
        assert!(!prefers_pages(&HeaderMap::new()));
        assert!(is_of_programs("/v1") && is_of_programs("/v1/x") && is_of_programs("/webhooks/y"));
        assert!(!is_of_programs("/v10") && !is_of_programs("/"));
    }

    #[test]
    fn every_answer_forbids_frames_and_is_not_stored_unless_it_says_so() {
        let mut page = "x".into_response();
        harden(&mut page);
        assert_eq!(page.headers()["x-frame-options"], "DENY");
        assert_eq!(page.headers()["cache-control"], "no-store");
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
        let mut file = ([(header::CACHE_CONTROL, "public")], "x").into_response();
        harden(&mut file);
        assert_eq!(file.headers()["cache-control"], "public");
    }
}
