//! One run's world: a store, a bank, two gateways, and the processes of the product around them.
//!
//! Each process has its own view of everything, its own cache and its own life. Two workers and one
//! API process run the product's real loops and use cases; a supervisor starts again what has died.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use app::context::{App, Decision, Settings};
use app::guards::Guards;
use app::ledger::{Books, Heading};
use app::ports::gateway::GatewayClient;
use app::ports::outbound::NoOutbound;
use app::ports::runtime::{BoxFuture, Runtime};
use app::ports::store::*;
use app::worker::{repeat, work};
use domain::fee::FeeRule;
use domain::gateway::Gateway;
use domain::ids::*;
use domain::limits::{Limits, Spent};
use domain::money::Money;
use domain::retry::Backoff;
use domain::time::Span;
use tokio::sync::{Notify, oneshot, watch};

use crate::audit::Auditor;
use crate::bank::{Bank, Windows};
use crate::gateway::{Notices, SimulatedGateway, Surroundings};
use crate::mishaps::{ForgetfulCache, PlannedFaults, interruptions, store_trouble};
use crate::plan::{Plan, WALLETS};
use crate::points::Points;
use crate::runtime::{Process, VirtualRuntime};
use crate::trace::Trace;
use crate::watched::{Trouble, WatchedStore};

/// Opens an empty, migrated store that runs on its caller.
pub type OpenStore = dyn Fn(&VirtualRuntime) -> Result<Arc<dyn Store>, String> + Send + Sync;

pub const API: Process = Process(1);
pub const WORKERS: [Process; 2] = [Process(2), Process(3)];

/// What each wallet holds at the beginning.
pub const OPENING: i64 = 500_000;
/// Jobs of one worker at once.
const AT_ONCE: usize = 4;

/// The product numbers events at every bell; here both workers' turns are told apart enough.
const SEQUENCE: Span = Span::from_seconds(5);
const SWEEP: Span = Span::from_seconds(15);
const PROBE: Span = Span::from_seconds(5);
const POLL: Span = Span::from_seconds(60);

pub struct World {
    pub plan: Plan,
    pub runtime: VirtualRuntime,
    pub bank: Arc<Bank>,
    pub auditor: Arc<Auditor>,
    pub trace: Arc<Trace>,
    pub notices: Arc<Notices>,
    pub points: Arc<Points>,
    /// The store without points or trouble, for those who stand outside.
    pub store: Arc<dyn Store>,
    pub settings: Arc<Settings>,
    trouble: Arc<Trouble>,
    faults: Arc<PlannedFaults>,
    bell: Arc<Notify>,
    stop: watch::Sender<bool>,
    alive: Mutex<BTreeMap<Process, Living>>,
}

/// A process that lives.
#[derive(Clone)]
struct Living {
    app: App,
    cache: Arc<ForgetfulCache>,
}

/// Patience cut short, so that a run sees the end of every wait.
pub fn settings(primary: Gateway) -> Settings {
    let unlimited = Limits {
        per_transaction: Money::MAX,
        per_day: Money::MAX,
        per_night: Money::MAX,
    };
    Settings {
        primary_payout: primary,
        primary_charge: primary,
        queued_deadline: Span::from_seconds(120),
        sending_deadline: Span::from_seconds(60),
        accepted_deadline: Span::from_seconds(240),
        // Past the window of a gateway, so that the window alone ends re-sends.
        in_doubt_deadline: Span::from_seconds(240),
        creating_deadline: Span::from_seconds(60),
        float_wait: Span::from_seconds(30),
        // Two jumps of twenty seconds, one each way.
        clock_tolerance: Span::from_seconds(41),
        expiry_grace: Span::from_seconds(10),
        lookups: Backoff {
            first: Span::from_millis(500),
            longest: Span::from_seconds(30),
            jitter_percent: 20,
        },
        payout_fee: FeeRule {
            basis_points: 50,
            ..FeeRule::FREE
        },
        default_limits: unlimited,
        idle_look: Span::from_seconds(60),
        ..Settings::standard()
    }
}

impl World {
    /// Builds the world of a plan; nothing runs yet.
    pub fn new(plan: Plan, open: &OpenStore, wanted: bool) -> Result<Arc<World>, String> {
        let runtime = VirtualRuntime::new(plan.schedule);
        let trace = Arc::new(Trace::new(runtime.clone(), wanted));
        let windows = Windows {
            mercado_pago: Span::from_seconds(180),
            ..Windows::default()
        };
        let bank = Arc::new(Bank::new(windows));
        let points = Points::new(runtime.clone(), trace.clone(), interruptions(&plan));
        let auditor = Arc::new(Auditor::new(bank.clone(), runtime.clone()));
        let faults = PlannedFaults::new(&plan, runtime.clone(), auditor.clone());
        let world = World {
            store: open(&runtime)?,
            auditor,
            notices: Arc::default(),
            points: Arc::new(points),
            settings: Arc::new(settings(plan.primary)),
            trouble: Arc::new(store_trouble(&plan)),
            faults: Arc::new(faults),
            bell: Arc::default(),
            stop: watch::channel(false).0,
            alive: Mutex::default(),
            plan,
            runtime,
            bank,
            trace,
        };
        Ok(Arc::new(world))
    }

    // ------------------------------------------------------------ processes

    /// The application as a process sees it; nobody's when it is dead.
    pub fn app(&self, process: Process) -> Option<App> {
        self.living(process).map(|living| living.app)
    }

    fn living(&self, process: Process) -> Option<Living> {
        let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        alive.get(&process).cloned()
    }

    /// An application that stands outside: it sees the store as it is, and no mishap touches it.
    pub fn outside(&self) -> App {
        self.build(Process::OUTSIDE).app
    }

    fn build(&self, process: Process) -> Living {
        let runtime = self.runtime.of(process);
        let cache = Arc::new(ForgetfulCache::new(self.settings.circuit));
        let store: Arc<dyn Store> = Arc::new(WatchedStore {
            inner: self.store.clone(),
            process,
            runtime: runtime.clone(),
            points: self.points.clone(),
            trouble: self.trouble.clone(),
            auditor: self.auditor.clone(),
            trace: self.trace.clone(),
        });
        let client = |gateway| {
            let around = Surroundings {
                process,
                runtime: runtime.clone(),
                points: self.points.clone(),
                trace: self.trace.clone(),
                notices: self.notices.clone(),
                auditor: self.auditor.clone(),
            };
            let (bank, faults) = (self.bank.clone(), self.faults.clone());
            let simulated = SimulatedGateway::new(gateway, bank, faults, Arc::new(runtime.clone()));
            (
                gateway,
                Arc::new(simulated.within(around)) as Arc<dyn GatewayClient>,
            )
        };
        let app = App {
            store,
            outbound: Arc::new(NoOutbound),
            gateways: Arc::new(Gateway::ALL.into_iter().map(client).collect()),
            runtime: Arc::new(runtime.clone()),
            settings: self.settings.clone(),
            availability: cache.clone(),
            bell: self.bell.clone(),
            guards: Arc::new(Guards::default()),
            controls: Arc::default(),
        };
        Living { app, cache }
    }

    /// Starts a process, with an empty memory.
    pub fn start(&self, process: Process) {
        let living = self.build(process);
        let app = living.app.clone();
        self.alive
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(process, living);
        if WORKERS.contains(&process) {
            self.start_loops(&app);
        }
    }

    fn start_loops(&self, app: &App) {
        let stop = || self.stop.subscribe();
        let spawn = |name, task: BoxFuture<'static, ()>| app.runtime.spawn(name, task);
        spawn("worker", Box::pin(work(app.clone(), AT_ONCE, stop())));
        let sequence = repeat(
            app.clone(),
            "sequencer",
            SEQUENCE,
            stop(),
            |app| async move {
                app::sequencer::run_sequencer_once(&app)
                    .await
                    .map(|_numbered| ())
            },
        );
        spawn("sequencer", Box::pin(sequence));
        let sweep = repeat(app.clone(), "sweeper", SWEEP, stop(), app::sweeper::sweep);
        spawn("sweeper", Box::pin(sweep));
        let probe = repeat(app.clone(), "probes", PROBE, stop(), app::sweeper::probe);
        spawn("probes", Box::pin(probe));
        let poll = repeat(app.clone(), "poller", POLL, stop(), |app| async move {
            app::poller::poll_received(&app).await.map(|_booked| ())
        });
        spawn("poller", Box::pin(poll));
        let suspense = repeat(
            app.clone(),
            "suspense",
            POLL,
            stop(),
            app::sweeper::match_suspense,
        );
        spawn("suspense", Box::pin(suspense));
    }

    /// Starts again what dies, for ever.
    pub async fn supervise(self: Arc<World>) {
        loop {
            self.points.died.notified().await;
            for (process, down) in self.points.take_dead() {
                self.alive
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .remove(&process);
                let world = self.clone();
                self.runtime.spawn(
                    "restart",
                    Box::pin(async move {
                        world.runtime.sleep(down).await;
                        world.trace.tell(process, || "starts again".to_owned());
                        world.start(process);
                    }),
                );
            }
        }
    }

    pub fn forget_cache(&self, process: Process) {
        if let Some(living) = self.living(process) {
            living.cache.forget();
        }
    }

    /// Asks the API process for something; `None` when it is down or dies over it.
    pub async fn ask<T: Send + 'static>(
        &self,
        request: impl FnOnce(App) -> BoxFuture<'static, T>,
    ) -> Option<T> {
        let app = self.app(API)?;
        let (answer, answered) = oneshot::channel();
        let asked = request(app.clone());
        app.runtime.spawn(
            "request",
            Box::pin(async move {
                // Whoever asked may have gone away.
                let _gone = answer.send(asked.await);
            }),
        );
        answered.await.ok()
    }

    // ------------------------------------------------------------ the beginning

    pub fn wallet(number: u32) -> WalletId {
        WalletId::from_bytes([0x10 + u8::try_from(number).unwrap_or(0xef); 16])
    }

    pub fn user(number: u32) -> UserId {
        UserId::from_bytes([0x20 + u8::try_from(number).unwrap_or(0xdf); 16])
    }

    pub const OPERATORS: [UserId; 2] = [
        UserId::from_bytes([0xa1; 16]),
        UserId::from_bytes([0xa2; 16]),
    ];

    /// Customers with wallets and money, operators, and our float at both gateways.
    pub async fn furnish(&self) -> Result<(), String> {
        let app = self.outside();
        for (n, id) in World::OPERATORS.into_iter().enumerate() {
            let email = format!("operator{n}@example.com");
            let row = user_row(&app, id, email, UserRole::Operator);
            write(&app, "operator", vec![Write::InsertUser(row)]).await?;
        }
        for number in 0..WALLETS {
            let (user, wallet) = (World::user(number), World::wallet(number));
            self.trace.call(wallet, || format!("wallet {number}"));
            let row = user_row(
                &app,
                user,
                format!("user{number}@example.com"),
                UserRole::Customer,
            );
            let wallet_row = wallet_row(&app, wallet, user);
            let writes = vec![Write::InsertUser(row), Write::InsertWallet(wallet_row)];
            write(&app, "customer", writes).await?;
            self.grant(&app, wallet).await?;
        }
        self.fund(&app).await
    }

    async fn grant(&self, app: &App, wallet: WalletId) -> Result<(), String> {
        let locks = Locks {
            wallets: vec![wallet],
            ..Locks::default()
        };
        let seed = app.ids();
        let opening = Money::from_cents(OPENING).map_err(|error| error.to_string())?;
        app.commit::<(), String>("grant", locks, move |locked| {
            let mut books = Books::new(&locked.wallets);
            match books.grant(heading(&seed, "grant"), wallet, opening) {
                Ok(()) => Decision::Commit(books.into_writes(), ()),
                Err(error) => Decision::Refuse(error.to_string()),
            }
        })
        .await
        .map_err(|error| format!("{error:?}"))
    }

    async fn fund(&self, app: &App) -> Result<(), String> {
        let float = Money::from_cents(self.plan.float).map_err(|error| error.to_string())?;
        for gateway in Gateway::ALL {
            let seed = app.ids();
            app.commit::<(), String>("opening_float", Locks::default(), move |locked| {
                let mut books = Books::new(&locked.wallets);
                match books.opening_float(heading(&seed, "opening_float"), gateway, float) {
                    Ok(()) => Decision::Commit(books.into_writes(), ()),
                    Err(error) => Decision::Refuse(error.to_string()),
                }
            })
            .await
            .map_err(|error| format!("{error:?}"))?;
        }
        Ok(())
    }
}

/// Writes rows that belong to nobody yet.
async fn write(app: &App, name: &'static str, writes: Vec<Write>) -> Result<(), String> {
    let commit = move |_: &Locked| Decision::Commit(writes.clone(), ());
    app.commit::<(), String>(name, Locks::default(), commit)
        .await
        .map_err(|error| format!("{error:?}"))
}

fn heading(seed: &app::context::IdSeed, kind: &'static str) -> Heading {
    Heading {
        id: JournalId::from_bytes(seed.start().make()),
        kind,
        transaction_id: None,
        at: seed.now,
    }
}

fn user_row(app: &App, id: UserId, email: String, role: UserRole) -> UserRow {
    UserRow {
        id,
        name: "Somebody".to_owned(),
        email,
        tax_id: None,
        password_hash: String::new(),
        role,
        created_at: app.now(),
        blocked_at: None,
    }
}

fn wallet_row(app: &App, id: WalletId, user_id: UserId) -> WalletRow {
    WalletRow {
        id,
        user_id,
        available: Money::ZERO,
        held: Money::ZERO,
        blocked: Money::ZERO,
        receivable: Money::ZERO,
        seq: 0,
        limits: app.settings.default_limits,
        spent: Spent::default(),
        created_at: app.now(),
    }
}
