//! `/sandbox`: the panel of the played gateways: what goes wrong there, who pays from outside, what
//! the fake central bank settled beside what PixWave says, and scenarios that show a promise kept.
//!
//! It exists only where a sandbox plays the gateways, and asks nobody to sign in: no real money is near. This
//! crate does not know the sandbox; what it needs of it is [`PlayedGateways`].

mod actions;
mod ledger;
mod page;
pub mod scenario;

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::extract::FromRequestParts;
use axum::routing::{get, post};
use domain::gateway::Gateway;
use http::request::Parts;

use crate::Web;
use crate::stop::Stop;

/// The gateways that the sandbox plays, and the people outside.
#[async_trait]
pub trait PlayedGateways: Send + Sync + 'static {
    /// `None`: the sandbox, which may run apart, does not answer.
    async fn gateway(&self, gateway: Gateway) -> Option<PlayedGateway>;
    /// Arms a fault; whether it is in force now. `healthy` without an operation heals everything.
    async fn arm(&self, gateway: Gateway, fault: ArmedFault) -> bool;
    /// Pays the charge that a gateway knows by this name; whether it could.
    async fn pay(&self, charge: &str, how: OutsidePayment) -> bool;
    /// The gateway takes back a received PIX; whether it could.
    async fn take_back(&self, charge: &str, cents: Option<i64>) -> bool;
    /// The payee gives back a payout; whether it could.
    async fn give_back(&self, payout: &str, cents: Option<i64>) -> bool;
    /// What the central bank settled, oldest first; `None` when the sandbox does not answer.
    async fn ledger(&self) -> Option<Vec<Movement>>;
}

/// A played gateway as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlayedGateway {
    pub balance_cents: i64,
    pub faults: Vec<ArmedFault>,
}

/// What goes wrong, in the sandbox's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArmedFault {
    /// `None`: charge, payout and refund, or everything, by the mode.
    pub operation: Option<String>,
    pub mode: String,
    /// Of each request, 0 to 100.
    pub percent: u8,
    pub latency_ms: Option<u64>,
    /// It disarms itself after so many strikes.
    pub times: Option<u64>,
}

impl ArmedFault {
    /// This mode, always.
    pub fn always(mode: &str) -> ArmedFault {
        ArmedFault {
            mode: mode.to_owned(),
            percent: 100,
            ..ArmedFault::default()
        }
    }
}

/// How somebody outside pays a charge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutsidePayment {
    /// `None`: what is asked for.
    pub cents: Option<i64>,
    /// Although it was paid before.
    pub again: bool,
    /// Although it has expired.
    pub late: bool,
}

/// One movement that the central bank settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    pub seq: u64,
    pub gateway: Gateway,
    /// `received`, `sent`, `refund`, `return`, `reversal`.
    pub kind: String,
    pub cents: i64,
    /// txid, idEnvio or external_reference of the charge or payout concerned.
    pub reference: String,
    /// What tells it from others of the same reference.
    pub key: Option<String>,
    pub end_to_end_id: String,
}

pub fn routes() -> Router<Web> {
    Router::new()
        .route("/sandbox", get(page::show))
        .route("/sandbox/painel/falhas", post(actions::arm))
        .route("/sandbox/painel/curar", post(actions::heal))
        .route("/sandbox/painel/pagar", post(actions::pay))
        .route("/sandbox/painel/voltar", post(actions::move_back))
        .route("/sandbox/painel/roteiros", post(scenario::start))
        .route("/sandbox/painel/roteiros/{number}", get(scenario::show))
}

/// The panel, where there is one.
pub struct Panel(pub Arc<dyn PlayedGateways>);

impl FromRequestParts<Web> for Panel {
    type Rejection = Stop;

    async fn from_request_parts(_: &mut Parts, web: &Web) -> Result<Panel, Stop> {
        web.panel.clone().map(Panel).ok_or(Stop::NotFound)
    }
}

/// Heals both gateways; whether both are.
async fn heal(played: &dyn PlayedGateways) -> bool {
    let mut are_healthy = true;
    for gateway in Gateway::ALL {
        are_healthy &= played.arm(gateway, ArmedFault::always("healthy")).await;
    }
    are_healthy
}
