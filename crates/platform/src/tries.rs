//! Tries of whoever knocks, counted for all processes together through Redis.
//!
//! A bucket is a moment under a key of its own, changed like a standing: by the rule of `domain`, in
//! place of the very text it was made from. Names of buckets hold addresses and e-mails, so Redis is
//! shown their keyed digest only. While Redis is away the twin in this process counts, which has
//! counted this process's own tries all along.

use std::sync::Arc;

use app::tries::{InProcess, Tries};
use async_trait::async_trait;
use aws_lc_rs::hmac;
use domain::allowance::Allowance;
use domain::time::{Moment, Span};
use secrecy::{ExposeSecret, SecretString};

use crate::link::{Away, Connection, Link};

/// Rounds of one change. Each that fails is one in which somebody else's try was counted.
const ROUNDS: u32 = 16;

/// Tries in Redis, and in this process while it is away.
pub struct RedisTries {
    link: Arc<Link>,
    key: hmac::Key,
    twin: InProcess,
}

impl RedisTries {
    /// `secret` is the same in all processes and hides the names of buckets.
    pub fn new(link: Arc<Link>, secret: &SecretString) -> RedisTries {
        RedisTries {
            link,
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes()),
            twin: InProcess::default(),
        }
    }

    fn place(&self, bucket: &str) -> (String, String) {
        let digest = hmac::sign(&self.key, bucket.as_bytes());
        let slot = format!("tries:{}", hex::encode(&digest.as_ref()[..16]));
        let key = format!("pixwave:{{{slot}}}:full_at");
        (slot, key)
    }

    /// `None` when others were faster in every round.
    async fn shared(
        &self,
        bucket: &str,
        allowance: Allowance,
        now: Moment,
    ) -> Result<Option<Result<(), Span>>, Away> {
        let (slot, key) = self.place(bucket);
        // Somewhat longer than it can take to be full again.
        let life = allowance.per.millis().saturating_add(1_000);
        let work = |mut connection: Connection| async move {
            let mut held = Vec::new();
            for _ in 0..ROUNDS {
                let next = match allowance.take(read(&held), now) {
                    Ok(next) => next.micros().to_string().into_bytes(),
                    Err(wait) => return Ok(Some(Err(wait))),
                };
                match connection.swap(&key, &held, &next, life).await? {
                    None => return Ok(Some(Ok(()))),
                    Some(other) => held = other,
                }
            }
            Ok(None)
        };
        self.link.call(slot.into(), work).await
    }
}

/// What cannot be read is as good as nothing.
fn read(text: &[u8]) -> Option<Moment> {
    let micros = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(Moment::from_micros(micros))
}

#[async_trait]
impl Tries for RedisTries {
    async fn take(&self, bucket: &str, allowance: Allowance, now: Moment) -> Result<(), Span> {
        let shared = self.shared(bucket, allowance, now).await;
        if let Ok(Some(Err(wait))) = shared {
            return Err(wait);
        }
        let own = self.twin.count(bucket, allowance, now);
        match shared {
            Ok(Some(taken)) => taken,
            // So many at once from one client are not a person's.
            Ok(None) => Err(allowance.per),
            Err(Away) => own,
        }
    }

    async fn forget(&self, bucket: &str) {
        self.twin.clear(bucket);
        let (slot, key) = self.place(bucket);
        let work = |mut connection: Connection| async move {
            let mut remove = redis::cmd("DEL");
            connection.run::<u32>(remove.arg(&key)).await
        };
        // While Redis is away its counts stay, and run out by themselves.
        let _away = self.link.call(slot.into(), work).await;
    }
}
