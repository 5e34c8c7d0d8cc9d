//! Counting tries to sign in and up ([`app::throttle`]), and who tries.

use std::net::IpAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;

/// The peer's address, when the server tells it (`into_make_service_with_connect_info`).
#[derive(Clone, Copy)]
pub(crate) struct Client(pub Option<IpAddr>);

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<std::net::SocketAddr>>()
            .map(|ConnectInfo(peer)| peer.ip());
        Ok(Client(peer))
    }
}
