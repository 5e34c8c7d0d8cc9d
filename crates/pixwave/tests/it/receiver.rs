//! A customer's server: takes webhooks, answers as a test says, and verifies signatures by itself.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use testkit::wait_until;

use crate::harness::LIMIT;

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub id: String,
    pub timestamp: i64,
    pub signatures: Vec<String>,
    pub text: String,
    pub body: Value,
}

impl Received {
    /// How many of its signatures were made with this secret.
    pub fn signed_by(&self, secret: &str) -> usize {
        let key = secret.strip_prefix("whsec_").expect("a secret");
        let key = STANDARD.decode(key).expect("base64");
        let signed = format!("{}.{}.{}", self.id, self.timestamp, self.text);
        let expected = format!("v1,{}", STANDARD.encode(hmac(&key, signed.as_bytes())));
        let matching = self.signatures.iter().filter(|one| **one == expected);
        matching.count()
    }
}

/// HMAC-SHA256 from its definition (RFC 2104), on the digest alone.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 64;
    assert!(key.len() <= BLOCK, "a longer key is hashed first");
    let padded = |with: u8| {
        let mut block = [with; BLOCK];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
        block.to_vec()
    };
    let inner = digest(&SHA256, &[padded(0x36), message.to_vec()].concat());
    let outer = [padded(0x5c), inner.as_ref().to_vec()].concat();
    digest(&SHA256, &outer).as_ref().to_vec()
}

#[derive(Default)]
struct Shared {
    received: Mutex<Vec<Received>>,
    /// The next answers; then the usual one.
    next: Mutex<VecDeque<u16>>,
    usual: Mutex<u16>,
    redirect_to: Mutex<Option<String>>,
}

pub struct Receiver {
    pub url: String,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    /// One that answers 204.
    pub async fn start() -> Receiver {
        let shared = Arc::new(Shared::default());
        *shared.usual.lock().expect("no holder panics") = 204;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let router = Router::new().fallback(take).with_state(shared.clone());
        let task = tokio::spawn(async move {
            let served = axum::serve(listener, router).await;
            served.expect("it serves");
        });
        Receiver {
            url: format!("http://127.0.0.1:{port}/hooks"),
            shared,
            task,
        }
    }

    /// Answers so from now on.
    pub fn answers(&self, status: u16) {
        *self.shared.usual.lock().expect("no holder panics") = status;
    }

    /// Answers so first.
    pub fn answers_first(&self, statuses: &[u16]) {
        let mut next = self.shared.next.lock().expect("no holder panics");
        next.extend(statuses);
    }

    pub fn redirects_to(&self, url: &str) {
        let mut target = self.shared.redirect_to.lock().expect("no holder panics");
        *target = Some(url.to_owned());
    }

    pub fn received(&self) -> Vec<Received> {
        let received = self.shared.received.lock().expect("no holder panics");
        received.clone()
    }

    /// The requests once something is true of them.
    pub async fn once(&self, what: &str, is_so: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        wait_until(what, LIMIT, || async {
            let received = self.received();
            is_so(&received).then_some(received)
        })
        .await
    }
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let text = String::from_utf8(body.to_vec()).expect("UTF-8");
    let received = Received {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp").parse().expect("seconds"),
        signatures: header("webhook-signature")
            .split(' ')
            .map(str::to_owned)
            .collect(),
        body: serde_json::from_str(&text).expect("JSON"),
        text,
    };
    assert_eq!(header("content-type"), "application/json");
    shared
        .received
        .lock()
        .expect("no holder panics")
        .push(received);
    let next = shared.next.lock().expect("no holder panics").pop_front();
    let usual = *shared.usual.lock().expect("no holder panics");
    let status = StatusCode::from_u16(next.unwrap_or(usual)).expect("a status");
    let target = shared.redirect_to.lock().expect("no holder panics").clone();
    match target {
        Some(target) if status.is_redirection() => {
            (status, [(header::LOCATION, target)]).into_response()
        }
        _ => (status, "thank you").into_response(),
    }
}
