//! What came back over HTTP, and the part of its classification that both gateways share.

use domain::outcome::{NeverSent, Refusal, RefusalReason, SendVerdict, UnknownCause};
use serde::de::DeserializeOwned;

/// A complete HTTP answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        matches!(self.status, 200..=202)
    }

    /// The body as JSON of this shape, if it is.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.body.iter().all(u8::is_ascii_whitespace)
    }
}

/// Why there is no complete answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Proven: no byte of the request was written.
    NeverSent(NeverSent),
    Unknown(UnknownCause),
}

impl Failure {
    /// For lookups, where nothing was at stake: why the answer is not clear.
    pub(crate) fn cause(self) -> UnknownCause {
        match self {
            Failure::NeverSent(_) => UnknownCause::ConnectionLost,
            Failure::Unknown(cause) => cause,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Failure::NeverSent(cause) => cause.as_str(),
            Failure::Unknown(cause) => cause.as_str(),
        }
    }
}

impl From<Failure> for SendVerdict {
    fn from(failure: Failure) -> SendVerdict {
        match failure {
            Failure::NeverSent(cause) => SendVerdict::NeverSent(cause),
            Failure::Unknown(cause) => SendVerdict::Unknown(cause),
        }
    }
}

/// What an answer other than a recognized success proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    NotDone(Refusal),
    Unknown(UnknownCause),
}

impl Rejection {
    pub(crate) fn not_done(reason: RefusalReason, code: &str) -> Rejection {
        Rejection::NotDone(Refusal {
            reason,
            code: bounded(code),
        })
    }

    /// The class of a status that no table row names.
    pub(crate) fn unlisted(status: u16) -> Rejection {
        Rejection::Unknown(match status {
            300..=399 => UnknownCause::Redirect,
            408 => UnknownCause::Timeout,
            429 => UnknownCause::UnrecognizedRateLimit,
            500..=599 => UnknownCause::ServerError,
            _ => UnknownCause::UnrecognizedAnswer,
        })
    }
}

/// A gateway's code as it is kept: some are sentences, and a hostile one could be a book.
pub(crate) fn bounded(code: &str) -> String {
    const LONGEST_CODE: usize = 120;
    code.chars().take(LONGEST_CODE).collect()
}

impl From<Rejection> for SendVerdict {
    fn from(rejection: Rejection) -> SendVerdict {
        match rejection {
            Rejection::NotDone(refusal) => SendVerdict::NotDone(refusal),
            Rejection::Unknown(cause) => SendVerdict::Unknown(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_an_end() {
        assert_eq!(bounded(&"ã".repeat(500)).chars().count(), 120);
        assert_eq!(bounded("AC03"), "AC03");
    }

    #[test]
    fn an_unlisted_status_is_always_unknown() {
        for status in 0..=999 {
            assert!(matches!(Rejection::unlisted(status), Rejection::Unknown(_)));
        }
        assert_eq!(
            Rejection::unlisted(502),
            Rejection::Unknown(UnknownCause::ServerError)
        );
        assert_eq!(
            Rejection::unlisted(302),
            Rejection::Unknown(UnknownCause::Redirect)
        );
    }
}
