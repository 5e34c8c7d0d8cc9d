//! What the soak's events became: each in the database's stream, in a queue behind the topic, and
//! with its owner's server.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use app::ports::store::{EventRow, Store as _};
use serde_json::{Value, json};
use store::{Keyring, StoreConfig};
use testkit::moto::Server;
use testkit::wait_until;

use crate::client::{Client, string};
use crate::cloud::{Cloud, Gate, REGION, event};
use crate::fleet::{Fleet, KEY};
use crate::receiver::Receiver;

use super::load::{Customer, PATIENCE};

/// The queue that the monitor reads.
const MONITORED: &str = "monitored.fifo";
/// When the queue that the test reads is empty.
const PAUSE: Duration = Duration::from_millis(100);
const PAGE: u32 = 5_000;

/// A FIFO topic with two queues: the monitor reads one, the test the other.
pub struct Topic {
    cloud: Cloud,
    /// The way of every process to the topic and to the monitor's queue.
    pub gate: Gate,
    taken: Arc<Mutex<Vec<Value>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Topic {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Topic {
    pub async fn make(server: &Server) -> Topic {
        let gate = Gate::before(server).await;
        let cloud = Cloud::new(server, true);
        cloud.make(true, &[]).await;
        cloud.make_subscribed(MONITORED, true, &[]).await;
        let taken: Arc<Mutex<Vec<Value>>> = Arc::default();
        let (reading, found) = (cloud.clone(), taken.clone());
        let task = tokio::spawn(async move {
            loop {
                let bodies = reading.take(&reading.queue).await;
                if bodies.is_empty() {
                    tokio::time::sleep(PAUSE).await;
                }
                let events = bodies.iter().map(|body| event(body));
                found.lock().expect("not poisoned").extend(events);
            }
        });
        Topic {
            cloud,
            gate,
            taken,
            task,
        }
    }

    /// What every process is told of it.
    pub fn variables(&self) -> [(&'static str, String); 6] {
        let queue = self.cloud.url_of(MONITORED);
        let path = queue
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once('/'));
        let (_, path) = path.expect("an address with a path");
        [
            ("SNS_TOPIC_ARN", self.cloud.topic.clone()),
            ("SNS_ENDPOINT_URL", self.gate.url.clone()),
            ("SNS_API_KEY", "test".to_owned()),
            ("SNS_API_SECRET", "test".to_owned()),
            ("SQS_QUEUE_URL", format!("{}/{path}", self.gate.url)),
            ("AWS_REGION", REGION.to_owned()),
        ]
    }

    /// Waits until each of these events has come, and judges the order within each wallet by when an
    /// event came first. How many messages there were in all.
    pub async fn has_all(&self, events: &[EventRow]) -> usize {
        wait_until("every event in the queue", PATIENCE, || async {
            let taken = self.taken.lock().expect("not poisoned");
            let ids: HashSet<&str> = taken.iter().filter_map(|one| one["id"].as_str()).collect();
            let is_there = |row: &EventRow| ids.contains(row.id.to_string().as_str());
            events.iter().all(is_there).then_some(())
        })
        .await;
        let taken = self.taken.lock().expect("not poisoned");
        let (mut met, mut last) = (HashSet::new(), BTreeMap::<String, u64>::new());
        for one in taken.iter().filter(|one| met.insert(one["id"].to_string())) {
            let position = one["data"]["position"].as_u64().expect("a position");
            let before = last.insert(one["data"]["wallet_id"].to_string(), position);
            assert!(before < Some(position), "out of its wallet's order: {one}");
        }
        taken.len()
    }

    /// Waits until the monitor has taken everything out of its queue.
    pub async fn is_read_by_the_monitor(&self) {
        let url = self.cloud.url_of(MONITORED);
        let ask = [
            ("Action", "GetQueueAttributes"),
            ("QueueUrl", url.as_str()),
            ("AttributeName.1", "All"),
        ];
        wait_until("the monitor's queue to be empty", PATIENCE, || async {
            let answer = self.cloud.ask("sqs", &ask).await;
            let is_none = |name: &str| {
                answer.contains(&format!("<Name>{name}</Name><Value>0</Value>"))
                    || answer.contains(&format!("<Name>{name}</Name>\n<Value>0</Value>"))
            };
            let is_empty = is_none("ApproximateNumberOfMessages")
                && is_none("ApproximateNumberOfMessagesNotVisible");
            is_empty.then_some(())
        })
        .await;
    }
}

/// The customers' servers in one: an endpoint for each, with a secret of its own.
pub struct Listeners {
    receiver: Receiver,
    secrets: BTreeMap<String, String>,
}

impl Listeners {
    pub async fn register(payments: &Client, people: &[Customer]) -> Listeners {
        let receiver = Receiver::start().await;
        let mut secrets = BTreeMap::new();
        for person in people {
            let body = json!({"url": receiver.url});
            let asked = payments.post("/v1/webhook-endpoints", &body);
            let endpoint = asked.by(&person.token).expect(201).await;
            secrets.insert(person.wallet_id.clone(), string(&endpoint.body, "secret"));
        }
        Listeners { receiver, secrets }
    }

    /// Waits until each of these events that is somebody's has come to them, and verifies every
    /// signature. How many were wanted, and how many came.
    pub async fn have_all(&self, events: &[EventRow]) -> (usize, usize) {
        let is_somebodys = |row: &&EventRow| row.transaction_id.is_some() && row.user_id.is_some();
        let wanted: BTreeSet<String> = events
            .iter()
            .filter(is_somebodys)
            .map(|row| row.id.to_string())
            .collect();
        wait_until("every event with its owner", PATIENCE, || async {
            let received = self.receiver.received();
            let ids: HashSet<&str> = received.iter().map(|one| one.id.as_str()).collect();
            wanted
                .iter()
                .all(|id| ids.contains(id.as_str()))
                .then_some(())
        })
        .await;
        let received = self.receiver.received();
        for one in &received {
            let wallet = string(&one.body, "wallet_id");
            assert_eq!(one.signed_by(&self.secrets[&wallet]), 1, "{one:?}");
        }
        (wanted.len(), received.len())
    }
}

/// The stream of the database, whole: its positions are dense, and each transaction's versions come
/// one after the other.
pub async fn stream(database: &str) -> Vec<EventRow> {
    let config = StoreConfig {
        url: database.to_owned(),
        pool_size: 1,
        durability_required: false,
        mysql: Default::default(),
    };
    let keyring = Keyring::parse(KEY.1).expect("a key");
    let store = store::open(&config, keyring).await.expect("a database");
    let events = wait_until("the numbering of every event", PATIENCE, || async {
        let total = store.totals().await.expect("totals").events;
        let mut rows: Vec<EventRow> = Vec::new();
        loop {
            let after = rows.last().and_then(|row| row.position).unwrap_or(0);
            let more = store.events_after(after, None, PAGE).await.expect("events");
            if more.is_empty() {
                break;
            }
            rows.extend(more);
        }
        (rows.len() as u64 == total).then_some(rows)
    })
    .await;
    store.close().await;
    let mut versions = BTreeMap::new();
    for (nth, row) in events.iter().enumerate() {
        assert_eq!(row.position, Some(nth as u64 + 1), "positions are dense");
        if let (Some(id), Some(version)) = (row.transaction_id, row.transaction_version) {
            let before = versions.insert(id, version).unwrap_or(0);
            assert_eq!(version, before + 1, "{id} misses a version");
        }
    }
    events
}

/// The fleet that publishes to the topic, and may send to servers of this machine.
pub fn told(fleet: Fleet, topic: &Topic) -> Fleet {
    let fleet = fleet.with("WEBHOOK_ALLOW_PRIVATE", "true".to_owned());
    let told = topic.variables().into_iter();
    told.fold(fleet, |fleet, (name, value)| fleet.with(name, value))
}
