//! Signing up, in and out, API keys, and what belongs to whom.

use domain::time::Span;
use reqwest::Method;
use serde_json::json;
use testkit::wait_until;

use crate::client::string;
use crate::harness::{Database, LIMIT, PASSWORD, TestApp, brisk, newcomer};

both_databases!(
    a_session_ends_by_itself,
    people_sign_up_once,
    sessions_open_and_close,
    api_keys_are_bounded_by_their_scopes,
    other_peoples_things_do_not_exist,
);

async fn people_sign_up_once(database: Database) {
    let app = TestApp::start(database).await;
    let body = newcomer();
    let user = app.post("/v1/users", &body).expect(201).await;
    assert_eq!(user.body["email"], body["email"]);
    assert_eq!(user.body["role"], "customer");
    assert_eq!(user.body["wallet"]["available_cents"], 0);
    assert_eq!(user.body["wallet"]["currency"], "BRL");
    assert!(
        !user.text().contains(&string(&body, "tax_id")),
        "{}",
        user.text()
    );
    assert!(!user.text().contains(PASSWORD));

    let mut same_email = newcomer();
    same_email["email"] = json!(string(&body, "email").to_uppercase());
    let mut same_tax_id = newcomer();
    same_tax_id["tax_id"] = body["tax_id"].clone();
    for (taken, field) in [(same_email, "email"), (same_tax_id, "tax_id")] {
        let refused = app.post("/v1/users", &taken).expect(422).await;
        assert_eq!(refused.fields(), [(field.to_owned(), "taken".to_owned())]);
    }
    app.finish().await;
}

async fn sessions_open_and_close(database: Database) {
    let app = TestApp::start(database).await;
    let person = app.person().await;
    let me = app.get("/v1/me").by(&person.token).await;
    assert_eq!(me.id(), person.user_id);
    for (email, password) in [
        (person.email.as_str(), "not the password at all"),
        ("nobody@example.com", PASSWORD),
    ] {
        let body = json!({"email": email, "password": password});
        let refused = app.post("/v1/sessions", &body).expect(401).await;
        assert_eq!(refused.code(), "unauthenticated");
        assert_eq!(
            refused.body["detail"],
            "The e-mail or the password is wrong."
        );
    }
    let second = app.sign_in(&person.email).await;
    let out = app.delete("/v1/sessions/current").by(&person.token).await;
    assert_eq!(out.status, 204, "{}", out.text());
    let refused = app.get("/v1/me").by(&person.token).expect(401).await;
    assert_eq!(refused.code(), "unauthenticated");
    app.get("/v1/me").by(&second).await;
    app.adopt(&person, second);
    app.finish().await;
}

async fn a_session_ends_by_itself(database: Database) {
    let mut settings = brisk();
    settings.session_length = Span::from_millis(1_500);
    let app = TestApp::with_settings(database, settings).await;
    let body = newcomer();
    app.post("/v1/users", &body).expect(201).await;
    let token = app.sign_in(&string(&body, "email")).await;
    app.get("/v1/me").by(&token).await;
    wait_until("the end of the session", LIMIT, || async {
        let answer = app.call(Method::GET, "/v1/me").by(&token).await;
        (answer.status == 401).then_some(())
    })
    .await;
    app.finish().await;
}

async fn api_keys_are_bounded_by_their_scopes(database: Database) {
    let app = TestApp::start(database).await;
    let person = app.person_with(10_000).await;
    let new = |scopes: serde_json::Value| json!({"name": "shop", "scopes": scopes});
    let made = app
        .post("/v1/api-keys", &new(json!(["read", "charges"])))
        .by(&person.token);
    let made = made.expect(201).await;
    let secret = string(&made.body, "secret");
    let listed = app.get("/v1/api-keys").by(&person.token).await;
    assert_eq!(string(&listed.list()[0], "id"), made.id());
    assert!(!listed.text().contains(&secret), "a secret is shown once");

    app.get("/v1/wallets").by(&secret).await;
    let charge = json!({"amount_cents": 100});
    app.post("/v1/charges", &charge)
        .by(&secret)
        .key("k-1")
        .expect(202)
        .await;
    let payout = json!({"amount_cents": 100, "pix_key": "padaria@example.com"});
    let refused = app
        .post("/v1/payouts", &payout)
        .by(&secret)
        .key("k-2")
        .expect(403)
        .await;
    assert_eq!(refused.code(), "forbidden");
    // What manages keys needs the person, and nobody gives away what they do not hold.
    let by_key = app
        .post("/v1/api-keys", &new(json!(["read"])))
        .by(&secret)
        .expect(403)
        .await;
    assert_eq!(by_key.code(), "forbidden");
    let beyond = app
        .post("/v1/api-keys", &new(json!(["operator"])))
        .by(&person.token);
    assert_eq!(beyond.expect(422).await.fields()[0].0, "scopes");

    let path = format!("/v1/api-keys/{}", made.id());
    assert_eq!(app.delete(&path).by(&person.token).await.status, 204);
    app.get("/v1/wallets").by(&secret).expect(401).await;
    app.finish().await;
}

async fn other_peoples_things_do_not_exist(database: Database) {
    let app = TestApp::start(database).await;
    let ana = app.person_with(5_000).await;
    let bruno = app.person().await;
    let payout = app.payout(&ana, 1_000).await;
    app.ended(&ana, &payout.id()).await;
    let unknown = format!("txn_{}", "0".repeat(32));
    for id in [payout.id(), unknown] {
        for path in ["", "/attempts", "/receipt", "/qr.svg", "/qr.png"] {
            let path = format!("/v1/transactions/{id}{path}");
            let refused = app.get(&path).by(&bruno.token).expect(404).await;
            assert_eq!(refused.code(), "not_found", "{path}");
        }
        let path = format!("/v1/transactions/{id}/cancel");
        app.post(&path, &json!({}))
            .by(&bruno.token)
            .expect(404)
            .await;
    }
    for path in ["", "/statement"] {
        let path = format!("/v1/wallets/{}{path}", ana.wallet_id);
        app.get(&path).by(&bruno.token).expect(404).await;
    }
    let body = json!({"amount_cents": 1, "pix_key": "a@example.com", "wallet_id": ana.wallet_id});
    let refused = app
        .payout_call(&bruno, &body)
        .key("theirs")
        .expect(404)
        .await;
    assert_eq!(refused.code(), "not_found");
    assert_eq!(
        app.transactions(&bruno).await,
        Vec::<serde_json::Value>::new()
    );
    for path in [
        "/v1/gateways",
        "/v1/alerts",
        "/v1/jobs",
        "/v1/audit",
        "/v1/live",
    ] {
        let refused = app.get(path).by(&bruno.token).expect(403).await;
        assert_eq!(refused.code(), "forbidden", "{path}");
    }
    app.finish().await;
}
