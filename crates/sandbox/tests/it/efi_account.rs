//! The Efí account: token, scopes, webhook registration, settings, keys.

use std::time::Duration;

use sandbox::{GatewayName, SandboxConfig};
use serde_json::{Value, json};

use crate::support::{World, answer};

#[tokio::test]
async fn tokens_need_the_credentials_and_expire() {
    let world = World::with(SandboxConfig {
        token_lifetime_seconds: 60,
        ..SandboxConfig::default()
    })
    .await;
    let access = world.sandbox.efi();
    let url = format!("{}/oauth/token", access.base_url);
    let (status, body) = answer(
        world
            .efi
            .post(&url)
            .basic_auth("x", Some("y"))
            .json(&json!({"grant_type": "client_credentials"})),
    )
    .await;
    assert_eq!((status, &body["error"]), (401, &json!("invalid_client")));
    let spaced = "{\r\n    \"grant_type\": \"client_credentials\"\r\n}";
    let request = world
        .efi
        .post(&url)
        .basic_auth(&access.client_id, Some(&access.client_secret))
        .body(spaced);
    let (status, body) = answer(request).await;
    assert_eq!(
        (status, &body["expires_in"], &body["token_type"]),
        (200, &json!(60), &json!("Bearer"))
    );
    let bad = world
        .efi
        .post(&url)
        .basic_auth(&access.client_id, Some(&access.client_secret))
        .json(&json!({"grant_type": "password"}));
    assert_eq!(answer(bad).await.0, 400);

    assert_eq!(world.efi("GET", "/v2/gn/saldo", Value::Null).await.0, 200);
    world.sandbox.advance_clock(Duration::from_secs(61));
    assert_eq!(world.efi("GET", "/v2/gn/saldo", Value::Null).await.0, 401);
    let token = world.fresh_token().await;
    let balance = format!("{}/v2/gn/saldo", access.base_url);
    assert_eq!(
        answer(world.efi.get(&balance).bearer_auth(&token)).await.0,
        200
    );
    world.sandbox.revoke_tokens(GatewayName::Efi);
    assert_eq!(
        answer(world.efi.get(&balance).bearer_auth(&token)).await.0,
        401
    );
    assert_eq!(answer(world.efi.get(&balance)).await.0, 401);
}

#[tokio::test]
async fn scopes_are_enforced() {
    let world = World::new().await;
    world
        .sandbox
        .change_options(|options| options.scopes.retain(|scope| scope != "pix.send"));
    let (status, body) = world
        .efi("PUT", "/v3/gn/pix/w1", world.send_body("1.00", "a@b.c"))
        .await;
    assert_eq!(
        (status, &body["error"]),
        (403, &json!("insufficient_scope"))
    );
    assert_eq!(world.efi("GET", "/v2/gn/saldo", Value::Null).await.0, 200);
    assert_eq!(world.efi("GET", "/v2/nothing", Value::Null).await.0, 404);
}

#[tokio::test]
async fn webhooks_are_registered_read_and_removed() {
    let world = World::new().await;
    let key = world.sandbox.efi().pix_key;
    let path = format!("/v2/webhook/{key}");
    assert_eq!(world.efi("GET", &path, Value::Null).await.0, 400);
    let url = "http://127.0.0.1:9/hook";
    let (status, made) = world.efi("PUT", &path, json!({"webhookUrl": url})).await;
    assert_eq!((status, &made), (201, &json!({"webhookUrl": url})));
    let (status, read) = world.efi("GET", &path, Value::Null).await;
    assert_eq!(
        (status, &read["webhookUrl"], &read["chave"]),
        (200, &json!(url), &json!(key))
    );
    let (_, list) = world
        .efi(
            "GET",
            "/v2/webhook?inicio=2020-01-01T00:00:00Z&fim=2090-01-01T00:00:00Z",
            Value::Null,
        )
        .await;
    assert_eq!(list["webhooks"], json!([read]));
    for (target, name) in [
        ("not a url", "valor_invalido"),
        ("http://example.com/hook", "valor_invalido"),
        ("https://127.0.0.1:9/hook", "webhook_invalido"),
    ] {
        let (status, refused) = world.efi("PUT", &path, json!({"webhookUrl": target})).await;
        assert_eq!((status, &refused["nome"]), (400, &json!(name)), "{target}");
    }
    assert_eq!(
        world
            .efi("PUT", "/v2/webhook/other", json!({"webhookUrl": url}))
            .await
            .1["nome"],
        "chave_invalida"
    );
    assert_eq!(world.efi("DELETE", &path, Value::Null).await.0, 204);
    assert_eq!(world.efi("DELETE", &path, Value::Null).await.0, 400);
}

#[tokio::test]
async fn settings_keys_and_bucket() {
    let world = World::new().await;
    assert_eq!(
        world.efi("GET", "/v2/gn/config", Value::Null).await.1["pix"]["receberSemChave"],
        true
    );
    assert_eq!(
        world
            .efi(
                "PUT",
                "/v2/gn/config",
                json!({"pix": {"receberSemChave": false}})
            )
            .await
            .0,
        204
    );
    assert_eq!(
        world.efi("GET", "/v2/gn/config", Value::Null).await.1["pix"]["receberSemChave"],
        false
    );
    assert_eq!(world.efi("PUT", "/v2/gn/config", json!({})).await.0, 400);
    let (status, made) = world.efi("POST", "/v2/gn/evp", Value::Null).await;
    assert_eq!(status, 201);
    assert_eq!(
        world.efi("GET", "/v2/gn/evp", Value::Null).await.1["chaves"],
        json!([made["chave"]])
    );
    let path = format!("/v2/gn/evp/{}", made["chave"].as_str().unwrap());
    assert_eq!(world.efi("DELETE", &path, Value::Null).await.0, 204);
    assert_eq!(world.efi("DELETE", &path, Value::Null).await.0, 400);
    assert!(
        world.efi("GET", "/v2/gn/chaves/balde", Value::Null).await.1["baldeA"]["fichasDisponiveis"]
            .is_i64()
    );
    for _ in 0..20 {
        assert_eq!(world.efi("POST", "/v2/gn/evp", Value::Null).await.0, 201);
    }
    assert_eq!(world.efi("POST", "/v2/gn/evp", Value::Null).await.0, 400);
}
