//! Efí's Pix API.
//!
//! Every call needs mutual TLS and an OAuth token. [`session`] holds both and makes one
//! authenticated call; [`map`] says what a refusal proves; one file per endpoint group does the
//! rest. The attempt key is `idEnvio` of a payout, `txid` of a charge and the id of a refund, so
//! every order can be looked up by our own key, and Efí refuses a second use of it with 409.

mod charge;
mod map;
mod pages;
mod payout;
mod received;
mod refund;
mod sent;
mod session;
mod token;
mod webhook;
mod wire;

use std::sync::Arc;

use app::ports::gateway::{
    AttemptReference, CancelAnswer, CannotCarry, ChargeAnswer, ChargeLookup, ChargeOrder,
    GatewayClient, GatewayTrouble, InboundRefusal, InboundRequest, ObservedPayIn, ObservedReturn,
    ParsedInbound, PayoutLookup, PayoutOrder, PreparedRequest, RefundOrder, SentList,
};
use app::ports::runtime::Runtime;
use async_trait::async_trait;
use domain::gateway::{Capabilities, Gateway, Resolution};
use domain::money::Money;
use domain::outcome::{Evidence, SendVerdict};
use domain::time::{Moment, Span};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;

use crate::config::{ConfigError, EfiConfig};
use crate::transport::{Call, Tls, Transport};
use session::Session;

/// Everything but RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Text as one path segment or query value.
fn encoded(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

pub struct EfiClient {
    session: Session,
    pix_key: String,
    webhook_secret: SecretString,
}

impl EfiClient {
    /// Reads the certificate; opens no connection.
    pub fn new(config: EfiConfig, runtime: Arc<dyn Runtime>) -> Result<EfiClient, ConfigError> {
        if config.pix_key.is_empty() {
            return Err(ConfigError::new("pix_key", "is empty"));
        }
        let only_root = match &config.extra_root_pem {
            Some(pem) => Some(
                reqwest::Certificate::from_pem(pem.as_bytes())
                    .map_err(|_| ConfigError::new("extra_root_pem", "is not a certificate"))?,
            ),
            None => None,
        };
        let tls = Tls {
            identity: Some(config.certificate.identity()?),
            only_root,
        };
        let transport = Transport::new(Gateway::Efi, &config.base_url, tls, config.limits)?;
        let session = Session::new(transport, &config.client_id, &config.client_secret, runtime)?;
        Ok(EfiClient {
            session,
            pix_key: config.pix_key,
            webhook_secret: config.webhook_secret,
        })
    }
}

fn trouble(message: impl Into<String>) -> GatewayTrouble {
    GatewayTrouble {
        gateway: Gateway::Efi,
        message: message.into(),
    }
}

#[async_trait]
impl GatewayClient for EfiClient {
    fn gateway(&self) -> Gateway {
        Gateway::Efi
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            dynamic_br_code: true,
            smallest_payout_cents: 1,
            shortest_charge_expiry: Span::from_seconds(1),
            longest_charge_expiry: Span::from_days(365),
            resolution: Resolution::LookUpByKey,
            dedup_window: Span::from_days(30),
            refund_window: Span::from_days(90),
        }
    }

    fn prepare_payout(&self, order: &PayoutOrder) -> Result<PreparedRequest, CannotCarry> {
        payout::prepare(&self.pix_key, order)
    }

    async fn send_payout(&self, request: &PreparedRequest) -> SendVerdict {
        payout::send(&self.session, request).await
    }

    async fn look_up_payout(&self, attempt: &AttemptReference) -> PayoutLookup {
        payout::look_up(&self.session, attempt).await
    }

    fn prepare_charge(&self, order: &ChargeOrder) -> Result<PreparedRequest, CannotCarry> {
        charge::prepare(&self.pix_key, order)
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
        received::look_up(&self.session, key).await
    }

    async fn received(
        &self,
        from: Moment,
        to: Moment,
    ) -> Result<Vec<ObservedPayIn>, GatewayTrouble> {
        received::between(&self.session, &self.pix_key, from, to).await
    }

    async fn sent(&self, from: Moment, to: Moment) -> Result<SentList, GatewayTrouble> {
        let listed = sent::between(&self.session, from, to).await?;
        Ok(SentList::Listed(listed))
    }

    fn prepare_refund(
        &self,
        order: &RefundOrder,
        _before: &[ObservedReturn],
    ) -> Result<PreparedRequest, CannotCarry> {
        refund::prepare(order)
    }

    async fn send_refund(&self, request: &PreparedRequest) -> SendVerdict {
        refund::send(&self.session, request).await
    }

    async fn look_up_refund(&self, attempt: &AttemptReference) -> Evidence {
        refund::look_up(&self.session, attempt).await
    }

    /// What the account holds, blocked money included.
    async fn balance(&self) -> Result<Option<Money>, GatewayTrouble> {
        let answer = self
            .session
            .read(|| Call::get("balance", "/v2/gn/saldo"))
            .await
            .map_err(|failure| trouble(failure.as_str()))?;
        let balance: Option<wire::Balance> = if answer.status == 200 {
            answer.read()
        } else {
            None
        };
        balance
            .and_then(|balance| balance.saldo.0)
            .map(Some)
            .ok_or_else(|| trouble(format!("balance answered {}", answer.status)))
    }

    async fn probe(&self) -> Result<(), GatewayTrouble> {
        self.balance().await.map(|_| ())
    }

    fn read_inbound(
        &self,
        request: &InboundRequest,
        _now: Moment,
    ) -> Result<ParsedInbound, InboundRefusal> {
        webhook::read(&self.webhook_secret, request)
    }

    async fn ensure_webhook(&self, public_url: &str) -> Result<(), GatewayTrouble> {
        webhook::ensure(
            &self.session,
            &self.pix_key,
            &self.webhook_secret,
            public_url,
        )
        .await
    }
}
