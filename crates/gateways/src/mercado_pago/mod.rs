//! Mercado Pago: the Payments API for charges and refunds, transaction intents for payouts.
//!
//! The attempt key is `external_reference` and `X-Idempotency-Key` at once. Payouts cannot be
//! looked up by it: only a repeat of the same bytes under the same key tells the id of a payout
//! whose answer was lost, and only that id can be looked up. Payout bodies are signed with Ed25519
//! over their exact bytes; the signature is part of the prepared request.

mod charge;
mod map;
mod pay_in;
mod payout;
mod refund;
mod session;
mod signature;
mod webhook;
mod wire;

use std::sync::Arc;

use app::ports::gateway::{
    AttemptReference, CancelAnswer, CannotCarry, ChargeAnswer, ChargeLookup, ChargeOrder,
    GatewayClient, GatewayTrouble, InboundRefusal, InboundRequest, ObservedPayIn, ObservedReturn,
    ParsedInbound, PayoutLookup, PayoutOrder, PreparedRequest, RefundOrder,
};
use app::ports::runtime::Runtime;
use async_trait::async_trait;
use domain::gateway::{Capabilities, Gateway, Resolution};
use domain::money::Money;
use domain::outcome::{Evidence, SendVerdict};
use domain::time::{Moment, Span};
use secrecy::{ExposeSecret, SecretString};

use crate::config::{ConfigError, MercadoPagoConfig, PayoutApi};
use crate::transport::{Tls, Transport};
use session::Session;
use signature::Signer;

pub struct MercadoPagoClient {
    session: Session,
    orders: OrderSettings,
    webhook_secret: SecretString,
}

/// What becomes part of every prepared order.
struct OrderSettings {
    payout_api: PayoutApi,
    signer: Option<Signer>,
    enforce_signature: bool,
    /// Old test credentials: nothing moves.
    test_token: bool,
    notification_url: Option<String>,
}

impl MercadoPagoClient {
    /// Reads the signing key; opens no connection. This client asks the clock nothing: its token
    /// does not expire, and notifications bring their moment along.
    pub fn new(
        config: MercadoPagoConfig,
        _runtime: Arc<dyn Runtime>,
    ) -> Result<MercadoPagoClient, ConfigError> {
        let signer = config.signing_key.as_ref().map(Signer::new).transpose()?;
        if config.enforce_signature && signer.is_none() {
            return Err(ConfigError::new(
                "signing_key",
                "is needed when signatures are enforced",
            ));
        }
        let transport = Transport::new(
            Gateway::MercadoPago,
            &config.base_url,
            Tls::default(),
            config.limits,
        )?;
        Ok(MercadoPagoClient {
            orders: OrderSettings {
                payout_api: config.payout_api,
                signer,
                enforce_signature: config.enforce_signature,
                test_token: config.access_token.expose_secret().starts_with("TEST-"),
                notification_url: config.notification_url,
            },
            session: Session::new(transport, &config.access_token)?,
            webhook_secret: config.webhook_secret,
        })
    }
}

fn trouble(message: impl Into<String>) -> GatewayTrouble {
    GatewayTrouble {
        gateway: Gateway::MercadoPago,
        message: message.into(),
    }
}

#[async_trait]
impl GatewayClient for MercadoPagoClient {
    fn gateway(&self) -> Gateway {
        Gateway::MercadoPago
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            dynamic_br_code: false,
            smallest_payout_cents: 1,
            shortest_charge_expiry: Span::from_seconds(charge::SHORTEST_EXPIRY_SECONDS),
            longest_charge_expiry: Span::from_seconds(charge::LONGEST_EXPIRY_SECONDS),
            resolution: Resolution::ReplaySameBytes,
            // How long an idempotency key lives is not documented.
            dedup_window: Span::from_seconds(60 * 60),
            refund_window: Span::from_days(180),
        }
    }

    fn prepare_payout(&self, order: &PayoutOrder) -> Result<PreparedRequest, CannotCarry> {
        match self.orders.payout_api {
            PayoutApi::TransactionIntents => payout::prepare(&self.orders, order),
        }
    }

    async fn send_payout(&self, request: &PreparedRequest) -> SendVerdict {
        payout::send(&self.session, request).await
    }

    async fn look_up_payout(&self, attempt: &AttemptReference) -> PayoutLookup {
        payout::look_up(&self.session, attempt).await
    }

    fn prepare_charge(&self, order: &ChargeOrder) -> Result<PreparedRequest, CannotCarry> {
        charge::prepare(&self.orders, order)
    }

    async fn create_charge(&self, request: &PreparedRequest) -> ChargeAnswer {
        charge::create(&self.session, request).await
    }

    async fn look_up_charge(&self, attempt: &AttemptReference) -> ChargeLookup {
        charge::look_up(&self.session, attempt).await
    }

    async fn cancel_charge(&self, attempt: &AttemptReference) -> CancelAnswer {
        charge::cancel(&self.session, attempt).await
    }

    async fn look_up_pay_in(&self, key: &str) -> Result<Option<ObservedPayIn>, GatewayTrouble> {
        pay_in::look_up(&self.session, key).await
    }

    async fn received(
        &self,
        from: Moment,
        to: Moment,
    ) -> Result<Vec<ObservedPayIn>, GatewayTrouble> {
        pay_in::between(&self.session, from, to).await
    }

    fn prepare_refund(
        &self,
        order: &RefundOrder,
        before: &[ObservedReturn],
    ) -> Result<PreparedRequest, CannotCarry> {
        refund::prepare(order, before)
    }

    async fn send_refund(&self, request: &PreparedRequest) -> SendVerdict {
        refund::send(&self.session, request).await
    }

    async fn look_up_refund(&self, attempt: &AttemptReference) -> Evidence {
        refund::look_up(&self.session, attempt).await
    }

    /// Mercado Pago has no balance endpoint.
    async fn balance(&self) -> Result<Option<Money>, GatewayTrouble> {
        Ok(None)
    }

    async fn probe(&self) -> Result<(), GatewayTrouble> {
        self.session.fetch_account().await.map(|_| ())
    }

    fn read_inbound(
        &self,
        request: &InboundRequest,
        now: Moment,
    ) -> Result<ParsedInbound, InboundRefusal> {
        webhook::read(&self.webhook_secret, request, now)
    }

    /// There is no call for it: each payment and payout carries its own notification address, and
    /// the panel's setting covers the rest. So it is only checked that they agree.
    async fn ensure_webhook(&self, public_url: &str) -> Result<(), GatewayTrouble> {
        match &self.orders.notification_url {
            Some(url) if url.starts_with(public_url) => Ok(()),
            Some(_) => Err(trouble("notification_url is below another public address")),
            None => Err(trouble("no notification_url is configured")),
        }
    }
}
