//! What operators set over the gateways: pauses, preferences.

use app::context::Settings;
use domain::gateway::{Gateway, Operation};
use domain::time::Span;
use serde_json::{Value, json};
use testkit::wait_until;

use crate::client::{Answer, string};
use crate::harness::{
    Database, EFI, GATEWAYS, LIMIT, MERCADO_PAGO, TestApp, brisk, without_circuits,
};

both_databases!(
    a_paused_gateway_is_passed_over_and_two_are_waited_for,
    a_pause_neither_stops_what_is_under_way_nor_outlives_its_patience,
    charges_and_refunds_follow_pauses,
    a_preference_wins_over_the_configuration,
    a_payout_that_no_float_covers_waits_and_is_rejected,
);

fn calm() -> Settings {
    let mut settings = brisk();
    without_circuits(&mut settings);
    settings
}

/// As an operator, over one operation of a gateway.
async fn set(app: &TestApp, gateway: &str, change: Value) -> Answer {
    let operator = app.operator().await;
    let path = format!("/v1/gateways/{gateway}");
    let patch = app.call(reqwest::Method::PATCH, &path).json(&change);
    patch.by(&operator).expect(200).await
}

async fn pause(app: &TestApp, gateway: &str, operation: &str, paused: bool) -> Value {
    let change = json!({"operation": operation, "paused": paused, "reason": "maintenance"});
    set(app, gateway, change).await.body
}

fn operation<'a>(view: &'a Value, name: &str) -> &'a Value {
    let mut operations = view["operations"].as_array().expect("operations").iter();
    let found = operations.find(|one| one["operation"] == name);
    found.expect("the operation is listed")
}

async fn alerts(app: &TestApp, kind: &str) -> usize {
    let alerts = app.app().alerts(200).await.expect("alerts");
    alerts.iter().filter(|alert| alert.kind == kind).count()
}

async fn a_paused_gateway_is_passed_over_and_two_are_waited_for(database: Database) {
    let app = TestApp::with_settings(database, calm()).await;
    let person = app.person_with(10_000).await;
    let path = "/v1/gateways/efi";
    let change = json!({"operation": "payout", "paused": true});
    let by_customer = app.call(reqwest::Method::PATCH, path).json(&change);
    let refused = by_customer.by(&person.token).expect(403).await;
    assert_eq!(refused.code(), "forbidden");

    let view = pause(&app, EFI, "payout", true).await;
    assert_eq!(operation(&view, "payout")["paused"], true);
    assert_eq!(operation(&view, "charge")["paused"], false);
    pause(&app, EFI, "payout", true).await;
    assert_eq!(alerts(&app, "gateway_paused").await, 1, "it was so already");
    let payout = app.payout(&person, 1_000).await;
    let ended = app.ended(&person, &payout.id()).await;
    assert_eq!(ended["gateway"], MERCADO_PAGO);
    let attempts = app.attempts(&person, &payout.id()).await;
    let why = string(&attempts[0], "why");
    assert!(why.contains("efi: paused"), "{why}");
    let id = domain::ids::TransactionId::parse(&payout.id()).expect("an id");
    let story = app::explain::explain(app.app(), id).await.expect("a story");
    let story = story.expect("it exists").join("\n");
    assert!(story.contains("the same choice"), "{story}");

    pause(&app, MERCADO_PAGO, "payout", true).await;
    let waiting = app.payout(&person, 2_000).await.id();
    let seen = app
        .once(&person, &waiting, "wait", |seen| {
            seen["waiting_for"] == "paused"
        })
        .await;
    assert_eq!(seen["stage"], "queued");
    assert_eq!(app.balance(&person).await, (7_000, 2_000));
    assert_eq!(alerts(&app, "payment_paused").await, 1);
    let id = domain::ids::TransactionId::parse(&waiting).expect("an id");
    let story = app::explain::explain(app.app(), id).await.expect("a story");
    let story = story.expect("it exists").join("\n");
    assert!(
        story.contains("it waits: an operator has paused"),
        "{story}"
    );
    let view = pause(&app, EFI, "payout", false).await;
    assert_eq!(operation(&view, "payout")["paused"], false);
    let ended = app.ended(&person, &waiting).await;
    assert_eq!(
        (&ended["stage"], &ended["gateway"]),
        (&json!("settled"), &json!(EFI))
    );
    assert_eq!(alerts(&app, "gateway_resumed").await, 1);

    let operator = app.operator().await;
    let trail = app.get("/v1/audit?limit=200").by(&operator).await.list();
    let done: Vec<&str> = trail
        .iter()
        .filter_map(|line| line["action"].as_str())
        .filter(|action| action.starts_with("gateway."))
        .collect();
    assert_eq!(
        done,
        ["gateway.resumed", "gateway.paused", "gateway.paused"]
    );
    let listed = app.get("/v1/gateways").by(&operator).await.list();
    let paused = |name: &str| {
        let view = listed
            .iter()
            .find(|view| view["name"] == name)
            .expect("a gateway");
        operation(view, "payout")["paused"] == true
    };
    assert!(!paused(EFI) && paused(MERCADO_PAGO));
    app.finish().await;
}

async fn a_pause_neither_stops_what_is_under_way_nor_outlives_its_patience(database: Database) {
    let mut settings = calm();
    settings.queued_deadline = Span::from_seconds(3);
    let app = TestApp::with_settings(database, settings).await;
    let person = app.person_with(10_000).await;
    // The answer is lost and the payment looked up, while its gateway is paused.
    app.fault(EFI, json!({"operation": "payout", "mode": "drop_reply"}))
        .await;
    app.fault(EFI, json!({"operation": "lookup", "mode": "error_500"}))
        .await;
    app.fault(EFI, json!({"operation": "webhook", "mode": "lose"}))
        .await;
    let doubtful = app.payout(&person, 1_000).await.id();
    app.at_stage(&person, &doubtful, "in_doubt").await;
    for gateway in GATEWAYS {
        pause(&app, gateway, "payout", true).await;
    }
    app.heal().await;
    let ended = app.ended(&person, &doubtful).await;
    assert_eq!(ended["stage"], "settled");

    let waiting = app.payout(&person, 2_000).await.id();
    let ended = app.ended(&person, &waiting).await;
    assert_eq!(ended["stage"], "rejected");
    assert_eq!(ended["failure"]["code"], "queued_too_long");
    assert_eq!(app.balance(&person).await, (9_000, 0));
    app.finish().await;
}

async fn charges_and_refunds_follow_pauses(database: Database) {
    let app = TestApp::with_settings(database, calm()).await;
    let person = app.person().await;
    pause(&app, EFI, "charge", true).await;
    let paid = app.fund(&person, 3_000).await;
    assert_eq!(paid["gateway"], MERCADO_PAGO);

    pause(&app, MERCADO_PAGO, "charge", true).await;
    let body = json!({"amount_cents": 500});
    let charge = app.post("/v1/charges", &body).by(&person.token);
    let waiting = charge.key(&app.fresh_key()).expect(202).await.id();
    pause(&app, MERCADO_PAGO, "refund", true).await;
    let body = json!({"transaction_id": paid["id"], "amount_cents": 1_000});
    let refund = app
        .post("/v1/refunds", &body)
        .by(&person.token)
        .key("refund-1");
    let refund = refund.expect(202).await.id();
    wait_until("the refund waits", LIMIT, || async {
        let id = domain::ids::TransactionId::parse(&refund).expect("an id");
        let found = app.app().store.transaction(id).await.expect("a read");
        let facts = found.expect("it exists").row.facts;
        facts.contains("\"paused\"").then_some(())
    })
    .await;
    let seen = app.transaction(&person, &waiting).await;
    assert_eq!(seen["stage"], "creating");
    pause(&app, MERCADO_PAGO, "refund", false).await;
    let ended = app.ended(&person, &refund).await;
    assert_eq!(ended["stage"], "settled");
    pause(&app, EFI, "charge", false).await;
    let made = app.at_stage(&person, &waiting, "awaiting_payment").await;
    assert_eq!(made["gateway"], EFI);
    app.finish().await;
}

async fn a_preference_wins_over_the_configuration(database: Database) {
    let app = TestApp::with_settings(database, calm()).await;
    assert_eq!(app.app().settings.primary(Operation::Payout), Gateway::Efi);
    let person = app.person_with(10_000).await;
    let change = json!({"operation": "payout", "primary": true});
    let view = set(&app, MERCADO_PAGO, change).await.body;
    assert_eq!(operation(&view, "payout")["primary"], true);
    assert_eq!(
        operation(&view, "charge")["primary"],
        false,
        "charges are as they were"
    );
    let payout = app.payout(&person, 1_000).await;
    let ended = app.ended(&person, &payout.id()).await;
    assert_eq!(ended["gateway"], MERCADO_PAGO);
    // Another process reads it within a second, and after a restart.
    let mut other = app.app().clone();
    other.controls = std::sync::Arc::default();
    assert_eq!(other.primary(Operation::Payout), Gateway::Efi);
    other.refresh_controls().await.expect("it reads");
    assert_eq!(other.primary(Operation::Payout), Gateway::MercadoPago);
    let change = json!({"operation": "payout", "primary": true});
    set(&app, EFI, change).await;
    let payout = app.payout(&person, 1_000).await;
    let ended = app.ended(&person, &payout.id()).await;
    assert_eq!(ended["gateway"], EFI);
    assert_eq!(alerts(&app, "gateway_preferred").await, 2);
    app.finish().await;
}

async fn a_payout_that_no_float_covers_waits_and_is_rejected(database: Database) {
    let mut settings = calm();
    settings.float_wait = Span::from_seconds(3);
    let app = TestApp::with_settings(database, settings).await;
    // What the person holds lies at both gateways, so that neither alone can pay it out.
    let person = app.person_with(1_200_000).await;
    set(
        &app,
        MERCADO_PAGO,
        json!({"operation": "charge", "primary": true}),
    )
    .await;
    app.fund(&person, 1_200_000).await;
    for gateway in GATEWAYS {
        pause(&app, gateway, "payout", true).await;
    }
    let payout = app.payout(&person, 2_350_000).await.id();
    app.once(&person, &payout, "wait", |seen| {
        seen["waiting_for"] == "paused"
    })
    .await;
    // A wait for something else does not use up the patience for the float.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    for gateway in GATEWAYS {
        pause(&app, gateway, "payout", false).await;
    }
    let seen = app
        .once(&person, &payout, "wait", |seen| {
            seen["waiting_for"] != "paused"
        })
        .await;
    assert_eq!(
        (&seen["stage"], &seen["waiting_for"]),
        (&json!("queued"), &json!("float_short"))
    );
    assert_eq!(app.balance(&person).await, (50_000, 2_350_000));
    assert_eq!(alerts(&app, "float_short").await, 1);
    let ended = app.ended(&person, &payout).await;
    assert_eq!(ended["stage"], "rejected");
    assert_eq!(ended["failure"]["code"], "insufficient_float");
    assert_eq!(app.balance(&person).await, (2_400_000, 0));
    assert_eq!(alerts(&app, "insufficient_float").await, 1);
    assert!(app.attempts(&person, &payout).await.is_empty());
    app.finish().await;
}
