//! Money from wallet to wallet, in one commit.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::client::string;
use crate::harness::{Database, Person, TestApp, booked};

both_databases!(
    money_changes_wallets_at_once,
    a_key_finds_another_user,
    unknown_and_refused_destinations_answer_alike,
    a_hot_wallet_conserves_money,
);

async fn transfer(app: &TestApp, from: &Person, body: Value, status: u16) -> crate::client::Answer {
    let call = app.post("/v1/transfers", &body).by(&from.token);
    call.key(&app.fresh_key()).expect(status).await
}

async fn money_changes_wallets_at_once(database: Database) {
    let app = TestApp::start(database).await;
    let ana = app.person_with(10_000).await;
    let bruno = app.person().await;
    let body = json!({"amount_cents": 2_500, "to_wallet_id": bruno.wallet_id});
    let call = app.post("/v1/transfers", &body).by(&ana.token).key("lunch");
    let done = call.expect(201).await;
    assert_eq!(
        (done.body["status"].as_str(), done.body["stage"].as_str()),
        (Some("success"), Some("settled"))
    );
    assert_eq!(done.body["gateway"], Value::Null);
    assert_eq!(app.balance(&ana).await, (7_500, 0));
    assert_eq!(app.balance(&bruno).await, (2_500, 0));

    let again = app
        .post("/v1/transfers", &body)
        .by(&ana.token)
        .key("lunch")
        .expect(201)
        .await;
    assert!(again.replayed());
    assert_eq!(again.id(), done.id());
    let other = json!({"amount_cents": 2_501, "to_wallet_id": bruno.wallet_id});
    let conflict = app
        .post("/v1/transfers", &other)
        .by(&ana.token)
        .key("lunch")
        .expect(409)
        .await;
    assert_eq!(conflict.code(), "idempotency_conflict");
    assert_eq!(app.balance(&bruno).await, (2_500, 0));

    let too_much = json!({"amount_cents": 7_501, "to_wallet_id": bruno.wallet_id});
    let refused = transfer(&app, &ana, too_much, 422).await;
    assert_eq!(refused.code(), "insufficient_funds");
    assert_eq!(refused.cents("available_cents"), 7_500);
    app.finish().await;
}

async fn a_key_finds_another_user(database: Database) {
    let app = TestApp::start(database).await;
    let ana = app.person_with(1_000).await;
    let bruno = app.person().await;
    for key in [bruno.email.to_uppercase(), bruno.tax_id.clone()] {
        let body = json!({"amount_cents": 300, "to_pix_key": key});
        let done = transfer(&app, &ana, body, 201).await;
        assert_eq!(string(&done.body, "to_wallet_id"), bruno.wallet_id);
    }
    assert_eq!(app.balance(&ana).await, (400, 0));
    assert_eq!(app.balance(&bruno).await, (600, 0));
    app.finish().await;
}

async fn unknown_and_refused_destinations_answer_alike(database: Database) {
    let app = TestApp::start(database).await;
    let ana = app.person_with(1_000).await;
    let to = |key: &str| json!({"amount_cents": 100, "to_pix_key": key});
    let unknown = transfer(&app, &ana, to("nobody@example.com"), 404).await;
    let own = transfer(&app, &ana, to(&ana.email), 404).await;
    let facts = |answer: &crate::client::Answer| {
        (
            answer.code().to_owned(),
            answer.fields(),
            answer.body["detail"].clone(),
        )
    };
    assert_eq!(facts(&unknown), facts(&own));
    let nowhere = json!({"amount_cents": 100, "to_wallet_id": format!("wal_{}", "0".repeat(32))});
    transfer(&app, &ana, nowhere, 404).await;
    assert_eq!(app.balance(&ana).await, (1_000, 0));
    app.finish().await;
}

async fn a_hot_wallet_conserves_money(database: Database) {
    let app = TestApp::start(database).await;
    let hub = app.person_with(50_000).await;
    let spokes = [app.person().await, app.person().await, app.person().await];
    for spoke in &spokes {
        transfer(
            &app,
            &hub,
            json!({"amount_cents": 10_000, "to_wallet_id": spoke.wallet_id}),
            201,
        )
        .await;
    }
    // Everybody pays the hub and the hub pays everybody, at once.
    let rush = (0..60).map(|number| {
        let spoke = &spokes[number % 3];
        let (from, to) = if number % 2 == 0 {
            (spoke, &hub)
        } else {
            (&hub, spoke)
        };
        let body = json!({"amount_cents": 100 + number, "to_wallet_id": to.wallet_id});
        let call = app.post("/v1/transfers", &body).by(&from.token);
        let call = call.key(&app.fresh_key()).expect(201);
        async move { call.await }
    });
    let done = join_all(rush).await;
    assert_eq!(done.len(), 60);
    let mut sum = 0;
    for person in app.people() {
        let (available, held) = app.balance(&person).await;
        assert!(available >= 0 && held == 0);
        sum += available;
    }
    assert_eq!(sum, 50_000);
    assert_eq!(booked(&app, &hub, "transfer").await.len(), 63);
    app.finish().await;
}
