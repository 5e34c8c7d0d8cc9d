//! Mercado Pago: charges, refunds, payouts, and their idempotency.

use std::time::Duration;

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::{Engine, engine::general_purpose::STANDARD};
use sandbox::{EntryKind, GatewayName, PayoutReplay, SandboxConfig};
use serde_json::{Value, json};

use crate::support::{World, answer, intent_body, payment_body};

fn cause(body: &Value) -> i64 {
    body["cause"][0]["code"].as_i64().unwrap_or(0)
}

#[tokio::test]
async fn a_charge_is_made_replayed_paid_and_found() {
    let world = World::new().await;
    let (status, made) = world
        .mp(
            "POST",
            "/v1/payments",
            "k1",
            payment_body("dep-1", json!(10.5)),
        )
        .await;
    assert_eq!(
        (status, &made["status"], &made["status_detail"]),
        (201, &json!("pending"), &json!("pending_waiting_transfer"))
    );
    assert!(made["id"].as_i64().unwrap() > i64::from(u32::MAX));
    assert_eq!(made["transaction_amount"], json!(10.5));
    assert!(made["date_created"].as_str().unwrap().ends_with("-04:00"));
    let data = &made["point_of_interaction"]["transaction_data"];
    assert!(data["qr_code"].as_str().unwrap().starts_with("000201"));
    assert!(
        STANDARD
            .decode(data["qr_code_base64"].as_str().unwrap())
            .unwrap()
            .starts_with(b"\x89PNG")
    );

    let (status, replayed) = world
        .mp(
            "POST",
            "/v1/payments",
            "k1",
            payment_body("dep-1", json!(10.5)),
        )
        .await;
    assert_eq!((status, &replayed), (201, &made));
    let (_, other) = world
        .mp(
            "POST",
            "/v1/payments",
            "k1",
            payment_body("dep-9", json!(99)),
        )
        .await;
    assert_eq!(other["id"], made["id"]);
    world
        .sandbox
        .change_options(|options| options.conflict_on_other_body = true);
    assert_eq!(
        world
            .mp(
                "POST",
                "/v1/payments",
                "k1",
                payment_body("dep-9", json!(99))
            )
            .await
            .0,
        409
    );

    let id = made["id"].as_i64().unwrap();
    let (status, paid) = world
        .control("POST", &format!("/sandbox/charges/{id}/pay"), Value::Null)
        .await;
    assert_eq!((status, &paid["amount_cents"]), (200, &json!(1050)));
    let (_, read) = world
        .mp("GET", &format!("/v1/payments/{id}"), "", Value::Null)
        .await;
    assert_eq!(
        (&read["status"], &read["status_detail"]),
        (&json!("approved"), &json!("accredited"))
    );
    assert_eq!(read["fee_details"][0]["amount"], json!(0.1)); // 0.99 % of 10.50 is 10.395 centavos
    assert_eq!(
        read["transaction_details"]["net_received_amount"],
        json!(10.4)
    );
    assert_eq!(
        read["point_of_interaction"]["transaction_data"]["e2e_id"],
        paid["end_to_end_id"]
    );
    assert_eq!(
        world.sandbox.balance_cents(GatewayName::MercadoPago),
        1_000_000 + 1040
    );
    assert_eq!(world.sandbox.ledger()[0].reference, "dep-1");

    let (_, found) = world
        .mp(
            "GET",
            "/v1/payments/search?external_reference=dep-1",
            "",
            Value::Null,
        )
        .await;
    assert_eq!(
        (&found["paging"]["total"], &found["results"][0]["id"]),
        (&json!(1), &json!(id))
    );
    let (_, none) = world
        .mp(
            "GET",
            "/v1/payments/search?external_reference=x&sort=date_created&criteria=desc",
            "",
            Value::Null,
        )
        .await;
    assert_eq!(none["results"], json!([]));
    let (status, refused) = world
        .mp(
            "PUT",
            &format!("/v1/payments/{id}"),
            "k2",
            json!({"status": "cancelled"}),
        )
        .await;
    assert_eq!((status, cause(&refused)), (400, 2063));
}

#[tokio::test]
async fn bad_charges_name_their_cause() {
    let world = World::new().await;
    let change = |name: &str, value: Value| {
        let mut body = payment_body("dep-1", json!(10));
        body[name] = value;
        body
    };
    let (status, body) = world
        .mp("POST", "/v1/payments", "", payment_body("dep-1", json!(10)))
        .await;
    assert_eq!((status, cause(&body)), (400, 4292));
    let identification =
        json!({"email": "a@b.c", "identification": {"type": "CPF", "number": "11111111111"}});
    for (body, code) in [
        (change("transaction_amount", json!(0)), 0),
        (change("transaction_amount", json!(1.234)), 0),
        (change("transaction_amount", json!("10")), 0),
        (change("payment_method_id", json!("visa")), 0),
        (change("payer", json!({"email": "none"})), 0),
        (change("payer", identification), 2067),
        (change("date_of_expiration", json!("tomorrow")), 23),
        (
            change("date_of_expiration", json!("2020-01-01T00:00:00.000-03:00")),
            23,
        ),
    ] {
        let (status, answer) = world.mp("POST", "/v1/payments", "k", body.clone()).await;
        assert_eq!((status, cause(&answer)), (400, code), "{body}");
    }
    world
        .sandbox
        .change_options(|options| options.collector_without_key = true);
    let (status, body) = world
        .mp(
            "POST",
            "/v1/payments",
            "k",
            payment_body("dep-1", json!(10)),
        )
        .await;
    assert_eq!((status, cause(&body)), (400, 13253));
    let (status, body) = world.mp("GET", "/v1/payments/42", "", Value::Null).await;
    assert_eq!((status, cause(&body)), (404, 2000));
    assert_eq!(world.mp("GET", "/v1/nothing", "", Value::Null).await.0, 404);
    let url = format!("{}/v1/payments/1", world.sandbox.mercado_pago().base_url);
    assert_eq!(answer(world.plain.get(&url)).await.0, 401);
    world.sandbox.revoke_tokens(GatewayName::MercadoPago);
    assert_eq!(
        world.mp("GET", "/v1/payments/1", "", Value::Null).await.0,
        401
    );
    let (status, body) = world
        .mp("POST", "/v1/transaction-intents/process", "k", json!({}))
        .await;
    assert_eq!((status, &body["message"]), (400, &json!("Invalid site")));
}

#[tokio::test]
async fn charges_are_cancelled_or_expire() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for key in ["a", "b"] {
        ids.push(
            world
                .mp("POST", "/v1/payments", key, payment_body(key, json!(3)))
                .await
                .1["id"]
                .as_i64()
                .unwrap(),
        );
    }
    let path = format!("/v1/payments/{}", ids[0]);
    assert_eq!(
        world
            .mp("PUT", &path, "k", json!({"status": "approved"}))
            .await
            .0,
        400
    );
    let (status, body) = world
        .mp("PUT", &path, "k", json!({"status": "cancelled"}))
        .await;
    assert_eq!((status, &body["status"]), (200, &json!("cancelled")));
    assert_eq!(
        world
            .control(
                "POST",
                &format!("/sandbox/charges/{}/pay", ids[0]),
                Value::Null
            )
            .await
            .1["code"],
        "removed"
    );
    world.sandbox.advance_clock(Duration::from_secs(86_401));
    let path = format!("/v1/payments/{}", ids[1]);
    let start = std::time::Instant::now();
    loop {
        let (_, body) = world.mp("GET", &path, "", Value::Null).await;
        if body["status"] == "cancelled" {
            assert_eq!(body["status_detail"], "expired");
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(10));
    }
    assert_eq!(
        world
            .control(
                "POST",
                &format!("/sandbox/charges/{}/pay", ids[1]),
                Value::Null
            )
            .await
            .1["code"],
        "expired"
    );
    assert_eq!(
        world
            .control(
                "POST",
                "/sandbox/charges/b/pay",
                json!({"allow_expired": true})
            )
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn refunds_are_partial_full_and_once_per_key() {
    let world = World::new().await;
    let id = world.paid_payment("dep-1", json!(10)).await;
    let path = format!("/v1/payments/{id}/refunds");
    assert_eq!(
        cause(&world.mp("POST", &path, "", json!({"amount": 1})).await.1),
        4292
    );
    let (status, made) = world.mp("POST", &path, "r1", json!({"amount": 1.25})).await;
    assert_eq!(
        (status, &made["status"], &made["amount"]),
        (201, &json!("approved"), &json!(1.25))
    );
    let (status, replay) = world.mp("POST", &path, "r1", json!({"amount": 1.25})).await;
    assert_eq!((status, replay), (200, Value::Null));
    assert_eq!(
        cause(
            &world
                .mp("POST", &path, "r2", json!({"amount": 8.76}))
                .await
                .1
        ),
        2017
    );
    assert_eq!(
        world
            .mp("POST", &path, "r2", json!({"amount": "x"}))
            .await
            .0,
        400
    );
    let (_, partly) = world
        .mp("GET", &format!("/v1/payments/{id}"), "", Value::Null)
        .await;
    assert_eq!(
        (
            &partly["status"],
            &partly["status_detail"],
            &partly["transaction_amount_refunded"]
        ),
        (
            &json!("approved"),
            &json!("partially_refunded"),
            &json!(1.25)
        )
    );
    assert_eq!(
        world.mp("POST", &path, "r3", json!({})).await.1["amount"],
        json!(8.75)
    );
    assert_eq!(
        cause(&world.mp("POST", &path, "r4", json!({})).await.1),
        2063
    );
    let (_, whole) = world
        .mp("GET", &format!("/v1/payments/{id}"), "", Value::Null)
        .await;
    assert_eq!(whole["status"], "refunded");
    let (_, list) = world.mp("GET", &path, "", Value::Null).await;
    assert_eq!(list.as_array().unwrap().len(), 2);
    let (status, one) = world
        .mp("GET", &format!("{path}/{}", made["id"]), "", Value::Null)
        .await;
    assert_eq!((status, &one["id"]), (200, &made["id"]));
    assert_eq!(
        world
            .mp("GET", &format!("{path}/1"), "", Value::Null)
            .await
            .0,
        404
    );
    assert_eq!(
        world
            .mp("POST", "/v1/payments/7/refunds", "r", json!({}))
            .await
            .0,
        404
    );
    let refunds: Vec<_> = world
        .sandbox
        .ledger()
        .into_iter()
        .filter(|entry| entry.kind == EntryKind::Refund)
        .collect();
    assert_eq!(
        refunds
            .iter()
            .map(|entry| (entry.amount_cents, entry.key.clone().unwrap()))
            .collect::<Vec<_>>(),
        [(125, "r1".to_owned()), (875, "r3".to_owned())]
    );
}

#[tokio::test]
async fn a_refund_in_process_is_told_only_to_those_who_ask() {
    let world = World::new().await;
    let id = world.paid_payment("dep-1", json!(10)).await;
    world
        .sandbox
        .change_options(|options| options.settle_delay_ms = 60_000);
    let path = format!("/v1/payments/{id}/refunds");
    assert_eq!(
        world.mp("POST", &path, "r1", json!({"amount": 1})).await.0,
        400
    );
    let request = world
        .mp_request("POST", &path)
        .header("X-Idempotency-Key", "r2")
        .header("X-Render-In-Process-Refunds", "true");
    let (status, body) = answer(request.json(&json!({"amount": 2}))).await;
    assert_eq!((status, &body["status"]), (201, &json!("in_process")));
    assert_eq!(world.sandbox.ledger().len(), 1);
    world.sandbox.advance_clock(Duration::from_secs(61));
    crate::support::until("both refunds settle", || {
        (world.sandbox.ledger().len() == 3).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_gateway_may_take_money_back() {
    let world = World::new().await;
    let panel = world.paid_payment("dep-1", json!(10)).await;
    let dispute = world.paid_payment("dep-2", json!(5)).await;
    assert_eq!(
        world
            .control(
                "POST",
                &format!("/sandbox/charges/{panel}/reverse"),
                json!({"amount_cents": 400})
            )
            .await
            .0,
        200
    );
    assert_eq!(
        world
            .control(
                "POST",
                &format!("/sandbox/charges/{dispute}/reverse"),
                json!({"how": "charge_back"})
            )
            .await
            .0,
        200
    );
    let (_, body) = world
        .mp("GET", &format!("/v1/payments/{panel}"), "", Value::Null)
        .await;
    assert_eq!(
        (&body["status"], &body["refunds"][0]["source"]["type"]),
        (&json!("approved"), &json!("admin"))
    );
    let (_, body) = world
        .mp("GET", &format!("/v1/payments/{dispute}"), "", Value::Null)
        .await;
    assert_eq!(
        (&body["status"], &body["status_detail"]),
        (&json!("charged_back"), &json!("settled"))
    );
    let reversed: Vec<_> = world
        .sandbox
        .ledger()
        .into_iter()
        .filter(|entry| entry.kind == EntryKind::Reversal)
        .map(|entry| entry.amount_cents)
        .collect();
    assert_eq!(reversed, [400, 500]);
}

const INTENTS: &str = "/v1/transaction-intents/process";

#[tokio::test]
async fn a_payout_is_accepted_settles_and_returns() {
    let world = World::new().await;
    let (status, made) = world
        .mp(
            "POST",
            INTENTS,
            "k1",
            intent_body("wd-1", json!(100.0), "ana@example.com"),
        )
        .await;
    assert_eq!(
        (status, &made["status"], &made["status_detail"]),
        (202, &json!("approved"), &Value::Null)
    );
    let path = format!("/v1/transaction-intents/{}", made["id"].as_str().unwrap());
    let (status, read) = world.mp("GET", &path, "", Value::Null).await;
    assert_eq!(
        (status, &read["status"], &read["status_detail"]),
        (200, &json!("processed"), &json!("approved"))
    );
    assert_eq!(
        read["transaction"]["to"]["accounts"][0]["status_detail"],
        "approved"
    );
    let (status, replay) = world
        .mp(
            "POST",
            INTENTS,
            "k1",
            intent_body("wd-1", json!(100.0), "ana@example.com"),
        )
        .await;
    assert_eq!((status, &replay), (202, &made));
    world
        .sandbox
        .change_options(|options| options.payout_replay = PayoutReplay::Present);
    let again = intent_body("wd-1", json!(100.0), "ana@example.com");
    assert_eq!(world.mp("POST", INTENTS, "k1", again).await, (202, read));
    for (mode, code) in [
        (PayoutReplay::Empty, 200),
        (PayoutReplay::Conflict, 409),
        (PayoutReplay::Locked, 424),
    ] {
        world
            .sandbox
            .change_options(|options| options.payout_replay = mode);
        assert_eq!(
            world
                .mp(
                    "POST",
                    INTENTS,
                    "k1",
                    intent_body("wd-1", json!(100.0), "ana@example.com")
                )
                .await
                .0,
            code
        );
    }
    let ledger = world.sandbox.ledger();
    assert_eq!(ledger.len(), 1);
    assert_eq!(
        (
            ledger[0].kind,
            ledger[0].amount_cents,
            ledger[0].reference.as_str()
        ),
        (EntryKind::Sent, 10_000, "wd-1")
    );

    assert_eq!(
        world
            .control(
                "POST",
                "/sandbox/payouts/wd-1/return",
                json!({"amount_cents": 1})
            )
            .await
            .0,
        200
    );
    let (_, partly) = world.mp("GET", &path, "", Value::Null).await;
    assert_eq!(
        (&partly["status"], &partly["transaction"]["refunded_amount"]),
        (&json!("processed"), &json!(0.01))
    );
    assert_eq!(
        world
            .control("POST", "/sandbox/payouts/wd-1/return", Value::Null)
            .await
            .0,
        200
    );
    assert_eq!(
        world.mp("GET", &path, "", Value::Null).await.1["status"],
        "refunded"
    );
    assert_eq!(
        world.sandbox.balance_cents(GatewayName::MercadoPago),
        1_000_000
    );
}

#[tokio::test]
async fn payouts_are_refused_at_once_or_later() {
    let world = World::with(SandboxConfig {
        initial_float_cents: 1_000,
        ..SandboxConfig::default()
    })
    .await;
    let good = intent_body("wd-1", json!(1), "ana@example.com");
    let with = |pointer: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let chave = "/transaction/to/accounts/0/chave";
    for (body, code) in [
        (
            with("/external_reference", json!("no spaces")),
            "invalid_external_reference",
        ),
        (
            with("/point_of_interaction/type", json!("PIX")),
            "invalid_point_of_interaction",
        ),
        (
            with("/transaction/total_amount", json!(2)),
            "invalid_amount",
        ),
        (
            with("/transaction/from/accounts/0/amount", json!(2)),
            "invalid_amount",
        ),
        (
            with("/transaction/from/accounts", json!([])),
            "invalid_body",
        ),
        (
            with(chave, json!({"type": "EVP", "value": "x"})),
            "invalid_chave",
        ),
        (
            with(
                chave,
                json!({"type": "EMAIL", "value": "unknown-key@x.com"}),
            ),
            "invalid_chave",
        ),
        (
            with(
                chave,
                json!({"type": "EMAIL", "value": "wrong-owner@x.com"}),
            ),
            "invalid_identification",
        ),
    ] {
        let (status, answer) = world.mp("POST", INTENTS, "k", body.clone()).await;
        assert_eq!((status, &answer["error"]), (400, &json!(code)), "{body}");
    }
    assert_eq!(
        world.mp("POST", INTENTS, "", good.clone()).await.1["error"],
        "idempotency_key_required"
    );
    for (key, payee, amount, detail) in [
        ("a", "refuse-ac03@x.com", 1, "by_bank"),
        ("b", "risk@x.com", 1, "by_high_risk"),
        ("c", "ana@x.com", 11, "insufficient_funds"),
    ] {
        let (status, made) = world
            .mp("POST", INTENTS, key, intent_body(key, json!(amount), payee))
            .await;
        assert_eq!((status, &made["status"]), (202, &json!("approved")));
        let (_, read) = world
            .mp(
                "GET",
                &format!("/v1/transaction-intents/{}", made["id"].as_str().unwrap()),
                "",
                Value::Null,
            )
            .await;
        assert_eq!(
            (&read["status"], &read["status_detail"]),
            (&json!("failed"), &json!(detail))
        );
    }
    assert!(world.sandbox.ledger().is_empty());
    assert_eq!(
        world
            .mp("GET", "/v1/transaction-intents/none", "", Value::Null)
            .await
            .0,
        404
    );
}

#[tokio::test]
async fn signatures_are_checked_over_the_raw_body() {
    let world = World::new().await;
    let access = world.sandbox.mercado_pago();
    let pair = Ed25519KeyPair::from_seed_unchecked(&access.signing_seed).unwrap();
    let body = intent_body("wd-1", json!(1), "ana@example.com").to_string();
    let signature = STANDARD.encode(pair.sign(body.as_bytes()).as_ref());
    let send = |body: String, signature: Option<String>| {
        let request = world
            .mp_request("POST", INTENTS)
            .header("X-Idempotency-Key", "k")
            .header("X-enforce-signature", "true");
        let request = signature.into_iter().fold(request, |request, signature| {
            request.header("X-signature", signature)
        });
        answer(request.body(body))
    };
    assert_eq!(
        send(body.clone(), None).await.1["error"],
        "invalid_signature"
    );
    assert_eq!(
        send(format!("{body} "), Some(signature.clone())).await.0,
        400
    );
    assert_eq!(send(body, Some(signature)).await.0, 202);
    assert_eq!(world.sandbox.ledger().len(), 1);
    let der = access
        .signing_key_pem
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect::<String>();
    assert!(Ed25519KeyPair::from_pkcs8_maybe_unchecked(&STANDARD.decode(der).unwrap()).is_ok());
}

#[tokio::test]
async fn test_payouts_follow_their_reference_and_leave_no_trace() {
    let world = World::new().await;
    let send = async |reference: &str| {
        let request = world
            .mp_request("POST", INTENTS)
            .header("X-Idempotency-Key", reference)
            .header("X-test-token", "true");
        answer(request.json(&intent_body(reference, json!(1), "ana@example.com"))).await
    };
    for (reference, status, detail) in [
        ("anything", "processed", "approved"),
        ("new", "new", "new"),
        ("failed_by_bank", "failed", "by_bank"),
        ("failed_insufficient_funds", "failed", "insufficient_funds"),
        ("reverted", "reverted", "refunded"),
        (
            "partially_processed_pending_bank",
            "partially_processed",
            "pending_bank",
        ),
    ] {
        let (code, body) = send(reference).await;
        assert_eq!(
            (code, &body["status"], &body["status_detail"]),
            (202, &json!(status), &json!(detail)),
            "{reference}"
        );
        let path = format!("/v1/transaction-intents/{}", body["id"].as_str().unwrap());
        assert_eq!(world.mp("GET", &path, "", Value::Null).await.0, 404);
    }
    assert_eq!(send("internal_server_error").await.0, 500);
    assert_eq!(send("timeout").await.1["status"], "approved");
    assert!(world.sandbox.ledger().is_empty());
}

#[tokio::test]
async fn the_account_answers_probes() {
    let world = World::new().await;
    assert_eq!(
        world
            .mp("GET", "/v1/payment_methods", "", Value::Null)
            .await
            .1[0]["id"],
        "pix"
    );
    assert_eq!(
        world.mp("GET", "/users/me", "", Value::Null).await.1["site_id"],
        "MLB"
    );
}

fn reversals(world: &World) -> Vec<i64> {
    let ledger = world.sandbox.ledger().into_iter();
    ledger
        .filter(|entry| entry.kind == EntryKind::Reversal)
        .map(|entry| entry.amount_cents)
        .collect()
}

#[tokio::test]
async fn a_dispute_keeps_the_money_and_takes_it_only_when_it_is_lost() {
    let world = World::new().await;
    for (number, how, step, open, end, taken) in [
        (
            1,
            "mediation",
            "won",
            "in_mediation/pending",
            "approved/accredited",
            false,
        ),
        (
            2,
            "mediation",
            "lost",
            "in_mediation/pending",
            "refunded/by_admin",
            true,
        ),
        (
            3,
            "charge_back",
            "won",
            "charged_back/in_process",
            "charged_back/reimbursed",
            false,
        ),
        (
            4,
            "charge_back",
            "lost",
            "charged_back/in_process",
            "charged_back/settled",
            true,
        ),
    ] {
        let id = world
            .paid_payment(&format!("dep-{number}"), json!(10))
            .await;
        let path = format!("/sandbox/charges/{id}/dispute");
        let (available, reversed) = (
            world.available("mercado_pago").await,
            reversals(&world).len(),
        );
        let read = || async {
            let payment = format!("/v1/payments/{id}");
            let (_, body) = world.mp("GET", &payment, "", Value::Null).await;
            let text = |name| body[name].as_str().unwrap_or_default().to_owned();
            format!("{}/{}", text("status"), text("status_detail"))
        };
        let too_early = json!({"step": step, "how": how});
        assert_eq!(world.control("POST", &path, too_early).await.0, 409);

        let begun = json!({"how": how});
        assert_eq!(world.control("POST", &path, begun.clone()).await.0, 200);
        assert_eq!(read().await, open);
        assert_eq!(world.control("POST", &path, begun).await.0, 409, "once");
        assert_eq!(
            world.available("mercado_pago").await,
            available - 1_000,
            "kept from us"
        );
        let refund = format!("/v1/payments/{id}/refunds");
        let key = format!("r{number}");
        assert_eq!(world.mp("POST", &refund, &key, json!({})).await.0, 400);
        let reverse = format!("/sandbox/charges/{id}/reverse");
        assert_eq!(world.control("POST", &reverse, json!({})).await.0, 409);
        assert_eq!(reversals(&world).len(), reversed, "nothing has moved yet");

        assert_eq!(
            world.control("POST", &path, json!({"step": step})).await.0,
            200
        );
        assert_eq!(read().await, end, "{how} {step}");
        let gone = if taken { 1_000 } else { 0 };
        assert_eq!(world.available("mercado_pago").await, available - gone);
        assert_eq!(reversals(&world).len(), reversed + usize::from(taken));
    }
    assert_eq!(reversals(&world), [1_000, 1_000]);
    // A payment has one state: a part of it cannot be charged back.
    let id = world.paid_payment("dep-5", json!(10)).await;
    for path in ["dispute", "reverse"] {
        let path = format!("/sandbox/charges/{id}/{path}");
        let part = json!({"how": "charge_back", "amount_cents": 300});
        assert_eq!(world.control("POST", &path, part).await.0, 409);
    }
    let none = "/sandbox/charges/1/dispute";
    assert_eq!(world.control("POST", none, json!({})).await.0, 404);
}
