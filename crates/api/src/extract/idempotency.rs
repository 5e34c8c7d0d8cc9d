//! The `Idempotency-Key` header: required wherever money moves, 1 to 255 visible ASCII characters.

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;

use crate::error::{Code, Problem};

const NAME: &str = "idempotency-key";
const LONGEST: usize = 255;

pub struct IdempotencyKey(pub String);

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read(&parts.headers).map(IdempotencyKey)
    }
}

fn read(headers: &HeaderMap) -> Result<String, Problem> {
    let mut values = headers.get_all(NAME).iter();
    let value = values.next().ok_or_else(|| {
        Problem::new(
            Code::MissingIdempotencyKey,
            "Send an Idempotency-Key header: the same key for every repeat of this request.",
        )
    })?;
    let bytes = value.as_bytes();
    if bytes.is_empty() {
        return Err(Problem::new(
            Code::MissingIdempotencyKey,
            "The Idempotency-Key header is empty.",
        ));
    }
    let invalid = |message| Problem::field("Idempotency-Key", "invalid", message);
    if values.next().is_some() {
        return Err(invalid("send the header once"));
    }
    if bytes.len() > LONGEST {
        return Err(invalid("at most 255 characters"));
    }
    match value.to_str() {
        Ok(text) if text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(text.to_owned()),
        Ok(_) | Err(_) => Err(invalid("only visible ASCII characters, no spaces")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn with(values: &[&[u8]]) -> Result<String, Code> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(NAME, HeaderValue::from_bytes(value).unwrap());
        }
        read(&headers).map_err(|problem| problem.code)
    }

    #[test]
    fn the_key_is_required_once_visible_and_bounded() {
        let longest = [b'k'; LONGEST];
        assert_eq!(with(&[b"order-1/~!"]), Ok("order-1/~!".into()));
        assert!(with(&[&longest]).is_ok());
        assert_eq!(with(&[]), Err(Code::MissingIdempotencyKey));
        assert_eq!(with(&[b""]), Err(Code::MissingIdempotencyKey));
        for bad in [
            &[&[b'k'; LONGEST + 1][..]][..],
            &[b"a b"],
            &["é".as_bytes()],
            &[b"a", b"a"],
        ] {
            assert_eq!(with(bad), Err(Code::ValidationFailed));
        }
    }
}
