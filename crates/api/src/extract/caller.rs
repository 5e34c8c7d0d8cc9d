//! The caller behind `Authorization: Bearer …`: a session token or the secret of an API key.

use std::marker::PhantomData;

use app::commands::{Caller, Scope};
use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, header};

use crate::Api;
use crate::error::{Code, Problem};

/// Which scope an endpoint asks for.
pub trait Needs: Send + Sync {
    /// `None`: any caller who is who they say.
    const SCOPE: Option<Scope>;
}

macro_rules! needs {
    ($($(#[$doc:meta])* $marker:ident = $scope:expr;)*) => {$(
        $(#[$doc])*
        pub struct $marker;
        impl Needs for $marker {
            const SCOPE: Option<Scope> = $scope;
        }
    )*};
}

needs! {
    Anyone = None;
    Reads = Some(Scope::Read);
    Charges = Some(Scope::Charges);
    Payouts = Some(Scope::Payouts);
    Transfers = Some(Scope::Transfers);
    Refunds = Some(Scope::Refunds);
    Webhooks = Some(Scope::Webhooks);
    Operators = Some(Scope::Operator);
}

/// A caller who holds the scope `N`.
pub struct Authorized<N> {
    pub caller: Caller,
    /// What proved it, to prove it again later. Never logged.
    pub bearer: String,
    needs: PhantomData<N>,
}

impl<N: Needs> FromRequestParts<Api> for Authorized<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let bearer = bearer(&parts.headers)?.to_owned();
        let caller = api
            .app
            .authenticate(&bearer)
            .await?
            .ok_or_else(|| unauthenticated("The token is unknown, revoked or expired."))?;
        if let Some(scope) = N::SCOPE {
            require(&caller, scope)?;
        }
        Ok(Authorized {
            caller,
            bearer,
            needs: PhantomData,
        })
    }
}

/// Refuses a caller without this scope.
pub fn require(caller: &Caller, scope: Scope) -> Result<(), Problem> {
    if caller.may(scope) {
        return Ok(());
    }
    Err(Problem::new(
        Code::Forbidden,
        format!("The scope {} is needed.", scope.as_str()),
    ))
}

/// Refuses an API key: what manages keys needs the person.
pub fn require_session(caller: &Caller) -> Result<(), Problem> {
    if caller.session_id.is_some() {
        return Ok(());
    }
    Err(Problem::new(
        Code::Forbidden,
        "API keys are managed with a session, not with an API key.",
    ))
}

fn unauthenticated(detail: &str) -> Problem {
    Problem::new(Code::Unauthenticated, detail)
}

/// Tokens are short; anything longer is noise that need not be hashed.
const LONGEST_TOKEN: usize = 512;

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(unauthenticated("Send one Authorization header."));
    };
    let token = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .filter(|token| !token.is_empty() && token.len() <= LONGEST_TOKEN);
    token.ok_or_else(|| unauthenticated("Send the header as: Authorization: Bearer <token>."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_well_formed_bearer_is_read() {
        let with = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            bearer(&headers).map(str::to_owned).map_err(|p| p.code)
        };
        assert_eq!(with(&["Bearer abc"]), Ok("abc".into()));
        assert_eq!(with(&["bearer abc"]), Ok("abc".into()));
        for bad in [
            &[][..],
            &["abc"],
            &["Basic abc"],
            &["Bearer "],
            &["Bearer a", "Bearer a"],
            &[&format!("Bearer {}", "a".repeat(513))],
        ] {
            assert_eq!(with(bad), Err(Code::Unauthenticated), "{bad:?}");
        }
    }
}
