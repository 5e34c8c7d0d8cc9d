//! Efí payouts: by key, by bank data, by QR code; refusals, queries, returns.

use std::time::Duration;

use sandbox::{EntryKind, GatewayName, InsufficientBalance, SandboxConfig};
use serde_json::{Value, json};

use crate::support::{World, payment_body, txid};

const WINDOW: &str = "inicio=2020-01-01T00:00:00Z&fim=2090-01-01T00:00:00Z";

async fn status_of(world: &World, id: &str) -> Value {
    let (_, body) = world
        .efi(
            "GET",
            &format!("/v2/gn/pix/enviados/id-envio/{id}"),
            Value::Null,
        )
        .await;
    body["status"].clone()
}

#[tokio::test]
async fn a_send_is_accepted_settled_and_found() {
    let world = World::new().await;
    for (version, id) in [("v3", "w1"), ("v2", "w2")] {
        let (status, made) = world
            .efi(
                "PUT",
                &format!("/{version}/gn/pix/{id}"),
                world.send_body("12.34", "ana@example.com"),
            )
            .await;
        assert_eq!((status, &made["status"]), (201, &json!("EM_PROCESSAMENTO")));
        assert_eq!(made["e2eId"], made["endToEndId"]);
        let (status, read) = world
            .efi(
                "GET",
                &format!("/v2/gn/pix/enviados/id-envio/{id}"),
                Value::Null,
            )
            .await;
        assert_eq!(
            (status, &read["status"], &read["valor"]),
            (200, &json!("REALIZADO"), &json!("12.34"))
        );
        assert_eq!(read["favorecido"], json!({"chave": "ana@example.com"}));
        assert!(read["horario"]["liquidacao"].is_string());
        let e2e = made["e2eId"].as_str().unwrap();
        assert!(e2e.starts_with("E09089356") && e2e.len() == 32);
        let (_, same) = world
            .efi("GET", &format!("/v2/gn/pix/enviados/{e2e}"), Value::Null)
            .await;
        assert_eq!(same, read);
    }
    let ledger = world.sandbox.ledger();
    assert_eq!(
        ledger
            .iter()
            .map(|entry| entry.reference.as_str())
            .collect::<Vec<_>>(),
        ["w1", "w2"]
    );
    assert!(
        ledger
            .iter()
            .all(|entry| entry.kind == EntryKind::Sent && entry.amount_cents == 1234)
    );
    assert_eq!(
        world.sandbox.balance_cents(GatewayName::Efi),
        1_000_000 - 2468
    );
    let (_, list) = world
        .efi(
            "GET",
            &format!("/v2/gn/pix/enviados?{WINDOW}&status=REALIZADO"),
            Value::Null,
        )
        .await;
    assert_eq!(list["pix"].as_array().unwrap().len(), 2);
    let (status, missing) = world
        .efi("GET", "/v2/gn/pix/enviados/id-envio/none", Value::Null)
        .await;
    assert_eq!((status, missing["status"].as_i64()), (404, Some(404)));
    assert!(
        missing["type"]
            .as_str()
            .unwrap()
            .ends_with("/PixEnviadoNaoEncontrado")
    );
}

#[tokio::test]
async fn an_id_is_used_once_over_all_paths_and_never_replayed() {
    let world = World::new().await;
    let body = world.send_body("1.00", "ana@example.com");
    assert_eq!(world.efi("PUT", "/v3/gn/pix/w1", body.clone()).await.0, 201);
    let code = world
        .efi(
            "PUT",
            &format!("/v2/cob/{}", txid(1)),
            world.cob_body("1.00"),
        )
        .await
        .1;
    let by_code = json!({"pagador": {"chave": world.sandbox.efi().pix_key}, "pixCopiaECola": code["pixCopiaECola"]});
    for (path, body) in [
        ("/v3/gn/pix/w1", body.clone()),
        ("/v2/gn/pix/w1", body.clone()),
        ("/v2/gn/pix/w1/mesma-titularidade", body),
        ("/v2/gn/pix/w1/qrcode", by_code),
    ] {
        let (status, answer) = world.efi("PUT", path, body).await;
        assert_eq!(
            (status, &answer["nome"]),
            (409, &json!("id_envio_duplicado")),
            "{path}"
        );
    }
    assert_eq!(world.sandbox.ledger().len(), 1);
    let executed = world
        .sandbox
        .requests()
        .into_iter()
        .filter(|request| request.executed && request.key.as_deref() == Some("w1"));
    assert_eq!(executed.count(), 1);
}

#[tokio::test]
async fn bad_sends_are_refused_and_nothing_is_executed() {
    let world = World::new().await;
    let body = |changes: Value| {
        let mut body = world.send_body("1.00", "ana@example.com");
        body.as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        body
    };
    let account = json!({"nome": "Ana", "cpf": "12345678909", "codigoBanco": "60701190", "agencia": "1", "conta": "123", "tipoConta": "cacc"});
    let mut bad_account = account.clone();
    bad_account["tipoConta"] = json!("corrente");
    let cases = [
        ("w1", body(json!({"valor": "1"})), 400, "json_invalido"),
        ("w1", body(json!({"valor": "0.00"})), 400, "valor_invalido"),
        ("w-1", body(json!({})), 400, "json_invalido"),
        (
            "w1",
            body(json!({"pagador": {"chave": "not ours"}})),
            400,
            "chave_invalida",
        ),
        ("w1", body(json!({"favorecido": {}})), 400, "json_invalido"),
        (
            "w1",
            body(json!({"favorecido": {"chave": "a@b.c", "contaBanco": account}})),
            400,
            "json_invalido",
        ),
        (
            "w1",
            body(json!({"favorecido": {"contaBanco": bad_account}})),
            400,
            "json_invalido",
        ),
        (
            "w1",
            body(json!({"favorecido": {"chave": "unknown-key@x.com"}})),
            404,
            "chave_favorecido_nao_encontrada",
        ),
        (
            "w1",
            body(json!({"favorecido": {"chave": "12345678909", "cpf": "98765432100"}})),
            400,
            "chave_nao_pertence_ao_documento",
        ),
        (
            "w1",
            body(json!({"favorecido": {"chave": "risk@x.com"}})),
            422,
            "pagamento_negado",
        ),
    ];
    for (id, body, code, name) in cases {
        let (status, answer) = world
            .efi("PUT", &format!("/v3/gn/pix/{id}"), body.clone())
            .await;
        assert_eq!((status, &answer["nome"]), (code, &json!(name)), "{body}");
    }
    assert!(world.sandbox.ledger().is_empty());
    let good = body(json!({"favorecido": {"contaBanco": account}}));
    assert_eq!(world.efi("PUT", "/v3/gn/pix/w1", good).await.0, 201);
    let (_, read) = world
        .efi("GET", "/v2/gn/pix/enviados/id-envio/w1", Value::Null)
        .await;
    assert_eq!(read["favorecido"]["contaBanco"]["tipoConta"], "cacc");
    world
        .sandbox
        .change_options(|options| options.webhook_required_for_send = true);
    assert_eq!(
        world.efi("PUT", "/v3/gn/pix/w9", body(json!({}))).await.0,
        400
    );
}

#[tokio::test]
async fn the_payee_may_refuse_later() {
    let world = World::new().await;
    assert_eq!(
        world
            .efi(
                "PUT",
                "/v3/gn/pix/w1",
                world.send_body("1.00", "refuse-ac03@x.com")
            )
            .await
            .0,
        201
    );
    assert_eq!(status_of(&world, "w1").await, "NAO_REALIZADO");
    assert!(world.sandbox.ledger().is_empty());
    let (status, _) = world
        .control("POST", "/sandbox/payouts/w1/return", Value::Null)
        .await;
    assert_eq!(status, 409);
}

#[tokio::test]
async fn too_little_balance_shows_in_three_ways() {
    let world = World::with(SandboxConfig {
        initial_float_cents: 500,
        ..SandboxConfig::default()
    })
    .await;
    let body = world.send_body("5.01", "ana@example.com");
    let (status, answer) = world.efi("PUT", "/v3/gn/pix/w1", body.clone()).await;
    assert_eq!(
        (status, &answer["violacoes"][0]["propriedade"]),
        (400, &json!("qrcode.pagador"))
    );
    world
        .sandbox
        .change_options(|options| options.insufficient_balance = InsufficientBalance::Name);
    let (status, answer) = world.efi("PUT", "/v3/gn/pix/w1", body.clone()).await;
    assert_eq!(
        (status, &answer["nome"]),
        (400, &json!("saldo_insuficiente"))
    );
    world
        .sandbox
        .change_options(|options| options.insufficient_balance = InsufficientBalance::Late);
    assert_eq!(world.efi("PUT", "/v3/gn/pix/w1", body).await.0, 201);
    assert_eq!(status_of(&world, "w1").await, "NAO_REALIZADO");
    assert!(world.sandbox.ledger().is_empty());
    let (_, balance) = world
        .efi("GET", "/v2/gn/saldo?bloqueios=true", Value::Null)
        .await;
    assert_eq!(
        balance,
        json!({"saldo": "5.00", "bloqueios": {"judicial": "0.00", "med": "0.00", "total": "0.00"}})
    );
}

#[tokio::test]
async fn what_is_still_settling_is_not_spent_twice() {
    let world = World::with(SandboxConfig {
        initial_float_cents: 500,
        ..SandboxConfig::default()
    })
    .await;
    world
        .sandbox
        .change_options(|options| options.settle_delay_ms = 3_000_000);
    assert_eq!(
        world
            .efi("PUT", "/v3/gn/pix/w1", world.send_body("3.00", "a@b.c"))
            .await
            .0,
        201
    );
    assert_eq!(
        world
            .efi("PUT", "/v3/gn/pix/w2", world.send_body("3.00", "a@b.c"))
            .await
            .0,
        400
    );
    assert_eq!(status_of(&world, "w1").await, "EM_PROCESSAMENTO");
    assert!(world.sandbox.ledger().is_empty());
    world.sandbox.advance_clock(Duration::from_secs(3001));
    crate::support::until("the send settles", || {
        world.sandbox.ledger().first().cloned()
    })
    .await;
    assert_eq!(status_of(&world, "w1").await, "REALIZADO");
}

#[tokio::test]
async fn a_qr_code_of_either_gateway_pays_its_charge() {
    let world = World::new().await;
    let ours = world.sandbox.efi().pix_key;
    let (_, cob) = world
        .efi(
            "PUT",
            &format!("/v2/cob/{}", txid(1)),
            world.cob_body("7.00"),
        )
        .await;
    let (_, payment) = world
        .mp(
            "POST",
            "/v1/payments",
            "k",
            payment_body("dep-1", json!(8.5)),
        )
        .await;
    let mp_code = payment["point_of_interaction"]["transaction_data"]["qr_code"].clone();
    for (id, code) in [("w1", &cob["pixCopiaECola"]), ("w2", &mp_code)] {
        let body = json!({"pagador": {"chave": ours}, "pixCopiaECola": code});
        assert_eq!(
            world
                .efi("PUT", &format!("/v2/gn/pix/{id}/qrcode"), body.clone())
                .await
                .0,
            201,
            "{code}"
        );
        let (status, refused) = world
            .efi("PUT", &format!("/v2/gn/pix/{id}b/qrcode"), body)
            .await;
        assert_eq!(
            (status, &refused["violacoes"][0]["propriedade"]),
            (400, &json!("qrcode.status"))
        );
    }
    let (_, read) = world
        .efi("GET", &format!("/v2/cob/{}", txid(1)), Value::Null)
        .await;
    assert_eq!(read["status"], "CONCLUIDA");
    let (_, read) = world
        .mp(
            "GET",
            &format!("/v1/payments/{}", payment["id"]),
            "",
            Value::Null,
        )
        .await;
    assert_eq!(
        (&read["status"], &read["transaction_amount"]),
        (&json!("approved"), &json!(8.5))
    );

    let ledger = world.sandbox.ledger();
    let facts: Vec<_> = ledger
        .iter()
        .map(|e| (e.gateway, e.kind, e.amount_cents, e.reference.clone()))
        .collect();
    assert_eq!(
        facts,
        [
            (GatewayName::Efi, EntryKind::Sent, 700, "w1".to_owned()),
            (GatewayName::Efi, EntryKind::Received, 700, txid(1)),
            (GatewayName::Efi, EntryKind::Sent, 850, "w2".to_owned()),
            (
                GatewayName::MercadoPago,
                EntryKind::Received,
                850,
                "dep-1".to_owned()
            ),
        ]
    );
    assert_eq!(ledger[0].end_to_end_id, ledger[1].end_to_end_id);
    assert_eq!(ledger[2].end_to_end_id, ledger[3].end_to_end_id);
}

#[tokio::test]
async fn two_sends_racing_for_one_code_pay_it_once() {
    let world = World::new().await;
    world
        .sandbox
        .change_options(|options| options.settle_delay_ms = 50);
    let (_, cob) = world
        .efi(
            "PUT",
            &format!("/v2/cob/{}", txid(1)),
            world.cob_body("7.00"),
        )
        .await;
    let body = json!({"pagador": {"chave": world.sandbox.efi().pix_key}, "pixCopiaECola": cob["pixCopiaECola"]});
    for id in ["w1", "w2"] {
        assert_eq!(
            world
                .efi("PUT", &format!("/v2/gn/pix/{id}/qrcode"), body.clone())
                .await
                .0,
            201
        );
    }
    world.sandbox.advance_clock(Duration::from_secs(1));
    crate::support::until("both end", || {
        (world.sandbox.ledger().len() >= 2).then_some(())
    })
    .await;
    let mut ends = Vec::new();
    for id in ["w1", "w2"] {
        let start = std::time::Instant::now();
        while status_of(&world, id).await == "EM_PROCESSAMENTO" {
            assert!(start.elapsed() < Duration::from_secs(10));
        }
        ends.push(status_of(&world, id).await);
    }
    ends.sort_by_key(Value::to_string);
    assert_eq!(ends, [json!("NAO_REALIZADO"), json!("REALIZADO")]);
    assert_eq!(world.sandbox.ledger().len(), 2);
}

#[tokio::test]
async fn foreign_and_damaged_codes() {
    let world = World::new().await;
    let ours = world.sandbox.efi().pix_key;
    let fixed = "00020126330014br.gov.bcb.pix0111123456789095204000053039865406123.455802BR5905Maria6009SAO PAULO62070503***6304";
    let code = format!("{fixed}{:04X}", crc(fixed.as_bytes()));
    let body = |code: &str| json!({"pagador": {"chave": ours}, "pixCopiaECola": code});
    assert_eq!(
        world
            .efi("PUT", "/v2/gn/pix/w1/qrcode", body(&code))
            .await
            .0,
        201
    );
    assert_eq!(world.sandbox.ledger()[0].amount_cents, 12345);
    let (status, details) = world
        .efi(
            "POST",
            "/v2/gn/qrcodes/detalhar",
            json!({"pixCopiaECola": code}),
        )
        .await;
    assert_eq!((status, &details["chave"]), (200, &json!("12345678909")));
    for bad in ["", "nonsense", &code.replace("123.45", "999.99")] {
        assert_eq!(
            world.efi("PUT", "/v2/gn/pix/w2/qrcode", body(bad)).await.0,
            400,
            "{bad}"
        );
    }
    let (_, cob) = world
        .efi(
            "PUT",
            &format!("/v2/cob/{}", txid(1)),
            world.cob_body("7.00"),
        )
        .await;
    let (_, details) = world
        .efi(
            "POST",
            "/v2/gn/qrcodes/detalhar",
            json!({"pixCopiaECola": cob["pixCopiaECola"]}),
        )
        .await;
    assert_eq!(
        (&details["txid"], &details["valor"]["original"]),
        (&json!(txid(1)), &json!("7.00"))
    );
}

fn crc(bytes: &[u8]) -> u16 {
    let mut crc = 0xFFFF_u16;
    for byte in bytes {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 {
                crc << 1
            } else {
                (crc << 1) ^ 0x1021
            };
        }
    }
    crc
}

#[tokio::test]
async fn a_settled_send_comes_back_in_parts() {
    let world = World::new().await;
    assert_eq!(
        world
            .efi("PUT", "/v3/gn/pix/w1", world.send_body("5.00", "a@b.c"))
            .await
            .0,
        201
    );
    let path = "/sandbox/payouts/w1/return";
    assert_eq!(
        world
            .control("POST", path, json!({"amount_cents": 200}))
            .await
            .0,
        200
    );
    assert_eq!(
        world
            .control("POST", path, json!({"amount_cents": 301}))
            .await
            .0,
        409
    );
    let event = json!({"mode": "return", "reference": "w1"});
    assert_eq!(
        world
            .control("PUT", "/sandbox/gateways/efi/faults", event)
            .await
            .0,
        200
    );
    assert_eq!(world.control("POST", path, Value::Null).await.0, 409);
    assert_eq!(
        world
            .control("POST", "/sandbox/payouts/none/return", Value::Null)
            .await
            .0,
        404
    );
    let (_, read) = world
        .efi("GET", "/v2/gn/pix/enviados/id-envio/w1", Value::Null)
        .await;
    assert_eq!(read["status"], "REALIZADO");
    let parts: Vec<_> = read["devolucoes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["valor"].clone())
        .collect();
    assert_eq!(parts, ["2.00", "3.00"]);
    assert!(read["devolucoes"][0]["horario"].is_string());
    let returns: Vec<_> = world
        .sandbox
        .ledger()
        .into_iter()
        .filter(|entry| entry.kind == EntryKind::Return)
        .map(|entry| entry.amount_cents)
        .collect();
    assert_eq!(returns, [200, 300]);
    assert_eq!(world.sandbox.balance_cents(GatewayName::Efi), 1_000_000);
}

#[tokio::test]
async fn homologation_decides_by_amount() {
    let world = World::with(SandboxConfig {
        homologation: true,
        ..SandboxConfig::default()
    })
    .await;
    let payee = "efipay@sejaefi.com.br";
    assert_eq!(
        world
            .efi("PUT", "/v3/gn/pix/w1", world.send_body("10.00", payee))
            .await
            .0,
        201
    );
    assert_eq!(
        world
            .efi("PUT", "/v3/gn/pix/w2", world.send_body("10.01", payee))
            .await
            .0,
        201
    );
    assert_eq!(
        world
            .efi("PUT", "/v3/gn/pix/w3", world.send_body("20.01", payee))
            .await
            .0,
        422
    );
    assert_eq!(
        world
            .efi("PUT", "/v3/gn/pix/w4", world.send_body("4.00", payee))
            .await
            .0,
        201
    );
    assert_eq!(
        world
            .efi("PUT", "/v3/gn/pix/w5", world.send_body("1.00", "a@b.c"))
            .await
            .0,
        400
    );
    assert_eq!(
        world.efi("PUT", "/v2/gn/pix/w6/qrcode", json!({})).await.0,
        500
    );
    assert_eq!(status_of(&world, "w1").await, "REALIZADO");
    assert_eq!(status_of(&world, "w2").await, "NAO_REALIZADO");
    let returned = || {
        let returns = world
            .sandbox
            .ledger()
            .into_iter()
            .filter(|entry| entry.kind == EntryKind::Return);
        Some(returns.map(|entry| entry.amount_cents).collect::<Vec<_>>())
            .filter(|all| all.len() == 2)
    };
    assert_eq!(
        crate::support::until("two returns", returned).await,
        [200, 200]
    );
}
