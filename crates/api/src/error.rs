//! The one shape of every refusal: RFC 9457 `application/problem+json` with a stable `code`.
//!
//! A handler returns a [`Problem`]; its body is written here, and the tracing layer adds the
//! request's `trace_id`. What a client may know is in `detail`; the inner cause of a failure goes
//! to the log under the same trace id and nowhere else.

use app::commands::{
    ApiKeyRefusal, BlockRefusal, CancelRefusal, FloatMoveRefusal, MoneyRefusal, ReadRefusal,
    RetryJobRefusal, ReviewRefusal, SignInRefusal, SignUpRefusal,
};
use app::ports::store::StoreError;
use app::reconcile::job::ReconcileRefusal;
use app::reconcile::resume::ResumeRefusal;
use app::webhooks::WebhookRefusal;
use axum::response::{IntoResponse, Response};
use domain::float_move::DecisionRefusal;
use domain::money::Money;
use domain::review::ApprovalRefusal;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:ident, $title:literal;)*) => {
        /// The stable codes of refusals.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Code { $($(#[$doc])* $variant),* }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$variant),*];
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $name),* }
            }
            pub const fn status(self) -> StatusCode {
                match self { $(Code::$variant => StatusCode::$status),* }
            }
            /// What it means, whatever the request was.
            pub const fn title(self) -> &'static str {
                match self { $(Code::$variant => $title),* }
            }
        }
    };
}

codes! {
    MalformedJson = "malformed_json", BAD_REQUEST, "The body is not well-formed JSON";
    MissingIdempotencyKey = "missing_idempotency_key", BAD_REQUEST, "An Idempotency-Key header is required";
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "A valid bearer token is required";
    Forbidden = "forbidden", FORBIDDEN, "The token does not permit this";
    NotFound = "not_found", NOT_FOUND, "There is nothing here";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "The path does not answer to this method";
    IdempotencyConflict = "idempotency_conflict", CONFLICT, "The idempotency key was used with another request";
    SamePerson = "same_person", FORBIDDEN, "Another person must approve";
    NotInReview = "not_in_review", CONFLICT, "The payment is not in review";
    ProposalClosed = "proposal_closed", CONFLICT, "The proposal is not open any more";
    ProposalExpired = "proposal_expired", CONFLICT, "Nobody approved it in time";
    EvidenceChanged = "evidence_changed", CONFLICT, "More is known than when it was proposed";
    LimitReached = "limit_reached", CONFLICT, "The account has as many as it may have";
    EndpointDisabled = "endpoint_disabled", CONFLICT, "Nothing is sent to a disabled endpoint";
    DispatchNotStopped = "dispatch_not_stopped", CONFLICT, "Payments are dispatched already";
    ReconciliationDiffers = "reconciliation_differs", CONFLICT, "The gateways show what these books do not";
    JobNotDead = "job_not_dead", CONFLICT, "Only a dead job is taken up again";
    AlreadyDispatched = "already_dispatched", CONFLICT, "The transaction can no longer be cancelled";
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "The body is above 256 KiB";
    ValidationFailed = "validation_failed", UNPROCESSABLE_ENTITY, "Some fields cannot be accepted";
    InsufficientFunds = "insufficient_funds", UNPROCESSABLE_ENTITY, "The wallet holds too little money";
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "Too many requests";
    InternalError = "internal_error", INTERNAL_SERVER_ERROR, "Something went wrong on our side";
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "The service cannot answer now";
}

/// One field that cannot be accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field's path, such as `amount_cents` or `payer.tax_id`.
    pub field: String,
    /// A stable code, such as `required`, `wrong_type`, `too_large`.
    pub code: &'static str,
    /// The same for people.
    pub message: String,
}

impl FieldError {
    pub fn new(
        field: impl Into<String>,
        code: &'static str,
        message: impl Into<String>,
    ) -> FieldError {
        FieldError {
            field: field.into(),
            code,
            message: message.into(),
        }
    }
}

/// A refusal on its way to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub code: Code,
    pub detail: String,
    pub errors: Vec<FieldError>,
    pub available: Option<Money>,
    pub retry_after_seconds: Option<u32>,
}

/// The wire form of a [`Problem`] (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// A reference to the code's explanation.
    r#type: String,
    /// What the code means, whatever the request was.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    code: Code,
    /// What was wrong with this request.
    detail: &'a str,
    /// The fields that cannot be accepted, with `validation_failed`; each difference, with
    /// `reconciliation_differs`.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    errors: &'a [FieldError],
    /// What the wallet has; present with `insufficient_funds`.
    #[serde(skip_serializing_if = "Option::is_none")]
    available_cents: Option<i64>,
    /// Names this request in our logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
}

/// How long a client that met an unavailable database should wait.
const RETRY_AFTER_OUTAGE_SECONDS: u32 = 1;

impl Problem {
    pub fn new(code: Code, detail: impl Into<String>) -> Problem {
        Problem {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            available: None,
            retry_after_seconds: None,
        }
    }

    pub fn not_found() -> Problem {
        Problem::new(
            Code::NotFound,
            "It does not exist, or it is not yours to see.",
        )
    }

    /// Refused for these fields, at least one.
    pub fn fields(errors: Vec<FieldError>) -> Problem {
        let detail = match errors.as_slice() {
            [one] => format!("{}: {}", one.field, one.message),
            many => format!("{} fields cannot be accepted.", many.len()),
        };
        Problem {
            errors,
            ..Problem::new(Code::ValidationFailed, detail)
        }
    }

    pub fn field(field: &str, code: &'static str, message: impl Into<String>) -> Problem {
        Problem::fields(vec![FieldError::new(field, code, message)])
    }

    pub fn rate_limited(retry_after_seconds: u32) -> Problem {
        Problem {
            retry_after_seconds: Some(retry_after_seconds.max(1)),
            ..Problem::new(
                Code::RateLimited,
                format!("Try again in {} s.", retry_after_seconds.max(1)),
            )
        }
    }

    /// A failure that the client can do nothing about and learns nothing of.
    pub fn internal(cause: &str) -> Problem {
        tracing::error!(cause, "request failed");
        Problem::new(
            Code::InternalError,
            "The failure was recorded under this trace id.",
        )
    }

    /// The response, its body naming the request when `trace_id` is known.
    pub(crate) fn render(&self, trace_id: Option<&str>) -> Response {
        let body = ProblemBody {
            r#type: format!("/docs#problem-{}", self.code.as_str()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            code: self.code,
            detail: &self.detail,
            errors: &self.errors,
            available_cents: self.available.map(Money::cents),
            trace_id,
        };
        let json = serde_json::to_vec(&body).expect("a problem is plain data");
        let mut response = (self.code.status(), json).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self.code == Code::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self.clone());
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.render(None)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        match error {
            StoreError::Unavailable(cause) => {
                tracing::warn!(cause, "the database is unavailable");
                Problem {
                    retry_after_seconds: Some(RETRY_AFTER_OUTAGE_SECONDS),
                    ..Problem::new(
                        Code::Unavailable,
                        "The database is away. Repeat the request with the same idempotency key.",
                    )
                }
            }
            // Somebody else changed the same rows first, every time that it was tried.
            StoreError::Conflict(what) | StoreError::Stale(what) => {
                tracing::warn!(what, "lost every race");
                Problem {
                    retry_after_seconds: Some(RETRY_AFTER_OUTAGE_SECONDS),
                    ..Problem::new(
                        Code::Unavailable,
                        "Other requests changed the same data meanwhile. Repeat the request with the same idempotency key.",
                    )
                }
            }
            StoreError::Corrupt(row) => Problem::internal(&format!("corrupt row: {row}")),
        }
    }
}

impl From<ReadRefusal> for Problem {
    fn from(refusal: ReadRefusal) -> Problem {
        match refusal {
            ReadRefusal::NotFound => Problem::not_found(),
            ReadRefusal::Store(error) => error.into(),
        }
    }
}

impl From<SignUpRefusal> for Problem {
    fn from(refusal: SignUpRefusal) -> Problem {
        match refusal {
            SignUpRefusal::EmailTaken => {
                Problem::field("email", "taken", "this e-mail already has an account")
            }
            SignUpRefusal::TaxIdTaken => {
                Problem::field("tax_id", "taken", "this tax id already has an account")
            }
            SignUpRefusal::Store(error) => error.into(),
        }
    }
}

/// How long an account that saw too many wrong passwords rests.
const RETRY_AFTER_WRONG_PASSWORDS_SECONDS: u32 = 60;

impl From<SignInRefusal> for Problem {
    fn from(refusal: SignInRefusal) -> Problem {
        match refusal {
            SignInRefusal::WrongCredentials => Problem::new(
                Code::Unauthenticated,
                "The e-mail or the password is wrong.",
            ),
            SignInRefusal::TooManyTries => {
                Problem::rate_limited(RETRY_AFTER_WRONG_PASSWORDS_SECONDS)
            }
            SignInRefusal::Store(error) => error.into(),
        }
    }
}

impl From<ApiKeyRefusal> for Problem {
    fn from(refusal: ApiKeyRefusal) -> Problem {
        match refusal {
            ApiKeyRefusal::ScopeNotHeld(scope) => Problem::field(
                "scopes",
                "scope_not_held",
                format!("you do not hold the scope {scope} yourself"),
            ),
            ApiKeyRefusal::NotFound => Problem::not_found(),
            ApiKeyRefusal::Store(error) => error.into(),
        }
    }
}

impl From<MoneyRefusal> for Problem {
    fn from(refusal: MoneyRefusal) -> Problem {
        match refusal {
            MoneyRefusal::IdempotencyConflict => Problem::new(
                Code::IdempotencyConflict,
                "This Idempotency-Key belongs to a request with another body or path.",
            ),
            MoneyRefusal::InsufficientFunds { available } => Problem {
                available: Some(available),
                ..Problem::new(
                    Code::InsufficientFunds,
                    format!("The wallet has {available} available."),
                )
            },
            MoneyRefusal::Invalid {
                field,
                code,
                message,
            } => Problem::field(field, code, message),
            MoneyRefusal::NotFound(what) => Problem::new(
                Code::NotFound,
                format!("The {what} does not exist, or it is not yours to use."),
            ),
            MoneyRefusal::LimitExceeded { kind, left } => Problem::field(
                "amount_cents",
                "limit_exceeded",
                format!("above the wallet's {kind} limit, of which {left} is left"),
            ),
            MoneyRefusal::RateLimited {
                retry_after_seconds,
            } => Problem::rate_limited(retry_after_seconds),
            MoneyRefusal::Store(error) => error.into(),
        }
    }
}

impl From<CancelRefusal> for Problem {
    fn from(refusal: CancelRefusal) -> Problem {
        match refusal {
            CancelRefusal::NotFound => Problem::not_found(),
            CancelRefusal::AlreadyDispatched { stage } => Problem::new(
                Code::AlreadyDispatched,
                format!("The transaction is in the stage {stage}."),
            ),
            CancelRefusal::DispatchStopped => Problem::new(
                Code::Unavailable,
                "Payments are not sent or taken back until the books have been compared with the gateways.",
            ),
            CancelRefusal::Unconfirmed => Problem {
                retry_after_seconds: Some(RETRY_AFTER_OUTAGE_SECONDS),
                ..Problem::new(
                    Code::Unavailable,
                    "The gateway has not confirmed the cancellation yet. Ask again.",
                )
            },
            CancelRefusal::Store(error) => error.into(),
        }
    }
}

impl From<WebhookRefusal> for Problem {
    fn from(refusal: WebhookRefusal) -> Problem {
        match refusal {
            WebhookRefusal::NotFound => Problem::not_found(),
            WebhookRefusal::Url(fault) => Problem::field("url", fault.code(), fault.to_string()),
            WebhookRefusal::TooMany { limit } => Problem::new(
                Code::LimitReached,
                format!("An account has at most {limit} webhook endpoints."),
            ),
            WebhookRefusal::Disabled => Problem::new(
                Code::EndpointDisabled,
                "Enable the endpoint first: what waits for it is sent then.",
            ),
            WebhookRefusal::Store(error) => error.into(),
        }
    }
}

impl From<RetryJobRefusal> for Problem {
    fn from(refusal: RetryJobRefusal) -> Problem {
        match refusal {
            RetryJobRefusal::NotDead => {
                Problem::new(Code::JobNotDead, "There is no dead job with this id.")
            }
            RetryJobRefusal::Store(error) => error.into(),
        }
    }
}

impl From<ReconcileRefusal> for Problem {
    fn from(refusal: ReconcileRefusal) -> Problem {
        match refusal {
            ReconcileRefusal::Period(fault) => {
                Problem::field("to", "not_allowed", fault.to_string())
            }
            ReconcileRefusal::Store(error) => error.into(),
        }
    }
}

impl From<ResumeRefusal> for Problem {
    fn from(refusal: ResumeRefusal) -> Problem {
        match refusal {
            ResumeRefusal::NotStopped => Problem::new(
                Code::DispatchNotStopped,
                "The database holds the configured epoch, or none is configured.",
            ),
            ResumeRefusal::TooLongAgo => Problem::field(
                "since",
                "not_allowed",
                "must be in the past, at most 31 days ago",
            ),
            ResumeRefusal::Gateway(trouble) => Problem::new(
                Code::Unavailable,
                format!(
                    "{} could not be asked: nothing is dispatched.",
                    trouble.gateway
                ),
            ),
            ResumeRefusal::Moved => Problem::new(
                Code::Unavailable,
                "Somebody else changed the epoch meanwhile. Look again.",
            ),
            ResumeRefusal::Differs(obstacles) => {
                let detail = format!(
                    "{} differences bar the way. Look at each, then accept it by its name.",
                    obstacles.len()
                );
                let errors = obstacles
                    .into_iter()
                    .map(|one| FieldError::new(one.name, one.kind, one.in_words));
                Problem {
                    errors: errors.collect(),
                    ..Problem::new(Code::ReconciliationDiffers, detail)
                }
            }
            ResumeRefusal::Store(error) => error.into(),
        }
    }
}

impl From<BlockRefusal> for Problem {
    fn from(refusal: BlockRefusal) -> Problem {
        match refusal {
            BlockRefusal::NotFound => Problem::not_found(),
            BlockRefusal::OwnAccount => {
                Problem::new(Code::Forbidden, "Nobody blocks their own account.")
            }
            BlockRefusal::Store(error) => error.into(),
        }
    }
}

impl From<ReviewRefusal> for Problem {
    fn from(refusal: ReviewRefusal) -> Problem {
        match refusal {
            ReviewRefusal::NotFound => Problem::not_found(),
            ReviewRefusal::NotInReview { stage } => Problem::new(
                Code::NotInReview,
                format!("The transaction is in the stage {stage}."),
            ),
            ReviewRefusal::CannotRetry => Problem::field(
                "outcome",
                "not_allowed",
                "a refund cannot be paid by another attempt: settled or release",
            ),
            ReviewRefusal::Approval(refusal) => refusal.into(),
            ReviewRefusal::Store(error) => error.into(),
        }
    }
}

impl From<ApprovalRefusal> for Problem {
    fn from(refusal: ApprovalRefusal) -> Problem {
        let (code, detail) = match refusal {
            ApprovalRefusal::SamePerson => (
                Code::SamePerson,
                "Whoever proposed it cannot approve it as well.",
            ),
            ApprovalRefusal::NotInReview => (
                Code::NotInReview,
                "The payment has gone on meanwhile; there is nothing left to decide.",
            ),
            ApprovalRefusal::ProposalClosed => (
                Code::ProposalClosed,
                "It was approved, superseded or withdrawn meanwhile.",
            ),
            ApprovalRefusal::SendOpen => (
                Code::EvidenceChanged,
                "A send is open: its answer may still come. Look again, then propose anew.",
            ),
            ApprovalRefusal::EvidenceChanged => (
                Code::EvidenceChanged,
                "The evidence version has moved. Look again, then propose anew.",
            ),
        };
        Problem::new(code, detail)
    }
}

impl From<FloatMoveRefusal> for Problem {
    fn from(refusal: FloatMoveRefusal) -> Problem {
        match refusal {
            FloatMoveRefusal::NotFound => Problem::not_found(),
            FloatMoveRefusal::Invalid {
                field,
                code,
                message,
            } => Problem::field(field, code, message),
            FloatMoveRefusal::Decision(refusal) => {
                let (code, detail) = match refusal {
                    DecisionRefusal::SamePerson => (
                        Code::SamePerson,
                        "Whoever proposed it cannot approve it as well.",
                    ),
                    DecisionRefusal::Decided => (
                        Code::ProposalClosed,
                        "It was approved or declined meanwhile.",
                    ),
                    DecisionRefusal::Expired => (
                        Code::ProposalExpired,
                        "Propose it anew, if it is still needed.",
                    ),
                };
                Problem::new(code, detail)
            }
            FloatMoveRefusal::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    async fn body_of(response: Response) -> Value {
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
            .await
            .unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[tokio::test]
    async fn the_envelope_is_complete_and_says_what_the_client_may_know() {
        let problem = Problem::from(MoneyRefusal::InsufficientFunds {
            available: Money::from_cents(1_050).unwrap(),
        });
        let response = problem.render(Some("abc"));
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
        assert_eq!(
            body_of(response).await,
            json!({
                "type": "/docs#problem-insufficient_funds",
                "title": "The wallet holds too little money",
                "status": 422,
                "code": "insufficient_funds",
                "detail": "The wallet has R$ 10.50 available.",
                "available_cents": 1050,
                "trace_id": "abc",
            })
        );
    }

    #[tokio::test]
    async fn inner_causes_stay_inside() {
        for error in [
            StoreError::Unavailable("connect tcp 10.1.2.3:3306".into()),
            StoreError::Corrupt("transactions.facts of txn_1".into()),
            StoreError::Stale("wallets"),
        ] {
            let response = Problem::from(error).into_response();
            assert!(response.status().is_server_error());
            let text = body_of(response).await.to_string();
            for secret in ["10.1.2.3", "facts", "wallets"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }

    #[tokio::test]
    async fn the_headers_that_go_with_a_code_are_there() {
        let unauthenticated = Problem::new(Code::Unauthenticated, "").into_response();
        assert_eq!(
            unauthenticated.headers()[header::WWW_AUTHENTICATE],
            "Bearer"
        );
        let limited = Problem::rate_limited(0).into_response();
        assert_eq!(limited.headers()[header::RETRY_AFTER], "1");
    }

    #[tokio::test]
    async fn many_bad_fields_are_told_at_once() {
        let problem = Problem::fields(vec![
            FieldError::new("a", "required", "is required"),
            FieldError::new("b", "unknown_field", "is not known"),
        ]);
        let body = body_of(problem.into_response()).await;
        assert_eq!(body["detail"], "2 fields cannot be accepted.");
        assert_eq!(
            body["errors"][1],
            json!({"field": "b", "code": "unknown_field", "message": "is not known"})
        );
    }

    #[test]
    fn serialized_codes_equal_their_names() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
