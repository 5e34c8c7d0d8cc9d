//! Why a page is not shown. The page that says so is drawn by [`crate::around`], which knows the
//! visitor; a visitor without a session is sent to sign in and comes back.

use app::commands::ReadRefusal;
use app::ports::store::StoreError;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    NotFound,
    /// The page answers to another method.
    NoSuchMethod,
    /// The form was not made by us for this browser, or too old.
    ForeignForm,
    /// Signed in, but not as somebody who may see this.
    Forbidden,
    /// To be continued after signing in.
    SignIn {
        back: String,
    },
    /// The operators' own first page.
    Console,
    /// Too many tries.
    Wait {
        seconds: u32,
    },
    TooLarge,
    /// The database is away.
    Unavailable,
    /// A defect of ours; the words are for the log.
    Internal(String),
}

impl Stop {
    pub fn status(&self) -> StatusCode {
        match self {
            Stop::NotFound => StatusCode::NOT_FOUND,
            Stop::NoSuchMethod => StatusCode::METHOD_NOT_ALLOWED,
            Stop::ForeignForm | Stop::Forbidden => StatusCode::FORBIDDEN,
            Stop::SignIn { .. } | Stop::Console => StatusCode::SEE_OTHER,
            Stop::Wait { .. } => StatusCode::TOO_MANY_REQUESTS,
            Stop::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Stop::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Stop::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Stop {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        if let Stop::SignIn { back } = &self {
            let query = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("voltar", back)
                .finish();
            let target = format!("/app/entrar?{query}");
            if let Ok(value) = HeaderValue::try_from(target) {
                response.headers_mut().insert(header::LOCATION, value);
            }
        }
        if self == Stop::Console {
            let target = HeaderValue::from_static("/console");
            response.headers_mut().insert(header::LOCATION, target);
        }
        if let Stop::Internal(cause) = &self {
            tracing::error!(cause, "a page failed");
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Stop {
        match error {
            StoreError::Unavailable(_) => Stop::Unavailable,
            other => Stop::Internal(other.to_string()),
        }
    }
}

impl From<ReadRefusal> for Stop {
    fn from(refusal: ReadRefusal) -> Stop {
        match refusal {
            ReadRefusal::NotFound => Stop::NotFound,
            ReadRefusal::Store(error) => error.into(),
        }
    }
}
