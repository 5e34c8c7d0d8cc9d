//! Every fault mode, for every operation it touches: what the client sees and what was executed.

use std::time::{Duration, Instant};

use sandbox::{EntryKind, Fault, FaultMode, GatewayName, Operation};
use serde_json::{Value, json};

use crate::support::{World, intent_body, payment_body, txid, until};

const EFI: GatewayName = GatewayName::Efi;
const MERCADO_PAGO: GatewayName = GatewayName::MercadoPago;
const INTENTS: &str = "/v1/transaction-intents/process";

/// Status and body of one payout; `None` when no whole answer came within the patience.
async fn payout(
    world: &World,
    gateway: GatewayName,
    key: &str,
    patience_ms: u64,
) -> Option<(u16, Vec<u8>)> {
    let request = match gateway {
        GatewayName::Efi => {
            let request = world.efi_request("PUT", &format!("/v3/gn/pix/{key}")).await;
            request.json(&world.send_body("1.00", "a@b.c"))
        }
        GatewayName::MercadoPago => {
            let request = world
                .mp_request("POST", INTENTS)
                .header("X-Idempotency-Key", key);
            request.json(&intent_body(key, json!(1), "a@b.c"))
        }
    };
    let answer = request
        .timeout(Duration::from_millis(patience_ms))
        .send()
        .await
        .ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.bytes().await.ok()?.to_vec()))
}

fn sent(world: &World, gateway: GatewayName, key: &str) -> usize {
    let ledger = world.sandbox.ledger();
    ledger
        .iter()
        .filter(|e| e.gateway == gateway && e.kind == EntryKind::Sent && e.reference == key)
        .count()
}

/// What a payout under a fault looks like from outside, and whether it was executed.
struct Expected {
    mode: FaultMode,
    efi: Option<u16>,
    mercado_pago: Option<u16>,
    executed: bool,
}

fn expected(
    mode: FaultMode,
    efi: Option<u16>,
    mercado_pago: Option<u16>,
    executed: bool,
) -> Expected {
    Expected {
        mode,
        efi,
        mercado_pago,
        executed,
    }
}

#[tokio::test]
async fn payouts_under_every_mode() {
    let world = World::new().await;
    world.efi("GET", "/v2/gn/saldo", Value::Null).await; // fetches the token before the faults
    let table = [
        expected(FaultMode::Healthy, Some(201), Some(202), true),
        expected(FaultMode::Slow, Some(201), Some(202), true),
        expected(FaultMode::Error500, Some(500), Some(500), false),
        expected(FaultMode::Error500AfterCommit, Some(500), Some(500), true),
        expected(FaultMode::TimeoutBefore, None, None, false),
        expected(FaultMode::TimeoutAfterCommit, None, None, true),
        expected(FaultMode::DropReply, None, None, true),
        expected(FaultMode::Reject, Some(422), Some(400), false),
        expected(FaultMode::AsyncReject, Some(201), Some(202), false),
        expected(FaultMode::RateLimited, Some(429), Some(429), false),
        expected(FaultMode::Truncated, None, None, true),
        expected(FaultMode::Empty2xx, Some(201), Some(202), true),
        expected(FaultMode::Html502, Some(502), Some(502), false),
        expected(FaultMode::UnknownStatus, Some(201), Some(202), true),
    ];
    for (number, row) in table.iter().enumerate() {
        for (gateway, status) in [(EFI, row.efi), (MERCADO_PAGO, row.mercado_pago)] {
            let key = format!("w{number}");
            world
                .sandbox
                .set_fault(gateway, Fault::new(row.mode).latency_ms(50))
                .await;
            let start = Instant::now();
            let patience = if status.is_some() { 10_000 } else { 400 };
            let answer = payout(&world, gateway, &key, patience).await;
            assert_eq!(
                answer.as_ref().map(|(status, _)| *status),
                status,
                "{gateway:?} {:?}",
                row.mode
            );
            assert_eq!(
                sent(&world, gateway, &key),
                usize::from(row.executed),
                "{gateway:?} {:?}",
                row.mode
            );
            let body = answer
                .map(|(_, body)| String::from_utf8_lossy(&body).into_owned())
                .unwrap_or_default();
            match row.mode {
                FaultMode::Slow => assert!(start.elapsed() >= Duration::from_millis(50)),
                FaultMode::Empty2xx => assert_eq!(body, ""),
                FaultMode::Html502 => assert!(body.starts_with("<html>")),
                FaultMode::UnknownStatus => {
                    assert!(body.contains("SITUACAO_NOVA") && body.contains("campo_novo"))
                }
                FaultMode::Reject if gateway == EFI => assert!(body.contains("pagamento_negado")),
                FaultMode::Reject => assert!(body.contains("invalid_chave")),
                _ => {}
            }
            let record = world
                .sandbox
                .requests()
                .into_iter()
                .rfind(|request| request.key.as_deref() == Some(&key))
                .unwrap();
            assert_eq!(
                record.fault,
                (row.mode != FaultMode::Healthy).then_some(row.mode)
            );
            // A payout that is refused later was accepted all the same.
            assert_eq!(
                record.executed,
                row.executed || row.mode == FaultMode::AsyncReject,
                "{:?}",
                row.mode
            );
        }
    }
}

#[tokio::test]
async fn a_lost_answer_is_found_again_and_never_paid_twice() {
    let world = World::new().await;
    for gateway in [EFI, MERCADO_PAGO] {
        world
            .sandbox
            .set_fault(
                gateway,
                Fault::on(Operation::Payout, FaultMode::DropReply).times(1),
            )
            .await;
    }
    assert!(payout(&world, EFI, "w1", 5_000).await.is_none());
    assert_eq!(payout(&world, EFI, "w1", 5_000).await.unwrap().0, 409);
    assert_eq!(
        world
            .efi("GET", "/v2/gn/pix/enviados/id-envio/w1", Value::Null)
            .await
            .1["status"],
        "REALIZADO"
    );
    assert!(payout(&world, MERCADO_PAGO, "w2", 5_000).await.is_none());
    let (status, body) = payout(&world, MERCADO_PAGO, "w2", 5_000).await.unwrap();
    assert_eq!(
        (
            status,
            serde_json::from_slice::<Value>(&body).unwrap()["status"].clone()
        ),
        (202, json!("approved"))
    );
    assert_eq!(
        (sent(&world, EFI, "w1"), sent(&world, MERCADO_PAGO, "w2")),
        (1, 1)
    );
}

#[tokio::test]
async fn settle_late_and_lookup_lag() {
    let world = World::new().await;
    for gateway in [EFI, MERCADO_PAGO] {
        world
            .sandbox
            .set_fault(
                gateway,
                Fault::on(Operation::Payout, FaultMode::SettleLate).latency_ms(600_000),
            )
            .await;
        world
            .sandbox
            .set_fault(
                gateway,
                Fault::on(Operation::Lookup, FaultMode::LookupLag).latency_ms(60_000),
            )
            .await;
        assert!(payout(&world, gateway, "w1", 5_000).await.is_some());
    }
    let lookup = "/v2/gn/pix/enviados/id-envio/w1";
    assert_eq!(world.efi("GET", lookup, Value::Null).await.0, 404);
    world.sandbox.advance_clock(Duration::from_secs(61));
    assert_eq!(
        world.efi("GET", lookup, Value::Null).await.1["status"],
        "EM_PROCESSAMENTO"
    );
    assert!(world.sandbox.ledger().is_empty());
    world.sandbox.advance_clock(Duration::from_secs(600));
    until("both settle", || {
        (world.sandbox.ledger().len() == 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn charges_and_refunds_under_faults() {
    let world = World::new().await;
    let e2e = world.paid_cob(&txid(1), "10.00").await;
    let payment = world.paid_payment("dep-1", json!(10)).await;
    for (mode, executed, status) in [
        (FaultMode::Error500, false, Some(500)),
        (FaultMode::Error500AfterCommit, true, Some(500)),
        (FaultMode::DropReply, true, None),
        (FaultMode::Reject, false, Some(400)),
        (FaultMode::AsyncReject, false, Some(201)),
    ] {
        for gateway in [EFI, MERCADO_PAGO] {
            world.sandbox.set_fault(gateway, Fault::new(mode)).await;
        }
        let before = refunds(&world);
        let id = format!("r{}", mode as u8);
        let request = world
            .efi_request("PUT", &format!("/v2/pix/{e2e}/devolucao/{id}"))
            .await;
        let efi = request.json(&json!({"valor": "0.50"})).send().await.ok();
        assert_eq!(
            efi.map(|answer| answer.status().as_u16()),
            status,
            "{mode:?}"
        );
        let request = world.mp_request("POST", &format!("/v1/payments/{payment}/refunds"));
        let request = request
            .header("X-Idempotency-Key", &id)
            .header("X-Render-In-Process-Refunds", "true");
        let mercado_pago = request.json(&json!({"amount": 0.5})).send().await.ok();
        assert_eq!(
            mercado_pago.map(|answer| answer.status().as_u16()),
            status,
            "{mode:?}"
        );
        assert_eq!(
            refunds(&world) - before,
            if executed { 2 } else { 0 },
            "{mode:?}"
        );

        let charge = txid(100 + mode as u32);
        let request = world.efi_request("PUT", &format!("/v2/cob/{charge}")).await;
        let made = request.json(&world.cob_body("1.00")).send().await.ok();
        assert_eq!(
            made.map(|answer| answer.status().as_u16()),
            status,
            "{mode:?}"
        );
        let (found, body) = world
            .efi("GET", &format!("/v2/cob/{charge}"), Value::Null)
            .await;
        let made_for_real = executed || mode == FaultMode::AsyncReject;
        assert_eq!(found == 200, made_for_real, "{mode:?}");
        if mode == FaultMode::AsyncReject {
            assert_eq!(body["status"], "REMOVIDA_PELO_PSP");
        }
        let request = world
            .mp_request("POST", "/v1/payments")
            .header("X-Idempotency-Key", &id);
        let made = request.json(&payment_body(&id, json!(1))).send().await.ok();
        assert_eq!(
            made.map(|answer| answer.status().as_u16()),
            status,
            "{mode:?}"
        );
        let (_, found) = world
            .mp(
                "GET",
                &format!("/v1/payments/search?external_reference={id}"),
                "",
                Value::Null,
            )
            .await;
        assert_eq!(
            found["paging"]["total"],
            u8::from(made_for_real),
            "{mode:?}"
        );
    }
}

fn refunds(world: &World) -> usize {
    world
        .sandbox
        .ledger()
        .iter()
        .filter(|entry| entry.kind == EntryKind::Refund)
        .count()
}

#[tokio::test]
async fn token_and_lookup_have_faults_of_their_own() {
    let world = World::new().await;
    world.efi("GET", "/v2/gn/saldo", Value::Null).await;
    world
        .sandbox
        .set_fault(EFI, Fault::on(Operation::Token, FaultMode::Error500))
        .await;
    world
        .sandbox
        .set_fault(EFI, Fault::on(Operation::Lookup, FaultMode::Html502))
        .await;
    let access = world.sandbox.efi();
    let url = format!("{}/oauth/token", access.base_url);
    assert_eq!(
        world
            .efi
            .post(url)
            .basic_auth("a", Some("b"))
            .send()
            .await
            .unwrap()
            .status(),
        500
    );
    assert_eq!(
        world
            .efi("GET", "/v2/gn/pix/enviados/id-envio/w", Value::Null)
            .await
            .0,
        502
    );
    assert_eq!(payout(&world, EFI, "w1", 5_000).await.unwrap().0, 201);
    let limited = Fault::on(Operation::Payout, FaultMode::RateLimited);
    world.sandbox.set_fault(EFI, limited.clone()).await;
    world.sandbox.set_fault(MERCADO_PAGO, limited).await;
    let request = world
        .efi_request("PUT", "/v3/gn/pix/w2")
        .await
        .json(&world.send_body("1.00", "a@b.c"));
    let answer = request.send().await.unwrap();
    assert_eq!(
        (
            answer.headers()["retry-after"].as_bytes(),
            answer.headers()["bucket-size"].as_bytes()
        ),
        (&b"1"[..], &b"0"[..])
    );
    let answer = world
        .mp_request("POST", INTENTS)
        .header("X-Idempotency-Key", "k")
        .json(&intent_body("k", json!(1), "a@b.c"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.headers()["retry-after"].as_bytes()
        ),
        (429, &b"1"[..])
    );
    // The marker strikes one request without the panel.
    world
        .sandbox
        .set_fault(EFI, Fault::new(FaultMode::Healthy))
        .await;
    let request = world
        .efi_request("PUT", "/v3/gn/pix/w3")
        .await
        .header("x-sandbox-fault", "error_500");
    assert_eq!(
        request
            .json(&world.send_body("1.00", "a@b.c"))
            .send()
            .await
            .unwrap()
            .status(),
        500
    );
    assert_eq!(payout(&world, EFI, "w3", 5_000).await.unwrap().0, 201);
}

#[tokio::test]
async fn flaky_fails_by_its_seed_and_every_accepted_key_was_paid_once() {
    let world = World::new().await;
    world
        .sandbox
        .set_fault(EFI, Fault::new(FaultMode::Flaky).probability(0.6, 7))
        .await;
    let (mut whole, mut failed, mut cut) = (0, 0, 0);
    for number in 0..40 {
        let key = format!("w{number}");
        loop {
            match payout(&world, EFI, &key, 5_000)
                .await
                .map(|(status, _)| status)
            {
                Some(201) => whole += 1,
                Some(500) => {
                    failed += 1;
                    continue;
                }
                Some(409) => {}
                Some(other) => panic!("{other}"),
                None => {
                    cut += 1;
                    continue;
                }
            }
            break;
        }
        assert_eq!(sent(&world, EFI, &key), 1);
    }
    assert!(whole > 5 && failed > 5 && cut > 5, "{whole} {failed} {cut}");
}

#[tokio::test]
async fn down_refuses_connects_cuts_connections_and_comes_back_on_the_same_port() {
    let world = World::new().await;
    let gateways = [
        ("efi", EFI, world.sandbox.efi().base_url),
        (
            "mercado_pago",
            MERCADO_PAGO,
            world.sandbox.mercado_pago().base_url,
        ),
    ];
    for (name, gateway, url) in gateways {
        assert!(payout(&world, gateway, "w1", 5_000).await.is_some());
        // One idle connection sits in the client's pool, one request hangs in another.
        world
            .sandbox
            .set_fault(
                gateway,
                Fault::on(Operation::Payout, FaultMode::TimeoutBefore),
            )
            .await;
        let address = url.rsplit("//").next().unwrap().to_owned();
        let path = format!("/sandbox/gateways/{name}/faults");
        let (hung, down) = tokio::join!(payout(&world, gateway, "w2", 10_000), async {
            until("the request has arrived", || {
                world
                    .sandbox
                    .requests()
                    .iter()
                    .find(|r| r.gateway == gateway && r.key.as_deref() == Some("w2"))
                    .map(drop)
            })
            .await;
            let start = Instant::now();
            let answer = world.control("PUT", &path, json!({"mode": "down"})).await;
            let refused = tokio::net::TcpStream::connect(&address).await;
            assert!(refused.is_err(), "{name} still listens");
            (answer, start.elapsed())
        });
        assert!(hung.is_none());
        assert_eq!(
            (down.0.0, &down.0.1["faults"][0]["mode"]),
            (200, &json!("down"))
        );
        assert!(down.1 < Duration::from_secs(3));
        assert!(payout(&world, gateway, "w3", 5_000).await.is_none());
        assert_eq!(
            world
                .control("PUT", &path, json!({"mode": "healthy"}))
                .await
                .0,
            200
        );
        assert!(payout(&world, gateway, "w3", 5_000).await.is_some());
        assert_eq!(
            (sent(&world, gateway, "w2"), sent(&world, gateway, "w3")),
            (0, 1)
        );
    }
}

#[tokio::test]
async fn a_gateway_can_be_taken_down_over_its_own_port() {
    let world = World::new().await;
    let url = format!(
        "{}/sandbox/gateways/mercado_pago/faults",
        world.sandbox.mercado_pago().base_url
    );
    let answer = world
        .plain
        .put(&url)
        .json(&json!({"mode": "down"}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert!(world.plain.get(&url).send().await.is_err());
    assert_eq!(
        world
            .control(
                "PUT",
                "/sandbox/gateways/mercado_pago/faults",
                json!({"mode": "healthy"})
            )
            .await
            .0,
        200
    );
    assert_eq!(world.plain.get(&url).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_panel_refuses_nonsense_and_shows_what_is_armed() {
    let world = World::new().await;
    let path = "/sandbox/gateways/efi/faults";
    for bad in [
        json!({}),
        json!({"mode": "explode"}),
        json!({"mode": "slow", "operation": "lunch"}),
        json!({"mode": "slow", "probability": 1.5}),
        json!({"mode": "slow", "unknown": 1}),
        json!({"mode": "lose", "operation": "payout"}),
        json!({"mode": "return"}),
    ] {
        assert_eq!(
            world.control("PUT", path, bad.clone()).await.0,
            422,
            "{bad}"
        );
    }
    assert_eq!(
        world
            .control(
                "PUT",
                "/sandbox/gateways/nobody/faults",
                json!({"mode": "slow"})
            )
            .await
            .0,
        404
    );
    let fault = json!({"operation": "payout", "mode": "error_500", "probability": 0.5, "latency_ms": 3, "seed": 4});
    assert_eq!(world.control("PUT", path, fault.clone()).await.0, 200);
    let (_, shown) = world.control("GET", path, Value::Null).await;
    assert_eq!(shown["faults"][0]["mode"], fault["mode"]);
    assert_eq!(shown["gateway"], "efi");
    assert_eq!(
        world
            .control("PUT", "/sandbox/options", json!({"settle_delay_ms": 7}))
            .await
            .1["settle_delay_ms"],
        7
    );
    assert_eq!(
        world
            .control("PUT", "/sandbox/options", json!({"no_such": 7}))
            .await
            .0,
        422
    );
    assert_eq!(
        world
            .control("GET", "/sandbox/options", Value::Null)
            .await
            .1["settle_delay_ms"],
        7
    );
    for path in ["ledger", "requests", "webhooks", "balances"] {
        assert_eq!(
            world
                .control("GET", &format!("/sandbox/{path}"), Value::Null)
                .await
                .0,
            200
        );
    }
    assert_eq!(
        world
            .control("POST", "/sandbox/tokens/revoke", json!({"gateway": "efi"}))
            .await
            .0,
        200
    );
    assert_eq!(
        world
            .control("POST", "/sandbox/clock/advance", json!({"milliseconds": 5}))
            .await
            .0,
        200
    );
}
