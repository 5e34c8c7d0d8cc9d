//! What a gateway's answer proves: done, not done, or unknown.
//!
//! The three classes decide everything that follows. Only *not done* may lead to another gateway;
//! *unknown* blocks it for as long as it lasts. The refusal reasons are a closed list, and what
//! each one permits is decided in [`RefusalReason::consequence`] without a wildcard, so that a new
//! reason does not compile until someone has decided.

use crate::spi;

/// The gateway executed the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// The gateway's own id of the movement, when it told one.
    pub gateway_reference: Option<String>,
    pub end_to_end_id: Option<String>,
}

/// The gateway took the order and will tell the end later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    pub gateway_reference: Option<String>,
    pub end_to_end_id: Option<String>,
}

/// Why no byte of the order left this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeverSent {
    Dns,
    Connect,
    TlsHandshake,
    PoolExhausted,
    /// The access token could not be had, so the order itself was never written.
    TokenRefused,
    TokenUnavailable,
    /// The process stood still between its intent and the call, and then let it be.
    Stale,
}

/// Why the outcome cannot be told from the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownCause {
    Timeout,
    ConnectionLost,
    ServerError,
    Redirect,
    UnreadableBody,
    /// The gateway says that the key was used before.
    DuplicateKey,
    /// The gateway says that a request with this key is under way.
    Locked,
    UnrecognizedRateLimit,
    UnrecognizedAnswer,
    /// The process that owned the send died before it could say.
    ProcessLost,
}

/// A definitive refusal: the money did not leave and this order will never be executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: RefusalReason,
    /// The gateway's own code, kept verbatim for people.
    pub code: String,
}

/// The closed list of refusals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// A recognized "try later".
    TryLater,
    /// Token, scope or signature refused.
    NotAuthorized,
    /// Our account there is blocked, lacks a key, or is not enabled for the operation.
    AccountNotEnabled,
    /// Our balance at that gateway is short.
    InsufficientFloat,
    /// Our own limit at that gateway is used up.
    GatewayLimit,
    /// The payee's bank or the directory could not be reached through that gateway.
    PayeeBankUnavailable,
    /// The gateway calls our request malformed: a defect of ours.
    Malformed,
    PayeeKeyNotFound,
    /// The tax id given does not own the key.
    PayeeMismatch,
    /// The payee's account, key or bank refuses.
    PayeeRefused,
    /// The gateway's risk analysis refuses.
    RiskRefused,
    /// The BR Code is expired, paid or otherwise refused.
    BrCodeRefused,
    /// A refund that the scheme or the gateway does not allow (window, remainder, state).
    RefundNotAllowed,
    /// A code of the instant-payment system.
    Scheme(String),
    /// Shown as failed by a lookup, without a reason.
    Unexplained,
}

/// What may follow a proven *not done*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// The same attempt may be sent again here; when its tries are used, elsewhere.
    RetryHere,
    /// One new attempt, at either gateway.
    NewAttempt,
    /// A new attempt at the other gateway only.
    OtherGateway,
    /// The payment ends.
    EndsPayment,
    /// Not a proof after all: the outcome must be found.
    StaysUnknown,
}

impl RefusalReason {
    pub fn consequence(&self) -> Consequence {
        match self {
            RefusalReason::TryLater => Consequence::RetryHere,
            RefusalReason::NotAuthorized
            | RefusalReason::AccountNotEnabled
            | RefusalReason::InsufficientFloat
            | RefusalReason::GatewayLimit
            | RefusalReason::PayeeBankUnavailable
            | RefusalReason::Unexplained => Consequence::OtherGateway,
            RefusalReason::Malformed
            | RefusalReason::PayeeKeyNotFound
            | RefusalReason::PayeeMismatch
            | RefusalReason::PayeeRefused
            | RefusalReason::RiskRefused
            | RefusalReason::BrCodeRefused
            | RefusalReason::RefundNotAllowed => Consequence::EndsPayment,
            RefusalReason::Scheme(code) => match spi::new_attempt(code) {
                spi::NewAttempt::Never => Consequence::EndsPayment,
                spi::NewAttempt::OnceMore => Consequence::NewAttempt,
                spi::NewAttempt::OtherGateway => Consequence::OtherGateway,
                spi::NewAttempt::OutcomeUnknown => Consequence::StaysUnknown,
            },
        }
    }

    /// Whether the operators must hear of it at once: our set-up, our money or our code is wrong.
    pub fn is_ours(&self) -> bool {
        match self {
            RefusalReason::NotAuthorized
            | RefusalReason::AccountNotEnabled
            | RefusalReason::InsufficientFloat
            | RefusalReason::GatewayLimit
            | RefusalReason::Malformed => true,
            RefusalReason::TryLater
            | RefusalReason::PayeeBankUnavailable
            | RefusalReason::PayeeKeyNotFound
            | RefusalReason::PayeeMismatch
            | RefusalReason::PayeeRefused
            | RefusalReason::RiskRefused
            | RefusalReason::BrCodeRefused
            | RefusalReason::RefundNotAllowed
            | RefusalReason::Scheme(_)
            | RefusalReason::Unexplained => false,
        }
    }

    /// The stable code shown to callers and stored.
    pub fn as_str(&self) -> &'static str {
        match self {
            RefusalReason::TryLater => "try_later",
            RefusalReason::NotAuthorized => "not_authorized",
            RefusalReason::AccountNotEnabled => "account_not_enabled",
            RefusalReason::InsufficientFloat => "insufficient_float",
            RefusalReason::GatewayLimit => "gateway_limit",
            RefusalReason::PayeeBankUnavailable => "payee_bank_unavailable",
            RefusalReason::Malformed => "malformed",
            RefusalReason::PayeeKeyNotFound => "payee_key_not_found",
            RefusalReason::PayeeMismatch => "payee_mismatch",
            RefusalReason::PayeeRefused => "payee_refused",
            RefusalReason::RiskRefused => "risk_refused",
            RefusalReason::BrCodeRefused => "br_code_refused",
            RefusalReason::RefundNotAllowed => "refund_not_allowed",
            RefusalReason::Scheme(_) => "scheme_refused",
            RefusalReason::Unexplained => "unexplained",
        }
    }

    /// Reads the code; a scheme refusal is not known by it alone.
    pub fn parse(text: &str) -> Option<RefusalReason> {
        [
            RefusalReason::TryLater,
            RefusalReason::NotAuthorized,
            RefusalReason::AccountNotEnabled,
            RefusalReason::InsufficientFloat,
            RefusalReason::GatewayLimit,
            RefusalReason::PayeeBankUnavailable,
            RefusalReason::Malformed,
            RefusalReason::PayeeKeyNotFound,
            RefusalReason::PayeeMismatch,
            RefusalReason::PayeeRefused,
            RefusalReason::RiskRefused,
            RefusalReason::BrCodeRefused,
            RefusalReason::RefundNotAllowed,
            RefusalReason::Unexplained,
        ]
        .into_iter()
        .find(|reason| reason.as_str() == text)
    }
}

names!(NeverSent {
    Dns = "dns",
    Connect = "connect",
    TlsHandshake = "tls_handshake",
    PoolExhausted = "pool_exhausted",
    TokenRefused = "token_refused",
    TokenUnavailable = "token_unavailable",
    Stale = "stale",
});

names!(UnknownCause {
    Timeout = "timeout",
    ConnectionLost = "connection_lost",
    ServerError = "server_error",
    Redirect = "redirect",
    UnreadableBody = "unreadable_body",
    DuplicateKey = "duplicate_key",
    Locked = "locked",
    UnrecognizedRateLimit = "unrecognized_rate_limit",
    UnrecognizedAnswer = "unrecognized_answer",
    ProcessLost = "process_lost",
});

/// The verdict on one transmission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendVerdict {
    Settled(Execution),
    Accepted(Acceptance),
    NotDone(Refusal),
    NeverSent(NeverSent),
    Unknown(UnknownCause),
}

impl SendVerdict {
    /// The class as stored and shown: `settled`, `accepted`, `not_done`, `never_sent`, `unknown`.
    pub fn class(&self) -> &'static str {
        match self {
            SendVerdict::Settled(_) => "settled",
            SendVerdict::Accepted(_) => "accepted",
            SendVerdict::NotDone(_) => "not_done",
            SendVerdict::NeverSent(_) => "never_sent",
            SendVerdict::Unknown(_) => "unknown",
        }
    }
}

/// What a lookup showed about one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    Settled(Execution),
    /// A terminal failure: our key stands there as not executed.
    Refused(Refusal),
    InProgress(Acceptance),
    /// Not found now. Never a proof by itself.
    NotFound,
    /// The lookup itself had no clear answer.
    Unclear(UnknownCause),
}

impl Evidence {
    pub fn class(&self) -> &'static str {
        match self {
            Evidence::Settled(_) => "settled",
            Evidence::Refused(_) => "refused",
            Evidence::InProgress(_) => "in_progress",
            Evidence::NotFound => "not_found",
            Evidence::Unclear(_) => "unclear",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn risk_refusals_never_fail_over() {
        assert_eq!(
            RefusalReason::RiskRefused.consequence(),
            Consequence::EndsPayment
        );
    }

    #[test]
    fn duplicates_of_the_scheme_are_no_proof() {
        for code in ["DUPL", "DU03"] {
            assert_eq!(
                RefusalReason::Scheme(code.into()).consequence(),
                Consequence::StaysUnknown
            );
        }
    }

    #[test]
    fn stored_names_round_trip() {
        for cause in UnknownCause::ALL {
            assert_eq!(UnknownCause::parse(cause.as_str()), Some(*cause));
        }
        for cause in NeverSent::ALL {
            assert_eq!(NeverSent::parse(cause.as_str()), Some(*cause));
        }
        assert_eq!(
            RefusalReason::parse("risk_refused"),
            Some(RefusalReason::RiskRefused)
        );
        assert_eq!(RefusalReason::parse("scheme_refused"), None);
        assert_eq!(RefusalReason::parse("nonsense"), None);
    }
}
