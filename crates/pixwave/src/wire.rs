//! Puts the parts together: the one place that knows them all.
//!
//! [`start`] brings up the whole service in this process, in this order: the main port is taken,
//! the database is opened (and migrated, in the embedded mode), the sandbox plays the gateways
//! unless real ones are configured, the embedded database gets its first content once, the HTTP
//! server starts, then the workers and the periodic tasks. [`Running::shutdown`] takes it down in
//! the opposite order.
//!
//! Tests start it in their own process:
//!
//! ```ignore
//! let config = Config::read(&|name| match name {
//!     "DB_DATABASE" => Some(folder.join("pixwave.db").display().to_string()),
//!     "HTTP_PORT" => Some("0".to_owned()),
//!     _ => None,
//! })?;
//! let running = pixwave::wire::start(config).await?;
//! // running.url, running.app, running.sandbox(), running.demo
//! running.shutdown().await;
//! ```

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use api::ApiOptions;
use app::availability::InProcess;
use app::context::App;
use app::guards::Guards;
use app::ports::runtime::Runtime;
use domain::time::Span;
use sandbox::{Sandbox, SandboxConfig};
use secrecy::{ExposeSecret, SecretString};
use store::SqlStore;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::clients::{self, Clients};
use crate::config::{Config, Gateways, SandboxPorts, beside, local_url};
use crate::database::{self, Opened};
use crate::demo_data::{self, DemoCredentials};
use crate::presence::Presence;
use crate::runtime::SystemRuntime;
use crate::{app_key, serve};

/// How long a graceful stop may take before it is cut short.
const DRAIN_LIMIT: Duration = Duration::from_secs(25);

/// Starting circuits anew: the sweeps of periodic tasks.
const SWEEP: Span = Span::from_seconds(5);
const PROBE: Span = Span::from_seconds(1);
const POLL: Span = Span::from_seconds(15);
const SCAN_RETURNS: Span = Span::from_seconds(3_600);

/// The service, running in this process.
pub struct Running {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    pub address: SocketAddr,
    pub app: App,
    /// Who may sign in, in the embedded mode.
    pub demo: Option<DemoCredentials>,
    sandbox: Option<Sandbox>,
    presence: Option<Presence>,
    store: Arc<SqlStore>,
    runtime: Arc<SystemRuntime>,
    stop: watch::Sender<bool>,
    server: tokio::task::JoinHandle<()>,
    tasks: JoinSet<&'static str>,
}

/// Starts the whole service and returns when it serves. Needs a multi-threaded tokio runtime and
/// the process-wide TLS provider ([`install_tls`]).
///
/// # Errors
/// When anything that it needs cannot be had: one line that says what.
pub async fn start(config: Config) -> Result<Running> {
    install_tls();
    let runtime = Arc::new(SystemRuntime::default());
    let listener = listen(&config).await?;
    let address = listener.local_addr()?;
    let opened = match config.is_embedded() {
        true => database::open_migrated(&config, &runtime).await?,
        false => database::open(&config, &runtime).await?,
    };
    let store = opened.store.clone();
    let started = assemble(config, runtime, opened, (listener, address)).await;
    if started.is_err() {
        // Nothing else uses it yet.
        store.close().await;
    }
    started
}

/// The one TLS provider of the process; later calls change nothing.
pub fn install_tls() {
    // It fails only when a provider is installed already, which is then this one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

async fn listen(config: &Config) -> Result<TcpListener> {
    let address = config.http.address();
    TcpListener::bind(address).await.map_err(|error| {
        let reason = match error.kind() {
            std::io::ErrorKind::AddrInUse => "the port is in use (HTTP_PORT)".to_owned(),
            std::io::ErrorKind::AddrNotAvailable => {
                "this machine has no such address (HTTP_HOST)".to_owned()
            }
            _ => error.to_string(),
        };
        anyhow::anyhow!("cannot listen on {address}: {reason}")
    })
}

async fn assemble(
    config: Config,
    runtime: Arc<SystemRuntime>,
    opened: Opened,
    (listener, address): (TcpListener, SocketAddr),
) -> Result<Running> {
    let Opened { store, key } = opened;
    let url = local_url(address);
    let port: Arc<dyn Runtime> = runtime.clone();
    let Connected {
        clients,
        sandbox,
        webhook_secret,
    } = connect(&config, &key, &url, &port).await?;
    let mut app = build_app(&config, store.clone(), clients, port);
    let settings = Arc::make_mut(&mut app.settings);
    settings.public_url = Some(config.http.public_url.clone().unwrap_or(url.clone()));
    settings.efi_webhook_secret = webhook_secret.expose_secret().to_owned();
    let demo = match config.is_embedded() {
        true => Some(demo_data::seed(&app, &key).await?),
        false => {
            refuse_pretended_money(&app).await?;
            None
        }
    };

    let (stop, stopping) = watch::channel(false);
    let options = ApiOptions {
        shutdown: Some(stopping.clone()),
        ..ApiOptions::all()
    };
    let mut router = api::router(app.clone(), options);
    if let Some(sandbox) = &sandbox {
        router = router.merge(sandbox.control_router());
    }
    let server = tokio::spawn(serve::serve(listener, router, stopping.clone()));
    let tasks = start_tasks(&app, config.jobs_at_once, &stopping);
    Ok(Running {
        url,
        address,
        app,
        demo,
        presence: sandbox
            .as_ref()
            .and_then(|sandbox| Presence::announce(&config, &sandbox.control_url())),
        sandbox,
        store,
        runtime,
        stop,
        server,
        tasks,
    })
}

/// The application over these parts.
pub fn build_app(
    config: &Config,
    store: Arc<SqlStore>,
    clients: Clients,
    runtime: Arc<dyn Runtime>,
) -> App {
    App {
        store,
        gateways: Arc::new(clients),
        runtime,
        availability: Arc::new(InProcess::new(config.settings.circuit)),
        settings: Arc::new(config.settings.clone()),
        bell: Arc::new(Notify::new()),
        guards: Arc::new(Guards::default()),
    }
}

/// An application without gateways, for commands that write to the database.
pub async fn app_without_gateways(config: &Config) -> Result<(App, Arc<SqlStore>)> {
    let runtime = Arc::new(SystemRuntime::default());
    let opened = database::open(config, &runtime).await?;
    let app = build_app(config, opened.store.clone(), BTreeMap::new(), runtime);
    Ok((app, opened.store))
}

/// The same for commands that only read; it works beside a running server.
pub async fn app_for_reading(config: &Config) -> Result<(App, Arc<SqlStore>)> {
    let runtime = Arc::new(SystemRuntime::default());
    let opened = database::open_for_reading(config, &runtime).await?;
    let app = build_app(config, opened.store.clone(), BTreeMap::new(), runtime);
    Ok((app, opened.store))
}

struct Connected {
    clients: Clients,
    sandbox: Option<Sandbox>,
    webhook_secret: SecretString,
}

async fn connect(
    config: &Config,
    key: &SecretString,
    url: &str,
    runtime: &Arc<dyn Runtime>,
) -> Result<Connected> {
    let limits = &config.gateway_http;
    match &config.gateways {
        Gateways::Real(real) => Ok(Connected {
            clients: clients::real(real, config.http.public_url.as_deref(), limits, runtime)?,
            sandbox: None,
            webhook_secret: real.efi.webhook_secret.clone(),
        }),
        Gateways::Sandbox(ports) => {
            let secret = app_key::derived(key, "efi webhook");
            let sandbox = start_sandbox(config, *ports).await?;
            let efi = format!("{url}/webhooks/efi/{}?ignorar=", secret.expose_secret());
            let mercado_pago = format!("{url}{}", clients::MERCADO_PAGO_PATH);
            sandbox.set_webhook_targets(Some(efi), Some(mercado_pago));
            let clients = clients::of_sandbox(&sandbox, secret.clone(), limits, runtime)?;
            Ok(Connected {
                clients,
                sandbox: Some(sandbox),
                webhook_secret: secret,
            })
        }
    }
}

/// The sandbox, with its state beside the database, so that a restart keeps both in step.
async fn start_sandbox(config: &Config, ports: SandboxPorts) -> Result<Sandbox> {
    let sandbox = SandboxConfig {
        efi_port: ports.efi,
        mercado_pago_port: ports.mercado_pago,
        initial_float_cents: demo_data::FLOAT_CENTS,
        data_dir: sandbox_folder(config),
        ..SandboxConfig::default()
    };
    let started = Sandbox::start(sandbox).await;
    started.context("the sandbox cannot start (SANDBOX_EFI_PORT, SANDBOX_MERCADO_PAGO_PORT)")
}

/// Where the sandbox keeps its state; `None` keeps it in memory, like the database.
pub fn sandbox_folder(config: &Config) -> Option<PathBuf> {
    match config.database.file() {
        Some(file) => Some(beside(&file, ".sandbox")),
        None if config.database.is_in_memory() => None,
        None => Some(PathBuf::from("pixwave.sandbox")),
    }
}

/// Money of the sandbox must never be paid out by a real gateway.
async fn refuse_pretended_money(app: &App) -> Result<()> {
    if app.is_seeded().await? {
        bail!(
            "this database holds the sandbox's pretended money: real gateways need one of their own"
        );
    }
    Ok(())
}

fn start_tasks(
    app: &App,
    jobs_at_once: usize,
    stop: &watch::Receiver<bool>,
) -> JoinSet<&'static str> {
    use app::worker::{repeat, repeat_on_bell, work};
    let mut tasks = JoinSet::new();
    let mut start = |name, task: app::ports::runtime::BoxFuture<'static, ()>| {
        tasks.spawn(async move {
            task.await;
            name
        });
    };
    let (app, stop) = (|| app.clone(), || stop.clone());
    start("worker", Box::pin(work(app(), jobs_at_once, stop())));
    let sequence = repeat_on_bell(app(), "sequencer", stop(), |app| async move {
        app::sequencer::run_sequencer_once(&app).await.map(drop)
    });
    start("sequencer", Box::pin(sequence));
    let sweep = repeat(app(), "sweeper", SWEEP, stop(), app::sweeper::sweep);
    start("sweeper", Box::pin(sweep));
    let probe = repeat(app(), "probes", PROBE, stop(), app::sweeper::probe);
    start("probes", Box::pin(probe));
    let poll = repeat(app(), "poller", POLL, stop(), |app| async move {
        app::poller::poll_received(&app).await.map(drop)
    });
    start("poller", Box::pin(poll));
    let scan = repeat(
        app(),
        "returns",
        SCAN_RETURNS,
        stop(),
        app::sweeper::scan_returns,
    );
    start("returns", Box::pin(scan));
    tasks
}

impl Running {
    /// The sandbox, in the embedded mode.
    pub fn sandbox(&self) -> Option<&Sandbox> {
        self.sandbox.as_ref()
    }

    /// Waits until a part ends by itself, which none should: its name.
    pub async fn part_ended(&mut self) -> &'static str {
        tokio::select! {
            _ = &mut self.server => "server",
            ended = self.tasks.join_next() => match ended {
                Some(Ok(name)) => name,
                Some(Err(_)) => "a periodic task",
                None => "every task",
            },
        }
    }

    /// Stops in good order: no new work, answers end, jobs under way end, the database closes.
    /// What takes too long is cut short; the next start finds it by its lease.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        let drained = async {
            if !self.server.is_finished() {
                // A server that panicked has been told of already.
                let _ = (&mut self.server).await;
            }
            while self.tasks.join_next().await.is_some() {}
            self.runtime.drain().await;
        };
        if tokio::time::timeout(DRAIN_LIMIT, drained).await.is_err() {
            tracing::warn!("work under way was cut short; it is taken up again at the next start");
            self.server.abort();
            self.tasks.abort_all();
        }
        drop(self.presence.take());
        if let Some(sandbox) = self.sandbox.take() {
            sandbox.shutdown().await;
        }
        self.store.close().await;
    }
}
