//! Money to the account's own keys: from its account at the other gateway, or from a stranger.

use sandbox::{ACCOUNT_HOLDER, EntryKind, GatewayName};
use serde_json::{Value, json};

use crate::support::{Receiver, World, intent_body};

const WINDOW: &str = "inicio=2020-01-01T00:00:00Z&fim=2090-01-01T00:00:00Z";
const SEARCH: &str = "/v1/payments/search?sort=date_created&criteria=desc";
const INTENTS: &str = "/v1/transaction-intents/process";

async fn received_at_efi(world: &World) -> Vec<Value> {
    let (_, list) = world
        .efi("GET", &format!("/v2/pix?{WINDOW}"), Value::Null)
        .await;
    list["pix"].as_array().unwrap().clone()
}

async fn received_at_mercado_pago(world: &World) -> Vec<Value> {
    let (_, list) = world.mp("GET", SEARCH, "", Value::Null).await;
    list["results"].as_array().unwrap().clone()
}

fn balances(world: &World) -> (i64, i64) {
    let of = |name| world.sandbox.balance_cents(name);
    (of(GatewayName::Efi), of(GatewayName::MercadoPago))
}

#[tokio::test]
async fn a_send_to_the_other_accounts_key_is_a_payment_there() {
    let world = World::new().await;
    let receiver = Receiver::new(&[]).await;
    world
        .sandbox
        .set_webhook_targets(None, Some(format!("{}/mp", receiver.url)));
    let key = world.sandbox.mercado_pago().pix_key;
    let body = world.send_body("100.00", &key);
    let (status, sent) = world.efi("PUT", "/v3/gn/pix/w1", body).await;
    assert_eq!(status, 201, "{sent}");
    let payments = received_at_mercado_pago(&world).await;
    let [payment] = payments.as_slice() else {
        panic!("one payment: {payments:?}")
    };
    assert_eq!(
        (&payment["status"], &payment["external_reference"]),
        (&json!("approved"), &Value::Null)
    );
    assert_eq!(payment["transaction_amount"], json!(100));
    assert_eq!(payment["payer"]["identification"]["number"], ACCOUNT_HOLDER);
    let data = &payment["point_of_interaction"]["transaction_data"];
    assert_eq!(data["e2e_id"], sent["e2eId"], "the same Pix on both sides");
    assert_eq!(data["qr_code"], Value::Null);
    assert_eq!(balances(&world), (990_000, 1_009_901));
    let told = receiver.wait_for(1).await;
    let id = payment["id"].as_i64().unwrap();
    assert!(
        told[0].uri.contains(&format!("data.id={id}")),
        "{}",
        told[0].uri
    );
    assert!(told[0].headers.contains_key("x-signature"));

    // What is returned leaves the payee's account, too.
    let part = json!({"amount_cents": 4_000});
    let (status, _) = world
        .control("POST", "/sandbox/payouts/w1/return", part)
        .await;
    assert_eq!(status, 200);
    assert_eq!(balances(&world), (994_000, 1_005_901));
    let payment = received_at_mercado_pago(&world).await.remove(0);
    assert_eq!(payment["transaction_amount_refunded"], json!(40));
}

#[tokio::test]
async fn an_intent_to_the_other_accounts_key_is_a_pix_without_a_charge_there() {
    let world = World::new().await;
    let key = world.sandbox.efi().pix_key;
    let mut body = intent_body("wd-1", json!(50.0), &key);
    let to = &mut body["transaction"]["to"]["accounts"][0];
    to["chave"]["type"] = json!("PIX_CODE");
    let (status, made) = world.mp("POST", INTENTS, "k1", body).await;
    assert_eq!(status, 202, "{made}");
    let received = received_at_efi(&world).await;
    let [pix] = received.as_slice() else {
        panic!("one Pix: {received:?}")
    };
    assert_eq!((&pix["chave"], &pix["txid"]), (&json!(key), &Value::Null));
    assert_eq!(pix["valor"], "50.00");
    let id = pix["endToEndId"].as_str().unwrap();
    assert!(id.starts_with("E10573521"), "of Mercado Pago: {id}");
    let (_, one) = world
        .efi("GET", &format!("/v2/pix/{id}"), Value::Null)
        .await;
    assert_eq!(one["pagador"]["cnpj"], ACCOUNT_HOLDER);
    assert_eq!(
        balances(&world),
        (1_004_940, 995_000),
        "with Efí's fee of 60"
    );
    let (status, _) = world
        .control("POST", "/sandbox/payouts/wd-1/return", Value::Null)
        .await;
    assert_eq!(status, 200);
    assert_eq!(balances(&world), (999_940, 1_000_000));
    let (_, one) = world
        .efi("GET", &format!("/v2/pix/{id}"), Value::Null)
        .await;
    assert_eq!(one["devolucoes"][0]["valor"], "50.00");
}

#[tokio::test]
async fn a_stranger_pays_to_the_bare_key() {
    let world = World::new().await;
    for gateway in ["efi", "mercado_pago"] {
        let path = format!("/sandbox/gateways/{gateway}/receive");
        let how = json!({
            "amount_cents": 700, "payer": {"name": "Bia", "tax_id": "11444777000161"},
            "ispb": "00000000",
        });
        let (status, paid) = world.control("POST", &path, how).await;
        assert_eq!(status, 200, "{paid}");
        assert!(
            paid["end_to_end_id"]
                .as_str()
                .unwrap()
                .starts_with("E00000000")
        );
        let (status, _) = world
            .control("POST", &path, json!({"amount_cents": 0}))
            .await;
        assert_eq!(status, 422);
    }
    let pix = received_at_efi(&world).await.remove(0);
    assert_eq!(pix["pagador"]["cnpj"], "11444777000161");
    let payment = received_at_mercado_pago(&world).await.remove(0);
    assert_eq!(
        payment["payer"]["identification"]["number"],
        "11444777000161"
    );
    let kinds: Vec<_> = world
        .sandbox
        .ledger()
        .iter()
        .map(|entry| entry.kind)
        .collect();
    assert_eq!(kinds, [EntryKind::Received; 2]);
    let (status, _) = world
        .control(
            "POST",
            "/sandbox/gateways/pix/receive",
            json!({"amount_cents": 1}),
        )
        .await;
    assert_eq!(status, 404);
}
