//! One request from the wire to its answer: log, draw a fault, execute or not, spoil the answer.
//!
//! ```text
//! request ─ log ─ draw ─┬─ refused before execution (error_500, reject, rate_limited, html_502)
//!                       ├─ silent, not executed (timeout_before)
//!                       └─ execute ─ log outcome ─┬─ answer as it is, perhaps later (slow)
//!                                                 ├─ answer spoilt (500, empty, unknown status)
//!                                                 ├─ half an answer (truncated)
//!                                                 └─ no answer (drop_reply, timeout_after_commit)
//! ```

use std::time::Duration;

use aws_lc_rs::digest;
use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt;
use http::Response;
use serde_json::{Value, json};

use crate::{
    clock::{self, Millis},
    config::GatewayName,
    core::Core,
    efi,
    faults::{FaultMode, Operation, Strike},
    http::{Reply, Request},
    mercado_pago,
    request_log::RequestRecord,
    state::{Record, State},
};

/// A header that strikes one request with a fault, without the panel.
const MARKER: &str = "x-sandbox-fault";
/// A status that nobody documented.
const UNKNOWN_STATUS: &str = "SITUACAO_NOVA";

/// What a fault changes inside the operation, rather than around it.
#[derive(Debug, Clone, Copy)]
pub struct Effect {
    strike: Strike,
}

impl Effect {
    /// Accepted now, refused by webhook.
    pub fn refused_later(self) -> bool {
        self.strike.mode == FaultMode::AsyncReject
    }

    /// When an accepted payout or refund settles.
    pub fn settle_at(self, state: &State) -> Millis {
        let usual = state.options.settle_delay_ms;
        let delay = if self.strike.mode == FaultMode::SettleLate {
            self.strike.latency_ms
        } else {
            usual
        };
        state
            .now
            .saturating_add(i64::try_from(delay).unwrap_or(i64::MAX / 4))
    }

    /// Whether a query does not see yet what was made then.
    pub fn hides(self, now: Millis, made: Millis) -> bool {
        let lag = i64::try_from(self.strike.latency_ms).unwrap_or(i64::MAX / 4);
        self.strike.mode == FaultMode::LookupLag && now - made < lag
    }
}

/// The connection is to be cut without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut, as a fault asked")]
pub struct Cut;

/// SHA-256 in hexadecimal.
pub fn body_hash(body: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, body))
}

enum Target {
    Efi(efi::Endpoint),
    MercadoPago(mercado_pago::Endpoint),
    Unknown,
}

impl Target {
    fn of(gateway: GatewayName, request: &Request) -> Self {
        match gateway {
            GatewayName::Efi => efi::route(request).map_or(Self::Unknown, Self::Efi),
            GatewayName::MercadoPago => {
                mercado_pago::route(request).map_or(Self::Unknown, Self::MercadoPago)
            }
        }
    }

    fn operation(&self) -> Operation {
        match self {
            Self::Efi(endpoint) => endpoint.operation(),
            Self::MercadoPago(endpoint) => endpoint.operation(),
            Self::Unknown => Operation::Other,
        }
    }

    fn key(&self, request: &Request) -> Option<String> {
        match self {
            Self::Efi(endpoint) => endpoint.key().map(str::to_owned),
            Self::MercadoPago(_) => request.header("x-idempotency-key").map(str::to_owned),
            Self::Unknown => None,
        }
    }

    async fn execute(&self, core: &Core, request: &Request, effect: Effect) -> Reply {
        match self {
            Self::Efi(endpoint) => efi::handle(core, request, endpoint, effect).await,
            Self::MercadoPago(endpoint) => mercado_pago::handle(core, request, endpoint, effect),
            Self::Unknown => Reply::json(
                404,
                &json!({"message": "resource not found", "error": "not_found", "status": 404, "cause": []}),
            ),
        }
    }
}

/// Answers one request, or asks for the connection to be cut.
pub async fn serve(
    core: &Core,
    gateway: GatewayName,
    request: Request,
) -> Result<Response<Body>, Cut> {
    let target = Target::of(gateway, &request);
    let (record, strike) = core.transact(|state| arrive(state, gateway, &target, &request));
    if let Some(reply) = refuse(gateway, &target, strike.mode) {
        core.transact(|state| {
            state.put(Record::Request(RequestRecord {
                status: Some(reply.status),
                ..record
            }))
        });
        return Ok(whole(reply));
    }
    if strike.mode == FaultMode::TimeoutBefore {
        return silence().await;
    }
    let reply = target.execute(core, &request, Effect { strike }).await;
    let done = RequestRecord {
        status: Some(reply.status),
        executed: reply.executed,
        ..record
    };
    core.transact(|state| state.put(Record::Request(done)));
    answer(gateway, reply, strike).await
}

fn arrive(
    state: &mut State,
    gateway: GatewayName,
    target: &Target,
    request: &Request,
) -> (RequestRecord, Strike) {
    let operation = target.operation();
    let marked = request
        .header(MARKER)
        .and_then(|mode| serde_json::from_value(json!(mode)).ok());
    let strike = match marked {
        Some(mode) => Strike {
            mode,
            latency_ms: 2_000,
        },
        None => state.panel(gateway).draw(operation),
    };
    let record = RequestRecord {
        seq: state.book.requests.len() as u64 + 1,
        gateway,
        received_at: clock::utc(state.now),
        method: request.method.to_string(),
        path: request.path.clone(),
        operation,
        key: target.key(request),
        body_hash: body_hash(&request.body),
        status: None,
        executed: false,
        fault: (strike.mode != FaultMode::Healthy).then_some(strike.mode),
    };
    state.put(Record::Request(record.clone()));
    (record, strike)
}

/// Faults that keep the operation from being executed, and what they answer.
fn refuse(gateway: GatewayName, target: &Target, mode: FaultMode) -> Option<Reply> {
    match (mode, gateway, target) {
        (FaultMode::Error500, ..) => Some(internal(gateway)),
        (FaultMode::Html502, ..) => Some(Reply::html(502, "502 Bad Gateway")),
        (FaultMode::RateLimited, GatewayName::Efi, _) => Some(efi::error::bucket_empty(1)),
        (FaultMode::RateLimited, GatewayName::MercadoPago, _) => {
            Some(mercado_pago::error::too_many_requests(1))
        }
        (FaultMode::Reject, _, Target::Efi(endpoint)) => Some(efi::reject(endpoint)),
        (FaultMode::Reject, _, Target::MercadoPago(endpoint)) => {
            Some(mercado_pago::reject(endpoint))
        }
        _ => None,
    }
}

fn internal(gateway: GatewayName) -> Reply {
    match gateway {
        GatewayName::Efi => efi::error::internal(),
        GatewayName::MercadoPago => mercado_pago::error::internal(),
    }
}

async fn silence() -> Result<Response<Body>, Cut> {
    // The connection's task goes away with the client, and this with it.
    std::future::pending::<()>().await;
    Err(Cut)
}

/// Sends the reply as the fault lets it through.
async fn answer(gateway: GatewayName, reply: Reply, strike: Strike) -> Result<Response<Body>, Cut> {
    let success = (200..300).contains(&reply.status);
    match strike.mode {
        FaultMode::Error500AfterCommit => Ok(whole(internal(gateway))),
        FaultMode::TimeoutAfterCommit => silence().await,
        FaultMode::DropReply => Err(Cut),
        FaultMode::Truncated => Ok(half(reply)),
        FaultMode::Empty2xx if success => Ok(whole(Reply {
            body: Bytes::new(),
            ..reply
        })),
        FaultMode::UnknownStatus if success => Ok(whole(with_unknown_status(reply))),
        FaultMode::SettleLate | FaultMode::LookupLag => Ok(whole(reply)),
        _ => {
            tokio::time::sleep(Duration::from_millis(strike.latency_ms)).await;
            Ok(whole(reply))
        }
    }
}

fn with_unknown_status(reply: Reply) -> Reply {
    let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) else {
        return reply;
    };
    if body.get("status").is_some() {
        body["status"] = json!(UNKNOWN_STATUS);
    }
    if body.is_object() {
        body["campo_novo"] = json!({"desconhecido": true});
    }
    Reply {
        body: Bytes::from(body.to_string()),
        ..reply
    }
}

fn head(reply: &Reply) -> http::response::Builder {
    let mut head = Response::builder().status(reply.status);
    if !reply.body.is_empty() {
        head = head.header("content-type", reply.content_type);
    }
    reply
        .headers
        .iter()
        .fold(head, |head, (name, value)| head.header(*name, value))
}

/// The reply as it is.
pub fn whole(reply: Reply) -> Response<Body> {
    let head = head(&reply);
    head.body(Body::from(reply.body))
        .expect("the sandbox writes valid headers")
}

/// The length of the whole, the first half of the bytes, then the end of the connection.
fn half(reply: Reply) -> Response<Body> {
    let head = head(&reply).header("content-length", reply.body.len());
    let first = reply.body.slice(..reply.body.len() / 2);
    // The pause lets the first half leave before the error closes the connection.
    let cut = futures::stream::once(async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(std::io::Error::other(Cut))
    });
    let parts = futures::stream::iter([Ok(first)]).chain(cut);
    head.body(Body::from_stream(parts))
        .expect("the sandbox writes valid headers")
}
