//! Mercado Pago's error bodies.

use serde_json::{Value, json};

use crate::http::Reply;

fn kind(status: u16) -> &'static str {
    match status {
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        409 => "conflict",
        424 => "failed_dependency",
        429 => "too_many_requests",
        500 => "internal_server_error",
        _ => "bad_request",
    }
}

/// `{"message","error","status","cause":[{"code","description","data"}]}`.
pub fn cause(status: u16, code: i64, description: &str) -> Reply {
    let cause = json!([{"code": code, "description": description, "data": null}]);
    Reply::json(
        status,
        &json!({"message": description, "error": kind(status), "status": status, "cause": cause}),
    )
}

/// The same without a cause.
pub fn plain(status: u16, message: &str) -> Reply {
    Reply::json(
        status,
        &json!({"message": message, "error": kind(status), "status": status, "cause": []}),
    )
}

/// A refusal of the payout API, which names it by text and by code.
pub fn payout(status: u16, code: &str, message: &str) -> Reply {
    let cause = json!([{"code": code, "description": message, "data": null}]);
    Reply::json(
        status,
        &json!({"message": message, "error": code, "status": status, "cause": cause}),
    )
}

pub fn not_found() -> Reply {
    cause(404, 2000, "Payment not found")
}

pub fn missing_key() -> Reply {
    cause(400, 4292, "Header X-Idempotency-Key can't be null")
}

pub fn too_many_requests(retry_after_seconds: u64) -> Reply {
    let body: Value =
        json!({"status": 429, "error": "too_many_requests", "message": "Too many requests"});
    Reply::json(429, &body).with_header("retry-after", retry_after_seconds.to_string())
}

pub fn internal() -> Reply {
    plain(500, "Internal server error")
}
