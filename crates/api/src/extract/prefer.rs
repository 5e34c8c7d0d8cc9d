//! `Prefer: wait=N` (RFC 7240 section 4.3): how long a client is willing to wait for a better answer.
//!
//! A preference that cannot be read is ignored, as the RFC wants; above ten seconds it counts as ten.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use domain::time::Span;
use http::HeaderMap;
use http::request::Parts;

const LONGEST_SECONDS: u32 = 10;

/// Seconds to wait, when the client asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait(pub Option<u32>);

impl Wait {
    pub fn span(self) -> Option<Span> {
        self.0.map(Span::from_seconds)
    }

    /// The `Preference-Applied` header's value.
    pub fn applied(self) -> Option<String> {
        self.0.map(|seconds| format!("wait={seconds}"))
    }
}

impl<S: Sync> FromRequestParts<S> for Wait {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(read(&parts.headers))
    }
}

fn read(headers: &HeaderMap) -> Wait {
    let seconds = headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .filter_map(|preference| preference.split(';').next())
        .filter_map(|preference| preference.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))
        .find_map(|(_, value)| value.trim().trim_matches('"').parse::<u32>().ok());
    Wait(
        seconds
            .filter(|seconds| *seconds > 0)
            .map(|seconds| seconds.min(LONGEST_SECONDS)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_read_bounded_and_otherwise_ignored() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.append("prefer", value.parse().unwrap());
            read(&headers).0
        };
        assert_eq!(with("wait=5"), Some(5));
        assert_eq!(with("respond-async, WAIT = \"7\"; foo=bar"), Some(7));
        assert_eq!(with("wait=3600"), Some(10));
        for ignored in ["wait", "wait=0", "wait=-1", "wait=soon", "return=minimal"] {
            assert_eq!(with(ignored), None, "{ignored}");
        }
        assert_eq!(read(&HeaderMap::new()).0, None);
    }
}
