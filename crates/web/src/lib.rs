//! The pages: a wallet in the browser, drawn on the server.
//!
//! A request passes [`around`] (who visits, in which language; an id, a log line, the security
//! headers), then the extractors of its handler ([`session`], [`form`]), then the handler: one page,
//! one file in `pages`. A handler calls the use cases of `app` and answers with a page made of a
//! template, a [`shell::Shell`] and texts from one catalogue ([`texts`]), or with a [`stop::Stop`].
//!
//! Everything works without scripts but live updates and copy buttons; scripts and styles are files
//! of this program ([`assets`]), so that the content security policy allows nothing inline and no
//! other host.

mod around;
mod assets;
mod console;
mod cookies;
mod csrf;
mod form;
mod format;
mod notice;
mod pages;
mod panel;
mod parts;
mod session;
mod shell;
mod stop;
mod texts;
mod visitor;

use std::pin::Pin;
use std::sync::Arc;

use app::context::App;
use app::samples::Samples;
use app::throttle::{SignInLimits, Throttle};
use app::tries::Tries;
use axum::Router;
use axum::middleware::from_fn_with_state;
use tokio::sync::{Semaphore, watch};

use crate::console::judged::Judged;
use crate::panel::scenario::Scenarios;
pub use crate::panel::{ArmedFault, Movement, OutsidePayment, PlayedGateway, PlayedGateways};

/// Pictures that may be drawn at once: each takes a processor for a moment.
const PICTURES: usize = 2;

/// How the pages are served.
pub struct WebOptions {
    pub sign_in_limits: SignInLimits,
    /// Counts tries to sign in and up, together with the API.
    pub tries: Arc<dyn Tries>,
    /// Present in the embedded mode.
    pub demo: Option<Demo>,
    /// Present where the sandbox plays the gateways: its panel has pages of its own.
    pub panel: Option<Arc<dyn PlayedGateways>>,
    /// How the gateways have been doing, for the console's charts.
    pub samples: Arc<Samples>,
    /// Becomes true when the server stops: event streams end, so that a graceful stop can.
    pub shutdown: Option<watch::Receiver<bool>>,
}

/// What the embedded mode offers to a visitor.
#[derive(Clone)]
pub struct Demo {
    /// Who can be tried with one click; the first has money.
    pub customers: Vec<DemoPerson>,
    /// E-mails of operators, whose passwords the program printed.
    pub operators: Vec<String>,
    /// Pays a charge as somebody's bank would.
    pub payer: DemoPayer,
}

#[derive(Clone)]
pub struct DemoPerson {
    pub name: String,
    pub email: String,
    pub password: String,
}

/// Pays the charge that a gateway knows by this id; whether it could.
pub type DemoPayer =
    Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// What every handler may use.
#[derive(Clone)]
pub(crate) struct Web {
    app: App,
    throttle: Throttle,
    demo: Option<Arc<Demo>>,
    panel: Option<Arc<dyn PlayedGateways>>,
    scenarios: Arc<Scenarios>,
    samples: Arc<Samples>,
    judged: Arc<Judged>,
    /// Places for pictures that are being drawn.
    pictures: Arc<Semaphore>,
    shutdown: Option<watch::Receiver<bool>>,
    /// Browsers reach us by https: cookies travel nowhere else.
    secure: bool,
    /// Where browsers reach us, when that is known: `https://pix.example.com`.
    origin: Option<String>,
}

impl Web {
    fn new(app: App, options: WebOptions) -> Web {
        let public = app.settings.public_url.as_deref();
        let origin = public.and_then(|url| url::Url::parse(url).ok());
        Web {
            throttle: Throttle::new(options.sign_in_limits, options.tries),
            demo: options.demo.map(Arc::new),
            panel: options.panel,
            scenarios: Arc::default(),
            samples: options.samples,
            judged: Arc::default(),
            pictures: Arc::new(Semaphore::new(PICTURES)),
            shutdown: options.shutdown,
            secure: origin.as_ref().is_some_and(|url| url.scheme() == "https"),
            origin: origin.map(|url| url.origin().ascii_serialization()),
            app,
        }
    }

    /// So many random bytes.
    fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.app.runtime.random(&mut bytes);
        bytes
    }
}

/// Those paths and the pages: the wallet, the operators' console, the panel of played gateways where
/// there is one, the sign-in and the files that pages are made of. A path that neither serves is
/// answered with a page where one is preferred, and by the others else. Serve it with
/// `into_make_service_with_connect_info::<SocketAddr>()`.
pub fn with_pages(others: Router, app: App, options: WebOptions) -> Router {
    let web = Web::new(app, options);
    let panel = match web.panel {
        Some(_) => panel::routes(),
        None => Router::new(),
    };
    let pages = pages::routes()
        .merge(console::routes())
        .merge(panel)
        .merge(assets::routes())
        .layer(from_fn_with_state(web.clone(), around::around))
        .with_state(web.clone());
    others
        .merge(pages)
        .layer(from_fn_with_state(web, around::nowhere))
}
