//! Received money that is contested, and received money whose charge is known late.

use app::checks::check;
use app::ports::gateway::{ChargeAnswer, ChargeOrder};
use app::ports::store::{AttemptRow, Locks, StoreError, Unit, UnitResult, Verdict, Write};
use domain::gateway::Gateway;
use domain::ids::{TransactionId, UserId};
use domain::money::Money;
use domain::time::Moment;
use serde_json::{Value, json};
use testkit::wait_until;

use crate::client::string;
use crate::harness::{Database, EFI, LIMIT, MERCADO_PAGO, Person, TestApp, brisk};

both_databases!(
    a_dispute_blocks_until_it_is_decided,
    an_emptied_wallet_owes_what_a_lost_dispute_took,
    suspense_finds_its_charge,
);

/// The gateways' ways of contesting a payment.
const WAYS: [(&str, &str); 3] = [
    (MERCADO_PAGO, "mediation"),
    (MERCADO_PAGO, "charge_back"),
    (EFI, "mediation"),
];

async fn receiving_by(database: Database, gateway: &str) -> TestApp {
    let mut settings = brisk();
    settings.primary_charge = Gateway::parse(gateway).expect("a gateway");
    TestApp::with_settings(database, settings).await
}

/// Which ways one database is tried with: a server per way needs a database per way.
fn ways_on(database: &Database) -> &'static [(&'static str, &'static str)] {
    match database {
        Database::Sqlite => &WAYS,
        Database::Mysql(_) => &WAYS[1..2],
    }
}

/// The sandbox plays a step of the dispute over a charge's payment.
async fn dispute(app: &TestApp, charge: &Value, step: &str, how: &str) {
    let reference = app.charge_reference(charge).await;
    let path = format!("/sandbox/charges/{reference}/dispute");
    let body = json!({"step": step, "how": how});
    app.post(&path, &body).expect(200).await;
}

/// Available, blocked and owed, once they are so.
async fn until_money(app: &TestApp, person: &Person, expected: (i64, i64, i64)) {
    let path = format!("/v1/wallets/{}", person.wallet_id);
    let what = format!("{expected:?} of {}", person.wallet_id);
    wait_until(&what, LIMIT, || async {
        let wallet = app.get(&path).by(&person.token).await;
        let money = (
            wallet.cents("available_cents"),
            wallet.cents("blocked_cents"),
            wallet.cents("receivable_cents"),
        );
        (money == expected).then_some(())
    })
    .await;
}

/// The events of a charge, in order.
async fn events(app: &TestApp, person: &Person, charge: &Value) -> Vec<String> {
    let user = UserId::parse(&person.user_id).expect("a user");
    let id = TransactionId::parse(&string(charge, "id")).expect("a charge");
    let store = &app.app().store;
    while store.sequence(500).await.expect("events") > 0 {}
    let all = store
        .events_after(0, Some(user), 500)
        .await
        .expect("events");
    let of_charge = all.iter().filter(|event| event.transaction_id == Some(id));
    of_charge.map(|event| event.kind.clone()).collect()
}

async fn checked(app: &TestApp) {
    for check in check(app.app()).await.expect("the checks run") {
        assert!(
            check.broken.is_empty(),
            "{}: {:?}",
            check.rule,
            check.broken
        );
    }
}

async fn a_dispute_blocks_until_it_is_decided(database: Database) {
    for (gateway, how) in ways_on(&database) {
        let app = receiving_by(database.clone(), gateway).await;
        let person = app.person().await;
        let charge = app.fund(&person, 1_000).await;
        let id = string(&charge, "id");
        dispute(&app, &charge, "open", how).await;
        until_money(&app, &person, (0, 1_000, 0)).await;
        let seen = app.transaction(&person, &id).await;
        assert_eq!(seen["stage"], "paid");
        assert_eq!(seen["pay_ins"][0]["disputed_cents"], 1_000);
        assert_eq!(seen["pay_ins"][0]["reversed_cents"], 0);
        let refund = json!({"transaction_id": id, "amount_cents": 1});
        let refused = app.post("/v1/refunds", &refund).by(&person.token);
        let refused = refused.key(&app.fresh_key()).expect(422).await;
        assert_eq!(
            refused.fields(),
            [("transaction_id".to_owned(), "pay_in_disputed".to_owned())]
        );
        checked(&app).await;

        dispute(&app, &charge, "won", how).await;
        until_money(&app, &person, (1_000, 0, 0)).await;
        let seen = app.transaction(&person, &id).await;
        assert_eq!(seen["pay_ins"][0]["disputed_cents"], 0);
        assert_eq!(app.settled_sum("reversal").await, 0);
        let told = events(&app, &person, &charge).await;
        assert_eq!(
            told[told.len() - 3..],
            ["charge.paid", "charge.disputed", "charge.dispute_released"],
            "{gateway} {how}"
        );
        app.finish().await;
    }
}

async fn an_emptied_wallet_owes_what_a_lost_dispute_took(database: Database) {
    for (gateway, how) in ways_on(&database) {
        let app = receiving_by(database.clone(), gateway).await;
        let (person, other) = (app.person().await, app.person().await);
        let charge = app.fund(&person, 1_000).await;
        let spend = json!({"amount_cents": 700, "to_wallet_id": other.wallet_id});
        app.post("/v1/transfers", &spend)
            .by(&person.token)
            .key("spend")
            .expect(201)
            .await;
        dispute(&app, &charge, "open", how).await;
        until_money(&app, &person, (0, 1_000, 700)).await;
        checked(&app).await;
        dispute(&app, &charge, "lost", how).await;
        until_money(&app, &person, (0, 0, 700)).await;
        let seen = app.transaction(&person, &string(&charge, "id")).await;
        assert_eq!(seen["status"], "success", "it was paid");
        assert_eq!(seen["pay_ins"][0]["reversed_cents"], 1_000);
        assert_eq!(app.settled_sum("reversal").await, 1_000);
        let told = events(&app, &person, &charge).await;
        assert_eq!(
            told[told.len() - 3..],
            ["charge.paid", "charge.disputed", "charge.reversed"],
            "{gateway} {how}"
        );
        // Whatever comes in repays first.
        let back = json!({"amount_cents": 100, "to_wallet_id": person.wallet_id});
        app.post("/v1/transfers", &back)
            .by(&other.token)
            .key("back")
            .expect(201)
            .await;
        until_money(&app, &person, (0, 0, 600)).await;
        app.fund(&person, 1_000).await;
        until_money(&app, &person, (400, 0, 0)).await;
        app.finish().await;
    }
}

/// A payment at the gateway that names a charge which we do not know.
async fn stray_payment(app: &TestApp) -> String {
    let order = ChargeOrder {
        attempt_key: "ab".repeat(16),
        amount: Money::from_cents(1_000).expect("an amount"),
        description: None,
        expires_in_seconds: 3_600,
        created_at: app.app().now(),
        payer: None,
        fallback_email: "ana@example.com".to_owned(),
    };
    let client = app.app().gateway(Gateway::MercadoPago);
    let request = client.prepare_charge(&order).expect("a charge");
    let ChargeAnswer::Created(created) = client.create_charge(&request).await else {
        panic!("the gateway makes the charge");
    };
    let path = format!("/sandbox/charges/{}/pay", created.gateway_reference);
    app.post(&path, &json!({})).expect(200).await;
    created.gateway_reference
}

/// The charge's attempt answers to this name from now on.
async fn learn_reference(app: &TestApp, charge: &Value, reference: &str) {
    let id = TransactionId::parse(&string(charge, "id")).expect("a charge");
    let reference = reference.to_owned();
    let unit = Unit {
        name: "learn",
        locks: Locks {
            transactions: vec![id],
            ..Locks::default()
        },
        decide: std::sync::Arc::new(move |locked| {
            let attempt = &locked.transactions[&id].attempts[0].row;
            let row = AttemptRow {
                gateway_reference: Some(reference.clone()),
                evidence_version: attempt.evidence_version + 1,
                ..attempt.clone()
            };
            Verdict::Commit {
                writes: vec![Write::SaveAttempt(row)],
                answer: Box::new(()),
            }
        }),
    };
    let learnt = app.app().store.commit(vec![unit]).await.pop();
    assert!(matches!(learnt, Some(UnitResult::Committed(_))));
}

async fn suspense_finds_its_charge(database: Database) {
    let app = receiving_by(database, MERCADO_PAGO).await;
    let person = app.person().await;
    let charge = app.charge(&person, 1_000).await;
    let stray = stray_payment(&app).await;
    let in_suspense = || async {
        let app = app.app();
        let rows = app.store.suspense(Moment::default(), None, 10).await?;
        Ok::<_, StoreError>(rows)
    };
    wait_until("the payment in suspense", LIMIT, || async {
        app::poller::poll_received(app.app()).await.expect("a turn");
        let rows = in_suspense().await.expect("rows");
        (rows.len() == 1).then_some(())
    })
    .await;
    // Nobody's, however often it is looked at.
    let look = || app::sweeper::match_suspense(app.app().clone());
    look().await.expect("a turn");
    assert_eq!(app.balance(&person).await, (0, 0));
    checked(&app).await;

    learn_reference(&app, &charge, &stray).await;
    let looks = (0..4).map(|_| look());
    for looked in futures::future::join_all(looks).await {
        looked.expect("a turn");
    }
    let paid = app.ended(&person, &string(&charge, "id")).await;
    assert_eq!(paid["stage"], "paid");
    until_money(&app, &person, (1_000, 0, 0)).await;
    assert_eq!(in_suspense().await.expect("rows"), []);
    look().await.expect("a turn");
    assert_eq!(app.balance(&person).await, (1_000, 0));
    let id = TransactionId::parse(&string(&charge, "id")).expect("a charge");
    let journals = app.app().store.journals_of(id).await.expect("journals");
    let kinds: Vec<String> = journals.into_iter().map(|journal| journal.kind).collect();
    let matched = kinds.iter().filter(|kind| *kind == "suspense_matched");
    assert_eq!(matched.count(), 1, "{kinds:?}");
    app.finish().await;
}
