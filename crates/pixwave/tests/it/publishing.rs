//! Publishing and watching over a store in memory, with time, the topic and the queue held in the hand.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use app::cloud_events::SeenEvent;
use app::context::App;
use app::monitor::{LiveView, Watch, queue, stream};
use app::ports::outbound::OutboundStore;
use app::ports::publisher::{
    EntryOutcome, EventPublisher, EventQueue, OutgoingEvent, QueueMessage, TopicShape, Trouble,
    TroubleKind,
};
use app::ports::store::{EventRow, Locks, Store, Unit, UnitResult, Verdict, Write};
use app::publishing::{Next, PUT_ASIDE, Publishing, PublishingSettings, SILENT};
use async_trait::async_trait;
use domain::ids::{EventId, WalletId};
use domain::time::Span;
use pixwave::config::Config;
use rand::{Rng, SeedableRng};
use store::{Keyring, SqlStore, StoreConfig};
use testkit::ManualRuntime;

const KEY: &str = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

type Judge = Box<dyn FnMut(&[OutgoingEvent]) -> Result<Vec<EntryOutcome>, Trouble> + Send>;

/// A topic that takes what the test lets it.
struct Topic {
    is_ordered: bool,
    judge: Mutex<Judge>,
    taken: Mutex<Vec<OutgoingEvent>>,
}

#[async_trait]
impl EventPublisher for Topic {
    fn name(&self) -> &'static str {
        "sns"
    }
    fn shape(&self) -> TopicShape {
        TopicShape {
            is_ordered: self.is_ordered,
            entries: 10,
            bytes: 4_096,
        }
    }
    async fn publish(&self, events: &[OutgoingEvent]) -> Result<Vec<EntryOutcome>, Trouble> {
        let outcomes = (self.judge.lock().expect("no holder panics"))(events)?;
        let mut taken = self.taken.lock().expect("no holder panics");
        for (event, outcome) in events.iter().zip(&outcomes) {
            if *outcome == EntryOutcome::Published {
                taken.push(event.clone());
            }
        }
        Ok(outcomes)
    }
}

impl Topic {
    fn new(is_ordered: bool) -> Arc<Topic> {
        Arc::new(Topic {
            is_ordered,
            judge: Mutex::new(Box::new(|events| Ok(good(events)))),
            taken: Mutex::default(),
        })
    }

    fn behave(
        &self,
        judge: impl FnMut(&[OutgoingEvent]) -> Result<Vec<EntryOutcome>, Trouble> + Send + 'static,
    ) {
        *self.judge.lock().expect("no holder panics") = Box::new(judge);
    }

    fn ids(&self) -> Vec<String> {
        let taken = self.taken.lock().expect("no holder panics");
        taken.iter().map(|event| event.id.clone()).collect()
    }
}

fn good(events: &[OutgoingEvent]) -> Vec<EntryOutcome> {
    vec![EntryOutcome::Published; events.len()]
}

fn trouble(kind: TroubleKind, code: &str) -> Trouble {
    Trouble {
        kind,
        code: code.to_owned(),
    }
}

struct Bench {
    app: App,
    store: Arc<SqlStore>,
    runtime: ManualRuntime,
}

impl Bench {
    fn new() -> Bench {
        let config = StoreConfig {
            url: "sqlite::memory:".to_owned(),
            pool_size: 1,
            durability_required: false,
            mysql: Default::default(),
        };
        let keyring = Keyring::parse(KEY).expect("a key");
        let store = SqlStore::inline(&config, keyring).expect("a store");
        let config = Config::read(&|_| None).expect("the defaults");
        let runtime = ManualRuntime::new(7);
        let port = Arc::new(runtime.clone());
        let app = pixwave::wire::build_app(&config, store.clone(), BTreeMap::new(), port);
        Bench {
            app,
            store,
            runtime,
        }
    }

    /// Publishes to this topic from now on, and not what was before.
    async fn publishing(&self, topic: &Arc<Topic>) -> Publishing {
        let mut publishing = Publishing::new(topic.clone(), PublishingSettings::standard());
        let next = publishing.turn(&self.app).await.expect("a turn");
        assert_eq!(next, Next::Idle);
        publishing
    }

    /// Commits events of these wallets, and numbers them.
    async fn happen(&self, wallets: &[u8], body: &str) -> Vec<String> {
        let mut ids = self.app.ids().start();
        let rows: Vec<EventRow> = wallets
            .iter()
            .map(|wallet| EventRow {
                id: EventId::from_bytes(ids.make()),
                kind: "payout.settled".to_owned(),
                transaction_id: None,
                transaction_version: None,
                wallet_id: Some(WalletId::from_bytes([*wallet; 16])),
                user_id: None,
                body: body.to_owned(),
                occurred_at: self.app.now(),
                position: None,
            })
            .collect();
        let told = rows.iter().map(|row| row.id.to_string()).collect();
        let writes: Vec<Write> = rows.into_iter().map(Write::InsertEvent).collect();
        let unit = Unit {
            name: "happen",
            locks: Locks::default(),
            decide: Arc::new(move |_| Verdict::Commit {
                writes: writes.clone(),
                answer: Box::new(()),
            }),
        };
        let done = self.store.commit(vec![unit]).await.pop();
        assert!(matches!(done, Some(UnitResult::Committed(_))));
        self.number().await;
        told
    }

    async fn number(&self) {
        let numbered = app::sequencer::run_sequencer_once(&self.app).await;
        numbered.expect("positions");
    }

    async fn alerts(&self, kind: &str) -> usize {
        let alerts = self.store.alerts(100).await.expect("alerts");
        alerts.iter().filter(|alert| alert.kind == kind).count()
    }

    async fn position(&self) -> u64 {
        let row = self.store.relay("sns").await.expect("the place");
        row.expect("it is open").position
    }

    /// Turns until nothing is left, waiting as it is told.
    async fn drain(&self, publishing: &mut Publishing) {
        for _ in 0..500 {
            match publishing.turn(&self.app).await.expect("a turn") {
                Next::Now => {}
                Next::Idle => return,
                Next::After(span) => self.runtime.advance(span),
            }
        }
        panic!("it is never done");
    }
}

#[tokio::test]
async fn everything_from_the_opening_on_is_published_once_and_in_order() {
    let bench = Bench::new();
    let topic = Topic::new(true);
    bench.happen(&[1, 2, 3], "{}").await;
    let mut publishing = bench.publishing(&topic).await;
    let wallets: Vec<u8> = (0..250).map(|n| n % 7).collect();
    let told = bench.happen(&wallets, "{}").await;
    bench.drain(&mut publishing).await;
    let ids: BTreeSet<String> = topic.ids().into_iter().collect();
    assert_eq!(topic.ids().len(), 250);
    assert_eq!(ids, told.into_iter().collect());
    assert_eq!(bench.position().await, 253);
    let lag = bench
        .app
        .lag("sns")
        .await
        .expect("a lag")
        .expect("it reads");
    assert_eq!((lag.events, lag.oldest), (0, None));
    assert_eq!(bench.app.lag("nobody").await, Ok(None));
}

#[tokio::test]
async fn whatever_fails_nothing_is_lost_and_each_wallet_stays_in_order() {
    for seed in 0..20 {
        let bench = Bench::new();
        let topic = Topic::new(true);
        let mut publishing = bench.publishing(&topic).await;
        let mut dice = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        topic.behave(move |events| {
            if dice.random_ratio(1, 4) {
                return Err(trouble(TroubleKind::Away, "timeout"));
            }
            let mut outcome = |_| match dice.random_ratio(1, 4) {
                true => EntryOutcome::Delayed("InternalError".into()),
                false => EntryOutcome::Published,
            };
            Ok(events.iter().map(&mut outcome).collect())
        });
        let wallets: Vec<u8> = (0..150).map(|n: u8| n % 7 % 5).collect();
        let told = bench.happen(&wallets, "{}").await;
        bench.drain(&mut publishing).await;
        let taken = topic.taken.lock().expect("no holder panics").clone();
        let ids: BTreeSet<&String> = taken.iter().map(|event| &event.id).collect();
        assert_eq!(ids, told.iter().collect(), "seed {seed}");
        assert_eq!(taken.len(), told.len(), "acknowledged ones do not go again");
        let mut last = BTreeMap::new();
        for event in &taken {
            let before = last.insert(event.group.clone(), event.position);
            assert!(before < Some(event.position), "seed {seed}");
        }
    }
}

#[tokio::test]
async fn an_event_that_is_never_taken_is_put_aside_and_told() {
    let bench = Bench::new();
    let topic = Topic::new(true);
    let mut publishing = bench.publishing(&topic).await;
    let before = bench.happen(&[1], "{}").await;
    let poison = bench.happen(&[1], r#"{"stage":"poison"}"#).await;
    let large = format!(r#"{{"stage":"{}"}}"#, "x".repeat(5_000));
    let large = bench.happen(&[1], &large).await;
    let after = bench.happen(&[1], "{}").await;
    // The whole call is refused for the sake of one.
    topic.behave(
        |events| match events.iter().any(|event| event.body.contains("poison")) {
            true => Err(trouble(TroubleKind::Malformed, "InvalidParameter")),
            false => Ok(good(events)),
        },
    );
    bench.drain(&mut publishing).await;
    assert_eq!(topic.ids(), [before.clone(), after.clone()].concat());
    assert_eq!(bench.alerts(PUT_ASIDE).await, 2);
    let trail = bench.store.audit(10).await.expect("the trail");
    let subjects: BTreeSet<&str> = trail.iter().map(|row| row.subject.as_str()).collect();
    assert_eq!(
        subjects,
        BTreeSet::from([poison[0].as_str(), large[0].as_str()])
    );
    assert!(trail.iter().all(|row| row.action == "event.put_aside"));
    // The alerts are events too, and they go out.
    bench.number().await;
    bench.drain(&mut publishing).await;
    assert_eq!(topic.ids().len(), 4);
    assert_eq!(bench.position().await, 6);
}

#[tokio::test]
async fn an_alert_that_is_refused_itself_brings_forth_no_other() {
    let bench = Bench::new();
    let topic = Topic::new(false);
    let mut publishing = bench.publishing(&topic).await;
    topic.behave(|events| {
        let judge = |event: &OutgoingEvent| match event.body.contains("alert.raised") {
            true => EntryOutcome::Impossible("InvalidParameter".into()),
            false if event.body.contains("poison") => {
                EntryOutcome::Impossible("InvalidParameter".into())
            }
            false => EntryOutcome::Published,
        };
        Ok(events.iter().map(judge).collect())
    });
    bench.happen(&[1], r#"{"stage":"poison"}"#).await;
    for _ in 0..5 {
        bench.drain(&mut publishing).await;
        bench.number().await;
    }
    assert_eq!(bench.alerts(PUT_ASIDE).await, 1);
    let trail = bench.store.audit(10).await.expect("the trail");
    assert_eq!(trail.len(), 2, "both stand in the trail");
}

#[tokio::test]
async fn a_topic_that_takes_nothing_puts_nothing_aside_and_calls_people_once() {
    let bench = Bench::new();
    let topic = Topic::new(false);
    let mut publishing = bench.publishing(&topic).await;
    let told = bench.happen(&[1; 20], "{}").await;
    topic.behave(|_| Err(trouble(TroubleKind::Malformed, "InvalidParameter")));
    for _ in 0..40 {
        let Next::After(span) = publishing.turn(&bench.app).await.expect("a turn") else {
            panic!("it waits");
        };
        bench.runtime.advance(span);
    }
    assert_eq!(bench.alerts(PUT_ASIDE).await, 0);
    assert_eq!(bench.alerts(SILENT).await, 1);
    assert_eq!(bench.position().await, 0);
    let lag = bench
        .app
        .lag("sns")
        .await
        .expect("a lag")
        .expect("it reads");
    assert!(lag.events >= 20 && lag.oldest.is_some());
    topic.behave(|events| Ok(good(events)));
    bench.number().await;
    bench.drain(&mut publishing).await;
    let published: BTreeSet<String> = topic.ids().into_iter().collect();
    assert!(told.iter().all(|id| published.contains(id)));
    assert_eq!(published.len(), 21, "and the alert");
}

#[tokio::test]
async fn an_event_that_is_blamed_again_and_again_is_put_aside_in_the_end() {
    let bench = Bench::new();
    let topic = Topic::new(false);
    let mut publishing = bench.publishing(&topic).await;
    topic.behave(|events| {
        let judge = |event: &OutgoingEvent| match event.body.contains("odd") {
            true => EntryOutcome::Doubtful("SomethingNew".into()),
            false => EntryOutcome::Published,
        };
        Ok(events.iter().map(judge).collect())
    });
    bench.happen(&[1], r#"{"stage":"odd"}"#).await;
    bench.happen(&[1], "{}").await;
    bench.drain(&mut publishing).await;
    assert_eq!(bench.alerts(PUT_ASIDE).await, 1);
    assert_eq!(bench.position().await, 2);
}

#[tokio::test]
async fn one_process_publishes_and_another_takes_over() {
    let bench = Bench::new();
    let topic = Topic::new(true);
    let mut one = bench.publishing(&topic).await;
    let mut other = bench.publishing(&topic).await;
    bench.happen(&[1], "{}").await;
    bench.drain(&mut one).await;
    bench.happen(&[1], "{}").await;
    bench.drain(&mut other).await;
    assert_eq!(topic.ids().len(), 1, "the place is the first one's");
    // It died: its lease runs out.
    bench.runtime.advance(Span::from_seconds(31));
    bench.drain(&mut other).await;
    assert_eq!(topic.ids().len(), 2);
    // It was only asleep: it has lost its place and knows it.
    bench.happen(&[1], "{}").await;
    bench.drain(&mut one).await;
    assert_eq!(topic.ids().len(), 2);
    bench.drain(&mut other).await;
    assert_eq!(topic.ids().len(), 3);
}

/// A queue of the test's.
#[derive(Default)]
struct Queue {
    waiting: Mutex<VecDeque<QueueMessage>>,
    removed: Mutex<Vec<String>>,
    puts_aside: bool,
}

#[async_trait]
impl EventQueue for Queue {
    async fn receive(&self) -> Result<Vec<QueueMessage>, Trouble> {
        Ok(self
            .waiting
            .lock()
            .expect("no holder panics")
            .drain(..)
            .collect())
    }
    async fn remove(&self, receipts: &[String]) -> Result<(), Trouble> {
        let mut removed = self.removed.lock().expect("no holder panics");
        removed.extend(receipts.iter().cloned());
        Ok(())
    }
    async fn puts_aside(&self) -> Result<bool, Trouble> {
        Ok(self.puts_aside)
    }
}

impl Queue {
    fn put(&self, receipt: &str, body: &str) {
        self.waiting
            .lock()
            .expect("no holder panics")
            .push_back(QueueMessage {
                id: format!("message {receipt}"),
                receipt: receipt.to_owned(),
                body: body.to_owned(),
                received: 1,
            });
    }
}

#[tokio::test]
async fn the_monitor_sees_the_same_through_the_queue_and_the_database() {
    let bench = Bench::new();
    let topic = Topic::new(true);
    let mut publishing = bench.publishing(&topic).await;
    let by_stream = Arc::new(LiveView::default());
    let stream = Watch::new(bench.app.clone(), by_stream.clone());
    let mut reader = stream::Reader::new(bench.app.now());
    reader.turn(&stream).await.expect("a turn");
    let beside = Arc::new(LiveView::default());
    let another = Watch::new(bench.app.clone(), beside.clone());
    let mut other = stream::Reader::new(bench.app.now());
    other.turn(&another).await.expect("a turn");
    let by_queue = Arc::new(LiveView::default());
    let watch = Watch::new(bench.app.clone(), by_queue.clone());
    bench
        .happen(&[1, 2, 1], r#"{"gateway":"efi","amount_cents":5}"#)
        .await;
    reader.turn(&stream).await.expect("a turn");
    other.turn(&another).await.expect("a turn");
    let ends = |view: &LiveView| view.snapshot(bench.app.now()).gateways;
    assert_eq!(ends(&beside), ends(&by_stream), "each process sees all");
    bench.drain(&mut publishing).await;
    let queue = Queue::default();
    for (nth, event) in topic
        .taken
        .lock()
        .expect("no holder panics")
        .iter()
        .enumerate()
    {
        queue.put(&nth.to_string(), &event.body);
        queue.put(&format!("{nth} again"), &event.body);
    }
    let taken = queue::turn(&watch, &queue).await.expect("a turn");
    assert_eq!(taken, 6);
    assert_eq!(queue.removed.lock().expect("no holder panics").len(), 6);
    let (of_stream, of_queue) = (
        by_stream.snapshot(bench.app.now()),
        by_queue.snapshot(bench.app.now()),
    );
    let ids = |seen: &[SeenEvent]| {
        seen.iter()
            .map(|event| event.id.clone())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(of_queue.seen, 3);
    assert_eq!(ids(&of_stream.recent), ids(&of_queue.recent));
    assert_eq!(of_stream.gateways, of_queue.gateways);
    assert_eq!(of_stream.per_minute, of_queue.per_minute);
    // A restart begins with what was last.
    let again = Arc::new(LiveView::default());
    let watch = Watch::new(bench.app.clone(), again.clone());
    watch.begin().await.expect("the newest events");
    assert_eq!(again.snapshot(bench.app.now()).recent.len(), 3);
}

#[tokio::test]
async fn a_message_that_is_no_event_never_comes_for_ever() {
    for puts_aside in [true, false] {
        let bench = Bench::new();
        let watch = Watch::new(bench.app.clone(), Arc::default());
        let queue = Queue {
            puts_aside,
            ..Queue::default()
        };
        queue.put("1", "garbage");
        let taken = queue::turn(&watch, &queue).await.expect("a turn");
        assert_eq!(taken, 0);
        let removed = queue.removed.lock().expect("no holder panics").len();
        let told = bench.alerts(queue::UNREADABLE).await;
        match puts_aside {
            true => assert_eq!((removed, told), (0, 0), "it is left to the queue"),
            false => assert_eq!((removed, told), (1, 1)),
        }
    }
}

#[tokio::test]
async fn a_gateway_where_most_payments_fail_is_told_to_people() {
    let bench = Bench::new();
    let watch = Watch::new(bench.app.clone(), Arc::default());
    for number in 0..25 {
        let event = SeenEvent {
            id: format!("evt_{number}"),
            kind: "payout.rejected".to_owned(),
            occurred_at: bench.app.now(),
            position: None,
            transaction_id: None,
            gateway: Some("efi".to_owned()),
            amount_cents: None,
        };
        watch.take(event).await.expect("it is taken");
    }
    assert_eq!(bench.alerts(app::monitor::GATEWAY_FAILING).await, 1);
}
