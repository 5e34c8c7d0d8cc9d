//! Money in: created at one gateway or the other, paid, late, twice, too little, taken back.

use std::time::Duration;

use domain::gateway::Gateway;
use domain::time::Span;
use serde_json::{Value, json};
use testkit::wait_until;

use crate::client::{cents, string};
use crate::harness::{Database, EFI, GATEWAYS, LIMIT, MERCADO_PAGO, Person, TestApp, brisk};

both_databases!(
    a_charge_is_created_paid_and_credited_once,
    creation_without_waiting_answers_at_once,
    a_payment_is_found_without_its_webhook,
    repeated_and_reordered_webhooks_credit_once,
    an_unpaid_charge_is_cancelled_and_cannot_be_paid,
    creation_falls_back_to_the_other_gateway,
    an_orphan_is_cancelled,
    too_little_and_too_much,
    a_gateway_takes_money_back,
);

/// A server whose charges go to this gateway first.
async fn preferring(database: Database, gateway: &str) -> TestApp {
    let mut settings = brisk();
    settings.primary_charge = Gateway::parse(gateway).expect("a gateway");
    TestApp::with_settings(database, settings).await
}

fn pay_ins(charge: &Value) -> Vec<Value> {
    charge["pay_ins"].as_array().expect("pay-ins").clone()
}

async fn paid(app: &TestApp, person: &Person, charge: &Value) -> Value {
    let paid = app.ended(person, &string(charge, "id")).await;
    assert_eq!(paid["stage"], "paid", "{paid}");
    paid
}

async fn a_charge_is_created_paid_and_credited_once(database: Database) {
    for gateway in GATEWAYS {
        if let Database::Mysql(_) = &database
            && gateway == MERCADO_PAGO
        {
            // One server per database; the other gateway's mapping does not depend on it.
            continue;
        }
        let app = preferring(database.clone(), gateway).await;
        let person = app.person().await;
        let charge = app.charge(&person, 12_345).await;
        assert_eq!(charge["stage"], "awaiting_payment");
        assert_eq!(charge["gateway"], gateway);
        assert!(string(&charge, "br_code").starts_with("000201"), "{charge}");
        let id = string(&charge, "id");
        let svg = app
            .get(&format!("/v1/transactions/{id}/qr.svg"))
            .by(&person.token)
            .await;
        assert!(svg.text().contains("<svg"), "{}", svg.text());
        let png = app
            .get(&format!("/v1/transactions/{id}/qr.png"))
            .by(&person.token)
            .await;
        assert!(png.bytes.starts_with(b"\x89PNG"));

        app.pay_charge(&charge, json!({})).await;
        let paid = paid(&app, &person, &charge).await;
        assert_eq!(
            (cents(&paid, "paid_cents"), &paid["paid_late"]),
            (12_345, &json!(false))
        );
        let [pay_in] = &pay_ins(&paid)[..] else {
            panic!("one pay-in: {paid}")
        };
        let entry = &app.ledger().await[0];
        assert_eq!(pay_in["fee_cents"], entry["fee_cents"]);
        assert!(cents(pay_in, "fee_cents") > 0, "the gateway's fee is told");
        assert_eq!(
            app.balance(&person).await,
            (12_345, 0),
            "the payee gets the gross amount"
        );
        app.finish().await;
    }
}

async fn creation_without_waiting_answers_at_once(database: Database) {
    let app = TestApp::start(database).await;
    let person = app.person().await;
    let body = json!({"amount_cents": 500, "reference": "order-7", "metadata": {"a": [1]}});
    let charge = app
        .post("/v1/charges", &body)
        .by(&person.token)
        .key("k")
        .expect(202)
        .await;
    assert_eq!(charge.body["status"], "pending");
    assert_eq!(charge.body["metadata"], json!({"a": [1]}));
    let again = app
        .post("/v1/charges", &body)
        .by(&person.token)
        .key("k")
        .expect(202)
        .await;
    assert!(again.replayed());
    assert_eq!(again.id(), charge.id());
    let other = json!({"amount_cents": 501});
    let conflict = app
        .post("/v1/charges", &other)
        .by(&person.token)
        .key("k")
        .expect(409)
        .await;
    assert_eq!(conflict.code(), "idempotency_conflict");
    let ready = app
        .at_stage(&person, &charge.id(), "awaiting_payment")
        .await;
    assert!(ready["br_code"].is_string());
    // Neither the code nor time changes how the same request is answered.
    let late = app.post("/v1/charges", &body).by(&person.token).key("k");
    let late = late.expect(202).await;
    assert!(late.replayed() && late.body["br_code"].is_string());
    let list = app
        .get("/v1/transactions?reference=order-7")
        .by(&person.token)
        .await
        .list();
    assert_eq!(list.len(), 1);
    app.finish().await;
}

async fn a_payment_is_found_without_its_webhook(database: Database) {
    let app = TestApp::start(database).await;
    for gateway in GATEWAYS {
        app.fault(gateway, json!({"operation": "webhook", "mode": "lose"}))
            .await;
    }
    let person = app.person().await;
    let charge = app.charge(&person, 700).await;
    app.pay_charge(&charge, json!({})).await;
    paid(&app, &person, &charge).await;
    assert_eq!(app.balance(&person).await, (700, 0));
    app.finish().await;
}

async fn repeated_and_reordered_webhooks_credit_once(database: Database) {
    let app = TestApp::start(database).await;
    for gateway in GATEWAYS {
        app.fault(
            gateway,
            json!({"operation": "webhook", "mode": "duplicate"}),
        )
        .await;
    }
    let person = app.person().await;
    let charge = app.charge(&person, 900).await;
    app.pay_charge(&charge, json!({})).await;
    paid(&app, &person, &charge).await;
    for gateway in GATEWAYS {
        let fault = json!({"operation": "webhook", "mode": "reorder", "latency_ms": 50});
        app.fault(gateway, fault).await;
    }
    let charges = [app.charge(&person, 10).await, app.charge(&person, 20).await];
    for charge in &charges {
        app.pay_charge(charge, json!({})).await;
    }
    for charge in &charges {
        assert_eq!(pay_ins(&paid(&app, &person, charge).await).len(), 1);
    }
    // Every delivery has been made, the doubled ones, too.
    wait_until("the deliveries", LIMIT, || async {
        let all = app.get("/sandbox/webhooks").await.body;
        let all = all["deliveries"].as_array().expect("deliveries").clone();
        (all.len() >= 4).then_some(())
    })
    .await;
    assert_eq!(app.balance(&person).await, (930, 0));
    app.finish().await;
}

async fn an_unpaid_charge_is_cancelled_and_cannot_be_paid(database: Database) {
    let app = TestApp::start(database).await;
    let person = app.person().await;
    let charge = app.charge(&person, 400).await;
    let id = string(&charge, "id");
    let path = format!("/v1/transactions/{id}/cancel");
    app.post(&path, &json!({}))
        .by(&person.token)
        .expect(200)
        .await;
    let ended = app.ended(&person, &id).await;
    assert_eq!(
        (&ended["status"], &ended["stage"]),
        (&json!("failed"), &json!("cancelled"))
    );
    let pay = format!(
        "/sandbox/charges/{}/pay",
        app.charge_reference(&charge).await
    );
    app.post(&pay, &json!({})).expect(409).await;

    let other = app.charge(&person, 300).await;
    app.pay_charge(&other, json!({})).await;
    paid(&app, &person, &other).await;
    let path = format!("/v1/transactions/{}/cancel", string(&other, "id"));
    let refused = app
        .post(&path, &json!({}))
        .by(&person.token)
        .expect(409)
        .await;
    assert_eq!(refused.code(), "already_dispatched");
    app.finish().await;
}

async fn creation_falls_back_to_the_other_gateway(database: Database) {
    let app = TestApp::start(database).await;
    let person = app.person().await;
    app.fault(EFI, json!({"mode": "down"})).await;
    let charge = app.charge(&person, 800).await;
    assert_eq!(charge["gateway"], MERCADO_PAGO);
    app.pay_charge(&charge, json!({})).await;
    paid(&app, &person, &charge).await;
    assert_eq!(app.balance(&person).await, (800, 0));
    let attempts = app.attempts(&person, &string(&charge, "id")).await;
    assert_eq!(attempts.len(), 2, "{attempts:?}");
    app.heal().await;
    app.finish().await;
}

/// The first gateway made the charge but did not say so; the charge shown is the other one's, and
/// the first one is found and cancelled, so that nobody can pay it.
async fn an_orphan_is_cancelled(database: Database) {
    let app = TestApp::start(database).await;
    let person = app.person().await;
    app.fault(
        EFI,
        json!({"operation": "charge", "mode": "timeout_after_commit", "times": 1}),
    )
    .await;
    let charge = app.charge(&person, 650).await;
    let attempts = app.attempts(&person, &string(&charge, "id")).await;
    if charge["gateway"] == EFI {
        // Efí was asked again under the same txid, which is no second charge.
        assert_eq!(attempts.len(), 1, "{attempts:?}");
    } else {
        let orphan = attempts
            .iter()
            .find(|attempt| attempt["gateway"] == EFI)
            .expect("an attempt");
        let pay = format!("/sandbox/charges/{}/pay", string(orphan, "attempt_key"));
        wait_until("the orphan's end", LIMIT, || async {
            let requests = app.requests().await;
            let cancelled = requests.iter().any(|request| {
                request["method"] == "PATCH"
                    && request["key"] == orphan["attempt_key"]
                    && request["executed"] == true
            });
            cancelled.then_some(())
        })
        .await;
        app.post(&pay, &json!({})).expect(409).await;
    }
    app.pay_charge(&charge, json!({})).await;
    paid(&app, &person, &charge).await;
    app.finish().await;
}

async fn too_little_and_too_much(database: Database) {
    let app = TestApp::start(database).await;
    let person = app.person().await;
    let charge = app.charge(&person, 1_000).await;
    let id = string(&charge, "id");
    app.pay_charge(&charge, json!({"amount_cents": 400})).await;
    let partly = app.at_stage(&person, &id, "underpaid").await;
    assert_eq!(
        (&partly["status"], cents(&partly, "paid_cents")),
        (&json!("pending"), 400)
    );
    assert_eq!(
        app.balance(&person).await,
        (400, 0),
        "what was paid is credited"
    );
    app.pay_charge(&charge, json!({"amount_cents": 700, "again": true}))
        .await;
    let ended = paid(&app, &person, &charge).await;
    assert_eq!(
        (cents(&ended, "paid_cents"), &ended["overpaid"]),
        (1_100, &json!(true))
    );
    assert_eq!(pay_ins(&ended).len(), 2);
    assert_eq!(app.balance(&person).await, (1_100, 0));
    app.finish().await;
}

async fn a_gateway_takes_money_back(database: Database) {
    let app = TestApp::start(database).await;
    let (person, other) = (app.person().await, app.person().await);
    let charge = app.fund(&person, 1_000).await;
    let id = string(&charge, "id");
    let reverse = format!(
        "/sandbox/charges/{}/reverse",
        app.charge_reference(&charge).await
    );
    app.post(&reverse, &json!({"amount_cents": 300}))
        .expect(200)
        .await;
    let partly = app
        .once(&person, &id, "the reversal", |seen| {
            seen["pay_ins"][0]["reversed_cents"] == 300
        })
        .await;
    assert_eq!(partly["status"], "success");
    assert_eq!(app.balance(&person).await, (700, 0));
    // The rest is spent before it is taken back: the user owes it.
    let spend = json!({"amount_cents": 700, "to_wallet_id": other.wallet_id});
    app.post("/v1/transfers", &spend)
        .by(&person.token)
        .key("spend")
        .expect(201)
        .await;
    app.post(&reverse, &json!({})).expect(200).await;
    app.once(&person, &id, "the second reversal", |seen| {
        seen["pay_ins"][0]["reversed_cents"] == 1_000
    })
    .await;
    let path = format!("/v1/wallets/{}", person.wallet_id);
    let owing = app.get(&path).by(&person.token).await;
    assert_eq!(
        (
            owing.cents("available_cents"),
            owing.cents("receivable_cents")
        ),
        (0, 700)
    );
    // The next credit repays first.
    app.fund(&person, 1_000).await;
    let repaid = app.get(&path).by(&person.token).await;
    assert_eq!(
        (
            repaid.cents("available_cents"),
            repaid.cents("receivable_cents")
        ),
        (300, 0)
    );
    app.finish().await;
}

/// Expiry is the gateway's word, not our clock's alone; a payment after it is credited all the same.
/// The shortest expiry is a minute of real time, which this test spends looking.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_charge_may_still_be_paid_late() {
    let mut settings = brisk();
    settings.expiry_grace = Span::from_millis(500);
    let app = TestApp::with_settings(Database::Sqlite, settings).await;
    let person = app.person().await;
    let charge = app
        .charge_of(
            &person,
            json!({"amount_cents": 250, "expires_in_seconds": 60}),
        )
        .await;
    let id = string(&charge, "id");
    let expired = wait_until("the charge's expiry", Duration::from_secs(110), || async {
        let path = format!("/v1/transactions/{id}");
        let seen = app.get(&path).by(&person.token).wait(5).await.body;
        (seen["status"] != "pending").then_some(seen)
    })
    .await;
    assert_eq!(
        (&expired["status"], &expired["stage"]),
        (&json!("failed"), &json!("expired"))
    );
    app.pay_charge(&charge, json!({"allow_expired": true}))
        .await;
    let late = app
        .once(&person, &id, "the late payment", |seen| {
            seen["stage"] == "paid"
        })
        .await;
    assert_eq!(
        (&late["status"], &late["paid_late"]),
        (&json!("success"), &json!(true))
    );
    assert_eq!(app.balance(&person).await, (250, 0));
    app.finish().await;
}
