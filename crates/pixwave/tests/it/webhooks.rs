//! Events to a customer's server, over real sockets.

use std::collections::BTreeSet;

use app::context::Settings;
use domain::retry::Backoff;
use domain::time::Span;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::wait_until;

use crate::client::{Answer, string};
use crate::harness::{Database, LIMIT, Person, TestApp, brisk};
use crate::receiver::Receiver;

both_databases!(
    every_event_of_a_payout_arrives_signed,
    failures_are_tried_again_and_told,
    a_rotated_secret_signs_beside_the_old_one,
    an_endpoint_that_keeps_failing_is_disabled_with_notice,
);

const ENDPOINTS: &str = "/v1/webhook-endpoints";

/// The waits of a day in a second.
pub fn hurried() -> Settings {
    let mut settings = brisk();
    settings.webhooks.allow_private = true;
    let policy = &mut settings.webhooks.policy;
    policy.waits = vec![Span::from_millis(50); 10];
    policy.rest = Backoff {
        first: Span::from_millis(10),
        longest: Span::from_millis(50),
        jitter_percent: 20,
    };
    settings
}

async fn start(database: Database) -> TestApp {
    TestApp::with_settings(database, hurried()).await
}

async fn register(app: &TestApp, person: &Person, body: Value) -> Answer {
    app.post(ENDPOINTS, &body)
        .by(&person.token)
        .expect(201)
        .await
}

async fn change(app: &TestApp, person: &Person, id: &str, body: Value) -> Answer {
    app.call(Method::PATCH, &format!("{ENDPOINTS}/{id}"))
        .json(&body)
        .by(&person.token)
        .expect(200)
        .await
}

async fn deliveries(app: &TestApp, person: &Person, id: &str, query: &str) -> Vec<Value> {
    let path = format!("{ENDPOINTS}/{id}/deliveries{query}");
    app.get(&path).by(&person.token).await.list()
}

async fn replay(app: &TestApp, person: &Person, endpoint: &str, delivery: &str) -> Answer {
    let path = format!("{ENDPOINTS}/{endpoint}/deliveries/{delivery}/replay");
    app.call(Method::POST, &path).by(&person.token).await
}

/// The events of a transaction, as the stream has them.
async fn events_of(app: &TestApp, transaction: &str) -> Vec<(String, String)> {
    let events = app.app().store.events_after(0, None, 10_000).await;
    let events = events.expect("events");
    let ours = events.iter().filter(|event| {
        let id = event.transaction_id.map(|id| id.to_string());
        id.as_deref() == Some(transaction)
    });
    ours.map(|event| (event.id.to_string(), app::events::published(event)))
        .collect()
}

async fn every_event_of_a_payout_arrives_signed(database: Database) {
    let app = start(database).await;
    let person = app.person_with(10_000).await;
    let receiver = Receiver::start().await;
    let endpoint = register(&app, &person, json!({"url": receiver.url})).await;
    let secret = string(&endpoint.body, "secret");
    let some = json!({"url": receiver.url, "event_types": ["transfer.settled"]});
    register(&app, &person, some).await;
    // Somebody else's events are nobody else's.
    let other = app.person_with(500).await;
    let payout = app.payout(&person, 1_050).await.id();
    app.ended(&person, &payout).await;
    app.payout(&other, 100).await;
    let events = wait_until("the last event", LIMIT, || async {
        let events = events_of(&app, &payout).await;
        let is_last = |(_, text): &(String, String)| text.contains("payout.settled");
        events.last().is_some_and(is_last).then_some(events)
    })
    .await;
    assert!(events.len() >= 3, "{events:?}");
    let received = receiver
        .once("every event of the payout", |received| {
            let ids: BTreeSet<&str> = received.iter().map(|one| one.id.as_str()).collect();
            events.iter().all(|(id, _)| ids.contains(id.as_str()))
        })
        .await;
    for (id, text) in &events {
        let one = received.iter().find(|one| one.id == *id);
        let one = one.expect("it was waited for");
        assert_eq!(one.text, *text, "the same as in the stream");
        assert_eq!(one.signed_by(&secret), 1, "{one:?}");
        assert_eq!(one.signatures.len(), 1);
        let now = app.app().now().micros() / 1_000_000;
        assert!((now - one.timestamp).abs() < 60);
    }
    assert!(
        received
            .iter()
            .all(|one| one.body["wallet_id"] == person.wallet_id.as_str()),
        "only one's own"
    );
    let log = wait_until("the log", LIMIT, || async {
        let log = deliveries(&app, &person, &endpoint.id(), "?status=delivered").await;
        (log.len() >= events.len()).then_some(log)
    })
    .await;
    let newest = &log[0];
    assert_eq!(newest["tries"][0]["status"], 204);
    assert!(newest["next_try_at"].is_null() && newest["ended_at"].is_string());
    app.finish().await;
}

async fn failures_are_tried_again_and_told(database: Database) {
    let app = start(database).await;
    let person = app.person().await;
    let receiver = Receiver::start().await;
    let elsewhere = Receiver::start().await;
    receiver.redirects_to(&elsewhere.url);
    receiver.answers_first(&[500, 307]);
    let body = json!({"url": receiver.url, "event_types": ["charge.paid"]});
    let endpoint = register(&app, &person, body).await.id();
    app.fund(&person, 700).await;
    let received = receiver.once("three tries", |all| all.len() >= 3).await;
    assert!(received.iter().all(|one| one.id == received[0].id));
    let log = wait_until("its end", LIMIT, || async {
        let log = deliveries(&app, &person, &endpoint, "?status=delivered&limit=1").await;
        (!log.is_empty()).then_some(log)
    })
    .await;
    let tries = log[0]["tries"].as_array().expect("tries");
    let statuses: Vec<&Value> = tries.iter().map(|tried| &tried["status"]).collect();
    assert_eq!(statuses, [500, 307, 204]);
    assert!(elsewhere.received().is_empty(), "a redirect was followed");
    assert_eq!(log[0]["event_type"], "charge.paid");
    assert_eq!(string(&log[0], "event_id"), received[0].id);

    // Once more, although it was delivered.
    let again = replay(&app, &person, &endpoint, &string(&log[0], "id")).await;
    assert_eq!(
        (again.status, &again.body["status"]),
        (202, &json!("pending"))
    );
    let received = receiver.once("the replay", |all| all.len() >= 4).await;
    assert_eq!(received[3].id, received[0].id);
    app.finish().await;
}

async fn a_rotated_secret_signs_beside_the_old_one(database: Database) {
    let app = start(database).await;
    let person = app.person().await;
    let receiver = Receiver::start().await;
    let body = json!({"url": receiver.url, "event_types": ["charge.paid"]});
    let endpoint = register(&app, &person, body).await;
    let (id, old) = (endpoint.id(), string(&endpoint.body, "secret"));
    let path = format!("{ENDPOINTS}/{id}/rotate-secret");
    let rotated = app
        .call(Method::POST, &path)
        .by(&person.token)
        .expect(200)
        .await;
    let new = string(&rotated.body, "secret");
    assert_ne!(new, old);
    assert!(rotated.body["old_secret_until"].is_string());
    let shown = app
        .get(&format!("{ENDPOINTS}/{id}"))
        .by(&person.token)
        .await;
    assert!(shown.body.get("secret").is_none());
    assert!(!shown.text().contains(&new) && !shown.text().contains(&old));
    app.fund(&person, 700).await;
    let received = receiver.once("the event", |all| !all.is_empty()).await;
    let one = &received[0];
    assert_eq!(one.signatures.len(), 2);
    assert_eq!((one.signed_by(&old), one.signed_by(&new)), (1, 1));
    app.finish().await;
}

async fn an_endpoint_that_keeps_failing_is_disabled_with_notice(database: Database) {
    let mut settings = hurried();
    settings.webhooks.policy.disable_after = Span::from_millis(100);
    settings.webhooks.policy.disable_failures = 3;
    let app = TestApp::with_settings(database, settings).await;
    let person = app.person().await;
    let (broken, sound) = (Receiver::start().await, Receiver::start().await);
    broken.answers(500);
    let failing = register(&app, &person, json!({"url": broken.url}))
        .await
        .id();
    let notices = json!({"url": sound.url, "event_types": ["webhook_endpoint.disabled"]});
    register(&app, &person, notices).await;
    app.fund(&person, 700).await;
    let told = sound.once("the notice", |all| !all.is_empty()).await;
    assert_eq!(told[0].body["data"]["endpoint_id"], failing.as_str());
    assert_eq!(told[0].body["data"]["reason"], "failing");
    let shown = app.get(&format!("{ENDPOINTS}/{failing}"));
    let shown = shown.by(&person.token).await.body;
    assert_eq!(shown["enabled"], false);
    assert_eq!(shown["disabled_reason"], "failing");
    let operator = app.operator().await;
    let alerts = app.get("/v1/alerts").by(&operator).await.list();
    let is_ours = |alert: &&Value| alert["kind"] == "webhook_endpoint_disabled";
    let alert = alerts.iter().find(is_ours).expect("an alert");
    assert!(string(alert, "message").contains(&failing));
    assert!(!alert.to_string().contains(&broken.url));
    let waiting = deliveries(&app, &person, &failing, "?status=pending").await;
    assert!(waiting.iter().all(|one| one["next_try_at"].is_null()));
    let id = string(&waiting[0], "id");
    let refused = replay(&app, &person, &failing, &id).await;
    assert_eq!((refused.status, refused.code()), (409, "endpoint_disabled"));

    broken.answers(200);
    change(&app, &person, &failing, json!({"enabled": true})).await;
    wait_until("what was kept", LIMIT, || async {
        let waiting = deliveries(&app, &person, &failing, "?status=pending").await;
        waiting.is_empty().then_some(())
    })
    .await;
    let paid = |one: &crate::receiver::Received| one.body["type"] == "charge.paid";
    assert!(broken.received().iter().any(paid));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_are_their_owners_and_their_addresses_are_judged() {
    let app = start(Database::Sqlite).await;
    let (person, other) = (app.person().await, app.person().await);
    let good = json!({"url": "http://127.0.0.1:9/hooks", "description": "shop"});
    let id = register(&app, &person, good.clone()).await.id();
    let path = format!("{ENDPOINTS}/{id}");
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::GET, format!("{path}/deliveries")),
        (Method::POST, format!("{path}/rotate-secret")),
    ] {
        let answer = app.call(method, &path).by(&other.token).await;
        assert_eq!((answer.status, answer.code()), (404, "not_found"), "{path}");
    }
    for (body, field, code) in [
        (json!({}), "url", "required"),
        (json!({"url": "ftp://shop.example"}), "url", "not_https"),
        (json!({"url": "shop"}), "url", "invalid_url"),
        (
            json!({"url": "https://u:p@shop.example"}),
            "url",
            "credentials",
        ),
        (
            json!({"url": "https://a.example", "event_types": ["x"]}),
            "event_types",
            "not_allowed",
        ),
        (
            json!({"url": "https://a.example", "secret": "x"}),
            "secret",
            "unknown_field",
        ),
    ] {
        let answer = app
            .post(ENDPOINTS, &body)
            .by(&person.token)
            .expect(422)
            .await;
        assert_eq!(answer.fields(), [(field.to_owned(), code.to_owned())]);
    }
    let changed = change(
        &app,
        &person,
        &id,
        json!({"description": null, "enabled": false}),
    )
    .await;
    assert_eq!(changed.body["disabled_reason"], "owner");
    assert!(changed.body["description"].is_null());
    let keys = json!({"name": "hooks", "scopes": ["webhooks"]});
    let key = app
        .post("/v1/api-keys", &keys)
        .by(&person.token)
        .expect(201)
        .await;
    let key = string(&key.body, "secret");
    assert_eq!(app.get(ENDPOINTS).by(&key).await.list().len(), 1);
    let wallets = app.call(Method::GET, "/v1/wallets").by(&key).await;
    assert_eq!(wallets.code(), "forbidden");
    for _ in 1..16 {
        register(&app, &person, good.clone()).await;
    }
    let full = app
        .post(ENDPOINTS, &good)
        .by(&person.token)
        .expect(409)
        .await;
    assert_eq!(full.code(), "limit_reached");
    app.delete(&path).by(&person.token).expect(204).await;
    assert_eq!(app.get(ENDPOINTS).by(&person.token).await.list().len(), 15);
    let gone = app.call(Method::GET, &path).by(&person.token).await;
    assert_eq!(gone.code(), "not_found");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_leave_nothing_private_is_called() {
    let app = TestApp::start(Database::Sqlite).await;
    let person = app.person().await;
    let inside = Receiver::start().await;
    for url in [
        inside.url.as_str(),
        "https://127.0.0.1/",
        "https://localhost/",
    ] {
        let answer = app.post(ENDPOINTS, &json!({"url": url}));
        let answer = answer.by(&person.token).expect(422).await;
        assert_eq!(answer.fields()[0].0, "url");
    }
    assert!(inside.received().is_empty());
    app.finish().await;
}
