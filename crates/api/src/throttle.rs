//! How often one client may try to sign in or sign up: per address and per e-mail.
//!
//! The tries are counted where the program says, in this process or shared by several.

use std::net::IpAddr;
use std::sync::Arc;

use app::tries::Tries;
use axum::extract::{ConnectInfo, FromRequestParts};
use domain::allowance::Allowance;
use domain::time::{Moment, Span};
use http::request::Parts;

use crate::error::Problem;

/// The allowances of sign-in and sign-up together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignInLimits {
    pub per_address: Allowance,
    pub per_email: Allowance,
}

impl SignInLimits {
    pub const STANDARD: SignInLimits = SignInLimits {
        per_address: Allowance {
            tries: 60,
            per: Span::from_seconds(60),
        },
        per_email: Allowance {
            tries: 10,
            per: Span::from_seconds(60),
        },
    };
}

/// Who counts, and how much is allowed.
pub(crate) struct Throttle {
    limits: SignInLimits,
    tries: Arc<dyn Tries>,
}

impl Throttle {
    pub fn new(limits: SignInLimits, tries: Arc<dyn Tries>) -> Throttle {
        Throttle { limits, tries }
    }

    /// Counts a try from this address.
    pub async fn address(&self, client: Client, now: Moment) -> Result<(), Problem> {
        match client.0 {
            Some(address) => {
                let bucket = format!("address {}", network(address));
                self.take(&bucket, self.limits.per_address, now).await
            }
            None => Ok(()),
        }
    }

    /// Counts a try for this e-mail.
    pub async fn email(&self, email: &str, now: Moment) -> Result<(), Problem> {
        let bucket = format!("email {email}");
        self.take(&bucket, self.limits.per_email, now).await
    }

    async fn take(&self, bucket: &str, allowance: Allowance, now: Moment) -> Result<(), Problem> {
        let taken = self.tries.take(bucket, allowance, now).await;
        taken.map_err(|wait| {
            let seconds = wait.micros().saturating_add(999_999) / 1_000_000;
            Problem::rate_limited(u32::try_from(seconds).unwrap_or(u32::MAX))
        })
    }
}

/// One household has many IPv6 addresses: its /64 counts as one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
    }
}

/// The peer's address, when the server tells it (`into_make_service_with_connect_info`).
#[derive(Clone, Copy)]
pub(crate) struct Client(Option<IpAddr>);

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

#[cfg(test)]
mod tests {
    use super::*;
    use app::tries::InProcess;

    const LIMITS: SignInLimits = SignInLimits {
        per_address: Allowance {
            tries: 3,
            per: Span::from_seconds(30),
        },
        per_email: Allowance {
            tries: 1,
            per: Span::from_seconds(5),
        },
    };
    const NOW: Moment = Moment::from_micros(1_000_000_000);

    fn client(text: &str) -> Client {
        Client(Some(text.parse().unwrap()))
    }

    #[tokio::test]
    async fn who_is_refused_is_told_how_many_seconds_to_wait() {
        let throttle = Throttle::new(LIMITS, Arc::new(InProcess::default()));
        let attempt = async |at| {
            let taken = throttle.address(client("192.0.2.1"), at).await;
            taken.map_err(|problem| problem.retry_after_seconds)
        };
        for _ in 0..3 {
            assert_eq!(attempt(NOW).await, Ok(()));
        }
        assert_eq!(attempt(NOW).await, Err(Some(10)));
        let soon = NOW.plus(Span::from_millis(9_001));
        assert_eq!(attempt(soon).await, Err(Some(1)), "rounded up");
        assert_eq!(attempt(NOW.plus(Span::from_seconds(10))).await, Ok(()));
    }

    #[tokio::test]
    async fn addresses_and_e_mails_are_counted_apart() {
        let throttle = Throttle::new(LIMITS, Arc::new(InProcess::default()));
        assert!(throttle.email("a@example.com", NOW).await.is_ok());
        assert!(throttle.email("a@example.com", NOW).await.is_err());
        assert!(throttle.email("b@example.com", NOW).await.is_ok());
        assert!(throttle.address(Client(None), NOW).await.is_ok());
    }

    #[test]
    fn one_ipv6_network_is_one_client_and_mapped_addresses_are_ipv4() {
        let same = |a: &str, b: &str| network(a.parse().unwrap()) == network(b.parse().unwrap());
        assert!(same("2001:db8::1", "2001:db8::ffff:1"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
    }
}
