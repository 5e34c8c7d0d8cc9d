//! The whole program with SNS and SQS, played by moto: every event arrives, the monitor reads through
//! the queue, and an outage costs payments nothing and loses no event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use app::ports::store::EventRow;
use domain::retry::Backoff;
use domain::time::Span;
use platform::aws::{AwsAccess, AwsKeys, QueueAddress, TopicAddress};
use serde_json::{Value, json};
use testkit::moto::{Server, with_server};
use testkit::wait_until;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::harness::{Database, LIMIT, Person, TestApp, brisk};

const REGION: &str = "sa-east-1";
const ACCOUNT: &str = "123456789012";

/// A way to the server that can be shut while there is something to set up behind it.
struct Gate {
    url: String,
    is_open: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Gate {
    async fn before(server: &Server) -> Gate {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket"));
        let behind = server.url().trim_start_matches("http://").to_owned();
        let (is_open, watched) = watch::channel(true);
        let task = tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (behind, mut watched) = (behind.clone(), watched.clone());
                tokio::spawn(async move {
                    let through = async {
                        let mut other = TcpStream::connect(behind).await?;
                        tokio::io::copy_bidirectional(&mut socket, &mut other).await
                    };
                    tokio::select! {
                        biased;
                        _ = watched.wait_for(|is_open| !is_open) => {}
                        _ = through => {}
                    }
                });
            }
        });
        Gate { url, is_open, task }
    }
}

/// A topic and a queue that is subscribed to it.
struct Cloud<'a> {
    server: &'a Server,
    /// How the program reaches it.
    endpoint: String,
    http: reqwest::Client,
    topic: String,
    queue: String,
}

impl<'a> Cloud<'a> {
    fn new(server: &'a Server, is_ordered: bool) -> Cloud<'a> {
        let end = if is_ordered { ".fifo" } else { "" };
        Cloud {
            server,
            endpoint: server.url(),
            http: reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("a client"),
            topic: format!("arn:aws:sns:{REGION}:{ACCOUNT}:pixwave{end}"),
            queue: format!("monitor{end}"),
        }
    }

    /// Calls the query protocol of a service.
    async fn ask(&self, service: &str, fields: &[(&str, &str)]) -> String {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        let scope = format!("Credential=test/20260101/{REGION}/{service}/aws4_request");
        let asked = self
            .http
            .post(self.server.url())
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"),
            )
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.finish());
        let answer = asked.send().await.expect("moto answers");
        let status = answer.status();
        let text = answer.text().await.expect("a text");
        assert!(status.is_success(), "{fields:?}: {text}");
        text
    }

    fn name(&self) -> &str {
        self.topic.rsplit(':').next().expect("a name")
    }

    fn url_of(&self, queue: &str) -> String {
        format!("{}/{ACCOUNT}/{queue}", self.server.url())
    }

    async fn make_queue(&self, name: &str, more: &[(&str, &str)]) {
        let mut fields = vec![("Action", "CreateQueue"), ("QueueName", name)];
        let mut attributes = more.to_vec();
        if name.ends_with(".fifo") {
            attributes.push(("FifoQueue", "true"));
        }
        let numbered: Vec<(String, &str)> = attributes
            .iter()
            .enumerate()
            .flat_map(|(nth, (name, value))| {
                let place = format!("Attribute.{}", nth + 1);
                [
                    (format!("{place}.Name"), *name),
                    (format!("{place}.Value"), *value),
                ]
            })
            .collect();
        fields.extend(numbered.iter().map(|(name, value)| (name.as_str(), *value)));
        self.ask("sqs", &fields).await;
    }

    /// The topic, the queue and the subscription between them.
    async fn make(&self, is_raw: bool, queue: &[(&str, &str)]) {
        let mut topic = vec![("Action", "CreateTopic"), ("Name", self.name())];
        if self.name().ends_with(".fifo") {
            topic.extend([
                ("Attributes.entry.1.key", "FifoTopic"),
                ("Attributes.entry.1.value", "true"),
            ]);
        }
        self.ask("sns", &topic).await;
        self.make_queue(&self.queue, queue).await;
        let endpoint = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", self.queue);
        let mut subscription = vec![
            ("Action", "Subscribe"),
            ("TopicArn", &self.topic),
            ("Protocol", "sqs"),
            ("Endpoint", &endpoint),
        ];
        if is_raw {
            subscription.extend([
                ("Attributes.entry.1.key", "RawMessageDelivery"),
                ("Attributes.entry.1.value", "true"),
            ]);
        }
        self.ask("sns", &subscription).await;
    }

    /// Takes what is in a queue now: bodies, in order.
    async fn take(&self, queue: &str) -> Vec<String> {
        let url = self.url_of(queue);
        let receive = [
            ("Action", "ReceiveMessage"),
            ("QueueUrl", &*url),
            ("MaxNumberOfMessages", "10"),
        ];
        let answer = self.ask("sqs", &receive).await;
        let mut bodies = Vec::new();
        for message in answer.split("<Message>").skip(1) {
            bodies.push(unescaped(between(message, "Body")));
            let receipt = unescaped(between(message, "ReceiptHandle"));
            let remove = [
                ("Action", "DeleteMessage"),
                ("QueueUrl", &*url),
                ("ReceiptHandle", &*receipt),
            ];
            self.ask("sqs", &remove).await;
        }
        bodies
    }

    fn access(&self) -> AwsAccess {
        let url = self.endpoint.clone();
        assert!(url.starts_with("http://127.0.0.1:"), "never another host");
        AwsAccess {
            region: REGION.to_owned(),
            endpoint: Some(url),
            keys: Some(AwsKeys {
                id: "test".into(),
                secret: "test".into(),
                session_token: None,
            }),
        }
    }

    async fn app(&self, with_queue: bool) -> TestApp {
        TestApp::with_change(Database::Sqlite, brisk(), |config| {
            config.events.publishing.backoff = Backoff {
                first: Span::from_millis(50),
                longest: Span::from_millis(500),
                jitter_percent: 30,
            };
            config.events.topic = Some(TopicAddress {
                arn: self.topic.clone(),
                access: self.access(),
            });
            config.events.queue = with_queue.then(|| QueueAddress {
                url: self.url_of(&self.queue),
                access: self.access(),
            });
        })
        .await
    }
}

fn between<'a>(text: &'a str, tag: &str) -> &'a str {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let from = text.find(&open).map_or(0, |at| at + open.len());
    let to = text[from..].find(&close).map_or(text.len(), |at| from + at);
    &text[from..to]
}

fn unescaped(text: &str) -> String {
    let text = text
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&apos;", "'")
        .replace("&#39;", "'");
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

/// The event in a message, raw or wrapped.
fn event(body: &str) -> Value {
    let outer: Value = serde_json::from_str(body).expect("JSON");
    match outer["Message"].as_str() {
        Some(message) => serde_json::from_str(message).expect("JSON inside"),
        None => outer,
    }
}

async fn pay(app: &TestApp, people: &[Person], each: usize) {
    let mut made = Vec::new();
    for _ in 0..each {
        for person in people {
            made.push((person, app.payout(person, 100).await.id()));
        }
    }
    for (person, id) in made {
        let ended = app.ended(person, &id).await;
        assert_eq!(ended["stage"], "settled", "{ended}");
    }
}

/// Every event that has happened, once all are numbered.
async fn happened(app: &TestApp) -> Vec<EventRow> {
    wait_until("the numbering of every event", LIMIT, || async {
        let total = app.app().store.totals().await.expect("totals").events;
        let rows = app
            .app()
            .store
            .events_after(0, None, 100_000)
            .await
            .expect("events");
        (rows.len() as u64 == total).then_some(rows)
    })
    .await
}

/// Takes from the queue until every event of the stream has come; the messages in their order.
async fn gather(cloud: &Cloud<'_>, app: &TestApp, seen: &Mutex<Vec<Value>>) {
    let wanted = happened(app).await;
    wait_until("every event in the queue", LIMIT, || async {
        let bodies = cloud.take(&cloud.queue).await;
        let mut seen = seen.lock().expect("no holder panics");
        seen.extend(bodies.iter().map(|body| event(body)));
        let known: BTreeSet<&str> = seen
            .iter()
            .filter_map(|event| event["id"].as_str())
            .collect();
        let is_known = |row: &EventRow| known.contains(row.id.to_string().as_str());
        wanted.iter().all(is_known).then_some(())
    })
    .await;
}

async fn every_event_arrives(server: &Server, is_ordered: bool) {
    let cloud = Cloud::new(server, is_ordered);
    cloud.make(is_ordered, &[]).await;
    let app = cloud.app(false).await;
    let people = [app.person_with(10_000).await, app.person_with(10_000).await];
    pay(&app, &people, 5).await;
    let seen = Mutex::default();
    gather(&cloud, &app, &seen).await;
    let mut last = BTreeMap::<String, u64>::new();
    for event in seen.into_inner().expect("no holder panics") {
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["data"]["type"], event["type"]);
        if is_ordered {
            let position = event["data"]["position"].as_u64().expect("a position");
            let before = last.insert(event["data"]["wallet_id"].to_string(), position);
            assert!(before < Some(position), "in order per wallet");
        }
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_arrives_at_a_standard_topic_of_moto() {
    with_server(|server| async move { every_event_arrives(&server, false).await }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_arrives_in_order_at_a_fifo_topic_of_moto() {
    with_server(|server| async move { every_event_arrives(&server, true).await }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_monitor_reads_a_queue_of_moto_and_garbage_goes_to_the_dead_letters() {
    with_server(|server| async move {
        let cloud = Cloud::new(&server, false);
        cloud.make_queue("dead", &[]).await;
        let dead = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:dead");
        let redrive = json!({"deadLetterTargetArn": dead, "maxReceiveCount": 2}).to_string();
        let attributes = [
            ("RedrivePolicy", redrive.as_str()),
            ("VisibilityTimeout", "1"),
        ];
        cloud.make(false, &attributes).await;
        let app = cloud.app(true).await;
        let url = cloud.url_of(&cloud.queue);
        let garbage = [
            ("Action", "SendMessage"),
            ("QueueUrl", &*url),
            ("MessageBody", "garbage"),
        ];
        cloud.ask("sqs", &garbage).await;
        let person = app.person_with(10_000).await;
        pay(&app, &[person], 5).await;
        let wanted: BTreeSet<String> = happened(&app)
            .await
            .iter()
            .map(|row| row.id.to_string())
            .collect();
        let live = app.live();
        let shown = wait_until("every event in the live view", LIMIT, || async {
            let shown = live.snapshot(app.app().now());
            let ids: BTreeSet<String> = shown.recent.iter().map(|event| event.id.clone()).collect();
            wanted.is_subset(&ids).then_some(shown)
        })
        .await;
        let succeeded: u64 = shown.gateways.values().map(|ends| ends.succeeded).sum();
        assert!(succeeded >= 5, "{shown:?}");
        let letters = wait_until("the dead letter", LIMIT, || async {
            let letters = cloud.take("dead").await;
            (!letters.is_empty()).then_some(letters)
        })
        .await;
        assert_eq!(letters, ["garbage"]);
        app.finish().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_go_on_while_moto_is_away_and_no_event_is_lost() {
    with_server(|server| async move {
        let gate = Gate::before(&server).await;
        let cloud = Cloud {
            endpoint: gate.url.clone(),
            ..Cloud::new(&server, true)
        };
        cloud.make(true, &[]).await;
        let app = cloud.app(false).await;
        let person = app.person_with(10_000).await;
        pay(&app, std::slice::from_ref(&person), 3).await;
        let seen = Mutex::default();
        gather(&cloud, &app, &seen).await;
        server.kill();
        pay(&app, std::slice::from_ref(&person), 5).await;
        let lag = app
            .app()
            .lag("sns")
            .await
            .expect("a lag")
            .expect("it reads");
        assert!(lag.events > 0, "events wait");
        // It comes back empty. What is published to a topic without subscriptions reaches nobody, so
        // the way stays shut until all is there.
        gate.is_open.send_replace(false);
        server.start_again().await;
        cloud.make(true, &[]).await;
        pay(&app, std::slice::from_ref(&person), 1).await;
        gate.is_open.send_replace(true);
        gather(&cloud, &app, &seen).await;
        app.finish().await;
    })
    .await;
}
