//! A JSON object as the body: at most 256 KiB, UTF-8, no key twice.
//!
//! What is not JSON is `malformed_json` with its position; JSON that is no object is
//! `validation_failed`. The object becomes [`Fields`], from which the endpoint takes what it knows.
//! A key given twice is malformed: two amounts in one request must not be a matter of which parser
//! reads them.

use std::fmt;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use bytes::BytesMut;
use http::header;
use http_body_util::BodyExt;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::fields::Fields;
use crate::error::{Code, Problem};

/// The largest body that any endpoint reads.
pub const LARGEST_BODY: usize = 256 * 1024;

/// What is above the limit is read and dropped up to here: a client that is cut off while it still
/// writes may never see the answer.
const LARGEST_DRAINED: usize = 4 * 1024 * 1024;

/// The body of an endpoint that wants an object.
impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        parse(&read(request).await?)
    }
}

/// The body of an endpoint that wants nothing: empty, or an object without fields.
pub struct NoFields;

impl<S: Send + Sync> FromRequest<S> for NoFields {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = read(request).await?;
        if bytes.is_empty() {
            return Ok(NoFields);
        }
        parse(&bytes)?.finish(|| Some(NoFields))
    }
}

/// The raw body, bounded.
pub async fn read(request: Request<Body>) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(Code::BodyTooLarge, "At most 262144 bytes are read.");
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<usize>().ok());
    let mut body = request.into_body();
    let (mut kept, mut length) = (BytesMut::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            Problem::new(
                Code::MalformedJson,
                "The body ended before its announced length.",
            )
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        length += data.len();
        if length <= LARGEST_BODY {
            kept.extend_from_slice(&data);
        } else if length > LARGEST_DRAINED {
            break;
        }
    }
    if length.max(announced.unwrap_or(0)) > LARGEST_BODY {
        return Err(too_large());
    }
    Ok(kept.freeze())
}

fn parse(bytes: &[u8]) -> Result<Fields, Problem> {
    let malformed = |detail: String| Problem::new(Code::MalformedJson, detail);
    if bytes.is_empty() {
        return Err(malformed(
            "The body is empty; a JSON object is wanted.".into(),
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        malformed(format!(
            "The body is not UTF-8: invalid byte at position {}.",
            error.valid_up_to()
        ))
    })?;
    let Strict(value) =
        serde_json::from_str(text).map_err(|error| malformed(sentence(&error.to_string())))?;
    match value {
        Value::Object(map) => Ok(Fields::new(map)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Problem::field(
                "body",
                "wrong_type",
                "must be a JSON object",
            ))
        }
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        format!("{}{}.", first.to_uppercase(), letters.as_str())
    })
}

/// Any JSON value in which no object has a key twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = sequence.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom("the same field twice"));
            }
            let Strict(value) = access.next_value()?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> (Code, String) {
        let problem = parse(bytes).err().expect("a refusal");
        (problem.code, problem.detail)
    }

    #[test]
    fn what_is_not_json_is_told_with_its_position() {
        let table: &[(&[u8], &str)] = &[
            (b"", "The body is empty; a JSON object is wanted."),
            (
                b"{\"a\":1",
                "EOF while parsing an object at line 1 column 6.",
            ),
            (b"{\n\"a\":x}", "Expected value at line 2 column 5."),
            (b"{\"a\":1} x", "Trailing characters at line 1 column 9."),
            (
                b"{\"a\":\"\xff\"}",
                "The body is not UTF-8: invalid byte at position 6.",
            ),
            (
                b"{\"a\":1,\"a\":2}",
                "The same field twice at line 1 column 10.",
            ),
            (
                b"{\"a\":{\"b\":1,\"b\":1}}",
                "The same field twice at line 1 column 15.",
            ),
        ];
        for (bytes, detail) in table {
            assert_eq!(refused(bytes), (Code::MalformedJson, (*detail).to_owned()));
        }
        let deep = "[".repeat(100_000);
        assert_eq!(refused(deep.as_bytes()).0, Code::MalformedJson);
    }

    #[test]
    fn json_that_is_no_object_is_a_validation_failure() {
        for text in ["[]", "null", "1", "\"{}\"", "true"] {
            assert_eq!(refused(text.as_bytes()).0, Code::ValidationFailed);
        }
    }

    #[tokio::test]
    async fn a_large_body_is_refused_with_and_without_a_length() {
        let body = |size: usize| Request::new(Body::from(vec![b' '; size]));
        assert!(read(body(LARGEST_BODY)).await.is_ok());
        assert_eq!(
            read(body(LARGEST_BODY + 1)).await.unwrap_err().code,
            Code::BodyTooLarge
        );
        let announced = Request::builder()
            .header("content-length", "300000")
            .body(Body::empty())
            .unwrap();
        assert_eq!(read(announced).await.unwrap_err().code, Code::BodyTooLarge);
    }
}
