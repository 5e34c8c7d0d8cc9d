//! What the clients are built from. Only the program reads the environment; these are values.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use crate::certificate::CertificateSource;

/// Bounds on one HTTP call.
#[derive(Clone, Debug)]
pub struct HttpLimits {
    /// DNS, TCP and TLS together.
    pub connect: Duration,
    /// The whole call, the answer's last byte included.
    pub total: Duration,
    pub max_response_bytes: usize,
    /// Calls under way at once; one more waits at most `connect` for a place.
    pub max_in_flight: usize,
    /// Idle connections kept per host; 0 opens a connection per call.
    pub pool_max_idle: usize,
    /// How long an idle connection may be used again. Shorter than any server's own limit, so that
    /// a call is not written into a connection that the server is just closing: that would be
    /// an unknown outcome for nothing.
    pub pool_idle: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        HttpLimits {
            connect: Duration::from_secs(3),
            total: Duration::from_secs(15),
            max_response_bytes: 1024 * 1024,
            max_in_flight: 256,
            pool_max_idle: 32,
            pool_idle: Duration::from_secs(4),
        }
    }
}

/// Why a client cannot be built. Never carries a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {message}")]
pub struct ConfigError {
    pub setting: &'static str,
    pub message: String,
}

impl ConfigError {
    pub(crate) fn new(setting: &'static str, message: impl fmt::Display) -> ConfigError {
        ConfigError {
            setting,
            message: message.to_string(),
        }
    }
}

pub struct EfiConfig {
    /// `https://pix.api.efipay.com.br` in production.
    pub base_url: String,
    pub client_id: String,
    pub client_secret: SecretString,
    /// Our own key: charges are paid to it, payouts are debited by it.
    pub pix_key: String,
    /// The client certificate and its private key.
    pub certificate: CertificateSource,
    /// When given, the only authority trusted for the server's certificate (the sandbox's).
    pub extra_root_pem: Option<String>,
    /// The secret part of the path that Efí is told to notify.
    pub webhook_secret: SecretString,
    pub limits: HttpLimits,
}

/// Which generation of Mercado Pago's payout API the account was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PayoutApi {
    /// `POST /v1/transaction-intents/process`.
    #[default]
    TransactionIntents,
}

impl PayoutApi {
    /// Reads the value of `MERCADOPAGO_PAYOUT_API`.
    pub fn parse(text: &str) -> Result<PayoutApi, ConfigError> {
        match text {
            "transaction_intents" | "transaction-intents" => Ok(PayoutApi::TransactionIntents),
            _ => Err(ConfigError::new(
                "MERCADOPAGO_PAYOUT_API",
                "expected transaction_intents",
            )),
        }
    }
}

/// The Ed25519 key whose signature stands on each payout.
#[derive(Clone)]
pub enum SigningKey {
    /// The 32 bytes of the seed.
    Seed([u8; 32]),
    /// `openssl genpkey -algorithm ed25519`.
    Pkcs8Pem(SecretString),
}

pub struct MercadoPagoConfig {
    /// `https://api.mercadopago.com`
    pub base_url: String,
    pub access_token: SecretString,
    pub webhook_secret: SecretString,
    pub payout_api: PayoutApi,
    pub signing_key: Option<SigningKey>,
    /// `X-enforce-signature`: required in production.
    pub enforce_signature: bool,
    /// Where Mercado Pago notifies about each payment and payout, when this server is public.
    pub notification_url: Option<String>,
    pub limits: HttpLimits,
}

impl fmt::Debug for EfiConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EfiConfig")
            .field("base_url", &self.base_url)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for MercadoPagoConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MercadoPagoConfig")
            .field("base_url", &self.base_url)
            .field("payout_api", &self.payout_api)
            .field("enforce_signature", &self.enforce_signature)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payout_api_is_a_closed_choice() {
        assert_eq!(
            PayoutApi::parse("transaction_intents"),
            Ok(PayoutApi::TransactionIntents)
        );
        assert!(PayoutApi::parse("payouts").is_err());
        assert!(PayoutApi::parse("").is_err());
    }
}
