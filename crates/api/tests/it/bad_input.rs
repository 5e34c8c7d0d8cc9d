//! Bad input, through the whole router: refused with the right code, and nothing written.

use app::ports::store::UserRole;
use axum::body::Body;
use http::StatusCode;
use serde_json::{Value, json};

use crate::description::{Operation, operations, sample_path};
use crate::world::*;

const MONEY: [&str; 4] = ["/v1/charges", "/v1/payouts", "/v1/transfers", "/v1/refunds"];

/// Operations with a JSON object of ours as the body.
fn with_body() -> Vec<Operation> {
    operations()
        .into_iter()
        .filter(|operation| operation.body.is_some())
        .collect()
}

/// Whoever may ask for this: a customer, or an operator.
fn allowed(operation: &Operation) -> Api {
    let scopes = operation.scopes.as_deref().unwrap_or_default();
    Api::new(World {
        role: if scopes.iter().any(|scope| scope == "operator") {
            UserRole::Operator
        } else {
            UserRole::Customer
        },
        ..World::default()
    })
}

#[tokio::test]
async fn bodies_that_are_not_json_objects_are_refused_alike_everywhere() {
    let huge = format!("{{\"description\":\"{}\"}}", "x".repeat(256 * 1024));
    let table: &[(&[u8], &str)] = &[
        (b"", "malformed_json"),
        (b"{", "malformed_json"),
        (b"{\"amount_cents\":01}", "malformed_json"),
        (b"{\"name\":\"\xc3\x28\"}", "malformed_json"),
        (b"{\"amount_cents\":1,\"amount_cents\":2}", "malformed_json"),
        (b"[]", "validation_failed"),
        (b"\"text\"", "validation_failed"),
        (b"null", "validation_failed"),
        (huge.as_bytes(), "body_too_large"),
    ];
    for operation in with_body() {
        let (api, path) = (allowed(&operation), sample_path(&operation.path));
        for (body, code) in table {
            let sent = request(
                &operation.method,
                &path,
                Some(SESSION),
                Body::from(body.to_vec()),
            );
            let answer = api.send(sent).await;
            assert_eq!(answer.code(), *code, "{path} {body:?}");
        }
        assert_eq!(api.commits(), 0);
    }
}

#[tokio::test]
async fn every_amount_that_is_not_one_is_refused_with_its_own_code() {
    let api = Api::new(World::default());
    let table = [
        ("0", "too_small"),
        ("-1", "too_small"),
        ("1000000000000", "too_large"),
        ("123456789012345678901234567890", "too_large"),
        ("10.5", "not_an_integer"),
        ("1e2", "not_an_integer"),
        ("\"10\"", "wrong_type"),
        ("true", "wrong_type"),
        ("[]", "wrong_type"),
    ];
    for path in MONEY {
        for (amount, code) in table {
            let answer = api
                .post(path, format!("{{\"amount_cents\":{amount}}}"))
                .await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
            assert!(
                answer.errors().contains(&("amount_cents", code)),
                "{path} {amount}: {}",
                answer.text
            );
        }
    }
    assert_eq!(api.commits(), 0);
}

#[tokio::test]
async fn common_fields_have_their_limits_on_every_money_path() {
    let api = Api::new(World::default());
    let body = json!({
        "description": "x".repeat(141),
        "reference": "x".repeat(65),
        "metadata": {"x": "x".repeat(4_096)},
        "wallet_id": "txn_00000000000000000000000000000000",
    });
    for path in MONEY {
        let answer = api.post(path, body.to_string()).await;
        let errors = answer.errors();
        for expected in [
            ("description", "too_long"),
            ("reference", "too_long"),
            ("metadata", "too_long"),
            ("wallet_id", "invalid_id"),
        ] {
            assert!(errors.contains(&expected), "{path}: {errors:?}");
        }
    }
    assert_eq!(api.commits(), 0);
}

#[tokio::test]
async fn money_needs_an_idempotency_key() {
    let api = Api::new(World::default());
    for path in MONEY {
        let mut without = request("POST", path, Some(SESSION), Body::from("{}"));
        without.headers_mut().remove("idempotency-key");
        assert_eq!(
            api.send(without).await.code(),
            "missing_idempotency_key",
            "{path}"
        );
        let mut long = request("POST", path, Some(SESSION), Body::from("{}"));
        let key = "k".repeat(256).parse().expect("a header");
        long.headers_mut().insert("idempotency-key", key);
        let answer = api.send(long).await;
        assert_eq!(answer.errors(), [("Idempotency-Key", "invalid")], "{path}");
    }
    assert_eq!(api.commits(), 0);
}

#[tokio::test]
async fn what_is_not_built_is_refused_as_unknown() {
    let api = Api::new(World::default());
    let scheduled = json!({
        "amount_cents": 1,
        "pix_key": "bia@example.com",
        "scheduled_for": "2030-01-01T00:00:00Z",
    });
    let answer = api.post("/v1/payouts", scheduled.to_string()).await;
    assert_eq!(answer.errors(), [("scheduled_for", "unknown_field")]);
    for path in ["/v1/exchange-rates"] {
        assert_eq!(
            api.post(path, "{}").await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    let patch = request("PATCH", "/v1/gateways", Some(SESSION), Body::from("{}"));
    assert_eq!(api.send(patch).await.code(), "method_not_allowed");
    assert_eq!(api.commits(), 0);
}

#[tokio::test]
async fn ids_of_nobody_and_texts_that_are_no_ids_are_not_found_alike() {
    let api = Api::new(World::default());
    let other = "0".repeat(32);
    for path in [
        "/v1/wallets/wal_1".to_owned(),
        format!("/v1/wallets/wal_{other}"),
        format!("/v1/wallets/wal_{other}/statement"),
        format!("/v1/transactions/txn_{other}"),
        format!("/v1/transactions/wal_{other}"),
        format!("/v1/transactions/txn_{other}/attempts"),
        format!("/v1/transactions/txn_{other}/qr.png"),
        format!("/v1/transactions/txn_{other}/receipt"),
        "/v1/transactions/%FF".to_owned(),
    ] {
        let answer = api.get(&path).await;
        assert_eq!(answer.code(), "not_found", "{path}: {}", answer.text);
    }
    let operator = Api::new(World {
        role: UserRole::Operator,
        ..World::default()
    });
    let body = json!({"operation": "payout", "paused": true}).to_string();
    let unheard_of = request("PATCH", "/v1/gateways/stripe", Some(SESSION), body.into());
    assert_eq!(operator.send(unheard_of).await.code(), "not_found");
    assert_eq!(operator.commits(), 0);
    let cancel = format!("/v1/transactions/txn_{other}/cancel");
    assert_eq!(api.post(&cancel, "").await.code(), "not_found");
    assert_eq!(
        api.post(&cancel, "{\"reason\":1}").await.errors(),
        [("reason", "unknown_field")]
    );
    assert_eq!(api.commits(), 0);
}

#[tokio::test]
async fn queries_are_as_strict_as_bodies() {
    let api = Api::new(World::default());
    let wallet = format!("/v1/wallets/{WALLET}/statement");
    let table = [
        (
            "/v1/transactions?kind=gift".to_owned(),
            "kind",
            "not_allowed",
        ),
        (
            "/v1/transactions?limit=0".to_owned(),
            "limit",
            "not_allowed",
        ),
        (
            "/v1/transactions?limit=201".to_owned(),
            "limit",
            "not_allowed",
        ),
        (
            "/v1/transactions?cursor=abc".to_owned(),
            "cursor",
            "invalid_cursor",
        ),
        (
            "/v1/transactions?from=today".to_owned(),
            "from",
            "invalid_time",
        ),
        (
            "/v1/transactions?user=1".to_owned(),
            "user",
            "unknown_field",
        ),
        (
            "/v1/transactions?kind=charge&kind=charge".to_owned(),
            "kind",
            "duplicate",
        ),
        (format!("{wallet}?format=pdf"), "format", "not_allowed"),
        (
            format!("{wallet}?at=2026-01-01T00:00:00Z&from=2026-01-01T00:00:00Z"),
            "at",
            "not_allowed",
        ),
    ];
    for (path, field, code) in table {
        assert_eq!(api.get(&path).await.errors(), [(field, code)], "{path}");
    }
}

/// What is described as required is required, what is described is known, and nothing else is.
#[tokio::test]
async fn the_described_fields_are_the_ones_that_are_read() {
    let operations = with_body();
    assert!(operations.len() >= 8, "{}", operations.len());
    for operation in operations {
        let (api, path) = (allowed(&operation), sample_path(&operation.path));
        let schema = operation.body.expect("filtered");
        let send = async |body: String| {
            let sent = request(&operation.method, &path, Some(SESSION), Body::from(body));
            api.send(sent).await
        };
        assert_eq!(schema["additionalProperties"], false, "{}", operation.path);
        let properties = schema["properties"].as_object().expect("an object");

        let empty = send("{}".into()).await;
        let mut required: Vec<&str> = empty.errors().iter().map(|(field, _)| *field).collect();
        required.sort_unstable();
        let mut described: Vec<&str> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        // One of two fields is required; JSON Schema tells it in words only.
        match operation.path.as_str() {
            "/v1/payouts" => described.extend(["amount_cents", "pix_key"]),
            "/v1/payouts/preview" => described.push("pix_key"),
            "/v1/transfers" => described.push("to_wallet_id"),
            "/v1/gateways/{name}" => described.push("paused"),
            _ => {}
        }
        described.sort_unstable();
        assert_eq!(required, described, "{}", operation.path);

        for name in properties.keys() {
            let body = json!({ name.as_str(): ["wrong"] }).to_string();
            let answer = send(body).await;
            let told = answer.errors();
            let mistake = told.iter().find(|(field, _)| field == name);
            assert!(
                mistake.is_some_and(|(_, code)| *code != "unknown_field"),
                "{} {name}: {told:?}",
                operation.path
            );
        }
        let answer = send(r#"{"surprise":1}"#.into()).await;
        assert!(answer.errors().contains(&("surprise", "unknown_field")));
        assert_eq!(api.commits(), 0);
    }
}

/// Every described parameter of a query is known.
#[tokio::test]
async fn the_described_parameters_are_the_ones_that_are_read() {
    let mut seen = 0;
    for operation in operations() {
        let (api, path) = (allowed(&operation), sample_path(&operation.path));
        for name in &operation.query {
            seen += 1;
            let answer = api.get(&format!("{path}?{name}=%00&surprise=1")).await;
            let told = answer.errors();
            assert!(told.contains(&("surprise", "unknown_field")), "{path}");
            assert!(
                told.iter()
                    .any(|(field, code)| field == name && *code != "unknown_field"),
                "{path} {name}: {told:?}"
            );
        }
    }
    assert!(seen > 15, "{seen}");
}
