//! What a failed call to AWS means.

use std::fmt::Debug;

use app::ports::publisher::{Trouble, TroubleKind};
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};

/// The longest code that is passed on: codes are words, anything else is not one.
const LONGEST_CODE: usize = 64;

/// Of any operation of either service.
pub(super) fn of<E, R>(error: &SdkError<E, R>) -> Trouble
where
    E: ProvideErrorMetadata + std::error::Error + Debug + 'static,
    R: Debug + 'static,
{
    match error {
        SdkError::TimeoutError(_) => away("timeout"),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => away("timeout"),
        // A connection that ends early and credentials that are not found look the same to the SDK.
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => {
            match is_of_credentials(error) {
                true => Trouble {
                    kind: TroubleKind::Forbidden,
                    code: "no_credentials".to_owned(),
                },
                false => away("unreachable"),
            }
        }
        SdkError::ServiceError(answer) => {
            let told = answer.err();
            of_code(told.code(), told.message())
        }
        // The SDK may grow kinds.
        _ => away("garbled_answer"),
    }
}

/// By the SDK's own words, all the way down to the cause.
fn is_of_credentials(error: &(dyn std::error::Error + 'static)) -> bool {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut texts = causes.map(|cause| cause.to_string());
    texts.any(|text| text.contains("credential"))
}

fn away(code: &str) -> Trouble {
    Trouble {
        kind: TroubleKind::Away,
        code: code.to_owned(),
    }
}

/// By the services' own codes, which older ones spell with their name in front. Whatever is not known
/// here may pass.
fn of_code(code: Option<&str>, message: Option<&str>) -> Trouble {
    let Some(code) = code else {
        return away("garbled_answer");
    };
    let code = code.rsplit(['.', '#']).next().unwrap_or(code);
    let is_word = |code: &str| {
        code.len() <= LONGEST_CODE && code.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let code = if is_word(code) { code } else { "unnamed" };
    let name = code.trim_end_matches("Exception");
    let kind = match name {
        "Throttled"
        | "Throttling"
        | "RequestThrottled"
        | "ThrottledRequest"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "KMSThrottling"
        | "KmsThrottled"
        | "OverLimit" => TroubleKind::Throttled,
        "AuthorizationError"
        | "AccessDenied"
        | "SignatureDoesNotMatch"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "UnrecognizedClient"
        | "ExpiredToken"
        | "RequestExpired"
        | "InvalidSecurity"
        | "MissingAuthenticationToken"
        | "IncompleteSignature"
        | "InvalidSignature"
        | "OptInRequired"
        | "NotAuthorized"
        | "KMSAccessDenied"
        | "KMSDisabled"
        | "KMSInvalidState"
        | "KMSNotFound"
        | "KMSOptInRequired"
        | "KmsAccessDenied"
        | "KmsDisabled"
        | "KmsInvalidState"
        | "KmsNotFound"
        | "KmsOptInRequired"
        | "KmsInvalidKeyUsage" => TroubleKind::Forbidden,
        "NotFound" | "ResourceNotFound" | "QueueDoesNotExist" | "NonExistentQueue"
        | "InvalidAddress" => TroubleKind::Missing,
        // A topic that is not of this region or account is told of as a parameter too.
        "InvalidParameter" | "InvalidParameterValue" if names_topic(message) => {
            TroubleKind::Missing
        }
        "InvalidParameter"
        | "InvalidParameterValue"
        | "ParameterValueInvalid"
        | "BatchRequestTooLong"
        | "Validation"
        | "ValidationError"
        | "InvalidMessageContents" => TroubleKind::Malformed,
        _ => TroubleKind::Away,
    };
    Trouble {
        kind,
        code: code.to_owned(),
    }
}

fn names_topic(message: Option<&str>) -> bool {
    message.is_some_and(|message| message.contains("TopicArn") || message.contains("Topic ARN"))
}

/// Of an entry of a batch that was answered.
pub(super) fn of_entry(code: &str, message: Option<&str>) -> Trouble {
    of_code(Some(code), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_apart_in_every_spelling() {
        use TroubleKind::{Away, Forbidden, Malformed, Missing, Throttled};
        for (code, message, kind) in [
            ("Throttled", "", Throttled),
            ("ThrottledException", "", Throttled),
            ("AuthorizationError", "", Forbidden),
            ("InvalidClientTokenId", "", Forbidden),
            ("SignatureDoesNotMatch", "", Forbidden),
            ("KMSAccessDeniedException", "", Forbidden),
            ("NotFound", "", Missing),
            ("AWS.SimpleQueueService.NonExistentQueue", "", Missing),
            ("com.amazonaws.sqs#QueueDoesNotExist", "", Missing),
            ("InvalidParameter", "Invalid parameter: TopicArn", Missing),
            (
                "InvalidParameter",
                "Invalid parameter: Message too long",
                Malformed,
            ),
            ("BatchRequestTooLong", "", Malformed),
            ("InternalError", "", Away),
            ("ServiceUnavailable", "", Away),
        ] {
            let trouble = of_code(Some(code), Some(message));
            assert_eq!(trouble.kind, kind, "{code} {message}");
        }
    }

    #[test]
    fn what_is_no_code_is_not_passed_on() {
        for text in ["payer Maria <maria@example.com>", &"x".repeat(65)] {
            assert_eq!(of_code(Some(text), None).code, "unnamed");
        }
        assert_eq!(of_code(None, None).code, "garbled_answer");
    }
}
