//! What each role does by itself, beside answering requests.
//!
//! Any number of processes may run each of these at once. The worker's jobs are leased. The
//! sequencer numbers under a fence: several only wait for each other. The probes ask whatever gateway
//! this process takes for closed. Everything else takes turns (`app::turns`), so that one process
//! runs it in each period; it would be right without that, only wasteful. A database that one
//! process has for itself needs no turns.

use std::sync::Arc;

use app::context::App;
use app::monitor::{self, LiveView};
use app::ports::runtime::BoxFuture;
use app::ports::store::StoreError;
use app::ports::webhooks::WebhookSender;
use app::samples::{self, Samples};
use app::turns::in_turn;
use app::webhooks::{deliver, relay};
use app::worker::{Held, repeat, repeat_on_bell, work_holding};
use domain::time::Span;
use futures::FutureExt as _;
use futures::future::select;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock;
use crate::config::{Config, Events};
use crate::metrics;
use crate::roles::{Role, Roles};
use crate::runtime::SystemRuntime;

/// How late a process may follow what an operator sets.
const CONTROLS: Span = Span::from_seconds(1);
const SWEEP: Span = Span::from_seconds(5);
const PROBE: Span = Span::from_seconds(1);
const POLL: Span = Span::from_seconds(15);
const MATCH_SUSPENSE: Span = Span::from_seconds(60);
const FLOAT_MOVES: Span = Span::from_seconds(5);
const LOOK_AT_QUEUE: Span = Span::from_seconds(30);
const LOOK_AT_GATEWAYS: Span = Span::from_seconds(15);
const SWEEP_WEBHOOKS: Span = Span::from_seconds(60);
const SCAN_RETURNS: Span = Span::from_seconds(3_600);
const SCAN_REVERSALS: Span = Span::from_seconds(6 * 3_600);

/// The tasks of one process.
pub struct Tasks {
    pub running: JoinSet<&'static str>,
    /// The jobs under way.
    pub held: Held,
}

/// What the tasks share with the rest of the process.
pub struct Beside {
    /// The sender of webhooks, and how many endpoints it serves at once.
    pub webhooks: (Arc<dyn WebhookSender>, usize),
    /// What operators see live: the monitor feeds it.
    pub live: Arc<LiveView>,
    /// What the console draws, where its pages are served.
    pub samples: Option<Arc<Samples>>,
    /// Whose clock follows the database's.
    pub runtime: Arc<SystemRuntime>,
}

/// Starts what these roles do.
pub fn start(
    app: &App,
    config: &Config,
    roles: &Roles,
    beside: Beside,
    stop: &watch::Receiver<bool>,
) -> Tasks {
    let mut tasks = Starter {
        app: app.clone(),
        is_shared: config.database.is_shared(),
        stop: stop.clone(),
        running: JoinSet::new(),
    };
    let held = Held::default();
    let controls = repeat(
        app.clone(),
        "controls",
        CONTROLS,
        stop.clone(),
        |app| async move { app.watch_controls().await },
    );
    tasks.spawn("controls", controls.boxed());
    let runtime = beside.runtime;
    let look = move |app: App| {
        let runtime = runtime.clone();
        async move { clock::look(&*app.store, &runtime).await }
    };
    let look = repeat(app.clone(), "clock", clock::LOOK, stop.clone(), look);
    tasks.spawn("clock", look.boxed());
    if roles.has(Role::Worker) {
        let work = work_holding(app.clone(), config.jobs_at_once, stop.clone(), held.clone());
        tasks.spawn("worker", work.boxed());
        let sequence = repeat_on_bell(app.clone(), "sequencer", stop.clone(), |app| async move {
            app::sequencer::run_sequencer_once(&app).await.map(drop)
        });
        tasks.spawn("sequencer", sequence.boxed());
        let probe = app::sweeper::probe;
        let probe = repeat(app.clone(), "probes", PROBE, stop.clone(), probe);
        tasks.spawn("probes", probe.boxed());
        tasks.take_turns("sweeper", SWEEP, app::sweeper::sweep);
        tasks.take_turns("poller", POLL, |app| async move {
            app::poller::poll_received(&app).await.map(drop)
        });
        // Workers call the gateways: they know, even where nothing is shared.
        tasks.take_turns("gateways", LOOK_AT_GATEWAYS, app::gateway_watch::look);
        tasks.take_turns("suspense", MATCH_SUSPENSE, app::sweeper::match_suspense);
        tasks.take_turns("float moves", FLOAT_MOVES, app::float_moves::watch::watch);
        let arrivals = app::float_moves::watch::scan_arrivals;
        tasks.take_turns("float arrivals", SCAN_REVERSALS, arrivals);
        tasks.take_turns("returns", SCAN_RETURNS, app::sweeper::scan_returns);
        tasks.take_turns("reversals", SCAN_REVERSALS, app::sweeper::scan_reversals);
        tasks.webhooks(beside.webhooks);
        tasks.publish(&config.events);
    }
    if roles.has(Role::Monitor) {
        tasks.take_turns("queue", LOOK_AT_QUEUE, app::watch::look_at_queue);
        tasks.check(config.process.check_interval);
        tasks.watch(&config.events, beside.live);
    }
    if let Some(samples) = beside.samples {
        let look = move |app: App| {
            let samples = samples.clone();
            async move { samples.take(&app).await }
        };
        let look = repeat(app.clone(), "samples", samples::EVERY, stop.clone(), look);
        tasks.spawn("samples", look.boxed());
    }
    tasks.spawn("metrics", metrics::upkeep(stop.clone()).boxed());
    Tasks {
        running: tasks.running,
        held,
    }
}

struct Starter {
    app: App,
    is_shared: bool,
    stop: watch::Receiver<bool>,
    running: JoinSet<&'static str>,
}

impl Starter {
    fn spawn(&mut self, name: &'static str, task: BoxFuture<'static, ()>) {
        self.running.spawn(async move {
            task.await;
            name
        });
    }

    fn take_turns<F>(
        &mut self,
        name: &'static str,
        period: Span,
        task: impl Fn(App) -> F + Clone + Send + 'static,
    ) where
        F: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        let task = self.turns(name, period, task);
        self.spawn(name, task);
    }

    fn turns<F>(
        &self,
        name: &'static str,
        period: Span,
        task: impl Fn(App) -> F + Clone + Send + 'static,
    ) -> BoxFuture<'static, ()>
    where
        F: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        let (app, stop) = (self.app.clone(), self.stop.clone());
        let task = if self.is_shared {
            let in_turn = move |app| in_turn(app, name, period, task.clone());
            repeat(app, name, period, stop, in_turn).boxed()
        } else {
            repeat(app, name, period, stop, task).boxed()
        };
        // A scan of many payments is not waited for: it is cut between two of its steps, each of
        // which is a commit or a look, and the next one finds what is left.
        let stopped = stopped(self.stop.clone());
        async move {
            select(task, stopped.boxed()).await;
        }
        .boxed()
    }

    /// The relay is held by one process at a time, deliveries are leased.
    fn webhooks(&mut self, (sender, at_once): (Arc<dyn WebhookSender>, usize)) {
        let (app, stop) = (self.app.clone(), self.stop.clone());
        let deliver = deliver::work(app.clone(), sender, at_once, stop.clone());
        self.spawn("webhooks", deliver.boxed());
        self.spawn("webhook relay", relay::run(app, stop).boxed());
        self.take_turns("webhook sweeper", SWEEP_WEBHOOKS, app::webhooks::sweep);
    }

    /// Events to the topic, when one is configured: its place is held by one process at a time.
    #[cfg(feature = "aws")]
    fn publish(&mut self, events: &Events) {
        let Some(address) = events.topic.clone() else {
            return;
        };
        let (app, stop) = (self.app.clone(), self.stop.clone());
        let settings = events.publishing.clone();
        let publish = async move {
            let topic = Arc::new(platform::aws::SnsTopic::open(address).await);
            app::publishing::run(app, topic, settings, stop).await;
        };
        self.spawn("publishing", publish.boxed());
    }

    /// Without the feature, a configuration that names a topic is refused.
    #[cfg(not(feature = "aws"))]
    fn publish(&mut self, _: &Events) {}

    /// Feeds the live view through the queue, when one is configured, else from the database.
    fn watch(&mut self, events: &Events, live: Arc<LiveView>) {
        let watch = monitor::Watch::new(self.app.clone(), live);
        let stop = self.stop.clone();
        let watching = match &events.queue {
            #[cfg(feature = "aws")]
            Some(address) => {
                let address = address.clone();
                let through_queue = async move {
                    let queue = Arc::new(platform::aws::SqsQueue::open(address).await);
                    monitor::queue::run(watch, queue, stop).await;
                };
                through_queue.boxed()
            }
            // Without the feature, a configuration that names a queue is refused.
            _ => monitor::stream::run(watch, stop).boxed(),
        };
        self.spawn("live view", watching);
    }

    /// The checks read the whole ledger, so a start does not begin with them.
    fn check(&mut self, interval: Span) {
        let first = self.app.runtime.sleep(interval);
        let stopped = stopped(self.stop.clone());
        let checks = self.turns("checks", interval, app::watch::look);
        let task = async move {
            select(first, stopped.boxed()).await;
            checks.await;
        };
        self.spawn("checks", task.boxed());
    }
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // Also when whoever would say so has gone.
    let _told = stop.wait_for(|stop| *stop).await;
}
