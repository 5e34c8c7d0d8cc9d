//! Bounds on what is done for whoever knocks: password hashes at once in this process, and tries per
//! account, counted wherever the program counts tries.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use domain::allowance::Allowance;
use domain::ids::UserId;
use domain::time::{Moment, Span};
use tokio::sync::Semaphore;

use crate::tries::{InProcess, Tries};

/// Password hashes under way at once: each takes 19 MiB and tens of milliseconds.
const HASHES_AT_ONCE: usize = 2;

/// Wrong passwords of one e-mail.
const SIGN_INS: Allowance = Allowance {
    tries: 10,
    per: Span::from_seconds(15 * 60),
};
/// Keys looked up by one user as the destination of transfers.
const DESTINATIONS: Allowance = Allowance {
    tries: 30,
    per: Span::from_seconds(60),
};

/// All bounds.
pub struct Guards {
    pub(crate) hashing: Arc<Semaphore>,
    tries: Arc<dyn Tries>,
}

impl Default for Guards {
    /// Counting in this process alone.
    fn default() -> Guards {
        Guards::counting(Arc::new(InProcess::default()))
    }
}

impl Guards {
    pub fn counting(tries: Arc<dyn Tries>) -> Guards {
        Guards {
            hashing: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
            tries,
        }
    }

    /// Counts a password for this e-mail before it is looked at, so that tries at once are counted
    /// too; a right one is forgiven by [`Guards::forgive_passwords`].
    pub(crate) async fn take_password(&self, email: &str, now: Moment) -> Result<(), Span> {
        self.tries.take(&passwords(email), SIGN_INS, now).await
    }

    pub(crate) async fn forgive_passwords(&self, email: &str) {
        self.tries.forget(&passwords(email)).await;
    }

    pub(crate) async fn take_destination(&self, user: UserId, now: Moment) -> Result<(), Span> {
        let bucket = format!("destination {user}");
        self.tries.take(&bucket, DESTINATIONS, now).await
    }
}

/// E-mails may be long, and are nobody's business where tries are counted.
fn passwords(email: &str) -> String {
    let digest = digest(&SHA256, email.as_bytes());
    format!("password {}", hex::encode(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn wrong_passwords_of_one_email_have_to_wait_and_a_right_one_is_forgiven() {
        let guards = Guards::default();
        let now = Moment::from_micros(1_000_000_000);
        for _ in 0..10 {
            assert_eq!(guards.take_password("a@example.com", now).await, Ok(()));
        }
        let wait = Span::from_seconds(90);
        assert_eq!(guards.take_password("a@example.com", now).await, Err(wait));
        assert_eq!(guards.take_password("b@example.com", now).await, Ok(()));
        guards.forgive_passwords("a@example.com").await;
        assert_eq!(guards.take_password("a@example.com", now).await, Ok(()));
    }
}
