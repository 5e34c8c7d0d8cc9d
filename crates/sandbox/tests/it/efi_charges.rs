//! Efí charges: life cycle, errors, QR code, received Pix and refunds.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use sandbox::{EntryKind, GatewayName, SandboxConfig};
use serde_json::{Value, json};

use crate::support::{World, txid, until};

fn name(body: &Value) -> &str {
    body["nome"].as_str().unwrap_or("")
}

#[tokio::test]
async fn a_charge_is_made_read_changed_and_paid() {
    let world = World::new().await;
    let id = txid(1);
    let (status, made) = world
        .efi("PUT", &format!("/v2/cob/{id}"), world.cob_body("10.50"))
        .await;
    assert_eq!(status, 201);
    assert_eq!(made["status"], "ATIVA");
    assert_eq!(made["calendario"]["expiracao"], 3600);
    assert_eq!(made["loc"]["location"], made["location"]);
    assert!(
        made["pixCopiaECola"]
            .as_str()
            .unwrap()
            .contains("540510.50")
    );
    assert!(made["pix"].is_null());

    let (status, changed) = world
        .efi(
            "PATCH",
            &format!("/v2/cob/{id}"),
            json!({"valor": {"original": "11.00"}}),
        )
        .await;
    assert_eq!(
        (status, &changed["revisao"], &changed["valor"]["original"]),
        (200, &json!(1), &json!("11.00"))
    );

    let (status, paid) = world
        .control("POST", &format!("/sandbox/charges/{id}/pay"), Value::Null)
        .await;
    assert_eq!((status, &paid["amount_cents"]), (200, &json!(1100)));
    let (_, read) = world
        .efi("GET", &format!("/v2/cob/{id}"), Value::Null)
        .await;
    assert_eq!(read["status"], "CONCLUIDA");
    assert_eq!(read["pix"][0]["endToEndId"], paid["end_to_end_id"]);
    assert_eq!(read["pix"][0]["valor"], "11.00");
    // SDK 2.0.1 refuses these inside pix[] of one charge, and demands the first in the list.
    assert!(read["pix"][0]["chave"].is_null() && read["pix"][0]["pagador"].is_null());

    let ledger = world.sandbox.ledger();
    assert_eq!(ledger.len(), 1);
    assert_eq!(
        (ledger[0].kind, ledger[0].amount_cents, ledger[0].fee_cents),
        (EntryKind::Received, 1100, 13)
    );
    assert_eq!(ledger[0].reference, id);
    assert_eq!(
        world.sandbox.balance_cents(GatewayName::Efi),
        1_000_000 + 1100 - 13
    );

    let (status, again) = world
        .efi(
            "PATCH",
            &format!("/v2/cob/{id}"),
            json!({"status": "REMOVIDA_PELO_USUARIO_RECEBEDOR"}),
        )
        .await;
    assert_eq!((status, name(&again)), (400, "status_cobranca_invalido"));
    let (status, again) = world
        .control("POST", &format!("/sandbox/charges/{id}/pay"), Value::Null)
        .await;
    assert_eq!((status, &again["code"]), (409, &json!("already_paid")));
    let (status, _) = world
        .control(
            "POST",
            &format!("/sandbox/charges/{id}/pay"),
            json!({"again": true, "amount_cents": 5}),
        )
        .await;
    assert_eq!(status, 200);
    assert_eq!(world.sandbox.ledger().len(), 2);
}

#[tokio::test]
async fn bad_charges_are_refused_by_name() {
    let world = World::new().await;
    let path = format!("/v2/cob/{}", txid(1));
    let body = |changes: Value| {
        let mut body = world.cob_body("1.00");
        body.as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        body
    };
    let cases = [
        (body(json!({"valor": {"original": "1.0"}})), "json_invalido"),
        (body(json!({"valor": {"original": 1.0}})), "json_invalido"),
        (
            body(json!({"valor": {"original": "0.00"}})),
            "valor_invalido",
        ),
        (
            body(json!({"calendario": {"expiracao": 0}})),
            "valor_invalido",
        ),
        (body(json!({"chave": "someone@else.com"})), "chave_invalida"),
        (
            body(json!({"devedor": {"cpf": "123", "nome": "A"}})),
            "valor_invalido",
        ),
        (
            body(json!({"devedor": {"cpf": "12345678909"}})),
            "json_invalido",
        ),
        (
            body(json!({"solicitacaoPagador": "x".repeat(141)})),
            "json_invalido",
        ),
        (
            body(json!({"infoAdicionais": [{"nome": "a"}]})),
            "json_invalido",
        ),
        (body(json!({"loc": {"id": 99}})), "location_nao_encontrada"),
        (json!([1]), "json_invalido"),
    ];
    for (body, expected) in cases {
        let (status, answer) = world.efi("PUT", &path, body.clone()).await;
        assert_eq!((status, name(&answer)), (400, expected), "{body}");
    }
    let (status, answer) = world
        .efi("PUT", "/v2/cob/short", world.cob_body("1.00"))
        .await;
    assert_eq!((status, name(&answer)), (400, "json_invalido"));
    let (status, answer) = world.efi("GET", &path, Value::Null).await;
    assert_eq!((status, name(&answer)), (400, "cobranca_nao_encontrada"));
    world
        .sandbox
        .change_options(|options| options.charge_not_found_404 = true);
    let (status, answer) = world.efi("GET", &path, Value::Null).await;
    assert_eq!(status, 404);
    assert!(
        answer["type"]
            .as_str()
            .unwrap()
            .ends_with("/CobNaoEncontrado")
    );

    assert_eq!(world.efi("PUT", &path, world.cob_body("1.00")).await.0, 201);
    let (status, answer) = world.efi("PUT", &path, world.cob_body("1.00")).await;
    assert_eq!((status, name(&answer)), (409, "txid_duplicado"));
    world
        .sandbox
        .change_options(|options| options.account_blocked = true);
    let (status, answer) = world.efi("POST", "/v2/cob", world.cob_body("1.00")).await;
    assert_eq!((status, name(&answer)), (400, "documento_bloqueado"));
}

#[tokio::test]
async fn efi_may_choose_the_txid_and_lists_pages() {
    let world = World::new().await;
    for _ in 0..3 {
        let (status, made) = world.efi("POST", "/v2/cob", world.cob_body("1.00")).await;
        assert_eq!((status, made["txid"].as_str().unwrap().len()), (201, 35));
    }
    let window = "inicio=2020-01-01T00:00:00Z&fim=2090-01-01T00:00:00Z";
    let (status, page) = world
        .efi(
            "GET",
            &format!("/v2/cob?{window}&paginacao.itensPorPagina=2&paginacao.paginaAtual=1"),
            Value::Null,
        )
        .await;
    assert_eq!((status, page["cobs"].as_array().unwrap().len()), (200, 1));
    assert_eq!(page["parametros"]["paginacao"]["quantidadeDePaginas"], 2);
    let (_, none) = world
        .efi(
            "GET",
            &format!("/v2/cob?{window}&status=CONCLUIDA"),
            Value::Null,
        )
        .await;
    assert_eq!(none["cobs"], json!([]));
    let (status, answer) = world
        .efi(
            "GET",
            "/v2/cob?inicio=2021-01-01T00:00:00Z&fim=2020-01-01T00:00:00Z",
            Value::Null,
        )
        .await;
    assert_eq!((status, name(&answer)), (400, "valor_invalido"));
    assert_eq!(world.efi("GET", "/v2/cob", Value::Null).await.0, 400);
}

#[tokio::test]
async fn removed_and_expired_charges_cannot_be_paid() {
    let world = World::new().await;
    let (removed, expired) = (txid(1), txid(2));
    for id in [&removed, &expired] {
        assert_eq!(
            world
                .efi("PUT", &format!("/v2/cob/{id}"), world.cob_body("1.00"))
                .await
                .0,
            201
        );
    }
    let (status, body) = world
        .efi(
            "PATCH",
            &format!("/v2/cob/{removed}"),
            json!({"status": "REMOVIDA_PELO_USUARIO_RECEBEDOR"}),
        )
        .await;
    assert_eq!(
        (status, &body["status"]),
        (200, &json!("REMOVIDA_PELO_USUARIO_RECEBEDOR"))
    );
    world.sandbox.advance_clock(Duration::from_secs(3601));
    for (id, code) in [(&removed, "removed"), (&expired, "expired")] {
        let (status, body) = world
            .control("POST", &format!("/sandbox/charges/{id}/pay"), Value::Null)
            .await;
        assert_eq!((status, &body["code"]), (409, &json!(code)));
    }
    let (status, _) = world
        .control("POST", "/sandbox/charges/nothing/pay", Value::Null)
        .await;
    assert_eq!(status, 404);
    assert!(world.sandbox.ledger().is_empty());

    // The token has aged with the clock; expiry is no status.
    let token = world.fresh_token().await;
    let url = format!("{}/v2/cob/{expired}", world.sandbox.efi().base_url);
    let body: Value = world
        .efi
        .get(url)
        .bearer_auth(token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(body["status"], "ATIVA");
    let (status, _) = world
        .control(
            "POST",
            &format!("/sandbox/charges/{expired}/pay"),
            json!({"allow_expired": true}),
        )
        .await;
    assert_eq!((status, world.sandbox.ledger().len()), (200, 1));
}

#[tokio::test]
async fn a_location_shows_its_code() {
    let world = World::new().await;
    let (status, location) = world
        .efi("POST", "/v2/loc", json!({"tipoCob": "cob"}))
        .await;
    assert_eq!(status, 201);
    let id = location["id"].as_i64().unwrap();
    let (status, answer) = world
        .efi("GET", &format!("/v2/loc/{id}/qrcode"), Value::Null)
        .await;
    assert_eq!((status, name(&answer)), (400, "location_nao_encontrada"));
    let mut body = world.cob_body("2.00");
    body["loc"] = json!({"id": id});
    let (status, made) = world
        .efi("PUT", &format!("/v2/cob/{}", txid(1)), body)
        .await;
    assert_eq!((status, &made["loc"]["id"]), (201, &json!(id)));
    let (status, code) = world
        .efi("GET", &format!("/v2/loc/{id}/qrcode"), Value::Null)
        .await;
    assert_eq!((status, &code["qrcode"]), (200, &made["pixCopiaECola"]));
    let image = code["imagemQrcode"]
        .as_str()
        .unwrap()
        .strip_prefix("data:image/png;base64,")
        .unwrap();
    assert!(STANDARD.decode(image).unwrap().starts_with(b"\x89PNG"));
    assert!(code["linkVisualizacao"].is_string());
    let (_, read) = world
        .efi("GET", &format!("/v2/loc/{id}"), Value::Null)
        .await;
    assert_eq!(read["txid"], txid(1));
    let (_, list) = world
        .efi(
            "GET",
            "/v2/loc?inicio=2020-01-01T00:00:00Z&fim=2090-01-01T00:00:00Z",
            Value::Null,
        )
        .await;
    assert_eq!(list["loc"].as_array().unwrap().len(), 1);
    let (status, unlinked) = world
        .efi("DELETE", &format!("/v2/loc/{id}/txid"), Value::Null)
        .await;
    assert_eq!((status, &unlinked["txid"]), (200, &Value::Null));
    assert_eq!(world.efi("GET", "/v2/loc/77", Value::Null).await.0, 400);
    assert_eq!(
        world
            .efi("POST", "/v2/loc", json!({"tipoCob": "x"}))
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn received_pix_are_read_and_given_back_once_per_id() {
    let world = World::new().await;
    let e2e = world.paid_cob(&txid(1), "10.00").await;
    let (status, pix) = world
        .efi("GET", &format!("/v2/pix/{e2e}"), Value::Null)
        .await;
    assert_eq!(
        (status, &pix["valor"], &pix["txid"]),
        (200, &json!("10.00"), &json!(txid(1)))
    );
    let path = format!("/v2/pix/{e2e}/devolucao/r1");
    let (status, made) = world.efi("PUT", &path, json!({"valor": "4.00"})).await;
    assert_eq!((status, &made["status"]), (201, &json!("EM_PROCESSAMENTO")));
    let (status, read) = world.efi("GET", &path, Value::Null).await;
    assert_eq!((status, &read["status"]), (200, &json!("DEVOLVIDO")));
    assert!(read["horario"]["liquidacao"].is_string());
    assert_eq!(read["rtrId"], made["rtrId"]);

    let cases = [
        (
            path.clone(),
            json!({"valor": "4.00"}),
            409,
            "devolucao_id_duplicado",
        ),
        (
            format!("/v2/pix/{e2e}/devolucao/r2"),
            json!({"valor": "6.01"}),
            400,
            "valor_invalido",
        ),
        (
            format!("/v2/pix/{e2e}/devolucao/r2"),
            json!({"valor": "x"}),
            400,
            "json_invalido",
        ),
        (
            format!("/v2/pix/{e2e}/devolucao/r-2"),
            json!({"valor": "1.00"}),
            400,
            "json_invalido",
        ),
        (
            "/v2/pix/E0/devolucao/r2".to_owned(),
            json!({"valor": "1.00"}),
            400,
            "pix_nao_encontrado",
        ),
    ];
    for (path, body, code, expected) in cases {
        let (status, answer) = world.efi("PUT", &path, body).await;
        assert_eq!((status, name(&answer)), (code, expected), "{path}");
    }
    let (status, answer) = world
        .efi("GET", &format!("/v2/pix/{e2e}/devolucao/none"), Value::Null)
        .await;
    assert_eq!((status, name(&answer)), (400, "devolucao_nao_encontrada"));
    assert_eq!(world.efi("GET", "/v2/pix/E0", Value::Null).await.0, 400);

    let refunds: Vec<_> = world
        .sandbox
        .ledger()
        .into_iter()
        .filter(|entry| entry.kind == EntryKind::Refund)
        .collect();
    assert_eq!(refunds.len(), 1);
    assert_eq!(
        (refunds[0].amount_cents, refunds[0].key.as_deref()),
        (400, Some("r1"))
    );
    assert_eq!(
        refunds[0].original_end_to_end_id.as_deref(),
        Some(e2e.as_str())
    );
    assert_eq!(
        Some(refunds[0].end_to_end_id.as_str()),
        made["rtrId"].as_str()
    );
    let window = "inicio=2020-01-01T00:00:00Z&fim=2090-01-01T00:00:00Z";
    for (filter, count) in [
        ("devolucaoPresente=true", 1),
        ("devolucaoPresente=false", 0),
        ("txIdPresente=true", 1),
        ("exibirCodigoBanco=true", 1),
    ] {
        let (_, list) = world
            .efi("GET", &format!("/v2/pix?{window}&{filter}"), Value::Null)
            .await;
        assert_eq!(list["pix"].as_array().unwrap().len(), count, "{filter}");
    }
}

#[tokio::test]
async fn the_gateway_may_take_money_back() {
    let world = World::new().await;
    let e2e = world.paid_cob(&txid(1), "10.00").await;
    let path = format!("/sandbox/charges/{}/reverse", txid(1));
    assert_eq!(
        world
            .control("POST", &path, json!({"amount_cents": 300}))
            .await
            .0,
        200
    );
    assert_eq!(
        world
            .control("POST", &path, json!({"amount_cents": 701}))
            .await
            .0,
        409
    );
    let event = json!({"mode": "reverse", "reference": txid(1)});
    assert_eq!(
        world
            .control("PUT", "/sandbox/gateways/efi/faults", event)
            .await
            .0,
        200
    );
    let reversed: Vec<_> = world
        .sandbox
        .ledger()
        .into_iter()
        .filter(|entry| entry.kind == EntryKind::Reversal)
        .map(|entry| entry.amount_cents)
        .collect();
    assert_eq!(reversed, [300, 700]);
    let (_, pix) = world
        .efi("GET", &format!("/v2/pix/{e2e}"), Value::Null)
        .await;
    assert_eq!(pix["devolucoes"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn homologation_pays_small_charges_and_refuses_a_refund_of_one_cent() {
    let world = World::with(SandboxConfig {
        homologation: true,
        ..SandboxConfig::default()
    })
    .await;
    for (number, amount) in [(1, "10.00"), (2, "10.01")] {
        assert_eq!(
            world
                .efi(
                    "PUT",
                    &format!("/v2/cob/{}", txid(number)),
                    world.cob_body(amount)
                )
                .await
                .0,
            201
        );
    }
    let entry = until("the small charge is paid", || {
        world.sandbox.ledger().first().cloned()
    })
    .await;
    assert_eq!(entry.reference, txid(1));
    let path = format!("/v2/pix/{}/devolucao/r1", entry.end_to_end_id);
    assert_eq!(
        world.efi("PUT", &path, json!({"valor": "0.01"})).await.0,
        201
    );
    let (_, read) = world.efi("GET", &path, Value::Null).await;
    assert_eq!(read["status"], "NAO_REALIZADO");
    assert!(read["motivo"].is_string());
    assert_eq!(world.sandbox.ledger().len(), 1);
    let (_, big) = world
        .efi("GET", &format!("/v2/cob/{}", txid(2)), Value::Null)
        .await;
    assert_eq!(big["status"], "ATIVA");
}

/// The special return mechanism: Efí shows its devolução, told by the nature, and no case before.
#[tokio::test]
async fn a_claim_shows_as_a_devolucao_that_nobody_asked_for() {
    let world = World::new().await;
    for (number, step, end, taken) in [
        (1, "won", "NAO_REALIZADO", 0),
        (2, "lost", "DEVOLVIDO", 400),
    ] {
        let e2e = world.paid_cob(&txid(number), "10.00").await;
        let path = format!("/sandbox/charges/{}/dispute", txid(number));
        let available = world.available("efi").await;
        let claim = || async {
            let pix = format!("/v2/pix/{e2e}");
            let (_, pix) = world.efi("GET", &pix, Value::Null).await;
            let list = pix["devolucoes"].as_array().cloned().unwrap_or_default();
            assert_eq!(list.len(), 1, "{pix}");
            assert_eq!(list[0]["natureza"], "MED_FRAUDE");
            assert_eq!(list[0]["valor"], "4.00");
            list[0]["status"].as_str().unwrap().to_owned()
        };
        assert_eq!(
            world.control("POST", &path, json!({"step": step})).await.0,
            409,
            "nothing is claimed"
        );
        // Beside the other money events of the panel.
        let event = json!({"mode": "dispute", "reference": txid(number), "amount_cents": 400});
        let panel = "/sandbox/gateways/efi/faults";
        assert_eq!(world.control("PUT", panel, event).await.0, 200);
        assert_eq!(claim().await, "EM_PROCESSAMENTO");
        assert_eq!(world.available("efi").await, available - 400);
        assert_eq!(world.control("POST", &path, json!({})).await.0, 409, "once");

        assert_eq!(
            world.control("POST", &path, json!({"step": step})).await.0,
            200
        );
        assert_eq!(claim().await, end);
        assert_eq!(world.available("efi").await, available - taken);
    }
    let ledger = world.sandbox.ledger().into_iter();
    let reversed: Vec<_> = ledger
        .filter(|entry| entry.kind == EntryKind::Reversal)
        .map(|entry| (entry.amount_cents, entry.reference))
        .collect();
    assert_eq!(reversed, [(400, txid(2))]);
}
