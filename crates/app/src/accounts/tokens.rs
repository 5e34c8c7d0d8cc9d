//! Opaque bearer tokens: a prefix that tells their kind and 32 random bytes.
//!
//! Only the SHA-256 of a token is stored. The bytes are random and long, so a plain digest cannot
//! be turned back, and a lookup by digest leaks nothing by its timing.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::ports::runtime::Runtime;

/// What a bearer token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Session,
    ApiKey,
}

/// The length of every token: the prefix and 43 characters.
const LENGTH: usize = 47;

impl TokenKind {
    const fn prefix(self) -> &'static str {
        match self {
            TokenKind::Session => "pws_",
            TokenKind::ApiKey => "pwk_",
        }
    }

    /// The kind of a presented token; `None` for what cannot be one.
    pub(crate) fn of(token: &str) -> Option<TokenKind> {
        [TokenKind::Session, TokenKind::ApiKey]
            .into_iter()
            .find(|kind| token.len() == LENGTH && token.starts_with(kind.prefix()))
    }
}

/// A new token and the digest to store.
pub(crate) fn new_token(kind: TokenKind, runtime: &dyn Runtime) -> (String, [u8; 32]) {
    let mut secret = [0; 32];
    runtime.random(&mut secret);
    let token = format!("{}{}", kind.prefix(), URL_SAFE_NO_PAD.encode(secret));
    let hash = token_hash(&token);
    (token, hash)
}

pub(crate) fn token_hash(token: &str) -> [u8; 32] {
    digest(&SHA256, token.as_bytes())
        .as_ref()
        .try_into()
        .expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::runtime::BoxFuture;
    use domain::time::{Moment, Span};

    struct Fixed;
    impl Runtime for Fixed {
        fn now(&self) -> Moment {
            Moment::default()
        }
        fn random(&self, buffer: &mut [u8]) {
            buffer.fill(0xfb);
        }
        fn sleep(&self, _: Span) -> BoxFuture<'static, ()> {
            Box::pin(std::future::ready(()))
        }
        fn spawn(&self, _: &'static str, _: BoxFuture<'static, ()>) {}
        fn blocking(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()> {
            work();
            Box::pin(std::future::ready(()))
        }
    }

    #[test]
    fn a_token_tells_its_kind_and_only_its_digest_is_kept() {
        for kind in [TokenKind::Session, TokenKind::ApiKey] {
            let (token, hash) = new_token(kind, &Fixed);
            assert_eq!(TokenKind::of(&token), Some(kind));
            assert_eq!(token_hash(&token), hash);
            assert!(
                token[4..]
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            );
        }
        for bad in [
            "",
            "pws_",
            "pwk_short",
            "xyz_-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s",
        ] {
            assert_eq!(TokenKind::of(bad), None, "{bad}");
        }
    }
}
