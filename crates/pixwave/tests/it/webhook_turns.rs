//! Relaying and delivering over a store in memory, with time and the receivers held in the hand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use app::commands::{Caller, Scope};
use app::context::App;
use app::ports::outbound::{DeliveryFilter, EndpointRow, OutboundStore};
use app::ports::runtime::Runtime;
use app::ports::store::{EventRow, Locks, Store, Unit, UnitResult, UserRole, Verdict, Write};
use app::ports::webhooks::{WebhookFailure, WebhookRequest, WebhookSender};
use app::relay::Place;
use app::webhooks::relay::WebhookRelay;
use app::webhooks::{ChangeEndpoint, DeliveryView, NewEndpoint, deliver};
use async_trait::async_trait;
use domain::ids::{EventId, UserId};
use domain::time::{Moment, Span};
use domain::webhook::{DeliveryState, DisabledReason, EndpointState};
use pixwave::config::Config;
use store::{Keyring, SqlStore, StoreConfig};
use testkit::{ManualRuntime, wait_until};
use tokio::sync::watch;

const KEY: &str = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const LIMIT: Duration = Duration::from_secs(20);
const SECOND: Span = Span::from_seconds(1);

/// What each address answers, and what was sent.
struct Receivers {
    runtime: ManualRuntime,
    answers: Mutex<BTreeMap<String, Result<u16, WebhookFailure>>>,
    seen: Mutex<Vec<(String, String)>>,
}

impl Receivers {
    fn answer(&self, url: &str, answer: Result<u16, WebhookFailure>) {
        let mut answers = self.answers.lock().expect("no holder panics");
        answers.insert(url.to_owned(), answer);
    }

    /// The ids of the events that were sent to an address, in their order.
    fn sent_to(&self, url: &str) -> Vec<String> {
        let seen = self.seen.lock().expect("no holder panics");
        let ours = seen.iter().filter(|(to, _)| to == url);
        ours.map(|(_, id)| id.clone()).collect()
    }
}

#[async_trait]
impl WebhookSender for Receivers {
    async fn post(&self, request: WebhookRequest) -> Result<u16, WebhookFailure> {
        let id = request
            .headers
            .iter()
            .find(|(name, _)| *name == "webhook-id");
        let id = id.expect("an id").1.clone();
        let answer = {
            let answers = self.answers.lock().expect("no holder panics");
            answers.get(&request.url).copied().unwrap_or(Ok(204))
        };
        self.seen
            .lock()
            .expect("no holder panics")
            .push((request.url, id));
        if answer == Err(WebhookFailure::Timeout) {
            self.runtime.sleep(SECOND.times(15)).await;
        }
        answer
    }
}

struct Bench {
    app: App,
    store: Arc<SqlStore>,
    runtime: ManualRuntime,
    receivers: Arc<Receivers>,
    relay: tokio::sync::Mutex<WebhookRelay>,
    owner: Caller,
}

fn caller(n: u8) -> Caller {
    Caller {
        user_id: UserId::from_bytes([n; 16]),
        role: UserRole::Customer,
        scopes: vec![Scope::Webhooks],
        session_id: None,
    }
}

impl Bench {
    fn new(change: impl FnOnce(&mut Config)) -> Bench {
        let url = "sqlite::memory:".to_owned();
        let config = StoreConfig {
            url,
            pool_size: 1,
            durability_required: false,
            mysql: Default::default(),
        };
        let keyring = Keyring::parse(KEY).expect("a key");
        let store = SqlStore::inline(&config, keyring).expect("a store");
        let mut config = Config::read(&|_| None).expect("the defaults");
        change(&mut config);
        let runtime = ManualRuntime::new(7);
        let clients = BTreeMap::new();
        let port = Arc::new(runtime.clone());
        let app = pixwave::wire::build_app(&config, store.clone(), clients, port);
        Bench {
            app,
            store,
            receivers: Arc::new(Receivers {
                runtime: runtime.clone(),
                answers: Mutex::default(),
                seen: Mutex::default(),
            }),
            runtime,
            relay: tokio::sync::Mutex::default(),
            owner: caller(1),
        }
    }

    async fn register(&self, url: &str) -> EndpointRow {
        let request = NewEndpoint {
            url: url.to_owned(),
            event_types: None,
            description: None,
        };
        let made = self.app.create_endpoint(&self.owner, request).await;
        made.expect("an endpoint")
    }

    /// Commits this many events of a user, and numbers them.
    async fn happen(&self, owner: &Caller, count: u16) -> Vec<String> {
        let mut ids = self.app.ids().start();
        let events: Vec<EventRow> = (0..count)
            .map(|_| EventRow {
                id: EventId::from_bytes(ids.make()),
                kind: "charge.paid".to_owned(),
                transaction_id: None,
                transaction_version: None,
                wallet_id: None,
                user_id: Some(owner.user_id),
                body: "{}".to_owned(),
                occurred_at: self.app.now(),
                position: None,
            })
            .collect();
        let names = events.iter().map(|event| event.id.to_string()).collect();
        let writes: Vec<Write> = events.into_iter().map(Write::InsertEvent).collect();
        self.put(writes).await;
        self.number().await;
        names
    }

    async fn put(&self, writes: Vec<Write>) {
        let unit = Unit {
            name: "test",
            locks: Locks::default(),
            decide: Arc::new(move |_| Verdict::Commit {
                writes: writes.clone(),
                answer: Box::new(()),
            }),
        };
        let done = self.store.commit(vec![unit]).await.pop();
        assert!(matches!(done, Some(UnitResult::Committed(_))));
    }

    async fn number(&self) {
        let numbered = app::sequencer::run_sequencer_once(&self.app).await;
        numbered.expect("events get their positions");
    }

    async fn relay(&self) -> u64 {
        let mut relay = self.relay.lock().await;
        relay.turn(&self.app).await.expect("a turn")
    }

    async fn next_at(&self) -> Option<Moment> {
        self.store.next_endpoint_at().await.expect("a read")
    }

    async fn claim(&self) -> Vec<EndpointRow> {
        let now = self.app.now();
        let claimed = self.store.claim_endpoints(now, deliver::LEASE, 10).await;
        claimed.expect("a claim")
    }

    /// Waits until an endpoint is due and gives it its turn; when that was.
    async fn next_turn(&self) -> Option<Moment> {
        let at = self.next_at().await?;
        self.runtime.advance(at.since(self.app.now()));
        for endpoint in self.claim().await {
            let turn = deliver::turn(&self.app, &*self.receivers, &endpoint);
            turn.await.expect("a turn");
        }
        Some(at)
    }

    async fn log(&self, endpoint: &EndpointRow) -> Vec<DeliveryView> {
        let filter = DeliveryFilter {
            endpoint_id: endpoint.id,
            state: None,
            before: None,
            limit: 500,
        };
        let found = self.app.deliveries(&self.owner, filter).await;
        found.expect("the log")
    }

    async fn see(&self, endpoint: &EndpointRow) -> EndpointRow {
        let found = self.app.own_endpoint(&self.owner, endpoint.id).await;
        found.expect("the endpoint")
    }
}

const URL: &str = "http://shop.example/";

#[tokio::test]
async fn tries_follow_their_schedule_and_end() {
    let bench = Bench::new(|config| {
        config.settings.webhooks.policy.disable_failures = u32::MAX;
    });
    let endpoint = bench.register(URL).await;
    bench.receivers.answer(URL, Ok(503));
    bench.happen(&bench.owner, 1).await;
    assert_eq!(bench.relay().await, 1);
    let mut at = Vec::new();
    while let Some(moment) = bench.next_turn().await {
        at.push(moment);
        assert!(at.len() <= 11, "it never ends");
    }
    let waits = bench.app.settings.webhooks.policy.waits.clone();
    assert_eq!(at.len(), waits.len() + 1);
    for (pair, wait) in at.windows(2).zip(&waits) {
        let waited = pair[1].since(pair[0]);
        assert!(
            waited >= *wait && waited <= wait.times(2),
            "{waited:?} {wait:?}"
        );
    }
    let log = bench.log(&endpoint).await;
    assert_eq!(log[0].row.state, DeliveryState::Failed);
    assert_eq!((log[0].tries.len(), log[0].next_try_at), (11, None));
    assert!(log[0].tries.iter().all(|tried| tried.status == Some(503)));
    let sent: BTreeSet<String> = bench.receivers.sent_to(URL).into_iter().collect();
    assert_eq!(sent.len(), 1, "the id stays");

    // People may still have it sent.
    bench.receivers.answer(URL, Ok(200));
    let replayed = bench
        .app
        .replay_delivery(&bench.owner, endpoint.id, log[0].row.id);
    assert_eq!(
        replayed.await.expect("asked for").row.state,
        DeliveryState::Pending
    );
    bench.next_turn().await.expect("a turn");
    let log = bench.log(&endpoint).await;
    assert_eq!(log[0].row.state, DeliveryState::Delivered);
    assert_eq!(log[0].tries.len(), 12);
    assert_eq!(bench.see(&endpoint).await.health.failures, 0);
}

#[tokio::test]
async fn an_endpoint_that_fails_for_a_day_is_disabled_and_its_events_are_kept() {
    let bench = Bench::new(|_| {});
    let endpoint = bench.register(URL).await;
    bench.receivers.answer(URL, Err(WebhookFailure::Connect));
    let first = bench.happen(&bench.owner, 1).await;
    bench.relay().await;
    let mut turns = 0;
    while bench.see(&endpoint).await.state.is_enabled() {
        // Something happens every hour, so that there is always something due.
        bench.runtime.advance(SECOND.times(3_600));
        bench.happen(&bench.owner, 1).await;
        bench.relay().await;
        bench.next_turn().await.expect("a turn");
        turns += 1;
        assert!(turns < 40, "it is never disabled");
    }
    assert!(turns >= 23, "{turns}");
    let disabled = bench.see(&endpoint).await;
    assert_eq!(
        disabled.state,
        EndpointState::Disabled(DisabledReason::Failing)
    );
    assert_eq!(bench.next_at().await, None);
    bench.number().await;
    let events = bench
        .store
        .events_after(0, None, 500)
        .await
        .expect("events");
    let told: Vec<&EventRow> = events
        .iter()
        .filter(|event| event.kind == "webhook_endpoint.disabled")
        .collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].user_id, Some(bench.owner.user_id));
    let alerts = bench.store.alerts(5).await.expect("alerts");
    assert_eq!(alerts[0].kind, "webhook_endpoint_disabled");
    assert!(!alerts[0].message.contains("shop"));
    let audit = bench.store.audit(1).await.expect("the audit trail");
    assert_eq!(
        (audit[0].actor.as_str(), audit[0].action.as_str()),
        ("system", "webhook_endpoint.disabled")
    );

    // What happens meanwhile waits too, and nothing can be replayed.
    let last = bench.happen(&bench.owner, 1).await;
    bench.relay().await;
    assert_eq!(bench.next_at().await, None);
    let log = bench.log(&endpoint).await;
    assert!(log.iter().all(|view| view.next_try_at.is_none()));
    let id = log[0].row.id;
    let refused = bench
        .app
        .replay_delivery(&bench.owner, endpoint.id, id)
        .await;
    assert!(refused.is_err());

    bench.receivers.answer(URL, Ok(204));
    let enable = ChangeEndpoint {
        enabled: Some(true),
        ..ChangeEndpoint::default()
    };
    let enabled = bench
        .app
        .change_endpoint(&bench.owner, endpoint.id, enable)
        .await;
    assert!(enabled.expect("enabled").state.is_enabled());
    for _ in 0..200 {
        if bench.next_turn().await.is_none() {
            break;
        }
    }
    let sent = bench.receivers.sent_to(URL);
    assert!(sent.contains(&first[0]) && sent.contains(&last[0]));
    let log = bench.log(&endpoint).await;
    let is_delivered = |view: &DeliveryView| view.row.state == DeliveryState::Delivered;
    assert!(log.iter().all(is_delivered));
}

#[tokio::test]
async fn gone_is_taken_at_its_word_and_so_is_the_owner() {
    let bench = Bench::new(|_| {});
    let endpoint = bench.register(URL).await;
    bench.receivers.answer(URL, Ok(410));
    bench.happen(&bench.owner, 1).await;
    bench.relay().await;
    bench.next_turn().await.expect("a turn");
    let state = bench.see(&endpoint).await.state;
    assert_eq!(state, EndpointState::Disabled(DisabledReason::Gone));
    // Whoever wants nothing gets nothing of what happens now, not even later.
    bench.happen(&bench.owner, 2).await;
    assert_eq!(bench.relay().await, 0);
    let change = |enabled| ChangeEndpoint {
        enabled: Some(enabled),
        ..ChangeEndpoint::default()
    };
    let off = bench
        .app
        .change_endpoint(&bench.owner, endpoint.id, change(false));
    off.await.expect("disabled");
    bench.happen(&bench.owner, 2).await;
    assert_eq!(bench.relay().await, 0);
    let on = bench
        .app
        .change_endpoint(&bench.owner, endpoint.id, change(true));
    on.await.expect("enabled");
    bench.happen(&bench.owner, 1).await;
    assert_eq!(bench.relay().await, 1);
    // A delivery of each time: the one that met the 410 was kept.
    assert_eq!(bench.log(&endpoint).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_endpoint_slows_nobody() {
    const LIVE: usize = 14;
    const EVENTS: u16 = 100;
    let bench = Bench::new(|_| {});
    let dead = bench.register("http://dead.example/").await;
    bench
        .receivers
        .answer(&dead.url, Err(WebhookFailure::Timeout));
    let mut live = Vec::new();
    for n in 0..LIVE {
        live.push(bench.register(&format!("http://live{n}.example/")).await);
    }
    let wanted: BTreeSet<String> = bench
        .happen(&bench.owner, EVENTS)
        .await
        .into_iter()
        .collect();
    assert_eq!(bench.relay().await, (LIVE as u64 + 1) * u64::from(EVENTS));
    let (stop, stopping) = watch::channel(false);
    let sender: Arc<dyn WebhookSender> = bench.receivers.clone();
    let worker = tokio::spawn(deliver::work(bench.app.clone(), sender, 4, stopping));
    // Time stands still, so the dead one is still being waited for when the others have everything.
    for endpoint in &live {
        wait_until("everything at a live endpoint", LIMIT, || async {
            let sent = bench.receivers.sent_to(&endpoint.url);
            let sent: BTreeSet<String> = sent.into_iter().collect();
            (sent == wanted).then_some(())
        })
        .await;
    }
    let tried = bench.receivers.sent_to(&dead.url).len();
    assert!((1..=2).contains(&tried), "{tried} requests are under way");
    // Then it rests: in the next minute it costs a few requests, not a hundred.
    stop.send_replace(true);
    wait_until("the end of the worker", LIMIT, || async {
        bench.runtime.advance(SECOND.times(15));
        worker.is_finished().then_some(())
    })
    .await;
    let dead = bench.see(&dead).await;
    assert!(dead.health.failures > 0 && !dead.leased);
    assert!(bench.next_at().await > Some(Moment::default()));
}

#[tokio::test]
async fn a_worker_that_dies_is_followed_by_another() {
    let bench = Bench::new(|_| {});
    let endpoint = bench.register(URL).await;
    let ids = bench.happen(&bench.owner, 3).await;
    bench.relay().await;
    // Killed after the relay's commit: nothing was sent, and all is still there.
    let abandoned = bench.claim().await.remove(0);
    assert!(bench.claim().await.is_empty());
    bench.runtime.advance(deliver::LEASE.times(2));
    let taken = bench.claim().await.remove(0);
    assert_eq!(taken.token, abandoned.token + 1);
    // It was only slow: it sends as well, but what it saw is not written.
    let slow = deliver::turn(&bench.app, &*bench.receivers, &abandoned);
    slow.await.expect("a turn");
    let log = bench.log(&endpoint).await;
    assert!(log.iter().all(|view| view.tries.is_empty()));
    let turn = deliver::turn(&bench.app, &*bench.receivers, &taken);
    turn.await.expect("a turn");
    let sent: BTreeSet<String> = bench.receivers.sent_to(URL).into_iter().collect();
    assert_eq!(sent, ids.into_iter().collect());
    let log = bench.log(&endpoint).await;
    assert!(log.iter().all(|view| view.tries.len() == 1));
    assert_eq!(bench.next_at().await, None);
}

#[tokio::test]
async fn two_relays_make_each_delivery_once() {
    let bench = Bench::new(|_| {});
    let endpoint = bench.register(URL).await;
    let (mut one, mut two) = (WebhookRelay::default(), WebhookRelay::default());
    let mut made = 0;
    for round in 0..6 {
        bench.happen(&bench.owner, 5).await;
        bench.happen(&caller(9), 3).await;
        made += one.turn(&bench.app).await.expect("a turn");
        made += two.turn(&bench.app).await.expect("a turn");
        if round % 2 == 1 {
            // The holder stands still for long: the other takes over, and it learns so.
            bench.runtime.advance(app::relay::LEASE.times(2));
            bench.happen(&bench.owner, 5).await;
            made += two.turn(&bench.app).await.expect("a turn");
            made += one.turn(&bench.app).await.expect("a turn");
        }
    }
    bench.runtime.advance(app::relay::LEASE.times(2));
    for _ in 0..3 {
        made += one.turn(&bench.app).await.expect("a turn");
        made += two.turn(&bench.app).await.expect("a turn");
    }
    let log = bench.log(&endpoint).await;
    assert_eq!((made, log.len()), (45, 45));
}

#[tokio::test]
async fn a_relay_is_given_back_when_it_stops_and_kept_over_a_lost_answer() {
    let bench = Bench::new(|_| {});
    let endpoint = bench.register(URL).await;
    bench.happen(&bench.owner, 1).await;
    let (stop, stopping) = watch::channel(false);
    let running = tokio::spawn(app::webhooks::relay::run(bench.app.clone(), stopping));
    wait_until("the delivery", LIMIT, || async {
        (bench.log(&endpoint).await.len() == 1).then_some(())
    })
    .await;
    stop.send_replace(true);
    running.await.expect("it ends");
    // No time has passed.
    let mut place = Place::new("webhooks");
    let began = place.begin(&bench.app).await.expect("a read");
    assert_eq!(began, Some(1));
    let held = place.hold(&bench.app).await.expect("a claim");
    assert!(held.is_some(), "it was given back");
    let mut other = Place::new("webhooks");
    assert_eq!(other.begin(&bench.app).await.expect("a read"), None);
    place.lose();
    assert_eq!(place.begin(&bench.app).await.expect("a read"), Some(1));
    assert_eq!(place.hold(&bench.app).await.expect("no call"), held);
}

#[tokio::test]
async fn the_place_follows_although_nobody_is_concerned() {
    let bench = Bench::new(|_| {});
    for _ in 0..6 {
        bench.happen(&caller(9), 200).await;
    }
    assert_eq!(bench.relay().await, 0);
    let row = bench.store.relay("webhooks").await.expect("a read");
    assert_eq!(row.expect("a row").position, 1_000);
    // What happened before an endpoint was registered is not sent to it, wherever the place is.
    let endpoint = bench.register(URL).await;
    bench.happen(&bench.owner, 1).await;
    assert_eq!(bench.relay().await, 1);
    assert_eq!(bench.log(&endpoint).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_for_during_a_try_is_tried_once_more() {
    let bench = Bench::new(|_| {});
    let endpoint = bench.register(URL).await;
    bench.receivers.answer(URL, Err(WebhookFailure::Timeout));
    bench.happen(&bench.owner, 1).await;
    bench.relay().await;
    let claimed = bench.claim().await.remove(0);
    let (app, receivers) = (bench.app.clone(), bench.receivers.clone());
    let turn = tokio::spawn(async move { deliver::turn(&app, &*receivers, &claimed).await });
    wait_until("the request", LIMIT, || async {
        (bench.runtime.sleepers() > 0).then_some(())
    })
    .await;
    let id = bench.log(&endpoint).await[0].row.id;
    let replayed = bench.app.replay_delivery(&bench.owner, endpoint.id, id);
    replayed.await.expect("asked for");
    bench.runtime.advance(SECOND.times(15));
    turn.await.expect("no panic").expect("a turn");
    let view = bench.log(&endpoint).await.remove(0);
    assert_eq!(
        (view.row.state, view.row.tries),
        (DeliveryState::Pending, 0)
    );
    assert_eq!(view.tries.len(), 1);
    bench.receivers.answer(URL, Ok(204));
    bench.next_turn().await.expect("a turn");
    let view = bench.log(&endpoint).await.remove(0);
    assert_eq!(view.row.state, DeliveryState::Delivered);
}

#[tokio::test]
async fn an_account_has_so_many_endpoints_and_no_more() {
    let bench = Bench::new(|_| {});
    let mut made = Vec::new();
    for n in 0..16 {
        made.push(bench.register(&format!("http://shop{n}.example/")).await);
    }
    let one_more = || NewEndpoint {
        url: URL.to_owned(),
        event_types: None,
        description: None,
    };
    assert!(
        bench
            .app
            .create_endpoint(&bench.owner, one_more())
            .await
            .is_err()
    );
    let other = bench.app.create_endpoint(&caller(2), one_more()).await;
    other.expect("another account has its own");
    let deleted = bench.app.delete_endpoint(&bench.owner, made[3].id).await;
    deleted.expect("deleted");
    let seen = bench.app.own_endpoint(&bench.owner, made[3].id).await;
    assert!(seen.is_err());
    bench.register(URL).await;
    // Whose endpoint it is not cannot see or touch it.
    let stranger = caller(2);
    assert!(bench.app.own_endpoint(&stranger, made[0].id).await.is_err());
    let rotated = bench.app.rotate_endpoint_secret(&stranger, made[0].id);
    assert!(rotated.await.is_err());
    let sweep = app::webhooks::sweep(bench.app.clone());
    sweep.await.expect("a sweep");
}

#[tokio::test]
async fn what_does_not_leave_is_told_once_and_what_leaves_is_not() {
    let bench = Bench::new(|_| ());
    let told = || async {
        let looked = {
            let app = bench.app.clone();
            tokio::spawn(app::watch::look_at_queue(app))
        };
        // What seems late is looked at once more.
        while !looked.is_finished() {
            if bench.runtime.sleepers() > 0 {
                bench.runtime.advance(SECOND.times(5));
            }
            tokio::task::yield_now().await;
        }
        looked.await.expect("no panic").expect("it reads");
        let alerts = bench.app.alerts(10).await.expect("alerts");
        alerts
            .into_iter()
            .map(|alert| alert.message)
            .collect::<Vec<_>>()
    };
    let endpoint = bench.register(URL).await;
    let began = bench.app.now();
    bench.happen(&caller(2), 1).await;
    bench.happen(&bench.owner, 1).await;
    let waiting = bench.app.waiting().await.expect("it reads");
    assert_eq!((waiting.numbering, waiting.topic), (None, None));
    assert_eq!(waiting.webhooks, Some(began), "nobody relays");
    assert_eq!(told().await, Vec::<String>::new(), "for a minute");

    bench.runtime.advance(SECOND.times(61));
    for _ in 0..2 {
        let told = told().await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].contains("finds a worker within a minute"),
            "{told:?}"
        );
    }
    bench.relay().await;
    let due = bench.app.waiting().await.expect("it reads").webhooks;
    assert!(
        due.is_none_or(|at| at > began),
        "it is due since it was relayed"
    );
    bench.next_turn().await.expect("a turn");
    let log = bench.log(&endpoint).await;
    assert_eq!(log[0].row.state, DeliveryState::Delivered);
    // The alert is an event as well.
    bench.number().await;
    let waiting = bench.app.waiting().await.expect("it reads");
    assert_eq!(waiting, app::waiting::Waiting::default());
    assert_eq!(told().await.len(), 1, "nothing new");
}
