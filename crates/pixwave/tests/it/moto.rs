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

use crate::cloud::{ACCOUNT, Cloud, Gate, REGION, event};
use crate::harness::{Database, LIMIT, Person, TestApp, brisk};

fn access(cloud: &Cloud) -> AwsAccess {
    let url = cloud.endpoint.clone();
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

async fn start(cloud: &Cloud, with_queue: bool) -> TestApp {
    TestApp::with_change(Database::Sqlite, brisk(), |config| {
        config.events.publishing.backoff = Backoff {
            first: Span::from_millis(50),
            longest: Span::from_millis(500),
            jitter_percent: 30,
        };
        config.events.topic = Some(TopicAddress {
            arn: cloud.topic.clone(),
            access: access(cloud),
        });
        config.events.queue = with_queue.then(|| QueueAddress {
            url: cloud.url_of(&cloud.queue),
            access: access(cloud),
        });
    })
    .await
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
async fn gather(cloud: &Cloud, app: &TestApp, seen: &Mutex<Vec<Value>>) {
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
    let app = start(&cloud, false).await;
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
        let app = start(&cloud, true).await;
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
        let mut cloud = Cloud::new(&server, true);
        cloud.endpoint.clone_from(&gate.url);
        cloud.make(true, &[]).await;
        let app = start(&cloud, false).await;
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
        gate.shut();
        server.start_again().await;
        cloud.make(true, &[]).await;
        pay(&app, std::slice::from_ref(&person), 1).await;
        gate.open();
        gather(&cloud, &app, &seen).await;
        app.finish().await;
    })
    .await;
}
