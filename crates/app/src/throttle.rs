//! How often one client may try to sign in or sign up: per address and per e-mail.
//!
//! The tries are counted where the program says, in this process or shared by several; whoever
//! serves sign-ins (the API, the pages) counts them together.

use std::net::IpAddr;
use std::sync::Arc;

use domain::allowance::Allowance;
use domain::time::{Moment, Span};

use crate::tries::Tries;

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
#[derive(Clone)]
pub struct Throttle {
    limits: SignInLimits,
    tries: Arc<dyn Tries>,
}

impl Throttle {
    pub fn new(limits: SignInLimits, tries: Arc<dyn Tries>) -> Throttle {
        Throttle { limits, tries }
    }

    /// Counts a try from this address; one that nobody knows is not counted.
    ///
    /// # Errors
    /// How many seconds to wait.
    pub async fn address(&self, client: Option<IpAddr>, now: Moment) -> Result<(), u32> {
        match client {
            Some(address) => {
                let bucket = format!("address {}", network(address));
                self.take(&bucket, self.limits.per_address, now).await
            }
            None => Ok(()),
        }
    }

    /// Counts a try for this e-mail.
    ///
    /// # Errors
    /// How many seconds to wait.
    pub async fn email(&self, email: &str, now: Moment) -> Result<(), u32> {
        let bucket = format!("email {email}");
        self.take(&bucket, self.limits.per_email, now).await
    }

    /// Counts something else in the bucket of this name.
    ///
    /// # Errors
    /// How many seconds to wait.
    pub async fn other(&self, bucket: &str, allowance: Allowance, now: Moment) -> Result<(), u32> {
        self.take(bucket, allowance, now).await
    }

    async fn take(&self, bucket: &str, allowance: Allowance, now: Moment) -> Result<(), u32> {
        let taken = self.tries.take(bucket, allowance, now).await;
        taken.map_err(|wait| {
            let seconds = wait.micros().saturating_add(999_999) / 1_000_000;
            u32::try_from(seconds).unwrap_or(u32::MAX)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tries::InProcess;
    use futures::executor::block_on;

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

    fn client(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn who_is_refused_is_told_how_many_seconds_to_wait() {
        let throttle = Throttle::new(LIMITS, Arc::new(InProcess::default()));
        let attempt = |at| block_on(throttle.address(client("192.0.2.1"), at));
        for _ in 0..3 {
            assert_eq!(attempt(NOW), Ok(()));
        }
        assert_eq!(attempt(NOW), Err(10));
        let soon = NOW.plus(Span::from_millis(9_001));
        assert_eq!(attempt(soon), Err(1), "rounded up");
        assert_eq!(attempt(NOW.plus(Span::from_seconds(10))), Ok(()));
    }

    #[test]
    fn addresses_and_e_mails_are_counted_apart() {
        let throttle = Throttle::new(LIMITS, Arc::new(InProcess::default()));
        let email = |text| block_on(throttle.email(text, NOW));
        assert!(email("a@example.com").is_ok());
        assert!(email("a@example.com").is_err());
        assert!(email("b@example.com").is_ok());
        assert!(block_on(throttle.address(None, NOW)).is_ok());
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
