//! How often one client may try to sign in or sign up: per address and per e-mail.
//!
//! A bucket is one moment, the one at which it is full again; a try moves it forward by the time
//! that one try costs, and is refused when it would reach further ahead than the whole allowance
//! (the generic cell rate algorithm). The state is in this process and lost with it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use axum::extract::{ConnectInfo, FromRequestParts};
use domain::time::{Moment, Span};
use http::request::Parts;

use crate::error::Problem;

/// So many tries at once, and the same number again in each span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    pub tries: u32,
    pub per: Span,
}

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

/// Above this, buckets that are full again are forgotten, then those nearest to it.
const MOST_BUCKETS: usize = 20_000;

/// The buckets of this process.
pub(crate) struct Throttle {
    limits: SignInLimits,
    full_at: Mutex<HashMap<String, Moment>>,
}

impl Throttle {
    pub fn new(limits: SignInLimits) -> Throttle {
        Throttle {
            limits,
            full_at: Mutex::new(HashMap::new()),
        }
    }

    /// Counts a try from this address.
    pub fn address(&self, client: Client, now: Moment) -> Result<(), Problem> {
        match client.0 {
            Some(address) => {
                let bucket = format!("address {}", network(address));
                self.take(bucket, self.limits.per_address, now)
            }
            None => Ok(()),
        }
    }

    /// Counts a try for this e-mail.
    pub fn email(&self, email: &str, now: Moment) -> Result<(), Problem> {
        self.take(format!("email {email}"), self.limits.per_email, now)
    }

    fn take(&self, bucket: String, allowance: Allowance, now: Moment) -> Result<(), Problem> {
        let Allowance { tries, per } = allowance;
        let cost = per.micros() / i64::from(tries.max(1));
        // A panic while holding the lock leaves a whole map behind: every change is one insert.
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = buckets.get(&bucket).copied().unwrap_or(now).max(now);
        let ahead = full_at.since(now).micros() + cost;
        if ahead > per.micros() {
            let seconds = (ahead - per.micros() + 999_999) / 1_000_000;
            return Err(Problem::rate_limited(
                u32::try_from(seconds).unwrap_or(u32::MAX),
            ));
        }
        buckets.insert(bucket, Moment::from_micros(full_at.micros() + cost));
        if buckets.len() > MOST_BUCKETS {
            forget(&mut buckets, now);
        }
        Ok(())
    }
}

fn forget(buckets: &mut HashMap<String, Moment>, now: Moment) {
    buckets.retain(|_, full_at| *full_at > now);
    if buckets.len() <= MOST_BUCKETS {
        return;
    }
    let mut moments: Vec<Moment> = buckets.values().copied().collect();
    let (_, median, _) = moments.select_nth_unstable(MOST_BUCKETS / 2);
    let median = *median;
    buckets.retain(|_, full_at| *full_at > median);
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

    #[test]
    fn a_burst_is_allowed_then_one_try_as_often_as_the_rate_says() {
        let throttle = Throttle::new(LIMITS);
        let attempt = |at| {
            throttle
                .address(client("192.0.2.1"), at)
                .map_err(|p| p.retry_after_seconds)
        };
        for _ in 0..3 {
            assert_eq!(attempt(NOW), Ok(()));
        }
        assert_eq!(attempt(NOW), Err(Some(10)));
        let later = NOW.plus(Span::from_seconds(10));
        assert_eq!(attempt(later), Ok(()));
        assert_eq!(attempt(later), Err(Some(10)));
        assert_eq!(attempt(NOW.plus(Span::from_seconds(3_600))), Ok(()));
    }

    #[test]
    fn addresses_and_e_mails_are_counted_apart() {
        let throttle = Throttle::new(LIMITS);
        assert!(throttle.email("a@example.com", NOW).is_ok());
        assert!(throttle.email("a@example.com", NOW).is_err());
        assert!(throttle.email("b@example.com", NOW).is_ok());
        assert!(throttle.address(Client(None), NOW).is_ok());
    }

    #[test]
    fn one_ipv6_network_is_one_client_and_mapped_addresses_are_ipv4() {
        let same = |a: &str, b: &str| network(a.parse().unwrap()) == network(b.parse().unwrap());
        assert!(same("2001:db8::1", "2001:db8::ffff:1"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
    }

    #[test]
    fn memory_is_bounded_and_the_busiest_are_kept() {
        let throttle = Throttle::new(LIMITS);
        throttle
            .email("busy@example.com", NOW.plus(Span::from_seconds(2)))
            .unwrap();
        for n in 0..MOST_BUCKETS + 10 {
            throttle.email(&format!("{n}"), NOW).unwrap();
        }
        assert!(throttle.full_at.lock().unwrap().len() <= MOST_BUCKETS);
        assert!(
            throttle
                .email("busy@example.com", NOW.plus(Span::from_seconds(2)))
                .is_err()
        );
    }
}
