//! What all requests that move money share: their common fields, headers and answers.

use app::commands::{Accepted, MoneyRequest};
use app::views::TransactionView;
use axum::Json;
use axum::response::{IntoResponse, Response};
use domain::ids::WalletId;
use http::{HeaderValue, StatusCode, header};
use utoipa::IntoParams;

use crate::extract::fields::Fields;
use crate::extract::idempotency::IdempotencyKey;
use crate::extract::read;
use crate::wire::transaction::TransactionBody;

/// The header that every request which moves money needs.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "describes the header that `IdempotencyKey` reads")]
pub(crate) struct MoneyHeaders {
    /// The same for every repeat of this request, unique among the account's requests: visible
    /// ASCII. A repeat answers the same transaction, marked `Idempotency-Replayed: true`.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        example = "order-1234"
    )]
    idempotency_key: String,
}

/// The header of requests that may wait.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "describes the header that `Wait` reads")]
pub(crate) struct WaitHeader {
    /// `wait=N`: wait up to N seconds (at most 10) for a better answer.
    #[param(rename = "Prefer", example = "wait=5")]
    prefer: Option<String>,
}

const LONGEST_DESCRIPTION: usize = 140;
const LONGEST_REFERENCE: usize = 64;

/// The fields `wallet_id`, `reference`, `metadata`, `description`. A mistake in one of them is
/// recorded in `fields`.
pub(crate) fn money_request(fields: &mut Fields, key: IdempotencyKey) -> MoneyRequest {
    MoneyRequest {
        idempotency_key: key.0,
        wallet_id: fields.optional("wallet_id", read::id::<WalletId>),
        reference: fields.optional("reference", |value| {
            read::text(value, 1..=LONGEST_REFERENCE)
        }),
        metadata: fields.optional("metadata", read::metadata),
        description: fields.optional("description", |value| {
            read::text(value, 0..=LONGEST_DESCRIPTION)
        }),
    }
}

/// The transaction as the answer to the request that made it, now or earlier.
pub(crate) fn answer(status: StatusCode, accepted: &Accepted<TransactionView>) -> Response {
    let body = TransactionBody::from(&accepted.view);
    let location = format!("/v1/transactions/{}", body.id);
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(&location) {
        headers.insert(header::LOCATION, location);
    }
    if accepted.replayed {
        headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    response
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::error::Problem;
    use serde_json::Value;

    /// The fields of a body, for the parsers' tests.
    pub(crate) fn fields(body: Value) -> Fields {
        match body {
            Value::Object(map) => Fields::new(map),
            _ => panic!("a body is an object"),
        }
    }

    pub(crate) fn key() -> IdempotencyKey {
        IdempotencyKey("key-1".into())
    }

    /// The refused fields and their codes.
    pub(crate) fn refused<T>(result: Result<T, Problem>) -> Vec<(String, &'static str)> {
        let problem = result.err().expect("a refusal");
        let pair = |error: crate::error::FieldError| (error.field, error.code);
        problem.errors.into_iter().map(pair).collect()
    }

    #[test]
    fn a_replay_is_marked_and_the_transaction_located() {
        let view = crate::wire::transaction::tests::payout();
        let accepted = |replayed| Accepted {
            view: view.clone(),
            replayed,
        };
        let replay = answer(StatusCode::ACCEPTED, &accepted(true));
        assert_eq!(replay.status(), StatusCode::ACCEPTED);
        assert_eq!(replay.headers()["idempotency-replayed"], "true");
        let location = replay.headers()[header::LOCATION].to_str().unwrap();
        assert!(location.starts_with("/v1/transactions/txn_"));
        let first = answer(StatusCode::ACCEPTED, &accepted(false));
        assert!(!first.headers().contains_key("idempotency-replayed"));
    }
}
