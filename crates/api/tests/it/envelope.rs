//! What surrounds every answer: ids, security headers, problems, no inner words.

use app::ports::store::{StoreError, UserRole};
use axum::body::Body;
use http::StatusCode;

use crate::world::*;

#[tokio::test]
async fn every_refusal_is_a_problem_that_names_the_request() {
    let api = Api::new(World::default());
    for (method, path, status) in [
        ("GET", "/nowhere", StatusCode::NOT_FOUND),
        ("GET", "/v1/nowhere", StatusCode::NOT_FOUND),
        ("PUT", "/v1/charges", StatusCode::METHOD_NOT_ALLOWED),
        ("POST", "/v1/charges", StatusCode::UNPROCESSABLE_ENTITY),
        ("GET", "/v1/audit", StatusCode::FORBIDDEN),
        ("GET", "/v1/live", StatusCode::FORBIDDEN),
    ] {
        let answer = api
            .send(request(method, path, Some(SESSION), Body::from("{}")))
            .await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        let id = answer.headers["x-request-id"].to_str().expect("ASCII");
        assert_eq!(answer.json["trace_id"], id);
        assert_eq!(id.len(), 32);
        assert_eq!(answer.json["status"], status.as_u16());
        for member in ["type", "title", "code", "detail"] {
            assert!(answer.json[member].is_string(), "{path} {member}");
        }
    }
    let first = api.get("/healthz").await;
    let second = api.get("/healthz").await;
    assert_ne!(
        first.headers["x-request-id"],
        second.headers["x-request-id"]
    );
}

#[tokio::test]
async fn a_wrong_method_names_the_right_ones() {
    let api = Api::new(World::default());
    let answer = api
        .send(request("PUT", "/v1/charges", Some(SESSION), Body::empty()))
        .await;
    assert_eq!(answer.code(), "method_not_allowed");
    assert_eq!(answer.headers["allow"], "POST");
}

#[tokio::test]
async fn answers_are_neither_stored_nor_sniffed() {
    let api = Api::new(World::default());
    for path in ["/v1/me", "/v1/wallets", "/v1/nowhere"] {
        let answer = api.get(path).await;
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        if path != "/v1/nowhere" {
            assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        }
    }
}

#[tokio::test]
async fn the_user_and_the_wallet_are_shown_as_the_contract_says() {
    let api = Api::new(World::default());
    let me = api.get("/v1/me").await;
    assert_eq!(me.json["id"], USER.to_string());
    assert_eq!(me.json["tax_id_masked"], "***.982.247-**");
    let wallet = &me.json["wallet"];
    assert_eq!(wallet["id"], WALLET.to_string());
    assert_eq!(wallet["available_cents"], 1050);
    assert_eq!(wallet["currency"], "BRL");
    let list = api.get("/v1/wallets").await;
    assert_eq!(&list.json["data"][0], wallet);
    assert!(list.json["next_cursor"].is_null());
}

#[tokio::test]
async fn a_panic_and_an_outage_tell_nothing_of_the_inside() {
    let api = Api::new(World {
        role: UserRole::Operator,
        ..World::default()
    });
    let panicked = api.get("/v1/jobs").await;
    assert_eq!(panicked.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(panicked.code(), "internal_error");
    assert!(!panicked.text.contains("secret of the inside"));
    assert!(panicked.json["trace_id"].is_string());
    let outage = api.get("/v1/alerts").await;
    assert_eq!(outage.code(), "unavailable");
    assert_eq!(outage.headers["retry-after"], "1");
    assert!(!outage.text.contains("10.0.0.7"));
}

#[tokio::test]
async fn health_is_always_there_and_readiness_says_what_is_missing() {
    let api = Api::new(World::default());
    assert_eq!(api.get("/healthz").await.text, r#"{"status":"alive"}"#);
    let ready = api.get("/readyz").await.json;
    assert_eq!(
        (&ready["status"], &ready["dispatch"]),
        (&"ready".into(), &"running".into())
    );
    assert_eq!(ready["waiting"]["webhooks_seconds"], 0, "{ready}");
    let away = Api::new(World {
        ready: Err(StoreError::Unavailable("synchronous is NORMAL".into())),
        ..World::default()
    });
    assert_eq!(away.get("/healthz").await.status, StatusCode::OK);
    let answer = away.get("/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.text.contains("synchronous is NORMAL"));
}
