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
use app::availability::{Availability, InProcess};
use app::context::App;
use app::guards::Guards;
use app::ports::runtime::Runtime;
use app::samples::{self, Samples};
use app::throttle::SignInLimits;
use app::tries::Tries;
use domain::gateway::{Gateway, Operation};
use domain::time::Span;
use platform::{Limits, Link, RedisAvailability, RedisTries, WithTwin};
use sandbox::{Sandbox, SandboxConfig};
use secrecy::{ExposeSecret, SecretString};
use store::SqlStore;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tower::ServiceExt as _;
use web::{PlayedGateways, WebOptions};

use crate::clients::{self, Clients};
use crate::config::{Config, Gateways, SandboxPorts, beside, local_url};
use crate::database::{self, Opened};
use crate::demo_data::{self, DemoCredentials};
use crate::panel::Panel;
use crate::presence::Presence;
use crate::runtime::SystemRuntime;
use crate::{app_key, serve};

/// How long a graceful stop may take before it is cut short.
const DRAIN_LIMIT: Duration = Duration::from_secs(25);

/// Starting circuits anew: the sweeps of periodic tasks.
const SWEEP: Span = Span::from_seconds(5);
const PROBE: Span = Span::from_seconds(1);
const POLL: Span = Span::from_seconds(15);
const MATCH_SUSPENSE: Span = Span::from_seconds(60);
const SCAN_RETURNS: Span = Span::from_seconds(3_600);
const SCAN_REVERSALS: Span = Span::from_seconds(6 * 3_600);

/// The service, running in this process.
pub struct Running {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    pub address: SocketAddr,
    pub app: App,
    /// The link to Redis, when it is configured.
    pub redis: Option<Arc<Link>>,
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
    let redis = share_availability(&config, &mut app).await;
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
    let standard = ApiOptions::all();
    let tries: Arc<dyn Tries> = match &redis {
        Some(link) => Arc::new(RedisTries::new(
            link.clone(),
            &app_key::derived(&key, "tries"),
        )),
        None => standard.tries,
    };
    let samples = Arc::new(Samples::default());
    let people = demo.as_ref().zip(sandbox.as_ref());
    let pages = pages(
        &app,
        &tries,
        &stopping,
        (people, sandbox.as_ref()),
        &samples,
    );
    let options = ApiOptions {
        tries,
        shutdown: Some(stopping.clone()),
        ..standard
    };
    let mut router = api::router(app.clone(), options).merge(pages);
    if let Some(sandbox) = &sandbox {
        router = router.merge(sandbox.control_router());
    }
    let server = tokio::spawn(serve::serve(listener, router, stopping.clone()));
    let tasks = start_tasks(&app, config.jobs_at_once, &stopping, samples);
    Ok(Running {
        url,
        address,
        app,
        redis,
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

/// The wallet and the console in the browser; tries to sign in count together with those at the API.
fn pages(
    app: &App,
    tries: &Arc<dyn Tries>,
    stopping: &watch::Receiver<bool>,
    (demo, sandbox): (Option<(&DemoCredentials, &Sandbox)>, Option<&Sandbox>),
    samples: &Arc<Samples>,
) -> axum::Router {
    let demo = demo.map(|(people, sandbox)| {
        let control = sandbox.control_router();
        people.for_pages(Arc::new(move |id| {
            Box::pin(pay_in_sandbox(control.clone(), id))
        }))
    });
    let panel = sandbox
        .map(|sandbox| -> Arc<dyn PlayedGateways> { Arc::new(Panel(sandbox.control_router())) });
    let options = WebOptions {
        panel,
        samples: samples.clone(),
        sign_in_limits: SignInLimits::STANDARD,
        tries: tries.clone(),
        demo,
        shutdown: Some(stopping.clone()),
    };
    web::router(app.clone(), options)
}

/// Pays a charge of the sandbox as a bank outside would; whether it could.
async fn pay_in_sandbox(control: axum::Router, id: String) -> bool {
    let path = format!("/sandbox/charges/{id}/pay");
    let request = http::Request::post(path).body(axum::body::Body::empty());
    let Ok(request) = request else {
        return false;
    };
    match control.oneshot(request).await {
        Ok(answer) => answer.status().is_success(),
        Err(never) => match never {},
    }
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

/// Has the application share what it knows of the gateways through Redis, when that is configured.
/// It goes on by itself while Redis is away.
pub async fn share_availability(config: &Config, app: &mut App) -> Option<Arc<Link>> {
    let address = config.redis.clone()?;
    let slot = platform::slot(Gateway::Efi, Operation::Payout);
    let link = Link::open(address, Limits::STANDARD, app.runtime.clone(), slot).await;
    let shared = RedisAvailability::new(link.clone(), config.settings.circuit);
    let availability: Arc<dyn Availability> = Arc::new(WithTwin::new(shared));
    app.availability = availability;
    Some(link)
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
    started.context(
        "the sandbox cannot start (SANDBOX_EFI_PORT, SANDBOX_MERCADO_PAGO_PORT, SANDBOX_FOLDER)",
    )
}

/// Where the sandbox keeps its state; `None` keeps it in memory, like the database.
pub fn sandbox_folder(config: &Config) -> Option<PathBuf> {
    if let Some(folder) = &config.sandbox_folder {
        return Some(folder.clone());
    }
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
    samples: Arc<Samples>,
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
    let suspense = repeat(
        app(),
        "suspense",
        MATCH_SUSPENSE,
        stop(),
        app::sweeper::match_suspense,
    );
    start("suspense", Box::pin(suspense));
    let scan = repeat(
        app(),
        "returns",
        SCAN_RETURNS,
        stop(),
        app::sweeper::scan_returns,
    );
    start("returns", Box::pin(scan));
    let scan = repeat(
        app(),
        "reversals",
        SCAN_REVERSALS,
        stop(),
        app::sweeper::scan_reversals,
    );
    start("reversals", Box::pin(scan));
    let look = repeat(app(), "samples", samples::EVERY, stop(), move |app| {
        let samples = samples.clone();
        async move { samples.take(&app).await }
    });
    start("samples", Box::pin(look));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Folder, config};
    use domain::ledger::{Account, Float};

    async fn refused(config: Config) -> String {
        match start(config).await {
            Ok(_) => panic!("it started"),
            Err(error) => {
                let line = format!("{error:#}");
                assert!(!line.contains('\n'), "{line}");
                line
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn it_serves_is_seeded_once_and_finds_everything_again() {
        let folder = Folder::new();
        let running = start(config(&folder, &[])).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        for path in ["/readyz", "/openapi.json", "/sandbox/ledger"] {
            let answer = client.get(format!("{}{path}", running.url)).send().await;
            assert_eq!(answer.unwrap().status(), 200, "{path}");
        }
        let first = running.demo.clone().unwrap();
        running.shutdown().await;

        let again = start(config(&folder, &[])).await.unwrap();
        let demo = again.demo.clone().unwrap();
        assert_eq!(demo.customer.password, first.customer.password);
        for who in std::iter::once(&demo.customer).chain(&demo.operators) {
            again.app.sign_in(who.email, &who.password).await.unwrap();
        }
        // Three journals: two floats and the customer's money, however often it starts.
        assert_eq!(again.app.store.totals().await.unwrap().journals, 3);
        for gateway in Gateway::ALL {
            let float = Account::GatewayFloat(gateway, Float::Available);
            let ours = again.app.store.account_balance(float).await.unwrap();
            assert_eq!(ours, demo_data::FLOAT_CENTS);
        }
        let checks = app::checks::check(&again.app).await.unwrap();
        let broken: Vec<_> = checks.iter().flat_map(|check| &check.broken).collect();
        assert!(broken.is_empty(), "{broken:?}");
        again.shutdown().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_second_process_is_told_and_reading_works_beside_the_first() {
        let folder = Folder::new();
        let running = start(config(&folder, &[])).await.unwrap();
        let line = refused(config(&folder, &[])).await;
        assert!(line.contains("is in use by another process"), "{line}");
        let (app, store) = app_for_reading(&config(&folder, &[])).await.unwrap();
        assert!(app.is_seeded().await.unwrap());
        let compared = crate::floats::compare(&config(&folder, &[]), &app)
            .await
            .unwrap();
        assert_eq!(compared.len(), 2);
        assert!(
            compared.iter().all(|check| check.broken.is_empty()),
            "{compared:?}"
        );
        store.close().await;
        running.shutdown().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_it_cannot_have_is_told_in_one_line() {
        let folder = Folder::new();
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port().to_string();
        let line = refused(config(&folder, &[("HTTP_PORT", &port)])).await;
        assert!(line.contains("the port is in use"), "{line}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

        let line = refused(config(&folder, &[("SANDBOX_EFI_PORT", &port)])).await;
        assert!(line.contains("the sandbox cannot"), "{line}");

        let line = refused(config(
            &folder,
            &[("DB_DATABASE", "/nonexistent/pixwave.db")],
        ))
        .await;
        assert!(
            line.contains("/nonexistent/pixwave.db cannot be made"),
            "{line}"
        );

        let other = Folder::new();
        start(config(&other, &[])).await.unwrap().shutdown().await;
        let key = app_key::generate(&SystemRuntime::default());
        let line = refused(config(&other, &[("APP_KEY", &key)])).await;
        assert!(line.contains("APP_KEY is not the key"), "{line}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn pretended_money_never_meets_a_real_gateway() {
        let folder = Folder::new();
        let runtime = Arc::new(SystemRuntime::default());
        let config = config(&folder, &[]);
        let opened = database::open_migrated(&config, &runtime).await.unwrap();
        let app = build_app(&config, opened.store.clone(), BTreeMap::new(), runtime);
        assert!(refuse_pretended_money(&app).await.is_ok());
        demo_data::seed(&app, &opened.key).await.unwrap();
        assert!(refuse_pretended_money(&app).await.is_err());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_part_that_ends_by_itself_is_noticed() {
        let folder = Folder::new();
        let mut running = start(config(&folder, &[])).await.unwrap();
        running.server.abort();
        assert_eq!(running.part_ended().await, "server");
        running.shutdown().await;
    }
}
