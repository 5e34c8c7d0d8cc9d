//! The clients of the two gateways, real or played by the sandbox.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use app::ports::gateway::GatewayClient;
use app::ports::runtime::Runtime;
use domain::gateway::Gateway;
use gateways::{
    CertificateSource, EfiClient, EfiConfig, HttpLimits, MercadoPagoClient, MercadoPagoConfig,
    PayoutApi, SigningKey,
};

use crate::config::RealGateways;
use crate::sandbox_access::Access;

pub type Clients = BTreeMap<Gateway, Arc<dyn GatewayClient>>;

/// Clients of the real gateways. Mercado Pago is told with each order where to notify.
pub fn real(
    gateways: &RealGateways,
    public_url: Option<&str>,
    limits: &HttpLimits,
    runtime: &Arc<dyn Runtime>,
) -> Result<Clients> {
    let efi = &gateways.efi;
    let efi = EfiConfig {
        base_url: efi.base_url.clone(),
        client_id: efi.client_id.clone(),
        client_secret: efi.client_secret.clone(),
        pix_key: efi.pix_key.clone(),
        certificate: efi.certificate.clone(),
        extra_root_pem: None,
        webhook_secret: efi.webhook_secret.clone(),
        limits: limits.clone(),
    };
    let mercado_pago = &gateways.mercado_pago;
    let mercado_pago = MercadoPagoConfig {
        base_url: mercado_pago.base_url.clone(),
        access_token: mercado_pago.access_token.clone(),
        webhook_secret: mercado_pago.webhook_secret.clone(),
        payout_api: mercado_pago.payout_api,
        enforce_signature: mercado_pago.signing_key.is_some(),
        signing_key: mercado_pago.signing_key.clone(),
        notification_url: public_url.map(|url| format!("{url}{MERCADO_PAGO_PATH}")),
        limits: limits.clone(),
    };
    build(efi, mercado_pago, runtime)
}

/// Where this server takes Mercado Pago's notifications.
pub const MERCADO_PAGO_PATH: &str = "/webhooks/mercado-pago";

/// Clients of the gateways that a sandbox plays.
pub fn of_sandbox(
    access: Access,
    limits: &HttpLimits,
    runtime: &Arc<dyn Runtime>,
) -> Result<Clients> {
    let efi = access.efi;
    let pem = format!("{}{}", efi.certificate_pem, efi.private_key_pem);
    let efi = EfiConfig {
        base_url: efi.base_url,
        client_id: efi.client_id,
        client_secret: efi.client_secret.into(),
        pix_key: efi.pix_key,
        certificate: CertificateSource::Pem(pem.into()),
        extra_root_pem: Some(efi.ca_pem),
        webhook_secret: access.webhook_secret,
        limits: limits.clone(),
    };
    let mercado_pago = access.mercado_pago;
    let mercado_pago = MercadoPagoConfig {
        base_url: mercado_pago.base_url,
        access_token: mercado_pago.access_token.into(),
        webhook_secret: mercado_pago.webhook_secret.into(),
        payout_api: PayoutApi::default(),
        signing_key: Some(SigningKey::Seed(mercado_pago.signing_seed)),
        enforce_signature: true,
        // The sandbox's panel knows where to notify, so that a new port is no old order's trouble.
        notification_url: None,
        limits: limits.clone(),
    };
    build(efi, mercado_pago, runtime)
}

fn build(
    efi: EfiConfig,
    mercado_pago: MercadoPagoConfig,
    runtime: &Arc<dyn Runtime>,
) -> Result<Clients> {
    let efi = EfiClient::new(efi, runtime.clone()).context("the Efí client cannot be made")?;
    let mercado_pago = MercadoPagoClient::new(mercado_pago, runtime.clone())
        .context("the Mercado Pago client cannot be made")?;
    Ok(BTreeMap::from([
        (Gateway::Efi, Arc::new(efi) as Arc<dyn GatewayClient>),
        (Gateway::MercadoPago, Arc::new(mercado_pago)),
    ]))
}
