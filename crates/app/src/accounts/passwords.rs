//! Password hashes: Argon2id, a bounded number at once, away from the I/O threads.
//!
//! The place among the bounded number is given back when the work ends, not when the caller goes
//! away, so that impatient callers cannot pile work up. Verifying against [`DUMMY_HASH`] costs the
//! same as verifying against a real one.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use tokio::sync::oneshot;

use crate::context::App;

/// A hash of nothing, with the cost of the real ones, for e-mails that nobody has.
pub(crate) const DUMMY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$\
     AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

impl App {
    pub(crate) async fn hash_password(&self, password: String) -> String {
        let mut salt = [0; 16];
        self.runtime.random(&mut salt);
        self.hashing(move || hash(&password, &salt)).await
    }

    pub(crate) async fn verify_password(&self, password: String, stored: String) -> bool {
        self.hashing(move || verify(&password, &stored)).await
    }

    async fn hashing<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let place = self.guards.hashing.clone().acquire_owned().await;
        let place = place.expect("the semaphore is never closed");
        let (sender, receiver) = oneshot::channel();
        let task = move || {
            // Nobody may be waiting any more; the work is done all the same.
            let _unwanted = sender.send(work());
            drop(place);
        };
        self.runtime.blocking(Box::new(task)).await;
        receiver.await.expect("hashing does not panic")
    }
}

/// The hash in PHC form with the parameters that OWASP's password storage guide names (19 MiB,
/// two passes, one lane: the crate's defaults).
fn hash(password: &str, salt: &[u8; 16]) -> String {
    let hash: PasswordHash = Argon2::default()
        .hash_password_with_salt(password.as_bytes(), salt)
        .expect("a salt of 16 bytes and a password of bounded length hash");
    hash.to_string()
}

/// False also for a stored text that is no hash.
fn verify(password: &str, stored: &str) -> bool {
    PasswordHash::new(stored).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_verifies_its_password_alone() {
        let stored = hash("correct horse", &[7; 16]);
        assert!(verify("correct horse", &stored));
        assert!(!verify("correct horsf", &stored));
        assert!(!verify("correct horse", "no hash"));
    }

    #[test]
    fn the_dummy_costs_what_a_real_hash_costs_and_nothing_matches_it() {
        let cost = |stored: &str| {
            let hash = PasswordHash::new(stored).unwrap();
            (
                hash.algorithm.to_string(),
                hash.params.to_string(),
                hash.hash.unwrap().as_ref().len(),
            )
        };
        assert_eq!(cost(DUMMY_HASH), cost(&hash("x", &[0; 16])));
        assert!(!verify("", DUMMY_HASH));
    }
}
