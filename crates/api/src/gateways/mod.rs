//! Notifications from the gateways.
//!
//! They are hints: the adapter verifies and reads them, the use case stores them, and only then is
//! the gateway told that they arrived. What it answers goes to a machine, so it is short.

pub mod receive_efi;
pub mod receive_efi_pix;
pub mod receive_mercado_pago;

use std::collections::BTreeMap;

use app::inbound::InboundError;
use app::ports::gateway::{InboundRefusal, InboundRequest};
use axum::extract::Request;
use domain::gateway::Gateway;
use http::{HeaderMap, StatusCode};

use crate::Api;
use crate::error::{Code, Problem};
use crate::extract::json;

/// Hands the request, as it came, to the use case.
async fn receive(api: &Api, gateway: Gateway, request: Request) -> Result<StatusCode, Problem> {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let headers = lower_case(request.headers());
    let body = json::read(request).await?.to_vec();
    let inbound = InboundRequest {
        path,
        query,
        headers,
        body,
    };
    match api.app.receive_inbound(gateway, inbound).await {
        Ok(()) => Ok(StatusCode::OK),
        Err(InboundError::Refused(InboundRefusal::BadSignature)) => {
            tracing::warn!(%gateway, "a notification did not verify");
            Err(Problem::new(
                Code::Unauthenticated,
                "The notification does not verify.",
            ))
        }
        Err(InboundError::Refused(InboundRefusal::Malformed(cause))) => {
            tracing::warn!(%gateway, cause, "a notification could not be read");
            Err(Problem::new(
                Code::MalformedJson,
                "The notification cannot be read.",
            ))
        }
        Err(InboundError::Store(error)) => Err(error.into()),
    }
}

/// Header names are lower case already; values of one name are joined as RFC 9110 says.
fn lower_case(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut map = BTreeMap::<String, String>::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        map.entry(name.as_str().to_owned())
            .and_modify(|joined| {
                joined.push_str(", ");
                joined.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_headers_are_joined() {
        let mut headers = HeaderMap::new();
        headers.append("X-Signature", "ts=1".parse().unwrap());
        headers.append("x-signature", "v1=2".parse().unwrap());
        assert_eq!(lower_case(&headers)["x-signature"], "ts=1, v1=2");
    }
}
