//! Two wire-faithful fake gateways, Efí and Mercado Pago, over real sockets.
//!
//! A feature of the product (the embedded mode runs on it) and the oracle of its tests: behind the
//! two gateways stands one fake central bank, whose [ledger](Sandbox::ledger) tells what was really
//! paid, and a fault panel, which makes a gateway fail in every way that matters to a client that
//! must not pay twice.
//!
//! ```text
//! listener (server) ─ pipeline: log, fault ─ efi / mercado_pago endpoints ─ state + journal
//!                                                   │ settle: ledger, events
//!                                          delivery: webhooks, retries   ◄─ core: clock, agenda
//! ```
//!
//! It shares no code with the gateway clients: each side was written from the vendors' manuals, so
//! that one checks the other. Magic payee keys are listed in `payee.rs`, the control paths in
//! `control.rs`, the fault modes at [`FaultMode`].

mod br_code;
mod certificates;
mod clock;
mod config;
mod control;
mod core;
mod delivery;
mod efi;
mod events;
mod faults;
mod http;
mod ids;
mod ledger;
mod mercado_pago;
mod money;
mod panel;
mod payee;
mod pipeline;
mod qr;
mod request_log;
mod server;
mod settle;
mod state;

use std::{
    sync::{Arc, RwLock},
    time::Duration,
};

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::{
    certificates::Certificates,
    clock::Clock,
    core::Core,
    panel::ControlPanel,
    server::{Listener, Site, Tls},
    state::{Record, State, efi::Webhook},
};
pub use crate::{
    config::{
        ClientCertificate, EfiAccess, GatewayName, InsufficientBalance, MercadoPagoAccess, Options,
        PayoutReplay, SandboxConfig,
    },
    delivery::{Delivery, Topic},
    faults::{Fault, FaultMode, Operation},
    ledger::{EntryKind, LedgerEntry},
    request_log::RequestRecord,
};

/// The fake account's own key at Efí, and the collector's key at Mercado Pago.
const OWN_KEY: &str = "5b1f3c52-7d0e-4c55-9f57-1a2b3c4d5e6f";
const COLLECTOR_KEY: &str = "8f14e45f-ceea-467f-a0e6-bbd3f6a1c2d3";

/// The CNPJ of whoever holds the accounts at both gateways.
pub const ACCOUNT_HOLDER: &str = "11222333000181";

/// A running sandbox; [`shutdown`](Self::shutdown) or dropping it ends its tasks.
pub struct Sandbox {
    panel: Arc<ControlPanel>,
    control: Listener,
    certificates: Certificates,
    agenda: JoinHandle<()>,
    public_host: String,
}

fn site(core: &Arc<Core>, gateway: Option<GatewayName>, tls: Option<Tls>) -> Site {
    Site {
        core: Arc::clone(core),
        gateway,
        tls,
        control: RwLock::new(None),
    }
}

/// The client that delivers webhooks. Receivers run on the user's own machine behind whatever
/// certificate they have, so theirs is not checked.
fn deliverer(identity: Option<&Certificates>) -> Result<reqwest::Client> {
    let builder = reqwest::Client::builder()
        .tls_danger_accept_invalid_certs(true)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(Duration::from_secs(5));
    let builder = match identity {
        Some(certificates) => {
            let pem = format!("{}{}", certificates.client_pem, certificates.client_key_pem);
            builder.identity(reqwest::Identity::from_pem(pem.as_bytes())?)
        }
        None => builder,
    };
    builder
        .build()
        .context("the webhook client cannot be built")
}

impl Sandbox {
    /// Opens the state, binds the listeners and starts the scheduler.
    ///
    /// # Errors
    /// When a port is taken, or the data directory cannot be read or written.
    pub async fn start(config: SandboxConfig) -> Result<Self> {
        if let Some(dir) = &config.data_dir {
            std::fs::create_dir_all(dir)
                .with_context(|| format!("{} cannot be made", dir.display()))?;
        }
        let certificates =
            Certificates::load_or_make(config.data_dir.as_deref(), &config.public_host)?;
        let clock = Clock::default();
        let state = State::open(
            &config,
            OWN_KEY.to_owned(),
            COLLECTOR_KEY.to_owned(),
            clock.now(),
        )?;
        let core = Arc::new(Core::new(
            clock,
            state,
            deliverer(Some(&certificates))?,
            deliverer(None)?,
        ));
        let tls = Tls {
            strict: TlsAcceptor::from(certificates.server_config(true)?),
            lenient: TlsAcceptor::from(certificates.server_config(false)?),
        };
        let efi = site(&core, Some(GatewayName::Efi), Some(tls));
        let mercado_pago = site(&core, Some(GatewayName::MercadoPago), None);
        let panel = Arc::new(ControlPanel {
            efi: Listener::open(efi, &config.host, config.efi_port).await?,
            mercado_pago: Listener::open(mercado_pago, &config.host, config.mercado_pago_port)
                .await?,
            core: Arc::clone(&core),
        });
        let control =
            Listener::open(site(&core, None, None), &config.host, config.control_port).await?;
        let router = control::router(Arc::clone(&panel));
        control.set_control(router.clone());
        panel.mercado_pago.set_control(router);
        let agenda = tokio::spawn(core.run_agenda());
        Ok(Self {
            panel,
            control,
            certificates,
            agenda,
            public_host: config.public_host,
        })
    }

    /// What an Efí client needs.
    pub fn efi(&self) -> EfiAccess {
        EfiAccess {
            base_url: format!("https://{}:{}", self.public_host, self.panel.efi.port()),
            client_id: efi::CLIENT_ID.to_owned(),
            client_secret: efi::CLIENT_SECRET.to_owned(),
            pix_key: OWN_KEY.to_owned(),
            certificate_pem: self.certificates.client_pem.clone(),
            private_key_pem: self.certificates.client_key_pem.clone(),
            p12: self.certificates.client_p12.clone(),
            ca_pem: self.certificates.ca_pem.clone(),
        }
    }

    /// What a Mercado Pago client needs.
    pub fn mercado_pago(&self) -> MercadoPagoAccess {
        MercadoPagoAccess {
            base_url: format!(
                "http://{}:{}",
                self.public_host,
                self.panel.mercado_pago.port()
            ),
            access_token: mercado_pago::ACCESS_TOKEN.to_owned(),
            webhook_secret: delivery::WEBHOOK_SECRET.to_owned(),
            pix_key: COLLECTOR_KEY.to_owned(),
            signing_seed: mercado_pago::SIGNING_SEED,
            signing_key_pem: signing_key_pem(),
        }
    }

    /// Where the control paths answer even while both gateways are down.
    pub fn control_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.control.port())
    }

    /// Presets the webhook URLs: Efí's of the account's own key (as `PUT /v2/webhook/{chave}`
    /// would), Mercado Pago's of the panel. `None` leaves what there is.
    pub fn set_webhook_targets(&self, efi_url: Option<String>, mercado_pago_url: Option<String>) {
        self.panel.core.transact(|state| {
            if let Some(url) = efi_url {
                let created = state.now;
                let key = OWN_KEY.to_owned();
                state.put(Record::Webhook(Webhook { key, url, created }));
            }
            if mercado_pago_url.is_some() {
                state.put(Record::PanelUrl(mercado_pago_url));
            }
        });
    }

    /// The `/sandbox/…` paths, to be mounted on the program's own port.
    pub fn control_router(&self) -> axum::Router {
        control::router(Arc::clone(&self.panel))
    }

    /// What the fake central bank really settled, in order.
    pub fn ledger(&self) -> Vec<LedgerEntry> {
        self.panel.core.read(|state| state.book.ledger.clone())
    }

    /// Every request received, in order.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.panel.core.read(|state| state.book.requests.clone())
    }

    /// Every webhook delivery, done or under way.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.panel
            .core
            .read(|state| state.book.deliveries.values().cloned().collect())
    }

    /// What the account at a gateway holds, in centavos.
    pub fn balance_cents(&self, gateway: GatewayName) -> i64 {
        self.panel.core.read(|state| state.balance(gateway))
    }

    /// Changes behaviors while the sandbox runs.
    pub fn change_options(&self, change: impl FnOnce(&mut Options)) {
        self.panel.core.transact(|state| change(&mut state.options));
    }

    /// Arms a fault; returns when it is in force.
    ///
    /// # Panics
    /// When the fault is nonsense (see [`Fault::problem`]), or a gateway that was down cannot
    /// listen on its port again.
    pub async fn set_fault(&self, gateway: GatewayName, fault: Fault) {
        let set = self.panel.set_fault(gateway, fault).await;
        set.expect("a sensible fault, and a port that is still free");
    }

    /// Moves the sandbox's clock forward.
    pub fn advance_clock(&self, by: Duration) {
        self.panel.core.advance_clock(by);
    }

    /// Makes every access token of a gateway invalid.
    pub fn revoke_tokens(&self, gateway: GatewayName) {
        self.panel
            .core
            .transact(|state| state.put(Record::TokensRevoked(gateway)));
    }

    /// Closes the listeners, cuts the connections and ends the scheduler.
    pub async fn shutdown(self) {
        self.panel.efi.close().await;
        self.panel.mercado_pago.close().await;
        self.control.close().await;
        self.agenda.abort();
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.agenda.abort();
        for listener in [&self.panel.efi, &self.panel.mercado_pago, &self.control] {
            listener.abandon();
        }
        self.panel.core.close();
    }
}

/// PKCS#8 of an Ed25519 seed (RFC 8410): a fixed header and the 32 bytes.
fn signing_key_pem() -> String {
    let header = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    let der = [header.as_slice(), mercado_pago::SIGNING_SEED.as_slice()].concat();
    format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(der)
    )
}
