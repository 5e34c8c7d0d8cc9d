//! The fake Mercado Pago: which endpoint a request means, and who may call it.

mod account;
pub mod error;
mod intents;
mod payments;
mod refunds;
mod views;

use http::Method;
use serde_json::Value;

pub use intents::SIGNING_SEED;
pub use payments::next_id as next_payment_id;

use crate::{
    core::Core,
    faults::Operation,
    http::{Outcome, Reply, Request},
    pipeline::Effect,
    state::{Record, State, mercado_pago::StoredAnswer},
};

/// The fake account's id and its access token.
pub const COLLECTOR: i64 = 1_108_917_506;
pub const ACCESS_TOKEN: &str =
    "APP_USR-0000000000000000-000000-sandbox00000000000000000000000000-1108917506";
/// A payment's static QR code carries this and the payment id as txid.
pub const TXID_PREFIX: &str = "mpqrinter";

/// Every call that the fake Mercado Pago understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    CreatePayment,
    ReadPayment(i64),
    SearchPayments,
    ChangePayment(i64),
    CreateRefund(i64),
    ListRefunds(i64),
    ReadRefund(i64, i64),
    CreateIntent,
    ReadIntent(String),
    PaymentMethods,
    Me,
}

/// The endpoint that a request means; `None` is answered 404.
pub fn route(request: &Request) -> Option<Endpoint> {
    let path: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    let (read, post) = (
        request.method == Method::GET,
        request.method == Method::POST,
    );
    let put = request.method == Method::PUT;
    // An id that is no number is an unknown payment, not an unknown path.
    let id = |text: &str| text.parse::<i64>().unwrap_or(0);
    Some(match path.as_slice() {
        ["v1", "payments"] if post => Endpoint::CreatePayment,
        ["v1", "payments", "search"] if read => Endpoint::SearchPayments,
        ["v1", "payments", payment] if read => Endpoint::ReadPayment(id(payment)),
        ["v1", "payments", payment] if put => Endpoint::ChangePayment(id(payment)),
        ["v1", "payments", payment, "refunds"] if post => Endpoint::CreateRefund(id(payment)),
        ["v1", "payments", payment, "refunds"] if read => Endpoint::ListRefunds(id(payment)),
        ["v1", "payments", payment, "refunds", refund] if read => {
            Endpoint::ReadRefund(id(payment), id(refund))
        }
        ["v1", "transaction-intents", "process"] if post => Endpoint::CreateIntent,
        ["v1", "transaction-intents", intent] if read => Endpoint::ReadIntent((*intent).to_owned()),
        ["v1", "payment_methods"] if read => Endpoint::PaymentMethods,
        ["users", "me"] if read => Endpoint::Me,
        _ => return None,
    })
}

impl Endpoint {
    pub fn operation(&self) -> Operation {
        match self {
            Self::CreatePayment | Self::ChangePayment(_) => Operation::Charge,
            Self::CreateIntent => Operation::Payout,
            Self::CreateRefund(_) => Operation::Refund,
            Self::ReadPayment(_)
            | Self::SearchPayments
            | Self::ListRefunds(_)
            | Self::ReadRefund(..)
            | Self::ReadIntent(_) => Operation::Lookup,
            Self::PaymentMethods | Self::Me => Operation::Other,
        }
    }
}

/// Answers one call.
pub fn handle(core: &Core, request: &Request, endpoint: &Endpoint, effect: Effect) -> Reply {
    core.transact(|state| {
        authorize(state, request, endpoint)
            .and_then(|()| decide(state, request, endpoint, effect))
            .unwrap_or_else(|refused| refused)
    })
}

fn authorize(state: &State, request: &Request, endpoint: &Endpoint) -> Result<(), Reply> {
    if request.bearer() == Some(ACCESS_TOKEN) && !state.book.mercado_pago_revoked {
        return Ok(());
    }
    Err(match endpoint.operation() {
        Operation::Payout => error::payout(400, "invalid_site", "Invalid site"),
        Operation::Charge
        | Operation::Refund
        | Operation::Lookup
        | Operation::Token
        | Operation::Webhook
        | Operation::Other
        | Operation::Any => error::cause(401, 3, "invalid access token"),
    })
}

fn decide(state: &mut State, request: &Request, endpoint: &Endpoint, effect: Effect) -> Outcome {
    match endpoint {
        Endpoint::CreatePayment => payments::create(state, request, effect),
        Endpoint::ReadPayment(id) => payments::read(state, *id, effect),
        Endpoint::SearchPayments => payments::search(state, request, effect),
        Endpoint::ChangePayment(id) => payments::change(state, request, *id),
        Endpoint::CreateRefund(id) => refunds::create(state, request, *id, effect),
        Endpoint::ListRefunds(id) => refunds::list(state, *id, effect),
        Endpoint::ReadRefund(id, refund) => refunds::read(state, *id, *refund, effect),
        Endpoint::CreateIntent => intents::create(state, request, effect),
        Endpoint::ReadIntent(id) => intents::read(state, id, effect),
        Endpoint::PaymentMethods => account::payment_methods(),
        Endpoint::Me => account::me(),
    }
}

/// A refusal by the `reject` fault, before anything is executed.
pub fn reject(endpoint: &Endpoint) -> Reply {
    match endpoint.operation() {
        Operation::Payout => error::payout(400, "invalid_chave", "Invalid chave"),
        Operation::Charge => error::cause(
            400,
            13253,
            "Collector user without key enabled for QR render",
        ),
        Operation::Refund => error::cause(
            400,
            2063,
            "The action requested is not valid for the current payment state",
        ),
        Operation::Lookup
        | Operation::Token
        | Operation::Webhook
        | Operation::Other
        | Operation::Any => {
            let body = serde_json::json!({
                "code": "PA_UNAUTHORIZED_RESULT_FROM_POLICIES", "blocked_by": "PolicyAgent",
                "message": "At least one policy returned UNAUTHORIZED.", "status": 403,
            });
            Reply::json(403, &body)
        }
    }
}

/// The idempotency key of a request that must have one.
fn idempotency_key(request: &Request) -> Option<&str> {
    request.header("x-idempotency-key")
}

/// What was answered under a key, and whether the body is the same.
fn stored<'a>(state: &'a State, scope: &str, key: &str) -> Option<&'a StoredAnswer> {
    state.book.answers.get(&(scope.to_owned(), key.to_owned()))
}

fn store(state: &mut State, answer: StoredAnswer) {
    state.put(Record::Answer(Box::new(answer)));
}

fn text(body: &Value, name: &str) -> Option<String> {
    body[name].as_str().map(str::to_owned)
}
