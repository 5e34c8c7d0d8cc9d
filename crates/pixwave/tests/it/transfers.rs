//! Money from wallet to wallet, in one commit.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::client::string;
use crate::harness::{Database, Person, TestApp, booked};

both_databases!(
    money_changes_wallets_at_once,
    both_sides_list_it_and_each_sees_its_own,
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

async fn both_sides_list_it_and_each_sees_its_own(database: Database) {
    let app = TestApp::start(database).await;
    let ana = app.person_with(10_000).await;
    let (bruno, caio) = (app.person().await, app.person().await);
    let body = json!({
        "amount_cents": 2_500, "to_wallet_id": bruno.wallet_id,
        "description": "for me alone", "reference": "mine", "metadata": {"note": "secret"},
    });
    let sent = transfer(&app, &ana, body, 201).await;
    let id = sent.id();
    let path = format!("/v1/transactions/{id}");
    let own = app.get(&path).by(&ana.token).await.body;
    assert_eq!(own["direction"], "out");
    assert_eq!(
        (&own["payer"], &own["reference"]),
        (&Value::Null, &json!("mine"))
    );

    let listed = app.transactions(&bruno).await;
    let seen = app.get(&path).by(&bruno.token).await.body;
    assert_eq!(listed, std::slice::from_ref(&seen));
    assert_eq!(seen["direction"], "in");
    assert_eq!(seen["amount_cents"], 2_500);
    assert_eq!(string(&seen, "user_id"), bruno.user_id);
    assert_eq!(string(&seen, "wallet_id"), bruno.wallet_id);
    assert!(string(&seen["payer"], "name").starts_with("Pessoa"));
    assert_eq!(seen["payer"]["tax_id_masked"], Value::Null);
    for name in ["description", "reference", "metadata", "payee"] {
        assert_eq!(seen[name], Value::Null, "{name}");
    }
    for ana_s in [&ana.user_id, &ana.wallet_id, &ana.email] {
        assert!(!seen.to_string().contains(ana_s.as_str()), "{seen}");
    }
    for (query, count) in [
        ("kind=transfer", 1),
        ("kind=payout", 0),
        ("status=success", 1),
        ("status=failed", 0),
        ("reference=mine", 0),
        ("from=2020-01-01T00:00:00Z", 1),
        ("to=2020-01-01T00:00:00Z", 0),
    ] {
        let found = app.get(&format!("/v1/transactions?{query}"));
        assert_eq!(found.by(&bruno.token).await.list().len(), count, "{query}");
    }
    let receipt = app.get(&format!("{path}/receipt")).by(&bruno.token).await;
    assert_eq!(receipt.body["payer"]["name"], seen["payer"]["name"]);
    app.get(&path).by(&caio.token).expect(404).await;
    let cancel = app.post(&format!("{path}/cancel"), &json!({}));
    cancel.by(&bruno.token).expect(404).await;
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
