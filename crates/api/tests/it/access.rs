//! Who may ask: tokens, scopes, expiry, and how often somebody may try.

use std::net::SocketAddr;

use app::commands::Scope;
use app::ports::store::UserRole;
use axum::body::Body;
use axum::extract::ConnectInfo;
use domain::time::Span;
use http::StatusCode;

use crate::description::{operations, sample_path};
use crate::world::*;

#[tokio::test]
async fn every_endpoint_that_wants_a_token_refuses_without_one() {
    let api = Api::new(World::default());
    let mut guarded = 0;
    for operation in operations() {
        let path = sample_path(&operation.path);
        let answer = api
            .send(request(&operation.method, &path, None, Body::from("{}")))
            .await;
        if operation.scopes.is_none() {
            assert!(
                answer.code() != "unauthenticated" || path.starts_with("/webhooks"),
                "{path}"
            );
            continue;
        }
        guarded += 1;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        for bad in ["nonsense", "pws_short", &"x".repeat(5_000)] {
            let answer = api
                .send(request(
                    &operation.method,
                    &path,
                    Some(bad),
                    Body::from("{}"),
                ))
                .await;
            assert_eq!(answer.code(), "unauthenticated", "{path}");
        }
    }
    assert!(guarded > 20, "{guarded}");
    assert_eq!(api.commits(), 0);
}

#[tokio::test]
async fn an_expired_session_and_a_revoked_key_are_nobody() {
    let api = Api::new(World {
        key_scopes: None,
        ..World::default()
    });
    assert_eq!(api.get("/v1/me").await.status, StatusCode::OK);
    let revoked = api
        .send(request("GET", "/v1/me", Some(API_KEY), Body::empty()))
        .await;
    assert_eq!(revoked.code(), "unauthenticated");
    api.runtime.advance(Span::from_days(1));
    assert_eq!(api.get("/v1/me").await.code(), "unauthenticated");
}

#[tokio::test]
async fn a_key_may_do_what_its_scopes_say_and_nothing_else() {
    let all_but_operator = Scope::ALL
        .into_iter()
        .filter(|scope| *scope != Scope::Operator);
    for held in all_but_operator {
        let api = Api::new(World {
            key_scopes: Some(vec![held]),
            ..World::default()
        });
        for operation in operations() {
            let Some(scope) = operation.scopes.as_ref().and_then(|scopes| scopes.first()) else {
                continue;
            };
            if operation.path == "/v1/events/stream" && scope == held.as_str() {
                continue;
            }
            let path = sample_path(&operation.path);
            let answer = api
                .send(request(
                    &operation.method,
                    &path,
                    Some(API_KEY),
                    Body::from("[]"),
                ))
                .await;
            let is_forbidden = answer.code() == "forbidden";
            assert_eq!(is_forbidden, scope != held.as_str(), "{path} with {held:?}");
        }
        assert_eq!(api.commits(), 0);
    }
}

#[tokio::test]
async fn operators_paths_are_for_operators() {
    let customer = Api::new(World::default());
    assert_eq!(customer.get("/v1/audit").await.code(), "forbidden");
    let operator = Api::new(World {
        role: UserRole::Operator,
        ..World::default()
    });
    let answer = operator.get("/v1/audit").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.text, r#"{"data":[],"next_cursor":null}"#);
    assert_eq!(operator.post("/v1/payouts", "{}").await.code(), "forbidden");
}

#[tokio::test]
async fn an_operators_key_without_the_scope_decides_nothing() {
    let api = Api::new(World {
        role: UserRole::Operator,
        key_scopes: Some(vec![Scope::Read]),
        ..World::default()
    });
    let id = "0".repeat(32);
    let resolve = format!("/v1/transactions/txn_{id}/resolve");
    let approve = format!("{resolve}/prp_{id}/approve");
    let body = r#"{"outcome":"settled","evidence":"panel","reason":"seen"}"#;
    for (method, path, body) in [
        ("POST", resolve.as_str(), body),
        ("POST", &approve, ""),
        ("GET", "/v1/reviews", ""),
        ("GET", &format!("/v1/transactions/txn_{id}/review"), ""),
    ] {
        let asked = request(method, path, Some(API_KEY), Body::from(body));
        assert_eq!(api.send(asked).await.code(), "forbidden", "{path}");
    }
    assert_eq!(api.commits(), 0);
    let unknown = api.post(&approve, "").await;
    assert_eq!(
        unknown.code(),
        "not_found",
        "with the scope it is looked for"
    );
    let odd = format!("{resolve}/txn_{id}/approve");
    assert_eq!(api.post(&odd, "").await.code(), "not_found");
}

#[tokio::test]
async fn an_api_key_neither_makes_nor_revokes_keys() {
    let api = Api::new(World {
        key_scopes: Some(vec![Scope::Read]),
        ..World::default()
    });
    let path = format!("/v1/api-keys/key_{}", "0".repeat(32));
    let make = request("POST", "/v1/api-keys", Some(API_KEY), Body::from("{}"));
    let revoke = request("DELETE", &path, Some(API_KEY), Body::empty());
    assert_eq!(api.send(make).await.code(), "forbidden");
    assert_eq!(api.send(revoke).await.code(), "forbidden");
    let sign_out = request(
        "DELETE",
        "/v1/sessions/current",
        Some(API_KEY),
        Body::empty(),
    );
    assert_eq!(api.send(sign_out).await.code(), "not_found");
    assert_eq!(api.commits(), 0);
}

fn from_address(address: &str, body: String) -> http::Request<Body> {
    let mut request = request("POST", "/v1/sessions", None, Body::from(body));
    let peer: SocketAddr = address.parse().expect("an address");
    request.extensions_mut().insert(ConnectInfo(peer));
    request
}

#[tokio::test]
async fn tries_to_sign_in_are_counted_per_address_before_the_body_is_judged() {
    let api = Api::new(World::default());
    for _ in 0..60 {
        let answer = api.send(from_address("192.0.2.1:1000", "{}".into())).await;
        assert_eq!(answer.code(), "validation_failed");
    }
    let answer = api.send(from_address("192.0.2.1:2000", "{}".into())).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers["retry-after"], "1");
    let other = api.send(from_address("192.0.2.2:1000", "{}".into())).await;
    assert_eq!(other.code(), "validation_failed");
    api.runtime.advance(Span::from_seconds(1));
    let later = api.send(from_address("192.0.2.1:1000", "{}".into())).await;
    assert_eq!(later.code(), "validation_failed");
}

#[tokio::test]
async fn tries_to_sign_up_are_counted_per_e_mail_however_it_is_spelled() {
    let api = Api::new(World::default());
    let sign_up = |email: &str| {
        format!(
            r#"{{"name":"Ana","email":"{email}","password":"a long one","tax_id":"52998224725"}}"#
        )
    };
    for n in 0..10 {
        let answer = api.post("/v1/users", sign_up("ana@example.com")).await;
        assert_ne!(answer.code(), "rate_limited", "{n}");
    }
    let commits = api.commits();
    let answer = api.post("/v1/users", sign_up(" ANA@example.com")).await;
    assert_eq!(answer.code(), "rate_limited");
    assert_eq!(api.commits(), commits);
    let other = api.post("/v1/users", sign_up("bia@example.com")).await;
    assert_ne!(other.code(), "rate_limited");
}
