//! Puts the parts together: the one place that knows them all.
//!
//! [`start`] brings up the whole service in this process, in this order: the main port is taken,
//! the database is opened (and migrated, in the embedded mode), the sandbox plays the gateways
//! unless real ones are configured, the embedded database gets its first content once, the HTTP
//! server starts, then the workers and the periodic tasks. [`start_roles`] brings up a part of it;
//! then the database has been migrated before, and the sandbox may run in another process.
//! [`Running::shutdown`] takes it down in the opposite order.
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
use app::monitor::LiveView;
use app::ports::runtime::Runtime;
use app::ports::webhooks::WebhookSender;
use app::samples::Samples;
use app::throttle::SignInLimits;
use app::tries::Tries;
use domain::gateway::{Gateway, Operation};
use platform::{
    Limits, Link, RedisAvailability, RedisTries, SystemLookup, WebhookClient, WebhookLimits,
    WithTwin,
};
use sandbox::{Sandbox, SandboxConfig};
use secrecy::{ExposeSecret, SecretString};
use store::SqlStore;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tower::ServiceExt as _;
use web::{PlayedGateways, WebOptions};

use crate::app_key;
use crate::clients::{self, Clients};
use crate::config::{Config, Gateways, SandboxPorts, beside, local_url};
use crate::database::{self, Opened};
use crate::demo_data::{self, DemoCredentials};
use crate::lifecycle::Service;
use crate::metrics;
use crate::own_accounts::OwnAccounts;
use crate::panel::{self, Panel};
use crate::presence::Presence;
use crate::roles::{Role, Roles};
use crate::runtime::SystemRuntime;
use crate::sandbox_access::{Access, Kept};
use crate::serve::{self, Stage};
use crate::tasks::{self, Tasks};

/// How long a graceful stop may take before it is cut short.
const DRAIN_LIMIT: Duration = Duration::from_secs(25);
/// How long jobs that are cut short may take to be handed back, and the database to close.
const HAND_BACK_LIMIT: Duration = Duration::from_secs(2);
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// How a process starts.
#[derive(Clone, Debug)]
pub struct Start {
    pub roles: Roles,
    /// How long to wait for a database, for its migrations and for a sandbox that runs apart.
    pub wait: Duration,
}

impl Start {
    /// Everything, without waiting for anything.
    pub fn all() -> Start {
        Start {
            roles: Roles::all(),
            wait: Duration::ZERO,
        }
    }
}

/// The service, running in this process.
pub struct Running {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    pub address: SocketAddr,
    pub roles: Roles,
    pub app: App,
    /// The link to Redis, when it is configured.
    pub redis: Option<Arc<Link>>,
    /// What operators see live.
    pub live: Arc<LiveView>,
    /// Who may sign in, in the embedded mode.
    pub demo: Option<DemoCredentials>,
    sandbox: Option<Sandbox>,
    presence: Option<Presence>,
    store: Arc<SqlStore>,
    runtime: Arc<SystemRuntime>,
    drain_delay: Duration,
    /// Ends the tasks.
    stop: watch::Sender<bool>,
    /// Ends the streams of events.
    closing: watch::Sender<bool>,
    stage: watch::Sender<Stage>,
    server: tokio::task::JoinHandle<()>,
    tasks: Tasks,
}

/// Starts the whole service and returns when it serves. Needs a multi-threaded tokio runtime and
/// the process-wide TLS provider ([`install_tls`]).
///
/// # Errors
/// When anything that it needs cannot be had: one line that says what.
pub async fn start(config: Config) -> Result<Running> {
    start_roles(config, Start::all()).await
}

/// Starts these roles. The sandbox alone is [`crate::sandbox_alone`]'s.
///
/// # Errors
/// `config::Problems` when the roles do not fit the configuration; otherwise as [`start`].
pub async fn start_roles(config: Config, start: Start) -> Result<Running> {
    install_tls();
    start.roles.fit(&config)?;
    let runtime = Arc::new(SystemRuntime::default());
    let listener = listen(&config).await?;
    let address = listener.local_addr()?;
    let is_first = start.roles.is_all() && config.is_embedded();
    let opened = match is_first {
        true => database::open_migrated(&config, &runtime, start.wait).await?,
        false => database::open_within(&config, &runtime, start.wait).await?,
    };
    let store = opened.store.clone();
    let started = assemble(config, start, (runtime, opened), (listener, address)).await;
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

pub(crate) async fn listen(config: &Config) -> Result<TcpListener> {
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
    start: Start,
    (runtime, opened): (Arc<SystemRuntime>, Opened),
    (listener, address): (TcpListener, SocketAddr),
) -> Result<Running> {
    let Opened { store, key } = opened;
    let roles = start.roles.clone();
    let url = local_url(address);
    let port: Arc<dyn Runtime> = runtime.clone();
    let Connected {
        clients,
        sandbox,
        control,
        webhook_secret,
        own,
    } = connect(&config, &start, &key, &url, &port).await?;
    let mut app = build_app(&config, store.clone(), clients, port);
    let redis = share_availability(&config, &mut app).await;
    let tries: Arc<dyn Tries> = match &redis {
        Some(link) => Arc::new(RedisTries::new(
            link.clone(),
            &app_key::derived(&key, "tries"),
        )),
        None => Arc::new(app::tries::InProcess::default()),
    };
    app.guards = Arc::new(Guards::counting(tries.clone()));
    let settings = Arc::make_mut(&mut app.settings);
    settings.public_url = Some(config.http.public_url.clone().unwrap_or(url.clone()));
    settings.efi_webhook_secret = webhook_secret.expose_secret().to_owned();
    settings.own_keys = own.keys;
    settings.account_holder = own.holder;
    let demo = match (config.is_embedded(), roles.is_all()) {
        (true, true) => Some(demo_data::seed(&app, &key).await?),
        // `pixwave seed` writes it, once for all processes.
        (true, false) => None,
        (false, _) => {
            refuse_pretended_money(&app).await?;
            None
        }
    };

    let webhooks: Arc<dyn WebhookSender> = Arc::new(WebhookClient::new(
        app.settings.webhooks.allow_private,
        WebhookLimits::STANDARD,
        Arc::new(SystemLookup),
    )?);
    // Before any worker: what it may send depends on it.
    app.settle_epoch().await?;
    let (stop, stopping) = watch::channel(false);
    let live = Arc::new(LiveView::default());
    let (closing, closed) = watch::channel(false);
    let (stage, stages) = watch::channel(Stage::Serving);
    let standard = ApiOptions::all();
    let samples = Arc::new(Samples::default());
    // The console belongs to the monitor, the wallet to the web; both sign in on the same pages.
    let has_pages = roles.has(Role::Web) || roles.has(Role::Monitor);
    let people = demo.as_ref().zip(sandbox.as_ref());
    let pages = has_pages.then(|| {
        let played = (people, control);
        pages(&tries, &closed, played, &samples)
    });
    let options = ApiOptions {
        areas: roles.areas(),
        tries,
        live: live.clone(),
        metrics: metrics::exposition(redis.clone()),
        shutdown: Some(closed),
        ..standard
    };
    let mut router = api::router(app.clone(), options);
    if let Some(pages) = pages {
        router = web::with_pages(router, app.clone(), pages);
    }
    if let Some(sandbox) = &sandbox {
        router = router.merge(sandbox.control_router());
    }
    let server = tokio::spawn(serve::serve(listener, router, stages));
    let webhooks = (webhooks, config.webhooks_at_once);
    let beside = tasks::Beside {
        webhooks,
        live: live.clone(),
        samples: has_pages.then_some(samples),
        runtime: runtime.clone(),
    };
    let tasks = tasks::start(&app, &config, &roles, beside, &stopping);
    Ok(Running {
        url,
        address,
        roles,
        app,
        redis,
        live,
        demo,
        presence: sandbox
            .as_ref()
            .and_then(|sandbox| Presence::announce(&config, &sandbox.control_url())),
        sandbox,
        store,
        runtime,
        drain_delay: config.process.drain_delay,
        stop,
        closing,
        stage,
        server,
        tasks,
    })
}

/// How the wallet and the console are served; tries to sign in count together with those at the API.
fn pages(
    tries: &Arc<dyn Tries>,
    closed: &watch::Receiver<bool>,
    (demo, control): (Option<(&DemoCredentials, &Sandbox)>, Option<axum::Router>),
    samples: &Arc<Samples>,
) -> WebOptions {
    let demo = demo.map(|(people, sandbox)| {
        let control = sandbox.control_router();
        people.for_pages(Arc::new(move |id| {
            Box::pin(pay_in_sandbox(control.clone(), id))
        }))
    });
    let panel = control.map(|control| -> Arc<dyn PlayedGateways> { Arc::new(Panel(control)) });
    WebOptions {
        panel,
        samples: samples.clone(),
        sign_in_limits: SignInLimits::STANDARD,
        tries: tries.clone(),
        demo,
        shutdown: Some(closed.clone()),
    }
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
        outbound: store.clone(),
        store,
        gateways: Arc::new(clients),
        runtime,
        availability: Arc::new(InProcess::new(config.settings.circuit)),
        settings: Arc::new(config.settings.clone()),
        bell: Arc::new(Notify::new()),
        guards: Arc::new(Guards::default()),
        controls: Arc::default(),
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
    /// The sandbox's control paths, also when it runs apart.
    control: Option<axum::Router>,
    webhook_secret: SecretString,
    own: OwnAccounts,
}

async fn connect(
    config: &Config,
    start: &Start,
    key: &SecretString,
    url: &str,
    runtime: &Arc<dyn Runtime>,
) -> Result<Connected> {
    let limits = &config.gateway_http;
    let roles = &start.roles;
    match &config.gateways {
        Gateways::Real(real) => Ok(Connected {
            clients: clients::real(real, config.http.public_url.as_deref(), limits, runtime)?,
            sandbox: None,
            control: None,
            webhook_secret: real.efi.webhook_secret.clone(),
            own: OwnAccounts::real(real),
        }),
        Gateways::Sandbox(ports) if roles.is_all() => {
            let secret = app_key::derived(key, "efi webhook");
            let sandbox = start_sandbox(config, *ports).await?;
            notify(&sandbox, url, &secret);
            let access = Access::of(&sandbox, secret.clone(), sandbox.control_url());
            Ok(Connected {
                own: OwnAccounts::played(&access),
                clients: clients::of_sandbox(access, limits, runtime)?,
                control: Some(sandbox.control_router()),
                sandbox: Some(sandbox),
                webhook_secret: secret,
            })
        }
        Gateways::Sandbox(_) if roles.has(Role::Sandbox) => {
            let own = roles.has(Role::Payments).then_some(url);
            let (sandbox, access) = start_shared_sandbox(config, url, own, &**runtime).await?;
            Ok(Connected {
                webhook_secret: access.webhook_secret.clone(),
                own: OwnAccounts::played(&access),
                clients: clients::of_sandbox(access, limits, runtime)?,
                control: Some(sandbox.control_router()),
                sandbox: Some(sandbox),
            })
        }
        Gateways::Sandbox(_) if roles.call_gateways() => {
            let folder = sandbox_folder(config).context("SANDBOX_FOLDER is not set")?;
            let access = Access::await_in(&folder, start.wait).await?;
            Ok(Connected {
                webhook_secret: access.webhook_secret.clone(),
                control: Some(panel::elsewhere(&access.control_url)?),
                own: OwnAccounts::played(&access),
                clients: clients::of_sandbox(access, limits, runtime)?,
                sandbox: None,
            })
        }
        Gateways::Sandbox(_) => Ok(Connected {
            clients: Clients::new(),
            sandbox: None,
            control: None,
            webhook_secret: SecretString::default(),
            own: OwnAccounts::default(),
        }),
    }
}

/// Tells the sandbox's gateways where to notify.
fn notify(sandbox: &Sandbox, url: &str, secret: &SecretString) {
    let efi = format!("{url}/webhooks/efi/{}?ignorar=", secret.expose_secret());
    let mercado_pago = format!("{url}{}", clients::MERCADO_PAGO_PATH);
    sandbox.set_webhook_targets(Some(efi), Some(mercado_pago));
}

/// A sandbox that other processes use, too: it leaves in its folder what they need. It answers at
/// this address of ours, and notifies there unless the configuration says where.
pub(crate) async fn start_shared_sandbox(
    config: &Config,
    url: &str,
    own: Option<&str>,
    runtime: &dyn Runtime,
) -> Result<(Sandbox, Access)> {
    let Gateways::Sandbox(ports) = &config.gateways else {
        bail!("the sandbox has no place beside real gateways");
    };
    let folder = sandbox_folder(config).context("SANDBOX_FOLDER is not set")?;
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("{} cannot be made (SANDBOX_FOLDER)", folder.display()))?;
    let kept = Kept::read_or_make(&folder, *ports, runtime)?;
    let sandbox = start_sandbox(config, kept.ports).await?;
    let target = config.sandbox.webhook_url.as_deref();
    match target.or(config.http.public_url.as_deref()).or(own) {
        Some(target) => notify(&sandbox, target, &kept.webhook_secret),
        None => tracing::warn!(
            "SANDBOX_WEBHOOK_URL is not set: the sandbox notifies nobody, and payments are noticed by asking"
        ),
    }
    let control_url = match (config.sandbox.is_local(), url.rsplit_once(':')) {
        (false, Some((_, port))) => format!("http://{}:{port}", config.sandbox.host),
        (true | false, _) => url.to_owned(),
    };
    let access = Access::of(&sandbox, kept.webhook_secret, control_url);
    access.write(&folder)?;
    Ok((sandbox, access))
}

/// The sandbox, with its state beside the database, so that a restart keeps both in step.
async fn start_sandbox(config: &Config, ports: SandboxPorts) -> Result<Sandbox> {
    let standard = SandboxConfig::default();
    let sandbox = SandboxConfig {
        host: match config.sandbox.is_local() {
            true => standard.host.clone(),
            false => config.http.host.to_string(),
        },
        public_host: config.sandbox.host.clone(),
        efi_port: ports.efi,
        mercado_pago_port: ports.mercado_pago,
        initial_float_cents: demo_data::FLOAT_CENTS,
        data_dir: sandbox_folder(config),
        ..standard
    };
    let started = Sandbox::start(sandbox).await;
    started.context(
        "the sandbox cannot start (SANDBOX_EFI_PORT, SANDBOX_MERCADO_PAGO_PORT, SANDBOX_FOLDER)",
    )
}

/// Where the sandbox keeps its state; `None` keeps it in memory, like the database.
pub fn sandbox_folder(config: &Config) -> Option<PathBuf> {
    if let Some(folder) = &config.sandbox.folder {
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

impl Running {
    /// The sandbox, in the embedded mode.
    pub fn sandbox(&self) -> Option<&Sandbox> {
        self.sandbox.as_ref()
    }

    /// Waits until a part ends by itself, which none should: its name.
    pub async fn part_ended(&mut self) -> &'static str {
        tokio::select! {
            _ = &mut self.server => "server",
            ended = self.tasks.running.join_next(), if !self.tasks.running.is_empty() => match ended {
                Some(Ok(name)) => name,
                Some(Err(_)) => "a periodic task",
                None => "every task",
            },
        }
    }

    /// Stops in good order. First the process says that it leaves (`/readyz` is 503) and takes no
    /// new job, for as long as the configuration says; then it listens no more, answers end, jobs
    /// under way end, the database closes. What takes too long in all is cut short: jobs are handed
    /// back, so that another process may take them at once.
    pub async fn shutdown(mut self) {
        self.stage.send_replace(Stage::Leaving);
        self.stop.send_replace(true);
        let drained = async {
            tokio::time::sleep(self.drain_delay).await;
            self.stage.send_replace(Stage::Stopping);
            self.closing.send_replace(true);
            if !self.server.is_finished() {
                // A server that panicked has been told of already.
                let _ = (&mut self.server).await;
            }
            while self.tasks.running.join_next().await.is_some() {}
            self.runtime.drain().await;
        };
        if tokio::time::timeout(DRAIN_LIMIT, drained).await.is_err() {
            self.server.abort();
            self.tasks.running.abort_all();
            let handed = self.tasks.held.hand_back(&self.app);
            let handed = tokio::time::timeout(HAND_BACK_LIMIT, handed).await;
            let jobs = handed.unwrap_or_default();
            tracing::warn!(
                jobs,
                "work under way was cut short and its jobs handed back"
            );
        }
        drop(self.presence.take());
        if let Some(sandbox) = self.sandbox.take() {
            sandbox.shutdown().await;
        }
        // A statement that does not come back is left to the server.
        let _ = tokio::time::timeout(CLOSE_LIMIT, self.store.close()).await;
    }
}

impl Service for Running {
    async fn part_ended(&mut self) -> &'static str {
        Running::part_ended(self).await
    }

    async fn shutdown(self) {
        Running::shutdown(self).await;
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
        let opened = database::open_migrated(&config, &runtime, Duration::ZERO)
            .await
            .unwrap();
        let app = build_app(&config, opened.store.clone(), BTreeMap::new(), runtime);
        assert!(refuse_pretended_money(&app).await.is_ok());
        demo_data::seed(&app, &opened.key).await.unwrap();
        assert!(refuse_pretended_money(&app).await.is_err());
    }

    /// What a process cannot end is another's at once, with the tries it had.
    #[tokio::test]
    async fn a_job_that_is_handed_back_can_be_claimed_again() {
        use app::context::Decision;
        use app::ports::store::{JobRow, JobState, Lease, Locks, Write};
        use domain::ids::JobId;
        use domain::time::Span;
        let folder = Folder::new();
        let runtime = Arc::new(SystemRuntime::default());
        let config = config(&folder, &[("DATABASE_URL", "sqlite::memory:")]);
        let opened = database::open(&config, &runtime).await.unwrap();
        let app = build_app(&config, opened.store.clone(), BTreeMap::new(), runtime);
        let job = JobRow {
            id: JobId::from_bytes([7; 16]),
            kind: "test".to_owned(),
            transaction_id: None,
            payload: "{}".to_owned(),
            visible_at: Some(app.now()),
            state: JobState::Ready,
            tries: 3,
            token: 0,
            last_error: Some("before".to_owned()),
            created_at: app.now(),
        };
        let made = app.commit("job", Locks::default(), move |_| {
            Decision::<(), ()>::Commit(vec![Write::InsertJob(job.clone())], ())
        });
        made.await.unwrap();
        let claim = async || {
            let lease = Span::from_seconds(600);
            let claimed = app.store.claim_jobs(&["test"], app.now(), lease, 5).await;
            claimed.unwrap()
        };
        let first = claim().await;
        assert!(claim().await.is_empty());
        let held = app::worker::Held::default();
        held.add(&first[0]);
        assert_eq!(held.hand_back(&app).await, 1);
        let second = claim().await;
        assert_eq!((second[0].tries, second[0].token), (3, first[0].token + 1));
        assert_eq!(second[0].last_error.as_deref(), Some("before"));
        // The first holder has lost it.
        let lease = Lease {
            job_id: first[0].id,
            token: first[0].token,
        };
        let locks = Locks {
            lease: Some(lease),
            ..Locks::default()
        };
        let seen = app.commit("look", locks, |locked| {
            Decision::<bool, ()>::Commit(Vec::new(), locked.job.is_some())
        });
        assert!(!seen.await.unwrap());
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
