//! A sandbox with both clients on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use app::ports::gateway::GatewayClient;
use app::ports::runtime::{BoxFuture, Runtime};
use domain::gateway::Gateway;
use domain::time::{Moment, Span};
use gateways::{
    CertificateSource, EfiClient, EfiConfig, HttpLimits, MercadoPagoClient, MercadoPagoConfig,
    PayoutApi, SigningKey,
};
use sandbox::{GatewayName, Sandbox, SandboxConfig};

/// The machine's clock, which a test may move.
#[derive(Default)]
pub struct TestRuntime {
    ahead_micros: AtomicI64,
}

impl TestRuntime {
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap();
        self.ahead_micros.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Runtime for TestRuntime {
    fn now(&self) -> Moment {
        let since = UNIX_EPOCH.elapsed().unwrap();
        let micros = i64::try_from(since.as_micros()).unwrap();
        Moment::from_micros(micros + self.ahead_micros.load(Ordering::SeqCst))
    }
    fn random(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
    fn sleep(&self, span: Span) -> BoxFuture<'static, ()> {
        let micros = u64::try_from(span.micros()).unwrap();
        Box::pin(tokio::time::sleep(Duration::from_micros(micros)))
    }
    fn spawn(&self, _name: &'static str, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
    fn blocking(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()> {
        Box::pin(async move { work() })
    }
}

/// Generous: a busy machine must not look like a silent gateway.
pub fn limits() -> HttpLimits {
    HttpLimits {
        connect: Duration::from_secs(10),
        total: Duration::from_secs(20),
        ..HttpLimits::default()
    }
}

/// For tests that wait for a silent gateway.
pub fn hasty_limits() -> HttpLimits {
    HttpLimits {
        total: Duration::from_millis(1500),
        ..limits()
    }
}

pub fn efi_config(sandbox: &Sandbox) -> EfiConfig {
    let access = sandbox.efi();
    EfiConfig {
        base_url: access.base_url,
        client_id: access.client_id,
        client_secret: access.client_secret.into(),
        pix_key: access.pix_key,
        certificate: CertificateSource::Pkcs12 {
            bytes: access.p12,
            password: String::new().into(),
        },
        extra_root_pem: Some(access.ca_pem),
        webhook_secret: "hook-secret".to_owned().into(),
        limits: limits(),
    }
}

pub fn mercado_pago_config(sandbox: &Sandbox) -> MercadoPagoConfig {
    let access = sandbox.mercado_pago();
    MercadoPagoConfig {
        base_url: access.base_url,
        access_token: access.access_token.into(),
        webhook_secret: access.webhook_secret.into(),
        payout_api: PayoutApi::TransactionIntents,
        signing_key: Some(SigningKey::Seed(access.signing_seed)),
        enforce_signature: true,
        notification_url: None,
        limits: limits(),
    }
}

pub struct Bench {
    pub sandbox: Sandbox,
    pub runtime: Arc<TestRuntime>,
    pub efi: EfiClient,
    pub mercado_pago: MercadoPagoClient,
}

impl Bench {
    pub async fn start() -> Bench {
        Bench::with(SandboxConfig::default()).await
    }

    pub async fn with(config: SandboxConfig) -> Bench {
        let sandbox = Sandbox::start(config).await.unwrap();
        let runtime = Arc::new(TestRuntime::default());
        Bench {
            efi: EfiClient::new(efi_config(&sandbox), runtime.clone()).unwrap(),
            mercado_pago: MercadoPagoClient::new(mercado_pago_config(&sandbox), runtime.clone())
                .unwrap(),
            sandbox,
            runtime,
        }
    }

    pub fn client(&self, gateway: Gateway) -> &dyn GatewayClient {
        match gateway {
            Gateway::Efi => &self.efi,
            Gateway::MercadoPago => &self.mercado_pago,
        }
    }

    /// A client of its own that does not wait long.
    pub fn hasty_client(&self, gateway: Gateway) -> Box<dyn GatewayClient> {
        match gateway {
            Gateway::Efi => {
                let mut config = efi_config(&self.sandbox);
                config.limits = hasty_limits();
                Box::new(EfiClient::new(config, self.runtime.clone()).unwrap())
            }
            Gateway::MercadoPago => {
                let mut config = mercado_pago_config(&self.sandbox);
                config.limits = hasty_limits();
                Box::new(MercadoPagoClient::new(config, self.runtime.clone()).unwrap())
            }
        }
    }

    /// Payout requests that reached the gateway.
    pub fn payouts_seen(&self, gateway: Gateway) -> usize {
        self.seen(gateway, sandbox::Operation::Payout)
    }

    pub fn seen(&self, gateway: Gateway, operation: sandbox::Operation) -> usize {
        self.sandbox
            .requests()
            .iter()
            .filter(|record| record.gateway == name(gateway) && record.operation == operation)
            .count()
    }

    /// Centavos that really left under this reference.
    pub fn sent_cents(&self, reference: &str) -> i64 {
        self.sandbox
            .ledger()
            .iter()
            .filter(|entry| entry.kind == sandbox::EntryKind::Sent && entry.reference == reference)
            .map(|entry| entry.amount_cents)
            .sum()
    }

    /// Turns a knob of the sandbox over its control listener.
    pub async fn control(&self, path: &str, body: &str) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let url = self.sandbox.control_url();
        let address = url.strip_prefix("http://").unwrap().to_owned();
        let mut socket = tokio::net::TcpStream::connect(&address).await.unwrap();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 2"), "{answer}");
        answer
    }
}

pub fn name(gateway: Gateway) -> GatewayName {
    match gateway {
        Gateway::Efi => GatewayName::Efi,
        Gateway::MercadoPago => GatewayName::MercadoPago,
    }
}
