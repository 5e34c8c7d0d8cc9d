//! Bounds on what one process does for whoever knocks: password hashes at once, tries per caller.
//!
//! They are kept in memory and forgotten at a restart: they slow a guesser down, and nothing else
//! depends on them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::ids::UserId;
use domain::time::{Moment, Span};
use tokio::sync::Semaphore;

/// Password hashes under way at once: each takes 19 MiB and tens of milliseconds.
const HASHES_AT_ONCE: usize = 2;
/// Keys that one limiter remembers.
const REMEMBERED: usize = 10_000;

/// How many of something are allowed in a window.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    pub count: u32,
    pub window: Span,
}

/// Wrong passwords of one e-mail.
pub const SIGN_INS: Quota = Quota {
    count: 10,
    window: Span::from_seconds(15 * 60),
};
/// Keys looked up by one user as the destination of transfers.
pub const DESTINATIONS: Quota = Quota {
    count: 30,
    window: Span::from_seconds(60),
};

/// All bounds of one process.
pub struct Guards {
    pub(crate) hashing: Arc<Semaphore>,
    pub(crate) sign_ins: Limiter<[u8; 32]>,
    pub(crate) destinations: Limiter<UserId>,
}

impl Default for Guards {
    fn default() -> Guards {
        Guards {
            hashing: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
            sign_ins: Limiter::new(SIGN_INS),
            destinations: Limiter::new(DESTINATIONS),
        }
    }
}

/// Counts per key in fixed windows that begin with the first count.
pub(crate) struct Limiter<K> {
    quota: Quota,
    counts: Mutex<BTreeMap<K, Count>>,
}

#[derive(Clone, Copy)]
struct Count {
    began: Moment,
    count: u32,
}

impl<K: Ord + Copy> Limiter<K> {
    pub(crate) fn new(quota: Quota) -> Limiter<K> {
        Limiter {
            quota,
            counts: Mutex::new(BTreeMap::new()),
        }
    }

    /// Whether the key has used its quota: how long until it is free again.
    pub(crate) fn used_up(&self, key: K, now: Moment) -> Option<Span> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.get(&key)?;
        let ends = count.began.plus(self.quota.window);
        (count.count >= self.quota.count && now < ends).then(|| ends.since(now))
    }

    /// Counts one, unless the quota is used up: then how long until it is free again.
    pub(crate) fn take(&self, key: K, now: Moment) -> Result<(), Span> {
        if let Some(wait) = self.used_up(key, now) {
            return Err(wait);
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= REMEMBERED && !counts.contains_key(&key) {
            self.forget(&mut counts, now);
        }
        let fresh = Count {
            began: now,
            count: 0,
        };
        let entry = counts.entry(key).or_insert(fresh);
        if now >= entry.began.plus(self.quota.window) {
            *entry = fresh;
        }
        entry.count += 1;
        Ok(())
    }

    /// Forgets what was counted for the key.
    pub(crate) fn clear(&self, key: K) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.remove(&key);
    }

    /// Drops the windows that have passed; when none has, all of them, so that memory stays bounded.
    fn forget(&self, counts: &mut BTreeMap<K, Count>, now: Moment) {
        counts.retain(|_, count| now < count.began.plus(self.quota.window));
        if counts.len() >= REMEMBERED {
            counts.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_per_key_and_window() {
        let limiter = Limiter::new(Quota {
            count: 2,
            window: Span::from_seconds(10),
        });
        let start = Moment::from_micros(0);
        assert_eq!(limiter.take(1, start), Ok(()));
        assert_eq!(limiter.used_up(1, start), None);
        assert_eq!(limiter.take(1, start), Ok(()));
        let later = start.plus(Span::from_seconds(4));
        assert_eq!(limiter.take(1, later), Err(Span::from_seconds(6)));
        assert_eq!(limiter.take(2, later), Ok(()));
        assert_eq!(limiter.take(1, start.plus(Span::from_seconds(10))), Ok(()));
    }

    #[test]
    fn memory_is_bounded() {
        let limiter = Limiter::new(Quota {
            count: 1,
            window: Span::from_seconds(10),
        });
        for key in 0..2 * REMEMBERED {
            assert_eq!(limiter.take(key, Moment::default()), Ok(()));
        }
        assert!(limiter.counts.lock().unwrap().len() <= REMEMBERED);
    }
}
