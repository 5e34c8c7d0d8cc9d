//! Money out: the ordinary ways, and what is refused before a gateway hears of it.

use domain::gateway::Gateway;
use domain::pix::br_code::{DynamicCode, StaticCode, encode_dynamic, encode_static};
use futures::future::join_all;
use serde_json::{Value, json};
use testkit::wait_until;

use crate::client::{Answer, cents, string};
use crate::harness::{
    Database, EFI, GATEWAYS, LIMIT, MERCADO_PAGO, TestApp, brisk, keys_of, verdicts,
    without_circuits,
};

both_databases!(
    a_broken_primary_is_skipped_and_comes_back,
    the_primary_pays_and_the_hold_is_spent,
    a_static_code_is_paid_as_its_key,
    a_code_of_our_own_is_paid_inside,
    a_dynamic_code_goes_by_the_only_gateway_that_can,
    requests_above_money_and_limits_write_nothing,
    repeats_replay_and_twins_are_one,
    cancel_and_dispatch_exclude_each_other,
    money_that_comes_back_is_credited_in_parts,
    what_comes_back_repays_a_debt_first,
    what_settles_and_comes_back_at_once_is_credited,
    a_refusal_seen_later_licenses_the_other_gateway,
);

async fn preferring(database: Database, gateway: &str) -> TestApp {
    let mut settings = brisk();
    settings.primary_payout = Gateway::parse(gateway).expect("a gateway");
    without_circuits(&mut settings);
    TestApp::with_settings(database, settings).await
}

async fn the_primary_pays_and_the_hold_is_spent(database: Database) {
    for gateway in GATEWAYS {
        if matches!(database, Database::Mysql(_)) && gateway == MERCADO_PAGO {
            // One server per database; the gateways' mapping does not depend on it.
            continue;
        }
        let app = preferring(database.clone(), gateway).await;
        let person = app.person_with(10_000).await;
        let payout = app.payout(&person, 4_000).await;
        assert_eq!(
            (&payout.body["status"], &payout.body["fee_cents"]),
            (&json!("pending"), &json!(0))
        );
        assert_eq!(payout.body["pix_key"], "padaria@example.com");
        let location = payout.header("location").expect("a location").to_owned();
        assert_eq!(location, format!("/v1/transactions/{}", payout.id()));
        let ended = app.ended(&person, &payout.id()).await;
        assert_eq!(
            (&ended["stage"], &ended["gateway"]),
            (&json!("settled"), &json!(gateway))
        );
        assert!(ended["settled_at"].is_string());
        assert_eq!(app.balance(&person).await, (6_000, 0));
        let attempts = app.attempts(&person, &payout.id()).await;
        assert_eq!(attempts.len(), 1);
        assert_eq!(attempts[0]["licence"], Value::Null);
        assert!(string(&attempts[0], "why").contains(gateway));
        let sent = app.settled("sent", &keys_of(&attempts)).await;
        assert_eq!(sent.len(), 1);
        let receipt = format!("/v1/transactions/{}/receipt", payout.id());
        let receipt = app.get(&receipt).by(&person.token).await;
        assert!(receipt.text().contains(&payout.id()), "{}", receipt.text());
        // Mercado Pago's payouts do not tell the scheme's id.
        if gateway == EFI {
            assert_eq!(sent[0]["end_to_end_id"], ended["end_to_end_id"]);
            assert!(receipt.text().contains(&string(&ended, "end_to_end_id")));
        }
        app.finish().await;
    }
}

async fn a_static_code_is_paid_as_its_key(database: Database) {
    let app = TestApp::start(database).await;
    let person = app.person_with(10_000).await;
    let code = |amount_centavos| {
        let code = StaticCode {
            key: "padaria@example.com",
            info: None,
            amount_centavos,
            txid: Some("PEDIDO7"),
            merchant_name: "Padaria",
            merchant_city: "Recife",
        };
        encode_static(&code).expect("a code")
    };
    let named = json!({"br_code": code(Some(1_500))});
    let payout = app
        .payout_call(&person, &named)
        .key("named")
        .expect(202)
        .await;
    assert_eq!(payout.cents("amount_cents"), 1_500);
    assert_eq!(app.ended(&person, &payout.id()).await["stage"], "settled");
    let open = json!({"br_code": code(None), "amount_cents": 300});
    let payout = app
        .payout_call(&person, &open)
        .key("open")
        .expect(202)
        .await;
    assert_eq!(app.ended(&person, &payout.id()).await["stage"], "settled");
    let differs = json!({"br_code": code(Some(1_500)), "amount_cents": 1_501});
    let refused = app
        .payout_call(&person, &differs)
        .key("differs")
        .expect(422)
        .await;
    assert_eq!(refused.fields()[0].0, "amount_cents");
    assert_eq!(app.balance(&person).await, (8_200, 0));
    app.finish().await;
}

/// A code of another wallet here is paid inside the ledger, and its gateway charge taken away.
async fn a_code_of_our_own_is_paid_inside(database: Database) {
    let app = TestApp::start(database).await;
    let payer = app.person_with(10_000).await;
    let shop = app.person().await;
    let charge = app.charge(&shop, 2_000).await;
    let body = json!({"br_code": charge["br_code"]});
    let payout = app.payout_call(&payer, &body).key("qr").expect(202).await;
    assert_eq!(
        (&payout.body["stage"], &payout.body["gateway"]),
        (&json!("settled"), &Value::Null)
    );
    let paid = app.ended(&shop, &string(&charge, "id")).await;
    assert_eq!(paid["stage"], "paid");
    assert_eq!(app.balance(&payer).await, (8_000, 0));
    assert_eq!(app.balance(&shop).await, (2_000, 0));
    app.finish().await;
}

/// A dynamic code from outside: only Efí can read it, so there is no fallback.
async fn a_dynamic_code_goes_by_the_only_gateway_that_can(database: Database) {
    let app = preferring(database, MERCADO_PAGO).await;
    let payer = app.person_with(10_000).await;
    let code = encode_dynamic(&DynamicCode {
        url: "qr.example.com/v2/0123456789abcdef0123456789abcdef",
        recurrence_url: None,
        is_single_use: true,
        merchant_name: "LOJA DE FORA",
        merchant_city: "RECIFE",
    });
    let body = json!({"br_code": code.expect("a code"), "amount_cents": 2_000});
    for (key, gone) in [("known", false), ("down", true)] {
        if gone {
            app.fault(EFI, json!({"mode": "down"})).await;
        }
        let payout = app.payout_call(&payer, &body).key(key).expect(202).await;
        let ended = app.ended(&payer, &payout.id()).await;
        // The sandbox's bank knows no such charge, and refuses it.
        let reason = if gone {
            "all_gateways_unavailable"
        } else {
            "br_code_refused"
        };
        assert_eq!(
            (&ended["stage"], &ended["failure"]["code"]),
            (&json!("rejected"), &json!(reason)),
            "{ended}"
        );
        let attempts = app.attempts(&payer, &payout.id()).await;
        assert_eq!(attempts.len(), 1, "{attempts:?}");
        assert_eq!(attempts[0]["gateway"], EFI);
        assert!(string(&attempts[0], "why").contains("it alone can carry this payment"));
        assert_eq!(app.balance(&payer).await, (10_000, 0));
    }
    app.heal().await;
    app.finish().await;
}

async fn requests_above_money_and_limits_write_nothing(database: Database) {
    let mut settings = brisk();
    let reais = |amount: i64| domain::money::Money::from_cents(amount * 100).expect("an amount");
    settings.default_limits.per_transaction = reais(40);
    settings.default_limits.per_day = reais(60);
    settings.default_limits.per_night = reais(60);
    let app = TestApp::with_settings(database, settings).await;
    let person = app.person_with(10_000).await;
    let ask = async |amount: i64, key: &str, status: u16| {
        let body = json!({"amount_cents": amount, "pix_key": "padaria@example.com"});
        app.payout_call(&person, &body)
            .key(key)
            .expect(status)
            .await
    };
    let before = app.app().store.totals().await.expect("totals");
    let above = ask(4_001, "a", 422).await;
    assert_eq!(
        above.fields(),
        [("amount_cents".to_owned(), "limit_exceeded".to_owned())]
    );
    let too_much = ask(10_001, "a", 422).await;
    assert_eq!(
        too_much.code(),
        "validation_failed",
        "the limit comes first"
    );
    assert_eq!(app.app().store.totals().await.expect("totals"), before);
    // A refusal leaves the key free.
    let first = ask(4_000, "a", 202).await;
    assert!(!first.replayed());
    ask(2_000, "b", 202).await;
    let day = ask(1, "c", 422).await;
    assert_eq!(day.fields()[0].1, "limit_exceeded");
    app.ended(&person, &first.id()).await;

    // Money held is money not available.
    let poor = app.person_with(1_000).await;
    let body = json!({"amount_cents": 1_001, "pix_key": "padaria@example.com"});
    let refused = app.payout_call(&poor, &body).key("x").expect(422).await;
    assert_eq!(refused.code(), "insufficient_funds");
    assert_eq!(refused.cents("available_cents"), 1_000);
    assert_eq!(app.balance(&poor).await, (1_000, 0));
    app.quiet().await;
    app.finish().await;
}

async fn repeats_replay_and_twins_are_one(database: Database) {
    let app = TestApp::start(database).await;
    let person = app.person_with(10_000).await;
    let body = json!({"amount_cents": 1_000, "pix_key": "padaria@example.com"});
    let twins = (0..20).map(|_| {
        let call = app.payout_call(&person, &body).key("twin").expect(202);
        async move { call.await }
    });
    let answers: Vec<Answer> = join_all(twins).await;
    let ids: std::collections::BTreeSet<String> = answers.iter().map(Answer::id).collect();
    assert_eq!(ids.len(), 1, "one transaction");
    assert_eq!(
        answers.iter().filter(|answer| !answer.replayed()).count(),
        1
    );
    let id = answers[0].id();
    app.ended(&person, &id).await;
    let again = app
        .payout_call(&person, &body)
        .key("twin")
        .expect(202)
        .await;
    assert!(again.replayed());
    assert_eq!(
        again.body["status"], "success",
        "a replay shows the present state"
    );

    let another = json!({"amount_cents": 1_001, "pix_key": "padaria@example.com"});
    let conflict = app
        .payout_call(&person, &another)
        .key("twin")
        .expect(409)
        .await;
    assert_eq!(conflict.code(), "idempotency_conflict");
    // The key belongs to the account and to every path that moves money.
    let transfer = json!({"amount_cents": 1_000, "to_pix_key": "padaria@example.com"});
    let call = app
        .post("/v1/transfers", &transfer)
        .by(&person.token)
        .key("twin");
    assert_eq!(call.expect(409).await.code(), "idempotency_conflict");
    let other = app.person_with(2_000).await;
    let own = app.payout_call(&other, &body).key("twin").expect(202).await;
    assert!(!own.replayed(), "another account's key is another key");
    app.ended(&other, &own.id()).await;
    assert_eq!(app.balance(&person).await, (9_000, 0));
    app.finish().await;
}

async fn cancel_and_dispatch_exclude_each_other(database: Database) {
    let app = preferring(database, EFI).await;
    let person = app.person_with(50_000).await;
    let (mut cancelled, mut dispatched) = (0, 0);
    for round in 0..12 {
        let payout = app.payout(&person, 100).await;
        // Some cancellations come at once, some while the worker dispatches.
        for _ in 0..round % 4 {
            tokio::task::yield_now().await;
        }
        let path = format!("/v1/transactions/{}/cancel", payout.id());
        let answer = app.post(&path, &json!({})).by(&person.token).await;
        let ended = app.ended(&person, &payout.id()).await;
        match answer.status {
            200 => {
                cancelled += 1;
                assert_eq!(
                    (&ended["status"], &ended["stage"]),
                    (&json!("failed"), &json!("cancelled"))
                );
                assert!(app.attempts(&person, &payout.id()).await.is_empty());
            }
            409 => {
                dispatched += 1;
                assert_eq!(answer.code(), "already_dispatched");
                assert_eq!(ended["stage"], "settled");
            }
            other => panic!("{other}: {}", answer.text()),
        }
    }
    assert_eq!(cancelled + dispatched, 12);
    assert_eq!(app.balance(&person).await, (50_000 - 100 * dispatched, 0));
    app.finish().await;
}

async fn money_that_comes_back_is_credited_in_parts(database: Database) {
    let app = preferring(database, EFI).await;
    let person = app.person_with(10_000).await;
    for gateway in GATEWAYS {
        if gateway == MERCADO_PAGO {
            app.fault(EFI, json!({"mode": "down"})).await;
        }
        let before = app.balance(&person).await.0;
        let payout = app.payout(&person, 1_000).await;
        let settled = app.ended(&person, &payout.id()).await;
        assert_eq!(settled["gateway"], gateway, "{settled}");
        app.heal().await;
        let attempts = app.attempts(&person, &payout.id()).await;
        let key = string(attempts.last().expect("an attempt"), "attempt_key");
        let path = format!("/sandbox/payouts/{key}/return");
        // The same amount twice, then the rest.
        for (part, total) in [(300, 300), (300, 600), (400, 1_000)] {
            app.post(&path, &json!({"amount_cents": part}))
                .expect(200)
                .await;
            let seen = app
                .once(&person, &payout.id(), "a part", |seen| {
                    seen["returned_cents"] == total
                })
                .await;
            assert_eq!(
                (&seen["status"], &seen["stage"]),
                (&json!("success"), &json!("returned"))
            );
            // Whoever looks again finds nothing new.
            let scan = app::sweeper::scan_returns(app.app().clone());
            scan.await.expect("a scan");
            assert_eq!(app.balance(&person).await.0, before - 1_000 + total);
        }
        let whole = app.transaction(&person, &payout.id()).await;
        let parts: Vec<i64> = whole["returns"]
            .as_array()
            .expect("returns")
            .iter()
            .map(|part| cents(part, "amount_cents"))
            .collect();
        assert_eq!(parts, [300, 300, 400]);
        assert_eq!(app.balance(&person).await, (before, 0));
    }
    app.finish().await;
}

/// The user owes what a gateway took back, and then a payout of theirs comes back.
async fn what_comes_back_repays_a_debt_first(database: Database) {
    let app = preferring(database, EFI).await;
    let person = app.person().await;
    let charge = app.fund(&person, 1_000).await;
    let payout = app.payout(&person, 1_000).await;
    app.ended(&person, &payout.id()).await;
    let reference = app.charge_reference(&charge).await;
    let reverse = format!("/sandbox/charges/{reference}/reverse");
    app.post(&reverse, &json!({"amount_cents": 500}))
        .expect(200)
        .await;
    let wallet = format!("/v1/wallets/{}", person.wallet_id);
    let owed = || async {
        app.get(&wallet)
            .by(&person.token)
            .await
            .cents("receivable_cents")
    };
    wait_until("the debt", LIMIT, || async {
        (owed().await == 500).then_some(())
    })
    .await;
    let attempts = app.attempts(&person, &payout.id()).await;
    let key = string(attempts.last().expect("an attempt"), "attempt_key");
    let path = format!("/sandbox/payouts/{key}/return");
    for (part, left, available) in [(400, 100, 0), (400, 0, 300)] {
        app.post(&path, &json!({"amount_cents": part}))
            .expect(200)
            .await;
        wait_until("the repayment", LIMIT, || async {
            let now = (owed().await, app.balance(&person).await.0);
            (now == (left, available)).then_some(())
        })
        .await;
    }
    app.finish().await;
}

/// The first look that shows the payout settled shows its return too.
async fn what_settles_and_comes_back_at_once_is_credited(database: Database) {
    let app = preferring(database, EFI).await;
    let person = app.person_with(1_000).await;
    app.fault(EFI, json!({"operation": "webhook", "mode": "lose"}))
        .await;
    app.fault(EFI, json!({"operation": "lookup", "mode": "error_500"}))
        .await;
    let payout = app.payout(&person, 1_000).await;
    app.at_stage(&person, &payout.id(), "accepted").await;
    let attempts = app.attempts(&person, &payout.id()).await;
    let key = string(&attempts[0], "attempt_key");
    let path = format!("/sandbox/payouts/{key}/return");
    app.post(&path, &json!({"amount_cents": 250}))
        .expect(200)
        .await;
    app.heal().await;
    let seen = app
        .once(&person, &payout.id(), "the return", |seen| {
            seen["stage"] == "returned"
        })
        .await;
    assert_eq!(seen["returned_cents"], 250);
    assert_eq!(app.balance(&person).await, (250, 0));
    app.finish().await;
}

/// Efí accepts, then says NAO_REALIZADO with a code that only another gateway may overcome.
async fn a_refusal_seen_later_licenses_the_other_gateway(database: Database) {
    let app = preferring(database, EFI).await;
    let person = app.person_with(10_000).await;
    let body = json!({"amount_cents": 1_000, "pix_key": "refuse-agnt@example.com"});
    let payout = app
        .payout_call(&person, &body)
        .key("later")
        .expect(202)
        .await;
    let ended = app.ended(&person, &payout.id()).await;
    let attempts = app.attempts(&person, &payout.id()).await;
    assert_eq!(attempts.len(), 2, "{attempts:?}");
    assert_eq!(verdicts(&attempts[0]), ["accepted"]);
    let licence = &attempts[1]["licence"];
    assert_eq!(
        (
            &licence["kind"],
            &licence["source"],
            &licence["from_attempt"]
        ),
        (&json!("definitive_refusal"), &json!("lookup"), &json!(1)),
        "{licence}"
    );
    assert!(!string(licence, "in_words").is_empty());
    assert_ne!(attempts[0]["attempt_key"], attempts[1]["attempt_key"]);
    // The payee's bank refuses through the other gateway, too.
    assert_eq!(
        (&ended["status"], &ended["stage"]),
        (&json!("failed"), &json!("rejected"))
    );
    assert_eq!(app.balance(&person).await, (10_000, 0));
    app.finish().await;
}

/// With the router's own circuits: three failures take the primary out, payments go on elsewhere,
/// and a probe brings it back.
async fn a_broken_primary_is_skipped_and_comes_back(database: Database) {
    let app = TestApp::start(database).await;
    let person = app.person_with(10_000).await;
    app.fault(EFI, json!({"mode": "down"})).await;
    let first = app.payout(&person, 100).await;
    assert_eq!(
        app.ended(&person, &first.id()).await["gateway"],
        MERCADO_PAGO
    );
    let attempts = app.attempts(&person, &first.id()).await;
    assert_eq!(verdicts(&attempts[0]), ["never_sent"; 3]);
    assert_eq!(attempts[1]["licence"]["kind"], "never_sent");
    let second = app.payout(&person, 100).await;
    app.ended(&person, &second.id()).await;
    let attempts = app.attempts(&person, &second.id()).await;
    assert_eq!(attempts.len(), 1, "an open circuit is no try: {attempts:?}");
    assert_eq!(attempts[0]["gateway"], MERCADO_PAGO);
    app.heal().await;
    wait_until("the primary's return", LIMIT, || async {
        let payout = app.payout(&person, 1).await;
        let ended = app.ended(&person, &payout.id()).await;
        (ended["gateway"] == EFI).then_some(())
    })
    .await;
    app.finish().await;
}
