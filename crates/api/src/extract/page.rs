//! Queries: the same strictness as bodies, and the cursor of lists.
//!
//! A cursor is opaque to clients: base64url of a version letter and the last thing on the page.

use axum::extract::FromRequestParts;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use serde_json::{Map, Value};
use utoipa::IntoParams;

use super::fields::Fields;
use super::read::{Read, reason};
use crate::error::{FieldError, Problem};

const DEFAULT_LIMIT: u32 = 50;
const LARGEST_LIMIT: u32 = 200;

/// What [`Query::limit`] and [`Query::cursor`] read, where a list takes nothing else.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query that handlers read")]
pub(crate) struct PageParameters {
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The parameters of the query, to be taken like fields.
pub struct Query(pub Fields);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        type Pairs = axum::extract::Query<Vec<(String, String)>>;
        let pairs = Pairs::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::field("query", "invalid", "is not a readable query string"))?;
        let mut map = Map::new();
        for (name, value) in pairs.0 {
            if map.insert(name.clone(), Value::String(value)).is_some() {
                let twice = FieldError::new(name, "duplicate", "is given twice");
                return Err(Problem::fields(vec![twice]));
            }
        }
        Ok(Query(Fields::new(map)))
    }
}

impl Query {
    /// `limit`: 1 to 200, else 50.
    pub fn limit(&mut self) -> u32 {
        self.0
            .optional("limit", |value| {
                value
                    .as_str()
                    .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
                    .and_then(|text| text.parse::<u32>().ok())
                    .filter(|limit| (1..=LARGEST_LIMIT).contains(limit))
                    .ok_or_else(|| reason("not_allowed", format!("must be 1 to {LARGEST_LIMIT}")))
            })
            .unwrap_or(DEFAULT_LIMIT)
    }

    /// `cursor`: what the last page ended with.
    pub fn cursor<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        self.0.optional("cursor", |value| read_cursor(value, parse))
    }
}

fn read_cursor<T>(value: &Value, parse: impl FnOnce(&str) -> Option<T>) -> Read<T> {
    let decoded = value
        .as_str()
        .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    decoded
        .as_deref()
        .and_then(|text| text.strip_prefix("1:"))
        .and_then(parse)
        .ok_or_else(|| reason("invalid_cursor", "is not a cursor of this list"))
}

/// The cursor that continues after `last`.
pub fn cursor_after(last: impl std::fmt::Display) -> String {
    URL_SAFE_NO_PAD.encode(format!("1:{last}"))
}

/// The cursor of the page after this one. A page that is not full is the last.
pub fn next_cursor<T, L: std::fmt::Display>(
    page: &[T],
    limit: u32,
    last: impl FnOnce(&T) -> L,
) -> Option<String> {
    let is_full = u32::try_from(page.len()).is_ok_and(|length| length >= limit);
    page.last()
        .filter(|_| is_full)
        .map(|item| cursor_after(last(item)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    async fn query(text: &str) -> Result<Query, Problem> {
        let request = Request::builder()
            .uri(format!("/x?{text}"))
            .body(())
            .unwrap();
        Query::from_request_parts(&mut request.into_parts().0, &()).await
    }

    #[tokio::test]
    async fn a_limit_is_a_number_within_bounds() {
        for (text, expected) in [
            ("", Some(50)),
            ("limit=1", Some(1)),
            ("limit=200", Some(200)),
        ] {
            let mut query = query(text).await.unwrap();
            let limit = query.limit();
            assert_eq!(query.0.finish(|| Some(limit)).ok(), expected);
        }
        for text in [
            "limit=0",
            "limit=201",
            "limit=+5",
            "limit=-1",
            "limit=a",
            "limit=",
        ] {
            let mut query = query(text).await.unwrap();
            query.limit();
            let refused = query.0.finish(|| Some(())).expect_err(text);
            assert_eq!(refused.errors[0].field, "limit");
        }
    }

    #[tokio::test]
    async fn a_parameter_given_twice_or_unknown_is_refused() {
        let twice = query("kind=charge&kind=payout").await.err().unwrap();
        assert_eq!(twice.errors[0].code, "duplicate");
        let unknown = query("kindness=1").await.unwrap().0.finish(|| Some(()));
        assert_eq!(unknown.unwrap_err().errors[0].code, "unknown_field");
    }

    #[tokio::test]
    async fn a_cursor_round_trips_and_nothing_else_is_one() {
        let text = cursor_after(42);
        let mut good = query(&format!("cursor={text}")).await.unwrap();
        assert_eq!(good.cursor(|last| last.parse::<u64>().ok()), Some(42));
        for bad in ["", "42", "MTo", "!!!", &cursor_after("x")] {
            let mut query = query(&format!("cursor={bad}")).await.unwrap();
            assert_eq!(query.cursor(|last| last.parse::<u64>().ok()), None);
            assert!(query.0.finish(|| Some(())).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_page_that_is_not_full_is_the_last() {
        assert_eq!(next_cursor(&[1, 2], 3, |n| *n), None);
        assert_eq!(next_cursor(&[1, 2, 3], 3, |n| *n), Some(cursor_after(3)));
        assert_eq!(next_cursor::<u32, u32>(&[], 1, |n| *n), None);
    }
}
