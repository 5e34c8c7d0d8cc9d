//! Received money given back: through the gateway that received it, never another.

use domain::gateway::Gateway;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::client::{Answer, string};
use crate::harness::{
    Database, EFI, GATEWAYS, MERCADO_PAGO, Person, TestApp, brisk, keys_of, verdicts,
    without_circuits,
};

both_databases!(
    refunds_in_full_and_in_part_up_to_the_remainder,
    an_unclear_refund_is_found_out_and_never_doubled,
    one_refund_of_a_pay_in_at_a_time,
    a_refused_refund_gives_the_money_back,
);

async fn receiving_by(database: Database, gateway: &str) -> TestApp {
    let mut settings = brisk();
    settings.primary_charge = Gateway::parse(gateway).expect("a gateway");
    without_circuits(&mut settings);
    TestApp::with_settings(database, settings).await
}

/// Which gateways one database is tried with: a server per gateway needs a database per gateway.
fn gateways_on(database: &Database) -> &'static [&'static str] {
    match database {
        Database::Sqlite => &GATEWAYS,
        Database::Mysql(_) => &[MERCADO_PAGO],
    }
}

async fn refund(app: &TestApp, person: &Person, body: Value, status: u16) -> Answer {
    let call = app.post("/v1/refunds", &body).by(&person.token);
    call.key(&app.fresh_key()).expect(status).await
}

fn of(charge: &Value, amount: i64) -> Value {
    json!({"transaction_id": charge["id"], "amount_cents": amount})
}

async fn refunds_in_full_and_in_part_up_to_the_remainder(database: Database) {
    for gateway in gateways_on(&database) {
        let app = receiving_by(database.clone(), gateway).await;
        let person = app.person().await;
        let charge = app.fund(&person, 1_000).await;
        let asked = refund(&app, &person, of(&charge, 300), 202).await;
        assert_eq!(asked.body["charge_id"], charge["id"]);
        let ended = app.ended(&person, &asked.id()).await;
        assert_eq!(
            (&ended["stage"], &ended["gateway"]),
            (&json!("settled"), &json!(gateway))
        );
        let above = refund(&app, &person, of(&charge, 701), 422).await;
        assert_eq!(
            above.fields(),
            [("amount_cents".to_owned(), "above_remainder".to_owned())]
        );
        let rest = json!({"transaction_id": charge["id"]});
        let rest = refund(&app, &person, rest, 202).await;
        assert_eq!(rest.cents("amount_cents"), 700);
        app.ended(&person, &rest.id()).await;
        refund(&app, &person, of(&charge, 1), 422).await;
        assert_eq!(app.balance(&person).await, (0, 0));
        let seen = app.transaction(&person, &string(&charge, "id")).await;
        assert_eq!(seen["refunded_cents"], 1_000);
        assert_eq!(seen["refunds"].as_array().map(Vec::len), Some(2));

        // Not a charge of theirs, not paid, not a charge at all.
        let other = app.person().await;
        refund(&app, &other, of(&charge, 1), 404).await;
        let unpaid = app.charge(&person, 100).await;
        let refused = refund(&app, &person, of(&unpaid, 1), 422).await;
        assert_eq!(
            refused.fields(),
            [("transaction_id".to_owned(), "not_paid".to_owned())]
        );
        refund(&app, &person, json!({"transaction_id": rest.id()}), 404).await;
        app.finish().await;
    }
}

async fn an_unclear_refund_is_found_out_and_never_doubled(database: Database) {
    for gateway in gateways_on(&database) {
        let app = receiving_by(database.clone(), gateway).await;
        let person = app.person().await;
        for mode in [
            "drop_reply",
            "error_500",
            "error_500_after_commit",
            "timeout_after_commit",
            "truncated",
            "empty_2xx",
        ] {
            let charge = app.fund(&person, 1_000).await;
            let (before, _) = app.balance(&person).await;
            app.fault(
                gateway,
                json!({"operation": "refund", "mode": mode, "times": 1}),
            )
            .await;
            let asked = refund(&app, &person, of(&charge, 400), 202).await;
            let ended = app.ended(&person, &asked.id()).await;
            assert_eq!(ended["stage"], "settled", "{gateway} {mode}: {ended}");
            let attempts = app.answered_attempts(&person, &asked.id()).await;
            assert_eq!(attempts.len(), 1, "{gateway} {mode}");
            assert_eq!(verdicts(&attempts[0])[0], "unknown", "{gateway} {mode}");
            assert_eq!(
                app.settled("refund", &keys_of(&attempts)).await.len(),
                1,
                "{gateway} {mode}"
            );
            assert_eq!(
                app.balance(&person).await,
                (before - 400, 0),
                "{gateway} {mode}"
            );
            app.heal().await;
        }
        app.finish().await;
    }
}

/// Two people of a shop ask for the same refund at once: one is served, the other is told.
async fn one_refund_of_a_pay_in_at_a_time(database: Database) {
    let app = receiving_by(database, EFI).await;
    let person = app.person().await;
    let charge = app.fund(&person, 1_000).await;
    app.fault(
        EFI,
        json!({"operation": "refund", "mode": "settle_late", "latency_ms": 800}),
    )
    .await;
    let rush = (0..6).map(|_| {
        let call = app.post("/v1/refunds", &of(&charge, 100)).by(&person.token);
        let call = call.key(&app.fresh_key());
        async move { call.await }
    });
    let answers = join_all(rush).await;
    let accepted: Vec<&Answer> = answers
        .iter()
        .filter(|answer| answer.status == 202)
        .collect();
    assert_eq!(accepted.len(), 1, "{answers:?}");
    for refused in answers.iter().filter(|answer| answer.status != 202) {
        assert_eq!(
            refused.fields(),
            [("transaction_id".to_owned(), "refund_open".to_owned())]
        );
    }
    app.ended(&person, &accepted[0].id()).await;
    app.heal().await;
    let next = refund(&app, &person, of(&charge, 100), 202).await;
    app.ended(&person, &next.id()).await;
    assert_eq!(app.balance(&person).await, (800, 0));
    app.finish().await;
}

async fn a_refused_refund_gives_the_money_back(database: Database) {
    for gateway in gateways_on(&database) {
        let app = receiving_by(database.clone(), gateway).await;
        let person = app.person().await;
        let charge = app.fund(&person, 1_000).await;
        app.fault(gateway, json!({"operation": "refund", "mode": "reject"}))
            .await;
        let asked = refund(&app, &person, of(&charge, 400), 202).await;
        let ended = app.ended(&person, &asked.id()).await;
        assert_eq!(
            (&ended["status"], &ended["stage"]),
            (&json!("failed"), &json!("rejected")),
            "{ended}"
        );
        assert_eq!(app.balance(&person).await, (1_000, 0));
        app.heal().await;
        let again = refund(&app, &person, of(&charge, 400), 202).await;
        assert_eq!(
            app.ended(&person, &again.id()).await["stage"],
            "settled",
            "{gateway}"
        );
        app.finish().await;
    }
}
